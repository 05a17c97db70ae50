"""Reports of maps and reviews in files that nibabel and numpy wrote."""

import csv
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.batch.task import Task, run_task
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.report.from_files import (
    check_report_path,
    iter_case_of,
    report_path,
)
from napari_uncertainty.report.page import iter_report
from napari_uncertainty.review.reviewed_images import (
    Options,
    ReviewedInput,
    fingerprint,
)
from napari_uncertainty.review.session import Session
from napari_uncertainty.steps import run
from support.generated import OBLIQUE, softmax
from support.many_cases import contents, write_case
from support.records import record
from support.report_pages import Page

SHAPE = (12, 13, 14)
NAMES = ["background", "gray matter", "white matter", "stem"]
WANTED = HotspotOptions(6)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """The user's folder, away from the real one."""
    folder = tmp_path / "user"
    monkeypatch.setattr("platformdirs.user_data_path", lambda *_, **__: folder)
    return folder / "reviews"


class Files:
    """A case as `map` leaves it, and what is in its files."""

    def __init__(self, folder, rng):
        self.folder = folder
        self.source = write_case(folder / "in", "case", rng, (4, *SHAPE), 1.5)
        names = {name: label for label, name in enumerate(NAMES)}
        beside = self.source.with_name("dataset.json")
        beside.write_text(json.dumps({"labels": names}), "utf-8")
        with np.load(self.source) as archive:
            self.values = archive["probabilities"].transpose(0, 3, 2, 1)
        self.segmentation = self.source.with_name("case.nii.gz")
        self.labels = np.asarray(nib.load(self.segmentation).dataobj)
        self.affine = nib.load(self.segmentation).affine
        self.grid = Grid(SHAPE, self.affine)
        self.entropy = nu.entropy(self.values)
        self.scan = folder / "T1.nii.gz"
        self.intensities = rng.integers(1, 900, SHAPE, np.int16)
        nib.Nifti1Image(self.intensities, self.affine).to_filename(self.scan)
        (folder / "out").mkdir()
        self.task = Task(
            "case",
            str(self.source),
            str(folder / "out"),
            labels=str(self.segmentation),
            hotspots=6,
        )
        self.map = self.task.file("entropy", ".nii.gz")

    def write(self, **options):
        row = run_task(replace(self.task, **options))
        assert row.status == "written", row.message
        return row

    def found(self, labels=None, wanted=WANTED):
        """Places, without any file."""
        return run(
            iter_hotspots(
                self.entropy,
                self.labels if labels is None else labels,
                members=[self.values],
                grid=self.grid,
                wanted=wanted,
            )
        )

    def begin(self, path, *, saved=True, labelled=True, told=None, **options):
        """A review of the case with one verdict, a note, and labels that changed."""
        found = self.found()
        usual = {"radius_mm": 3.75, "separation_mm": 3.75, "classes": None}
        inputs = [
            ReviewedInput(
                "map", "entropy", self.map if saved else None,
                fingerprint(self.entropy, self.grid),
            ),
            ReviewedInput("probabilities", "case", self.source, ""),
            ReviewedInput("scan", "T1", self.scan, ""),
        ]  # fmt: skip
        if labelled:
            digest = fingerprint(self.labels, self.grid)
            inputs.append(
                ReviewedInput("segmentation", "case", self.segmentation, digest)
            )
        told = told or record(source=str(self.source))
        session = Session.begin(
            path, "case", inputs, Options(interior=False, **(usual | options)),
            found, dict(enumerate(NAMES)), told.unit, record=told,
        )  # fmt: skip
        session.review.see(1)
        session.review.judge(2, "needs expert")
        session.review.annotate(2, "Partial volume?")
        if labelled:
            now, at = self.labels.copy(), found.places[0].voxel
            now[at] = 3 if self.labels[at] != 3 else 1
            session.set_labels(self.labels, now, self.grid)
        session.save()
        return session


