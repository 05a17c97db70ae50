"""From core objects to layers: every voxel where the patient has it."""

from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from napari.layers import Layer
from nibabel.orientations import inv_ornt_aff

from napari_uncertainty import Grid, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.analysis.colors import class_palette
from napari_uncertainty.plugin.viewer.layers import map_colors, preferences, to_layer
from napari_uncertainty.plugin.viewer.scan_space import (
    METADATA_KEY,
    ScanSpace,
    layer_grid,
    to_ras,
    to_world,
)
from support.generated import OBLIQUE, softmax

ORIENTATIONS = [
    np.stack([order, flips], axis=1)
    for order in permutations(range(3))
    for flips in product((1, -1), repeat=3)
]


def reoriented(affine, shape, orientation):
    """Affine and shape of the same image stored with other axes."""
    new_shape = np.empty(3, int)
    new_shape[orientation[:, 0]] = shape
    return affine @ inv_ornt_aff(orientation, shape), tuple(new_shape)


def layer_of(volume):
    return Layer.create(*to_layer(volume))


@pytest.mark.parametrize("tilted", [False, True])
@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=str)
def test_world_is_minus_ras_along_the_scans_own_axes(orientation, tilted):
    """For all 48 ways to store an image, upright and oblique."""
    base = OBLIQUE if tilted else np.diag([1.0, 1.5, 2.0, 1.0])
    affine, shape = reoriented(base, (5, 6, 7), orientation)
    data = np.zeros(shape)
    voxel = (1, 2, 3)
    data[voxel] = 1
    layer = layer_of(Scan(data, Grid(shape, affine)))
    [place] = np.argwhere(np.asarray(layer.data) == 1)
    ras = nib.affines.apply_affine(affine, voxel)
    directions = Grid(shape, affine).directions
    expected = -(directions.T @ ras)[::-1]  # z, y, x = -S, -A, -R
    np.testing.assert_allclose(layer.data_to_world(place), expected, atol=1e-9)
    assert (np.asarray(layer.scale) > 0).all()


def test_upright_world_is_minus_ras():
    layer = layer_of(Scan(np.zeros((2, 2, 2)), Grid((2, 2, 2), np.eye(4))))
    # Voxel (1, 0, 0) lies 1 mm to the right, so at x = -1.
    corner = ScanSpace.of(Grid((2, 2, 2), np.eye(4))).turn.turn(
        np.arange(8).reshape(2, 2, 2)
    )
    [place] = np.argwhere(corner == 4)
    assert tuple(layer.data_to_world(place)) == (0, 0, -1)


def test_tilt_is_taken_out_of_the_layer():
    layer = layer_of(Scan(np.zeros((6, 7, 8)), Grid((6, 7, 8), OBLIQUE)))
    np.testing.assert_allclose(layer.rotate, np.eye(3))
    np.testing.assert_allclose(layer.affine.affine_matrix, np.eye(4))
    info = layer.metadata[METADATA_KEY]
    np.testing.assert_array_equal(info["affine"], OBLIQUE)
    assert info["role"] == "scan"


SHEARED = OBLIQUE @ np.array(
    [[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0.1, 1, 0], [0, 0, 0, 1]]
)


@pytest.mark.parametrize("affine", [OBLIQUE, SHEARED], ids=["tilted", "sheared"])
def test_crop_stays_where_it_was(affine):
    data = np.random.default_rng(0).random((6, 7, 8))
    crop = affine.copy()
    crop[:3, 3] = nib.affines.apply_affine(affine, (2, 1, 3))
    whole = layer_of(Scan(data, Grid(data.shape, affine)))
    part = data[2:5, 1:6, 3:7]
    cropped = layer_of(Scan(part, Grid(part.shape, crop)))
    for value in part.ravel()[::7]:
        [here] = np.argwhere(np.asarray(whole.data) == value)
        [there] = np.argwhere(np.asarray(cropped.data) == value)
        np.testing.assert_allclose(
            whole.data_to_world(here), cropped.data_to_world(there), atol=1e-9
        )


@pytest.mark.parametrize("affine", [OBLIQUE, SHEARED], ids=["tilted", "sheared"])
def test_places_in_the_patient_and_in_the_viewer(affine):
    """Back and forth, a shear included."""
    layer = layer_of(Scan(np.zeros((6, 7, 8)), Grid((6, 7, 8), affine)))
    turn = ScanSpace.of(Grid((6, 7, 8), affine)).turn
    for voxel in ((0, 0, 0), (5, 6, 7), (2, 4, 1)):
        marked = np.zeros((6, 7, 8))
        marked[voxel] = 1
        [place] = np.argwhere(turn.turn(marked))
        ras = nib.affines.apply_affine(affine, voxel)
        world = layer.data_to_world(place)
        np.testing.assert_allclose(to_ras(layer_grid(layer), world), ras, atol=1e-9)
        np.testing.assert_allclose(to_world(layer_grid(layer), ras), world, atol=1e-9)


