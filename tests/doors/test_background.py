"""Background that is not the first class, or no class at all, through all doors.

What is expected is computed in float64 from the formula, with labels by hand.
"""

import json
import warnings

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import zarr
from scipy.ndimage import gaussian_filter
from scipy.special import softmax as scipy_softmax

import napari_uncertainty as nu
from napari_uncertainty import UncertaintyWarning
from napari_uncertainty.batch.task import Task, run_task
from napari_uncertainty.case import CaseInputs, iter_case
from napari_uncertainty.describe import describe
from napari_uncertainty.engine.logits import in_order_of_labels
from napari_uncertainty.errors import InputError
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.model.background import (
    Background,
    class_called_background,
    surrounds,
    told_background,
)
from napari_uncertainty.model.interpretation import Interpretation
from napari_uncertainty.predictions import Predictions
from napari_uncertainty.report.from_files import iter_case_of
from napari_uncertainty.steps import run
from support.command_line import call_here

SHAPE = (18, 20, 16)
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])
# Where the background is, of four classes; None where no class is it.
PLACES = [3, 1, None]


def radius(shape=SHAPE):
    axes = [np.linspace(-1, 1, n) for n in shape]
    at = np.meshgrid(*axes, indexing="ij")
    return np.sqrt(sum(x**2 for x in at))


def scores_of(place, rng):
    """Logits of four classes, one of which surrounds the others."""
    logits = gaussian_filter(rng.standard_normal((4, *SHAPE)), (0, 2, 2, 2)) * 60
    if place is not None:
        logits[place] = 20 * (radius() - 0.8)
    return logits


def probabilities(place, rng):
    """A softmax; without a background, it is 0 around a ball."""
    p = scipy_softmax(scores_of(place, rng), axis=0)
    if place is None:
        p *= radius() < 0.8
    return p.astype(np.float32)


def labels_of(place, n_classes=4):
    if place is None:
        return list(range(1, n_classes + 1))
    return [0 if n == place else n + (n < place) for n in range(n_classes)]


def predicted(p, place):
    numbers = np.array(labels_of(place, len(p)))[p.argmax(axis=0)]
    return np.where(p.sum(axis=0) > 0, numbers, 0)


def entropy(p):
    p = p.astype(np.float64)
    return -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=0)


def save(folder, container, p):
    folder.mkdir(exist_ok=True)
    path = folder / f"case{container}"
    if container == ".npy":
        np.save(path, p.transpose(0, 3, 2, 1))
    elif container == ".npz":
        np.savez_compressed(path, probabilities=p.transpose(0, 3, 2, 1))
        nib.Nifti1Image(np.zeros(SHAPE, np.float32), AFFINE).to_filename(
            folder / "case.nii.gz"
        )
    elif container == ".zarr":
        group = zarr.open_group(path, mode="w")
        group.create_array("probabilities", data=p.transpose(0, 3, 2, 1).copy())
    elif container == "":
        for number, one in enumerate(p):
            image = nib.Nifti1Image(one, AFFINE)
            image.to_filename(folder / f"case_ProbMapClass{number}.nii.gz")
        return folder / "case_ProbMapClass0.nii.gz"
    else:
        nib.Nifti1Image(np.moveaxis(p, 0, -1), AFFINE).to_filename(path)
    return path


def named(place):
    return "none" if place is None else str(place)


def run_map(folder, source, **options):
    out = folder / "out"
    out.mkdir(exist_ok=True)
    row = run_task(Task("case", str(source), str(out), **options))
    assert row.status == "written", row.message
    told = json.loads((out / "case_entropy.json").read_text())
    return row, told, {one["name"]: one for one in told["checks"]}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("container", [".npz", ".npy", ".nii", ".nii.gz", "", ".zarr"])
