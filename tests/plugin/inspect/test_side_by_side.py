"""Panels next to each other, and back."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy
from napari.utils.colormaps import Colormap

from napari_uncertainty.plugin.inspect.scenes import PanelGrid
from napari_uncertainty.plugin.viewer.layers import transparent_where_certain
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from napari_uncertainty.plugin.viewer.view_planes import show_plane

GLOW = {
    "rendering": "average",
    "colormap": Colormap([[0, 0, 0, 0], [1, 0, 0, 1]], name="glow"),
}
CORNERS = np.array([[2.0, 3.0, 4.0], [12.0, 17.0, 20.0]])


class Case:
    """Layers in an order that is not that of the panels."""

    def __init__(self):
        self.viewer = viewer = ViewerModel()
        viewer.canvas.size = (600, 1800)
        self.map = viewer.add_image(
            np.ones((20, 20, 25)),
            name="map",
            colormap=transparent_where_certain("inferno"),
            opacity=0.8,
            metadata={METADATA_KEY: {"role": "map"}},
        )
        self.softmax = viewer.add_image(
            np.ones((3, 20, 20, 25)), name="softmax", visible=False
        )
        self.labels = viewer.add_labels(
            np.ones((20, 20, 25), int), name="labels", opacity=0.4
        )
        self.other = viewer.add_image(np.zeros((20, 20, 25)), name="other")
        self.scan = viewer.add_image(
            np.zeros((20, 20, 25)), name="scan", visible=False, opacity=0.9
        )
        viewer.dims.point = (1, 5, 6, 7)
        viewer.scene.camera.center, viewer.scene.camera.zoom = (4.0, 6.0), 3.5
        self.side = PanelGrid(PublicOnlyProxy(viewer))

    @property
    def panels(self):
        names = ("scan", "labels", "map")
        there = [name for name in names if name in self.viewer.layers]
        return [PublicOnlyProxy(self.viewer.layers[name]) for name in there]

    def show(self):
        self.side.show({layer.name: layer for layer in self.panels}, CORNERS, GLOW)

    def titles(self):
        return [
            overlay.text.strip()
            for key, overlay in self.viewer.canvas.overlays.items()
            if key.startswith("panel")
        ]

    def columns(self):
        """Which layers each cell of the grid has, from left to right."""
        layers, grid = self.viewer.layers, self.viewer.canvas.grid
        rows = [place for place, _ in grid.iter_viewboxes(layers)]
        assert rows == [(0, column) for column in range(len(rows))]
        return [
            [layers[index].name for index in held if layers[index].visible]
            for _, held in grid.iter_viewboxes(layers)
        ]

    def looks(self):
        return {
            layer.name: (
                layer.visible,
                layer.opacity,
                np.asarray(layer.colormap.colors).tolist(),
                layer.depiction,
            )
            for layer in self.viewer.layers
        }

    def order(self):
        return [layer.name for layer in self.viewer.layers]

    def view(self):
        camera, grid = self.viewer.scene.camera, self.viewer.canvas.grid
        return (
            *(grid.enabled, grid.stride, grid.shape, grid.spacing),
            *(camera.center[-2:], camera.zoom, self.viewer.dims.point),
        )


@pytest.fixture
def case():
    return Case()


def test_scan_segmentation_and_map_from_left_to_right_and_nothing_else(case):
    case.show()
    assert case.viewer.canvas.grid.enabled
    assert case.columns() == [["scan"], ["labels"], ["map"]]
    assert {layer.opacity for layer in case.panels} == {1}
    assert case.titles() == ["scan", "labels", "map"]
    # Colours are those of the map, on nothing that shows through.
    shown = np.asarray(case.map.colormap.map([0.02, 0.3, 1.0]))
    faded = np.asarray(transparent_where_certain("inferno").map([0.02, 0.3, 1.0]))
    np.testing.assert_allclose(shown[:, :3], faded[:, :3])
    np.testing.assert_allclose(shown[:, 3], 1)


def test_the_box_is_in_the_middle_of_each_panel_and_fills_it(case):
    for plane in ("Axial", "Coronal"):
        show_plane(case.viewer, plane)
        case.show()
        down, right = case.viewer.dims.displayed
        camera = case.viewer.scene.camera
        middle = CORNERS.mean(axis=0)
        assert camera.center[-2:] == (middle[down - 1], middle[right - 1])
        size = np.ptp(CORNERS, axis=0)[[down - 1, right - 1]] * camera.zoom
        assert 0.8 < (size / (600, 600)).max() < 1
        case.side.hide()


def test_in_3d_each_panel_is_a_volume_and_back_in_2d_a_slice(case):
    show_plane(case.viewer, "Coronal")
    before = case.looks(), case.order(), case.view()
    camera = case.viewer.scene.camera
    case.show()
    flat = case.looks(), case.view()
    for _ in range(2):
        case.side.turn(3)
        assert case.viewer.dims.ndisplay == 3
        assert case.columns() == [["scan"], ["labels"], ["map"]]
        assert {layer.depiction for layer in case.panels} == {"volume"}
        # What is certain does not hide what is behind it.
        assert case.map.colormap == GLOW["colormap"]
        np.testing.assert_allclose(camera.center, CORNERS.mean(axis=0))
        size = np.ptp(CORNERS, axis=0).max() * camera.zoom
        assert 0.5 < size / 600 < 1
        case.side.turn(2)
        assert (case.looks(), case.view()) == flat
    case.side.turn(3)
    case.side.hide()
    assert case.titles() == []
    assert case.viewer.dims.ndisplay == 2
    assert (case.looks(), case.order(), case.view()) == before


def test_all_is_as_it_was(case):
    before = case.looks(), case.order(), case.view()
    for _ in range(2):
        case.show()
        assert case.side.shown
        case.show()  # for another map, say
        assert (case.looks(), case.order(), case.view()) != before
        case.side.hide()
        assert not case.side.shown
        assert (case.looks(), case.order(), case.view()) == before
    case.scan.visible = True
    case.side.hide()
    assert case.scan.visible


def test_what_the_user_changes_meanwhile_is_kept(case):
    case.show()
    case.map.colormap, case.scan.opacity, case.other.visible = "viridis", 0.5, True
    camera = case.viewer.scene.camera
    camera.zoom = 9.0
    case.viewer.dims.set_point(1, 8)
    case.viewer.layers.move(0, 5)
    order = case.order()
    case.side.hide()
    assert case.order() == order
    assert case.map.colormap.name == "viridis"
    assert (case.scan.opacity, case.scan.visible) == (0.5, False)
    assert case.other.visible
    assert (case.labels.opacity, case.map.opacity) == (0.4, 0.8)
    assert (camera.zoom, camera.center[-2:]) == (9.0, (4.0, 6.0))
    assert case.viewer.dims.point == (1, 8, 6, 7)
    assert not case.viewer.canvas.grid.enabled


def test_the_grid_that_the_user_has_is_back(case):
    grid = case.viewer.canvas.grid
    grid.enabled, grid.stride, grid.shape, grid.spacing = True, -2, (-1, 2), 0.1
    before = case.view()
    case.show()
    assert case.columns() == [["scan"], ["labels"], ["map"]]
    case.side.hide()
    assert case.view() == before


@pytest.mark.parametrize("gone", [["map"], ["scan", "other"], ["labels", "softmax"]])
def test_hiding_after_layers_were_removed_restores_the_others(case, gone):
    looks, order = case.looks(), case.order()
    case.show()
    for name in gone:
        case.viewer.layers.remove(name)
    case.side.hide()
    assert case.order() == [name for name in order if name not in gone]
    assert case.looks() == {name: looks[name] for name in case.order()}
    assert not case.viewer.canvas.grid.enabled


def test_a_layer_added_meanwhile_stays_on_top(case):
    order = case.order()
    case.show()
    case.viewer.add_points([[1, 2, 3]], name="new")
    case.side.hide()
    assert case.order() == [*order, "new"]


def test_without_a_scan_two_panels_are_shown(case):
    case.viewer.layers.remove("scan")
    case.show()
    assert case.columns() == [["labels"], ["map"]]
