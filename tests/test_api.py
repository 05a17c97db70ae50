"""Entropy against closed forms and scipy."""

import doctest

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import entr

import napari_uncertainty as nu
from napari_uncertainty import api
from support.generated import softmax

# Here, probabilities of 0 and 1 are meant.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Only 0 and 1 occur:napari_uncertainty.UncertaintyWarning"
)


def reference(probabilities, axis=0):
    """Entropy in bits, in float64, by scipy."""
    p = np.asarray(probabilities, dtype=np.float64)
    p = p / p.sum(axis=axis, keepdims=True)
    return entr(p).sum(axis=axis) / np.log(2)


@pytest.mark.filterwarnings("error::napari_uncertainty.UncertaintyWarning")
def test_the_examples_give_what_they_show_without_a_warning():
    failed, attempted = doctest.testmod(api)
    assert attempted >= 10
    assert failed == 0


@pytest.mark.parametrize(
    ("coin", "bits"),
    [((0.9, 0.1), 0.468996), ((0.5, 0.5), 1.0), ((1.0, 0.0), 0.0)],
)
def test_coins_have_the_entropy_of_shannon(coin, bits):
    assert float(nu.entropy(coin)) == pytest.approx(bits, abs=5e-7)


@pytest.mark.parametrize("n_classes", [2, 3, 5, 7, 8, 33, 117])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_is_the_maximum(n_classes, dtype):
    uniform = np.full((n_classes, 3, 3), 1 / n_classes, dtype)
    bits = nu.entropy(uniform)
    np.testing.assert_allclose(bits, np.log2(n_classes), rtol=3e-7)
    assert bits.max() <= np.log2(n_classes)


def test_nothing_exceeds_the_uniform_distribution(rng):
    entropy = nu.entropy(softmax(rng, (8, 40, 40), sharpness=0.3))
    assert entropy.max() <= 3.0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 8, 33])
def test_one_hot_is_exactly_zero(n_classes, dtype, rng):
    one_hot = np.eye(n_classes, dtype=dtype)[:, rng.integers(0, n_classes, (9, 9))]
    entropy = nu.entropy(one_hot)
    assert (entropy == 0).all()
    assert not np.signbit(entropy).any()


@pytest.mark.parametrize("sharpness", [0.1, 1, 5, 30])
def test_float32_within_a_millionth_bit_of_scipy(sharpness, rng):
    probabilities = softmax(rng, (8, 50, 60), sharpness)
    assert np.abs(nu.entropy(probabilities) - reference(probabilities)).max() <= 1e-6


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_tiny_probabilities_keep_their_entropy(dtype):
    """Down to the smallest number the type holds, and to zero."""
    smallest = np.finfo(dtype).smallest_subnormal
    small = np.array([0, smallest, 10 * smallest, 1e-7, 1e-4, 1e-2, 0.3], dtype)
    probabilities = np.stack([small, 1 - small, np.zeros_like(small)])
    entropy = nu.entropy(probabilities)
    np.testing.assert_allclose(entropy, reference(probabilities), atol=1e-6)
    assert (entropy >= 0).all()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([np.float16, np.float32, np.float64]).flatmap(
        lambda dtype: hnp.arrays(
            dtype,
            st.tuples(st.integers(1, 9), st.integers(1, 5), st.integers(1, 7)),
            elements=st.floats(0, 1, width=np.dtype(dtype).itemsize * 8),
        )
    )
)
@pytest.mark.filterwarnings("ignore:.*The values were taken for softmax")
@pytest.mark.filterwarnings("ignore:.*The probabilities of a voxel should sum to 1")
def test_any_nonnegative_input_gives_a_finite_entropy_in_range(values):
    """Whatever the sums: finite, in range, and right where there is data."""
    values = values + values.dtype.type(0.25)
    assume((values % 1).any())  # whole numbers alone are refused as labels
    entropy = nu.entropy(values)
    expected = reference(values)
    assert np.isfinite(entropy).all()
    assert entropy.dtype == np.float32
    np.testing.assert_allclose(entropy, expected, atol=1e-6)
    assert (entropy >= 0).all()
    assert (entropy <= np.log2(len(values))).all()


