"""Agreement of a prediction and a segmentation, against counting every voxel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_uncertainty import InputError
from napari_uncertainty.compare import agreement
from napari_uncertainty.compare.agreement import Comparison, iter_as_classes
from napari_uncertainty.engine.blocks import box_of
from napari_uncertainty.model.placement import Placement
from napari_uncertainty.steps import run
from support.phantoms import (
    FLAT_ORIENTATIONS,
    ORIENTATIONS,
    agreement_voxel_by_voxel,
    asymmetric,
    disguised,
)

lengths = st.integers(1, 5)
boxes = st.tuples(lengths, lengths, lengths)


def random_labels(seed, shape, background):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, shape).astype(np.uint8)
    labels[rng.random(shape) < background] = 0
    return labels


@settings(deadline=None, max_examples=200)
@given(
    way=st.sampled_from(ORIENTATIONS),
    shapes=st.tuples(boxes, boxes),
    offset=st.tuples(*[st.integers(-6, 6)] * 3),
    seed=st.integers(0, 2**32 - 1),
    background=st.sampled_from([0, 0.5, 0.9, 1]),
)
def test_agreement_is_exact(way, shapes, offset, seed, background):
    """Crops, and boxes that lie partly or wholly outside, included."""
    prediction = random_labels(seed, shapes[0], background)
    labels = random_labels(seed + 1, shapes[1], background)
    found = Comparison.of(prediction, labels).agreement(Placement(*way, offset))
    overall, foreground = agreement_voxel_by_voxel(prediction, labels, *way, offset)
    assert found.overall == pytest.approx(overall, abs=1e-12)
    assert found.foreground == pytest.approx(foreground, abs=1e-12)


@pytest.mark.parametrize(("order", "flips"), FLAT_ORIENTATIONS, ids=str)
def test_agreement_of_flat_images_is_exact(order, flips):
    prediction = random_labels(1, (5, 4), 0.3)
    labels = random_labels(2, (7, 8), 0.3)
    for offset in [(0, 0), (2, 3), (-2, 5)]:
        placement = Placement(order, flips, offset)
        found = Comparison.of(prediction, labels).agreement(placement)
        expected = agreement_voxel_by_voxel(prediction, labels, order, flips, offset)
        assert (found.overall, found.foreground) == pytest.approx(expected)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("voxels", [1, 7, 100])
def test_pieces_make_no_difference(monkeypatch, voxels, order):
    monkeypatch.setattr(agreement, "SLAB_VOXELS", voxels)
    prediction = np.asarray(random_labels(3, (6, 5, 4), 0.3), order=order)
    labels = random_labels(4, (4, 6, 5), 0.3)
    way = (2, 0, 1), (1, -1, 1)
    found = Comparison.of(prediction, labels).agreement(Placement(*way, (0, 0, 0)))
    expected = agreement_voxel_by_voxel(prediction, labels, *way, (0, 0, 0))
    assert (found.overall, found.foreground) == pytest.approx(expected)


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS, ids=str)
def test_a_disguise_that_is_undone_agrees_in_all(order, flips):
    labels = asymmetric((8, 9, 10))
    comparison = Comparison.of(disguised(labels, order, flips), labels)
    found = comparison.agreement(Placement(order, flips, (0, 0, 0)))
    assert (found.overall, found.foreground) == (1, 1)


def test_neither_has_foreground_is_agreement_in_all():
    nothing = np.zeros((3, 4, 5), np.uint8)
    found = Comparison.of(nothing, nothing).agreement(Placement.as_it_is(3))
    assert (found.overall, found.foreground) == (1, 1)


def test_foreground_in_one_only_is_agreement_in_nothing():
    nothing, all_of_it = np.zeros((3, 4, 5), np.uint8), np.ones((3, 4, 5), np.uint8)
    for pair in [(nothing, all_of_it), (all_of_it, nothing)]:
        found = Comparison.of(*pair).agreement(Placement.as_it_is(3))
        assert (found.overall, found.foreground) == (0, 0)


@pytest.mark.parametrize("shape", [(6,), (5, 6), (4, 5, 6), (3, 4, 5, 2)])
@pytest.mark.parametrize("share", [0.02, 0.2, 1])
def test_box_holds_all_labels_and_no_smaller_one_does(rng, shape, share):
    labels = (rng.random(shape) < share).astype(np.uint8) * 3
    labels[tuple(n // 2 for n in shape)] = 1
    places = np.argwhere(labels)
    box = box_of(labels)
    assert [side.start for side in box] == places.min(axis=0).tolist()
    assert [side.stop for side in box] == (places.max(axis=0) + 1).tolist()


def test_box_of_nothing_is_empty():
    labels = np.zeros((3, 4), np.uint8)
    assert labels[box_of(labels)].size == 0


def test_comparison_counts_the_foreground_of_both():
    prediction, labels = random_labels(5, (4, 5, 6), 0.5), asymmetric((5, 5, 5))
    found = Comparison.of(prediction, labels).foreground
    assert found == ((prediction > 0).sum(), (labels > 0).sum())


def classes_of(labels, n_classes):
    return run(iter_as_classes(labels, n_classes))


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, bool])
def test_class_numbers_stay(dtype):
    labels = np.array([[0, 1], [1, 0]], dtype)
    classes = classes_of(labels, 4)
    assert classes.tolist() == [[0, 1], [1, 0]]
    assert classes.dtype == dtype


def test_class_numbers_stay_where_some_classes_are_missing():
    assert classes_of(np.array([0, 3, 3, 1]), 4).tolist() == [0, 3, 3, 1]


def test_atlas_numbers_stand_for_classes_in_their_order():
    labels = np.array([[0, 17, 1035], [1035, 53, 0]], np.int32)
    assert classes_of(labels, 4).tolist() == [[0, 1, 3], [3, 2, 0]]


def test_atlas_numbers_stand_for_more_than_256_classes(rng):
    numbers = np.sort(rng.choice(10_000, 700, replace=False))
    order = rng.permutation(np.tile(np.arange(700), 2))
    classes = classes_of(numbers[order], 700)
    np.testing.assert_array_equal(classes, order)
    labels = numbers[order].reshape(10, 14, 10)
    found = Comparison.of(order.reshape(labels.shape), classes_of(labels, 700))
    assert found.agreement(Placement.as_it_is(3)).overall == 1


@pytest.mark.parametrize(
    "labels", [[0, 1, 4], [0, 17, 53], [0, 5, 6, 7, 8], [-1, 0, 1]], ids=str
)
def test_numbers_that_cannot_be_classes_are_refused(labels):
    with pytest.raises(InputError, match="are not the 4 classes") as refusal:
        classes_of(np.array(labels), 4)
    assert ", ".join(map(str, labels)) in str(refusal.value)


def test_refusal_lists_only_the_first_numbers():
    with pytest.raises(InputError, match=r"labels 10, 20, 30, 40, 50, 60 …,"):
        classes_of(np.arange(10, 100, 10), 4)


def test_labels_that_are_no_whole_numbers_are_refused():
    with pytest.raises(InputError, match="float32"):
        classes_of(np.zeros((2, 2), np.float32), 4)
