"""Values, axes and units as tools really write them, through each door.

The expected maps are computed here, in float64.
"""

import json
from dataclasses import replace
from types import SimpleNamespace

import dask.array as da
import nibabel as nib
import numpy as np
import pytest
from scipy.special import entr, expit, softmax, xlogy

import napari_uncertainty as nu
from napari_uncertainty.analysis.hotspots import usual_radius
from napari_uncertainty.batch.inputs import find_inputs, tasks_of
from napari_uncertainty.batch.task import Task, finished, run_task
from napari_uncertainty.case import CaseInputs, iter_case
from napari_uncertainty.describe import describe
from napari_uncertainty.io import open_probabilities, open_volume
from napari_uncertainty.model.interpretation import Interpretation
from napari_uncertainty.steps import run
from support.values_of_kinds import expected, expected_prediction, outcomes

SHAPE = (14, 16, 12)
AFFINE = np.diag([2.0, 2, 2, 1])
DOORS = ("map", "info", "compute")


def entropy(p):
    """Of each voxel in bits, class axis first."""
    p = np.asarray(p, float)
    return -xlogy(p, p).sum(axis=0) / np.log(2)


def binary(q):
    """Entropy of each voxel of one channel in bits."""
    return entropy(np.stack([q, 1 - np.asarray(q, float)]))


def certain_and_not(rng, n_classes=4, shape=SHAPE):
    """A softmax with certain voxels in the corner, and others that doubt."""
    scores = 4 * rng.standard_normal((n_classes, *shape))
    scores[0, :4, :4, :4] = 40
    return softmax(scores, axis=0)


def write(path, data, affine=AFFINE, units=None, intent=None):
    """A NIfTI file."""
    image = nib.Nifti1Image(data, affine)
    if units:
        image.header.set_xyzt_units(units)
    if intent:
        image.header.set_intent(intent)
    nib.save(image, path)
    return path


def mapped(path, tmp_path, labels=None, hotspots=None, **how):
    """What ``map`` writes: row, JSON, and the image with its values."""
    output = tmp_path / "maps"
    output.mkdir(exist_ok=True)
    task = Task(
        "case", str(path), str(output), labels=labels and str(labels),
        hotspots=hotspots, how=Interpretation(**how),
    )  # fmt: skip
    row = run_task(task)
    if row.status == "failed":
        return SimpleNamespace(row=row, values=None, told={}, checks={}, image=None)
    image = nib.load(output / "case_entropy.nii.gz")
    told = json.loads((output / "case_entropy.json").read_text("utf-8"))
    return SimpleNamespace(
        row=row, values=image.get_fdata(), told=told, image=image,
        checks={one["name"]: one for one in told["checks"]},
    )  # fmt: skip


def checks_at(door, path, tmp_path, **how):
    """Level of each check that a door shows for a file."""
    if door == "map":
        return {
            name: one["level"]
            for name, one in mapped(path, tmp_path, **how).checks.items()
        }
    if door == "info":
        told = describe(path, Interpretation(**how))
        return {one["name"]: one["level"] for one in told["checks"]}
    inputs = CaseInputs.open([path], Interpretation(**how))
    result = run(iter_case(inputs))
    return {one.name: one.level for one in result.trust.checks}


@pytest.mark.parametrize("ending", ["nii.gz", "nii", "npy"])
@pytest.mark.parametrize("order", ["class last", "class first"])
def test_padding_around_a_crop_of_logits_has_no_data(ending, order, rng, tmp_path):
    logits = 3 * rng.standard_normal((4, *SHAPE)).astype(np.float32)
    whole = np.zeros((4, 20, 20, 18), np.float32)
    inside = (slice(2, 16), slice(3, 19), slice(4, 16))
    whole[:, *inside] = logits
    path = tmp_path / f"case.{ending}"
    if ending == "npy":
        last = order == "class last"
        np.save(path, np.moveaxis(whole, 0, -1) if last else whole)
    elif order == "class first":
        pytest.skip("nothing tells the class axis of such an image")
    else:
        write(path, np.moveaxis(whole, 0, -1))
    truth = entropy(softmax(logits.astype(float), axis=0))
    axis = -1 if order == "class last" else 0
    found = mapped(path, tmp_path, hotspots=3, class_axis=axis)
    assert found.row.no_data == whole[0].size - truth.size
    assert found.row.mean == pytest.approx(truth.mean(), rel=1e-5)
    assert found.checks["no_data"]["level"] == "amber"
    values = np.moveaxis(whole, 0, -1)
    maps = nu.uncertainty(values, class_axis=-1, kind="logits")
    np.testing.assert_allclose(maps["entropy"][inside], truth, atol=1e-5)
    assert maps.no_data.sum() == found.row.no_data