def test_foreground_and_background_are_the_same_from_every_container(
    tmp_path, rng, container, place
):
    p = probabilities(place, rng)
    source = save(tmp_path / "in", container, p)
    how = Interpretation(background=named(place))
    row, told, checks = run_map(tmp_path, source, how=how)
    prediction = predicted(p, place)
    inside = prediction != 0
    h = entropy(p)
    assert row.foreground_mean == pytest.approx(h[inside].mean(), rel=1e-5)
    assert row.mean == pytest.approx(h[p.sum(axis=0) > 0].mean(), rel=1e-5)
    assert row.confidence == pytest.approx(p.max(axis=0)[inside].mean(), rel=1e-5)
    assert row.classes == 4 + (place is None)
    assert checks["background"]["level"] == "green"
    assert checks["background"]["class"] == place
    # What the record says gives the same again.
    maps = nu.uncertainty(open_probabilities(source), background=named(place))
    np.testing.assert_array_equal(maps.prediction, prediction)
    described = describe(source, how)
    [background] = [one for one in described["checks"] if one["name"] == "background"]
    assert background == checks["background"]
    assert described["classes"] == told["class_names"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", ["softmax", "per cent", "logits", "scaled"])
def test_a_background_can_be_any_class_of_every_kind(rng, kind, place):
    if kind == "logits":
        x = scores_of(place, rng)
        p, given, options = scipy_softmax(x, axis=0), x, {"kind": "logits"}
    else:
        p = probabilities(place, rng)
        factor = {"softmax": 1, "per cent": 100, "scaled": 255}[kind]
        given = factor * p
        if kind == "scaled":
            given = np.rint(given).astype(np.uint8)
            p = given / np.maximum(given.sum(axis=0), 1)
        options = {"kind": "auto"}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Taken for", UncertaintyWarning)
        warnings.filterwarnings("ignore", ".*multiplied", UncertaintyWarning)
        maps = nu.uncertainty(given, background=named(place), **options)
    np.testing.assert_array_equal(maps.prediction, predicted(p, place))
    assert maps.n_classes == 4 + (place is None)
    assert maps.n_states == 4  # an outcome that none has makes nothing less sure
    np.testing.assert_allclose(maps["entropy"], entropy(p), atol=1e-5)


@pytest.mark.parametrize("place", PLACES)
def test_a_background_can_be_any_class_of_lazy_arrays(rng, place):
    import dask.array as da

    p = probabilities(place, rng)
    given = da.from_array(p, (2, 9, 10, 8))
    maps = nu.uncertainty(given, background=named(place))
    np.testing.assert_array_equal(maps.prediction.compute(), predicted(p, place))


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("container", [None, ".npz", ".nii.gz"])
def test_a_background_can_be_any_class_of_members(tmp_path, rng, container, place):
    scores = scores_of(place, rng)
    members = [
        scipy_softmax(scores + rng.standard_normal(scores.shape), axis=0) for _ in "abc"
    ]
    if place is None:
        members = [one * (radius() < 0.8) for one in members]
    members = [one.astype(np.float32) for one in members]
    given = members
    if container:
        given = [
            save(tmp_path / str(number), container, one)
            for number, one in enumerate(members)
        ]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*not all|Not all", UncertaintyWarning)
        maps = nu.ensemble_uncertainty(given, background=named(place))
    mean = np.mean(members, axis=0)
    np.testing.assert_array_equal(maps.prediction, predicted(mean, place))
    n_classes = 4 + (place is None)
    table = maps.dice_table([f"label {n}" for n in range(n_classes)])
    each = [predicted(one, place)[~maps.no_data] for one in members]
    for label in range(n_classes):
        pairs = [
            2
            * ((a == label) & (b == label)).sum()
            / max((a == label).sum() + (b == label).sum(), 1)
            for a, b in ((each[0], each[1]), (each[0], each[2]), (each[1], each[2]))
        ]
        known = any((one == label).any() for one in each)
        expected = np.mean(pairs) if known else np.nan
        assert table["dice_mean"][label] == pytest.approx(expected, nan_ok=True)


def numbered(p, place, how):
    """A segmentation of the most probable class, numbered as somebody does."""
    there = p.sum(axis=0) > 0
    if how == "labels":
        return predicted(p, place)
    if how == "from 0":
        return np.where(there, p.argmax(axis=0), 0)
    return np.where(there, p.argmax(axis=0) + 1, 0)


@pytest.mark.parametrize("how", ["labels", "from 0", "from 1"])
@pytest.mark.parametrize("place", [*PLACES, 0])
def test_segmentations_are_compared_as_what_they_are(tmp_path, rng, place, how):
    p = probabilities(place, rng)
    source = save(tmp_path / "in", ".nii.gz", p)
    seg = tmp_path / "seg.nii.gz"
    given = numbered(p, place, how).astype(np.uint8)
    if place is not None and how == "from 1":
        given[(predicted(p, place) == 0) & (radius() > 1)] = 0  # which no class has
    nib.Nifti1Image(given, AFFINE).to_filename(seg)
    options = {"labels": str(seg), "hotspots": 3}
    row, _, checks = run_map(
        tmp_path, source, how=Interpretation(background=named(place)), **options
    )
    assert row.agreement == 1
    assert row.checks in ("green", "amber")
    own = how == "labels" or (place, how) in [(None, "from 1"), (0, "from 0")]
    assert ("labels" in checks) != own
    h, prediction = entropy(p), predicted(p, place)
    assert row.foreground_mean == pytest.approx(h[prediction != 0].mean(), rel=1e-5)
    table = pd.read_csv(tmp_path / "out" / "case_classes.tsv", sep="\t")
    for label in range(1, prediction.max() + 1):
        voxels = (prediction == label) & (p.sum(axis=0) > 0)
        own_number = int(given[voxels][0])
        [one] = table[table["label"] == own_number].to_dict("records")
        assert one["voxels"] == voxels.sum()
        assert one["mean"] == pytest.approx(h[voxels].mean(), rel=1e-4)


@pytest.mark.parametrize("place", [3, 1])
def test_everything_is_as_if_the_background_were_first(tmp_path, rng, place):
    """The map, the places and the table, of the same classes in another order."""
    p = probabilities(place, rng)
    order = [place, *(n for n in range(4) if n != place)]
    found = []
    for folder, values, b in (
        (tmp_path / "a", p, place),
        (tmp_path / "b", p[order], 0),
    ):
        folder.mkdir()
        source = save(folder / "in", ".npz", values)
        seg = folder / "seg.nii.gz"
        labels = predicted(p, place).astype(np.uint8)
        labels[4:6, 5:9, 7] = 2
        nib.Nifti1Image(labels, AFFINE).to_filename(seg)
        row, _, _ = run_map(
            folder, source, labels=str(seg), hotspots=4,
            how=Interpretation(background=str(b)),
        )  # fmt: skip
        tables = [
            pd.read_csv(folder / "out" / f"case_{name}.tsv", sep="\t")
            for name in ("classes", "hotspots")
        ]
        found.append((row, tables, nib.load(folder / "out" / "case_entropy.nii.gz")))
    (one, tables, image), (other, other_tables, other_image) = found
    assert one.agreement == other.agreement
    assert one.foreground_mean == pytest.approx(other.foreground_mean)
    assert one.confidence == pytest.approx(other.confidence)
    np.testing.assert_allclose(image.get_fdata(), other_image.get_fdata(), atol=1e-6)
    for mine, theirs in zip(tables, other_tables, strict=True):
        numbers = mine.select_dtypes("number").columns
        pd.testing.assert_frame_equal(mine[numbers], theirs[numbers], rtol=1e-4)
    numbered_names = {f"class {n}": f"class {i}" for i, n in enumerate(order)}
    for column in ("class_a", "class_b"):
        renamed = [numbered_names[name] for name in tables[1][column]]
        assert renamed == other_tables[1][column].tolist()


def test_a_record_that_is_opened_again_gives_the_same(tmp_path, rng):
    p = probabilities(3, rng)
    source = save(tmp_path, ".npz", p)
    inputs = CaseInputs.open([source], Interpretation(background="3"))
    result = run(iter_case(inputs))
    record = result.record("entropy")
    again = type(record).from_json(record.to_json())
    assert again.interpretation.background == "class 3"
    assert again.asked.background == "3"
    opened = Predictions.open([source], again.asked, together=False)
    maps = run(opened.iter_maps(("entropy",)))
    np.testing.assert_array_equal(maps.prediction, predicted(p, 3))
    channel = opened.background_as(again.interpretation)
    [by_label] = opened.on_maps(record.kind, 1.0, channel)
    for label, number in enumerate([3, 0, 1, 2]):
        np.testing.assert_array_equal(by_label[label], p[number])


@pytest.mark.parametrize("how", [None, "labels", "from 0", "from 1"])
@pytest.mark.parametrize("place", PLACES)
def test_a_report_shows_what_map_has_found(tmp_path, rng, place, how):
    p = probabilities(place, rng)
    source = save(tmp_path / "in", ".nii.gz", p)
    seg = None
    if how is not None:
        seg = tmp_path / "seg.nii.gz"
        labels = numbered(p, place, how).astype(np.uint8)
        nib.Nifti1Image(labels, AFFINE).to_filename(seg)
    run_map(
        tmp_path, source, hotspots=4, labels=str(seg) if seg else None,
        how=Interpretation(background=named(place)),
    )  # fmt: skip
    found = run(iter_case_of(tmp_path / "out" / "case_entropy.nii.gz", count=4))
    assert found.remarks == ()
    case = found.case
    table = pd.read_csv(tmp_path / "out" / "case_hotspots.tsv", sep="\t")
    assert [one.voxel for one in case.hotspots.places] == [
        tuple(row) for row in table[["i", "j", "k"]].to_numpy()
    ]
    pairs = [[case.names[n] for n in one.classes] for one in case.hotspots.places]
    assert pairs == table[["class_a", "class_b"]].to_numpy().tolist()
    if how in (None, "labels"):
        np.testing.assert_array_equal(case.labels, predicted(p, place))


def test_the_command_line_chooses_it(tmp_path, rng):
    p = probabilities(3, rng)
    source = save(tmp_path / "in", ".nii.gz", p)
    ended = call_here("map", source, "-o", tmp_path / "out", "--background", "3")
    assert ended.returncode == 0
    told = json.loads((tmp_path / "out" / "case_entropy.json").read_text())
    assert told["asked"]["background"] == "3"
    ended = call_here("info", source, "--background", "class 3")
    checks = {one["name"]: one for one in json.loads(ended.stdout)["checks"]}
    assert checks["background"]["class"] == 3
    ended = call_here("info", source, "--background", "lung")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert "There is no class 'lung' to be the background" in ended.stderr


# -- what tells ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("GM", "WM", "background"), 2),
        (("GM", "BG", "WM"), 1),
        (("tumour", "Unknown"), 1),
        (("unknown", "background"), 1),
        (("0-Background", "liver"), 0),
        (("background vessels", "liver"), None),
        (("class 0", "class 1"), None),
    ],
)
def test_names_that_mean_background_are_known(names, expected):
    assert class_called_background(names) == expected