@pytest.mark.filterwarnings("ignore:.*The values were taken for softmax")
@pytest.mark.filterwarnings("ignore:.*The probabilities of a voxel should sum to 1")
@pytest.mark.parametrize("scale", [1e-30, 1e-3, 5, 1e30])
def test_sums_far_from_one_are_normalised(scale, probabilities):
    scaled = probabilities.astype(np.float64) * scale
    np.testing.assert_allclose(
        nu.entropy(scaled.astype(np.float32)), reference(probabilities), atol=1e-5
    )


@pytest.mark.parametrize(
    ("factor", "told"), [(5, "4"), (0.5, "0.5"), (0.98, "0.02"), (1.03, "0.03")]
)
def test_sums_far_from_one_are_told(probabilities, factor, told):
    message = f"should sum to 1, these differ by up to {told}[;.]"
    with pytest.warns(UserWarning, match=message):
        nu.entropy(probabilities * np.float32(factor))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_integers_scaled_to_their_range_are_divided_by_their_sums(dtype, probabilities):
    scale = np.iinfo(dtype).max
    stored = np.rint(probabilities * scale).astype(dtype)
    np.testing.assert_allclose(nu.entropy(stored), reference(stored), atol=1e-6)


def layouts(values):
    """The same probabilities in memory layouts that occur, with their class axis."""
    yield values, 0
    yield np.asfortranarray(values), 0
    yield np.ascontiguousarray(np.moveaxis(values, 0, -1)), -1
    yield np.ascontiguousarray(np.moveaxis(values, 0, 2)), 2
    yield values[:, ::-1, :, ::-1].copy()[:, ::-1, :, ::-1], 0
    yield np.repeat(values, 2, axis=3)[..., ::2], 0
    yield values.astype(values.dtype.newbyteorder()), 0


def test_every_layout_gives_the_same(probabilities):
    expected = nu.entropy(probabilities)
    for values, class_axis in layouts(probabilities):
        entropy = nu.entropy(values, class_axis=class_axis)
        np.testing.assert_array_equal(entropy, expected)


def test_a_memory_map_gives_the_entropy_of_its_array(probabilities, tmp_path):
    np.save(tmp_path / "softmax.npy", probabilities)
    mapped = np.load(tmp_path / "softmax.npy", mmap_mode="r")
    np.testing.assert_array_equal(nu.entropy(mapped), nu.entropy(probabilities))


def test_bits_nats_and_normalised_differ_by_their_factor(probabilities):
    bits = nu.entropy(probabilities)
    nats = nu.entropy(probabilities, base="e")
    share = nu.entropy(probabilities, base="classes")
    np.testing.assert_allclose(nats, bits * np.log(2), atol=1e-6)
    np.testing.assert_allclose(share, bits / 2, atol=1e-6)
    assert share.max() <= 1


def test_one_class_leaves_nothing_to_be_unsure_of():
    for base in (2, "e", "classes"):
        assert (nu.entropy(np.ones((1, 4, 4)), base=base) == 0).all()


def test_no_data_voxels_are_zero_and_counted(probabilities):
    values = probabilities.copy()
    values[:, 0, 0, 0] = 0
    values[1, 1, 1, 1] = np.nan
    values[2, 2, 2, 2] = np.inf
    values[2, 3, 3, 3] = -np.inf
    maps = nu.uncertainty(values)
    places = {(0, 0, 0), (1, 1, 1), (2, 2, 2), (3, 3, 3)}
    assert set(zip(*np.nonzero(maps.no_data), strict=True)) == places
    assert all(maps["entropy"][place] == 0 for place in places)
    elsewhere = ~maps.no_data
    np.testing.assert_allclose(
        maps["entropy"][elsewhere], reference(probabilities)[elsewhere], atol=1e-6
    )


