"""A prediction against a segmentation that lies in any way, or in none."""

import numpy as np
import pytest
from nibabel.affines import apply_affine
from nibabel.orientations import apply_orientation, inv_ornt_aff

from napari_uncertainty import Grid
from napari_uncertainty.checks.place import check_comparison
from napari_uncertainty.compare.segmentation import (
    Segmentation,
    iter_compare,
    iter_labels_at,
    on_prediction,
)
from napari_uncertainty.model.placement import Placement
from napari_uncertainty.steps import run
from support.generated import OBLIQUE
from support.phantoms import (
    FLAT_ORIENTATIONS,
    ORIENTATIONS,
    agreement_voxel_by_voxel,
    asymmetric,
    disguised,
    nearest_voxels,
    symmetric,
    target_index,
    with_errors,
)

SHAPE = (16, 18, 20)
AFFINE = OBLIQUE
GRID = Grid(SHAPE, AFFINE)
AS_IT_IS = Placement.as_it_is(3)


def compare(prediction, grid, *args, **options):
    return run(iter_compare(prediction, 4, grid, Segmentation(*args, **options)))


def to_the_end(steps):
    """All further shares, and the result."""
    results = []

    def taken():
        results.append((yield from steps))

    return list(taken()), results[0]


def shifted(affine, voxels):
    moved = affine.copy()
    moved[:3, 3] = apply_affine(affine, voxels)
    return moved


def levels(compared):
    return {check.name: check.level for check in check_comparison(compared)}


def test_on_the_same_grid_agreement_is_counted_voxel_by_voxel(rng):
    labels = asymmetric(SHAPE)
    prediction = with_errors(labels, rng)
    found = compare(prediction, GRID, labels, GRID)
    np.testing.assert_array_equal(found.foreground, labels)
    overall, foreground = agreement_voxel_by_voxel(
        prediction, labels, (0, 1, 2), (1, 1, 1), (0, 0, 0)
    )
    as_loaded = found.search.as_loaded
    assert as_loaded.placement == AS_IT_IS
    assert as_loaded.agreement.overall == pytest.approx(overall)
    assert as_loaded.agreement.foreground == pytest.approx(foreground)
    assert found.search.better is None
    assert levels(found) == {"agreement": "amber", "orientation": "green"}
    assert found.onto.labels is labels


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::4], ids=str)
def test_the_same_voxels_in_another_order_agree(order, flips):
    labels = asymmetric(SHAPE)
    orientation = np.array(list(zip(order, flips, strict=True)))
    stored = apply_orientation(labels, orientation)
    grid = Grid(stored.shape, AFFINE @ inv_ornt_aff(orientation, SHAPE))
    found = compare(labels, GRID, stored, grid)
    np.testing.assert_array_equal(found.foreground, labels)
    np.testing.assert_array_equal(found.search.as_loaded.placement.turn(labels), stored)
    assert found.search.better is None
    assert levels(found) == {"agreement": "green", "orientation": "green"}


def test_prediction_is_a_crop_of_the_segmentation():
    labels = asymmetric(SHAPE)
    box = (slice(2, 15), slice(3, 12), slice(1, 19))
    prediction = labels[box]
    grid = Grid(prediction.shape, shifted(AFFINE, (2, 3, 1)))
    found = compare(prediction, grid, labels, GRID)
    np.testing.assert_array_equal(found.foreground, prediction)
    assert found.search.as_loaded.placement == AS_IT_IS.shifted((2, 3, 1))
    assert found.search.better is None


def test_segmentation_is_a_crop_of_the_prediction():
    prediction = asymmetric(SHAPE)
    box = (slice(1, 16), slice(2, 17), slice(2, 18))
    grid = Grid(prediction[box].shape, shifted(AFFINE, (1, 2, 2)))
    found = compare(prediction, GRID, prediction[box], grid)
    expected = np.zeros_like(prediction)
    expected[box] = prediction[box]
    np.testing.assert_array_equal(found.foreground, expected)
    assert found.search.as_loaded.placement.offset == (-1, -2, -2)
    assert found.search.as_loaded.agreement.foreground == (
        np.count_nonzero(expected) / np.count_nonzero(prediction)
    )