def test_no_copy_and_back(rng):
    data = rng.random((6, 7, 8))
    space = ScanSpace.of(Grid(data.shape, OBLIQUE))
    view = space.turn.turn(data)
    assert np.shares_memory(view, data)
    np.testing.assert_array_equal(space.turn.turn_back(view), data)


def test_probabilities_have_units_and_axis_labels(rng):
    grid = Grid((6, 7, 8), OBLIQUE)
    values = softmax(rng, (4, 6, 7, 8))
    layer = layer_of(ProbabilityMap(values, tuple("abcd"), grid, name="case"))
    assert layer.axis_labels == ("class", "z", "y", "x")
    assert [str(unit) for unit in layer.units] == ["pixel"] + ["millimeter"] * 3
    assert layer.name == "case probabilities"
    assert layer.metadata[METADATA_KEY]["class_names"] == list("abcd")
    assert not layer.visible


def test_labels_have_names_and_a_transparent_background():
    data = np.kron(np.arange(4).reshape(4, 1, 1), np.ones((2, 3, 3), int))
    names = {0: "background", 1: "left", 2: "right", 3: "stem"}
    layer = layer_of(LabelMap(data, Grid(data.shape, np.eye(4)), names))
    colors = layer.colormap.map(np.arange(8))
    assert colors[0, 3] == 0
    assert (colors[1:, 3] == 1).all()
    assert len(np.unique(colors, axis=0)) == 8
    [place] = np.argwhere(np.asarray(layer.data) == 2)[:1]
    status = layer.get_status(position=tuple(layer.data_to_world(place)), world=True)
    assert "right" in status["value"] + status["coordinates"]


def test_labels_keep_apart_from_the_colormap_that_maps_are_to_have():
    labels = LabelMap(np.zeros((2, 3, 4), np.uint8), Grid((2, 3, 4), np.eye(4)))
    for name in ("inferno", "viridis"):
        preferences().colormap = name
        _, options, _ = to_layer(labels)
        expected = class_palette(map_colors(name)) / 255
        np.testing.assert_allclose(options["colormap"].colors[1:, :3], expected)


def test_painting_reaches_the_label_map():
    data = np.zeros((3, 4, 5), np.uint8)
    layer = layer_of(LabelMap(data, Grid(data.shape, OBLIQUE)))
    layer.data_setitem((np.array([0]), np.array([1]), np.array([2])), 1)
    assert data.sum() == 1


def test_time_goes_first(rng):
    data = rng.random((6, 7, 8, 3))
    layer = layer_of(Scan(data, Grid((6, 7, 8), OBLIQUE)))
    assert layer.axis_labels == ("time", "z", "y", "x")
    space = ScanSpace.of(Grid((6, 7, 8), OBLIQUE))
    np.testing.assert_array_equal(
        space.turn.turn_back(np.asarray(layer.data)[1]), data[..., 1]
    )


AXES = ("RL", "AP", "SI")


def direction(code):
    """Unit vector in RAS+ towards R, A, S or their opposites."""
    axis = next(axis for axis in range(3) if code in AXES[axis])
    return np.eye(3)[axis] * (1 if code == AXES[axis][0] else -1)


@pytest.mark.parametrize(
    ("plane", "axis_labels"),
    [("LP", ("y", "x")), ("AS", ("z", "y")), ("SL", ("z", "x"))],
)
def test_flat_image_keeps_its_plane(plane, axis_labels):
    missing = next(axis for axis in range(3) if not set(plane) & set(AXES[axis]))
    affine = np.eye(4)
    affine[:3, :2] = np.transpose([direction(code) for code in plane])
    affine[:3, 2] = np.eye(3)[missing]
    image = np.arange(30.0).reshape(5, 6)
    layer = layer_of(Scan(image, Grid((5, 6), affine)))
    assert layer.axis_labels == axis_labels
    assert layer.ndim == 2


def test_unknown_place_is_shown_as_if_voxels_had_1_mm(rng):
    values = softmax(rng, (4, 6, 7, 8))
    layer = layer_of(ProbabilityMap(values, tuple("abcd")))
    assert layer.data.shape == (4, 8, 7, 6)
    assert [str(unit) for unit in layer.units] == ["pixel"] + ["millimeter"] * 3
    assert tuple(layer.scale) == (1, 1, 1, 1)


def test_contrast_leaves_out_the_brightest(rng):
    data = rng.random((20, 20, 20))
    data[0, 0, 0] = 1e6
    layer = layer_of(Scan(data, Grid(data.shape, np.eye(4))))
    assert layer.contrast_limits[1] < 2


@pytest.mark.parametrize("value", [0, 7, np.nan])
def test_constant_image_can_be_shown(value):
    layer = layer_of(Scan(np.full((3, 3, 3), value), Grid((3, 3, 3), np.eye(4))))
    low, high = layer.contrast_limits
    assert low < high
