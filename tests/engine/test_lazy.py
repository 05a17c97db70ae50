"""Dask and zarr arrays: lazy in, lazy out, and computed into memory or a file."""

import threading

import dask
import dask.array as da
import numpy as np
import pytest
import zarr
from scipy.special import entr, expit

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.engine import dask_arrays
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.model.interpretation import Interpretation
from support.folds import run
from support.generated import softmax
from support.many_cases import PATIENCE

# What is known before anything is computed is told at once.
TOLD = pytest.mark.filterwarnings(
    "ignore:The values (run|reach|were multiplied)"
    ":napari_uncertainty.UncertaintyWarning"
)


@pytest.fixture
def values(rng):
    return softmax(rng, (5, 12, 13, 14))


def test_nothing_is_computed_until_it_is_needed(values):
    made = []

    def watch(block):
        made.append(block.shape)
        return block

    source = da.from_array(values, (2, 6, 7, 7)).map_blocks(watch, meta=values[:0])
    maps = nu.uncertainty(source, ("entropy", "margin"))
    assert made == []
    assert maps["margin"].shape == values.shape[1:]
    assert maps["margin"].dtype == np.float32
    assert maps.prediction.dtype == np.uint8
    assert maps.no_data.dtype == bool
    maps["entropy"][0, 0, 0].compute()
    assert len(made) == 3  # the class chunks of one chunk of voxels


def test_zarr_gives_dask(values):
    stored = zarr.create_array({}, shape=values.shape, chunks=(1, 6, 7, 7), dtype="f4")
    stored[:] = values
    lazy = nu.entropy(stored)
    assert isinstance(lazy, da.Array)
    np.testing.assert_allclose(lazy, nu.entropy(values), atol=1e-6)


def test_several_results_share_the_work(values):
    source = da.from_array(values, (5, 6, 7, 7))
    maps = nu.uncertainty(source, ("entropy", "gini"))
    entropy, gini = dask.compute(maps["entropy"], maps["gini"])
    np.testing.assert_allclose(entropy, nu.entropy(values), atol=1e-6)
    np.testing.assert_allclose(
        gini, nu.uncertainty(values, ("gini",))["gini"], atol=1e-6
    )


def test_lazy_whole_numbers_give_the_maps_of_an_array(values):
    stored = np.rint(values * 255).astype(np.uint8)
    lazy = nu.uncertainty(da.from_array(stored, (3, 6, 7, 7)))
    np.testing.assert_allclose(lazy["entropy"], nu.entropy(stored), atol=1e-6)
    assert lazy.sum_tolerance == pytest.approx(5 / 255)
    assert lazy.sums_message is None


def test_label_maps_are_refused(rng):
    labels = da.from_array(rng.integers(0, 9, (3, 8, 8, 8), dtype=np.uint8), 4)
    with pytest.raises(InputError, match="look like a label map"):
        nu.entropy(labels)


def test_voxels_without_data_are_left_out_of_a_lazy_map(values):
    values[:, 0] = 0
    values[2, 1, 1, 1] = np.nan
    maps = nu.uncertainty(da.from_array(values, (2, 5, 5, 5)))
    expected = np.zeros(values.shape[1:], bool)
    expected[0] = expected[1, 1, 1] = True
    np.testing.assert_array_equal(maps.no_data, expected)
    assert not maps["entropy"].compute()[expected].any()


def test_negative_values_are_refused(values):
    values[1, 2, 3, 4] = -1
    with pytest.raises(InputError, match="cannot be negative"):
        nu.entropy(da.from_array(values, (2, 5, 5, 5))).compute()
    with pytest.raises(InputError, match="cannot be negative"):
        run(iter_fold(da.from_array(values, (2, 5, 5, 5))))


def test_sums_that_are_not_1_are_known_once_computed(values):
    maps = nu.uncertainty(da.from_array(values * 3, (2, 5, 5, 5)))
    assert float(maps.largest_sum_deviation) == pytest.approx(2, abs=1e-5)
    assert "differ by up to 2" in maps.sums_message


def test_a_lazy_array_is_computed_with_rising_progress(values):
    shares, maps = run(iter_fold(da.from_array(values, (2, 5, 5, 5)), threads=2))
    assert shares == sorted(shares)
    assert shares[-1] == 1
    assert type(maps["entropy"]) is np.ndarray
    np.testing.assert_allclose(maps["entropy"], nu.entropy(values), atol=1e-6)


def test_closing_between_chunks_computes_no_further_ones(values, ending):
    """No chunk is made after those at hand."""
    made = []

    def slow(block):
        if threading.current_thread().name.startswith("fold"):  # not for a first look
            made.append(1)
            assert ending.wait(PATIENCE)
        return block

    source = da.from_array(values, (5, 2, 2, 2)).map_blocks(slow, meta=values[:0])
    fold = iter_fold(source, threads=2)
    for _ in fold:
        if made:
            break
    fold.close()
    # What dask had handed out by then: so much for each of its threads, and one more.
    assert 0 < len(made) <= 4 < source.npartitions