def test_logits_that_are_whole_numbers_may_be_0_in_all_channels():
    logits = np.zeros((3, 4, 5), np.int8)
    logits[0, 0], logits[1, 1] = 5, -7
    maps = nu.uncertainty(logits, kind="logits")
    assert not maps.no_data.any()
    np.testing.assert_allclose(maps["entropy"][2:], np.log2(3), atol=1e-6)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("ending", ["nii.gz", "nii", "npz", "npy"])
def test_one_hot_floats_are_red_at_each_door(door, ending, rng, tmp_path):
    p = certain_and_not(rng)
    hot = (p == p.max(axis=0)).astype(np.float32)
    path = tmp_path / f"case.{ending}"
    if ending == "npz":
        np.savez_compressed(path, probabilities=hot)
    elif ending == "npy":
        np.save(path, hot)
    else:
        write(path, np.moveaxis(hot, 0, -1))
    assert checks_at(door, path, tmp_path)["precision"] == "red"


def test_one_voxel_that_is_not_certain_makes_no_labels_of_the_others(rng, tmp_path):
    p = certain_and_not(rng)
    hot = (p == p.max(axis=0)).astype(np.float32)
    hot[:, 3, 4, 5] = (0.5, 0.5, 0, 0)
    path = write(tmp_path / "case.nii.gz", np.moveaxis(hot, 0, -1))
    assert checks_at("map", path, tmp_path)["precision"] == "green"


@pytest.mark.parametrize(("units", "millimetres"), [("micron", 1e-3), ("meter", 1e3)])
def test_units_of_a_header_are_honoured_and_kept(units, millimetres, rng, tmp_path):
    zooms = np.array([20, 20, 25]) if units == "micron" else np.array([2, 2, 3])
    affine = np.diag([*zooms, 1.0])
    affine[:3, 3] = -3, 5, 7
    p = certain_and_not(rng)
    path = write(
        tmp_path / "case.nii.gz",
        np.moveaxis(p, 0, -1).astype(np.float32), affine, units,
    )  # fmt: skip
    labels = write(
        tmp_path / "seg.nii.gz", p.argmax(axis=0).astype(np.uint8), affine, units
    )
    assert describe(path)["zooms_mm"] == pytest.approx(zooms * millimetres)
    assert nu.read(path).grid.zooms == pytest.approx(zooms * millimetres)
    found = mapped(path, tmp_path, labels=labels, hotspots=2)
    assert found.row.agreement == 1
    assert found.image.header.get_xyzt_units()[0] == units
    np.testing.assert_array_equal(found.image.affine, affine)
    table = (tmp_path / "maps" / "case_classes.tsv").read_text().splitlines()
    of_one = dict(zip(table[0].split("\t"), table[2].split("\t"), strict=True))
    volume = (p.argmax(axis=0) == 1).sum() * np.prod(zooms * millimetres) / 1000
    assert float(of_one["volume_ml"]) == pytest.approx(volume)
    places = (tmp_path / "maps" / "case_hotspots.tsv").read_text().splitlines()
    first = dict(zip(places[0].split("\t"), places[1].split("\t"), strict=True))
    at = affine @ [*(int(first[one]) for one in "ijk"), 1]
    told = [float(first[one]) for one in "xyz"]
    assert told == pytest.approx(at[:3] * millimetres, abs=6e-3)
    # A map that is opened again lies where its source does.
    again = describe(tmp_path / "maps" / "case_entropy.nii.gz")
    assert again["affine"] == nu.read(path).grid.affine.tolist()


def test_a_crop_of_an_image_in_microns_keeps_the_unit(tmp_path):
    from napari_uncertainty.io.map_files import image_on

    affine = np.diag([20.0, 20, 25, 1])
    path = write(tmp_path / "image.nii", np.zeros(SHAPE, np.uint8), affine, "micron")
    grid = describe_grid(path).box((1, 2, 3), (4, 5, 6))
    image = image_on(np.zeros((4, 5, 6), np.float32), grid)
    np.testing.assert_allclose(image.affine[:3, 3], [20, 40, 75], rtol=1e-6)
    assert image.header.get_xyzt_units()[0] == "micron"


