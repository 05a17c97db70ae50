"""What each kind means, and that a wrong guess is impossible to miss."""

from dataclasses import replace
from functools import partial

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit

import napari_uncertainty as nu
from napari_uncertainty import InputError, ProbabilityMap
from napari_uncertainty.checks.input_values import check_kind
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.model.interpretation import Interpretation
from napari_uncertainty.model.kinds import (
    KINDS,
    n_classes_of,
    n_states_of,
    names_of_classes,
    probabilities_of,
    scores_of,
    table_of,
)
from napari_uncertainty.model.kinds import check_kind as require_kind
from napari_uncertainty.steps import run
from support.values_of_kinds import KINDS as NAMES
from support.values_of_kinds import (
    TOLD_BY_VALUES,
    expected,
    outcomes,
    phantom,
    random_values,
)

ALL = ("entropy", "least_confidence", "margin", "gini")


def test_every_kind_says_what_it_is():
    assert tuple(KINDS) == NAMES
    for name, kind in KINDS.items():
        assert kind.name == name
        assert all((kind.title, kind.meaning, kind.formula))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"together": None}, "does not say how its classes go together"),
        ({"together": "both"}, "does not say how its classes go together"),
        ({"probabilities": None}, "does not say how probabilities follow"),
        ({"probabilities": lambda x, *_: x}, "sum to 0.25 for a single channel"),
        ({"activated": "softmx"}, "'softmax' becomes 'softmx', which does not exist"),
        ({"alike": ("scale",)}, "'softmax' is alike 'scale', which does not exist"),
    ],
)
def test_a_kind_without_its_behaviour_says_what_is_missing(change, said):
    with pytest.raises(ValueError, match=said):
        table_of([*KINDS.values(), replace(KINDS["softmax"], **change)])


def test_scores_become_probabilities_of_the_kind_that_goes_with_them():
    becomes = {name: kind.applied(3).name for name, kind in KINDS.items()}
    scores = {"logits": "softmax", "channel_logits": "sigmoid"}
    assert becomes == {name: scores.get(name, name) for name in NAMES}
    assert KINDS["logits"].applied(1).name == "foreground"
    assert KINDS["channel_logits"].applied(1).name == "sigmoid"
    assert scores_of("sigmoid") == "channel_logits"


@pytest.mark.parametrize("wrong", ["probabilities", "Softmax", "", None, 2])
def test_unknown_kinds_are_refused(wrong):
    with pytest.raises(ValueError, match=r"kind is softmax, .*, scaled or auto"):
        require_kind(wrong)
    for name in (*NAMES, "auto"):
        require_kind(name)


@pytest.mark.parametrize(
    ("kind", "n_channels", "classes", "states"),
    [
        ("softmax", 4, 4, 4),
        ("scaled", 4, 4, 4),
        ("logits", 4, 4, 4),
        ("logits", 1, 2, 2),
        ("foreground", 1, 2, 2),
        ("fractions", 3, 4, 4),
        ("sigmoid", 3, 4, 8),
        ("sigmoid", 1, 2, 2),
        ("channel_logits", 3, 4, 8),
        ("channel_logits", 1, 2, 2),
    ],
)
def test_every_kind_has_its_number_of_classes_and_outcomes(
    kind, n_channels, classes, states
):
    assert n_classes_of(kind, n_channels) == classes
    assert n_states_of(kind, n_channels) == states


def test_regions_have_as_many_classes_as_their_largest_label():
    assert n_classes_of("sigmoid", 2, (4, 1)) == 5
    assert n_states_of("sigmoid", 2) == 4


