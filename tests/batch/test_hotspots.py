"""The list of places of a case, read back with the standard library.

What is expected comes from `find_hotspots` on arrays that were never in a file.
"""

import csv
import json
import math
import zlib
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.batch.task import Task, finished, iter_task, run_task
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.model.interpretation import Interpretation
from support.generated import OBLIQUE, softmax
from support.many_cases import contents, run_here, write_case

COLUMNS = [
    "rank", "x", "y", "z", "i", "j", "k",
    "mass", "peak", "mean", "class_a", "class_b", "share",
]  # fmt: skip
SHAPE = (16, 15, 14)
NAMES = {"background": 0, "gray\tmatter": 1, "white\nmatter": 2, "stem": 3}
COUNT = 5


def softmax_of(labels, rng, n_classes=4):
    """Float16 values whose most probable class is nearly everywhere the label."""
    logits = 1.5 * rng.standard_normal((n_classes, *labels.shape))
    logits += 6 * (np.arange(n_classes).reshape(-1, *(1,) * labels.ndim) == labels)
    exponentials = np.exp(logits)
    return (exponentials / exponentials.sum(axis=0)).astype(np.float16)


class Case:
    """Files of one case, and what is in them, in nibabel's order."""

    def __init__(self, folder, rng, shape=SHAPE):
        self.labels = np.zeros(shape, np.uint8)
        self.labels[2:9, 3:8, 2:-2] = 1
        self.labels[9:13, 2:14, 4:8] = 2
        self.labels[4:7, 9:13, 5:11] = 3
        self.values = softmax_of(self.labels, rng)
        self.given = folder / "seg.nii.gz"
        self.source = folder / "in" / "case.npz"
        self.output = folder / "out"
        for path in (self.source.parent, self.output):
            path.mkdir()
        self.write(self.values)
        self.write_labels(self.labels)
        self.write_labels(self.labels, self.source.with_name("case.nii.gz"))

    def write(self, values):
        turned = values.transpose(0, *range(values.ndim)[:0:-1])
        np.savez_compressed(self.source, probabilities=turned)

    def write_labels(self, labels, path=None):
        nib.Nifti1Image(labels, OBLIQUE).to_filename(path or self.given)

    def names(self):
        names = json.dumps({"labels": NAMES})
        self.source.with_name("dataset.json").write_text(names)

    def task(self, **options):
        given = {"labels": str(self.given), "hotspots": COUNT} | options
        return Task("case", str(self.source), str(self.output), **given)

    def expected(self, labels=None, measure="entropy", count=COUNT, **options):
        grid = Grid(self.labels.shape, nib.load(self.given).affine)
        labels = self.labels if labels is None else labels
        return nu.find_hotspots(
            nu.uncertainty(self.values, (measure,))[measure],
            labels,
            probabilities=self.values,
            grid=grid,
            count=count,
            class_names=[f"class {number}" for number in range(4)],
            **options,
        )


@pytest.fixture
def case(tmp_path, rng):
    return Case(tmp_path, rng)


def rows_of(task):
    with task.hotspot_table.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, dialect="excel-tab"))


def told(task, measure="entropy"):
    return json.loads(task.file(measure, ".json").read_text("utf-8"))


def assert_same(rows, table, skip=()):
    assert len(rows) == len(table) > 0
    for row, expected in zip(rows, table.to_dict("records"), strict=True):
        assert list(row) == COLUMNS
        for name in COLUMNS:
            if name in skip:
                continue
            value = expected[name]
            if name in ("rank", "i", "j", "k"):
                assert row[name] == str(value), name
            elif isinstance(value, str):
                assert row[name] == value
            else:
                assert float(row[name]) == pytest.approx(value, rel=1e-6, abs=1e-6)
                digits = row[name].lstrip("-0.").partition("e")[0].replace(".", "")
                assert len(digits) <= 9


