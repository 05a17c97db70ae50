"""What is told about the probabilities themselves, against numpy and scipy."""

import ast
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from scipy.special import entr

import napari_uncertainty as nu
from napari_uncertainty import UncertaintyWarning, uncertainty
from napari_uncertainty.checks.input_values import (
    check_kind,
    check_no_data,
    check_precision,
)
from napari_uncertainty.checks.place import check_grid
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.engine.maps import UncertaintyMaps
from napari_uncertainty.model.kinds import n_classes_of, n_states_of
from napari_uncertainty.model.record import Check, worst_level
from napari_uncertainty.model.stored import StoredValues
from napari_uncertainty.steps import run
from support.generated import softmax
from support.values_of_kinds import expected, outcomes, random_values

SHAPE = (5, 6, 7)


def entropy_in_bits(values):
    """Of normalised probabilities, class axis first."""
    shares = values.astype(np.float64)
    shares /= shares.sum(axis=0)
    return entr(shares).sum(axis=0) / np.log(2)


def in_steps(values, scale, dtype=np.uint8):
    return np.rint(values.astype(np.float64) * scale).astype(dtype)


def taken_for(n_channels, kind="softmax", scale=1.0):
    """Maps that nothing is known of but what their values were taken for."""
    return UncertaintyMaps(
        maps={},
        no_data=None,
        prediction=None,
        n_classes=n_classes_of(kind, n_channels),
        n_states=n_states_of(kind, n_channels),
        base=2,
        largest_sum_deviation=0.0,
        sum_tolerance=0.01,
        kind=kind,
        scale=scale,
    )


@pytest.mark.parametrize(
    ("factor", "level"),
    [(1, "green"), (1.005, "green"), (1.05, "amber"), (0.92, "amber"), (1.5, "red")],
)
def test_sums_are_judged_by_their_largest_deviation(rng, factor, level):
    values = softmax(rng, (4, *SHAPE)).astype(np.float64)
    values /= values.sum(axis=0)
    values[:, 1, 2, 3] *= factor
    check = check_kind(run(iter_fold(values)))
    assert (check.name, check.level) == ("kind", level)
    assert check.numbers["kind"] == "softmax"
    deviation = check.numbers["largest_sum_deviation"]
    assert deviation == pytest.approx(abs(factor - 1), abs=1e-6)
    if level != "green":
        assert f"{abs(factor - 1):.3g}" in check.sentence


def test_data_everywhere_is_green(rng):
    check = check_no_data(uncertainty(softmax(rng, (4, *SHAPE))))
    assert check.level == "green"
    assert check.numbers == {"no_data": 0, "voxels": 210}


@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_some_voxels_without_data_are_counted(rng, value):
    values = softmax(rng, (4, 20, 20, 20))
    values[:, :10, :11, :12] = value
    check = check_no_data(uncertainty(values))
    assert check.level == "amber"
    assert check.numbers == {"no_data": 1320, "voxels": 8000}
    assert "1,320 voxels" in check.sentence
    assert "16.5 %" in check.sentence


def test_data_nowhere_is_red():
    with pytest.warns(UncertaintyWarning, match="No voxel has data"):
        maps = uncertainty(np.zeros((3, 4, 5, 6), np.float32))
    check = check_no_data(maps)
    assert check.level == "red"
    assert check.numbers == {"no_data": 120, "voxels": 120}


@pytest.mark.parametrize("dtype", [np.float32, np.float64, ">f4"])
def test_floating_point_numbers_lose_nothing(rng, dtype):
    check = check_precision(softmax(rng, (8, *SHAPE)).astype(dtype), taken_for(8))
    assert (check.name, check.level) == ("precision", "green")
    assert "entropy_loss_bits" not in check.numbers
    assert check.numbers["step"] is None


@pytest.mark.parametrize("n_classes", [2, 4, 8, 20])
@pytest.mark.parametrize("sharpness", [0.5, 3, 10])
def test_loss_to_uint8_is_within_what_is_told(rng, n_classes, sharpness):
    values = softmax(rng, (n_classes, 12, 13, 14), sharpness).astype(np.float64)
    stored = in_steps(values, 255)
    lost = entropy_in_bits(values) - entropy_in_bits(stored)
    told = check_precision(stored, taken_for(n_classes, "scaled", 255))
    # Rounding of many small classes may take a unit or two from most sums.
    assert told.numbers["step"] == pytest.approx(1 / 255, rel=0.01)
    assert 0 < lost.max() <= told.numbers["entropy_loss_bits"]
    assert told.level == "amber"
    assert told.numbers["dtype"] == "uint8"


def test_loss_of_8_classes_to_uint8_is_told_as_some_tenths_of_a_bit(rng):
    stored = in_steps(softmax(rng, (8, *SHAPE)), 255)
    check = check_precision(stored, taken_for(8, "scaled", 255))
    loss = check.numbers["entropy_loss_bits"]
    assert 0.1 < loss < 0.4
    assert f"{loss:.2g} bit" in check.sentence


