"""Numbers for each label of a map, against numpy mask by mask and scipy's filters."""

import math
from contextlib import closing

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import generate_binary_structure, maximum_filter, minimum_filter

import napari_uncertainty as nu
from napari_uncertainty.analysis import class_blocks
from napari_uncertainty.analysis.class_blocks import iter_class_statistics
from napari_uncertainty.analysis.class_statistics import class_table
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.steps import run
from support.generated import OBLIQUE
from support.phantoms import asymmetric

SHARES = (0, 0.01, 0.5, 0.95, 1)
ABSENT = -77


def regions_of(values, labels, no_data=None, **options):
    return run(iter_class_statistics(values, labels, no_data, **options))


def boundary_of(labels):
    """Voxels with another label at one of their faces, by the extremes around them."""
    indices = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
    faces = generate_binary_structure(labels.ndim, 1)
    return minimum_filter(indices, footprint=faces, mode="nearest") != maximum_filter(
        indices, footprint=faces, mode="nearest"
    )


def masks(labels, no_data=None):
    """Each label, several together and one that is absent, and each part of them."""
    data = np.ones(labels.shape, bool) if no_data is None else ~no_data
    boundary = boundary_of(labels)
    whole = {label: labels == label for label in np.unique(labels[data]).tolist()}
    whole |= {"foreground": labels != 0, "whole": data, ABSENT: ~(data | True)}
    for which, mask in whole.items():
        yield which, "all", mask & data
        yield which, "boundary", mask & data & boundary
        yield which, "interior", mask & data & ~boundary


def assert_like_numpy(regions, values, labels, no_data=None):
    """All that is known of all voxels, of each label and of each part."""
    present = labels if no_data is None else labels[~no_data]
    assert regions.labels == tuple(np.unique(present).tolist())
    assert regions.shape == values.shape
    for which, part, mask in masks(labels, no_data):
        inside = values[mask].astype(np.float64)
        assert regions.count(which, part) == inside.size
        total = regions.total(which, part)
        assert total == pytest.approx(inside.sum(), rel=1e-12, abs=1e-12)
        if inside.size == 0:
            assert regions.peak(which, part) is None
            assert math.isnan(regions.mean(which, part))
            assert math.isnan(regions.maximum(which, part))
            assert math.isnan(regions.share_above(which, 0, part))
            assert np.isnan(regions.quantiles(which, SHARES, part)).all()
            assert regions.histogram(which, 5, part=part)[0].tolist() == [0] * 5
            continue
        assert regions.mean(which, part) == pytest.approx(inside.mean(), rel=1e-12)
        assert regions.maximum(which, part) == inside.max()
        np.testing.assert_array_equal(
            regions.quantiles(which, SHARES, part),
            np.percentile(inside, np.multiply(SHARES, 100)),
        )
        for threshold in (float(inside[0]), 0.3):
            above = (inside > threshold).mean()
            assert regions.share_above(which, threshold, part) == above
        first = np.argwhere(mask & (values == inside.max()))[0]
        assert regions.peak(which, part) == tuple(first.tolist())
        if part == "all":
            assert_profiles(regions, which, values, mask)


def assert_profiles(regions, which, values, mask):
    for axis, length in enumerate(values.shape):
        slices = [
            values.take(i, axis)[mask.take(i, axis)].astype(np.float64)
            for i in range(length)
        ]
        totals = [one.sum() for one in slices]
        means = [one.mean() if one.size else math.nan for one in slices]
        counts = [one.size for one in slices]
        for what, expected in (("total", totals), ("mean", means), ("count", counts)):
            found = regions.profile(axis, which, what)
            assert found.dtype == np.float64
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.fixture
def small_blocks(monkeypatch):
    """Many blocks, also of small volumes, cut across every axis."""
    monkeypatch.setattr(class_blocks, "BLOCK_VOXELS", 37)


def rounded(rng, shape, dtype=np.float32):
    """Few different values, so that many are equal."""
    return (np.round(rng.random(shape) * 30) / 40).astype(dtype)


def laid_out(array, order, flips):
    """The same array, otherwise laid out in memory."""
    backwards = tuple(slice(None, None, flip) for flip in flips)
    copied = np.ascontiguousarray(array.transpose(order)[backwards])
    return copied[backwards].transpose(np.argsort(order))


# What is counted


