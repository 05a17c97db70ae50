"""What values seem to be, from shapes as tools write them; and what is in doubt."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import log_softmax

from napari_uncertainty.engine.evidence import evidence_of
from napari_uncertainty.engine.values import sample_of
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.model.interpretation import Interpretation
from support.values_of_kinds import TOLD_BY_VALUES, phantom, random_values


def evidence(values):
    return evidence_of(np.asarray(values).reshape(len(values), -1))


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("softmax", "100 % of the voxels that are not empty they sum to 1"),
        ("logits", r"they run from -\d.* to \d.*, and probabilities from 0 to 1"),
        ("sigmoid", "% of the voxels they sum to more than 1"),
        ("foreground", "there is one channel, with values from 0 to 1"),
        ("fractions", "% of the voxels they sum to less than 1 and nowhere to more"),
        ("scaled", "whole numbers, and those of a voxel sum to 255"),
    ],
)
def test_each_kind_is_known_by_its_values(kind, why):
    found = evidence(phantom(kind))
    assert found.kind == kind
    assert found.doubt == found.refusal == found.against(kind) == ""
    assert found.allows(kind)
    assert re.search(why, found.sentence)


def test_logarithms_of_a_softmax_are_logits(rng):
    values = log_softmax(random_values("logits", rng, (4, 500)), axis=0)
    found = evidence(values)
    assert found.kind == "logits"
    assert "exponentials sum to 1" in found.sentence


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_whole_numbers_up_to_the_largest_are_foreground(dtype):
    values = np.rint(phantom("foreground") * np.iinfo(dtype).max).astype(dtype)
    found = evidence(values)
    assert found.kind == "foreground"
    assert found.doubt == found.refusal == ""
    assert f"whole numbers from 0 to {values.max()}" in found.sentence


def test_a_few_odd_voxels_change_nothing(rng):
    """NaN, infinity and empty voxels do not count."""
    for kind in TOLD_BY_VALUES:
        if kind == "scaled":
            continue
        values = phantom(kind).reshape(-1, 22 * 24 * 20)
        expected = evidence(values)
        odd = rng.choice(values.shape[1], 900, replace=False)
        values[:, odd] = rng.choice([np.nan, np.inf, -np.inf], 900)
        assert evidence(values).kind == kind
        assert evidence(values).doubt == expected.doubt


@pytest.mark.parametrize(
    ("values", "kind", "doubt"),
    [
        (np.zeros((3, 50)), "softmax", "nothing but 0, NaN or infinity"),
        (np.full((3, 50), np.nan), "softmax", "nothing but 0, NaN or infinity"),
        (np.tile([0.2, 0.3], (50, 1)).T, "fractions", "independent channels, choose"),
        (np.arange(50)[None] % 2, "foreground", "is a mask"),
        (np.arange(-2, 3, 0.1)[None], "logits", "a scan with negative values"),
        (np.arange(200, dtype=np.uint8)[None], "foreground", "may be a scan"),
    ],
)
def test_what_is_close_is_said(values, kind, doubt):
    found = evidence(values)
    assert found.kind == kind
    assert doubt in found.doubt
    assert not found.refusal


def test_a_softmax_that_something_has_changed(rng):
    values = random_values("softmax", rng, (3, 1000))
    values[:, :50] *= 1.2
    found = evidence(values)
    assert found.kind == "sigmoid"
    assert "95.0 % of the voxels they sum to 1, so this may be a softmax" in found.doubt
    assert "cannot tell softmax from independent channels" in found.against("softmax")
    assert found.allows("softmax")
    assert not found.allows("logits")
    values[:, :50] /= 2
    found = evidence(values)
    assert found.kind == "fractions"
    assert "95.0 %" in found.doubt
    assert found.allows("softmax")


def test_a_softmax_that_was_multiplied_is_a_softmax(rng):
    """By 100, say: each voxel is divided by its sum anyway."""
    found = evidence(random_values("softmax", rng, (3, 1000)) * 100)
    assert found.kind == "softmax"
    assert "sum to 100" in found.sentence


def test_one_negative_number_makes_no_logits(rng):
    values = random_values("softmax", rng, (3, 1000))
    values[1, 7] = -0.5
    assert evidence(values).kind == "softmax"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (lambda rng: rng.integers(0, 9, (1, 500), np.uint8), "label map or a scan"),
        (lambda rng: rng.integers(0, 9, (3, 500), np.uint8), "label map or a scan"),
        (lambda rng: rng.integers(0, 900, (1, 500), np.int16), "label map or a scan"),
        (lambda rng: rng.integers(0, 2, (1, 500), np.uint8), "label map or a scan"),
        (lambda rng: rng.integers(-900, 900, (1, 500), np.int16), "looks like a scan"),
        (lambda rng: rng.integers(-900, 900, (3, 500)) * 1.0, "looks like a scan"),
        (lambda rng: rng.integers(0, 900, (1, 500)) * 1.0, "label map or a scan"),
        (lambda rng: rng.random((1, 500)) * 900, "looks like a scan"),
        (lambda rng: rng.random((3, 500)) * 900, "looks like a scan"),
        (lambda rng: rng.random((3, 500)) * 1e30, "looks like a scan"),
    ],
)
def test_labels_and_scans_are_known(values, why, rng):
    assert why in evidence(values(rng)).refusal


def test_against_says_what_they_look_like():
    found = evidence(phantom("sigmoid"))
    told = found.against("softmax")
    assert told.startswith("The values were taken for softmax, but look like indep")
    assert told.endswith("choose the kind 'Independent channels' (sigmoid).")
    assert not found.allows("softmax")
    same = replace(found, kind="scaled").against("softmax")
    assert same.endswith("The map is the same.")


@pytest.mark.parametrize("order", ["classes first", "in the middle", "last"])
def test_small_regions_in_a_plain_file_are_seen(order, tmp_path):
    """Whatever the order of axes: runs of voxels from everywhere are looked at."""
    values = np.zeros((3, 40, 48, 44), np.float32)
    values[:, 10:32, 12:36, 11:31] = phantom("sigmoid")
    axis = {"classes first": 0, "in the middle": 1, "last": -1}[order]
    np.save(tmp_path / "a.npy", np.ascontiguousarray(np.moveaxis(values, 0, axis)))
    opened = open_probabilities(tmp_path / "a.npy", Interpretation(class_axis=axis))
    some = sample_of(opened.values)
    assert some.shape[0] == 3
    assert 250 <= some.shape[1] <= 2000
    assert 0 < (some > 0.5).any(axis=0).mean() < 0.1
    assert evidence_of(some).kind == "sigmoid"


@pytest.mark.parametrize(
    "shape", [(2, 1, 1, 1), (2, 1, 1, 7), (3, 5, 4, 1), (1, 9, 9, 9)]
)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_samples_of_small_files_are_whole_voxels(shape, axis, rng, tmp_path):
    values = rng.random(shape, np.float32)
    np.save(tmp_path / "a.npy", np.ascontiguousarray(np.moveaxis(values, 0, axis)))
    opened = open_probabilities(tmp_path / "a.npy", Interpretation(class_axis=axis))
    there = {tuple(voxel) for voxel in values.reshape(len(values), -1).T}
    looked_at = {tuple(voxel) for voxel in sample_of(opened.values).T}
    assert looked_at <= there
    assert len(looked_at) >= min(len(there), 250)