@pytest.mark.parametrize("n_classes", [2, 4, 8, 20])
def test_told_loss_is_reached_by_classes_just_below_half_a_step(rng, n_classes):
    below = 0.4999 / 255
    worst = np.full(n_classes, below)
    worst[0] = 1 - (n_classes - 1) * below
    stored = in_steps(worst, 255)
    assert np.count_nonzero(stored) == 1
    stored = in_steps(softmax(rng, (n_classes, *SHAPE)), 255)
    told = check_precision(stored, taken_for(n_classes, "scaled", 255))
    assert told.numbers["entropy_loss_bits"] == pytest.approx(
        entropy_in_bits(worst), rel=0.01
    )


def test_no_more_is_lost_to_large_steps_than_there_can_be(rng):
    """log2 of 20 classes, where steps of a quarter leave hardly any of them."""
    stored = in_steps(softmax(rng, (20, *SHAPE), sharpness=8), 4)
    told = check_precision(stored, taken_for(20, "scaled", 4))
    assert told.numbers["entropy_loss_bits"] == pytest.approx(np.log2(20))


def test_a_few_values_that_were_made_up_have_no_step():
    values = np.array([[0.1, 0.2, 0.3, 0.5], [0.9, 0.8, 0.7, 0.5]])
    check = check_precision(values, taken_for(2))
    assert (check.level, check.numbers["step"]) == ("green", None)


@pytest.mark.parametrize(
    ("scale", "dtype", "level"),
    [
        (255, np.uint8, "amber"),
        (100, np.uint8, "amber"),
        (1000, np.int16, "amber"),
        (65535, np.uint16, "green"),
    ],
)
def test_step_is_that_of_what_the_values_sum_to(rng, scale, dtype, level):
    values = softmax(rng, (4, 20, 20, 20))
    check = check_precision(
        in_steps(values, scale, dtype), taken_for(4, "scaled", scale)
    )
    assert check.numbers["step"] == pytest.approx(1 / scale)
    assert check.level == level
    assert f"1/{scale:,}" in check.sentence


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_are_seen_in_what_was_scaled_to_1_afterwards(rng, dtype):
    """As whoever reads 8-bit images with a slope and writes floats has it."""
    values = softmax(rng, (4, 20, 20, 20))
    stored = in_steps(values, 255)
    whole = check_precision(stored, taken_for(4, "scaled", 255))
    scaled = check_precision((stored / np.float64(255)).astype(dtype), taken_for(4))
    assert scaled.level == "amber"
    assert scaled.numbers["step"] == pytest.approx(1 / 255)
    assert scaled.numbers["entropy_loss_bits"] == pytest.approx(
        whole.numbers["entropy_loss_bits"]
    )


@pytest.mark.parametrize("n_classes", [2, 4, 8, 20])
@pytest.mark.parametrize("sharpness", [0.5, 3, 10])
def test_loss_to_float16_is_within_what_is_told_and_small(rng, n_classes, sharpness):
    values = softmax(rng, (n_classes, 12, 13, 14), sharpness).astype(np.float64)
    halves = values.astype(np.float16)
    moved = np.abs(entropy_in_bits(values) - entropy_in_bits(halves)).max()
    check = check_precision(halves, taken_for(n_classes))
    assert check.level == "green"
    assert moved <= check.numbers["entropy_loss_bits"] < 0.01
    assert "float16" in check.sentence


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool, np.float32, np.float16])
def test_one_hot_labels_are_no_probabilities(rng, dtype):
    labels = rng.integers(0, 4, SHAPE)
    one_hot = (labels == np.arange(4).reshape(4, 1, 1, 1)).astype(dtype)
    check = check_precision(one_hot, taken_for(4))
    assert check.level == "red"
    assert "Only 0 and 1" in check.sentence
    assert check.numbers["step"] == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
def test_probabilities_that_are_certain_nearly_everywhere_are_no_labels(rng, dtype):
    """A network that is unsure only about a small lesion."""
    values = np.zeros((2, 64, 64, 64), np.float32)
    values[0] = 1
    values[:, 19:22, 27:30, 39:42] = softmax(rng, (2, 3, 3, 3))
    stored = in_steps(values, 255) if dtype == np.uint8 else values.astype(dtype)
    scale = 255 if dtype == np.uint8 else 1
    assert check_precision(stored, taken_for(2, scale=scale)).level != "red"


def stored_in_a_file(dtype, **scaling):
    return StoredValues(
        Path("case.nii"), None, (4, 7, 6, 5), 0, np.dtype(dtype), **scaling
    )


@pytest.mark.parametrize(
    ("values", "step"),
    [
        (stored_in_a_file(np.uint8, scale=255), 1 / 255),
        (stored_in_a_file(np.uint8, slope=1 / 255), 1 / 255),
        (stored_in_a_file(np.int16, slope=2**-15), 2**-15),
        (stored_in_a_file(np.uint16, slope=-1 / 1000, inter=1), 1 / 1000),
    ],
)
def test_step_of_values_in_a_file_is_in_its_header(values, step):
    check = check_precision(values, taken_for(4, scale=values.scale))
    assert check.numbers["step"] == pytest.approx(step)
    assert f"1/{round(1 / step):,}" in check.sentence