def describe_grid(path):
    """Where the voxels of an image are."""
    from napari_uncertainty.io.image_files import grid_of, load

    return grid_of(load(path))


@pytest.mark.parametrize(
    ("zoom", "shape", "radius"),
    [
        (1.0, (180, 220, 180), 3.75),
        (0.5, (256, 256, 256), 3.75),  # an eighth of a metre
        (2.0, (90, 110, 90), 3.75),
        (0.1, (48, 40, 32), 0.375),  # 3.75 voxels
        (0.002, (48, 40, 32), 0.0075),
        (0.01, (1600, 1600, 1), 1.0),  # a sixteenth of 16 mm
    ],
)
def test_the_radius_follows_from_voxels_and_image(zoom, shape, radius):
    grid = nu.Grid(shape, np.diag([zoom, zoom, zoom, 1]))
    assert usual_radius(grid, shape) == pytest.approx(radius)


@pytest.mark.parametrize("zoom", [0.1, 0.002])
def test_small_voxels_have_hotspots_of_their_size(zoom, rng, tmp_path):
    p = softmax(rng.standard_normal((3, 30, 28, 26)), axis=0).astype(np.float32)
    affine = np.diag([zoom, zoom, zoom, 1])
    path = write(tmp_path / "case.nii.gz", np.moveaxis(p, 0, -1), affine)
    assert mapped(path, tmp_path, hotspots=10).row.status == "written"
    places = (tmp_path / "maps" / "case_hotspots.tsv").read_text().splitlines()
    first = dict(zip(places[0].split("\t"), places[1].split("\t"), strict=True))
    assert len(places) == 11
    assert float(first["share"]) < 0.2


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("ending", ["nii", "nii.gz"])
@pytest.mark.parametrize("n_classes", [3, 5, 20])  # more classes than voxels, too
def test_a_class_axis_in_front_is_found_from_the_sums(
    door, ending, n_classes, rng, tmp_path
):
    p = certain_and_not(rng, n_classes).astype(np.float32)
    path = write(tmp_path / f"case.{ending}", p)
    found = mapped(path, tmp_path)
    np.testing.assert_allclose(found.values, entropy(p), atol=1e-5)
    np.testing.assert_array_equal(found.image.affine, AFFINE)
    with pytest.warns(UserWarning, match="along its first axis"):
        np.testing.assert_allclose(nu.entropy(path), entropy(p), atol=1e-5)
    assert checks_at(door, path, tmp_path)["axes"] == "amber"


def test_an_image_with_classes_in_front_opens_as_probabilities(rng, tmp_path):
    p = certain_and_not(rng, 5).astype(np.float32)
    opened = open_volume(write(tmp_path / "case.nii.gz", p))
    np.testing.assert_array_equal(opened.values, p)
    assert "along its first axis" in opened.guess


