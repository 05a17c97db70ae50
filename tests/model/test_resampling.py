"""Values of one grid on another, against closed forms and voxel by voxel."""

import numpy as np
import pytest
from nibabel.affines import apply_affine
from scipy.ndimage import map_coordinates

from napari_uncertainty import Grid
from napari_uncertainty.compare import resampling
from napari_uncertainty.compare.resampling import iter_resample
from napari_uncertainty.steps import run
from support.generated import OBLIQUE
from support.phantoms import asymmetric, nearest_voxels

SHAPE = (9, 10, 11)


def leaning(degrees, zooms, origin):
    """Turned about the first two axes."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = np.eye(4)
    about_x = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
    affine[:3, :3] = about_x @ about_y * zooms
    affine[:3, 3] = origin
    return affine


# In the middle of OBLIQUE, and sticking out of it.
MIDDLE = apply_affine(OBLIQUE, (4, 4.5, 5))
TILTED = leaning(25, (0.7, 1.1, 1.3), MIDDLE - (4, 5, 6))


def resampled(values, source, target, shape, **options):
    return run(
        iter_resample(values, Grid(SHAPE, source), Grid(shape, target), **options)
    )


def source_places(source, target, shape):
    """Where the target's voxels are among those of the source, shape (*shape, 3)."""
    places = apply_affine(target, np.moveaxis(np.indices(shape), 0, -1))
    return apply_affine(np.linalg.inv(source), places)


@pytest.mark.parametrize("target", [TILTED, OBLIQUE[:, [2, 0, 1, 3]]])
def test_linear_function_of_position_is_reproduced_inside(target):
    def height(ras):
        return ras @ (0.3, -0.7, 0.2) + 5

    shape = (12, 13, 14)
    values = height(apply_affine(OBLIQUE, np.moveaxis(np.indices(SHAPE), 0, -1)))
    found = resampled(values, OBLIQUE, target, shape)
    expected = height(apply_affine(target, np.moveaxis(np.indices(shape), 0, -1)))
    at = source_places(OBLIQUE, target, shape)
    inside = ((at >= 0) & (at <= np.array(SHAPE) - 1)).all(axis=-1)
    assert 200 < inside.sum() < inside.size
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-4)
    assert found.dtype == np.float32


def test_interpolation_is_scipys_at_all_places(rng):
    values, shape = rng.random(SHAPE), (12, 13, 14)
    at = np.moveaxis(source_places(OBLIQUE, TILTED, shape), -1, 0)
    expected = map_coordinates(values, at, order=1, mode="grid-constant", cval=-3)
    found = resampled(values, OBLIQUE, TILTED, shape, fill=-3)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint16, bool])
def test_labels_are_those_of_the_nearest_voxel(rng, dtype):
    labels = rng.integers(0, 2 if dtype is bool else 100, SHAPE).astype(dtype)
    shape = (12, 13, 14)
    expected, undecided = nearest_voxels(labels, OBLIQUE, TILTED, shape)
    found = resampled(labels, OBLIQUE, TILTED, shape, nearest=True)
    assert found.dtype == dtype
    assert undecided.mean() < 0.01
    assert 0.1 < (expected != 0).mean() < 0.99
    np.testing.assert_array_equal(found[~undecided], expected[~undecided])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_labels_that_are_stored_as_floats_keep_their_numbers(dtype):
    labels = (asymmetric(SHAPE) * 500.0).astype(dtype)
    found = resampled(labels, OBLIQUE, OBLIQUE, SHAPE, nearest=True)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, labels)


@pytest.mark.parametrize("nearest", [True, False])
@pytest.mark.parametrize("affine", [np.eye(4), np.diag([2, -0.5, 4, 1.0])])
def test_own_grid_changes_no_bit(rng, affine, nearest):
    values = rng.random(SHAPE, np.float32)
    found = resampled(values, affine, affine, SHAPE, nearest=nearest)
    assert found.tobytes() == values.tobytes()


def test_own_tilted_grid_changes_no_label_and_no_value_by_more_than_rounding(rng):
    values, labels = rng.random(SHAPE, np.float32), asymmetric(SHAPE)
    found = resampled(labels, OBLIQUE, OBLIQUE, SHAPE, nearest=True)
    np.testing.assert_array_equal(found, labels)
    found = resampled(values, OBLIQUE, OBLIQUE, SHAPE)
    np.testing.assert_allclose(found, values, atol=1e-6)


@pytest.mark.parametrize("further", [(3,), (2, 2)])
@pytest.mark.parametrize("nearest", [True, False])
def test_further_axes_stay_and_each_place_is_resampled_alone(rng, further, nearest):
    values, shape = rng.random((*SHAPE, *further), np.float32), (5, 6, 7)
    found = resampled(values, OBLIQUE, TILTED, shape, nearest=nearest)
    assert found.shape == shape + further
    for place in np.ndindex(further):
        alone = resampled(
            values[(..., *place)], OBLIQUE, TILTED, shape, nearest=nearest
        )
        np.testing.assert_array_equal(found[(..., *place)], alone)