@pytest.mark.parametrize("shape", [(60,), (9, 13), (1, 40), (7, 8, 9), (2, 1, 50)])
@pytest.mark.usefixtures("small_blocks")
def test_class_statistics_of_any_dimension_equal_numpy(rng, shape):
    values = rounded(rng, shape)
    labels = asymmetric(shape) if len(shape) > 1 else rng.integers(0, 3, shape)
    no_data = rng.random(shape) < 0.2
    assert_like_numpy(regions_of(values, labels), values, labels)
    regions = regions_of(values, labels, no_data)
    assert_like_numpy(regions, values, labels, no_data)


@pytest.mark.parametrize(
    ("dtype", "numbers"),
    [
        (bool, (False, True, True, False)),
        (np.uint8, (0, 200, 3, 255)),
        (np.int8, (-128, 127, 0, 5)),
        (np.uint16, (0, 2035, 1035, 65535)),
        (np.int32, (0, -7, 2035, 10**9)),
        (np.int64, (3, 4, 5, 6)),
        (np.uint64, (0, 2**63, 2**64 - 1, 7)),
        (">i4", (0, 2, 300, 41)),
    ],
)
@pytest.mark.usefixtures("small_blocks")
def test_class_statistics_of_any_labels_equal_numpy(rng, dtype, numbers):
    labels = np.array(numbers, dtype)[asymmetric((7, 8, 9))]
    values = rounded(rng, labels.shape)
    assert_like_numpy(regions_of(values, labels), values, labels)


@pytest.mark.parametrize("turned", ["values", "labels", "both"])
@pytest.mark.usefixtures("small_blocks")
def test_class_statistics_do_not_depend_on_the_order_in_memory(rng, turned):
    labels, values = asymmetric((6, 7, 8)), rounded(rng, (6, 7, 8))
    no_data = rng.random(values.shape) < 0.2
    for order, flips in (
        ((2, 1, 0), (1, 1, 1)),
        ((0, 1, 2), (-1, 1, -1)),
        ((1, 2, 0), (1, -1, 1)),
    ):
        given = values if turned == "labels" else laid_out(values, order, flips)
        names = labels if turned == "values" else laid_out(labels, order, flips)
        regions = regions_of(given, names, no_data)
        assert_like_numpy(regions, values, labels, no_data)
    thinned = regions_of(np.repeat(values, 2, 0)[::2], labels)
    assert_like_numpy(thinned, values, labels)


@pytest.mark.parametrize("dtype", [np.float64, np.float16, ">f4", np.uint8])
def test_class_statistics_of_any_type_of_value_equal_numpy(rng, dtype):
    labels = asymmetric((6, 7, 8))
    values = (
        rng.random(labels.shape) if dtype == np.float64 else rounded(rng, (6, 7, 8))
    )
    values = (values * 100).astype(dtype)
    regions = regions_of(values, labels)
    assert regions.values.dtype == (np.float64 if dtype == np.float64 else np.float32)
    assert_like_numpy(regions, values, labels)


def test_more_values_than_are_looked_at_at_once(rng):
    """Quantiles of long runs, with many equal values and with few."""
    labels = asymmetric((30, 40, 50))
    for values in (rng.random(labels.shape), rounded(rng, labels.shape)):
        values = values.astype(np.float32) ** 4
        regions = regions_of(values, labels)
        for which, part, mask in masks(labels):
            if mask.any():
                inside = values[mask].astype(np.float64)
                np.testing.assert_array_equal(
                    regions.quantiles(which, SHARES, part), np.quantile(inside, SHARES)
                )


@pytest.mark.usefixtures("small_blocks")
def test_patches_without_a_common_label_equal_numpy(rng):
    """As many labels as an atlas has, all over the volume."""
    labels = rng.permutation(400)[:64].reshape(4, 4, 4).repeat(2, 0).repeat(3, 2)
    values = rounded(rng, labels.shape)
    assert_like_numpy(regions_of(values, labels), values, labels)


@pytest.mark.parametrize(
    "numbers",
    [range(128), range(129), range(100, 228), range(100, 229), range(-9, 2000, 9)],
    ids=str,
)
def test_as_many_labels_as_an_atlas_has(rng, numbers):
    """In one block, each with two voxels within and one at either end."""
    order = rng.permutation(numbers)
    values = rounded(rng, (len(order), 4))
    regions = regions_of(values.reshape(-1), order.repeat(4))
    assert regions.labels == tuple(numbers)
    for label, (first, *within, last) in zip(order.tolist(), values, strict=True):
        inside = float(sum(within)) + first * (label == order[0])
        inside += last * (label == order[-1])
        whole = float(sum((first, *within, last)))
        assert regions.count(label) == 4
        assert regions.total(label) == pytest.approx(whole, rel=1e-6)
        assert regions.total(label, "interior") == pytest.approx(inside, rel=1e-6)