def test_a_class_axis_that_is_named_is_taken_in_any_image(rng, tmp_path):
    logits = rng.standard_normal((4, *SHAPE)).astype(np.float32)
    truth = entropy(softmax(logits.astype(float), axis=0))
    for axis in range(4):
        path = write(tmp_path / f"{axis}.nii", np.moveaxis(logits, 0, axis))
        opened = open_probabilities(path, Interpretation(class_axis=axis))
        np.testing.assert_allclose(nu.entropy(opened), truth, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_a_constant_background_is_no_class_axis_in_front(dtype, rng, tmp_path):
    """It sums to the same along any axis."""
    one = 1 if dtype is np.float32 else 100
    p = np.zeros((40, 40, 40, 2), dtype)
    p[..., 0] = one
    p[20:22, 20:22, 20:22] = (one * 0.3, one * 0.7)
    opened = open_probabilities(write(tmp_path / "case.nii.gz", p))
    assert opened.values.shape == (2, 40, 40, 40)
    assert opened.guess == ""


def test_logits_with_a_short_first_axis_are_doubted(rng, tmp_path):
    logits = rng.standard_normal((4, *SHAPE)).astype(np.float32)
    path = write(tmp_path / "case.nii.gz", logits)
    assert checks_at("map", path, tmp_path)["axes"] == "amber"


@pytest.mark.parametrize(
    ("shape", "left", "n_channels"),
    [
        ((1, 4, 14, 16, 12), (4, 14, 16, 12), 4),
        ((1, 14, 16, 12, 4), (14, 16, 12, 4), 4),
        ((1, 1, 96, 80), (1, 96, 80), 1),
        ((1, 96, 80, 1), (96, 80, 1), 1),
        ((1, 1, 1, 96, 80), (1, 96, 80), 1),
        ((1, 96, 80, 3), (96, 80, 3), 3),
        ((1, 3, 96, 80), (3, 96, 80), 3),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_a_batch_axis_is_left_out_and_told(
    shape, left, n_channels, packed, rng, tmp_path
):
    if n_channels == 1:
        values = rng.random(left).astype(np.float32)
        truth = binary(values.reshape(96, 80))
    else:
        axis = left.index(n_channels)
        values = softmax(4 * rng.standard_normal(left), axis=axis).astype(np.float32)
        truth = entropy(np.moveaxis(values, axis, 0))
    path = tmp_path / ("case.npz" if packed else "case.npy")
    if packed:
        np.savez_compressed(path, softmax_of_all=values.reshape(shape))
    else:
        np.save(path, values.reshape(shape))
    opened = open_probabilities(path)
    assert opened.values.shape[0] == n_channels
    assert opened.values.ndim == len(left)
    assert "left out" in opened.note
    found = mapped(path, tmp_path, kind="foreground" if n_channels == 1 else None)
    assert found.row.total == pytest.approx(truth.sum(), rel=1e-5)
    assert sorted(found.values.shape) == sorted(truth.shape)


def test_classes_that_are_named_are_counted_with_the_batch_axis(rng, tmp_path):
    p = softmax(rng.standard_normal((1, 4, *SHAPE)), axis=1).astype(np.float32)
    np.save(tmp_path / "case.npy", p)
    for axis in (1, -4):
        opened = open_probabilities(
            tmp_path / "case.npy", Interpretation(class_axis=axis)
        )
        assert opened.values.shape[0] == 4
    assert nu.read(tmp_path / "case.npy").values.shape == (4, *SHAPE[::-1])


def test_three_sagittal_slices_are_no_colours(rng, tmp_path):
    from napari.layers import Image

    from napari_uncertainty.plugin.viewer.layers import to_layer

    p = softmax(4 * rng.standard_normal((3, 3, 30, 26)), axis=0)
    scan = write(tmp_path / "scan.nii.gz", (1000 * p[1]).astype(np.int16))
    case = write(tmp_path / "case.nii.gz", np.moveaxis(p, 0, -1).astype(np.float32))
    for path, axes in ((scan, 3), (case, 4)):
        data, options, kind = to_layer(open_volume(path))
        assert kind == "image"
        layer = Image(data, **options)
        assert not layer.rgb
        assert layer.ndim == axes
        assert 3 in layer.data.shape[-2:]


def stored_as(name, values, folder):
    """A file with values, class axis first, in that of its ways of storing them."""
    path = folder / name
    if name.endswith(".npz"):
        np.savez_compressed(path, probabilities=values)
    elif name.endswith(".npy"):
        np.save(path, values)
    else:
        write(path, np.moveaxis(values, 0, -1))
    return path


STORED = ("case.npz", "case.npy", "case.nii", "case.nii.gz")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", STORED)
def test_what_splines_overshoot_is_clipped_and_told(door, name, rng, tmp_path):
    p = certain_and_not(rng, 3)
    p[1] -= 0.04 * rng.random(SHAPE)
    p[0] += 1 - p.sum(axis=0)
    p = p.astype(np.float32)
    clipped = np.clip(p.astype(float), 0, 1)
    truth = entropy(clipped / clipped.sum(axis=0))
    path = stored_as(name, p, tmp_path)
    found = mapped(path, tmp_path)
    assert found.row.mean == pytest.approx(truth.mean(), rel=1e-5)
    sentence = found.checks["kind"]["sentence"]
    assert f"{p.min():.3g} to {p.max():.3g}" in sentence
    assert "clipped" in sentence
    assert checks_at(door, path, tmp_path)["kind"] == "amber"
    with pytest.warns(UserWarning, match="were clipped to 0 to 1"):
        np.testing.assert_allclose(nu.entropy(p), truth, atol=1e-5)


@pytest.mark.parametrize("name", STORED)
def test_a_negative_value_in_a_voxel_that_sums_to_something_else_is_refused(
    name, rng, tmp_path
):
    p = certain_and_not(rng, 3).astype(np.float32)
    p[1, 2, 3, 4] = -0.5
    found = mapped(stored_as(name, p, tmp_path), tmp_path)
    assert "cannot be negative" in found.row.message


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_overshoot_of_one_channel_is_no_logit(dtype, rng, tmp_path):
    q = (1.06 * rng.random((1, *SHAPE)) - 0.03).astype(dtype)
    q[0, 0, 0, :2] = -0.03, 1.03
    found = mapped(stored_as("case.nii.gz", q, tmp_path), tmp_path)
    assert found.told["kind"] == "foreground"
    assert found.row.mean == pytest.approx(binary(np.clip(q[0], 0, 1)).mean(), rel=1e-5)
    assert found.checks["kind"]["level"] == "amber"


def per_cents(rng, n_classes=1):
    """Whole numbers up to 100 of a channel, or that sum to 100, and certain ones."""
    p = certain_and_not(rng, max(2, n_classes))
    whole = np.rint(100 * p)
    if n_classes == 1:
        return whole[1:]
    highest = p.argmax(axis=0)[np.newaxis]
    rest = 100 - whole.sum(axis=0, keepdims=True)
    kept = np.take_along_axis(whole, highest, 0) + rest
    np.put_along_axis(whole, highest, kept, 0)
    return whole


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "f4"])
@pytest.mark.parametrize("kind", [None, "foreground"])
def test_per_cents_of_one_channel_are_known_in_any_type(
    kind, dtype, name, rng, tmp_path
):
    q = per_cents(rng)
    found = mapped(stored_as(name, q.astype(dtype), tmp_path), tmp_path, kind=kind)
    assert found.row.mean == pytest.approx(binary(q[0] / 100).mean(), rel=1e-5)
    assert found.told["kind"] == "foreground"
    assert "taken for per cents" in found.checks["kind"]["sentence"]
    assert found.checks["kind"]["level"] == "amber"


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "f4"])
def test_per_cents_of_several_classes_are_known_in_any_type(door, dtype, rng, tmp_path):
    n = per_cents(rng, 4)
    path = stored_as("case.nii.gz", n.astype(dtype), tmp_path)
    found = mapped(path, tmp_path)
    assert found.row.mean == pytest.approx(entropy(n / 100).mean(), rel=1e-5)
    assert checks_at(door, path, tmp_path)["kind"] == "green"


