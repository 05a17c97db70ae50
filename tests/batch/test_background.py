"""Tissues without a class for the background, which then is what surrounds them.

What is expected is computed in float64 from the formula.
"""

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import napari_uncertainty as nu
from napari_uncertainty.batch.task import Task, run_task
from napari_uncertainty.describe import describe
from napari_uncertainty.io import open_probabilities, open_volume
from napari_uncertainty.model.interpretation import Interpretation

SHAPE = (24, 24, 24)
FIRST_TISSUES = {
    "BIDS": [f"sub-01_label-{one}_probseg" for one in ("GM", "WM", "CSF")],
    "FAST": [f"T1_pve_{n}" for n in (0, 1, 2)],
    "ANTs": [f"subPosteriors{n}" for n in (1, 2, 3)],
    "SPM": [f"c{n}sub" for n in (1, 2, 3)],
}


def tissues(order=(0, 1, 2)):
    """Gray matter all over a brain, unsure in a ball; 0 outside of it."""
    centre = np.indices(SHAPE) - 11.5
    radius = np.sqrt((centre**2).sum(axis=0))
    brain, ball = radius < 10, radius < 3
    gray = np.where(ball, 0.55, 0.999) * brain
    white = np.where(ball, 0.45, 0.001) * brain
    return np.stack([gray, white, 0 * gray])[list(order)], brain


def entropy(values):
    p = values.astype(np.float64)
    return -(p * np.log2(np.where(p > 0, p, 1))).sum(axis=0)


def write(folder, names, values):
    folder.mkdir()
    for name, one in zip(names, values, strict=True):
        image = nib.Nifti1Image(one.astype(np.float32), np.diag([2, 2, 2, 1]))
        image.to_filename(folder / f"{name}.nii.gz")
    return folder / f"{names[0]}.nii.gz"


def told_classes(source):
    return open_probabilities(source).class_names


def run(tmp_path, source, **options):
    (tmp_path / "out").mkdir()
    row = run_task(Task("case", str(source), str(tmp_path / "out"), **options))
    told = json.loads((tmp_path / "out" / "case_entropy.json").read_text())
    return row, {one["name"]: one for one in told["checks"]}


@pytest.mark.parametrize("names", FIRST_TISSUES.values(), ids=FIRST_TISSUES)
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_the_foreground_is_the_brain(tmp_path, names, order):
    values, brain = tissues(order)
    source = write(tmp_path / "in", names, values)
    row, checks = run(tmp_path, source, hotspots=3)
    assert row.foreground_mean == pytest.approx(entropy(values)[brain].mean(), rel=1e-4)
    assert checks["background"]["level"] == "green"
    places = pd.read_csv(tmp_path / "out" / "case_hotspots.tsv", sep="\t")
    first = places[["i", "j", "k"]].to_numpy()[0]
    assert np.linalg.norm(first - 11.5) < 4
    # What competes there are two tissues.
    assert len({*places.loc[0, ["class_a", "class_b"]]} & {*told_classes(source)}) == 2


@pytest.mark.parametrize("names", FIRST_TISSUES.values(), ids=FIRST_TISSUES)
def test_labels_from_one_on_are_compared_as_what_they_are(tmp_path, names):
    values, brain = tissues((1, 0, 2))
    source = write(tmp_path / "in", names, values)
    labels = np.where(brain, values.argmax(axis=0) + 1, 0).astype(np.uint8)
    seg = tmp_path / "dseg.nii.gz"
    nib.Nifti1Image(labels, np.diag([2, 2, 2, 1])).to_filename(seg)
    row, _ = run(tmp_path, source, labels=str(seg))
    assert row.agreement == 1


def test_all_doors_say_the_same(tmp_path):
    values, brain = tissues()
    source = write(tmp_path / "in", FIRST_TISSUES["BIDS"], values)
    for opened in (open_probabilities(source), open_volume(source)):
        maps = nu.uncertainty(opened)
        np.testing.assert_array_equal(maps.prediction != 0, brain)
    told = describe(source)
    assert told["classes"] == ["background", "GM", "WM", "CSF"]
    _, checks = run(tmp_path, source)
    [background] = [one for one in told["checks"] if one["name"] == "background"]
    assert background == checks["background"]


def test_a_kind_that_makes_a_tissue_the_background_is_told(tmp_path):
    source = write(tmp_path / "in", FIRST_TISSUES["FAST"], tissues()[0])
    opened = open_probabilities(source)
    told = describe(source, Interpretation(kind="softmax"))["checks"]
    [background] = [one for one in told if one["name"] == "background"]
    assert background["level"] == "amber"
    assert opened.tissues_of == "FSL FAST"


def test_the_background_of_spm_is_the_first_class(tmp_path):
    values = np.zeros((6, *SHAPE))
    values[5] = 1
    values[:, 6:18, 6:18, 6:18] = 0
    values[0, 6:18, 6:18, 6:18] = 0.7
    values[1, 6:18, 6:18, 6:18] = 0.3
    source = write(tmp_path / "in", [f"c{n}sub" for n in range(1, 7)], values)
    row, checks = run(tmp_path, source)
    assert "background" not in checks
    h = -(0.7 * np.log2(0.7) + 0.3 * np.log2(0.3))
    assert row.foreground_mean == pytest.approx(h, rel=1e-5)


@pytest.mark.parametrize(
    ("names", "is_tissue"),
    [(["GM", "WM", "CSF"], True), (["BG", "GM", "WM"], False)],
)
def test_names_of_one_image_tell_it_too(tmp_path, names, is_tissue):
    values, brain = tissues()
    source = tmp_path / "sub-01_probseg.nii.gz"
    image = nib.Nifti1Image(np.moveaxis(values, 0, -1).astype(np.float32), np.eye(4))
    image.to_filename(source)
    source.with_name("sub-01_probseg.json").write_text(json.dumps({"LabelMap": names}))
    for opened in (open_probabilities(source), open_volume(source)):
        maps = nu.uncertainty(opened)
        assert maps.no_data.any() != is_tissue
        np.testing.assert_array_equal(maps.prediction[brain], int(is_tissue))
