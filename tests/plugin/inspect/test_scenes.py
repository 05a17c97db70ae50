"""Views in 3D, and back to 2D as it was."""

from itertools import product

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy
from napari.utils.colormaps import Colormap

from napari_uncertainty.plugin.inspect.scenes import Scenes
from napari_uncertainty.plugin.viewer.in_3d import in_3d
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from napari_uncertainty.plugin.viewer.view_planes import go_to, show_plane

SCENES = ("Surface", "Glow", "Cut-away")
CORNERS = np.array([[-5.0, 10.0, 10.0], [16.0, 26.0, 24.0]])
AXIS, AT = 1, 17.5
GLOW = {
    "rendering": "average",
    "colormap": Colormap([[0, 0, 0, 0], [1, 0, 0, 1]], name="glow"),
}
LOOK = (
    "visible", "opacity", "blending", "rendering", "depiction", "interpolation3d",
    "colormap",
)  # fmt: skip
OWN_BUTTON, NAPARIS_BUTTON = "our button", "napari's button"


class Case:
    """Scan, segmentation and map on voxels of their own, and a surface."""

    def __init__(self, wrapped=False):
        self.viewer = viewer = ViewerModel()
        self.scan = viewer.add_image(
            np.random.default_rng(0).random((2, 10, 12, 14)),
            name="scan",
            scale=(1, 3, 2, 1.5),
            translate=(0, -10, 5, 7),
            rendering="attenuated_mip",
            colormap="gray",
        )
        self.labels = viewer.add_labels(
            np.ones((25, 20, 15), np.uint8), scale=(1, 1, 1), translate=(-8, 7, 9)
        )
        self.map = viewer.add_image(
            np.ones((6, 7, 8)),
            name="map",
            scale=(3, 2, 1.5),
            translate=(-4, 9, 10),
            colormap="inferno",
            blending="translucent_no_depth",
        )
        self.other = viewer.add_image(np.zeros((5, 5, 5)), name="other")
        corners = np.array([[-4, 9, 10], [10, 20, 20], [-4, 20, 10.0]])
        self.surface = viewer.add_surface((corners, np.array([[0, 1, 2]])))
        self.surface.visible = False
        self.users = [self.scan, self.labels, self.map, self.other]
        self.seen = PublicOnlyProxy(viewer) if wrapped else viewer
        self.scenes = Scenes(self.seen)
        in_3d(viewer).corners = CORNERS
        show_plane(viewer, "Coronal")
        viewer.dims.point = (1, 2.0, 15.0, 12.0)
        viewer.scene.camera.center = (4.0, 11.0)
        viewer.scene.camera.zoom = 7.5

    def show(self, name):
        """What the buttons do."""
        scan, labels, shown, _, surface = (
            self.seen.layers[one.name] if one in self.viewer.layers else None
            for one in (*self.users, self.surface)
        )
        surfaces = [] if surface is None else [surface]
        if name == "Surface":
            self.scenes.show_surface(scan, surfaces)
        elif name == "Glow":
            self.scenes.show_glow(scan, shown, surfaces, GLOW)
        elif name == "Cut-away":
            self.scenes.show_cut([scan, labels, shown], surfaces, AXIS, AT)
        else:
            self.scenes.show_as_they_are()

    def leave(self, way=OWN_BUTTON):
        if way == NAPARIS_BUTTON:
            self.viewer.dims.ndisplay = 2
        self.scenes.leave()

    def looks(self):
        """How the layers look, by name and in their order."""
        return [
            (layer.name, {name: getattr(layer, name, None) for name in LOOK})
            for layer in self.viewer.layers
        ]

    def view(self):
        camera, dims = self.viewer.scene.camera, self.viewer.dims
        return camera.center[-2:], camera.zoom, dims.order, dims.point, dims.ndisplay

    def cut_at(self, layer):
        """Where in the world the plane of a layer is, along the axis of its normal."""
        axis = int(np.argmax(np.abs(layer.plane.normal)))
        assert sorted(np.abs(layer.plane.normal)) == [0, 0, 1]
        data = (*(0,) * (layer.ndim - 3), *layer.plane.position)
        return axis, layer.data_to_world(data)[-3:][axis]


@pytest.fixture
def case():
    return Case()


def test_back_in_2d_all_is_as_it_was(case):
    looks, view = case.looks(), case.view()
    thickness = case.map.plane.thickness = 3
    for names, way in (
        (("Surface",), OWN_BUTTON),
        (("Glow",), NAPARIS_BUTTON),
        (("Cut-away",), NAPARIS_BUTTON),
        (("Glow", "3D"), OWN_BUTTON),
        (SCENES, OWN_BUTTON),
        (("Surface",), OWN_BUTTON),  # and once more
    ):
        for name in names:
            case.show(name)
            assert case.viewer.dims.ndisplay == 3
        if names[-1] != "3D":
            assert case.looks() != looks
        case.leave(way)
        assert sorted(case.looks(), key=str) == sorted(looks, key=str)
        assert case.view() == view
        assert case.map.plane.thickness == thickness
    # There and back by napari's own button.
    case.viewer.dims.ndisplay = 3
    case.show("3D")
    assert case.viewer.dims.order == (0, 1, 2, 3)
    case.leave(NAPARIS_BUTTON)
    assert (case.looks(), case.view()) == (looks, view)


