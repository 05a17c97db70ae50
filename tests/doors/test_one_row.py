"""A measure is a row of its table: one that a test adds works behind every door."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dask.array as da
import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.model.interpretation import Interpretation
from napari_uncertainty.model.measures import (
    ALL_MEASURES,
    ENSEMBLE_MEASURES,
    ENTROPY,
    MEASURES,
    VARIANCE,
    EnsembleMeasure,
    Measure,
    MemberNumbers,
    Numbers,
)
from support.added_measures import COLLISION, WORDS, add_rows
from support.generated import OBLIQUE, softmax
from support.small_pieces import small_pieces
from support.values_of_kinds import expected_prediction, outcomes, random_values

# Members that are made of chance have hardly anything in common.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*they hardly look like members of one case"
    ":napari_uncertainty.UncertaintyWarning"
)

TESTS = Path(__file__).parents[1]
SHAPE = (4, 6, 7, 5)


@pytest.fixture(autouse=True)
def rows():
    """Both rows, for the length of a test."""
    take_away = add_rows()
    yield
    take_away()


def collision(p):
    """By its formula, in bits and float64."""
    return -np.log2((np.asarray(p, np.float64) ** 2).sum(axis=0))


def assert_close(values, truth):
    np.testing.assert_allclose(values, truth, atol=2e-6, rtol=0)


def test_of_three_classes_it_is_what_its_formula_says():
    maps = nu.uncertainty([0.5, 0.3, 0.2], ("collision", "least_confidence"))
    assert float(maps["collision"]) == pytest.approx(-np.log2(0.38), abs=1e-6)
    assert float(maps["least_confidence"]) == pytest.approx(0.5)


@pytest.mark.parametrize("base", [2, "e", "classes"])
def test_it_has_the_base_that_is_asked_for(rng, base):
    p = softmax(rng, SHAPE)
    unit = {2: 1, "e": np.log(2), "classes": 0.5}[base]
    assert_close(nu.uncertainty(p, ("collision",), base=base)["collision"],
                 unit * collision(p))  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_certain_voxels_are_exactly_0_and_none_is_above_the_highest(rng, dtype):
    p = softmax(rng, (5, 4000), sharpness=8)
    p[:, :300] = np.eye(5)[:, [2]]
    p[:, 300:600] = 0.2
    values = nu.uncertainty(p.astype(dtype), ("collision",))["collision"]
    assert not values[:300].any()
    assert values.min() == 0
    assert values.max() <= np.log2(5)


@pytest.mark.parametrize("name", ["first.npz", "last.npz", "image.nii.gz", "dask"])
def test_it_is_folded_from_every_source(rng, tmp_path, name):
    p = softmax(rng, SHAPE)
    path, axis = tmp_path / name, 0
    if name == "dask":
        source = da.from_array(p, (2, 3, 7, 2))
    elif name == "image.nii.gz":
        nib.Nifti1Image(np.moveaxis(p, 0, -1), OBLIQUE).to_filename(path)
        source = path
    else:
        axis = -1 if name == "last.npz" else 0
        np.savez_compressed(path, probabilities=np.moveaxis(p, 0, axis))
        source = path
    if axis:
        source = open_probabilities(path, Interpretation(class_axis=axis))
    small = small_pieces(100)
    try:
        maps = nu.uncertainty(source, tuple(MEASURES))
        found = {one: np.asarray(values) for one, values in maps.items()}
    finally:
        small.undo()
    truth = collision(p)
    plain = nu.uncertainty(p, tuple(MEASURES))
    # A file of numpy has the axes of space the other way round.
    turned = (2, 1, 0) if name == "first.npz" else (0, 1, 2)
    assert_close(found["collision"], truth.transpose(turned))
    # Maps that lie in the memory of running numbers spoil none of the others.
    for one in MEASURES:
        assert_close(found[one], plain[one].transpose(turned))


@pytest.mark.parametrize("kind", ["sigmoid", "channel_logits"])
def test_of_independent_channels_it_is_that_of_all_outcomes(rng, kind):
    values = random_values(kind, rng, SHAPE)
    maps = nu.uncertainty(values, tuple(MEASURES), kind=kind)
    p = outcomes(kind, values)
    assert_close(maps["collision"], collision(p))
    assert_close(maps["gini"], 1 - (p**2).sum(axis=0))
    ranked = np.sort(p, axis=0)
    assert_close(maps["margin"], 1 - ranked[-1] + ranked[-2])
    np.testing.assert_array_equal(maps.prediction, expected_prediction(kind, values))
    one = nu.uncertainty(values, ("collision",), kind=kind, channel=2)
    assert_close(one["collision"], collision(outcomes(kind, values[2:3])))


def test_of_members_it_is_that_of_their_mean(rng, tmp_path):
    members = [softmax(rng, SHAPE) for _ in range(3)]
    names = (*ENSEMBLE_MEASURES, "collision", "least_confidence")
    truth = collision(np.mean(members, axis=0, dtype=np.float64))
    maps = nu.ensemble_uncertainty(members, names)
    assert_close(maps["predictive_collision"], truth)
    assert_close(maps["collision"], truth)
    paths = [tmp_path / f"{number}.npy" for number in range(3)]
    for path, one in zip(paths, members, strict=True):
        np.save(path, one.transpose(0, 3, 2, 1))
    from_files = nu.ensemble_uncertainty(paths, names)
    for name in names:  # those before it are as they were
        assert_close(from_files[name], maps[name])


def test_of_members_with_independent_channels_it_is_that_of_all_outcomes(rng):
    members = [random_values("sigmoid", rng, SHAPE) for _ in range(3)]
    maps = nu.ensemble_uncertainty(
        members, ("collision", "predictive_entropy"), kind="sigmoid"
    )
    mean = np.mean(members, axis=0, dtype=np.float64)
    assert_close(maps["collision"], collision(outcomes("sigmoid", mean)))


def test_every_measure_that_can_be_asked_of_the_mean_is_that_of_it(rng, monkeypatch):
    for name, row in MEASURES.items():
        monkeypatch.setitem(
            sys.modules["napari_uncertainty.model.measures"]._MEASURES,
            name,
            replace(row, of_mean=True),
        )
    for kind in ("softmax", "sigmoid"):
        members = [random_values(kind, rng, SHAPE, np.float64) for _ in range(3)]
        maps = nu.ensemble_uncertainty(members, tuple(MEASURES), kind=kind)
        truth = nu.uncertainty(np.mean(members, axis=0), tuple(MEASURES), kind=kind)
        for name in MEASURES:
            assert_close(maps[name], truth[name])


def test_the_command_line_writes_its_map(rng, tmp_path):
    p = softmax(rng, SHAPE)
    for name in ("a", "b"):
        image = nib.Nifti1Image(np.moveaxis(p, 0, -1), OBLIQUE)
        image.to_filename(tmp_path / f"{name}.nii.gz")
    call = "from support.added_measures import add_rows; add_rows(); "
    call += "from napari_uncertainty.cli import main"

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-c", f"{call}; main()", *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
            capture_output=True,
            text=True,
            check=True,
        )

    run("map", tmp_path / "a.nii.gz", "-o", tmp_path, "--measure", "collision",
        "--hotspots", 2)  # fmt: skip
    found = nib.load(tmp_path / "a_collision.nii.gz")
    assert_close(found.get_fdata(), collision(p))
    assert "collision" in " ".join(run("map", "--help").stdout.split())


@pytest.mark.usefixtures("qapp")
def test_the_widget_offers_it():
    from napari_uncertainty.plugin.compute.choices import MeasureChoice

    choice = MeasureChoice("collision")
    assert "collision" in choice.choices
    assert choice.measure is COLLISION
    assert not choice.is_of_members
    choice.value = "predictive_collision"
    assert choice.is_of_members


def test_two_equally_likely_classes_are_undecided():
    maps = nu.uncertainty([0.5, 0.5, 0, 0], tuple(MEASURES), base="e")
    for name, row in MEASURES.items():
        assert row.undecided("e", 4) == pytest.approx(float(maps[name]), rel=1e-6)


@pytest.mark.parametrize("name", ALL_MEASURES)
def test_each_row_has_arithmetic_of_its_own(name):
    row = ALL_MEASURES[name]
    fields = MemberNumbers if isinstance(row, EnsembleMeasure) else Numbers
    assert row.needs
    assert {*row.needs} <= {*fields.__dataclass_fields__}


def finish_to(value):
    return lambda _n, out, _spare: out.fill(value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"finish": Measure.finish}, "'collision' has no arithmetic"),
        ({"needs": ()}, "'collision' needs no numbers; there are logs, squares"),
        ({"needs": ("cubes",)}, "'collision' needs cubes; there are logs, squares"),
        ({"needs": ("logs",)}, r"cannot be computed from what it needs \(logs\)"),
        ({"finish": finish_to(1)}, "is 1 where one class is certain"),
        ({"finish": finish_to(np.nan)}, "is nan where one class is certain"),
        ({"highest": lambda _base, _n: 3.0}, "says that 3 is the largest"),
    ],
)
def test_a_row_without_its_behaviour_says_what_is_missing(change, said):
    options = {"finish": COLLISION.finish, **WORDS, **change}
    with pytest.raises(ValueError, match=said):
        Measure("collision", **options)


def test_a_row_of_members_needs_numbers_of_members():
    with pytest.raises(ValueError, match="needs logs; there are expected, mutual"):
        EnsembleMeasure(
            "collision", finish=ENTROPY.finish, **WORDS | {"needs": ("logs",)}
        )
    with pytest.raises(ValueError, match="'variance' has no arithmetic"):
        replace(VARIANCE, finish=Measure.finish)
