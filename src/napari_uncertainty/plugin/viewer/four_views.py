"""Axial, coronal, sagittal and 3D views of the same layers, with one crosshair.

The viewer itself shows the axial plane, so that docks, tools and other plugins work as
before. Beside and below its canvas are three more, each a ``napari.qt.QtViewer`` with a
model of its own, whose layers share their arrays with the viewer's.

The package napari-orthogonal-views has planes like these. It moves napari's canvas into
another parent, for which the graphics card has to be set up anew, reaches into private
parts of napari for crosshair and undoing, shows the sagittal plane on its side, has no
place for 3D, and needs OpenCV; so it is not built upon.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any, NamedTuple

import napari
import numpy as np
from napari.layers import Image, Labels
from napari.qt import QtViewer
from napari.utils.notifications import show_info
from qtpy.QtCore import QEvent, QObject, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QImage
from qtpy.QtWidgets import QApplication, QDockWidget, QPushButton

from .canvases import Canvases, LinkedLayers
from .class_outlines import ClassOutlines
from .cut_planes import CutPlanes, around, foreground
from .in_3d import UP, VIEW_DIRECTION
from .lifetime import Changes, Listening, unwrapped, weakly
from .panes import Panes
from .scan_space import layer_info
from .view_planes import PLANES, SOLID, place_of_interest, plane_of, plane_titles

Array = np.ndarray[Any, Any]

#: Sizes of colour bars where there is little room: of the bar and of its ticks in
#: pixels, and of its numbers in points.
SMALL_BAR = {"size": (14, 90), "tick_length": 3, "font_size": 8}

NEEDS_3D = "Four views need an image with three axes in space."
NEEDS_WINDOW = "Four views need a window of napari."

_TIP = (
    "Axial, coronal, sagittal and 3D at once. Click or drag to move the crosshair; "
    "hold Shift and drag to move the picture. What is painted in one plane shows in "
    "all."
)


class _ViewBefore(NamedTuple):
    """View before four views were shown, to go back to."""

    order: tuple[int, ...]
    point: tuple[float, ...]
    center: tuple[float, ...]
    zoom: float
    grid: bool


class FourViews(QObject):
    """Shows four views of a viewer, and goes back to one.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer whose layers are shown.
    window : QtViewer
        Its canvas in its window.
    """

    #: Emitted with True when they are shown, and with False when one view is.
    changed = Signal(bool)

    def __init__(self, viewer: Any, window: Any) -> None:
        super().__init__(window)
        self._viewer, self._window = viewer, window
        self.shown = False
        #: The widget whose click showed them, if one did.
        self.asked_by: Any = None
        self.panes = Panes(viewer, np.zeros((2, 3)))
        self._links: list[LinkedLayers] = []
        self._outlines: list[ClassOutlines] = []
        self._canvases = Canvases(window)
        self._before: _ViewBefore | None = None
        self._entered_at: tuple[float, ...] = ()
        self._box = np.zeros((2, 3))
        self._listening, self._of_layers = Listening(), Listening()
        self._bars = Changes()
        self._steps: Iterator[None] = iter(())
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._work_on)
        window.installEventFilter(self)
        window.window().installEventFilter(self)

    @classmethod
    def of(cls, viewer: Any) -> FourViews | None:
        """Return the four views of a viewer; None where it has no window."""
        # Widgets of plugins see a wrapper of the viewer.
        viewer = unwrapped(viewer)
        for widget in QApplication.allWidgets():
            if isinstance(widget, QtViewer) and widget.viewer is viewer:
                return widget.findChild(cls) or cls(viewer, widget)
        return None

    @property
    def ready(self) -> bool:
        """Return whether all four views are filled."""
        return self.shown and not self._timer.isActive()

    # -- there and back -------------------------------------------------------

    def enter(self, asked_by: Any = None) -> None:
        """Show four views, one after the other: the window answers meanwhile."""
        if self.shown:
            return
        viewer = self._viewer
        if not has_volume(viewer):
            show_info(NEEDS_3D)
            return
        dims, camera, grid = viewer.dims, viewer.scene.camera, viewer.canvas.grid
        self._empty_now()
        # Other ways to show layers, in 3D or side by side, end at these changes.
        gridded, grid.enabled, dims.ndisplay = grid.enabled, False, 2
        self.shown, self.asked_by = True, asked_by
        self._before = _ViewBefore(
            dims.order, dims.point, camera.center, camera.zoom, gridded
        )
        corners = foreground(viewer.layers)
        self._box = around(corners, np.array(dims.range)[-3:, :2].T)
        place = place_of_interest(viewer)
        if ((place < corners[0]) | (place > corners[1])).any():
            place = corners.mean(axis=0)
        leading = dims.ndim - 3
        dims.order = (*range(leading), *(leading + axis for axis in PLANES["Axial"]))
        self.panes = Panes(viewer, self._box)
        self.panes.go_to(place)
        self._entered_at = dims.point
        self.panes.start()
        self._canvases.show()
        self._join("Axial", viewer, self._window)
        self._listen()
        self._show_sliders()
        self._work(self._build())
        self.changed.emit(True)

    def leave(self) -> None:
        """Go back to one view, with everything as it was.

        If the crosshair was moved, the view shows its place.
        """
        if not self.shown:
            return
        self.shown, self.asked_by = False, None
        self._listening.stop()
        self._of_layers.stop()
        self.panes.stop()
        for link in self._links:
            link.stop()
        self._links.clear()
        self._canvases.hide()
        self._window.dims.setVisible(True)
        self._bars.undo()
        self._put_back()
        self._work(self._empty())
        self.changed.emit(False)

    def toggle(self, asked_by: Any = None) -> None:
        """Show four views, or one again where there are four."""
        if self.shown:
            self.leave()
        else:
            self.enter(asked_by)

    def grab(self) -> QImage:
        """Return a picture of all four."""
        image: QImage = self._window.parentWidget().grab().toImage()
        return image

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Remove the canvases before their window is closed."""
        if event.type() == QEvent.Type.Close:
            self.leave()
            self._empty_now()
            self._canvases.remove()
        return bool(super().eventFilter(watched, event))

    def _put_back(self) -> None:
        viewer, before = self._viewer, self._before
        assert before is not None
        dims, camera = viewer.dims, viewer.scene.camera
        active = viewer.layers.selection.active
        camera.mouse_pan = True if active is None else active.mouse_pan
        if before.grid and not viewer.canvas.grid.enabled:
            viewer.canvas.grid.enabled = True
        if dims.ndisplay == 2 and plane_of(viewer) == "Axial":
            moved = dims.point != self._entered_at
            if len(before.order) == dims.ndim:
                dims.order = before.order
                if not moved:
                    dims.point = before.point
            camera.center = before.center
            if moved:
                camera.center = tuple(dims.point[axis] for axis in dims.displayed)
        camera.zoom = before.zoom

    # -- canvases -------------------------------------------------------------

    def _show_sliders(self, *_: Any) -> None:
        """Show sliders only for axes such as time; places have the crosshair."""
        layers = self._viewer.layers
        more = any(layer.visible and layer.ndim > 3 for layer in layers)
        self._window.dims.setVisible(more)

    def _work(self, steps: Iterator[None]) -> None:
        """Work step by step, with the event loop running between the steps."""
        self._steps = steps
        self._timer.start(0)

    def _work_on(self) -> None:
        # A canvas consists of thousands of objects, for which garbage collection would
        # go through all of napari again and again, and find nothing.
        collecting = gc.isenabled()
        gc.disable()
        try:
            if next(self._steps, self) is self:
                self._timer.stop()
        finally:
            if collecting:
                gc.enable()

    def _build(self) -> Iterator[None]:
        """Make the other canvases, a little at a time; show each when it is full."""
        for name in ("Coronal", "Sagittal", SOLID):
            yield
            view = self._canvases.view(name)
            includes = _is_mark if name == SOLID else None
            link = LinkedLayers(self._viewer, view.viewer, includes)
            self._links.append(link)
            for layer in link.missing():
                yield
                link.add(layer)
            yield
            self._join(name, view.viewer, view)
            self._canvases.put_in(name)
        yield
        self.panes.frame()

    def _empty(self) -> Iterator[None]:
        """Empty the other canvases one by one, for napari collects garbage each time.

        The outlines are removed with all other layers, and have only to stop.
        """
        for view in self._canvases.kept():
            if view.viewer.layers:
                yield
                view.end()
        for outlines in self._outlines:
            outlines.remove()
        self._outlines.clear()

    def _empty_now(self) -> None:
        """Empty the other canvases at once, for they are needed again."""
        self._timer.stop()
        for _ in self._empty():
            pass

    def _join(self, name: str, viewer: Any, canvas: Any) -> None:
        """Add a view that shares place, zoom and mouse with the others."""
        title = plane_titles(self._viewer).get(name, name)
        if name == SOLID:
            # Its first layer moves this view, so it comes before others follow it.
            self.panes.planes = planes = CutPlanes(self._viewer, viewer, self._box)
            planes.draw()
            viewer.scene.camera.set_view_direction(VIEW_DIRECTION, UP)
        elif viewer is not self._viewer:
            self._outlines.append(ClassOutlines(viewer, named=False))
        self.panes.join(name, title, viewer, canvas)

    # -- following the viewer -------------------------------------------------

    def _listen(self) -> None:
        viewer, to = self._viewer, self._listening.to
        to(viewer.events.theme, self._show_theme)
        for event in (
            viewer.dims.events.order, viewer.dims.events.ndisplay,
            viewer.canvas.grid.events.enabled, viewer.layers.events.removed,
        ):  # fmt: skip
            to(event, self._look_soon)
        to(viewer.layers.events.inserted, self._follow_layers)
        to(viewer.layers.events.removed, self._follow_layers)
        self._follow_layers()

    def _follow_layers(self, *_: Any) -> None:
        self._of_layers.stop()
        for layer in self._viewer.layers:
            self._of_layers.to(layer.events.visible, self._show_sliders)
            if layer_info(layer).get("role") == "map":
                for name, size in SMALL_BAR.items():
                    self._bars.set(layer.colorbar, name, size)
        self._show_sliders()

    def _look_soon(self, *_: Any) -> None:
        # After the event, for another view may be shown in several changes.
        QTimer.singleShot(0, weakly(self._look))

    def _look(self) -> None:
        """Leave if another view was chosen, or no volume is left to show."""
        viewer = self._viewer
        if not self.shown:
            return
        if viewer.dims.ndisplay == 3:
            # First to one view, so that the way to 3D begins and ends there.
            viewer.dims.ndisplay = 2
            self.leave()
            viewer.dims.ndisplay = 3
        elif (
            viewer.canvas.grid.enabled
            or plane_of(viewer) != "Axial"
            or not has_volume(viewer)
        ):
            self.leave()

    def _show_theme(self, *_: Any) -> None:
        for pane in self.panes.values():
            pane.viewer.theme = self._viewer.theme


