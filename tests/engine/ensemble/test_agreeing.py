"""Members are taken as each of them is alone: kind, scale, padding and background."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import entr, expit
from scipy.special import softmax as scipy_softmax

import napari_uncertainty as nu
from napari_uncertainty.engine.ensemble.ensemble_fold import iter_ensemble
from napari_uncertainty.engine.ensemble.members import members_of
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.model.interpretation import Interpretation
from napari_uncertainty.steps import run
from support.generated import softmax

SHAPE = (9, 8, 7)
WAYS = ("array", "npy", "npz")


def whole(p):
    """The same in float64."""
    return np.asarray(p, np.float64)


def truth_of(members):
    """By name, in bits, of members with shares of classes; NaN without data."""
    mean = np.mean(members, axis=0)
    alone = np.mean([entr(one).sum(axis=0) for one in members], axis=0)
    return {
        "predictive_entropy": entr(mean).sum(axis=0) / np.log(2),
        "expected_entropy": alone / np.log(2),
        "mutual_information": (entr(mean).sum(axis=0) - alone) / np.log(2),
    }


def opened(way, values, folder):
    """As files, or as arrays in the order of nibabel."""
    found = []
    for number, one in enumerate(values):
        path = folder / f"{number}.{'npz' if way == 'npz' else 'npy'}"
        turned = one.transpose(0, 3, 2, 1)
        if way == "npz":
            np.savez_compressed(path, values=turned)
        else:
            np.save(path, turned)
        found.append(open_probabilities(path, Interpretation(class_axis=0)))
        if way == "array":
            found[-1] = replace(found[-1], values=one)
    return found


def check(way, values, members, folder, kind=None, **told):
    given = [replace(one, **told) for one in opened(way, values, folder)]
    truth = truth_of(members)
    maps = run(iter_ensemble(members_of(given, kind), tuple(truth)))
    known = np.isfinite(truth["predictive_entropy"])
    np.testing.assert_array_equal(maps.no_data, ~known)
    for name, expected in truth.items():
        np.testing.assert_allclose(maps[name][known], expected[known], atol=3e-6)
    # One member twice is what it is alone.
    alone = run(iter_fold(given[0], ("entropy",), Interpretation(kind=kind)))
    twice = run(iter_ensemble(members_of([given[0]] * 2, kind), ("expected_entropy",)))
    np.testing.assert_allclose(twice["expected_entropy"], alone["entropy"], atol=3e-6)
    np.testing.assert_array_equal(twice.prediction, alone.prediction)
    np.testing.assert_array_equal(twice.no_data, alone.no_data)
    assert (twice.kind, twice.n_classes, twice.scale) == (
        alone.kind, alone.n_classes, alone.scale,
    )  # fmt: skip
    return maps


@pytest.mark.parametrize("way", WAYS)
def test_tissues_leave_the_background(way, rng, tmp_path):
    values = [softmax(rng, (3, *SHAPE)) for _ in range(2)]
    for one in values:
        one[:, :3] = 0
    members = []
    for one in values:
        rest = np.zeros((1, *SHAPE))
        rest[:, :3] = 1
        p = whole(one)
        inside = p.sum(axis=0)
        members.append(np.concatenate([rest, p / np.where(inside == 0, 1, inside)]))
    maps = check(way, values, members, tmp_path, tissues_of="SPM")
    assert maps.kind == "fractions"
    assert not maps.prediction[:3].any()
    assert maps.prediction[3:].all()


@pytest.mark.parametrize("way", WAYS)
def test_padding_of_logits_is_no_prediction(way, rng, tmp_path):
    values = [3 * rng.standard_normal((3, *SHAPE)) for _ in range(2)]
    values = [one.astype(np.float32) for one in values]
    for one in values:
        one[:, :, :2] = 0
    members = [scipy_softmax(whole(one), axis=0) for one in values]
    for one in members:
        one[:, :, :2] = np.nan
    check(way, values, members, tmp_path, kind="logits")


@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.int16])
@pytest.mark.parametrize("kind", [None, "foreground", "sigmoid"])
@pytest.mark.parametrize("way", WAYS)
def test_per_cents_are_shares(way, kind, dtype, rng, tmp_path):
    values = [np.rint(100 * expit(3 * rng.standard_normal((1, *SHAPE)))) for _ in "ab"]
    for one in values:
        one.flat[:2] = 0, 100
    members = [np.concatenate([1 - one / 100, one / 100]) for one in values]
    given = [one.astype(dtype) for one in values]
    maps = check(way, given, members, tmp_path, kind=kind)
    assert "taken for per cents" in " ".join(maps.messages)


@pytest.mark.parametrize("way", WAYS)
def test_per_cents_of_a_softmax_are_divided(way, rng, tmp_path):
    values = [100 * softmax(rng, (4, *SHAPE)) for _ in range(2)]
    members = [whole(one) / whole(one).sum(axis=0) for one in values]
    maps = check(way, values, members, tmp_path, kind="softmax")
    assert maps.sums_message is None


@pytest.mark.parametrize("way", WAYS)
def test_overshoot_is_clipped_and_told(way, rng, tmp_path):
    values, members = [], []
    for _ in range(2):
        p = softmax(rng, (3, *SHAPE)).astype(float)
        p[:, :, :4] = np.eye(3)[0].reshape(3, 1, 1, 1)
        p[1, :, :4] -= 0.04 * rng.random((9, 4, 7))
        p[0] += 1 - p.sum(axis=0)
        values.append(p.astype(np.float32))
        clipped = np.clip(whole(values[-1]), 0, 1)
        members.append(clipped / clipped.sum(axis=0))
    maps = check(way, values, members, tmp_path, kind="softmax")
    assert "were clipped to 0 to 1" in " ".join(maps.messages)
    assert maps.largest_sum_deviation == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_negative_value_where_sums_are_off_is_refused(way, rng, tmp_path):
    values = [softmax(rng, (3, *SHAPE)) for _ in range(2)]
    values[1][1, 2, 3, 4] = -0.5
    given = opened(way, values, tmp_path)
    with pytest.raises(nu.InputError, match="cannot be negative"):
        run(iter_ensemble(members_of(given, "softmax")))


@pytest.mark.parametrize("way", WAYS)
def test_scores_of_regions_that_a_file_declares(way, rng, tmp_path):
    values = [(4 * rng.standard_normal((2, *SHAPE)) - 3) for _ in range(2)]
    values = [one.astype(np.float32) for one in values]
    given = [
        replace(one, kind="sigmoid", region_order=(1, 2))
        for one in opened(way, values, tmp_path)
    ]
    maps = run(iter_ensemble(members_of(given), ("predictive_entropy",)))
    q = np.mean([expit(whole(one)) for one in values], axis=0)
    truth = (entr(q) + entr(1 - q)).sum(axis=0) / np.log(2)
    assert maps.kind == "channel_logits"
    np.testing.assert_allclose(maps["predictive_entropy"], truth, atol=3e-6)