def test_the_table_has_the_columns_and_numbers_of_find_hotspots(case):
    task = case.task()
    row = run_task(task)
    assert row.status == "written", row.message
    assert task.hotspot_table.name == "case_hotspots.tsv"
    rows = rows_of(task)
    assert [row["rank"] for row in rows] == list("12345")
    assert_same(rows, case.expected())
    # Against the map that was written, by nibabel.
    image = nib.load(task.file("entropy", ".nii.gz"))
    values = np.asarray(image.dataobj)
    everywhere = np.stack(np.indices(values.shape), -1).reshape(-1, 3)
    places = nib.affines.apply_affine(image.affine, everywhere)
    for one in rows:
        voxel = tuple(int(one[axis]) for axis in "ijk")
        ras = nib.affines.apply_affine(image.affine, voxel)
        np.testing.assert_allclose([float(one[a]) for a in "xyz"], ras, atol=1e-4)
        ball = np.linalg.norm(places - ras, axis=1) <= 3.75 + 1e-5
        inside = values.reshape(-1)[ball]
        assert float(one["peak"]) == pytest.approx(inside.max(), rel=1e-6)
        assert float(one["mean"]) == pytest.approx(inside.mean(), rel=1e-6)


def test_class_names_are_written_without_tabs_and_line_breaks(case):
    case.names()
    task = case.task()
    run_task(task)
    found = {row[name] for row in rows_of(task) for name in ("class_a", "class_b")}
    assert found <= {"background", "gray matter", "white matter", "stem"}
    assert found & {"gray matter", "white matter"}


def test_without_a_segmentation_it_is_the_most_probable_class(case):
    task = case.task(labels=None)
    assert run_task(task).status == "written"
    assert not task.table.exists()
    assert_same(rows_of(task), case.expected(case.values.argmax(axis=0)))


def test_hotspots_are_where_the_segmentation_contradicts_the_network(case):
    """Where it is not what the network says, it is likely to be wrong."""
    wrong = case.labels.copy()
    wrong[2:6, 3:8, 2:6] = 2
    case.write_labels(wrong)
    task = case.task()
    run_task(task)
    assert_same(rows_of(task), case.expected(wrong))
    i, j, k = (int(rows_of(task)[0][axis]) for axis in "ijk")
    assert wrong[i, j, k] != case.labels[i, j, k]


def test_peaks_and_means_are_those_of_the_first_measure(case):
    task = case.task(measures=("gini", "entropy"))
    run_task(task)
    assert_same(rows_of(task), case.expected(measure="gini"))


def test_voxels_without_data_are_in_no_place(case):
    case.values[:, 2:9] = 0
    case.write(case.values)
    task = case.task()
    run_task(task)
    data = (case.values != 0).any(axis=0)
    assert_same(rows_of(task), case.expected(no_data=~data))
    centres = [tuple(int(row[axis]) for axis in "ijk") for row in rows_of(task)]
    assert all(data[centre] for centre in centres)


def test_atlas_labels_stand_for_the_classes(case):
    numbers = np.array([0, 2, 41, 2035], np.int32)
    case.write_labels(numbers[case.labels])
    task = case.task()
    run_task(task)
    assert_same(rows_of(task), case.expected())


def test_labels_that_are_no_classes_are_told(case):
    labels = case.labels.astype(np.int32)
    labels[0, 0, :2] = 17, 18
    case.write_labels(labels)
    task = case.task()
    row = run_task(task)
    assert row.status == "written"
    assert row.message.endswith(
        "The labels of 'seg' are not the classes of the probabilities, so the hotspots "
        "are those of the most probable class."
    )
    assert_same(rows_of(task), case.expected(case.values.argmax(axis=0)))
    assert finished(task) == row


def test_fewer_places_than_asked_for_and_none(case):
    task = case.task(hotspots=100_000)
    run_task(task)
    rows = rows_of(task)
    assert 5 < len(rows) < 1000
    assert sum(float(row["share"]) for row in rows) == pytest.approx(1, abs=0.01)
    case.values[:] = (np.arange(4) == 0).reshape(-1, 1, 1, 1)
    case.write(case.values)
    case.write_labels(np.zeros_like(case.labels))
    row = run_task(task)
    assert row.status == "written", row.message
    assert task.hotspot_table.read_text("utf-8") == "\t".join(COLUMNS) + "\n"