class FourViewsButton(QPushButton):
    """Button that shows four views, and one again when its dock is closed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__("Four views")
        self._viewer, self._joined = viewer, False
        self._listening = Listening()
        self.setCheckable(True)
        self.clicked.connect(self._clicked)
        self._offer()

    def showEvent(self, event: Any) -> None:
        """Follow four views from now on, and be pressed while they are shown."""
        super().showEvent(event)
        layers, views = self._viewer.layers.events, FourViews.of(self._viewer)
        self._listening.stop()
        self._listening.to(layers.inserted, self._offer)
        self._listening.to(layers.removed, self._offer)
        self._offer()
        if views is not None:
            self.setChecked(views.shown)
            if not self._joined:
                self._joined = True
                views.changed.connect(self.setChecked)

    def hideEvent(self, event: Any) -> None:
        """Notice that the dock was closed: napari takes its widget out of it."""
        super().hideEvent(event)
        self._listening.stop()
        QTimer.singleShot(0, weakly(self._look))

    def _offer(self, *_: Any) -> None:
        volume = has_volume(self._viewer)
        self.setEnabled(volume)
        self.setToolTip(_TIP if volume else NEEDS_3D)

    def _clicked(self) -> None:
        views = FourViews.of(self._viewer)
        if views is None:
            show_info(NEEDS_WINDOW)
        else:
            views.toggle(self)
        self.setChecked(views is not None and views.shown)

    def _look(self) -> None:
        views = FourViews.of(self._viewer)
        if views is not None and views.asked_by is self:
            part: Any = self
            while part is not None and not isinstance(part, QDockWidget):
                part = part.parentWidget()
            if part is None:
                views.leave()


def toggle_four_views(viewer: napari.viewer.Viewer) -> None:
    """Show four views of a viewer, or one again."""
    views = FourViews.of(viewer)
    if views is None:
        show_info(NEEDS_WINDOW)
    else:
        views.toggle()


def leave_four_views(viewer: Any) -> None:
    """Show one view again, where there are four."""
    views = FourViews.of(viewer)
    if views is not None:
        views.leave()


def has_volume(viewer: Any) -> bool:
    """Return whether a viewer shows an image or labels with three axes in space."""
    return any(
        isinstance(layer, Image | Labels) and layer.ndim >= 3 and layer.visible
        for layer in viewer.layers
    )


def _is_mark(layer: Any) -> bool:
    """Return whether a layer is shown as itself in 3D, and not on the planes."""
    return not isinstance(layer, Image | Labels)