def test_maps_that_do_not_fit_into_memory_lie_in_a_file(values, monkeypatch, tmp_path):
    monkeypatch.setattr(dask_arrays, "available_memory", lambda: 1000)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    _, maps = run(iter_fold(da.from_array(values, (2, 5, 5, 5))))
    assert isinstance(maps["entropy"].base, np.memmap)
    np.testing.assert_allclose(maps["entropy"], nu.entropy(values), atol=1e-6)


def test_a_full_disk_for_a_large_map_is_told_with_the_folder(
    values, monkeypatch, tmp_path
):
    def full(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(dask_arrays, "available_memory", lambda: 1000)
    monkeypatch.setattr("os.posix_fallocate", full)
    with pytest.raises(InputError, match=r"No space left on device.*TMPDIR"):
        run(iter_fold(da.from_array(values, (2, 5, 5, 5))))


def test_an_array_without_voxels_is_refused():
    with pytest.raises(InputError, match="holds no voxels"):
        nu.entropy(da.zeros((3, 0, 4)))


def overshooting(values):
    """A softmax as splines leave it, and by float64 what it should be."""
    moved = values.astype(float)
    moved[:, :, :6] = np.eye(5)[0].reshape(5, 1, 1, 1)
    moved[1, :, :6] -= np.linspace(0, 0.04, 12).reshape(12, 1, 1)
    moved[0] += 1 - moved.sum(axis=0)
    moved = moved.astype(np.float32)
    p = np.clip(moved.astype(float), 0, 1)
    return moved, entr(p / p.sum(axis=0)).sum(axis=0) / np.log(2)


@pytest.mark.parametrize("kind", ["softmax", "auto"])
def test_overshoot_is_clipped_chunk_by_chunk(values, kind):
    moved, truth = overshooting(values)
    maps = nu.uncertainty(da.from_array(moved, (2, 5, 6, 5)), kind=kind)
    np.testing.assert_allclose(maps["entropy"], truth, atol=2e-6)
    assert "were clipped to 0 to 1" in " ".join(maps.messages)
    in_memory = run(iter_fold(moved, ("entropy",), Interpretation(kind=kind)))[1]
    np.testing.assert_array_equal(maps.prediction, in_memory.prediction)
    assert len(maps.messages) == len(in_memory.messages) == 1


def test_where_nothing_overshoots_nothing_is_told(values):
    moved, _ = overshooting(values)
    inside = da.from_array(moved[:, :, 6:], (2, 5, 6, 5))
    assert nu.uncertainty(inside).messages == []


def test_a_voxel_that_sums_to_something_else_is_no_overshoot(values):
    moved, _ = overshooting(values)
    moved[2, 3, 8, 4] = -0.04
    with pytest.raises(InputError, match="cannot be negative"):
        nu.entropy(da.from_array(moved, (2, 5, 6, 5))).compute()


@TOLD
@pytest.mark.parametrize("kind", ["sigmoid", "auto"])
def test_overshoot_of_channels_is_clipped(rng, kind):
    moved = (1.06 * rng.random((3, 12, 13, 14)) - 0.03).astype(np.float32)
    q = np.clip(moved.astype(float), 0, 1)
    truth = (entr(q) + entr(1 - q)).sum(axis=0) / np.log(2)
    maps = nu.uncertainty(da.from_array(moved, (2, 5, 6, 5)), kind=kind)
    assert maps.kind == "sigmoid"
    np.testing.assert_allclose(maps["entropy"], truth, atol=2e-6)
    assert "were clipped to 0 to 1" in " ".join(maps.messages)


@TOLD
@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
@pytest.mark.parametrize("kind", ["foreground", "auto"])
def test_per_cents_of_a_channel_are_taken_for_shares(rng, kind, dtype):
    q = np.rint(100 * expit(3 * rng.standard_normal((1, 12, 13, 14))))
    q.flat[:2] = 0, 100
    truth = (entr(q / 100) + entr(1 - q / 100))[0] / np.log(2)
    maps = nu.uncertainty(da.from_array(q.astype(dtype), (1, 5, 6, 5)), kind=kind)
    np.testing.assert_allclose(maps["entropy"], truth, atol=2e-6)
    assert "taken for per cents" in " ".join(maps.messages)
    assert maps.scale == 100


@TOLD
def test_per_cents_of_a_softmax_are_known_where_it_is_looked_at(values):
    maps = nu.uncertainty(da.from_array(100 * values, (2, 5, 6, 5)), kind="auto")
    np.testing.assert_allclose(maps["entropy"], nu.entropy(values), atol=2e-6)
    assert maps.scale == 100
    assert maps.sums_message is None
    _, computed = run(iter_fold(da.from_array(100 * values, (2, 5, 6, 5))))
    assert computed.sums_message is None
