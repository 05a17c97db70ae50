"""Surfaces where the map is, in its colours."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils.colormaps import ensure_colormap
from nibabel.affines import apply_affine, from_matvec
from pytestqt.qtbot import QtBot
from scipy.spatial import KDTree

from napari_uncertainty import Grid, ProbabilityMap
from napari_uncertainty.plugin.inspect import surface_layers as surface_layers_module
from napari_uncertainty.plugin.inspect.appearance import Appearance
from napari_uncertainty.plugin.inspect.meshes import Meshes
from napari_uncertainty.plugin.inspect.surface_layers import (
    SurfaceLayers,
    _without_islands,
    in_ras,
)
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.scan_space import layer_info, record_of
from napari_uncertainty.plugin.viewer.shown_map import ShownMap
from support.compute_without_window import compute
from support.generated import OBLIQUE, turn
from support.phantoms import asymmetric, softmax_of

SHAPE = (18, 20, 22)
#: Axes that run to Left, Superior and Posterior, turned twice.
TURNED = turn(25, 0) @ turn(-10, 2)
GRIDS = {
    "upright": np.diag([1.0, 1.0, 1.0, 1.0]),
    "tilted": OBLIQUE,
    "flat voxels, turned and flipped": from_matvec(
        TURNED @ np.array([[-0.8, 0, 0], [0, 0, -2.5], [0, 1.2, 0]]), (9, -30, 12)
    ),
}
COLORS = Appearance("inferno", 0.5, hide=False, fade=True, limits=(0.0, 2.0))
ENCLOSED = [(1,), (3,), None]
NAMES = {1: "grey matter", 3: "stem"}


def made(qtbot, affine):
    """A case whose meshes are made, in a viewer."""
    viewer = ViewerModel()
    classes = asymmetric(SHAPE)
    rng = np.random.default_rng(2)
    values = softmax_of(classes) * rng.uniform(0.5, 1.5, (4, *SHAPE))
    values = (values / values.sum(axis=0)).astype(np.float32)
    case = ProbabilityMap(values, tuple("abcd"), Grid(SHAPE, affine), name="case")
    data, options, _ = to_layer(case)
    layer, _ = compute(viewer, viewer.add_image(data, **options))
    subject = ShownMap.of(viewer, layer, None)
    meshes = Meshes(classes, subject.source.values)
    ended = []
    meshes.make(
        ENCLOSED,
        on_progress=lambda share: None,
        on_end=lambda: None,
        on_made=lambda: ended.append(True),
        on_refused=ended.append,
    )
    qtbot.waitUntil(lambda: ended == [True])
    surfaces = SurfaceLayers(viewer, subject, meshes)
    return SimpleNamespace(
        viewer=viewer, map=layer, classes=classes, subject=subject, meshes=meshes,
        surfaces=surfaces,
    )  # fmt: skip


@pytest.fixture(scope="module", params=GRIDS.values(), ids=GRIDS)
def on_grid(request, qapp):
    return made(QtBot(request), request.param)


@pytest.fixture(scope="module")
def on_tilted_grid(request, qapp):
    return made(QtBot(request), OBLIQUE)


@pytest.fixture
def case(on_tilted_grid):
    """Its surfaces are taken away afterwards."""
    yield on_tilted_grid
    on_tilted_grid.surfaces.remove()


def show(case, enclosed=ENCLOSED, appearance=COLORS, shares=None, **options):
    options = {"opacity": 1.0, "bar": True} | options
    return case.surfaces.show(enclosed, NAMES, appearance, shares, **options)


def world_vertices(layer):
    return np.array([layer.data_to_world(vertex) for vertex in layer.data[0]])


def solid(vertices, faces):
    """Volume, positive where the faces look outwards, and centre of mass."""
    a, b, c = np.moveaxis(vertices[faces].astype(float), 1, 0)
    volumes = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
    return volumes.sum(), volumes @ (a + b + c) / 4 / volumes.sum()


def parts_of(case, layer, enclosed):
    """Vertices in the world and faces of each mesh in a layer."""
    vertices, faces = world_vertices(layer), layer.data[1]
    start = 0
    for one in enclosed:
        end = start + len(case.meshes[one].vertices)
        own = faces[((faces >= start) & (faces < end)).all(axis=1)]
        yield vertices[start:end], own - start
        start = end
    assert start == len(vertices)


def test_surfaces_are_where_the_classes_are(on_grid):
    case = on_grid
    surface, _, hull, _ = show(case)
    inside = {(1,): case.classes == 1, (3,): case.classes == 3, None: case.classes > 0}
    parts = [*parts_of(case, surface, ENCLOSED[:2]), *parts_of(case, hull, [None])]
    for enclosed, (vertices, faces) in zip(ENCLOSED, parts, strict=True):
        # Through the map's own layer: where napari shows the voxels of the class.
        mask = case.subject.source.turn.turn(inside[enclosed])
        voxels = np.array([case.map.data_to_world(at) for at in np.argwhere(mask)])
        scale = np.array(case.map.scale)
        away, _ = KDTree(voxels / scale).query(vertices / scale)
        assert away.max() < 1.5
        volume, middle = solid(vertices, faces)
        assert volume == pytest.approx(mask.sum() * np.prod(scale), rel=0.01)
        off = (middle - voxels.mean(axis=0)) / scale
        np.testing.assert_allclose(off, 0, atol=0.15)


def test_surfaces_in_ras_are_where_the_file_has_the_voxels(on_grid):
    case, affine = on_grid, on_grid.subject.source.grid.affine
    mesh = case.meshes[1,]
    ras = in_ras(case.subject, mesh)
    voxels = mesh.vertices
    np.testing.assert_allclose(
        ras.vertices, apply_affine(affine, voxels), rtol=0, atol=1e-4
    )
    size = (case.classes == 1).sum() * np.abs(np.linalg.det(affine))
    assert solid(ras.vertices, ras.faces)[0] == pytest.approx(size, rel=0.01)
    np.testing.assert_array_equal(ras.values, mesh.values)
    # What is shown is the same, without the tilt.
    directions = Grid(SHAPE, affine).directions
    layer = show(case, [(1,), None])[0]
    world = -(ras.vertices @ directions)[:, ::-1]
    np.testing.assert_allclose(world_vertices(layer), world, atol=1e-3)


def test_no_place_in_ras_without_a_file_that_tells():
    subject = SimpleNamespace(source=SimpleNamespace(grid=None))
    assert in_ras(subject, None) is None


def test_layers_of_classes_that_are_not_chosen_any_more_are_taken_away(case):
    before = list(case.viewer.layers)
    active = case.viewer.layers.selection.active
    first = show(case)
    assert [layer.name for layer in first] == [
        "2 classes' surface", "2 classes' hull", "foreground surface", "names",
    ]  # fmt: skip
    assert case.viewer.layers.selection.active == active
    again = show(case)
    assert [id(layer) for layer in again] == [id(layer) for layer in first]
    stem, tint, hull, names = show(case, [(3,), None])
    assert (stem.name, tint.name) == ("stem surface", "stem hull")
    assert hull == first[2]
    assert len(case.viewer.layers) == len(before) + 4
    assert {*case.viewer.layers} == {*before, stem, tint, hull, names}
    assert case.surfaces.shown(ENCLOSED) == [((3,), stem), (None, hull)]
    alone = show(case, [None])
    assert [layer.name for layer in alone] == ["foreground surface", "edges of classes"]
    assert len(case.viewer.layers) == len(before) + 2
    case.surfaces.remove()
    assert list(case.viewer.layers) == before


def test_many_classes_are_few_layers_and_have_no_names_in_the_view(case, monkeypatch):
    monkeypatch.setattr(surface_layers_module, "MOST_NAMES", 1)
    assert [layer.name for layer in show(case)] == [
        "2 classes' surface", "2 classes' hull", "foreground surface",
    ]  # fmt: skip


def test_what_was_taken_away_by_hand_can_come_again(case):
    for layer in show(case):
        case.viewer.layers.remove(layer)
    assert all(layer in case.viewer.layers for layer in show(case))


def test_layers_say_what_they_are(case):
    for layer, role in zip(show(case), ("surface", "tint", "surface"), strict=False):
        info = layer_info(layer)
        assert info["role"] == role
        assert record_of(layer) == record_of(case.map)
        assert info["made_from"] == case.map.unique_id
        assert layer.units == case.map.units
        assert not layer.visible  # until a scene shows it
    assert case.viewer.layers.units is not None


def test_classes_have_hulls_in_their_colours_within_a_faint_one_of_all(case):
    surface, tint, hull, _ = show(case, opacity=0.8)
    assert surface.opacity == 0.8
    assert 0.1 < tint.opacity < 0.4
    assert hull.opacity < 0.2
    assert "no_depth" in hull.blending
    colors = np.asarray(hull.colormap.map(np.linspace(0, 1, 9)))[:, :3]
    assert (np.ptp(colors, axis=1) < 1e-6).all()
    assert surface.colorbar.visible
    assert not hull.colorbar.visible
    # Each hull has the colour of its class, and is a little larger than it.
    parts = parts_of(case, tint, ENCLOSED[:2])
    start = 0
    for (label,), (vertices, faces), (own, _) in zip(
        ENCLOSED[:2], parts, parts_of(case, surface, ENCLOSED[:2]), strict=True
    ):
        drawn = tint.vertex_colors[start : start + len(vertices)]
        shown = np.array([*case.subject.colors_of([label])[label], 255]) / 255
        np.testing.assert_allclose(drawn, np.broadcast_to(shown, drawn.shape))
        assert solid(vertices, faces)[0] > 1.2 * solid(own, faces)[0]
        start += len(vertices)
    hulls = show(case, faint=True)[:2]
    assert {layer.opacity < 0.4 for layer in hulls} == {True}


def test_the_foreground_has_edges_between_classes_in_their_colours(case):
    surface, edges = show(case, [None], bar=False)
    assert (surface.opacity, surface.blending) == (1.0, "translucent")
    assert not surface.colorbar.visible
    assert np.ptp(np.asarray(surface.colormap.map([0.7]))[:, :3]) > 0.3
    assert edges.opacity == 1
    shell = case.meshes.shell(None)
    # What is drawn is where classes meet, and most of the surface is not covered.
    drawn = np.unique(edges.data[1])
    assert 0 < len(drawn) < 0.6 * len(shell.labels)
    labels = shell.labels[drawn]
    assert len(np.unique(labels)) > 1
    colors = case.subject.colors_of(np.unique(labels))
    expected = np.array([(*colors[label], 255) for label in labels]) / 255
    np.testing.assert_allclose(edges.vertex_colors[drawn], expected, atol=1e-6)
    # The label of a vertex is that of a voxel which it is beside.
    tree = {
        label: KDTree(np.argwhere(case.classes == label))
        for label in np.unique(shell.labels)
    }
    for label, of_label in tree.items():
        vertices = shell.mesh.vertices[shell.labels == label]
        assert of_label.query(vertices)[0].max() < 2.6
    # That is also what the pointer is told.
    for vertex in range(0, len(shell.labels), 211):
        place = world_vertices(surface)[vertex]
        assert case.surfaces.label_at(place) == shell.labels[vertex]


def test_small_islands_of_a_class_have_no_edges(case):
    shell = case.meshes.shell(None)
    vertices = shell.mesh.vertices
    labels = np.where(vertices[:, 0] < np.median(vertices[:, 0]), 1, 2)
    for of_island in (10, 400):
        near = np.argsort(np.linalg.norm(vertices - vertices[0], axis=1))[:of_island]
        dotted = labels.copy()
        dotted[near] = 3
        changed = replace(shell, labels=dotted)
        found = _without_islands(changed)
        if of_island == 10:
            np.testing.assert_array_equal(found, labels)
        else:
            assert (found[near] == 3).all()


@pytest.mark.parametrize(("theme", "darkest"), [("dark", 1.0), ("light", 0.0)])
def test_names_are_told_from_the_background_of_any_theme(case, theme, darkest):
    case.viewer.theme = theme
    *_, names = show(case)
    colors = np.broadcast_to(names.text.color(names.features), (2, 4))
    np.testing.assert_allclose(colors[:, :3], darkest)
    case.viewer.theme = "dark"


def test_names_are_beside_their_surfaces(case):
    *surfaces, names = show(case)
    assert list(names.features["name"]) == ["grey matter", "stem"]
    assert list(names.text.values) == ["grey matter", "stem"]
    places = np.array([names.data_to_world(place) for place in names.data])
    parts = [vertices for vertices, _ in parts_of(case, surfaces[0], ENCLOSED[:2])]
    middles = [vertices.mean(axis=0) for vertices in parts]
    apart = middles[0] - middles[1]
    for vertices, place in zip(parts, places, strict=True):
        assert np.linalg.norm(vertices - place, axis=1).min() < 1e-3
    # On opposite sides, so that they do not hide each other.
    assert (places[0] - places[1]) @ apart > apart @ apart
    assert list(show(case, [(3,), None])[-1].features["name"]) == ["stem"]
    assert "names" not in [layer.name for layer in show(case, [None])]


@pytest.mark.parametrize("limits", [(0.0, 2.0), (0.3, 1.2)])
def test_a_value_has_the_colour_that_it_has_beside_the_map(case, limits):
    appearance = Appearance("inferno", 0.5, hide=False, fade=True, limits=limits)
    layer = show(case, appearance=appearance)[0]
    case.map.colormap, case.map.contrast_limits = appearance.of_map(), limits
    values = np.linspace(*limits, 37)
    share = (values - limits[0]) / np.ptp(limits)
    expected = ensure_colormap("inferno").map(share)[:, :3]
    for one in (layer, case.map):
        low, high = one.contrast_limits
        colors = np.asarray(one.colormap.map((values - low) / (high - low)))
        np.testing.assert_allclose(colors[:, :3], expected, atol=2 / 255)
    low, high = layer.contrast_limits
    drawn = np.asarray(layer.colormap.map((layer.data[2] - low) / (high - low)))
    assert (drawn[:, 3] == 1).all()


def test_percentiles_are_those_of_the_vertices_that_are_shown(case):
    shares = (0.1, 0.75)
    for enclosed in (ENCLOSED, ENCLOSED[1:]):
        layer = show(case, enclosed, shares=shares, bar=False)[0]
        expected = np.quantile(layer.data[2], shares)
        np.testing.assert_allclose(layer.contrast_limits, expected)
        assert layer.colorbar.visible
    whole = show(case)[0]
    assert tuple(whole.contrast_limits) == COLORS.limits


def test_taken_away_while_they_are_taken_away(qtbot):
    """As when a viewer is closed: the first layer that goes ends the inspection."""
    case = made(qtbot, OBLIQUE)
    shown = show(case)
    case.viewer.layers.events.removed.connect(lambda _: case.surfaces.remove())
    case.surfaces.remove()
    assert not {layer for layer in shown if layer in case.viewer.layers}