def test_a_flat_image_has_hotspots(tmp_path, rng):
    values = softmax(rng, (3, 30, 40), 1.0)
    labels = values.argmax(axis=0)
    source, output = tmp_path / "flat.npy", tmp_path / "out"
    output.mkdir()
    np.save(source, values)
    task = Task("flat", str(source), str(output), hotspots=3)
    row = run_task(task)
    assert row.status == "written", row.message
    rows = rows_of(task)
    shown = nu.read(source)
    expected = nu.find_hotspots(
        nu.entropy(shown),
        labels if shown.values.shape == values.shape else labels.T,
        probabilities=shown.values,
        count=3,
    )
    assert [row["i"] for row in rows] == [str(i) for i in expected["i"]]
    assert [row["mass"] for row in rows] == [f"{m:.9g}" for m in expected["mass"]]
    for row in rows:
        assert row["k"] == row["x"] == row["y"] == row["z"] == ""
        assert math.isfinite(float(row["share"]))


def test_a_place_with_one_label_has_no_second_class(tmp_path):
    """Of a foreground channel: one place at its border, one inside where it is unsure.

    Pandas 3 has the missing name of the one as NaN, beside the names of the other.
    """
    foreground = np.zeros((1, 30, 16, 16), np.float32)
    foreground[:, :20] = 1
    foreground[:, 19:21, 8, 8] = [0.6, 0.4]
    foreground[:, 7, 8, 8] = 0.6
    source, output = tmp_path / "foreground.npy", tmp_path / "out"
    output.mkdir()
    np.save(source, foreground)
    how = Interpretation(kind="foreground")
    task = Task("foreground", str(source), str(output), hotspots=2, how=how)
    row = run_task(task)
    assert row.status == "written", row.message
    pairs = sorted((one["class_a"], one["class_b"]) for one in rows_of(task))
    assert pairs == [("", ""), ("background", "class 0")]


@pytest.mark.parametrize("place_known", [True, False])
def test_of_a_placed_case_the_places_are_the_same(case, place_known):
    """Axes in another order and backwards, and put back by the segmentation."""
    task = case.task()
    run_task(task)
    expected = task.hotspot_table.read_bytes()
    case.write(case.values.transpose(0, 3, 1, 2)[:, ::-1, :, ::-1])
    case.source.with_name("case.nii.gz").unlink()
    if place_known:
        path = case.source.with_name("case.nii.gz")
        case.write_labels(np.zeros((14, 16, 15), np.uint8), path)
    task = case.task(place=True)
    row = run_task(task)
    assert row.message.startswith("Placed by its agreement with 'seg'")
    assert task.hotspot_table.read_bytes() == expected


def test_hotspots_of_a_placed_crop_have_the_indices_of_its_map(case):
    """Indices are those of the written map, which begins at another voxel."""
    box = (slice(1, 15), slice(1, 15), slice(0, 13))
    case.write(case.values[(slice(None), *box)][:, :, ::-1])
    case.source.with_name("case.nii.gz").unlink()
    task = case.task(place=True)
    row = run_task(task)
    assert "at voxel (1, 1, 0)" in row.message
    affine = nib.load(case.given).affine.copy()
    affine[:3, 3] = nib.affines.apply_affine(affine, (1, 1, 0))
    values = case.values[(slice(None), *box)]
    expected = nu.find_hotspots(
        nu.entropy(values),
        case.labels[box],
        probabilities=values,
        grid=Grid(values.shape[1:], affine),
        count=COUNT,
        class_names=[f"class {number}" for number in range(4)],
    )
    assert_same(rows_of(task), expected)


# When it counts as done


def test_the_json_of_the_first_map_names_the_table(case):
    task = case.task(measures=("entropy", "margin"))
    run_task(task)
    crc = f"{zlib.crc32(task.hotspot_table.read_bytes()):08x}"
    assert told(task)["hotspots"] == {
        "file": "case_hotspots.tsv",
        "crc32": crc,
        "count": COUNT,
        "radius_mm": None,
    }
    assert told(task, "margin")["hotspots"] is None
    run_task(replace(task, hotspots=None))
    assert told(task)["hotspots"] is None


