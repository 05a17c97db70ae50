"""Pictures of *Inspect uncertainty*, used as a person does, with buttons and clicks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from picture_tools import (
    WINDOW,
    Array,
    Volume,
    captioned,
    grabbed,
    save,
    settled,
    side_by_side,
    wait_until,
    widened,
    without_space_below,
)
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_uncertainty.analysis.colors import MODULATIONS
from napari_uncertainty.plugin.session import compute, open_case
from napari_uncertainty.plugin.viewer.arrival import PLUGIN
from napari_uncertainty.plugin.viewer.view_planes import PLANES, frame_case, picture

CANVAS = (900, 700)  # width and height, in pixels
PANELS = (945, 400)  # three, too narrow for the names of layers
PLANE = (400, 480)
TALL = 960  # height of a window in which all plots have room

# Structures inside of others, whose surfaces are shown in a hull.
INNER = ("ventricles", "deep gray matter", "brainstem", "cerebellum")
# Two equally likely classes give 1 bit, as at every boundary.
THRESHOLD = 1.2
# Height or width of what planes show around a place, as a share of the foreground's.
AROUND = 1.35


def picture_inspect(name: str, volumes: Iterable[Volume]) -> None:
    """Everything of one case, in ``docs/pictures/<name>_*.png``."""
    viewer = open_case(volumes)
    viewer.window.resize(*WINDOW)
    compute(viewer)
    frame_case(viewer)
    _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Inspect uncertainty")
    widened(widget)
    wait_until(lambda: widget.following.findings is not None)
    frame_case(settled(viewer))
    save(f"{name}_inspect_1", window(viewer))
    visit_first_row(widget)
    save(f"{name}_inspect_2", window(viewer))
    save(f"{name}_planes", planes(viewer, widget))
    in_2d(name, viewer, widget)
    in_3d(name, viewer, widget)
    tabs(name, viewer, widget)
    classes_by_uncertainty(name, viewer, widget)
    viewer.close()


def visit_first_row(widget: Any) -> None:
    """Double-click the structure that the model is least sure of inside."""
    view = widget.classes.view
    place = view.visualRect(view.model().index(0, 0)).center()
    for click in (QTest.mouseClick, QTest.mouseDClick):
        click(view.viewport(), Qt.MouseButton.LeftButton, pos=place)


def planes(viewer: Any, widget: Any) -> Array:
    """The three planes through the place that was gone to."""
    give_canvas(viewer, *PLANE)
    shown = AROUND * float(np.ptp(widget.views.corners(), axis=0).max())
    panels = []
    for plane in PLANES:
        press(widget, plane)
        viewer.scene.camera.zoom = min(PLANE) / shown
        shot = picture(settled(viewer), *PLANE)
        panels.append(captioned(shot, plane.lower()))
    press(widget, "Axial")
    return side_by_side(panels)


def in_2d(name: str, viewer: Any, widget: Any) -> None:
    """What is above a threshold, and scan, segmentation and map in panels."""
    choose(widget, ())
    give_canvas(viewer, *PANELS)
    press(widget, "Side by side")
    save(f"{name}_side_by_side", picture(settled(viewer), *PANELS))
    press(widget, "Side by side")
    give_canvas(viewer, *CANVAS)
    place = viewer.dims.point
    frame_case(viewer)
    viewer.dims.point = place
    widget.appearance.threshold.setValue(THRESHOLD)
    widget.appearance.hide_below.click()
    save(f"{name}_overlay", picture(settled(viewer), *CANVAS))
    widget.appearance.hide_below.click()


def in_3d(name: str, viewer: Any, widget: Any) -> None:
    """Surfaces, glow and cut-away."""
    for scene, chosen, what in (
        ("Surface", (), "surface"),
        ("Surface", INNER, "surface_classes"),
        ("Glow", INNER, "glow"),
        ("Cut-away", (), "cutaway"),
    ):
        choose(widget, chosen)
        if scene == "Cut-away":
            widget.views.buttons.cut_axis.setCurrentText("Coronal")
        press(widget, scene)
        wait_until(lambda: not widget.views.waiting.isVisible())
        if scene == "Cut-away":  # through the place that was gone to
            widget.views.buttons.cut_place.setValue(-viewer.dims.point[-2])
        save(f"{name}_{what}", picture(settled(viewer), *CANVAS))
    press(widget, "Axial")


def tabs(name: str, viewer: Any, widget: Any) -> None:
    """Each tab that has plots or controls."""
    for title, height, chosen in (
        ("Slices", TALL, ()),
        ("Numbers", WINDOW[1], INNER[-1:]),
        ("Display", TALL, ()),
    ):
        viewer.window.resize(WINDOW[0], height)
        choose(widget, chosen)
        titles = [widget.tabs.tabText(i) for i in range(widget.tabs.count())]
        widget.tabs.setCurrentIndex(titles.index(title))
        settled(viewer)
        save(f"{name}_tab_{title.lower()}", without_space_below(grabbed(widget.tabs)))


def classes_by_uncertainty(name: str, viewer: Any, widget: Any) -> None:
    """The same slice with the two ways in which colours of classes tell it."""
    give_canvas(viewer, *PLANE)
    frame_case(viewer)
    panels = []
    for modulation in MODULATIONS:
        widget.appearance.classes.setCurrentText(modulation)
        wait_until(lambda: widget.appearance.legend.isVisible())
        shot = picture(settled(viewer), *PLANE)
        panels.append(captioned(shot, modulation.split()[0].lower()))
    widget.appearance.classes.setCurrentIndex(0)
    save(f"{name}_classes", side_by_side(panels))


def give_canvas(viewer: Any, width: int, height: int) -> None:
    """Make the window so large that the view has this size."""
    for _ in range(2):  # sliders may come or go
        shown_height, shown_width = settled(viewer).canvas.size
        size = viewer.window._qt_window.size()
        viewer.window.resize(
            size.width() + width - shown_width, size.height() + height - shown_height
        )
    settled(viewer)


def choose(widget: Any, names: Collection[str]) -> None:
    """Select the rows of these classes."""
    labels = {name: label for label, name in widget.following.subject.names.items()}
    widget.classes.select([labels[name] for name in names])


def press(widget: Any, button: str) -> None:
    """Click a button of the widget."""
    widget.views.buttons.buttons[button].click()


def window(viewer: Any) -> Array:
    """The whole window."""
    shot: Array = settled(viewer).screenshot(canvas_only=False, flash=False)
    return shot
