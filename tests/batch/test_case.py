"""One case: what is written, when it counts as done, and what becomes of its faults."""

import csv
import json
import os
from contextlib import closing
from dataclasses import replace
from zipfile import ZipFile

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.batch.task import Task, finished, iter_task, run_task
from napari_uncertainty.model.interpretation import Interpretation
from support.generated import softmax
from support.many_cases import contents, write_case

MEMBER = "probabilities.npy"


@pytest.fixture
def source(tmp_path, rng):
    return write_case(tmp_path / "in", "case", rng)


@pytest.fixture
def task(tmp_path, source):
    (tmp_path / "out").mkdir()
    return Task("case", str(source), str(tmp_path / "out"))


def told(task, measure="entropy"):
    return json.loads(task.file(measure, ".json").read_text(encoding="utf-8"))


def later(path):
    """Change when a file was changed, and nothing else."""
    state = path.stat()
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


def test_maps_lie_on_the_grid_of_their_input(task, source):
    task = replace(task, measures=("margin", "entropy"), base="e")
    row = run_task(task)
    probabilities = nu.read(source)
    labels = nib.load(source.with_name("case.nii.gz"))
    expected = nu.uncertainty(probabilities, ("margin", "entropy"), base="e")
    for measure in task.measures:
        written = nib.load(task.file(measure, ".nii.gz"))
        np.testing.assert_array_equal(written.affine, labels.affine)
        np.testing.assert_array_equal(np.asarray(written.dataobj), expected[measure])
        assert written.get_data_dtype() == np.float32
    assert (row.case, row.status, row.message) == ("case", "written", "")
    assert (row.classes, row.voxels, row.no_data) == (4, 336, 0)
    foreground = expected.prediction != 0
    margin = expected["margin"].astype(np.float64)
    assert row.total == pytest.approx(margin.sum(), rel=1e-12)
    assert row.mean == pytest.approx(margin.mean(), rel=1e-12)
    assert row.max == margin.max()
    assert row.foreground_mean == pytest.approx(margin[foreground].mean(), rel=1e-12)


def test_the_json_says_how_a_map_was_made(task, source):
    run_task(task)
    twin = source.with_name("case.nii.gz")
    said = told(task)
    assert said["measure"] == "entropy"
    assert (said["base"], said["unit"]) == (2, "bits")
    assert said["source"] == str(source)
    assert said["geometry_source"] == str(twin)
    assert said["foreground_from"] == "prediction"
    assert said["statistics"]["voxels"] == 336
    assert said["shape"] == [6, 7, 8]
    assert said["notes"] == []
    assert said["inputs"] == [
        {
            "path": str(path),
            "size": path.stat().st_size,
            "mtime_ns": path.stat().st_mtime_ns,
        }
        for path in (source, twin)
    ]


def test_computing_again_gives_the_same_bytes(task):
    run_task(task)
    first = contents(task.output)
    run_task(task, threads=1)
    assert contents(task.output) == first


def test_done_gives_the_same_row(task):
    task = replace(task, measures=("entropy", "gini"))
    assert finished(task) is None
    row = run_task(task)
    assert finished(task) == row
    assert finished(replace(task, measures=("gini",))) is not None
    assert finished(replace(task, measures=("gini",))) != row


@pytest.mark.parametrize(
    "change",
    [
        {"measures": ("entropy", "margin")},
        {"base": "e"},
        {"version": "0.0.1"},
    ],
)
def test_asked_for_otherwise_is_not_done(task, change):
    run_task(task)
    assert finished(replace(task, **change)) is None


def test_a_changed_input_is_noticed(task, source):
    run_task(task)
    later(source)
    assert finished(task) is None


def test_a_changed_geometry_is_noticed(task, source):
    run_task(task)
    later(source.with_name("case.nii.gz"))
    assert finished(task) is None


def test_another_input_of_the_same_name_is_noticed(task, source, rng):
    run_task(task)
    other = write_case(source.parent / "other", "case", rng)
    assert finished(replace(task, source=str(other))) is None