def tilted_affine():
    """Turned by 8 degrees about the first axis, in voxels of another size."""
    c, s = np.cos(np.radians(8)), np.sin(np.radians(8))
    turn = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    middle = apply_affine(AFFINE, (np.array(SHAPE) - 1) / 2)
    affine = np.eye(4)
    affine[:3, :3] = turn * (0.9, 1.2, 1.1)
    affine[:3, 3] = middle - affine[:3, :3] @ (21, 17, 14)
    return affine


def test_other_voxel_size_and_tilt_are_taken_at_the_nearest_voxels():
    labels, shape = asymmetric(SHAPE), (43, 35, 29)
    grid = Grid(shape, tilted_affine())
    expected, undecided = nearest_voxels(labels, AFFINE, grid.affine, shape)
    assert np.count_nonzero(expected) > 1000
    found = compare(expected, grid, labels, GRID)
    np.testing.assert_array_equal(found.foreground[~undecided], expected[~undecided])
    assert found.search.as_loaded.placement == AS_IT_IS
    assert found.search.as_loaded.agreement.foreground > 0.999
    assert levels(found) == {"agreement": "green", "orientation": "green"}
    # It is compared at the prediction's voxels.
    assert found.onto.grid is grid
    assert found.onto.labels.shape == shape
    assert found.resampled


def test_unknown_place_and_equal_shape_are_taken_voxel_on_voxel():
    labels = asymmetric(SHAPE)
    for grid, other in [(None, None), (GRID, None), (None, GRID)]:
        found = compare(labels, grid, labels, other)
        np.testing.assert_array_equal(found.foreground, labels)
        assert found.search.as_loaded.placement == AS_IT_IS
        assert found.search.as_loaded.agreement.foreground == 1


@pytest.mark.parametrize("other", [None, GRID], ids=["unknown", "known"])
def test_unknown_place_and_another_shape_leave_it_to_the_search(other):
    labels = asymmetric(SHAPE)
    order, flips = (2, 0, 1), (-1, 1, 1)
    found = compare(disguised(labels, order, flips), None, labels, other)
    assert found.foreground is None
    assert found.search.as_loaded is None
    assert found.search.better.placement == Placement(order, flips, (0, 0, 0))
    assert levels(found) == {"agreement": "amber", "orientation": "amber"}


def test_what_is_claimed_counts_where_no_grids_tell():
    labels = asymmetric((18, 18, 18))
    claimed = Placement((2, 1, 0), (1, 1, 1), (0, 0, 0))
    prediction = disguised(labels, (2, 1, 0), (1, 1, 1))
    found = compare(prediction, None, labels, claimed=claimed)
    assert found.search.as_loaded.placement == claimed
    assert found.search.as_loaded.agreement.foreground == 1
    np.testing.assert_array_equal(found.foreground, prediction)


def test_grids_count_more_than_what_is_claimed():
    labels = asymmetric((18, 18, 18))
    grid = Grid(labels.shape, AFFINE)
    claimed = Placement((2, 1, 0), (1, 1, 1), (0, 0, 0))
    found = compare(labels, grid, labels, grid, claimed=claimed)
    assert found.search.as_loaded.placement == AS_IT_IS


def test_wrong_order_of_the_axes_is_told():
    labels = asymmetric((18, 18, 18))
    prediction = labels.transpose(2, 1, 0)
    grid = Grid(labels.shape, AFFINE)
    found = compare(prediction, grid, labels, grid, "case.nii.gz")
    assert found.search.better.placement.describe() == "axes reversed"
    assert levels(found) == {"agreement": "red", "orientation": "red"}
    # What the files claim is what the foreground goes by.
    np.testing.assert_array_equal(found.foreground, labels)
    assert "'case.nii.gz'" in check_comparison(found)[0].sentence