@pytest.mark.parametrize("name", STORED)
def test_per_cents_with_fractions_are_no_scan(name, rng, tmp_path):
    p = 100 * certain_and_not(rng, 4)
    found = mapped(stored_as(name, p.astype(np.float32), tmp_path), tmp_path)
    assert found.row.mean == pytest.approx(entropy(p / 100).mean(), rel=1e-5)
    assert found.checks["kind"]["level"] == "amber"
    assert "per cents" in found.checks["kind"]["sentence"]
    q = p[1:2].astype(np.float32)
    found = mapped(stored_as(name, q, tmp_path), tmp_path)
    assert found.row.mean == pytest.approx(binary(q[0] / 100).mean(), rel=1e-5)


@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("kind", [None, "foreground"])
def test_an_empty_channel_is_background_for_certain(kind, name, tmp_path):
    path = stored_as(name, np.zeros((1, *SHAPE), np.float32), tmp_path)
    found = mapped(path, tmp_path, kind=kind, class_axis=None)
    assert (found.row.no_data, found.row.max) == (0, 0)
    assert found.told["kind"] == "foreground"
    assert found.checks["kind"]["level"] == "green"


@pytest.mark.parametrize("name", STORED)
def test_a_channel_with_few_voxels_is_judged_by_all_of_them(name, tmp_path):
    q = np.zeros((1, 40, 40, 40), np.float32)
    q[0, 31, 17, 23] = 0.5
    found = mapped(stored_as(name, q, tmp_path), tmp_path)
    assert found.told["kind"] == "foreground"
    assert (found.row.no_data, found.row.total) == (0, 1)
    assert found.checks["kind"]["level"] == "green"
    q[0, 31, 17, 23] = -7
    found = mapped(stored_as(name, q, tmp_path), tmp_path)
    assert "looks like a scan" in found.row.message
    q[0, 31, 17, 23] = -7.5
    found = mapped(stored_as(name, q, tmp_path), tmp_path)
    assert found.told["kind"] == "logits"
    assert found.checks["kind"]["level"] == "amber"