def test_a_person_comes_before_names_and_these_before_a_convention():
    names = ("GM", "WM", "background")
    for told, expected in [
        ({"named": "WM", "tissues_of": "SPM"}, Background(1, "person")),
        ({"named": "none"}, Background(None, "person")),
        ({"named": "1"}, Background(1, "person")),
        ({"tissues_of": "SPM"}, Background(2, "file")),
        ({}, Background(2, "file")),
    ]:
        assert told_background(names, **told) == expected
    assert told_background(names[:2], tissues_of="SPM").channel is None
    assert told_background(names[:2]) == Background(0, "default")


@pytest.mark.parametrize("place", [2, 1])
def test_names_in_a_label_map_tell_it(tmp_path, rng, place):
    p = probabilities(place, rng)
    names = ["GM", "WM", "CSF"]
    names.insert(place, "BG")
    source = tmp_path / "sub-01_probseg.nii.gz"
    nib.Nifti1Image(np.moveaxis(p, 0, -1), AFFINE).to_filename(source)
    side = source.with_name("sub-01_probseg.json")
    side.write_text(json.dumps({"LabelMap": names}))
    row, told, checks = run_map(tmp_path, source)
    inside = predicted(p, place) != 0
    assert row.foreground_mean == pytest.approx(entropy(p)[inside].mean(), rel=1e-5)
    assert checks["background"]["level"] == "green"
    assert told["interpretation"]["background"] == "BG"
    assert told["interpretation"]["origins"]["background"] == "file"
    assert told["class_names"] == ["BG", *(name for name in names if name != "BG")]


