"""The table of a case, read back with the standard library and counted by numpy."""

import csv
import json
import math
import zlib
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import generate_binary_structure, maximum_filter, minimum_filter

import napari_uncertainty as nu
from napari_uncertainty.batch.task import Task, finished, run_task
from support.generated import OBLIQUE
from support.many_cases import contents, write_case

FACES = generate_binary_structure(3, 1)
NAMES = {"background": 0, "left": 1, "right": 2, "stem\tof it": 3}


@pytest.fixture
def task(tmp_path, rng):
    """A case and a segmentation in patches, without a voxel of class 3.

    It is another one than the case would get: that is told, and no reason to fail.
    """
    source = write_case(tmp_path / "in", "case", rng)
    labels = np.zeros((6, 7, 8), np.uint8)
    labels[1:5, 1:6, 2:7] = 1
    labels[3:, 2:, :5] = 2
    given, output = tmp_path / "labels.nii.gz", tmp_path / "out"
    write_labels(given, labels)
    output.mkdir()
    return Task("case", str(source), str(output), labels=str(given))


def write_labels(path, labels):
    nib.Nifti1Image(labels, OBLIQUE).to_filename(path)


def rows_of(task):
    with task.table.open(encoding="utf-8") as lines:
        return list(csv.DictReader(lines, dialect="excel-tab"))


def number(text):
    return float(text) if text else math.nan


def check_numbers(row, values, labels, label, data=True):
    """Against numpy, mask by mask."""
    smallest, largest = (
        one(labels, footprint=FACES, mode="nearest")
        for one in (minimum_filter, maximum_filter)
    )
    boundary = smallest != largest
    own = (labels == label) & data
    for prefix, mask in (
        ("", own),
        ("boundary_", own & boundary),
        ("interior_", own & ~boundary),
    ):
        inside = values[mask].astype(np.float64)
        assert int(row[f"{prefix}voxels"]) == inside.size
        above = inside > float(row["threshold"])
        expected = {
            "total": inside.sum(),
            "mean": inside.mean() if inside.size else math.nan,
            "median": np.median(inside) if inside.size else math.nan,
            "p95": np.percentile(inside, 95) if inside.size else math.nan,
            "share_above": above.mean() if inside.size else math.nan,
        }
        for name, value in expected.items():
            found = number(row[prefix + name])
            assert found == pytest.approx(value, rel=1e-8, nan_ok=True), name
    volume = own.sum() * 1 * 1.5 * 2 / 1000
    # NIfTI keeps the affine in float32.
    assert float(row["volume_ml"]) == pytest.approx(volume, rel=1e-6)


def map_of(task, measure):
    return np.asarray(nib.load(task.file(measure, ".nii.gz")).dataobj)


def test_the_table_has_a_row_for_each_measure_and_label(task, tmp_path):
    text = json.dumps({"labels": NAMES})
    (tmp_path / "in" / "dataset.json").write_text(text)
    measures = ("margin", "entropy")
    task = replace(task, measures=measures, base="e")
    row = run_task(task)
    assert row.status == "written", row.message
    labels = np.asarray(nib.load(task.labels).dataobj)
    rows = rows_of(task)
    assert list(rows[0])[:6] == [
        "measure", "threshold", "label", "name", "voxels", "volume_ml",
    ]  # fmt: skip
    assert [(one["measure"], int(one["label"]), one["name"]) for one in rows] == [
        (measure, label, " ".join(name.split()))
        for measure in measures
        for name, label in NAMES.items()
    ]
    half = {"margin": 0.5, "entropy": math.log(4) / 2}
    for one in rows:
        assert float(one["threshold"]) == pytest.approx(half[one["measure"]], rel=1e-8)
        values = map_of(task, one["measure"])
        check_numbers(one, values, labels, int(one["label"]))
    assert rows[3]["mean"] == rows[3]["boundary_p95"] == ""  # no voxel


def test_the_json_names_the_table_and_its_checksum(task):
    run_task(task)
    told = json.loads(task.file("entropy", ".json").read_text("utf-8"))
    written = task.table.read_bytes()
    crc = f"{zlib.crc32(written):08x}"
    assert told["classes"] == {"file": "case_classes.tsv", "crc32": crc}
    run_task(replace(task, labels=None))
    told = json.loads(task.file("entropy", ".json").read_text("utf-8"))
    assert told["classes"] is None


def test_a_table_that_is_missing_or_another_one_is_noticed(task):
    row = run_task(task)
    assert finished(task) == row
    before = contents(task.output)
    # As a run leaves it that asked for other units and was killed before the map.
    run_task(replace(task, base="e"))
    other = task.table.read_bytes()
    for name, content in before.items():
        (task.table.parent / name).write_bytes(content)
    assert finished(task) == row
    task.table.write_bytes(other)
    assert finished(task) is None
    task.table.unlink()
    assert finished(task) is None
    assert run_task(task) == row
    assert contents(task.output) == before


def test_without_a_segmentation_there_is_no_class_table(task):
    task = replace(task, labels=None)
    row = run_task(task)
    assert not task.table.exists()
    assert finished(task) == row


def test_voxels_without_data_are_left_out(task):
    with np.load(task.source) as archive:
        values = archive["probabilities"]
    values[:, 2:4] = 0
    np.savez(task.source, probabilities=values)
    run_task(task)
    labels = np.asarray(nib.load(task.labels).dataobj)
    data = (values != 0).any(axis=0).T
    for one in rows_of(task):
        check_numbers(one, map_of(task, "entropy"), labels, int(one["label"]), data)


def test_of_a_placed_case_it_is_the_same(task):
    """Turned against its segmentation, and put back."""
    labels = nu.read(task.source).values.argmax(axis=0).astype(np.uint8)
    write_labels(task.labels, labels)
    run_task(task)
    expected = task.table.read_bytes()
    with np.load(task.source) as archive:
        values = archive["probabilities"]
    np.savez(task.source, probabilities=values[:, :, ::-1, ::-1])
    row = run_task(replace(task, place=True))
    assert row.message.startswith("Placed by its agreement with 'labels'")
    assert task.table.read_bytes() == expected


@pytest.mark.parametrize("given", [(0, 2, 41, 2035), (3, 5, 8, 9)])
def test_labels_of_an_atlas_stand_for_the_classes(task, given):
    classes = nu.read(task.source).values.argmax(axis=0)
    labels = np.array(given, np.int32)[classes]
    write_labels(task.labels, labels)
    row = run_task(task)
    assert row.agreement == 1
    rows = rows_of(task)
    assert [int(one["label"]) for one in rows] == list(given)
    assert [one["name"] for one in rows] == [f"class {n}" for n in range(4)]
    for one, label in zip(rows, given, strict=True):
        check_numbers(one, map_of(task, "entropy"), labels, label)


def test_labels_that_are_no_classes_keep_their_numbers(task, tmp_path):
    names = {"labels": {"white": 2, "cortex": 2035}}
    (tmp_path / "dataset.json").write_text(json.dumps(names))
    labels = np.asarray(nib.load(task.labels).dataobj).astype(np.int32)
    labels[labels == 1] = 2035
    labels[0, :3] = 17
    labels[0, 4:] = 18
    write_labels(task.labels, labels)
    row = run_task(task)
    assert row.checks == "red"
    rows = rows_of(task)
    assert [(int(one["label"]), one["name"]) for one in rows] == [
        (0, "background"),
        (2, "white"),
        (17, "label 17"),
        (18, "label 18"),
        (2035, "cortex"),
    ]
    for one in rows:
        check_numbers(one, map_of(task, "entropy"), labels, int(one["label"]))