@pytest.mark.parametrize("dtype", ["<f2", ">f2"])
def test_halves_in_a_file_are_told_as_such(dtype):
    check = check_precision(stored_in_a_file(dtype), taken_for(4))
    assert "float16" in check.sentence
    assert 0 < check.numbers["entropy_loss_bits"] < 0.01


def test_floats_in_a_file_lose_nothing():
    check = check_precision(stored_in_a_file(np.float32), taken_for(4))
    assert check.level == "green"
    assert check.numbers == {"dtype": "float32", "step": None}


@pytest.mark.parametrize(
    ("dtype", "scale", "step"),
    [(np.uint8, 255, 1 / 255), (np.uint16, 65535, 1 / 65535), (np.float32, 1, None)],
)
def test_lazy_values_are_not_computed(dtype, scale, step):
    def never(block):
        raise AssertionError("computed")

    values = da.zeros((4, 6, 6, 6), dtype=dtype).map_blocks(never, dtype=dtype)
    check = check_precision(values, taken_for(4, scale=scale))
    assert check.numbers["step"] == step


@pytest.mark.parametrize("kind", ["foreground", "sigmoid", "fractions"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float16])
def test_loss_of_every_kind_is_within_what_is_told(rng, kind, dtype):
    values = random_values(kind, rng, (3, 30, 30, 30), np.float64)
    whole = dtype == np.uint8
    stored = in_steps(values, 255) if whole else values.astype(dtype)
    kept = stored.astype(np.float64) / (255 if whole else 1)
    before, after = (expected(outcomes(kind, x))["entropy"] for x in (values, kept))
    maps = taken_for(len(values), kind, 255 if whole else 1.0)
    told = check_precision(stored, maps).numbers["entropy_loss_bits"]
    assert 0 < np.abs(before - after).max() <= told


def test_halves_of_logits_are_told_as_no_loss(rng):
    values = random_values("logits", rng, (3, *SHAPE)).astype(np.float16)
    check = check_precision(values, taken_for(3, "logits"))
    assert check.level == "green"
    assert check.numbers == {"dtype": "float16", "step": None}


@pytest.mark.parametrize("kind", ["foreground", "sigmoid"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, bool])
def test_masks_are_no_probabilities(rng, kind, dtype):
    full = 255 if dtype == np.uint8 else 1
    values = (rng.integers(0, 2, (1, *SHAPE)) * full).astype(dtype)
    check = check_precision(values, taken_for(1, kind, full))
    assert check.level == ("amber" if dtype == np.uint8 else "red")


def test_the_worst_level_is_red_before_amber_before_green():
    assert worst_level(["green", "red", "amber"]) == "red"
    assert worst_level(["green", "amber"]) == "amber"
    assert worst_level([]) == "green"


def test_a_check_turns_into_plain_values():
    check = Check("kind", "amber", "Odd.", {"largest_sum_deviation": 0.5})
    assert check.to_dict() == {
        "name": "kind",
        "level": "amber",
        "sentence": "Odd.",
        "largest_sum_deviation": 0.5,
    }


#: Checks of what was guessed, or what a file at hand contradicts.
OF_GUESSES = {
    "kind", "members", "axes", "background", "place", "agreement", "orientation",
    "segmentation_grid",
}  # fmt: skip


def built_checks():
    """Name of each check that the code builds, and whether it says ``guessed=True``.

    Of :func:`.check_grid`, which builds two of them, both are called.
    """
    for path in Path(nu.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(ast.Name("Check"), [ast.Constant(name), *_], keywords):
                    said = [ast.unparse(one) for one in keywords]
                    yield name, "guessed=True" in said
    here = nu.Grid((4, 5, 6), np.eye(4))
    moved = [np.eye(4) + np.eye(4, k=3) * far for far in (0, 0.4, 1000)]
    for role in ("scan", "segmentation"):
        for other in (None, *(nu.Grid((4, 5, 6), affine) for affine in moved)):
            check = check_grid("image", role, here, other)
            yield check.name, check.guessed


def test_all_checks_of_guesses_and_no_others_warn_where_they_are_amber():
    built = list(built_checks())
    assert {name for name, guessed in built if guessed} == OF_GUESSES
    assert {name for name, guessed in built if not guessed}.isdisjoint(OF_GUESSES)


@pytest.mark.parametrize("guessed", [False, True])
def test_a_check_warns_of_what_is_red_or_guessed_and_amber(guessed):
    warned = {
        level: Check("new", level, "Odd.", guessed=guessed).warns
        for level in ("green", "amber", "red")
    }
    assert warned == {"green": False, "amber": guessed, "red": True}


def test_being_guessed_is_neither_compared_nor_written():
    plain, guessed = (
        Check("kind", "amber", "Odd.", {"n": 1}, guessed=one) for one in (False, True)
    )
    assert plain == guessed
    assert plain.to_dict() == guessed.to_dict()
    with pytest.raises(TypeError):
        Check("kind", "amber", "Odd.", {}, True)