@pytest.mark.parametrize(
    "dtype", [np.float16, np.uint8, np.int16, bool, ">f4", ">i2", np.float64]
)
def test_any_type_is_interpolated_in_float32(rng, dtype):
    values = (rng.random(SHAPE) * 2).astype(dtype)
    shape = (12, 13, 14)
    at = np.moveaxis(source_places(OBLIQUE, TILTED, shape), -1, 0)
    expected = map_coordinates(
        values.astype(np.float64), at, order=1, mode="grid-constant"
    )
    found = resampled(values, OBLIQUE, TILTED, shape)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_labels_of_foreign_byte_order_are_taken():
    labels = (asymmetric(SHAPE) * 300.0).astype(">i2")
    found = resampled(labels, OBLIQUE, OBLIQUE, SHAPE, nearest=True)
    np.testing.assert_array_equal(found, labels.astype(int))


@pytest.mark.parametrize(
    ("nearest", "dtype", "fill"),
    [(True, np.int16, -7), (True, np.uint8, 9), (False, np.float32, -1000)],
)
def test_outside_is_filled(nearest, dtype, fill):
    away = TILTED.copy()
    away[:3, 3] += 500
    values = np.ones(SHAPE, dtype)
    found = resampled(values, OBLIQUE, away, (3, 4, 5), nearest=nearest, fill=fill)
    assert (found == fill).all()


@pytest.mark.parametrize(("beyond", "label"), [(0.4, 5), (0.6, 0)])
@pytest.mark.parametrize("side", [0, 1])
def test_labels_end_half_a_voxel_beyond_the_last_centre(beyond, label, side):
    labels = np.full(SHAPE, 5, np.uint8)
    place = np.eye(4)
    place[0, 3] = SHAPE[0] - 1 + beyond if side else -beyond
    found = resampled(labels, np.eye(4), place, (1, 1, 1), nearest=True)
    assert found.item() == label


@pytest.mark.parametrize("nearest", [True, False])
def test_flat_image_is_resampled_within_its_plane(rng, nearest):
    values, aside = rng.random((6, 7)).astype(np.float32), np.eye(4)
    aside[:2, 3] = 0.25, 1.5 - 1e-3
    steps = iter_resample(
        values, Grid((6, 7), np.eye(4)), Grid((4, 4), aside), nearest=nearest
    )
    at = np.indices((4, 4)) + aside[:2, 3].reshape(2, 1, 1)
    expected = map_coordinates(values, at, order=0 if nearest else 1)
    found = run(steps)
    assert found.shape == (4, 4)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_flat_image_with_time_is_resampled():
    values = np.arange(24).reshape(3, 4, 2)
    grid = Grid((3, 4), np.eye(4))
    found = run(iter_resample(values, grid, grid, nearest=True))
    np.testing.assert_array_equal(found, values)


def test_slice_of_a_volume_and_volume_of_a_slice():
    volume = asymmetric(SHAPE)
    at_third = OBLIQUE.copy()
    at_third[:3, 3] = apply_affine(OBLIQUE, (0, 0, 3))
    whole, flat = Grid(SHAPE, OBLIQUE), Grid(SHAPE[:2], at_third)
    found = run(iter_resample(volume, whole, flat, nearest=True))
    np.testing.assert_array_equal(found, volume[:, :, 3])
    back = run(iter_resample(found, flat, whole, nearest=True))
    expected = np.zeros_like(volume)
    expected[:, :, 3] = volume[:, :, 3]
    np.testing.assert_array_equal(back, expected)


@pytest.mark.parametrize("voxels", [1, 500])
@pytest.mark.parametrize("nearest", [True, False])
def test_pieces_make_no_difference(monkeypatch, rng, voxels, nearest):
    values, shape = rng.random(SHAPE), (12, 13, 14)
    whole = resampled(values, OBLIQUE, TILTED, shape, nearest=nearest)
    monkeypatch.setattr(resampling, "SLAB_VOXELS", voxels)
    pieces = resampled(values, OBLIQUE, TILTED, shape, nearest=nearest)
    np.testing.assert_allclose(pieces, whole, atol=1e-6)


def test_share_done_grows_to_all_of_it(monkeypatch):
    monkeypatch.setattr(resampling, "SLAB_VOXELS", 1)
    grid = Grid(SHAPE, OBLIQUE)
    values = np.zeros((*SHAPE, 2))
    shares = list(iter_resample(values, grid, grid))
    np.testing.assert_allclose(shares, np.arange(19) / 18)