def test_directions_are_named_only_for_a_patient():
    labels = symmetric((18, 18, 18))
    # The first axis of OBLIQUE runs to Posterior, the third to Left.
    labels = np.moveaxis(labels, 0, 2)
    grid = Grid(labels.shape, AFFINE)
    patient = compare(labels, grid, labels, grid)
    assert "mirrored left–right" in check_comparison(patient)[1].sentence
    for found in [
        compare(labels, grid, labels, grid, anatomical=False),
        compare(labels, grid, labels, None),
    ]:
        assert "mirrored" not in check_comparison(found)[1].sentence
        assert "third axis flipped" in check_comparison(found)[1].sentence


def test_further_axes_are_compared_as_they_lie(rng):
    labels = np.stack([asymmetric((7, 8, 9)), symmetric((7, 8, 9))], axis=-1)
    prediction = with_errors(labels, rng)
    found = compare(prediction, None, labels)
    np.testing.assert_array_equal(found.foreground, labels)
    assert found.search is None
    [check] = check_comparison(found)
    assert check.name == "agreement"
    assert check.numbers["overall"] == pytest.approx((prediction == labels).mean())


def test_further_axes_of_the_segmentation_only_leave_nothing_to_compare():
    labels = asymmetric((7, 8, 9))
    found = compare(labels, None, np.stack([labels] * 3, axis=-1))
    assert found.foreground is None
    assert found.search is None
    assert levels(found) == {"agreement": "amber"}


@pytest.mark.parametrize("aside", [0, 0.3], ids=["same voxels", "others"])
def test_segmentation_over_time_of_a_prediction_without_is_told_and_no_crash(aside):
    labels = asymmetric((7, 8, 9))
    over_time = np.stack([labels] * 3, axis=-1)
    grid, other = (
        Grid((7, 8, 9), AFFINE),
        Grid((7, 8, 9), shifted(AFFINE, (aside,) * 3)),
    )
    found = compare(labels, grid, over_time, other)
    assert levels(found) == {"agreement": "amber"}


def test_moments_of_a_prediction_and_of_a_segmentation_are_not_taken_for_the_same():
    labels = np.stack([asymmetric((7, 8, 9))] * 3, axis=-1)
    grid = Grid((7, 8, 9), AFFINE)
    found = compare(labels, grid, labels, grid)
    assert found.foreground is None
    assert levels(found) == {"agreement": "amber"}


@pytest.mark.parametrize(
    "placed", [True, False], ids=["as the files say", "where it is unknown"]
)
def test_labels_that_are_no_classes_are_told_and_still_tell_foreground(placed):
    labels = asymmetric(SHAPE).astype(np.int16) * 1000
    labels[0, 0, 0] = 17
    grid = GRID if placed else None
    found = compare(asymmetric(SHAPE), grid, labels, grid)
    np.testing.assert_array_equal(found.foreground, labels)
    assert found.search is None
    assert levels(found) == {"agreement": "red"}
    assert "0, 17, 1000, 2000, 3000" in check_comparison(found)[0].sentence


def test_atlas_numbers_are_compared_in_their_order():
    labels = np.array([0, 12, 1035, 2035])[asymmetric(SHAPE)]
    found = compare(asymmetric(SHAPE), GRID, labels, GRID)
    assert found.search.as_loaded.agreement.foreground == 1
    np.testing.assert_array_equal(found.foreground != 0, labels != 0)


def test_atlas_numbers_stand_for_the_same_classes_where_a_part_has_not_all():
    """Taken at other voxels, some labels may be gone; the others keep their classes."""
    labels = asymmetric(SHAPE)
    atlas = np.array([0, 12, 1035, 2035])[labels]
    # Half voxels, from a side of the head that has not all classes.
    affine = shifted(AFFINE @ np.diag([0.5, 0.5, 0.5, 1]), (3, 15, 9))
    shape = (8, 20, 24)
    expected, _ = nearest_voxels(labels, AFFINE, affine, shape)
    present = np.unique(expected)
    assert 0 in present
    assert 1 < len(present) < 4
    found = compare(expected, Grid(shape, affine), atlas, GRID)
    assert found.search is not None, check_comparison(found)
    assert found.search.as_loaded.agreement.foreground > 0.99