def test_names_of_which_none_means_background_are_told(tmp_path, rng):
    p = probabilities(0, rng)
    opened = nu.ProbabilityMap(p, ("liver", "kidney", "spleen", "pancreas"))
    with pytest.warns(UncertaintyWarning, match="first one, 'liver', was taken"):
        maps = nu.uncertainty(opened)
    np.testing.assert_array_equal(maps.prediction, p.argmax(axis=0))
    # Each of the remedies that it names.
    maps = nu.uncertainty(opened, background="kidney")
    np.testing.assert_array_equal(maps.prediction, predicted(p, 1))
    maps = nu.uncertainty(opened, background="none")
    np.testing.assert_array_equal(maps.prediction, predicted(p, None))


@pytest.mark.parametrize("container", [None, ".npz", ".npy", ".nii.gz", ".zarr"])
def test_empty_surroundings_tell_that_no_class_is_it(tmp_path, rng, container):
    p = probabilities(None, rng)
    given = save(tmp_path / "in", container, p) if container else p
    if container == ".zarr":  # of lazy arrays nothing is looked at
        given = p
    with pytest.warns(UncertaintyWarning, match="No class seems to be the background"):
        maps = nu.uncertainty(given)
    np.testing.assert_array_equal(maps.prediction, predicted(p, None))
    np.testing.assert_array_equal(maps.no_data, p.sum(axis=0) == 0)
    assert maps.background == Background(None, "values")
    if container:
        source = tmp_path / "in" / f"case{container}"
        row, told, checks = run_map(tmp_path, source)
        there = p.sum(axis=0) > 0
        assert row.foreground_mean == pytest.approx(entropy(p)[there].mean(), rel=1e-5)
        assert checks["background"]["level"] == "amber"
        assert told["interpretation"]["background"] == "none"
        assert told["interpretation"]["origins"]["background"] == "values"
        # The remedy.
        how = Interpretation(background="0")
        _, _, checks = run_map(tmp_path, source, how=how)
        assert checks["background"]["level"] == "green"