def test_rounding_below_zero_counts_as_zero():
    assert nu.entropy([[1 + 1e-8], [-1e-8]])[0] == 0


@pytest.mark.parametrize(
    "extra", [{}, {"where": (0, 0, 0, 0), "also": np.nan}], ids=["alone", "beside NaN"]
)
def test_negative_values_are_refused(probabilities, extra):
    values = probabilities.copy()
    values[1, 5, 5, 5] = -0.2
    if extra:
        values[extra["where"]] = extra["also"]
    with pytest.raises(nu.InputError, match="cannot be negative"):
        nu.entropy(values)


@pytest.mark.parametrize("n_classes", [12, 40])
def test_classes_that_are_nowhere_leave_the_others_their_labels(rng, n_classes):
    """Those before and behind the others, as structures of a part of the body have."""
    values = np.zeros((n_classes, 6, 7, 8), np.float32)
    values[5:-2] = softmax(rng, (n_classes - 7, 6, 7, 8))
    maps = nu.uncertainty(values)
    np.testing.assert_array_equal(maps.prediction, values.argmax(axis=0))
    np.testing.assert_allclose(maps["entropy"], reference(values), atol=1e-5)


@pytest.mark.parametrize("place", [0, 2], ids=["first", "last"])
def test_negative_values_are_refused_of_a_class_that_is_nowhere_above_0(place):
    values = np.full((3, 4, 5), 0.5, np.float32)
    values[place] = 0
    values[place, 2, 2] = -0.2
    with pytest.raises(nu.InputError, match="cannot be negative"):
        nu.entropy(values)


def test_label_map_is_refused(rng):
    labels = rng.integers(0, 4, (5, 6, 7))
    with pytest.raises(nu.InputError, match="look like a label map"):
        nu.entropy(labels)


@pytest.mark.parametrize(
    "values", [np.empty((0, 3)), np.empty((3, 0, 4)), np.float32(1)]
)
def test_nothing_to_compute_is_refused(values):
    with pytest.raises(nu.InputError):
        nu.entropy(values)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base": 10},
        {"base": 2.0},
        {"kind": "scores"},
        {"class_axis": 4},
        {"temperature": 0},
        {"temperature": np.nan},
    ],
)
def test_wrong_arguments_raise_a_value_error(wrong, probabilities):
    with pytest.raises(ValueError, match=r"base|kind|class axis|temperature"):
        nu.entropy(probabilities, **wrong)


ALL = ("entropy", "least_confidence", "margin", "gini")


def in_float64(probabilities):
    """All measures, straight from their formulas."""
    p = np.asarray(probabilities, np.float64)
    p = p / p.sum(axis=0)
    ranked = np.sort(np.concatenate([p, np.zeros_like(p[:1])]), axis=0)
    return {
        "entropy": reference(probabilities),
        "least_confidence": 1 - ranked[-1],
        "margin": 1 - (ranked[-1] - ranked[-2]),
        "gini": 1 - (p**2).sum(axis=0),
    }


@pytest.mark.parametrize("n_classes", [1, 2, 3, 8, 33])
@pytest.mark.parametrize("sharpness", [0.1, 3, 30])
def test_all_measures_in_one_pass(n_classes, sharpness, rng):
    values = softmax(rng, (n_classes, 30, 40), sharpness)
    maps = nu.uncertainty(values, ALL)
    for name, expected in in_float64(values).items():
        np.testing.assert_allclose(
            maps[name], expected, atol=1e-6, rtol=5e-7, err_msg=name
        )
        highest = nu.MEASURES[name].highest(2, n_classes)
        assert (maps[name] >= 0).all()
        assert (maps[name] <= highest).all()