def test_atlas_numbers_that_are_no_classes_are_told_wherever_they_lie():
    """Far away, and so compared with nothing but background at first."""
    atlas = np.array([0, 12, 12, 1035])[asymmetric(SHAPE)]
    away = Grid(SHAPE, shifted(AFFINE, (500.5, 0, 0)))
    found = compare(asymmetric(SHAPE), away, atlas, GRID)
    assert levels(found) == {"agreement": "red"}
    assert "0, 12, 1035" in check_comparison(found)[0].sentence


ELSEWHERE = {
    "far away": shifted(AFFINE, (300.5, 0, 0)),
    "aside": shifted(AFFINE, (4.5, 2.5, 0)),
    "other voxels": np.diag([3, 3, 3, 1.0]),
}


@pytest.mark.parametrize("affine", ELSEWHERE.values(), ids=ELSEWHERE)
def test_same_voxels_under_headers_that_put_them_elsewhere_are_found(affine):
    labels = asymmetric(SHAPE)
    found = compare(labels, Grid(SHAPE, affine), labels, GRID, "seg")
    assert found.search.as_loaded.agreement.foreground < 0.5
    assert found.search.better.placement == AS_IT_IS
    assert found.search.better.agreement.foreground == 1
    assert found.onto.labels is labels
    assert not found.resampled
    assert levels(found) == {"agreement": "red", "orientation": "red"}
    [sentence] = [
        c.sentence for c in check_comparison(found) if c.name == "orientation"
    ]
    assert "voxel on voxel" in sentence
    assert "100 %" in sentence


def test_turned_voxels_under_headers_that_put_them_elsewhere_are_found():
    labels = asymmetric(SHAPE)
    order, flips = (1, 2, 0), (1, -1, 1)
    prediction = disguised(labels, order, flips)
    grid = Grid(prediction.shape, ELSEWHERE["far away"])
    found = compare(prediction, grid, labels, GRID)
    assert found.search.better.placement == Placement(order, flips, (0, 0, 0))


def test_different_images_in_different_places_belong_nowhere(rng):
    unrelated = np.kron(rng.integers(0, 4, (4, 6, 5)), np.ones((4, 3, 4), int))
    grid = Grid(SHAPE, ELSEWHERE["aside"])
    found = compare(unrelated.astype(np.uint8), grid, asymmetric(SHAPE), GRID)
    assert found.search.better is None
    assert levels(found) == {"agreement": "red", "orientation": "red"}


def test_flat_images_are_compared():
    labels = asymmetric((28, 28))
    grid = Grid(labels.shape, AFFINE)
    found = compare(labels, grid, labels, grid)
    assert found.search.best == found.search.as_loaded
    assert found.search.best.placement == Placement.as_it_is(2)
    np.testing.assert_array_equal(found.foreground, labels)


@pytest.mark.parametrize("height", [9, 500], ids=["through it", "beside it"])
def test_slice_is_compared_with_the_volume_it_cuts(height):
    volume = asymmetric(SHAPE)
    grid = Grid(SHAPE[:2], shifted(AFFINE, (0, 0, height)))
    found = compare(volume[:, :, 9], grid, volume, GRID)
    expected = volume[:, :, 9] if height == 9 else 0 * volume[:, :, 9]
    np.testing.assert_array_equal(found.foreground, expected)
    assert levels(found)["agreement"] == ("green" if height == 9 else "red")


def test_volume_is_compared_with_a_single_slice():
    volume = asymmetric(SHAPE)
    grid = Grid(SHAPE[:2], shifted(AFFINE, (0, 0, 9)))
    found = compare(volume, GRID, volume[:, :, 9], grid)
    expected = np.zeros_like(volume)
    expected[:, :, 9] = volume[:, :, 9]
    np.testing.assert_array_equal(found.foreground, expected)
    assert levels(found)["agreement"] == "red"