def test_what_does_not_surround_anything():
    nothing = np.zeros((10, 10, 10), bool)
    assert not surrounds(nothing)
    assert not surrounds(~nothing)
    padded = ~nothing
    padded[2:8, 3:7, 1:9] = False
    assert not surrounds(padded)  # a crop
    hole = nothing.copy()
    hole[3:8, 3:8, 3:8] = True
    assert not surrounds(hole)
    scattered = np.random.default_rng(0).random((10, 10, 10)) < 0.3
    assert not surrounds(scattered)
    assert surrounds(radius((10, 10, 10)) > 0.9)
    assert surrounds(radius((20, 30)) > 1)


def test_a_padded_crop_keeps_its_first_class(rng):
    p = np.zeros((4, 30, 30, 30), np.float32)
    p[:, 5:23, 4:24, 6:22] = probabilities(0, rng)
    maps = nu.uncertainty(p)
    np.testing.assert_array_equal(maps.prediction, p.argmax(axis=0))
    assert not any(one.name == "background" for one in maps.checks)


def test_voxels_that_are_not_finite_tell_nothing(rng):
    p = probabilities(None, rng)
    p[:, p.sum(axis=0) == 0] = np.nan
    maps = nu.uncertainty(p)
    assert maps.background.channel == 0


@pytest.mark.parametrize("door", ["map", "info", "python", "ensemble"])
def test_a_class_that_is_not_there_is_told_in_one_sentence(tmp_path, rng, door):
    source = save(tmp_path / "in", ".nii.gz", probabilities(0, rng))
    how, match = Interpretation(background="lung"), "There is no class 'lung'"
    if door == "map":
        (tmp_path / "out").mkdir()
        row = run_task(Task("case", str(source), str(tmp_path / "out"), how=how))
        assert (row.status, row.message[:24]) == ("failed", match)
        assert row.message.count(".") == 1
        return
    ask = {
        "info": lambda: describe(source, how),
        "python": lambda: nu.entropy(source, background="lung"),
        "ensemble": lambda: nu.ensemble_uncertainty([source] * 2, background="lung"),
    }[door]
    with pytest.raises(InputError, match=match):
        ask()


