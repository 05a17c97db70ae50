"""Segmentations that were changed after they were made from the probabilities."""

import json

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, label

import napari_uncertainty as nu
from napari_uncertainty.batch.task import Task, run_task
from napari_uncertainty.compare.changed import iter_classes_by_overlap
from napari_uncertainty.describe import describe
from napari_uncertainty.steps import run

SHAPE = (26, 30, 22)
AFFINE = np.diag([2.0, 2, 2, 1])


def softmax(n_classes, seed=2):
    """Smooth classes in a ball that class 0 surrounds."""
    rng = np.random.default_rng(seed)
    centre = np.indices(SHAPE) - (np.array(SHAPE).reshape(-1, 1, 1, 1) - 1) / 2
    radius = np.sqrt((centre**2).sum(axis=0)) / 9
    others = [
        60 * gaussian_filter(rng.normal(size=SHAPE), 1.5) for _ in range(n_classes - 1)
    ]
    z = np.stack([12 * (radius - 1), *others])
    e = np.exp(z - z.max(axis=0))
    return (e / e.sum(axis=0)).astype(np.float32)


class Files:
    def __init__(self, folder):
        self.folder = folder
        (folder / "out").mkdir()
        self.case, self.seg = folder / "case.nii.gz", folder / "seg.nii.gz"

    def write(self, values, labels):
        nib.Nifti1Image(np.moveaxis(values, 0, -1), AFFINE).to_filename(self.case)
        nib.Nifti1Image(labels.astype(np.uint16), AFFINE).to_filename(self.seg)

    def run(self):
        """The row and the checks of `map`, which are those of `info`."""
        task = Task("case", str(self.case), str(self.folder / "out"))
        task = Task(**{**vars(task), "labels": str(self.seg)})
        row = run_task(task)
        told = json.loads((self.folder / "out" / "case_entropy.json").read_text())
        checks = {one["name"]: one for one in told["checks"]}
        for one in describe(self.case, labels=self.seg)["checks"]:
            assert checks[one["name"]] == one
        return row, checks


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def jaccard(first, second):
    return np.count_nonzero(first & second) / np.count_nonzero(first | second)


def without_small_components(labels):
    parts, _ = label(labels == 2)
    largest = np.bincount(parts.ravel())[1:].argmax() + 1
    return np.where((parts > 0) & (parts != largest), 0, labels)


def test_classes_that_the_segmentation_lacks_are_told(files):
    values = softmax(6)
    labels = values.argmax(axis=0)
    lost = np.isin(labels, (2, 5))
    files.write(values, np.where(lost, 0, labels))
    row, checks = files.run()
    assert (row.status, row.checks, row.agreement) == ("written", "amber", 1)
    assert checks["agreement"]["lacking_classes"] == [2, 5]
    share = np.count_nonzero(lost) / np.count_nonzero(labels)
    assert checks["agreement"]["lacking"] == pytest.approx(share)
    assert "lacks the classes 2, 5" in row.message


def test_labels_of_another_numbering_may_lack_classes(files):
    """As SynthSeg's, whose labels are not counted through."""
    values = softmax(6)
    labels = values.argmax(axis=0)
    atlas = np.array([0, 4, 0, 14, 42, 0])[labels]
    files.write(values, atlas)
    row, checks = files.run()
    assert (row.status, row.checks, row.agreement) == ("written", "amber", 1)
    assert checks["agreement"]["lacking_classes"] == [2, 5]


@pytest.mark.parametrize("order", [(0, 42, 7, 14, 3, 5), (0, 1, 2, 9, 30, 20)])
def test_labels_in_another_order_are_no_classes(order):
    prediction = np.repeat(np.arange(6), 5)
    labels = np.array(order)[prediction]
    assert run(iter_classes_by_overlap(labels, prediction, 7)) is None


def test_small_components_that_were_removed_are_told_and_nothing_is_red(files):
    values = softmax(3)
    labels = values.argmax(axis=0)
    cleaned = without_small_components(labels)
    lost = np.count_nonzero(labels != cleaned) / np.count_nonzero(labels)
    assert lost > 0.005
    files.write(values, cleaned)
    row, checks = files.run()
    assert row.checks == "amber"
    assert checks["agreement"]["where_labelled"] == 1
    assert checks["agreement"]["lacking"] == pytest.approx(lost)
    assert row.agreement == pytest.approx(1 - lost)


def test_most_of_it_may_be_removed(files):
    values = softmax(3)
    labels = values.argmax(axis=0)
    kept = labels * (np.indices(SHAPE)[0] < 11)
    assert jaccard(labels != 0, kept != 0) < 0.5
    files.write(values, kept)
    row, checks = files.run()
    assert row.checks == "amber"
    assert checks["orientation"]["level"] == "amber"


@pytest.mark.parametrize("threshold", [0.17, 0.3, 0.8])
def test_the_threshold_of_lesions_is_found(files, threshold):
    rng = np.random.default_rng(4)
    p = gaussian_filter((rng.random(SHAPE) > 0.998).astype(float), 1.6)
    p = (0.95 * p / p.max()).astype(np.float32)
    if threshold < 0.2:
        p *= 0.5
    files.write(np.stack([1 - p, p]), p > threshold)
    row, checks = files.run()
    assert (row.checks, row.agreement) == ("amber", 1)
    found = checks["agreement"]["threshold"]
    np.testing.assert_array_equal(p > found, p > threshold)
    assert found == pytest.approx(threshold, abs=0.02)


def test_labels_that_nothing_explains_stay_red(files):
    values = softmax(3)
    files.write(values, softmax(3, seed=9).argmax(axis=0))
    row, _ = files.run()
    assert row.checks == "red"


def test_a_lesion_that_lies_elsewhere_stays_red(files):
    rng = np.random.default_rng(4)
    p = gaussian_filter((rng.random(SHAPE) > 0.998).astype(float), 1.6)
    p = (0.45 * p / p.max()).astype(np.float32)
    files.write(np.stack([1 - p, p]), np.roll(p, 9, axis=0) > 0.17)
    row, _ = files.run()
    assert row.checks == "red"


def test_labels_from_one_that_agree_are_green(files):
    values = softmax(4)
    files.write(values, values.argmax(axis=0))
    row, _ = files.run()
    assert (row.checks, row.agreement) == ("green", 1)


def test_python_says_the_same_of_a_segmentation_beside(tmp_path):
    rng = np.random.default_rng(4)
    p = gaussian_filter((rng.random(SHAPE) > 0.998).astype(float), 1.6)
    p = (0.45 * p / p.max()).astype(np.float32)
    values = np.stack([1 - p, p])
    np.savez(tmp_path / "a.npz", probabilities=values.transpose(0, 3, 2, 1))
    lesions = (p > 0.2).astype(np.uint8)
    nib.Nifti1Image(lesions, AFFINE).to_filename(tmp_path / "a.nii.gz")
    with pytest.warns(nu.UncertaintyWarning, match=r"are the voxels above 0\.2"):
        maps = nu.uncertainty(tmp_path / "a.npz", ["entropy"])
    assert list(maps) == ["entropy"]