def test_files_that_are_new_beside_the_input_are_noticed(task, source):
    """Class names come from one, the place in space from the other."""
    twin = source.with_name("case.nii.gz")
    aside = twin.rename(source.parent / "aside")
    run_task(task)
    assert finished(task) is not None
    aside.rename(twin)
    assert finished(task) is None
    run_task(task)
    names = '{"labels": {"background": 0, "a": 1, "b": 2, "c": 3}}'
    source.with_name("dataset.json").write_text(names)
    assert finished(task) is None
    run_task(task)
    assert told(task)["class_names"] == ["background", "a", "b", "c"]
    assert finished(task) is not None
    source.with_name("dataset.json").unlink()
    assert finished(task) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "{}", '{"measure": "entropy", "base": 2}', "\x00"]
)
def test_a_json_of_another_kind_is_not_done(task, text):
    run_task(task)
    task.file("entropy", ".json").write_text(text)
    assert finished(task) is None


@pytest.mark.parametrize("ending", [".json", ".nii.gz"])
def test_a_map_without_its_image_or_json_is_not_done(task, ending):
    run_task(task)
    task.file("entropy", ending).unlink()
    assert finished(task) is None


def test_a_nifti_with_classes_last_is_mapped(task, rng, tmp_path):
    values = np.moveaxis(softmax(rng, (4, 6, 7, 8)), 0, -1)
    path = tmp_path / "in" / "softmax.nii.gz"
    nib.Nifti1Image(values, np.diag([1, 2, 3, 1])).to_filename(path)
    task = replace(task, case="softmax", source=str(path))
    row = run_task(task)
    assert row.status == "written"
    assert told(task)["geometry_source"] == ""
    assert [one["path"] for one in told(task)["inputs"]] == [str(path)]
    assert finished(task) == row


def test_a_case_without_a_place_is_written_and_says_so(task, source):
    source.with_name("case.nii.gz").unlink()
    row = run_task(task)
    assert row.status == "written"
    assert "place in space" in row.message
    written = nib.load(task.file("entropy", ".nii.gz"))
    assert written.header["sform_code"] == written.header["qform_code"] == 0
    np.testing.assert_array_equal(
        np.asarray(written.dataobj), nu.entropy(nu.read(source))
    )
    assert "affine" not in told(task)
    assert finished(task) == row


def test_maps_beside_the_input_give_it_no_place(task, source, rng):
    """Else a place would depend on the order in which cases were computed."""
    other = write_case(source.parent, "case-2", rng)
    for path in (source, other):
        path.with_name(f"{path.stem}.nii.gz").unlink()
    here = replace(task, output=str(source.parent))
    run_task(here)
    row = run_task(replace(here, case="case-2", source=str(other)))
    assert "place in space" in row.message


def test_sums_that_differ_are_a_message(task, source):
    with np.load(source) as archive:
        values = archive["probabilities"]
    np.savez(source, probabilities=values * np.float16(0.5))
    task = replace(task, how=Interpretation("softmax"))
    row = run_task(task)
    assert row.status == "written"
    assert row.message.count("should sum to 1") == 1
    assert (row.checks, row.classes) == ("red", 4)
    assert row.warning in row.message
    assert finished(task) == row


def test_an_input_that_is_gone_fails(task, source):
    source.unlink()
    row = run_task(task)
    assert row.status == "failed"
    assert row.message == f"{source} cannot be read (No such file or directory)."
    assert row.total is None
    assert contents(task.output) == {}


def test_an_input_that_goes_while_it_is_read_fails(task, source, monkeypatch):
    def gone(path, *_):
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr("napari_uncertainty.predictions.open_probabilities", gone)
    assert run_task(task).message == (
        f"{source} cannot be read (No such file or directory)."
    )