def test_no_class_can_be_it_where_the_kind_has_one_of_its_own(rng):
    p = probabilities(0, rng)[1:]
    with pytest.raises(InputError, match="no class can be the background"):
        nu.uncertainty(p, kind="fractions", background="1")
    maps = nu.uncertainty(p, kind="fractions", background="none")
    np.testing.assert_array_equal(
        maps.prediction, np.concatenate([1 - p.sum(axis=0)[None], p]).argmax(axis=0)
    )


@pytest.mark.parametrize("place", [1, 3])
@pytest.mark.parametrize("beside", [True, False])
def test_a_segmentation_shows_which_class_it_is(tmp_path, rng, place, beside):
    p = probabilities(place, rng)
    source = save(tmp_path / "in", ".npz", p)
    seg = (source if beside else tmp_path / "seg").with_suffix(".nii.gz")
    labels = predicted(p, place).astype(np.uint8)
    labels[8:10, 9, 8] = 1  # what somebody has corrected
    nib.Nifti1Image(labels, AFFINE).to_filename(seg)
    row, told, checks = run_map(tmp_path, source, labels=None if beside else str(seg))
    background = checks["background"]
    assert (background["level"], background["class"]) == ("amber", place)
    assert "' shows, which has 0" in background["sentence"]
    assert told["interpretation"]["background"] == f"class {place}"
    assert row.agreement > 0.99
    foreground = predicted(p, place) if beside else labels
    expected = entropy(p)[foreground != 0].mean()
    assert row.foreground_mean == pytest.approx(expected, rel=1e-5)
    # The labels beside are looked at again; without, the record knows.
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        maps = nu.uncertainty(source)
    assert maps.background.channel == (place if beside else 0)
    assert bool(warned) == beside


def test_a_segmentation_shows_that_no_class_is_it(tmp_path, rng):
    p = scipy_softmax(scores_of(3, rng)[:3], axis=0).astype(np.float32)
    source = save(tmp_path / "in", ".nii.gz", p)
    seg = tmp_path / "seg.nii.gz"
    brain = radius() < 0.8  # elsewhere the classes are just noise
    labels = np.where(brain, p.argmax(axis=0) + 1, 0).astype(np.uint8)
    nib.Nifti1Image(labels, AFFINE).to_filename(seg)
    row, _, checks = run_map(tmp_path, source, labels=str(seg))
    assert checks["background"]["level"] == "amber"
    assert checks["background"]["class"] is None
    expected = entropy(p)[brain].mean()
    assert row.foreground_mean == pytest.approx(expected, rel=1e-5)


# -- in the order of labels ---------------------------------------------------


@pytest.mark.parametrize("place", [0, *PLACES])
@pytest.mark.parametrize("container", [None, "dask", ".npz", ".nii.gz", ".nii"])
def test_probabilities_in_the_order_of_labels(tmp_path, rng, container, place):
    import dask.array as da

    p = probabilities(place, rng)
    given = p
    if container == "dask":
        given = da.from_array(p, (1, 9, 10, 8))
    elif container:
        given = open_probabilities(save(tmp_path, container, p)).values
    ordered = in_order_of_labels(given, place)
    if place == 0:
        assert ordered is given
        return
    expected = np.zeros((4 + (place is None), *SHAPE), np.float32)
    expected[labels_of(place)] = p
    assert ordered.shape == expected.shape
    for _ in range(2):
        for label, volume in enumerate(expected):
            np.testing.assert_array_equal(np.asarray(ordered[label]), volume)
    some = np.asarray(ordered[:, 3:5, 2, ::4])
    np.testing.assert_array_equal(some, expected[:, 3:5, 2, ::4])