def test_each_scene_shows_its_own_layers(case):
    def visible():
        return {layer for layer in case.viewer.layers if layer.visible}

    case.show("Surface")
    assert visible() == {case.scan, case.surface}
    assert case.viewer.layers[-1] == case.surface
    assert case.scan.opacity < 0.5
    case.show("Glow")
    assert visible() == {case.scan, case.map, case.surface}
    assert case.viewer.layers[0] == case.surface  # it veils nothing
    assert case.map.colormap == GLOW["colormap"]
    assert (case.map.rendering, case.scan.rendering) == ("average", "mip")
    case.show("Cut-away")
    assert visible() == {case.scan, case.labels, case.map, case.surface}
    assert case.viewer.layers[0] == case.surface
    assert {layer.depiction for layer in case.users[:3]} == {"plane"}
    assert case.scan.colormap.map([0.0, 1.0])[:, 3].tolist() == [0, 1]
    case.show("3D")
    assert visible() == set(case.users)
    # A ring stays.
    ring = case.viewer.add_points(
        [[1, 12, 13]], metadata={METADATA_KEY: {"role": "place"}}
    )
    for name in SCENES:
        case.show(name)
        assert ring.visible


def test_the_same_scene_whatever_was_shown_before(case):
    """From each to each, a second time, and coming from 2D."""
    direct = {name: Case() for name in SCENES}
    for name, one in direct.items():
        one.show(name)
    first, second, third = SCENES
    way = (first, second, third, first, third, third, "", third, second, first, "3D")
    for name in (*way, first, second):
        if not name:
            case.leave()
            continue
        case.show(name)
        if name == "3D":
            continue
        assert case.looks() == direct[name].looks()
        assert case.view() == direct[name].view()
        is_cut = bool(case.surface.experimental_clipping_planes)
        assert is_cut == (name == "Cut-away")


def test_scenes_work_without_a_scan(case):
    case.viewer.layers.remove(case.scan)
    for name in SCENES:
        case.show(name)
    case.leave()
    assert case.map.visible
    assert case.viewer.dims.ndisplay == 2


def test_what_the_user_changes_in_3d_is_kept(case):
    case.show("Surface")
    case.scan.opacity = 0.55
    case.show("Cut-away")
    case.map.blending = "additive"
    case.show("Glow")
    case.map.colormap = "viridis"
    case.other.visible = True
    case.show("Glow")
    case.leave()
    assert case.scan.opacity == 0.55
    assert case.map.blending == "additive"
    assert case.map.colormap.name == "viridis"
    assert case.other.visible
    assert case.scan.rendering == "attenuated_mip"
    assert case.map.depiction == "volume"


@pytest.mark.parametrize("name", SCENES)
def test_leaving_a_scene_after_layers_were_removed_shows_the_plane_again(case, name):
    """The plane that was shown is shown again, with one axis less."""
    case.show(name)
    case.viewer.layers.remove(case.scan)
    case.viewer.layers.remove(case.surface)
    case.viewer.scene.camera.angles = (1, 2, 3)
    if case.scenes.cut is not None:
        case.scenes.cut.move(0, 2.0)
    case.leave()
    assert case.viewer.dims.order == (1, 0, 2)
    assert case.map.visible
    assert case.map.colormap.name == "inferno"
    center, zoom, _, point, _ = case.view()
    assert (center, zoom, point) == ((4.0, 11.0), 7.5, (2.0, 15.0, 12.0))


def test_leaving_a_scene_after_all_layers_were_removed_does_no_harm(case):
    case.show("Cut-away")
    case.viewer.layers.clear()
    case.leave()
    assert case.viewer.dims.order == (0, 1)


def test_at_first_from_the_left_the_front_and_above(case):
    """And a second time from where the camera was."""
    case.show("Surface")
    camera = case.viewer.scene.camera
    inferior, posterior, left = camera.view_direction
    assert inferior > 0.2
    assert posterior > 0.2
    assert left < -0.2
    assert np.argmax(np.abs(camera.up_direction)) == 0
    assert camera.up_direction[0] < 0
    np.testing.assert_allclose(camera.center, CORNERS.mean(axis=0))
    for way, zoom in ((OWN_BUTTON, 5.5), (NAPARIS_BUTTON, 6.5)):
        camera.angles, camera.zoom, camera.center = (10, 20, 30), zoom, (1.0, 2.0, 3.0)
        case.leave(way)
        camera.center = (0.0, 0.0)
        case.show("Glow")
        np.testing.assert_allclose(camera.angles, (10, 20, 30))
        assert (camera.zoom, camera.center) == (zoom, (1.0, 2.0, 3.0))
        case.show("Surface")
        camera.angles = (0, 0, 90)


