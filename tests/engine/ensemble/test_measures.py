"""Every measure of members, against scipy and against published implementations."""

import json
import math

import numpy as np
import pytest
from scipy.special import entr, expit, logit

import napari_uncertainty as nu
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.model.interpretation import Interpretation
from support.generated import softmax
from support.plain_members import expected, overlap
from support.values_of_kinds import TIES, expected_prediction, outcomes, tied_values

# Members that are made of chance have hardly anything in common, and here
# probabilities of 0 and 1 are meant.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{said}:napari_uncertainty.UncertaintyWarning")
    for said in (".*they hardly look like members of one case", ".*Only 0 and 1 occur")
]

MEASURES = tuple(nu.ENSEMBLE_MEASURES)
#: What one unit of a base is in nats, for four classes.
IN_NATS = {2: math.log(2), "e": 1.0, "classes": math.log(4)}
HAVE_BASE = [name for name in MEASURES if nu.ENSEMBLE_MEASURES[name].has_base]


@pytest.fixture
def members(rng):
    """Five members of four classes, that lean the same way."""
    shared = rng.standard_normal((4, 7, 8, 9)) * 3
    logits = shared + rng.standard_normal((5, 4, 7, 8, 9))
    exps = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exps / exps.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("base", IN_NATS)
@pytest.mark.parametrize(("dtype", "close"), [(np.float64, 1e-12), (np.float32, 1e-6)])
def test_measures_of_members_equal_scipy(members, base, dtype, close):
    given = list(members.astype(dtype))
    maps = nu.ensemble_uncertainty(given, MEASURES, base=base)
    for name, values in expected(members).items():
        factor = IN_NATS[base] if name in HAVE_BASE else 1
        found = maps[name]
        assert found.dtype == dtype
        # Of a divergence, digits count relative to its size.
        np.testing.assert_allclose(found, values / factor, rtol=close, atol=close)
    np.testing.assert_array_equal(maps.prediction, members.mean(axis=0).argmax(axis=0))
    assert not maps.no_data.any()
    assert (maps.n_classes, maps.n_states, maps.base) == (4, 4, base)


def test_dice_is_that_of_each_pair_of_members(members):
    maps = nu.ensemble_uncertainty(list(members))
    truth = overlap(members.argmax(axis=1), 4)
    np.testing.assert_allclose(maps.dice, truth)
    np.testing.assert_allclose(maps.mean_dice, truth.mean(axis=0))
    table = maps.dice_table(["a", "b", "c", "d"])
    assert list(table["name"]) == ["a", "b", "c", "d"]
    np.testing.assert_allclose(table["dice_lowest"], truth.min(axis=0))
    np.testing.assert_allclose(table["dice_highest"], truth.max(axis=0))


def test_dice_of_a_class_that_nobody_finds_is_nan():
    sure = np.zeros((3, 4))
    sure[0] = 1
    maps = nu.ensemble_uncertainty([sure, sure])
    np.testing.assert_array_equal(maps.dice, [[1, np.nan, np.nan]])
    np.testing.assert_array_equal(maps.mean_dice, [1, np.nan, np.nan])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_identical_members_disagree_in_nothing(rng, dtype, count):
    # A length that fills no vector register.
    one = softmax(rng, (7, 1003)).astype(dtype)
    maps = nu.ensemble_uncertainty([one] * count, MEASURES)
    zero = ("mutual_information", "variance", "expected_pairwise_kl", "variation_ratio")
    for name in zero:
        assert not maps[name].any(), name
    np.testing.assert_array_equal(maps["predictive_entropy"], maps["expected_entropy"])
    assert (maps["predictive_entropy"] > 0).any()


def test_more_than_256_classes_keep_their_labels(rng):
    members = [softmax(rng, (300, 5, 6), sharpness=6) for _ in range(3)]
    for one in members:
        one[:, 0] = 0.5 / 299
        one[299, 0] = 0.5
    maps = nu.ensemble_uncertainty(members, MEASURES)
    np.testing.assert_array_equal(
        maps.prediction, np.mean(members, axis=0).argmax(axis=0)
    )
    truth = expected(members)["variation_ratio"]
    np.testing.assert_allclose(maps["variation_ratio"], truth, atol=1e-6)
    labels = [one.argmax(axis=0) for one in members]
    np.testing.assert_allclose(maps.dice, overlap(labels, 300))