def test_a_foreground_channel_with_few_slices_is_doubted_or_named(rng, tmp_path):
    q = rng.random((4, 64, 60)).astype(np.float32)
    np.save(tmp_path / "case.npy", q)
    for door in DOORS:
        assert checks_at(door, tmp_path / "case.npy", tmp_path)["axes"] == "amber"
    found = mapped(tmp_path / "case.npy", tmp_path)
    assert "name the kind (foreground)" in found.checks["axes"]["sentence"]
    found = mapped(tmp_path / "case.npy", tmp_path, kind="foreground")
    assert found.row.total == pytest.approx(binary(q).sum(), rel=1e-5)
    assert sorted(found.values.shape) == [4, 60, 64]
    assert "axes" not in found.checks
    by_name = nu.entropy(tmp_path / "case.npy", kind="foreground")
    assert by_name.sum() == pytest.approx(binary(q).sum(), rel=1e-5)


def vectors(rng):
    v = rng.normal(size=(*SHAPE, 3)).astype(np.float32)
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def a_folder_with_vectors(rng, tmp_path):
    """One case, an eigenvector, a warp, spherical harmonics; ITK's probabilities."""
    p = certain_and_not(rng, 3).astype(np.float32)
    write(tmp_path / "sub-01.nii.gz", np.moveaxis(p, 0, -1))
    write(tmp_path / "by_itk.nii.gz", np.moveaxis(p, 0, -1)[..., None, :], intent=1007)
    write(tmp_path / "sub-01_V1.nii.gz", vectors(rng))
    warp = 3 * rng.normal(size=(*SHAPE, 1, 3)).astype(np.float32)
    write(tmp_path / "field.nii.gz", warp, intent=1007)
    harmonics = rng.normal(size=(*SHAPE, 6)).astype(np.float32)
    write(tmp_path / "wm_fod.nii.gz", harmonics)


def test_vectors_in_a_folder_are_no_cases(rng, tmp_path):
    a_folder_with_vectors(rng, tmp_path)
    found = find_inputs([str(tmp_path)], tmp_path / "maps")
    assert [path.name for path in found] == ["by_itk.nii.gz", "sub-01.nii.gz"]


@pytest.mark.parametrize("name", ["sub-01_V1", "field", "wm_fod"])
def test_vectors_that_are_named_are_doubted(name, rng, tmp_path):
    a_folder_with_vectors(rng, tmp_path)
    path = tmp_path / f"{name}.nii.gz"
    assert checks_at("map", path, tmp_path)["axes"] == "amber"
    assert "means nothing" in mapped(path, tmp_path).checks["axes"]["sentence"]


@pytest.mark.parametrize("door", ["map", "compute"])
def test_vectors_of_length_1_are_doubted_whatever_they_are_called(door, rng, tmp_path):
    path = write(tmp_path / "case.nii.gz", vectors(rng))
    assert checks_at(door, path, tmp_path)["kind"] == "amber"


def region_logits(rng):
    """Nested regions and nothing around them, as scores and as probabilities."""
    at = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij"))
    away = np.sqrt((at**2).sum(axis=0))
    radii = np.array([0.6, 0.4, 0.25]).reshape(3, 1, 1, 1)
    scores = 12 * (radii - away) + 0.3 * rng.standard_normal((3, *SHAPE))
    return scores.astype(np.float32)


def write_regions(folder, scores, with_json=True):
    np.savez_compressed(folder / "case.npz", probabilities=scores.transpose(0, 3, 2, 1))
    if with_json:
        told = {
            "labels": {"background": 0, "whole": [1, 2, 3], "core": [2, 3], "in": [3]},
            "regions_class_order": [1, 2, 3],
            "file_ending": ".nii.gz",
        }
        (folder / "dataset.json").write_text(json.dumps(told))
    return folder / "case.npz"