def test_at_first_to_the_place_in_the_view_where_nothing_is_inspected(case):
    in_3d(case.viewer).corners = None
    case.show("3D")
    # Coronal: y is sliced, and the middle of the view was at z = 4 and x = 11.
    assert case.viewer.scene.camera.center == (4.0, 15.0, 11.0)


def test_a_place_that_was_visited_meanwhile_is_shown(case):
    places = {OWN_BUTTON: (5.0, 19.0, 16.0), NAPARIS_BUTTON: (2.0, 13.0, 18.0)}
    for way, place in places.items():
        case.show("Surface")
        go_to(case.viewer, place)
        case.leave(way)
        assert case.viewer.dims.point == (1, *place)
        assert case.viewer.scene.camera.center[-2:] == (place[0], place[2])
        assert case.viewer.scene.camera.zoom == 7.5


def test_nothing_is_heard_after_the_end(case):
    case.show("Cut-away")
    case.scenes.stop()
    planes = list(case.surface.experimental_clipping_planes)
    case.viewer.scene.camera.set_view_direction((0.3, -0.9, 0.1))
    case.map.plane.position = (1, 2, 3)
    assert case.surface.experimental_clipping_planes == planes
    assert case.cut_at(case.scan) == (AXIS, AT)


# -- the cut ------------------------------------------------------------------


def assert_cut(case, axis, at):
    """Through all layers at the same place; what is nearer is cut away."""
    for layer in (case.scan, case.labels, case.map):
        where = case.cut_at(layer)
        assert where == (axis, pytest.approx(at))
    [plane] = case.surface.experimental_clipping_planes
    assert plane.enabled
    assert plane.position[axis] == pytest.approx(at)
    assert np.abs(plane.normal[axis]) == 1
    # Along the line of sight, the kept side comes after the plane.
    assert np.dot(plane.normal, case.viewer.scene.camera.view_direction) > 0


def test_all_layers_are_cut_at_the_same_place(case):
    case.show("Cut-away")
    assert_cut(case, AXIS, AT)
    for axis, at in ((0, -1.3), (2, 12.2), (1, 16.0)):
        case.scenes.cut.move(axis, at)
        assert_cut(case, axis, at)
    # The near side goes from wherever one looks.
    normals = set()
    rng = np.random.default_rng(1)
    for place, angles in enumerate(rng.uniform(-180, 180, (24, 3))):
        case.viewer.scene.camera.angles = tuple(angles)
        assert_cut(case, case.scenes.cut.axis, case.scenes.cut.at)
        [plane] = case.surface.experimental_clipping_planes
        normals.add(tuple(plane.normal))
        case.scenes.cut.move(place % 3, CORNERS.mean(axis=0)[place % 3])
    assert len(normals) == 6
    # Surfaces are whole again without the cut.
    case.show("Surface")
    assert not case.surface.experimental_clipping_planes
    assert case.scenes.cut is None
    case.viewer.scene.camera.set_view_direction((0.3, -0.9, 0.1))
    assert not case.surface.experimental_clipping_planes
    case.show("Cut-away")
    case.leave()
    assert not case.surface.experimental_clipping_planes


def test_dragging_one_plane_moves_all():
    case = Case(wrapped=True)
    case.show("Cut-away")
    told = []
    case.scenes.cut.on_moved = told.append
    # As napari drags it: in voxels, along the normal and anywhere on the plane.
    for dragged, step in product((case.scan, case.labels, case.map), (1, -0.5)):
        position = np.add(dragged.plane.position, (1, step, -2))
        at = dragged.plane.position[1] + step
        at = at * dragged.scale[-2] + dragged.translate[-2]
        dragged.plane.position = tuple(position)
        assert_cut(case, 1, at)
        assert told[-1] == pytest.approx(at)


def test_a_plane_that_meets_another_ones_numbers_is_told_from_it():
    """Planes count as equal whose voxel numbers are, on whatever grids."""
    case = Case(wrapped=True)
    # Twice as large around the same place, so that both have the same middle.
    case.map.scale, case.map.translate = (6, 4, 3), (-4, 9, 10)
    case.labels.data = np.ones(case.map.data.shape, np.uint8)
    case.labels.scale, case.labels.translate = (3, 2, 1.5), (-4, 9, 10)
    case.show("Cut-away")
    case.map.plane.position = case.labels.plane.position
    assert_cut(case, 1, (AT - 9) / 2 * 4 + 9)
