"""Reports of maps of several members, and of values that are no softmax."""

import json
from dataclasses import replace

import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.batch.inputs import ensemble_task
from napari_uncertainty.batch.task import Task, run_task
from napari_uncertainty.batch.written import read_recorded
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.report.from_files import iter_case_of
from napari_uncertainty.report.page import iter_report
from napari_uncertainty.steps import run
from support.generated import OBLIQUE
from support.many_cases import write_case
from support.report_pages import Page

SHAPE = (12, 13, 14)
MEASURE = "mutual_information"


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """The user's folder, away from the real one."""
    folder = tmp_path / "user"
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: folder)


@pytest.fixture
def sources(tmp_path, rng):
    """Two members of one case."""
    return [
        write_case(tmp_path / f"fold_{number}", "case", rng, (4, *SHAPE), 1.5)
        for number in range(2)
    ]


@pytest.fixture
def task(tmp_path, sources):
    (tmp_path / "out").mkdir()
    like = Task("", "", str(tmp_path / "out"), (MEASURE,))
    return ensemble_task(sources, None, like)


def values_of(source):
    with np.load(source) as archive:
        return archive["probabilities"].transpose(0, 3, 2, 1)


def voxels(places):
    return [place.voxel for place in places]


def test_a_report_of_an_ensemble_names_its_members(task, sources):
    row = run_task(task)
    assert row.status == "written", row.message
    path = task.file(MEASURE, ".nii.gz")
    found = run(iter_case_of(path, count=5))
    facts = dict(found.case.facts)
    assert facts["Members"] == "fold_0/case, fold_1/case"
    assert facts["Measure"] == "mutual information in bits"
    assert facts["What it tells"] == nu.ENSEMBLE_MEASURES[MEASURE].meaning
    overlap = float(facts["Agreement of the members"].split()[0])
    assert overlap == pytest.approx(row.dice, abs=5e-3)
    assert found.case.highest == 1  # two members cannot tell more than two things
    members = [values_of(one) for one in sources]
    prediction = np.mean(members, axis=0, dtype=np.float64).argmax(axis=0)
    np.testing.assert_array_equal(found.case.labels, prediction)
    recorded = read_recorded(path)
    places = run(
        iter_hotspots(
            recorded.values, prediction, members=members,
            grid=Grid(SHAPE, OBLIQUE), wanted=HotspotOptions(5),
        )
    ).places  # fmt: skip
    assert voxels(found.case.hotspots.places) == voxels(places)
    page = Page(run(iter_report(found.case)))
    assert "fold_0/case, fold_1/case" in page.text
    assert nu.ENSEMBLE_MEASURES[MEASURE].formula in page.text


def test_a_member_that_is_gone_leaves_hotspots_of_the_map_alone(task, sources):
    run_task(task)
    sources[1].unlink()
    found = run(iter_case_of(task.file(MEASURE, ".json"), count=5))
    assert found.remarks == (
        "The probabilities case.npz are not there any more. So the hotspots are from "
        "the map alone.",
    )
    assert len(found.case.hotspots.places) > 0


@pytest.mark.parametrize(
    "change",
    [
        {"members": [{"name": "a"}]},
        {"members": 7},
        {"kind": "guess"},
        {"temperature": "warm"},
        {"asked": {"kind": "guess"}},
        {"asked": {"temperature": -1}},
        {"asked": {"class_axis": "last"}},
    ],
)
def test_damage_of_what_is_told_of_the_input(task, change):
    run_task(task)
    sidecar = task.file(MEASURE, ".json")
    told = json.loads(sidecar.read_text("utf-8"))
    sidecar.write_text(json.dumps(told | change), "utf-8")
    with pytest.raises(InputError, match="does not say what the map"):
        read_recorded(sidecar)


def test_a_report_of_independent_channels_has_hotspots_of_the_map(tmp_path, rng):
    """The hotspots are those of the map, in which both channels count."""
    values = rng.random((2, *SHAPE)).astype(np.float32)
    np.save(tmp_path / "case.npy", values.transpose(0, 3, 2, 1))
    task = Task("case", str(tmp_path / "case.npy"), str(tmp_path))
    row = run_task(replace(task, how=replace(task.how, class_axis=0)))
    assert row.status == "written", row.message
    path = task.file("entropy", ".nii.gz")
    found = run(iter_case_of(path, count=5))
    assert dict(found.case.facts)["Kind of values"] == "Independent channels"
    recorded = read_recorded(path)
    assert (recorded.record.highest, recorded.record.undecided) == (2, 1)
    whole, core = (values > 0.5).astype(np.uint8)
    labels = np.where(core, 2, whole)
    np.testing.assert_array_equal(found.case.labels, labels)
    places = run(
        iter_hotspots(recorded.values, labels, undecided=1.0, wanted=HotspotOptions(5))
    ).places
    assert voxels(found.case.hotspots.places) == voxels(places)
    assert [one for one in found.remarks if "of the map alone" in one]
    assert dict(found.case.facts)["Expected errors"].endswith(", by the map alone")