def test_a_label_map_as_input_fails(task, source):
    row = run_task(replace(task, source=str(source.with_name("case.nii.gz"))))
    assert row.status == "failed"
    assert "looks like a label map" in row.message


def test_a_folder_that_cannot_be_searched_fails(task, source):
    row = run_task(replace(task, source=str(source.parent)))
    assert row.message == f"The folder {source.parent} cannot be searched."


def test_a_header_that_promises_more_than_the_memory_holds(task, source):
    header = {"descr": "<f4", "fortran_order": False, "shape": (4, 9**5, 9**5, 9**5)}
    with ZipFile(source, "w") as archive, archive.open(MEMBER, "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
        member.write(bytes(1000))
    row = run_task(task)
    assert row.status == "failed"
    assert row.message.startswith("case.npz")


def test_a_header_that_promises_more_than_the_file_holds(task, source):
    header = {"descr": "<f4", "fortran_order": False, "shape": (4, 8, 7, 6)}
    with ZipFile(source, "w") as archive, archive.open(MEMBER, "w") as member:
        np.lib.format.write_array_header_1_0(member, header)
        member.write(bytes(1000))
    row = run_task(task)
    assert row.status == "failed"
    assert row.message.startswith("case.npz cannot be read")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (MemoryError("Unable to allocate 9 TiB"), "Unable to allocate 9 TiB"),
        (MemoryError(), "out of memory"),  # as Python itself raises it
    ],
)
def test_too_little_memory_is_a_failed_row(task, monkeypatch, error, why):
    def too_large(*_):
        raise error

    monkeypatch.setattr("napari_uncertainty.predictions.open_probabilities", too_large)
    row = run_task(task)
    assert row.message == f"It needs more memory than is free ({why})."


def test_a_bug_is_a_failed_case_and_says_so(task, monkeypatch):
    def bug(*_):
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("napari_uncertainty.predictions.open_probabilities", bug)
    row = run_task(task)
    assert row.status == "failed"
    assert row.message == (
        "unexpected: ZeroDivisionError: division by zero; please report this."
    )


def test_an_older_map_of_a_case_that_fails_now(task, source):
    run_task(task)
    before = contents(task.output)
    source.write_bytes(b"no archive")
    row = run_task(task)
    assert row.status == "failed"
    assert "was written before" in row.message
    assert contents(task.output) == before


def test_images_of_others_are_not_written_over(task, source):
    """Not even an input that has the name of a map."""
    other = task.file("entropy", ".nii.gz")
    other.write_bytes(source.with_name("case.nii.gz").read_bytes())
    before = contents(task.output)
    row = run_task(task)
    assert row.status == "failed"
    assert "was not written by napari-uncertainty" in row.message
    other.write_bytes(b"no image at all")
    assert run_task(task).status == "failed"
    other.write_bytes(b"")
    assert run_task(task).status == "written"
    assert contents(task.output) != before


def test_closing_stops_it_and_leaves_nothing(task):
    with closing(iter_task(task, threads=1)) as steps:
        next(steps)
    assert contents(task.output) == {}


def test_a_file_name_outside_of_utf8_is_written_and_found_again(task, tmp_path, rng):
    try:
        path = write_case(tmp_path / "in", "caf\udce9", rng)
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    task = replace(task, case="caf_", source=str(path))
    row = run_task(task)
    assert row.status == "written", row.message
    assert finished(task) == row


def test_the_row_fits_the_summary(task, tmp_path):
    from napari_uncertainty.batch.summary import write_summary

    row = run_task(task)
    write_summary(tmp_path / "summary.tsv", [row])
    with (tmp_path / "summary.tsv").open(encoding="utf-8") as lines:
        [read] = csv.DictReader(lines, dialect="excel-tab")
    assert float(read["mean"]) == told(task)["statistics"]["mean"]


@pytest.fixture
def compared(task, source, tmp_path):
    """A case that is compared with a copy of its own segmentation."""
    labels = tmp_path / "labels.nii.gz"
    labels.write_bytes(source.with_name("case.nii.gz").read_bytes())
    return replace(task, labels=str(labels))


