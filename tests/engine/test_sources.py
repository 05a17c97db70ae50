"""The same values from every source and layout give the same maps."""

import tempfile
from dataclasses import replace
from pathlib import Path

import dask
import dask.array as da
import nibabel as nib
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

import napari_uncertainty as nu
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.model.interpretation import Interpretation
from support.folds import run
from support.generated import softmax
from support.small_pieces import small_pieces

# Here, probabilities of 0 and 1 are meant.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Only 0 and 1 occur:napari_uncertainty.UncertaintyWarning"
)

MEASURES = ("entropy", "least_confidence", "margin", "gini")
CLOSE = {"atol": 1e-6, "rtol": 0}


def expected(values):
    """Maps by scipy and by sorting, in float64; class axis first."""
    p = values.astype(np.float64)
    p = p / p.sum(axis=0)
    ranked = np.sort(np.concatenate([np.zeros_like(p[:1]), p]), axis=0)
    return {
        "entropy": scipy.stats.entropy(p, base=2, axis=0),
        "least_confidence": 1 - ranked[-1],
        "margin": 1 - (ranked[-1] - ranked[-2]),
        "gini": 1 - (p**2).sum(axis=0),
    }


def assert_maps(maps, values, **close):
    truth = expected(values)
    for name in MEASURES:
        found = np.asarray(maps[name])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, truth[name], **{**CLOSE, **close})
    np.testing.assert_array_equal(np.asarray(maps.prediction), values.argmax(axis=0))
    assert not np.asarray(maps.no_data).any()
    assert maps.n_classes == len(values)


softmaxes = st.builds(
    lambda shape, seed: softmax(np.random.default_rng(seed), shape),
    st.builds(
        lambda classes, shape: (classes, *shape),
        st.integers(1, 9),
        array_shapes(min_dims=1, max_dims=3, max_side=9),
    ),
    st.integers(0, 2**32 - 1),
)


@given(values=softmaxes, data=st.data())
@settings(deadline=None)
def test_arrays_of_any_layout_give_the_same_maps(values, data):
    axis = data.draw(st.integers(0, values.ndim - 1), "class axis")
    order = data.draw(st.permutations(range(values.ndim)), "order in memory")
    flips = data.draw(st.tuples(*[st.sampled_from([1, -1])] * values.ndim), "flips")
    steps = data.draw(st.tuples(*[st.sampled_from([1, 2])] * values.ndim), "strides")
    blocks = data.draw(st.sampled_from([7, 64, 1 << 20]), "values in a block")
    moved = np.moveaxis(values, 0, axis)
    # The same values lie in memory in another order, backwards, and with gaps.
    wide = np.full([n * step for n, step in zip(moved.shape, steps, strict=True)], 9.0)
    laid = np.empty(np.array(wide.shape)[order], np.float32).transpose(
        np.argsort(order)
    )
    laid[...] = wide
    view = laid[
        tuple(slice(None, None, f * s) for f, s in zip(flips, steps, strict=True))
    ]
    view[...] = moved
    patch = small_pieces(blocks)
    try:
        maps = nu.uncertainty(view, MEASURES, class_axis=axis)
    finally:
        patch.undo()
    assert_maps(maps, values)


@given(values=softmaxes, data=st.data())
@settings(deadline=None, max_examples=40)
def test_dask_arrays_of_any_chunks_give_the_same_maps(values, data):
    axis = data.draw(st.integers(-1, 1), "class axis")
    moved = np.moveaxis(values, 0, axis)
    # Chunks of one voxel in one direction; in all of them, they would be thousands.
    parts = data.draw(st.permutations([9, 2, 1, 3]), "chunks along each axis")
    chunks = [-(-n // k) for n, k in zip(moved.shape, parts, strict=False)]
    lazy = da.from_array(moved, chunks=chunks)
    maps = nu.uncertainty(lazy, MEASURES, class_axis=axis)
    lazily = {
        name: one
        for name, one in vars(maps).items()
        if isinstance(one, da.Array | dict)
    }
    told = {"largest_sum_deviation", "clipped"}
    assert {"maps", "no_data", "prediction", *told} == {*lazily}
    assert all(isinstance(one, da.Array) for one in maps.values())
    maps = replace(maps, **dask.compute(lazily)[0])  # all of them from one graph
    assert_maps(maps, values)
    assert float(maps.largest_sum_deviation) < 1e-5
    assert maps.clipped == 0
    _, computed = run(iter_fold(lazy, MEASURES, Interpretation(class_axis=axis)))
    assert_maps(computed, values)
    assert computed.largest_sum_deviation < 1e-5


FILES = ("deflated.npz", "stored.npz", "fortran.npz", "a.nii.gz", "a.nii",
         "first.npy", "last.npy", "fortran.npy")  # fmt: skip


def write(path, values):
    """Write class-first values in nibabel's order as what the name says."""
    if path.name.endswith((".nii", ".nii.gz")):
        image = nib.Nifti1Image(np.moveaxis(values, 0, -1), np.diag([1, 2, 3, 1]))
        image.to_filename(path)
        return
    reversed_axes = values.transpose(0, *range(values.ndim - 1, 0, -1))
    if path.name.startswith("fortran"):
        reversed_axes = np.asfortranarray(reversed_axes)
    if path.name == "last.npy":
        np.save(path, np.ascontiguousarray(np.moveaxis(values, 0, -1)))
    elif path.suffix == ".npy":
        np.save(path, reversed_axes)
    elif path.name == "stored.npz":
        np.savez(path, probabilities=reversed_axes)
    else:
        np.savez_compressed(path, probabilities=reversed_axes)


@pytest.mark.parametrize("name", FILES)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(2, 9), *[st.integers(1, 9)] * 3),
    dtype=st.sampled_from(["<f4", ">f4", "<f2", "<f8"]),
    blocks=st.sampled_from([5, 64, 1 << 20]),
)
@settings(deadline=None, max_examples=10)
def test_files_of_any_type_and_shape_give_the_same_maps(
    name, seed, shape, dtype, blocks
):
    if name.endswith((".nii", ".nii.gz")) and dtype == "<f2":
        dtype = "<f4"  # NIfTI has no halves
    values = softmax(np.random.default_rng(seed), shape).astype(dtype)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path, values)
        patch = small_pieces(blocks)
        try:
            maps = nu.uncertainty(path, MEASURES)
            # An axis of length 1 in front of a picture is that of a batch.
            if name == "last.npy" and shape[1] == 1 and 1 not in shape[2:]:
                values = values[:, 0]
            np.testing.assert_array_equal(nu.read(path).values, values)
        finally:
            patch.undo()
    assert_maps(maps, values)


@pytest.mark.parametrize("name", FILES)
def test_a_file_with_one_voxel_or_one_class_is_computed(tmp_path, name):
    values = np.ones((1, 1, 1, 1), np.float32)
    path = tmp_path / name
    if name.endswith((".npy", ".nii", ".nii.gz")):
        values = np.full((2, 1, 1, 1), 0.5, np.float32)
    write(path, values)
    assert_maps(
        nu.uncertainty(replace(open_probabilities(path), kind="softmax"), MEASURES),
        values,
    )