def test_one_label_has_no_boundary(rng):
    values = rounded(rng, (5, 6, 7))
    for label in (0, 3):
        labels = np.full(values.shape, label)
        regions = regions_of(values, labels)
        assert regions.count(label, "boundary") == 0
        assert regions.count("foreground") == (values.size if label else 0)
        assert_like_numpy(regions, values, labels)


def test_without_data_there_are_no_class_statistics(rng):
    values, labels = rounded(rng, (4, 5)), rng.integers(0, 3, (4, 5))
    nothing = regions_of(values, labels, np.ones((4, 5), bool))
    assert (nothing.labels, nothing.count("whole")) == ((), 0)
    assert np.isnan(nothing.profile(0, "whole")).all()
    assert list(class_table(nothing).columns[:3]) == ["label", "name", "voxels"]
    assert len(class_table(nothing)) == 0


def test_what_has_no_data_may_hold_anything(rng):
    values, labels = rounded(rng, (6, 7, 8)), asymmetric((6, 7, 8))
    no_data = rng.random(values.shape) < 0.1
    spoilt = np.where(no_data, np.nan, values)
    regions = regions_of(spoilt, labels, no_data)
    assert_like_numpy(regions, values, labels, no_data)


# Answers


def test_a_histogram_counts_as_numpy_does(rng):
    values, labels = rounded(rng, (6, 7, 8)), asymmetric((6, 7, 8))
    regions = regions_of(values, labels)
    inside = values[labels == 1].astype(np.float64)
    edges = np.array([0.1, 0.25, 0.3, 0.5, 0.725])  # some of them are values
    for options in ({"bins": edges}, {"bins": 7, "range": (0, 2)}, {"bins": 5}):
        counts, found = regions.histogram(1, **options)
        expected, expected_edges = np.histogram(inside, **options)
        np.testing.assert_array_equal(counts, expected)
        np.testing.assert_allclose(found, expected_edges)
    constant = regions_of(np.ones(5), np.ones(5, int))
    counts, edges = constant.histogram(1, 4)
    assert (counts.sum(), edges[0], edges[-1]) == (5, 0.5, 1.5)


def test_a_threshold_between_two_numbers_of_float32():
    """It is not rounded to one of them."""
    value = np.float32(0.1)
    regions = regions_of(np.array([value]), np.array([1]))
    assert regions.share_above(1, float(value)) == 0
    assert regions.share_above(1, np.nextafter(float(value), 0)) == 1
    assert regions.share_above(1, np.nextafter(float(value), 1)) == 0
    assert regions.share_above(1, 1e300) == 0
    assert regions.share_above(1, -1e300) == 1


@pytest.mark.usefixtures("small_blocks")
def test_it_can_be_closed_between_blocks(rng):
    values, labels = rounded(rng, (40, 40, 40)), asymmetric((40, 40, 40))
    with closing(iter_class_statistics(values, labels)) as running:
        assert 0 <= next(running) < 1


@pytest.mark.parametrize(
    ("values", "labels", "no_data", "sentence"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2), int), None, r"labels of shape \(3, 2\)"),
        (np.zeros(3), np.zeros(3, int), np.zeros(2, bool), "no-data mask of shape"),
        (np.zeros(3), np.zeros(3), None, "float64 cannot be labels"),
        (np.zeros(3, complex), np.zeros(3, int), None, "complex128 cannot be a map"),
        (np.zeros((0, 3)), np.zeros((0, 3), int), None, "holds no voxels"),
        (np.array([0, np.nan]), np.array([1, 1]), None, "not finite"),
        (np.array([0, -np.inf]), np.array([1, 1]), None, "not finite"),
    ],
)
def test_wrong_input_is_refused_in_one_sentence(values, labels, no_data, sentence):
    with pytest.raises(nu.InputError, match=sentence):
        regions_of(values, labels, no_data)


# The table


