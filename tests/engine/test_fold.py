"""The engine: progress, cancel, threads, blocks."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_uncertainty.engine.arrays import ArrayFold
from napari_uncertainty.engine.blocks import REPORT_INTERVAL, in_memory_order, tiles
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.errors import InputError
from support.folds import run
from support.generated import softmax
from support.many_cases import PATIENCE


@pytest.fixture
def large(rng):
    """Enough voxels for many blocks."""
    values = softmax(rng, (3, 8, 128, 128))
    return np.tile(values, (1, 10, 1, 1))


def test_progress_rises_to_one(large):
    shares, maps = run(iter_fold(large))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert maps is not None


def test_thread_count_changes_nothing(large):
    maps = [run(iter_fold(large, threads=n))[1]["entropy"] for n in (1, 2, 5)]
    np.testing.assert_array_equal(maps[0], maps[1])
    np.testing.assert_array_equal(maps[0], maps[2])


def test_thread_count_is_settable(large):
    import napari_uncertainty as nu

    np.testing.assert_array_equal(nu.entropy(large, threads=1), nu.entropy(large))
    with pytest.raises(ValueError, match="At least 1 thread"):
        nu.entropy(large, threads=0)


def test_nothing_is_computed_once_it_is_closed_but_the_blocks_at_hand(
    large, monkeypatch, ending
):
    """So it ends within 200 ms: blocks are small, in processor time."""
    met, took = threading.Barrier(3), []
    fold_block = ArrayFold.fold_block

    def held_up(self, *block):
        met.wait(PATIENCE)
        assert ending.wait(PATIENCE)
        start = time.thread_time()
        deviation = fold_block(self, *block)
        took.append(time.thread_time() - start)
        return deviation

    monkeypatch.setattr(ArrayFold, "fold_block", held_up)
    many = np.tile(large, (8, 1, 1, 1)) / 8
    fold = iter_fold(many, threads=2)
    next(fold)
    met.wait(PATIENCE)
    fold.close()
    assert len(took) == 2
    assert REPORT_INTERVAL + max(took) < 0.2


def test_closed_in_the_middle_ends_its_threads(large):
    fold = iter_fold(large)
    next(fold)
    fold.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("fold")]


def test_an_error_in_one_block_stops_all(large):
    large[1, -1, -1, -1] = -1
    with pytest.raises(InputError, match="negative"):
        run(iter_fold(large))


def test_results_lie_in_memory_like_the_input(large):
    """Maps of a flipped and transposed view are quick to slice alike."""
    view = large[:, ::-1, :, ::-1].transpose(0, 3, 1, 2)
    _, maps = run(iter_fold(view))
    order = np.argsort(np.abs(view.strides[1:]))
    assert list(np.argsort(np.abs(maps["entropy"].strides))) == list(order)


@given(
    st.lists(st.integers(1, 12), min_size=0, max_size=4).map(tuple),
    st.integers(1, 40),
)
def test_tiles_cover_every_voxel_once(shape, voxels):
    seen = np.zeros(shape, int)
    for block in tiles(shape, voxels):
        assert seen[block].size <= voxels
        seen[block] += 1
    assert (seen == 1).all()


@given(st.permutations(range(3)), st.tuples(*[st.sampled_from([1, -1])] * 3))
def test_memory_order_is_undone(order, steps):
    values = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    view = values.transpose(0, *(axis + 1 for axis in order))
    view = view[(slice(None), *(slice(None, None, step) for step in steps))]
    source, restore = in_memory_order(view)
    assert list(source.strides) == sorted(source.strides, reverse=True)
    np.testing.assert_array_equal(restore(source[1]), view[1])
