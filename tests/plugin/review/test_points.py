"""The hotspots of a map as points."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.colormaps.standardize_color import transform_color

from napari_uncertainty.analysis.hotspots import Hotspot
from napari_uncertainty.plugin.review.marks import HotspotPoints
from napari_uncertainty.plugin.viewer.in_3d import in_3d
from napari_uncertainty.plugin.viewer.layer_roles import role_of
from napari_uncertainty.plugin.viewer.shown_map import ShownMap
from napari_uncertainty.review.review import VERDICTS, Stop
from support.inspect_dock import add_case

VOXELS = [(6, 7, 8), (2, 3, 4), (9, 10, 11), (5, 5, 5)]
CLASSES = [(1, 2), (0, 3), None, (3, 1)]
SHOWN = [*VERDICTS][: len(VOXELS)]


@pytest.fixture
def case(rng):
    return add_case(ViewerModel(), rng)


@pytest.fixture
def subject(case):
    return ShownMap.of(case.viewer, case.map, case.segmentation)


@pytest.fixture
def stops():
    return [
        Stop(
            Hotspot(rank, voxel, None, 10.0 / rank, 1, 0.5, classes, 0.1, 0.1), verdict
        )
        for rank, (voxel, classes, verdict) in enumerate(
            zip(VOXELS, CLASSES, SHOWN, strict=True), start=1
        )
    ]


def layer_of(case):
    found = [one for one in case.viewer.layers if "hotspots" in one.name]
    return found[0] if found else None


def colors(layer):
    return layer.border_color[:, :3]


def expected(*verdicts):
    return np.array([transform_color(VERDICTS[one].color)[0, :3] for one in verdicts])


def test_every_hotspot_is_where_its_voxel_is(case, subject, stops):
    before = case.viewer.dims.range, case.viewer.layers.selection.active
    HotspotPoints(case.viewer).show(subject, stops, subject.names, 2.5)
    layer = layer_of(case)
    assert layer.name == f"{case.map.name} hotspots"
    for point, voxel in zip(layer.data, VOXELS, strict=True):
        # The map has these values in the order of the file.
        at = np.rint(case.map.world_to_data(layer.data_to_world(point))).astype(int)
        assert case.map.data[tuple(at)] == subject.source.values[voxel]
    np.testing.assert_allclose(layer.size * layer.scale[-1], 5.0)
    assert (case.viewer.dims.range, case.viewer.layers.selection.active) == before
    assert not layer.editable
    assert role_of(layer) is None


def test_what_is_known_of_them_is_in_the_features(case, subject, stops):
    HotspotPoints(case.viewer).show(subject, stops, subject.names, 2.5)
    layer = layer_of(case)
    assert layer.features["rank"].tolist() == [1, 2, 3, 4]
    assert layer.features["classes"].tolist() == [
        "left ↔ right", "background ↔ stem", "", "stem ↔ left",
    ]  # fmt: skip
    assert layer.features["verdict"].tolist() == SHOWN
    np.testing.assert_allclose(layer.features["mass"], 10.0 / np.arange(1, 5))
    assert list(layer.text.values) == ["1", "2", "3", "4"]


def test_the_colours_tell_the_verdicts_and_follow_them(case, subject, stops):
    points = HotspotPoints(case.viewer)
    points.show(subject, stops, subject.names, 2.5)
    layer = layer_of(case)
    np.testing.assert_allclose(colors(layer), expected(*SHOWN), atol=1e-6)
    assert len(np.unique(colors(layer), axis=0)) == 4
    points.update([replace(stop, verdict="fine") for stop in stops])
    assert layer_of(case) is layer
    np.testing.assert_allclose(colors(layer), expected(*["fine"] * 4), atol=1e-6)
    assert layer.features["verdict"].tolist() == ["fine"] * 4
    assert layer.features["rank"].tolist() == [1, 2, 3, 4]


def test_rings_in_2d_are_solid_spheres_with_depth_in_3d(case, subject, stops):
    points = HotspotPoints(case.viewer)
    points.show(subject, stops, subject.names, 2.5)
    layer = layer_of(case)
    assert (layer.face_color[:, 3] == 0).all()
    assert (layer.blending, layer.text.visible) == ("translucent_no_depth", True)
    ball = layer.size.copy()
    case.map.visible = False  # no cut hides anything
    case.viewer.dims.ndisplay = 3
    assert (layer.face_color[:, 3] == 1).all()
    assert (layer.blending, layer.shading) == ("translucent", "spherical")
    assert not layer.text.visible
    assert (layer.size < ball).all()
    np.testing.assert_allclose(layer.face_color[:, :3], colors(layer))
    points.update(stops[::-1])  # their verdicts
    assert (layer.face_color[:, 3] > 0).all()
    case.viewer.dims.ndisplay = 2
    assert (layer.face_color[:, 3] == 0).all()
    np.testing.assert_allclose(layer.size, ball)


def test_spheres_behind_a_cut_are_faint_from_either_side(case, subject, stops):
    points, viewer, shown = HotspotPoints(case.viewer), case.viewer, case.map
    in_3d(viewer)
    viewer.dims.ndisplay = 3
    points.show(subject, stops, subject.names, 0.5)
    layer = layer_of(case)
    places = layer.data[:, 0] * layer.scale[0]
    at = float(np.sort(places)[1:3].mean())  # between two of them
    in_3d(viewer).cut.move(0, at)
    for sign in (1, -1):
        viewer.scene.camera.set_view_direction((sign, 0, 0), (0, -1, 0))
        faint = layer.face_color[:, 3] < 0.5
        np.testing.assert_array_equal(faint, sign * (places - at) > 0)
    shown.visible = False
    viewer.scene.camera.set_view_direction((1, 0, 0), (0, -1, 0))
    assert (layer.face_color[:, 3] == 1).all()


def click(viewer, position, direction=None, moves=(), modifiers=()):
    event = SimpleNamespace(
        type="mouse_press", modifiers=modifiers, button=1, pos=(50, 60),
        position=tuple(position), view_direction=direction,
    )  # fmt: skip
    running = [call(viewer, event) for call in list(viewer.mouse_drag_callbacks)]
    for kind, pos in [*(("mouse_move", one) for one in moves), ("mouse_release", None)]:
        for one in running:
            next(one, None)
        event.type, event.pos = kind, event.pos if pos is None else pos
    for one in running:
        next(one, None)


def test_a_click_on_a_mark_tells_its_rank(case, subject, stops):
    picked = []
    points, viewer = HotspotPoints(case.viewer, on_clicked=picked.append), case.viewer
    points.show(subject, stops, subject.names, 1.0)
    layer = layer_of(case)
    places = [np.array(layer.data_to_world(point)) for point in layer.data]
    click(viewer, places[1])
    click(viewer, places[2], moves=[(51, 61)])
    assert picked == [2, 3]
    click(viewer, places[2], moves=[(51, 61), (90, 99)])  # a drag
    click(viewer, places[2], modifiers=("Shift",))
    click(viewer, places[2] + 50)
    case.viewer.layers.selection.active = case.segmentation
    case.segmentation.mode = "paint"
    click(viewer, places[2])
    assert picked == [2, 3]
    case.segmentation.mode = "pan_zoom"
    viewer.dims.ndisplay = 3
    viewer.scene.camera.set_view_direction((0.2, 0.9, -0.3), (-1, 0, 0))
    direction = np.array(viewer.scene.camera.view_direction)
    click(viewer, places[3] - 200 * direction, direction)
    assert picked == [2, 3, 4]
    layer.visible = False
    click(viewer, places[3] - 200 * direction, direction)
    assert picked == [2, 3, 4]


def test_the_mark_of_the_chosen_hotspot_stands_out(case, subject, stops):
    points = HotspotPoints(case.viewer)
    points.highlight(2)
    points.show(subject, stops, subject.names, 2.5)
    widths = layer_of(case).border_width
    assert np.argmax(widths) == 1
    assert len(np.unique(widths)) == 2
    points.highlight(None)
    assert len(np.unique(layer_of(case).border_width)) == 1


def test_removal_by_hand_is_noticed(case, subject, stops):
    told = []
    points = HotspotPoints(case.viewer, on_removed=lambda: told.append(1))
    points.show(subject, stops, subject.names, 2.5)
    assert points.shown
    case.viewer.layers.remove(layer_of(case))
    assert not points.shown
    assert told == [1]
    points.update(stops)
    case.viewer.dims.ndisplay = 3
    points.show(subject, stops[:2], subject.names, 2.5)
    assert len(layer_of(case).data) == 2
    points.remove()
    assert layer_of(case) is None
    assert told == [1]  # this was not by hand


def test_others_take_the_place_of_those_before(case, subject, stops):
    points = HotspotPoints(case.viewer)
    points.show(subject, stops, subject.names, 2.5)
    points.show(subject, stops[:1], subject.names, 4.0)
    np.testing.assert_allclose(layer_of(case).size * layer_of(case).scale[-1], 8.0)
    points.show(subject, [], subject.names, 4.0)
    assert layer_of(case) is None