@pytest.mark.parametrize("kind", [None, "logits", "channel_logits"])
def test_scores_of_declared_regions_are_no_softmax(kind, rng, tmp_path):
    scores = region_logits(rng)
    q = 1 / (1 + np.exp(-scores.astype(float)))
    truth = sum(binary(one) for one in q)
    path = write_regions(tmp_path, scores)
    found = mapped(path, tmp_path, kind=kind)
    assert found.told["kind"] == "channel_logits"
    assert found.row.mean == pytest.approx(truth.mean(), rel=1e-5)
    assert found.checks["kind"]["level"] == "green"
    assert found.told["class_names"] == ["background", "whole", "core", "in"]


@pytest.mark.parametrize("door", DOORS)
def test_scores_that_may_be_of_regions_are_doubted(door, rng, tmp_path):
    path = write_regions(tmp_path, region_logits(rng), with_json=False)
    assert checks_at(door, path, tmp_path)["kind"] == "amber"
    named = mapped(path, tmp_path, kind="channel_logits")
    assert named.checks["kind"]["level"] == "green"


@pytest.mark.filterwarnings("ignore:.*was taken for the class axis")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", STORED)
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_scores_of_channels_in_every_measure(temperature, name, dtype, rng, tmp_path):
    scores = region_logits(rng).astype(dtype)
    opened = open_probabilities(
        stored_as(name, scores, tmp_path), Interpretation(class_axis=None)
    )
    held = nu.read(opened.source).values
    for given in (opened, held, da.from_array(held, chunks=(1, 7, 8, 6))):
        maps = nu.uncertainty(
            given, tuple(nu.MEASURES), kind="channel_logits", temperature=temperature
        )
        truth = expected(outcomes("channel_logits", held, temperature))
        for measure, values in truth.items():
            np.testing.assert_allclose(maps[measure], values, atol=2e-6)
        assert (maps.n_states, maps.n_classes) == (8, 4)
        found = expected_prediction("channel_logits", held)
        np.testing.assert_array_equal(maps.prediction, found)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", STORED)
def test_padding_around_scores_of_channels_has_no_data(name, dtype, rng, tmp_path):
    whole = np.zeros((3, 20, 20, 18), dtype)
    inside = (slice(2, 16), slice(3, 19), slice(4, 16))
    whole[:, *inside] = region_logits(rng)
    truth = np.zeros(whole.shape[1:])
    truth[inside] = np.sum(
        [binary(one) for one in expit(whole[:, *inside].astype(float))], axis=0
    )
    path = stored_as(name, whole, tmp_path)
    axis = {"case.npz": None, "case.npy": 0}.get(name, 3)
    opened = open_probabilities(path, Interpretation(class_axis=axis))
    held = da.from_array(whole, chunks=(1, 7, 8, 6))
    for given in (whole, held):
        maps = nu.uncertainty(given, kind="channel_logits")
        np.testing.assert_allclose(maps["entropy"], truth, atol=2e-6)
        assert np.asarray(maps.no_data).sum() == truth.size - truth[inside].size
    maps = nu.uncertainty(opened, kind="channel_logits")
    turned = truth if opened.grid is not None else truth.T
    np.testing.assert_allclose(maps["entropy"], turned, atol=2e-6)
    assert maps.no_data.sum() == truth.size - truth[inside].size


