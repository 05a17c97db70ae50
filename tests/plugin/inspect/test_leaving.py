"""However a view is left, the viewer is as it was before."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from support.inspect_dock import add_case, open_widget, settle, show_scene
from support.snapshots import differences, snapshot

SIDE_BY_SIDE = "Side by side"
VIEWS = ("Surface", "Glow", "Cut-away", SIDE_BY_SIDE, "3D")


def case_of_a_person(rng):
    """A case in a viewer in which nothing is as napari has it by default."""
    case = add_case(ViewerModel(), rng, scan=True)
    viewer = case.viewer
    case.scan.opacity, case.scan.rendering = 0.9, "minip"
    case.segmentation.opacity = 0.35
    case.segmentation.plane.thickness = 3
    case.map.gamma = 0.8
    case.map.plane.normal, case.map.plane.position = (0, 1, 0), (3, 4, 5)
    viewer.add_image(np.ones((4, 5, 6)), name="other", visible=False)
    viewer.add_points([[1.0, 2.0, 3.0]], name="points")
    outline = {METADATA_KEY: {"role": "outline"}}
    viewer.add_vectors(np.ones((2, 2, 3)), name="outline", metadata=outline)
    viewer.layers.selection.active = case.map
    viewer.canvas.grid.shape, viewer.canvas.grid.stride = (2, -1), 2
    viewer.dims.order = (0, 2, 1, 3)
    viewer.dims.set_point(1, 2.0)
    camera = viewer.scene.camera
    camera.angles, camera.zoom, camera.center = (3.0, 4.0, 5.0), 3.5, (-20.0, 7.0)
    return case


def show(qtbot, widget, view):
    button = widget.views.buttons.buttons[view]
    if view == SIDE_BY_SIDE:
        button.click()
    else:
        show_scene(qtbot, widget, view)
    assert button.isChecked()


def without(shot, *names):
    """The same without some layers, and without what is selected then."""
    layers = [layer for layer in shot["layers"] if layer["name"] not in names]
    return shot | {"layers": layers, "selection": (), "active": None}


@pytest.mark.parametrize("view", VIEWS)
def test_closing_the_dock_or_choosing_another_view_leaves_all_as_before(
    qtbot, rng, view
):
    viewer = case_of_a_person(rng).viewer
    before = snapshot(viewer)
    for way in ("closing", "choosing"):
        widget = open_widget(qtbot, viewer)
        settle(qtbot, widget)
        opened = snapshot(viewer)
        assert differences(before["layers"], opened["layers"]) == []
        if way == "choosing":
            for _ in range(2):
                show(qtbot, widget, view)
                assert differences(opened, snapshot(viewer))
                if view == SIDE_BY_SIDE:
                    widget.views.buttons.buttons[view].click()
                else:
                    viewer.dims.ndisplay = 2
                assert differences(opened, snapshot(viewer)) == []
        show(qtbot, widget, view)
        widget.stop()
        assert differences(before, snapshot(viewer)) == []


@pytest.mark.parametrize("view", VIEWS)
def test_layers_that_are_left_are_as_before_once_one_is_removed(qtbot, rng, view):
    for gone in ("map", "scan", "segmentation"):
        case = case_of_a_person(rng)
        viewer, layer = case.viewer, getattr(case, gone)
        before = snapshot(viewer)
        widget = open_widget(qtbot, viewer)
        settle(qtbot, widget)
        show(qtbot, widget, view)
        viewer.layers.remove(layer)
        settle(qtbot, widget)
        if gone != "map":  # without which there is no view
            widget.stop()
        elif view == "3D":
            viewer.dims.ndisplay = 2
        after = snapshot(viewer)
        if gone == "map":
            widget.stop()
            for shot in (before, after):
                shot |= {"overlays": None, "mouse": None, "tiling": None}
        names = (layer.name, "selected class")
        assert differences(without(before, *names), without(after, *names)) == []


def test_a_dock_that_is_closed_while_surfaces_are_made_leaves_all_as_before(qtbot, rng):
    case = case_of_a_person(rng)
    viewer = case.viewer
    before = snapshot(viewer)
    widget = open_widget(qtbot, viewer)
    settle(qtbot, widget)
    for started in ("Surface", "Cut-away"):
        show(qtbot, widget, "Glow")
        widget.classes.select([1, 2])
        widget.views.buttons.buttons[started].click()
        assert widget.views.waiting.isVisibleTo(widget)
        widget.stop()
        assert not widget.views.waiting.isVisibleTo(widget)
        assert differences(before, snapshot(viewer)) == []
        widget = open_widget(qtbot, viewer)
        settle(qtbot, widget)
    widget.stop()