@pytest.mark.parametrize(
    ("kind", "names", "order", "classes"),
    [
        ("softmax", ("air", "bone"), (), ("air", "bone")),
        ("scaled", ("air", "bone"), (), ("air", "bone")),
        ("logits", ("air", "bone"), (), ("air", "bone")),
        ("logits", ("bone",), (), ("background", "bone")),
        ("foreground", ("bone",), (), ("background", "bone")),
        ("fractions", ("gm", "wm"), (), ("background", "gm", "wm")),
        ("sigmoid", ("whole", "core"), (), ("background", "whole", "core")),
        ("sigmoid", ("whole", "core"), (2, 1), ("background", "core", "whole")),
        ("channel_logits", ("whole", "core"), (2, 1), ("background", "core", "whole")),
        ("sigmoid", ("whole", "core"), (3, 1),
         ("background", "core", "class 2", "whole")),
    ],
)  # fmt: skip
def test_every_kind_has_its_names_of_classes(kind, names, order, classes):
    assert names_of_classes(kind, names, order) == classes
    assert len(classes) == n_classes_of(kind, len(names), order)
    probabilities = ProbabilityMap(
        np.zeros((len(names), 2, 2, 2)), names, region_order=order
    )
    assert probabilities.names_as(kind) == classes


@pytest.mark.parametrize("kind", NAMES)
def test_every_kind_gives_probabilities_of_voxels(kind, rng):
    values = random_values(kind, rng, (3, 50))
    found = probabilities_of(kind, values)
    assert found.dtype == np.float64
    of_channels = {"sigmoid": lambda x: x, "channel_logits": expit}
    truth = of_channels.get(kind, partial(outcomes, kind))(values)
    np.testing.assert_allclose(found, truth, atol=1e-7)


def test_probabilities_of_odd_voxels_are_right_or_not_a_number(rng):
    logits = random_values("logits", rng, (1, 50))
    np.testing.assert_allclose(
        probabilities_of("logits", logits, 2), outcomes("logits", logits, 2)
    )
    stored = np.array([[0, 51, 255]], np.uint8)
    np.testing.assert_allclose(
        probabilities_of("foreground", stored, scale=255), [[1, 0.8, 0], [0, 0.2, 1]]
    )
    np.testing.assert_allclose(
        probabilities_of("fractions", [[0.8], [0.8]]), [[0], [0.5], [0.5]]
    )
    np.testing.assert_array_equal(probabilities_of("softmax", [[0], [0]]), [[0], [0]])
    assert np.isnan(probabilities_of("softmax", [[np.nan], [0.5]])).any()


# Of these no map comes: values that the other kind cannot have.
REFUSED = {
    **{
        (kind, taken): "logits"
        for kind in ("logits", "channel_logits")
        for taken in NAMES
        if taken not in ("logits", "channel_logits")
    },
    **{(kind, "foreground"): "one channel" for kind in NAMES if kind != "foreground"},
}

# Of these nobody can tell, and who names one knows.
NAMED = {("logits", "channel_logits"), ("channel_logits", "logits")}

# Of these the map is the same, or nobody can tell.
AMBER = {
    ("softmax", "scaled"): "The map is the same",
    ("scaled", "softmax"): "The map is the same",
    ("foreground", "sigmoid"): "The map is the same",
    ("foreground", "fractions"): "The map is the same",
    ("fractions in doubt", "sigmoid"): "cannot tell",
}


@pytest.mark.parametrize("taken", NAMES)
@pytest.mark.parametrize("kind", [*NAMES, "fractions in doubt"])
def test_each_kind_under_every_name(kind, taken, rng):
    """A wrong guess is impossible to miss."""
    real = kind.removesuffix(" in doubt")
    shape = (3, 9, 9, 9)
    values = phantom(kind) if kind == real else random_values(real, rng, shape)
    if (real, taken) in REFUSED:
        with pytest.raises(InputError, match=REFUSED[real, taken]):
            run(iter_fold(values, ("entropy",), Interpretation(kind=taken)))
        return
    maps = run(iter_fold(values, ("entropy",), Interpretation(kind=taken)))
    check = check_kind(maps)
    assert check.numbers["kind"] == taken
    if taken == real or (real, taken) in NAMED:
        assert check.level == "green"
        assert maps.messages == []
        assert check.sentence.startswith(KINDS[taken].title)
        return
    with pytest.warns(UserWarning, match=KINDS[real].title.lower()) as told:
        nu.uncertainty(values, kind=taken)
    for sentence in (str(told[0].message), check.sentence):
        assert KINDS[taken].title.lower() in sentence
        assert KINDS[real].title.lower() in sentence
    if (kind, taken) in AMBER:
        assert check.level == "amber"
        assert AMBER[kind, taken] in check.sentence
    else:
        assert check.level == "red"
        assert f"choose the kind '{KINDS[real].title}' ({real})" in check.sentence