def test_votes_of_more_than_256_members_are_counted(rng):
    """All but a few of whom say the same."""
    share = rng.random((270, 2, 3))
    there = 1 - share**60
    votes = (there > 0.5).sum(axis=0)
    assert votes.min() > 256
    maps = nu.ensemble_uncertainty(
        np.stack([there, 1 - there], axis=1), ("variation_ratio",), kind="softmax"
    )
    np.testing.assert_allclose(maps["variation_ratio"], 1 - votes / 270, atol=1e-6)
    # Votes on one channel alone are counted otherwise.
    maps = nu.ensemble_uncertainty(
        np.stack([there, share], axis=1), ("variation_ratio",), kind="sigmoid",
        channel=0,
    )  # fmt: skip
    np.testing.assert_allclose(maps["variation_ratio"], 1 - votes / 270, atol=1e-6)


def test_a_member_of_one_half_does_not_vote_for_a_channel():
    members = [np.array([[0.9] * 3, [share] * 3]) for share in (0.5, 0.5, 0.75)]
    maps = nu.ensemble_uncertainty(
        members, ("variation_ratio",), kind="sigmoid", channel=1
    )
    np.testing.assert_allclose(maps["variation_ratio"], np.full(3, 1 / 3))


def test_members_that_exclude_each_other():
    members = [np.array([[0.0], [1.0]]), np.array([[1.0], [0.0]])]
    maps = nu.ensemble_uncertainty(members, MEASURES, base="e")
    assert maps["mutual_information"][0] == pytest.approx(math.log(2), abs=1e-15)
    assert maps["predictive_entropy"][0] == pytest.approx(math.log(2), abs=1e-15)
    assert maps["expected_entropy"][0] == 0
    assert maps["variation_ratio"][0] == 0.5
    assert maps["variance"][0] == 0.25
    # Each is infinitely surprised by the other, which is cut at 1e-10.
    assert maps["expected_pairwise_kl"][0] == pytest.approx(0.5 * math.log(1e10))


def test_mutual_information_is_never_negative(rng):
    base = softmax(rng, (8, 20, 21, 22))
    noise = [base * (1 + 1e-7 * rng.standard_normal(base.shape)) for _ in range(4)]
    members = [(one / one.sum(axis=0)).astype(np.float32) for one in noise]
    maps = nu.ensemble_uncertainty(members, MEASURES)
    for name in MEASURES:
        assert maps[name].min() >= 0
    assert maps["mutual_information"].max() < 1e-5


def test_no_value_is_out_of_range(rng):
    members = [softmax(rng, (5, 30, 31), sharpness=20) for _ in range(3)]
    for base in IN_NATS:
        maps = nu.ensemble_uncertainty(members, MEASURES, base=base)
        for name, values in maps.items():
            measure = nu.ENSEMBLE_MEASURES[name]
            assert np.isfinite(values).all()
            assert values.min() >= 0
            if measure.bounded:
                assert values.max() <= measure.highest(base, 5)


def test_a_voxel_without_data_in_one_member_has_none(members):
    members[1, :, 2, 3, 4] = 0
    members[3, 2, 0, 0, 0] = np.nan
    with pytest.warns(UserWarning, match="2 voxels"):
        maps = nu.ensemble_uncertainty(list(members), MEASURES)
    gaps = np.zeros(maps.no_data.shape, bool)
    gaps[2, 3, 4] = gaps[0, 0, 0] = True
    np.testing.assert_array_equal(maps.no_data, gaps)
    assert maps.not_shared == 2
    for name in MEASURES:
        assert not maps[name][gaps].any()
    truth = expected(np.nan_to_num(members))["mutual_information"]
    np.testing.assert_allclose(
        maps["mutual_information"][~gaps], truth[~gaps] / math.log(2), atol=1e-12
    )


def test_sums_that_are_off_are_divided_out(members):
    scaled = members * np.linspace(0.997, 1.003, 5)[:, None, None, None, None]
    maps = nu.ensemble_uncertainty(list(scaled), MEASURES, base="e")
    for name, values in expected(members).items():
        np.testing.assert_allclose(maps[name], values, rtol=1e-12, atol=1e-12)
    assert maps.largest_sum_deviation == pytest.approx(0.003, abs=1e-9)


