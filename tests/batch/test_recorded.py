"""Maps that were written, read back."""

import json
import os

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.batch.task import Task, run_task
from napari_uncertainty.batch.written import read_recorded
from napari_uncertainty.model.placement import all_orientations
from napari_uncertainty.model.record import Record
from support.generated import softmax
from support.many_cases import write_case
from support.records import record


@pytest.fixture
def task(tmp_path, rng):
    source = write_case(tmp_path / "in", "case", rng)
    (tmp_path / "out").mkdir()
    return Task("case", str(source), str(tmp_path / "out"))


@pytest.mark.parametrize("ndim", [2, 3])
def test_a_placement_comes_back_as_axes_flips_and_offset(ndim):
    for one in all_orientations(ndim):
        placement = one.shifted((3, 0, -12)[:ndim])
        told = json.loads(json.dumps(record(placement=placement).to_json()))
        assert Record.from_json(told).placement == placement


@pytest.mark.parametrize(
    "placement",
    [
        {"order": [0, 0, 2], "flips": [1, 1, 1], "offset": [0, 0, 0]},
        {"order": [0, 1, 2], "flips": [1, 2, 1], "offset": [0, 0, 0]},
        {"order": [0, 1, 2], "flips": [1, 1], "offset": [0, 0, 0]},
        {"order": [0, 1, 2], "flips": [1, 1, 1]},
        "axes reversed",
    ],
)
def test_a_placement_that_is_none_is_refused(placement):
    told = record().to_json() | {"placement": placement}
    with pytest.raises(ValueError, match=r"placement|offset|indices"):
        Record.from_json(told)


@pytest.mark.parametrize("ending", [".nii.gz", ".json"])
def test_a_map_by_both_of_its_names(task, ending):
    run_task(task)
    recorded = read_recorded(task.file("entropy", ending))
    image = nib.load(task.file("entropy", ".nii.gz"))
    assert recorded.source == task.file("entropy", ".nii.gz")
    np.testing.assert_array_equal(recorded.values, np.asarray(image.dataobj))
    np.testing.assert_array_equal(recorded.grid.affine, image.affine)
    assert (recorded.case, recorded.record.measure) == ("case", "entropy")
    assert (recorded.record.highest, recorded.record.undecided) == (2, 1)
    read = recorded.predictions().first.values.load()
    np.testing.assert_array_equal(read, nu.read(task.source).values)


@pytest.mark.parametrize(
    ("measure", "base", "undecided"),
    [
        ("entropy", "e", np.log(2)),
        ("entropy", "classes", 0.5),
        ("least_confidence", 2, 0.5),
        ("margin", 2, 1.0),
        ("gini", "e", 0.5),
    ],
)
def test_where_two_classes_are_equally_likely(task, measure, base, undecided):
    run_task(Task("case", task.source, task.output, (measure,), base))
    recorded = read_recorded(task.file(measure, ".nii.gz"))
    assert recorded.case == "case"
    assert recorded.record.undecided == pytest.approx(undecided)
    two = np.zeros((4, 1, 1, 1))
    two[:2] = 0.5
    value = float(nu.uncertainty(two, (measure,), base=base)[measure][0, 0, 0])
    assert value == pytest.approx(undecided, rel=1e-6)


def test_of_all_zeros_it_is_still_a_map(task):
    certain = np.zeros((8, 7, 6, 4), np.float32)
    certain[..., 0] = 1
    np.savez(task.source, probabilities=np.moveaxis(certain, -1, 0))
    run_task(task)
    recorded = read_recorded(task.file("entropy", ".nii.gz"))
    assert recorded.values.dtype == np.float32
    assert not recorded.values.any()


def test_changed_and_missing_probabilities_are_told(task, rng):
    run_task(task)
    path = task.file("entropy", ".nii.gz")
    state = os.stat(task.source)
    os.utime(task.source, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    with pytest.raises(InputError, match=r"case\.npz have changed\.$"):
        read_recorded(path).predictions()
    os.remove(task.source)
    with pytest.raises(InputError, match=r"case\.npz are not there any more\.$"):
        read_recorded(path).predictions()
    sidecar = path.with_name("case_entropy.json")
    told = json.loads(sidecar.read_text("utf-8"))
    for change in ({"source": ""}, {"inputs": None}, {"inputs": []}):
        sidecar.write_text(json.dumps(told | change), "utf-8")
        with pytest.raises(InputError, match="not recorded which file"):
            read_recorded(path).predictions()


def test_a_map_placed_in_an_unknown_way_has_no_probabilities(task):
    run_task(task)
    sidecar = task.file("entropy", ".json")
    told = json.loads(sidecar.read_text("utf-8"))
    sidecar.write_text(json.dumps(told | {"placed": "by hand"}), "utf-8")
    with pytest.raises(InputError, match="not recorded how the probabilities lie"):
        read_recorded(sidecar).predictions()


def test_files_that_are_not_maps_are_refused(task, tmp_path, rng):
    run_task(task)
    image, sidecar = (task.file("entropy", one) for one in (".nii.gz", ".json"))
    other = tmp_path / "in" / "case.nii.gz"
    for path, said in (
        (tmp_path / "a.png", "is not a map; name the image"),
        (tmp_path / "a.nii", "There is no map"),
        (tmp_path / "a.json", "There is no map"),
        (other, "is not a map of napari-uncertainty"),
    ):
        with pytest.raises(InputError, match=said):
            read_recorded(path)
    other.with_name("case.json").write_bytes(sidecar.read_bytes())
    with pytest.raises(InputError, match="is not a map of napari-uncertainty"):
        read_recorded(other)
    whole = sidecar.read_bytes()
    for text in (b"", b"[]", b"{}", b"\xff", b"[" * 100_000):
        sidecar.write_bytes(text)
        with pytest.raises(InputError, match="does not say what the map is"):
            read_recorded(image)
    for key, value in (
        ("measure", "anger"), ("base", 3), ("statistics", None), ("n_classes", 0),
        ("statistics", {}), ("checks", [{"level": "blue", "sentence": ""}]),
    ):  # fmt: skip
        sidecar.write_text(json.dumps(json.loads(whole) | {key: value}), "utf-8")
        with pytest.raises(InputError, match="does not say what the map is"):
            read_recorded(image)
    sidecar.write_bytes(whole)
    image.write_bytes(image.read_bytes()[:200])
    with pytest.raises(InputError, match="cannot be read"):
        read_recorded(image)


def test_a_flat_map_is_read_back(tmp_path, rng):
    source = tmp_path / "flat.npy"
    np.save(source, softmax(rng, (3, 30, 40)))
    task = Task("flat", str(source), str(tmp_path))
    run_task(task)
    recorded = read_recorded(task.file("entropy", ".nii.gz"))
    assert recorded.grid is None
    np.testing.assert_array_equal(recorded.values, nu.entropy(nu.read(source)))