@pytest.fixture
def files(tmp_path, rng):
    return Files(tmp_path, rng)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A case with its map, for tests that only read."""
    files = Files(tmp_path_factory.mktemp("written"), np.random.default_rng(7))
    files.write()
    return files


def gathered(path, **options):
    return run(iter_case_of(Path(path), **options))


def page_of(found):
    return Page(run(iter_report(found.case)))


def fact(found, name):
    [value] = [value for key, value in found.case.facts if key == name]
    return value


def voxels(found):
    return [place.voxel for place in found.case.hotspots.places]


def later(path):
    state = os.stat(path)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))


# Of a map


@pytest.mark.parametrize("ending", [".nii.gz", ".json"])
def test_a_report_of_a_map_shows_its_hotspots(written, ending):
    found = gathered(written.task.file("entropy", ending), count=6)
    case = found.case
    assert found.remarks == ()
    assert (case.title, case.measure, case.unit) == ("case", "entropy", "bits")
    assert (case.highest, case.reviewed, case.scan) == (2, False, None)
    np.testing.assert_array_equal(case.values, written.entropy)
    np.testing.assert_array_equal(case.labels, written.labels)
    assert case.names == dict(enumerate(NAMES))
    assert [one.name for one in case.checks][:2] == ["kind", "no_data"]
    table = nu.summarize(written.entropy, written.labels, class_names=NAMES)
    assert case.table["name"].tolist() == NAMES
    np.testing.assert_allclose(case.table["mean"], table["mean"])
    volumes = np.bincount(written.labels.ravel()) * 1 * 1.5 * 2 / 1000
    np.testing.assert_allclose(case.table["volume_ml"], volumes, rtol=1e-6)


def test_the_places_are_those_of_the_table(written):
    found = gathered(written.map, count=6)
    with written.task.hotspot_table.open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, dialect="excel-tab"))
    assert len(rows) == 6
    for row, place in zip(rows, found.case.hotspots.places, strict=True):
        assert tuple(int(row[axis]) for axis in "ijk") == place.voxel
        assert float(row["mass"]) == pytest.approx(place.mass, rel=1e-8)
        assert [row["class_a"], row["class_b"]] == [
            found.case.names[label] for label in place.classes
        ]
    assert len(gathered(written.map).case.hotspots.places) == len(
        written.found(wanted=HotspotOptions(50)).places
    )


def test_the_summary_has_the_facts_of_the_map(written):
    found = gathered(written.map, scan=written.scan, count=6)
    assert [name for name, _ in found.case.facts] == [
        "Probabilities", "Segmentation", "Scan", "Measure", "What it tells",
        "Kind of values", "Classes", "Voxels", "Voxels without data",
        "Total", "Mean", "Mean in the foreground", "Hotspots", "Expected errors",
        "Agreement",
    ]  # fmt: skip
    assert fact(found, "Probabilities") == "case.npz"
    assert fact(found, "Segmentation") == "case.nii.gz"
    assert fact(found, "Scan") == "T1.nii.gz"
    assert fact(found, "Measure") == "entropy in bits"
    assert fact(found, "What it tells") == nu.MEASURES["entropy"].meaning
    assert fact(found, "Kind of values") == "Softmax"
    assert fact(found, "Voxels") == "12 × 13 × 14, of 1.00 × 1.50 × 2.00 mm"
    assert fact(found, "Voxels without data") == "0"
    inside = written.entropy[written.labels != 0].mean(dtype=np.float64)
    assert fact(found, "Mean in the foreground") == f"{inside:.2f} bits"
    assert fact(found, "Hotspots") == "6 of 3.75 mm"
    errors = float(fact(found, "Expected errors").split()[0].replace(",", ""))
    assert errors == pytest.approx(written.found().expected_errors, rel=5e-3)
    assert fact(found, "Agreement").endswith("% of the foreground")
    page = page_of(found)
    assert page.all("h1")[0]["text"] == "case"
    assert len(page.all("article")) == 6
    assert "12 × 13 × 14" in page.text


def test_without_a_segmentation_the_most_probable_class_is_drawn(files):
    files.write(labels=None)
    found = gathered(files.map, count=6)
    prediction = files.values.argmax(axis=0)
    np.testing.assert_array_equal(found.case.labels, prediction)
    assert fact(found, "Segmentation") == "none; the most probable class"
    assert voxels(found) == [p.voxel for p in files.found(prediction).places]
    assert fact(found, "Agreement").startswith("100 %")  # of the labels beside


def test_another_segmentation_is_asked_for(written, tmp_path):
    other = written.labels.copy()
    other[:6] = 0
    path = tmp_path / "other.nii.gz"
    nib.Nifti1Image(other, written.affine).to_filename(path)
    found = gathered(written.map, labels=path, count=6)
    np.testing.assert_array_equal(found.case.labels, other)
    assert voxels(found) == [place.voxel for place in written.found(other).places]
    inside = written.entropy[other != 0].mean(dtype=np.float64)
    assert fact(found, "Mean in the foreground") == f"{inside:.2f} bits"
    assert "Agreement" not in dict(found.case.facts)


def test_labels_that_are_not_classes_keep_places_called_by_classes(files, tmp_path):
    """Places are called by the classes, whatever the labels are called."""
    atlas = np.zeros(SHAPE, np.uint8)
    atlas[:, :6], atlas[:, 6:] = 17, 1
    atlas[0, 0, :2] = 18, 19
    atlas[0, 0, 2] = 20
    path = tmp_path / "atlas.nii.gz"
    nib.Nifti1Image(atlas, files.affine).to_filename(path)
    files.write(labels=str(path))
    found = gathered(files.map, count=6)
    np.testing.assert_array_equal(found.case.labels, atlas)
    expected = files.found(files.values.argmax(axis=0)).places
    assert voxels(found) == [place.voxel for place in expected]
    for place, right in zip(found.case.hotspots.places, expected, strict=True):
        assert place.competing(found.case.names) == " ↔ ".join(
            NAMES[number] for number in right.classes
        )
    assert found.remarks[0].startswith("The labels of 'atlas' are not the classes")
    assert found.case.table["label"].tolist() == [1, 17, 18, 19, 20]


def test_atlas_labels_that_stand_for_the_classes(files, tmp_path):
    numbers = np.array([0, 2, 41, 2035], np.int32)
    path = tmp_path / "atlas.nii.gz"
    nib.Nifti1Image(numbers[files.labels], files.affine).to_filename(path)
    files.write(labels=str(path))
    found = gathered(files.map, count=6)
    expected = files.found().places
    assert voxels(found) == [place.voxel for place in expected]
    for place, right in zip(found.case.hotspots.places, expected, strict=True):
        assert place.classes == tuple(numbers[list(right.classes)])
    assert found.case.names == dict(zip(numbers.tolist(), NAMES, strict=True))


def test_a_report_of_a_placed_map_is_that_of_a_straight_one(files, tmp_path):
    files.write()
    straight = gathered(files.map, count=6)
    turned = files.values.transpose(0, 2, 3, 1)[:, :, ::-1]
    source = tmp_path / "turned" / "case.npz"
    source.parent.mkdir()
    np.savez(source, probabilities=turned.transpose(0, 3, 2, 1))
    files.write(source=str(source), place=True)
    told = json.loads(files.task.file("entropy", ".json").read_text("utf-8"))
    assert told["placed"] == "axes in the order k, i, j, third axis flipped"
    found = gathered(files.map, count=6)
    assert voxels(found) == voxels(straight)
    for one, other in zip(
        found.case.hotspots.places, straight.case.hotspots.places, strict=True
    ):
        assert one.classes == other.classes
        np.testing.assert_allclose(one.ras, other.ras, atol=1e-4)
        assert one.mass == pytest.approx(other.mass)


def test_voxels_without_data_are_known_from_the_probabilities_alone(files):
    files.values[:, 3:5] = 0
    np.savez(files.source, probabilities=files.values.transpose(0, 3, 2, 1))
    files.write()
    found = gathered(files.map, count=6)
    np.testing.assert_array_equal(found.case.no_data, (files.values == 0).all(axis=0))
    assert all(voxel[0] not in (3, 4) for voxel in voxels(found))
    assert fact(found, "Voxels without data") == str(2 * 13 * 14)
    later(files.source)
    found = gathered(files.map, count=6)
    assert found.case.no_data is None
    assert "not known, so they count as certain" in fact(found, "Voxels without data")


def test_a_flat_map_has_a_report(tmp_path, rng):
    source = tmp_path / "flat.npy"
    np.save(source, softmax(rng, (3, 30, 40), 1.5))
    run_task(Task("flat", str(source), str(tmp_path)))
    found = gathered(tmp_path / "flat_entropy.nii.gz", count=3)
    assert found.case.grid is None
    assert fact(found, "Voxels").endswith(", place unknown")
    assert len(page_of(found).all("article")) == 3


# What is missing or has changed


def test_without_the_probabilities_the_map_alone_tells(files):
    files.write()
    before = voxels(gathered(files.map, count=6))
    files.source.rename(files.source.with_name("moved.npz"))
    found = gathered(files.map, count=6)
    assert found.remarks == (
        "The probabilities case.npz are not there any more. So the hotspots are from "
        "the map alone.",
    )
    assert fact(found, "Hotspots") == "6 of 3.75 mm, from the map alone"
    assert fact(found, "Expected errors").endswith(", by the map alone")
    expected = run(
        iter_hotspots(
            files.entropy, files.labels, grid=files.grid, undecided=1, wanted=WANTED
        )
    )
    assert voxels(found) == [place.voxel for place in expected.places]
    assert voxels(found) != before
    assert found.remarks[0] in page_of(found).text


def test_changed_probabilities_are_not_used(files):
    files.write()
    later(files.source)
    found = gathered(files.map, count=6)
    assert found.remarks[0].startswith("The probabilities case.npz have changed.")


def test_a_changed_segmentation_is_told(files):
    files.write()
    other = files.labels.copy()
    other[3, 3, 3] = (other[3, 3, 3] + 1) % 4
    nib.Nifti1Image(other, OBLIQUE).to_filename(files.segmentation)
    later(files.segmentation)
    found = gathered(files.map, count=6)
    np.testing.assert_array_equal(found.case.labels, other)
    assert found.remarks == (
        "The segmentation case.nii.gz has changed since the map was computed.",
    )
    assert "Agreement" not in dict(found.case.facts)


def test_a_missing_segmentation_is_told(files):
    files.write()
    files.segmentation.unlink()
    found = gathered(files.map, count=6)
    np.testing.assert_array_equal(found.case.labels, files.values.argmax(axis=0))
    assert found.remarks == ("The segmentation case.nii.gz is not there any more.",)


def test_a_map_alone_has_a_report(files):
    files.write()
    files.segmentation.unlink()
    files.source.unlink()
    found = gathered(files.map, count=6)
    assert found.case.labels is None
    assert found.case.table is None
    assert len(found.remarks) == 2
    assert fact(found, "Segmentation") == "none"
    assert len(page_of(found).all("article")) == 6


# The scan


def test_a_scan_on_the_same_voxels_is_shown_as_it_is(written):
    found = gathered(written.map, scan=written.scan, count=2)
    np.testing.assert_array_equal(found.case.scan, written.intensities)


def test_a_larger_scan_with_other_axes_is_cut_to_the_map(written, tmp_path):
    larger = np.zeros((16, 17, 18), np.int16)
    larger[2:14, 2:15, 2:16] = written.intensities
    affine = written.affine.copy()
    affine[:3, 3] = nib.affines.apply_affine(affine, (-2, -2, -2))
    image = nib.as_closest_canonical(nib.Nifti1Image(larger, affine))
    assert image.shape == (18, 16, 17)
    path = tmp_path / "larger.nii"
    image.to_filename(path)
    found = gathered(written.map, scan=path, count=2)
    np.testing.assert_array_equal(found.case.scan, written.intensities)


def test_a_finer_scan_is_resampled(written, tmp_path):
    fine = written.intensities.astype(np.float32).repeat(3, 0).repeat(3, 1).repeat(3, 2)
    third = nib.affines.from_matvec(np.eye(3) / 3, [-1 / 3] * 3)
    path = tmp_path / "fine.nii.gz"
    nib.Nifti1Image(fine, written.affine @ third).to_filename(path)
    found = gathered(written.map, scan=path, count=2)
    np.testing.assert_allclose(found.case.scan, written.intensities, rtol=1e-3)


def test_a_scan_over_time_shows_its_first_moment(written, tmp_path):
    moving = np.stack([written.intensities, written.intensities * 0], -1)
    path = tmp_path / "bold.nii.gz"
    nib.Nifti1Image(moving, written.affine).to_filename(path)
    found = gathered(written.map, scan=path, count=2)
    np.testing.assert_array_equal(found.case.scan, written.intensities)


@pytest.mark.parametrize("option", ["scan", "labels"])
def test_images_that_lie_elsewhere_are_refused(written, tmp_path, option):
    away = written.affine.copy()
    away[:3, 3] += 500
    path = tmp_path / "far.nii.gz"
    nib.Nifti1Image(written.labels, away).to_filename(path)
    with pytest.raises(InputError, match="lies elsewhere: it and the map do not over"):
        gathered(written.map, **{option: path})
    with pytest.raises(InputError, match="There is no"):
        gathered(written.map, **{option: tmp_path / "none.nii.gz"})


def test_where_the_place_is_unknown_voxels_have_to_be_the_same(files, tmp_path):
    files.segmentation.unlink()
    files.write(labels=None)
    found = gathered(files.map, scan=files.scan, count=2)
    np.testing.assert_array_equal(found.case.scan, files.intensities)
    other = nib.Nifti1Image(np.zeros((4, 5, 6), np.int16), files.affine)
    path = tmp_path / "other.nii.gz"
    other.to_filename(path)
    with pytest.raises(InputError, match="not known where the map is, and the scan"):
        gathered(files.map, scan=path)
    with pytest.raises(InputError, match="not known how the segmentation"):
        gathered(files.map, labels=path)


# Of a review


def check_review(found, files, path):
    case = found.case
    assert case.reviewed
    assert voxels(found) == [place.voxel for place in files.found().places]
    assert [stop.verdict for stop in case.stops[:3]] == ["open", "needs expert", "open"]
    assert case.stops[1].note == "Partial volume?"
    assert case.progress.startswith("2 of 6 seen: ")
    assert case.progress.endswith(".")
    np.testing.assert_array_equal(case.values, files.entropy)
    assert fact(found, "Review") == path.name
    assert fact(found, "Hotspots").endswith(", of the review")
    page = page_of(found)
    assert "Partial volume?" in page.text
    assert "needs expert" in page.text


def corrected(files):
    labels = files.labels.copy()
    at = files.found().places[0].voxel
    labels[at] = 3 if labels[at] != 3 else 1
    return labels


@pytest.mark.parametrize("saved", [True, False])
def test_a_report_of_a_review_shows_its_verdicts(files, saved):
    """Whether its map is a file, or was computed in the viewer and never saved."""
    if saved:
        files.write()
    path = files.folder / "in" / "case_review.json"
    files.begin(path, saved=saved)
    found = gathered(path)
    check_review(found, files, path)
    np.testing.assert_array_equal(found.case.labels, corrected(files))
    np.testing.assert_array_equal(found.case.scan, files.intensities)
    assert found.remarks == (
        "1 voxel was changed in the review; the labels of now are shown.",
    )
    assert (found.case.measure, found.case.unit) == ("entropy", "bits")
    assert [check.name for check in found.case.checks][4] == "agreement"
    assert "Agreement" in dict(found.case.facts)
    assert len(gathered(path, count=2).case.stops) == 2


@pytest.mark.parametrize(
    ("folder", "networks"), [("in", 0), ("out", 1), ("user/reviews", 2)]
)
def test_the_review_of_a_map_is_found_by_its_content(files, folder, networks):
    files.write()
    path = files.folder / folder / "some_review.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    files.begin(path, networks=networks)
    found = gathered(files.map)
    check_review(found, files, path)
    np.testing.assert_array_equal(found.case.labels, corrected(files))


def test_a_review_of_other_content_is_none_of_this_map(files):
    files.write()
    files.labels[5, 5, 5] = (files.labels[5, 5, 5] + 1) % 4
    files.begin(files.folder / "in" / "case_review.json")
    found = gathered(files.map)
    assert not found.case.reviewed
    assert "Review" not in dict(found.case.facts)


def test_a_review_without_a_segmentation_shows_the_most_probable_class(files):
    path = files.folder / "in" / "case_review.json"
    files.begin(path, saved=False, labelled=False)
    found = gathered(path)
    check_review(found, files, path)
    np.testing.assert_array_equal(found.case.labels, files.values.argmax(axis=0))
    assert found.remarks == ()


@pytest.mark.parametrize(
    ("measure", "base", "unit"),
    [("gini", 2, ""), ("least_confidence", 2, ""), ("entropy", "e", "nats")],
)
def test_a_map_of_another_measure_is_computed_again(files, measure, base, unit):
    maps = nu.uncertainty(files.values, (measure,), base=base)
    files.entropy = maps[measure]
    path = files.folder / "in" / "case_review.json"
    told = record(measure, base=base, source=str(files.source))
    files.begin(path, saved=False, told=told)
    case = gathered(path).case
    assert (case.measure, case.unit) == (measure, unit)
    np.testing.assert_array_equal(case.values, maps[measure])


def test_a_map_of_the_foreground_alone_is_computed_again_for_its_review(files):
    files.entropy[files.labels == 0] = 0
    path = files.folder / "in" / "case_review.json"
    told = record(source=str(files.source), foreground_only=True)
    files.begin(path, saved=False, told=told)
    np.testing.assert_array_equal(gathered(path).case.values, files.entropy)


def test_corrected_labels_that_were_saved_over_the_old_ones(files):
    path = files.folder / "in" / "case_review.json"
    files.begin(path, saved=False)
    nib.Nifti1Image(corrected(files), files.affine).to_filename(files.segmentation)
    found = gathered(path)
    np.testing.assert_array_equal(found.case.labels, corrected(files))
    assert found.remarks[0].endswith("the review was begun, so it is shown as it is.")


@pytest.mark.parametrize("label", [256, 2**31])
def test_a_label_that_the_old_type_cannot_hold(files, label):
    """Nor, the larger one, what labels are read as."""
    path = files.folder / "in" / "case_review.json"
    session = files.begin(path, saved=False)
    now = files.labels.astype(np.int64)
    now[2, 3, 4] = label
    session.set_labels(files.labels, now, files.grid)
    session.save()
    np.testing.assert_array_equal(gathered(path).case.labels, now)


def test_what_is_missing_for_a_review_is_told(files):
    path = files.folder / "in" / "case_review.json"
    files.begin(path, saved=False)
    files.segmentation.rename(files.folder / "labels.nii.gz")
    nib.Nifti1Image(files.labels * 0, files.affine).to_filename(
        files.source.with_name("case.nii")
    )
    found = gathered(path)
    assert found.remarks[0].endswith("case.nii.gz is not there any more.")
    moved = gathered(path, labels=files.folder / "labels.nii.gz")
    np.testing.assert_array_equal(moved.case.labels, corrected(files))
    with np.load(files.source) as archive:
        values = archive["probabilities"]
    np.savez(files.source, probabilities=values[:, ::-1])
    with pytest.raises(InputError, match="do not give the map of the review"):
        gathered(path)
    files.source.unlink()
    with pytest.raises(InputError, match=r"case\.npz of the review are not there"):
        gathered(path)


def test_a_map_of_a_review_that_is_missing_or_another_one(files):
    files.write()
    path = files.folder / "in" / "case_review.json"
    files.begin(path)
    files.write(base="e")
    with pytest.raises(InputError, match="has changed since the review was begun"):
        gathered(path)
    files.map.unlink()
    with pytest.raises(InputError, match="of the review is not there any more"):
        gathered(path)


# Files that are refused, and where it goes


def test_files_that_cannot_have_a_report_are_refused(written, tmp_path):
    for name, text, said in (
        ("a_review.json", '{"stops": []}', "is not a review, or it is damaged"),
        ("a.json", "{", "There is no map"),
        ("a.txt", "", "is not a map; name the image"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=said):
            gathered(tmp_path / name)
    with pytest.raises(InputError, match="There is no file"):
        gathered(tmp_path / "none.nii.gz")
    with pytest.raises(InputError, match="is not a map of napari-uncertainty"):
        gathered(written.scan)


@pytest.mark.parametrize(
    ("case", "report"),
    [
        ("sub-007_entropy.nii.gz", "sub-007_report.html"),
        ("sub-007_least_confidence.json", "sub-007_report.html"),
        ("sub-007_predictive_entropy.nii.gz", "sub-007_report.html"),
        ("sub-007_expected_pairwise_kl.json", "sub-007_report.html"),
        ("mine.nii", "mine_report.html"),
        ("sub-007_review.json", "sub-007_report.html"),
        ("sub-007_review-2.json", "sub-007_report-2.html"),
        ("sub-007-0a1b2c3d.json", "sub-007-0a1b2c3d_report.html"),
    ],
)
def test_a_report_goes_beside_its_case(case, report):
    assert report_path(Path("folder", case)) == Path("folder", report)


def test_only_reports_are_written_over(written, tmp_path):
    path = tmp_path / "report.html"
    html = run(iter_report(gathered(written.map, count=1).case))
    for fine in (html, ""):
        path.write_text(fine, "utf-8")
        check_report_path(path)
    for other in ("<html><title>Mine</title></html>", "\0"):
        path.write_text(other, "utf-8")
        with pytest.raises(InputError, match="is not a report of napari-uncertainty"):
            check_report_path(path)
    with pytest.raises(InputError, match="cannot be written"):
        check_report_path(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot be written|can be written"):
        check_report_path(tmp_path / "file" / "report.html")
    check_report_path(tmp_path / "new" / "report.html")
    assert contents(tmp_path / "new") == {}


def test_shares_rise_and_a_report_is_dated(written):
    shares = list(iter_case_of(written.map, scan=written.scan, count=3))
    assert shares == sorted(shares)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", gathered(written.map, count=1).case.made)