def test_measures_of_independent_channels_are_added(rng):
    x = expit(2 * rng.standard_normal((3, 4, 6, 7, 8)))
    maps = nu.ensemble_uncertainty(list(x), MEASURES, kind="sigmoid", base="e")

    def binary(p):
        return entr(p) + entr(1 - p)

    q = x.mean(axis=0)
    alone = binary(x).sum(axis=1).mean(axis=0)
    np.testing.assert_allclose(maps["expected_entropy"], alone, atol=1e-12)
    np.testing.assert_allclose(
        maps["predictive_entropy"], binary(q).sum(axis=0), atol=1e-12
    )
    np.testing.assert_allclose(
        maps["mutual_information"], binary(q).sum(axis=0) - alone, atol=1e-12
    )
    both = np.stack([x, 1 - x], axis=2).reshape(3, 8, 6, 7, 8)
    np.testing.assert_allclose(
        maps["expected_pairwise_kl"], expected(both)["expected_pairwise_kl"], rtol=1e-9
    )
    np.testing.assert_allclose(maps["variance"], x.var(axis=0).mean(axis=0))
    labels = np.zeros(q.shape[1:], int)
    for channel in range(4):
        labels[q[channel] > 0.5] = channel + 1
    np.testing.assert_array_equal(maps.prediction, labels)
    assert (maps.n_classes, maps.n_states) == (5, 16)


@pytest.mark.parametrize("stored", ["in memory", "in files"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", TIES)
def test_of_equally_likely_classes_the_first_is_the_label(
    kind, dtype, stored, tmp_path
):
    """That of a member and that of their mean; and the background comes first."""
    rows = tied_values(kind, dtype)
    # Each voxel beside each other one; logits have exact ties only beside themselves.
    n, alone = rows.shape[1], kind in ("logits", "channel_logits")
    pairs = [(a, b) for a in range(n) for b in range(n) if not alone or a == b]
    values = [rows[:, list(of_member)] for of_member in zip(*pairs, strict=True)]
    given = values
    if stored == "in files":
        paths = [tmp_path / f"{number}.npy" for number in range(2)]
        for path, one in zip(paths, values, strict=True):
            np.save(path, one.reshape(len(rows), 1, 1, -1))
        given = [
            open_probabilities(path, Interpretation(class_axis=0)) for path in paths
        ]
    maps = nu.ensemble_uncertainty(given, MEASURES, kind=kind)
    if kind in ("sigmoid", "channel_logits"):
        label = expected_prediction(kind, np.mean(values, axis=0))
    else:
        mean = np.mean([outcomes(kind, one) for one in values], axis=0)
        label = mean.argmax(axis=0)
    np.testing.assert_array_equal(np.ravel(maps.prediction), label)
    labels = [expected_prediction(kind, one) for one in values]
    np.testing.assert_array_equal(
        np.ravel(maps["variation_ratio"]), np.where(labels[0] == labels[1], 0, 0.5)
    )
    truth = overlap(labels, maps.n_classes)
    np.testing.assert_allclose(maps.dice, truth)


@pytest.mark.parametrize("kind", ["logits", "fractions", "foreground", "scaled"])
def test_other_kinds_are_the_softmax_they_stand_for(members, kind):
    if kind == "foreground":
        members = members[:, :2] / members[:, :2].sum(axis=1, keepdims=True)
    given, close = members, 1e-12
    if kind == "logits":
        given = np.log(members) * 3 + 5
    elif kind in ("fractions", "foreground"):
        given = members[:, 1:]
    else:
        given = np.rint(members * 65535).astype(np.uint16)
        members = given / given.sum(axis=1, keepdims=True)
        close = 1e-6
    maps = nu.ensemble_uncertainty(
        list(given), MEASURES, base="e", kind=kind, temperature=3
    )
    for name, values in expected(members).items():
        np.testing.assert_allclose(maps[name], values, rtol=close, atol=close)
    assert maps.kind == kind
    np.testing.assert_array_equal(maps.prediction, members.mean(axis=0).argmax(axis=0))


def test_members_with_one_channel_of_logits_have_two_classes(rng):
    x = expit(rng.standard_normal((3, 1, 5, 6)))
    maps = nu.ensemble_uncertainty(list(logit(x)), MEASURES, base="e", kind="logits")
    both = np.concatenate([1 - x, x], axis=1)
    for name, values in expected(both).items():
        np.testing.assert_allclose(maps[name], values, rtol=1e-9, atol=1e-12)
    assert maps.n_classes == 2


def test_fractions_above_1_in_one_member_are_told_and_divided_out(members):
    above = members[0, 1:].copy()
    above[:, 2, 3, 4] = 0.5
    given = [above, *members[1:, 1:]]
    with pytest.warns(UserWarning, match=r"at most 1, these reach 1\.5;"):
        maps = nu.ensemble_uncertainty(given, MEASURES, base="e", kind="fractions")
    assert maps.largest_sum_deviation == pytest.approx(0.5)
    exact = members.copy()
    exact[0, :, 2, 3, 4] = 0, 1 / 3, 1 / 3, 1 / 3
    for name, values in expected(exact).items():
        np.testing.assert_allclose(maps[name], values, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 4, 1)])
