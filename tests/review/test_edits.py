"""Changed labels as runs, against plain numpy."""

import tracemalloc

import numpy as np
import pytest

from napari_uncertainty import InputError
from napari_uncertainty.review import apply_runs, changed_voxels, restore, runs_of
from napari_uncertainty.review.edits import as_runs, merged

SHAPES = [(40,), (9, 13), (6, 7, 8), (1, 90, 70), (70, 66, 68)]


def layouts(values):
    """The same values as they may lie in memory."""
    yield values
    yield np.asfortranarray(values)
    yield np.ascontiguousarray(values[::-1])[::-1]
    yield np.moveaxis(np.ascontiguousarray(np.moveaxis(values, 0, -1)), -1, 0)
    wide = np.zeros([2 * n for n in values.shape], values.dtype)
    wide[(slice(None, None, 2),) * values.ndim] = values
    yield wide[(slice(None, None, 2),) * values.ndim]


def painted(rng, labels, strokes=4):
    """Labels with boxes of others, some of which are the original ones again."""
    now = labels.copy()
    for _ in range(strokes):
        box = tuple(
            slice(start, start + rng.integers(1, 5))
            for start in (rng.integers(0, length) for length in labels.shape)
        )
        now[box] = labels[box] if rng.random() < 0.3 else rng.integers(0, 4)
    return now


def by_voxel(original, current):
    """The same with a loop."""
    runs = []
    pairs = zip(original.ravel().tolist(), current.ravel().tolist(), strict=True)
    for index, (before, after) in enumerate(pairs):
        if before == after:
            continue
        if runs and sum(runs[-1][:2]) == index and runs[-1][2] == after:
            runs[-1][1] += 1
        else:
            runs.append([index, 1, after])
    return runs


@pytest.mark.parametrize("shape", SHAPES)
def test_runs_in_every_layout(shape):
    rng = np.random.default_rng(len(shape))
    original = rng.integers(0, 4, shape).astype(np.uint8)
    current = painted(rng, original)
    expected = by_voxel(original, current)
    assert expected
    for before in layouts(original):
        for after in layouts(current.astype(np.int32)):
            runs = runs_of(before, after)
            assert runs.dtype == np.int64
            assert runs.tolist() == expected
    for labels in layouts(original.copy()):
        np.testing.assert_array_equal(labels, original)
        apply_runs(labels, runs)
        np.testing.assert_array_equal(labels, current)
        restore(labels, original, runs)
        np.testing.assert_array_equal(labels, original)


def test_a_run_across_blocks():
    labels = np.zeros((3, 600, 700), np.uint8)
    now = labels.copy()
    now[1:] = 7
    assert runs_of(labels, now).tolist() == [[420_000, 840_000, 7]]
    apply_runs(labels, runs_of(labels, now))
    np.testing.assert_array_equal(labels, now)


def test_no_changes():
    labels = np.ones((4, 4), np.uint8)
    assert runs_of(labels, labels).shape == (0, 3)
    assert runs_of(labels[:0], labels[:0]).shape == (0, 3)
    apply_runs(labels, as_runs([]))
    restore(labels, labels, as_runs([]))
    assert labels.all()


def test_little_memory():
    labels = np.zeros((160, 160, 160), np.uint8)
    now = labels.copy()
    now[80, 80:90, 80:90] = 1
    tracemalloc.start()
    runs = runs_of(labels.transpose(), now.transpose())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert runs[:, 1].sum() == 100
    assert peak < labels.size / 4


def test_other_shapes():
    with pytest.raises(InputError, match="2 × 3 voxels now and had 3 × 2 before"):
        runs_of(np.zeros((3, 2), int), np.zeros((2, 3), int))


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([[5, 2, 1]], "outside of the 2 × 3"),
        ([[0, 1, 300]], "label 300, which labels of the type uint8"),
        ([[0, 1, -1]], "label -1"),
    ],
)
def test_runs_that_do_not_fit(runs, message):
    labels = np.zeros((2, 3), np.uint8)
    with pytest.raises(InputError, match=message):
        apply_runs(labels, as_runs(runs))
    assert not labels.any()


def test_labels_of_one_class():
    labels = np.zeros(4, bool)
    apply_runs(labels, as_runs([[1, 2, 1]]))
    assert labels.tolist() == [False, True, True, False]
    with pytest.raises(InputError, match="label 2"):
        apply_runs(labels, as_runs([[1, 2, 2]]))


@pytest.mark.parametrize(
    "rows",
    [
        [[1, 2]], [[1, 2, 3.5]], [["1", "2", "3"]], [[-1, 2, 3]], [[1, 0, 3]], "abc",
        [[0, 2, 1], [1, 2, 1]], [[5, 1, 1], [0, 1, 1]], [1, 2, 3], None, {},
        [[True, True, True]], [[2**63 - 1, 5, 1]], [[2**70, 1, 1]], [[[1, 2, 3]]],
    ],
)  # fmt: skip
def test_rows_that_are_no_runs(rows):
    with pytest.raises(InputError, match="Changed labels are r"):
        as_runs(rows)


def test_changed_voxels_of_a_ball():
    original = np.zeros((5, 6), np.uint8)
    current = original.copy()
    current[1:3, 1:5] = 2
    box, mask = (slice(0, 3), slice(1, 4)), np.eye(3, dtype=bool)
    assert changed_voxels(original, current, box, mask) == 2  # (1, 2) and (2, 3)


@pytest.mark.parametrize("shape", SHAPES[:3])
@pytest.mark.parametrize("seed", range(30))
def test_merge_as_numpy_would(shape, seed):
    rng = np.random.default_rng(seed)
    original = rng.integers(0, 4, shape).astype(np.uint8)
    base = painted(rng, original, rng.integers(0, 5))
    ours = painted(rng, base, rng.integers(0, 5))
    theirs = painted(rng, base, rng.integers(0, 5))
    for changed in (ours, theirs):  # some of what was changed is taken back
        back = (changed != original) & (rng.random(shape) < 0.2)
        changed[back] = original[back]
    expected = np.where(ours != base, ours, theirs)
    sides = [runs_of(original, labels) for labels in (base, ours, theirs)]
    assert merged(*sides).tolist() == runs_of(original, expected).tolist()
    assert merged(*sides, original).tolist() == runs_of(original, expected).tolist()


def test_runs_that_hold_original_values():
    original = np.array([1, 1, 2, 2])
    whole, nothing = as_runs([[0, 4, 1]]), as_runs([])
    assert merged(nothing, whole, nothing).tolist() == [[0, 4, 1]]
    assert merged(nothing, whole, nothing, original).tolist() == [[2, 2, 1]]
    assert merged(whole, nothing, whole, original).tolist() == []


def test_a_merge_of_huge_volumes_is_sparse():
    far = 10**15
    ours, theirs = as_runs([[far, 5, 1]]), as_runs([[far + 3, 5, 2], [2 * far, far, 3]])
    assert merged(as_runs([]), ours, theirs).tolist() == [
        [far, 5, 1], [far + 5, 3, 2], [2 * far, far, 3],
    ]  # fmt: skip