def test_a_row_for_each_label_that_is_there_or_named(rng):
    labels = np.array([0, 2, 2035, -3], np.int32)[asymmetric((7, 8, 9))]
    values = rounded(rng, labels.shape)
    names = {2: "white matter", 41: "absent", 2035: "insula"}
    table = nu.summarize(values, labels, class_names=names, threshold=0.4)
    assert table["label"].tolist() == [-3, 0, 2, 41, 2035]
    assert table["name"].tolist() == [
        "label -3", "background", "white matter", "absent", "insula",
    ]  # fmt: skip
    numbers = ["total", "mean", "median", "p95", "share_above"]
    assert table.columns.tolist() == [
        "label", "name", "voxels", "volume_ml", *numbers,
        "boundary_voxels", *(f"boundary_{name}" for name in numbers),
        "interior_voxels", *(f"interior_{name}" for name in numbers),
    ]  # fmt: skip
    assert table["voxels"].dtype.kind == "i"
    assert table["volume_ml"].isna().all()
    rows = table.set_index("label")
    for which, part, mask in masks(labels):
        if isinstance(which, int) and which != ABSENT:
            prefix = "" if part == "all" else f"{part}_"
            assert_row(rows.loc[which], prefix, values[mask].astype(np.float64), 0.4)
    absent = rows.loc[41].drop("name")
    assert (absent[["voxels", "total", "boundary_voxels", "interior_total"]] == 0).all()
    assert absent[["mean", "median", "boundary_p95", "share_above"]].isna().all()


def assert_row(row, prefix, inside, threshold):
    assert row[f"{prefix}voxels"] == inside.size
    expected = {
        "total": inside.sum(),
        "mean": inside.mean() if inside.size else math.nan,
        "median": np.median(inside) if inside.size else math.nan,
        "p95": np.percentile(inside, 95) if inside.size else math.nan,
        "share_above": (inside > threshold).mean() if inside.size else math.nan,
    }
    for name, value in expected.items():
        found = row[prefix + name]
        assert found == pytest.approx(value, rel=1e-12, abs=1e-12, nan_ok=True), name


def test_names_in_their_order_and_no_threshold():
    table = nu.summarize([0.0, 0.5, 1], [0, 1, 1], class_names=["air", "head", "none"])
    assert table["name"].tolist() == ["air", "head", "none"]
    assert table["voxels"].tolist() == [1, 2, 0]
    assert not [name for name in table.columns if "share_above" in name]
    regions = regions_of(np.zeros(2), np.zeros(2, int))
    assert class_table(regions, voxel_volume_mm3=500.0)["volume_ml"].tolist() == [1.0]


def sheared(by):
    affine = np.diag([2.0, 2, 2, 1])
    affine[0, 1] = by
    return affine


@pytest.mark.parametrize(
    ("affine", "mm3"),
    [
        (np.diag([-1, 0.5, 4, 1.0]), 2.0),
        (OBLIQUE, 3.0),  # tilted, 1 × 1.5 × 2 mm
        (sheared(1.5), 8.0),  # a shear keeps the volume
    ],
)
def test_volumes_are_in_millilitres(affine, mm3):
    labels = np.zeros((10, 10, 10), np.uint8)
    labels[2:4] = 1
    grid = nu.Grid(labels.shape, affine)
    table = nu.summarize(np.zeros(labels.shape), labels, grid=grid)
    np.testing.assert_allclose(table["volume_ml"], [0.8 * mm3, 0.2 * mm3], rtol=1e-12)


def test_a_flat_image_has_no_volume():
    grid = nu.Grid((3, 4), np.eye(4))
    table = nu.summarize(np.zeros((3, 4)), np.zeros((3, 4), int), grid=grid)
    assert table["volume_ml"].isna().all()


# Real data


@pytest.mark.shared_data
def test_class_statistics_of_a_real_case_equal_scipy(shared_data):
    """The middle of it, so that scipy's filters do not take long."""
    folder = shared_data / "feta_sub-007/fold_0"
    probabilities = open_probabilities(folder / "sub-007.npz")
    image = nib.load(folder / "sub-007.nii.gz")
    middle = (slice(96, 160),) * 3
    values = nu.entropy(probabilities)[middle]
    labels = np.asarray(image.dataobj)[middle]
    table = nu.summarize(
        values,
        labels,
        class_names=probabilities.class_names,
        grid=probabilities.grid.box((96,) * 3, (64,) * 3),
        threshold=1.5,
    )
    assert table["label"].tolist() == list(range(8))
    boundary = boundary_of(labels)
    ml = np.prod(image.header.get_zooms(), dtype=float) / 1000
    for label, row in table.set_index("label").iterrows():
        own = labels == label
        assert row["volume_ml"] == pytest.approx(own.sum() * ml, rel=1e-5)
        for prefix, mask in (
            ("", own),
            ("boundary_", own & boundary),
            ("interior_", own & ~boundary),
        ):
            assert_row(row, prefix, values[mask].astype(np.float64), 1.5)