def turn(source):
    """Run the first axis of the probabilities, as nibabel has it, backwards."""
    with np.load(source) as archive:
        values = archive["probabilities"]
    np.savez(source, probabilities=values[..., ::-1])


def test_a_compared_case_says_with_what(compared, source):
    row = run_task(compared)
    with np.load(source) as archive:
        predicted = archive["probabilities"].argmax(axis=0).T
    given = np.asarray(nib.load(compared.labels).dataobj)
    either = (predicted != 0) | (given != 0)
    same = (predicted == given) & either
    assert row.agreement == pytest.approx(same.sum() / either.sum(), abs=1e-12)
    assert (row.status, row.checks, row.message) == ("written", "green", "")
    said = told(compared)
    assert (said["segmentation"], said["placed"]) == (compared.labels, None)
    assert said["foreground_from"] == "labels.nii.gz"
    names = [one["name"] for one in said["checks"]]
    assert names == [
        "kind", "no_data", "precision", "confidence",
        "agreement", "orientation", "segmentation_grid",
    ]  # fmt: skip
    assert all({"name", "level", "sentence"} <= set(one) for one in said["checks"])
    assert [one["path"] for one in said["inputs"]] == [
        str(source),
        str(source.with_name("case.nii.gz")),
        compared.labels,
    ]


def test_a_compared_case_is_done_with_the_same_row(compared):
    row = run_task(compared)
    assert finished(compared) == row
    # To be placed, had it lain otherwise, makes no difference.
    assert finished(replace(compared, place=True)) == row


def test_compared_with_others_or_nothing_is_not_done(compared, tmp_path):
    run_task(compared)
    other = tmp_path / "other.nii.gz"
    other.write_bytes((tmp_path / "labels.nii.gz").read_bytes())
    assert finished(replace(compared, labels=None)) is None
    assert finished(replace(compared, labels=str(other))) is None
    run_task(replace(compared, labels=None))
    assert finished(compared) is None


def test_a_changed_segmentation_is_noticed(compared, tmp_path):
    run_task(compared)
    later(tmp_path / "labels.nii.gz")
    assert finished(compared) is None
    run_task(compared)
    assert finished(compared) is not None
    (tmp_path / "labels.nii.gz").unlink()
    assert finished(compared) is None


def test_placed_and_now_not_to_be_is_not_done(compared, source):
    turn(source)
    compared = replace(compared, place=True)
    row = run_task(compared)
    assert row.message.startswith("Placed by its agreement with 'labels'")
    assert finished(compared) == row
    assert finished(replace(compared, place=False)) is None


def test_a_missing_segmentation_fails_before_anything_is_computed(
    compared, tmp_path, monkeypatch
):
    def computed(*_, **__):
        raise AssertionError("nothing has to be computed to know that")

    (tmp_path / "labels.nii.gz").unlink()
    monkeypatch.setattr("napari_uncertainty.engine.fold.iter_fold", computed)
    row = run_task(compared)
    assert row.status == "failed"
    assert row.message == f"There is no segmentation {compared.labels}."


def test_all_maps_of_a_case_are_placed(compared, source):
    turned = source.with_name("turned.npz")
    turned.write_bytes(source.read_bytes())
    turn(turned)
    measures = ("entropy", "margin")
    run_task(replace(compared, measures=measures))
    expected = [
        np.asarray(nib.load(compared.file(one, ".nii.gz")).dataobj) for one in measures
    ]
    placed = replace(
        compared, case="turned", source=str(turned), measures=measures, place=True
    )
    row = run_task(placed)
    assert row.status == "written", row.message
    for measure, values in zip(measures, expected, strict=True):
        written = nib.load(placed.file(measure, ".nii.gz"))
        np.testing.assert_array_equal(np.asarray(written.dataobj), values)
        assert told(placed, measure)["placed"] == "first axis flipped"