def test_regions_write_over_those_before(rng, order):
    """In the order of the model, for each member and for their mean."""
    x = expit(3 * rng.standard_normal((3, 3, 5, 6, 7)))
    given = [
        nu.ProbabilityMap(
            one, ("whole", "core", "edge"), kind="sigmoid", region_order=order
        )
        for one in x
    ]
    maps = nu.ensemble_uncertainty(given, MEASURES)
    mean = expected_prediction("sigmoid", x.mean(axis=0), order)
    np.testing.assert_array_equal(maps.prediction, mean)
    labels = [expected_prediction("sigmoid", one, order) for one in x]
    np.testing.assert_allclose(maps.dice, overlap(labels, max(order) + 1))
    assert maps.n_classes == max(order) + 1


def test_rounding_above_1_counts_as_1_of_independent_channels():
    one = np.array([[1 + 1e-7, 0.5, 0.25], [1, 1 + 1e-7, 1]])
    exact = np.minimum(one, 1)
    found = nu.ensemble_uncertainty([one, exact[::-1]], MEASURES, kind="sigmoid")
    truth = nu.ensemble_uncertainty([exact, exact[::-1]], MEASURES, kind="sigmoid")
    for name in MEASURES:
        np.testing.assert_array_equal(found[name], truth[name])


@pytest.mark.parametrize("kind", ["softmax", "sigmoid", "fractions"])
def test_rounding_below_0_counts_as_0(kind):
    one = np.array([[1, 0.5, 0.25], [-1e-7, 0.5, 0.5], [0, -1e-7, 0.25]])
    if kind != "softmax":
        one *= (0.9, 0.6, 0.7)  # so that it does not look like one
    exact = np.maximum(one, 0)
    found = nu.ensemble_uncertainty([one, exact[::-1]], MEASURES, kind=kind)
    truth = nu.ensemble_uncertainty([exact, exact[::-1]], MEASURES, kind=kind)
    for name in MEASURES:
        np.testing.assert_allclose(found[name], truth[name], atol=1e-6)
    np.testing.assert_array_equal(found.prediction, truth.prediction)


def test_the_kind_is_found_and_told(rng):
    logits = [3 * rng.standard_normal((4, 9, 9, 9)) for _ in range(2)]
    assert nu.ensemble_uncertainty(logits).kind == "logits"
    with pytest.warns(UserWarning, match="look like softmax"):
        nu.ensemble_uncertainty(
            [softmax(rng, (4, 9, 9, 9)) for _ in range(2)], kind="sigmoid"
        )


def test_members_in_one_array_may_have_their_classes_last(members):
    last = np.moveaxis(members, 1, -1)
    maps = nu.ensemble_uncertainty(last, MEASURES, class_axis=-1, base="e")
    for name, values in expected(members).items():
        np.testing.assert_allclose(maps[name], values, rtol=1e-12, atol=1e-12)


@pytest.mark.shared_data
def test_measures_equal_published_implementations(shared_data):
    golden = json.loads((shared_data / "golden/golden.json").read_text())
    with np.load(shared_data / "golden/inputs.npz") as inputs:
        members = inputs["P"]
    by_name = golden[
        "MS_WML_uncs voxel (nats, eps=1e-10), mean over voxels and value at [0,0,0]"
    ]
    told = {
        "predictive_entropy": by_name["entropy_of_expected"],
        "expected_entropy": by_name["expected_entropy"],
        "mutual_information": by_name["mutual_information"],
        "expected_pairwise_kl": by_name["epkl"],
    }
    for dtype, close in ((np.float64, 1e-9), (np.float32, 1e-6)):
        maps = nu.ensemble_uncertainty(
            members.astype(dtype), (*MEASURES, "least_confidence"),
            class_axis=-1, base="e",
        )  # fmt: skip
        for name, (mean, first) in told.items():
            assert abs(maps[name].mean(dtype=float) - mean) <= close
            assert abs(maps[name][0, 0, 0] - first) <= close
        mean, first = by_name["confidence"]  # theirs is negative
        assert abs(maps["least_confidence"].mean(dtype=float) - (1 + mean)) <= close
        assert abs(maps["least_confidence"][0, 0, 0] - (1 + first)) <= close
        reverse = maps["expected_pairwise_kl"] - maps["mutual_information"]
        mean, first = by_name["reverse_mutual_information"]
        assert abs(reverse.mean(dtype=float) - mean) <= close
        assert abs(reverse[0, 0, 0] - first) <= close
        variance = golden["np.var over members, mean over class+voxel"]
        assert abs(maps["variance"].mean(dtype=float) - variance) <= close