def test_one_channel_of_scores_is_measured_alone(rng):
    scores = region_logits(rng)
    maps = nu.uncertainty(scores, kind="channel_logits", channel=1)
    q = 1 / (1 + np.exp(-scores[1].astype(float)))
    np.testing.assert_allclose(maps["entropy"], binary(q), atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*was taken for the class axis")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_members_that_are_scores_of_channels(temperature, dtype, rng, tmp_path):
    scores = region_logits(rng).astype(dtype)
    members = [scores, scores + 1, 2 * scores]
    paths = [tmp_path / f"{number}.npz" for number in range(3)]
    for path, one in zip(paths, members, strict=True):
        np.savez_compressed(path, scores=one.transpose(0, 3, 2, 1))
    q = [expit(one.astype(float) / temperature) for one in members]
    mean = outcomes("sigmoid", np.mean(q, axis=0))
    alone = np.mean([entr(outcomes("sigmoid", one)).sum(axis=0) for one in q], axis=0)
    truth = {
        "predictive_entropy": entr(mean).sum(axis=0),
        "expected_entropy": alone,
        "mutual_information": entr(mean).sum(axis=0) - alone,
        "variance": np.var(q, axis=0).mean(axis=0),
    }
    for given in (members, paths):
        maps = nu.ensemble_uncertainty(
            given, tuple(truth), kind="channel_logits", temperature=temperature,
            base="e",
        )  # fmt: skip
        for name, values in truth.items():
            np.testing.assert_allclose(maps[name], values, atol=2e-6)
        assert (maps.kind, maps.n_states, maps.n_classes) == ("channel_logits", 8, 4)
        labels = expected_prediction("sigmoid", np.mean(q, axis=0))
        np.testing.assert_array_equal(maps.prediction, labels)


SIBLINGS = {
    "numbered": (["priors1", "priors2", "priors3", "priors4"], "priors"),
    "padded": (["tpm_00", "tpm_01", "tpm_02", "tpm_03"], "tpm"),
    "inside": (["sub-3_t1_mni", "sub-3_t2_mni", "sub-3_t3_mni", "sub-3_t4_mni"], None),
    "worded": (["p_background", "p_csf", "p_gm", "p_wm"], "p"),
}


@pytest.mark.parametrize("names", SIBLINGS)
def test_files_that_add_up_are_one_case_and_told(names, rng, tmp_path):
    stems, case = SIBLINGS[names]
    p = certain_and_not(rng, 4).astype(np.float32)
    for name, one in zip(stems, p, strict=True):
        write(tmp_path / f"{name}.nii.gz", one)
    write(tmp_path / "priors9_scan.nii.gz", 900 * p[0])
    [found] = find_inputs([str(tmp_path)], tmp_path / "maps")
    assert found.name == f"{stems[0]}.nii.gz"
    told = mapped(found, tmp_path)
    assert told.row.mean == pytest.approx(entropy(p).mean(), rel=1e-5)
    assert told.checks["axes"]["level"] == "amber"
    assert "values add up to 1" in told.checks["axes"]["sentence"]
    opened = open_volume(tmp_path / f"{stems[2]}.nii.gz")
    np.testing.assert_array_equal(opened.values, p)
    if case:
        assert opened.name == case


def test_files_that_do_not_add_up_stay_alone(rng, tmp_path):
    for number in range(3):
        values = rng.random(SHAPE).astype(np.float32)
        write(tmp_path / f"roi_{number}.nii.gz", values)
        write(tmp_path / f"mask_{number}.nii.gz", (values > 0.5).astype(np.float32))
    opened = open_probabilities(tmp_path / "roi_1.nii.gz")
    assert opened.values.shape[0] == 1
    with pytest.raises(nu.InputError, match="no class probabilities"):
        find_inputs([str(tmp_path)], tmp_path / "maps")


def a_series(tmp_path, p):
    """What ilastik writes of several times, shape (frames, classes, x, y, z)."""
    import h5py

    kinds = (("t", 8), ("z", 2), ("y", 2), ("x", 2), ("c", 1))
    axes = [{"key": key, "typeFlags": flags, "resolution": 0} for key, flags in kinds]
    with h5py.File(tmp_path / "case.h5", "w") as file:
        values = np.moveaxis(p, 1, -1).transpose(0, 3, 2, 1, 4)
        data = file.create_dataset("exported_data", data=values.astype(np.float32))
        data.attrs["axistags"] = json.dumps({"axes": axes})
    return tmp_path / "case.h5"


def test_frames_are_a_series_and_no_members(rng, tmp_path):
    p = np.stack([certain_and_not(rng, 3) for _ in range(3)])
    path = a_series(tmp_path, p)
    like = Task("", "", str(tmp_path))
    tasks = tasks_of([path], None, like)
    assert [one.case for one in tasks] == [f"case_frame_{n}" for n in range(3)]
    for frame, task in enumerate(tasks):
        row = run_task(task)
        assert row.mean == pytest.approx(entropy(p[frame]).mean(), rel=1e-5)
        assert finished(task) == row
    found = mapped(path, tmp_path, frame=2)
    np.testing.assert_allclose(found.values, entropy(p[2]), atol=1e-5)
    [named] = tasks_of([path], None, replace(like, how=Interpretation(frame=2)))
    assert named.case == "case"
    assert "has no frame 3" in mapped(path, tmp_path, frame=3).row.message
    with pytest.raises(nu.InputError, match=r"series of 3 frames.*--frame"):
        nu.entropy(path)