def test_a_case_is_done_if_it_has_as_many_hotspots_as_are_asked_for(case):
    task = case.task(measures=("entropy", "margin"))
    assert finished(task) is None
    row = run_task(task)
    assert finished(task) == row
    assert finished(replace(task, hotspots=None)) == row
    assert finished(replace(task, measures=("entropy",))) == row
    assert finished(replace(task, hotspots=COUNT + 1)) is None
    # Its peaks would be those of the other map.
    assert finished(replace(task, measures=("margin", "entropy"))) is None


def test_maps_of_a_version_without_hotspots_are_done_unless_these_are_asked_for(case):
    task = case.task(hotspots=None)
    row = run_task(task)
    path = task.file("entropy", ".json")
    older = told(task)
    del older["hotspots"]
    path.write_text(json.dumps(older), encoding="utf-8")
    assert finished(task) == row
    assert finished(case.task()) is None


@pytest.mark.parametrize("odd", [7, {}, {"file": "case_hotspots.tsv"}, "x", []])
def test_a_json_of_another_kind_is_not_done(case, odd):
    task = case.task()
    run_task(task)
    changed = told(task) | {"hotspots": odd}
    task.file("entropy", ".json").write_text(json.dumps(changed), encoding="utf-8")
    assert finished(task) is None


def test_a_table_that_is_missing_or_another_one_is_noticed(case):
    task = case.task()
    row = run_task(task)
    before = contents(task.output)
    task.hotspot_table.write_bytes(before["case_hotspots.tsv"] + b"\n")
    assert finished(task) is None
    assert finished(replace(task, hotspots=None)) is None
    task.hotspot_table.unlink()
    assert finished(task) is None
    assert run_task(task) == row
    assert contents(task.output) == before


def test_the_number_of_threads_makes_no_difference(case):
    task = case.task()
    run_task(task, threads=1)
    before = contents(task.output)
    run_task(task, threads=2)
    assert contents(task.output) == before


def test_shares_rise_to_the_end(case):
    for options in ({}, {"labels": None}, {"hotspots": None}):
        shares = list(iter_task(case.task(**options)))
        assert shares == sorted(shares)
        assert 0.9 < shares[-1] <= 1


def test_memory_does_not_grow_with_the_classes(tmp_path, rng, monkeypatch):
    """Of the probabilities in a file, the whole is never there at once."""
    from napari_uncertainty.model.stored import StoredValues

    def whole(self):
        raise AssertionError("all classes were loaded")

    source = write_case(tmp_path, "case", rng, (30, 12, 13, 14))
    monkeypatch.setattr(StoredValues, "load", whole)
    (tmp_path / "out").mkdir()
    task = Task("case", str(source), str(tmp_path / "out"), hotspots=3)
    assert run_task(task).status == "written"
    assert len(rows_of(task)) == 3


# The program


def test_map_lists_hotspots_of_each_case_that_can_be_read(tmp_path, rng):
    for name in "abc":
        write_case(tmp_path / "in", name, rng, (4, 12, 13, 14))
    (tmp_path / "in" / "b.npz").write_text("no archive")
    words = (tmp_path / "in", "--hotspots", 4, "--labels", tmp_path / "in")
    one = tmp_path / "one"
    status, out, err = run_here(*words, "-o", one)
    assert (status, out.startswith("2 of 3 cases written")) == (1, True)
    assert err.startswith("napari-uncertainty: b: ")
    files = contents(one)
    assert {name for name in files if "hotspots" in name} == {
        "a_hotspots.tsv",
        "c_hotspots.tsv",
    }
    assert len(files["a_hotspots.tsv"].splitlines()) == 5
    status, out, _ = run_here(*words, "-o", one)
    assert "(0 now, 2 had been there)" in out
    assert contents(one) == files


@pytest.mark.parametrize("count", ["0", "-3", "2.5", "many"])
def test_numbers_of_hotspots_below_one_are_wrong_usage(tmp_path, rng, count):
    source = write_case(tmp_path, "a", rng)
    status, out, err = run_here(source, "-o", tmp_path / "out", "--hotspots", count)
    assert (status, out) == (2, "")
    assert "--hotspots" in err
    assert not (tmp_path / "out").exists()