@pytest.mark.parametrize("name", ALL)
def test_one_measure_alone_is_the_same(name, probabilities):
    alone = nu.uncertainty(probabilities, (name,))
    assert list(alone) == [name]
    np.testing.assert_array_equal(alone[name], nu.uncertainty(probabilities, ALL)[name])


def test_extremes_of_all_measures(rng):
    one_hot = np.eye(5, dtype=np.float32)[:, rng.integers(0, 5, (9, 9))]
    uniform = np.full((5, 4, 4), 0.2, np.float32)
    for name, values in nu.uncertainty(one_hot, ALL).items():
        assert (values == 0).all(), name
    for name, values in nu.uncertainty(uniform, ALL).items():
        highest = nu.MEASURES[name].highest(2, 5)
        np.testing.assert_allclose(values, highest, rtol=3e-7, err_msg=name)


def test_no_data_in_all_measures(probabilities):
    values = probabilities.copy()
    values[:, 0] = 0
    values[1, 1, 1, 1] = np.nan
    maps = nu.uncertainty(values, ALL)
    for name, expected in in_float64(probabilities).items():
        assert (maps[name][maps.no_data] == 0).all()
        np.testing.assert_allclose(
            maps[name][~maps.no_data], expected[~maps.no_data], atol=1e-6
        )
    assert maps.no_data.sum() == 7 * 8 + 1


def test_a_volume_without_data_is_0_and_warns():
    with pytest.warns(nu.UncertaintyWarning, match="No voxel has data"):
        maps = nu.uncertainty(np.zeros((3, 5, 5), np.float32), ALL)
    assert maps.no_data.all()
    assert all((values == 0).all() for values in maps.values())


def test_classes_that_occur_nowhere_change_nothing(rng):
    """The first and last ones are left out of the work, not of the result."""
    values = np.zeros((9, 20, 20), np.float32)
    values[3:6] = softmax(rng, (3, 20, 20))
    values[:, 10:] = 0
    values[4, 10:] = 1
    maps = nu.uncertainty(values, ALL)
    for name, expected in in_float64(values).items():
        np.testing.assert_allclose(maps[name], expected, atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(maps.prediction, values.argmax(axis=0))


def test_unknown_measure(probabilities):
    with pytest.raises(ValueError, match="Unknown measure variance"):
        nu.uncertainty(probabilities, ("variance",))


def test_complex_values_are_refused(probabilities):
    with pytest.raises(nu.InputError, match="real numbers"):
        nu.entropy(probabilities.astype(complex))


def test_prediction_is_the_argmax(probabilities):
    values = probabilities.copy()
    values[:, 0, 0, 0] = (0.4, 0.4, 0.1, 0.1)  # the first of equals
    maps = nu.uncertainty(values)
    np.testing.assert_array_equal(maps.prediction, values.argmax(axis=0))
    assert maps.prediction.dtype == np.uint8
    assert maps.n_classes == 4


def test_many_classes_get_a_wider_prediction(rng):
    values = softmax(rng, (300, 40))
    maps = nu.uncertainty(values)
    np.testing.assert_array_equal(maps.prediction, values.argmax(axis=0))


def test_maps_are_a_mapping(probabilities):
    maps = nu.uncertainty(probabilities, ["entropy"])
    assert list(maps) == ["entropy"]
    assert len(maps) == 1
    assert maps.largest_sum_deviation < 1e-6


def test_input_is_left_alone(probabilities):
    before = probabilities.copy()
    nu.uncertainty(probabilities)
    np.testing.assert_array_equal(probabilities, before)
    probabilities.flags.writeable = False
    nu.entropy(probabilities)


def test_import_is_light():
    """Scripts on a cluster pay for what they use."""
    import subprocess
    import sys

    code = (
        "import sys, napari_uncertainty as nu; nu.entropy([0.5, 0.5]); "
        "print(*sorted({'napari', 'qtpy', 'magicgui', 'vispy'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == ""