@pytest.mark.parametrize("affine", [AFFINE, *ELSEWHERE.values()])
def test_share_done_only_grows(affine):
    labels = asymmetric(SHAPE)
    steps = iter_compare(labels, 4, Grid(SHAPE, affine), Segmentation(labels, GRID))
    shares = list(steps)
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] <= 1


@pytest.mark.parametrize("offset", [(0, 0, 0), (2, 1, 3), (-2, 1, -3), (50, 0, 0)])
@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::3], ids=str)
def test_labels_on_the_prediction_are_those_of_each_voxel(rng, order, flips, offset):
    labels = rng.integers(0, 200, (6, 7, 8)).astype(np.uint8)
    shape = (4, 3, 5)
    found = on_prediction(labels, Placement(order, flips, offset), shape)
    assert found.shape == shape
    assert found.dtype == labels.dtype
    for index in np.ndindex(shape):
        place = target_index(index, shape, order, flips, offset)
        inside = all(0 <= i < n for i, n in zip(place, labels.shape, strict=True))
        assert found[index] == (labels[place] if inside else 0)


@pytest.mark.parametrize(("order", "flips"), FLAT_ORIENTATIONS, ids=str)
def test_labels_on_a_flat_prediction_are_a_view(rng, order, flips):
    labels = rng.integers(0, 200, (6, 7)).astype(np.uint8)
    shape = (6, 7) if order == (0, 1) else (7, 6)
    found = on_prediction(labels, Placement(order, flips, (0, 0)), shape)
    assert np.shares_memory(found, labels)
    np.testing.assert_array_equal(found, disguised(labels, order, flips))


def labels_at(shape, grid, *args, **options):
    return run(iter_labels_at(shape, grid, Segmentation(*args, **options)))


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS, ids=str)
def test_labels_at_the_voxels_of_a_map_in_any_order(rng, order, flips):
    labels = rng.integers(0, 2**31, (5, 6, 7)).astype(np.int32)
    orientation = np.array(list(zip(order, flips, strict=True)))
    stored = apply_orientation(labels, orientation)
    grid = Grid(stored.shape, AFFINE @ inv_ornt_aff(orientation, labels.shape))
    found = labels_at(labels.shape, Grid(labels.shape, AFFINE), stored, grid)
    np.testing.assert_array_equal(found, labels)
    assert found.dtype == np.int32


@pytest.mark.parametrize("shift", [(2, 3, 1), (-2, 1, -3), (50, 0, 0)])
def test_labels_of_a_crop_are_background_beside_it(rng, shift):
    labels = rng.integers(1, 200, (5, 6, 7)).astype(np.uint8)
    shape, affine = (6, 5, 4), shifted(AFFINE, shift)
    found = labels_at(shape, Grid(shape, affine), labels, Grid((5, 6, 7), AFFINE))
    expected, _ = nearest_voxels(labels, AFFINE, np.round(affine, 9), shape)
    np.testing.assert_array_equal(found, expected)


def test_labels_at_the_voxels_of_another_tilt():
    labels = asymmetric(SHAPE)
    affine = tilted_affine()
    shape = (14, 15, 16)
    found = labels_at(shape, Grid(shape, affine), labels, GRID)
    expected, undecided = nearest_voxels(labels, AFFINE, affine, shape)
    np.testing.assert_array_equal(found[~undecided], expected[~undecided])
    assert len(np.unique(found)) > 2


def test_labels_without_a_place_lie_voxel_on_voxel(rng):
    labels = rng.integers(0, 200, (5, 6, 7))
    for grid in (None, Grid((5, 6, 7), AFFINE)):
        found = labels_at((5, 6, 7), None, labels, grid)
        np.testing.assert_array_equal(found, labels)
        assert np.shares_memory(found, labels)
    assert labels_at((5, 6, 8), None, labels) is None
    assert labels_at((5, 6, 7), None, labels, claimed=None) is None


def test_labels_over_time_are_at_no_voxel(rng):
    labels = rng.integers(0, 200, (5, 6, 7, 2))
    grid = Grid((5, 6, 7), AFFINE)
    assert labels_at((5, 6, 7), grid, labels, grid) is None
