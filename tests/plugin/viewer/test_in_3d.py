"""3D by napari's own button: scan, classes and uncertainty at the first glance."""

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy

from napari_uncertainty.analysis.colors import class_palette
from napari_uncertainty.plugin.viewer.class_outlines import outline_classes
from napari_uncertainty.plugin.viewer.in_3d import PREDICTED_NAME, in_3d
from napari_uncertainty.plugin.viewer.layers import map_colors
from napari_uncertainty.plugin.viewer.legends import title_color_bars
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from support.compute_without_window import names_in
from support.inspect_dock import add_case
from support.snapshots import differences, snapshot


@pytest.fixture
def case(rng):
    case = add_case(ViewerModel(), rng, scan=True)
    case.viewer.dims.order = (0, 2, 1, 3)
    case.viewer.scene.camera.center, case.viewer.scene.camera.zoom = (-20, 7), 3.5
    return case


def seen(case):
    return [case.scan, case.segmentation, case.map]


def test_the_first_picture_is_a_cut_that_faces_the_camera(case):
    viewer = case.viewer
    before = snapshot(viewer)
    for _ in range(2):
        viewer.dims.ndisplay = 3
        assert {layer.depiction for layer in seen(case)} == {"plane"}
        # Classes in their own colours, without light and shadow.
        assert case.segmentation.rendering == "translucent"
        direction = np.array(viewer.scene.camera.view_direction)
        axis = int(np.argmax(np.abs(direction)))
        assert 0.5 < np.abs(direction[axis]) < 0.95
        places = []
        for layer in seen(case):
            assert np.argmax(np.abs(layer.plane.normal)) == axis
            data = (*(0,) * (layer.ndim - 3), *layer.plane.position)
            places.append(layer.data_to_world(data)[-3:][axis])
        np.testing.assert_allclose(places, places[0])
        foreground = np.argwhere(np.asarray(case.segmentation.data))
        corners = [
            case.segmentation.data_to_world(end)[axis]
            for end in (foreground.min(axis=0), foreground.max(axis=0))
        ]
        assert min(corners) <= places[0] <= max(corners)
        viewer.dims.ndisplay = 2
        assert differences(before, snapshot(viewer)) == []


def test_a_dragged_plane_takes_the_others_along(case):
    case.viewer.dims.ndisplay = 3
    axis = int(np.argmax(np.abs(case.map.plane.normal)))
    moved = np.array(case.map.plane.position)
    moved[axis] += 2
    case.map.plane.position = tuple(moved)
    world = case.map.data_to_world(moved)[axis]
    for layer in (case.scan, case.segmentation):
        assert layer.data_to_world(layer.plane.position)[axis] == pytest.approx(world)


def test_what_somebody_chooses_by_hand_is_left_alone(case):
    viewer = case.viewer
    viewer.dims.ndisplay = 3
    case.scan.depiction, case.scan.rendering = "volume", "iso"
    viewer.dims.ndisplay = 2
    assert (case.scan.depiction, case.scan.rendering) == ("volume", "iso")
    assert case.map.depiction == "volume"
    viewer.dims.ndisplay = 3
    assert case.scan.depiction == "volume"
    assert case.map.depiction == "plane"


def test_what_comes_in_3d_is_cut_too(case):
    viewer = case.viewer
    viewer.dims.ndisplay = 3
    other = viewer.add_image(np.ones((4, 5, 6)))
    assert other.depiction == "plane"
    viewer.dims.ndisplay = 2
    assert other.depiction == "volume"


def test_without_a_segmentation_the_most_probable_classes_are_seen(case):
    viewer = case.viewer
    viewer.layers.remove(case.segmentation)
    before = snapshot(viewer)
    for _ in range(2):
        viewer.dims.ndisplay = 3
        assert names_in(viewer) == [
            "T1",
            "net probabilities",
            PREDICTED_NAME,
            case.map.name,
        ]
        shown = viewer.layers[PREDICTED_NAME]
        assert (shown.depiction, shown.rendering) == ("plane", "translucent")
        turned = case.map.metadata[METADATA_KEY]["prediction"]
        np.testing.assert_array_equal(shown.data, turned)
        np.testing.assert_array_equal(shown.translate, case.map.translate)
        assert viewer.layers.selection.active.name == before["active"]
        viewer.dims.ndisplay = 2
        assert differences(before, snapshot(viewer)) == []


def test_the_most_probable_classes_follow_their_map(case):
    viewer = case.viewer
    viewer.layers.remove(case.segmentation)
    case.map.colormap = "viridis"
    viewer.dims.ndisplay = 3
    shown = viewer.layers[PREDICTED_NAME]
    for name in ("viridis", "inferno"):
        case.map.colormap = name
        expected = class_palette(map_colors(name))
        np.testing.assert_allclose(shown.colormap.colors[1:, :3], expected / 255)
    case.map.visible = False
    assert not shown.visible
    case.map.visible = True
    assert shown.visible


def test_without_a_map_napari_shows_what_it_always_shows(case):
    viewer = case.viewer
    viewer.layers.remove(case.map)
    viewer.dims.ndisplay = 3
    assert case.scan.depiction == "volume"
    viewer.dims.ndisplay = 2
    viewer.add_image(np.ones((4, 5)))
    viewer.dims.ndisplay = 3


def test_a_viewer_has_one():
    viewer = ViewerModel()
    first, again, other = map(in_3d, (viewer, PublicOnlyProxy(viewer), ViewerModel()))
    assert again is first
    assert other is not first


def test_a_viewer_is_not_kept_by_what_belongs_to_it():
    def opened():
        viewer = ViewerModel()
        in_3d(viewer)
        title_color_bars(viewer)
        outline_classes(viewer)
        return weakref.ref(viewer)

    gone = opened()
    gc.collect()
    left = gone()
    assert left is None