@pytest.mark.parametrize("kind", TOLD_BY_VALUES)
def test_a_kind_that_was_found_is_told_with_its_evidence(kind):
    maps = run(iter_fold(phantom(kind), ("entropy",), Interpretation(kind="auto")))
    check = check_kind(maps)
    assert check.level == "green"
    assert check.numbers["kind"] == kind
    assert check.sentence.startswith(f"{KINDS[kind].title}: ")
    assert maps.evidence


def test_a_doubt_is_amber(rng):
    maps = run(
        iter_fold(
            random_values("fractions", rng, (3, 9, 9, 9)),
            ("entropy",),
            Interpretation(kind="auto"),
        )
    )
    check = check_kind(maps)
    assert check.level == "amber"
    assert "Taken for fractions without background." in check.sentence
    assert "independent channels" in check.sentence


def test_sums_far_from_1_are_red():
    values = phantom("softmax")
    values[:, 11, 12, 10] *= 1.5
    check = check_kind(
        run(iter_fold(values, ("entropy",), Interpretation(kind="auto")))
    )
    assert check.level == "red"
    assert "differ by up to 0.5" in check.sentence


def test_maps_that_nobody_looked_at_yet_say_their_kind(rng):
    values = da.from_array(random_values("sigmoid", rng, (3, 9, 9)), (3, 4, 4))
    maps = nu.uncertainty(values, kind="sigmoid")
    assert maps.evidence == ""
    assert check_kind(maps).sentence == "Independent channels."


def elements(dtype):
    """Any number of a type, and often those that matter."""
    any_number = hnp.from_dtype(dtype)
    usual = [0, 1] if dtype.kind == "b" else [0, 1, 2, 100]
    if dtype.kind == "f":
        usual += [0.5, 1 / 3, 1.2, -1, -1e-7, np.nan, np.inf, -np.inf]
    return any_number | st.sampled_from([dtype.type(one).item() for one in usual])


any_arrays = (
    st.sampled_from(["?", "u1", "i1", "u2", ">i2", "i4", "u8", "f2", "f4", ">f4", "f8"])
    .map(np.dtype)
    .flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            hnp.array_shapes(min_dims=2, max_dims=4, max_side=6),
            elements=elements(dtype),
        )
    )
)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(values=any_arrays)
@settings(max_examples=30, deadline=None)
def test_whatever_comes_gives_maps_or_an_error(values):
    for kind in (*NAMES, "auto"):
        try:
            maps = nu.uncertainty(values, ALL, kind=kind)
        except InputError:
            continue
        for name in ALL:
            highest = np.float32(nu.MEASURES[name].highest(2, maps.n_states))
            assert np.isfinite(maps[name]).all()
            assert (maps[name] >= 0).all()
            assert (maps[name] <= highest).all()
            assert (maps[name][maps.no_data] == 0).all()
        assert (maps.prediction < maps.n_classes).all()


@given(st.tuples(st.integers(1, 6), st.integers(1, 30)), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_channels_are_the_joint_distribution_of_all_outcomes(shape, seed):
    values = random_values("sigmoid", np.random.default_rng(seed), shape)
    maps = run(iter_fold(values, ALL, Interpretation(kind="sigmoid")))
    for name, truth in expected(outcomes("sigmoid", values)).items():
        np.testing.assert_allclose(maps[name], truth, atol=1e-6, rtol=0)
