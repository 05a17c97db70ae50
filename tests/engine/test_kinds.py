"""Each kind of values gives its measures, whatever the source: scipy, brute force."""

import re
import time
import zipfile
from dataclasses import replace

import dask
import dask.array as da
import nibabel as nib
import numpy as np
import pytest
from scipy.special import expit, log_softmax

import napari_uncertainty as nu
from napari_uncertainty import InputError, ProbabilityMap
from napari_uncertainty.engine import values as sampling
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.engine.logits import SoftmaxStream, as_members, softmax
from napari_uncertainty.io import byte_sources, open_probabilities
from napari_uncertainty.model.interpretation import Interpretation
from support.folds import run
from support.small_pieces import small_pieces
from support.values_of_kinds import (
    KINDS,
    TOLD_BY_VALUES,
    expected,
    expected_prediction,
    outcomes,
    phantom,
    random_values,
    tied_values,
)

# Here, probabilities of 0 and 1 are meant.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Only 0 and 1 occur:napari_uncertainty.UncertaintyWarning"
)

ALL = ("entropy", "least_confidence", "margin", "gini")
CHANNELS = ("sigmoid", "channel_logits")
CLOSE = {"atol": 1e-6, "rtol": 0}
SHAPE = (3, 7, 6, 5)
SOURCES = ("array", "fortran", "memmap", "first.npy", "last.npy", "first.npz",
           "last.npz", "fortran.npz", "image.nii", "image.nii.gz", "dask")  # fmt: skip

# One for each way that the engine has.
EACH_WAY = ("array", "first.npz", "last.npz", "dask")


def source_of(name, values, folder):
    """Class-first values, in nibabel's order, as what the name says."""
    path = folder / name
    if name == "array":
        return np.ascontiguousarray(values)
    if name == "fortran":
        return np.asfortranarray(values)
    if name == "memmap":
        np.save(folder / "mapped.npy", values)
        return np.load(folder / "mapped.npy", mmap_mode="r")
    if name == "dask":
        return da.from_array(values, (2, 4, 6, 3))
    if name.startswith("image"):
        image = nib.Nifti1Image(np.moveaxis(values, 0, -1), np.diag([1, 2, 3, 1]))
        image.to_filename(path)
        return open_probabilities(path)
    axis = -1 if name.startswith("last") else 0
    stored = values.transpose(0, 3, 2, 1) if axis == 0 else np.moveaxis(values, 0, -1)
    order = "F" if name.startswith("fortran") else "C"
    stored = np.array(stored, order=order)
    if path.suffix == ".npy":
        np.save(path, stored)
    else:
        np.savez_compressed(path, scores=stored)
    return open_probabilities(path, Interpretation(class_axis=axis))


def compute(source, *args, pieces=100, **options):
    """Maps, those of lazy sources computed; a warning would be an error.

    Files with the classes of a voxel together are taken voxel by voxel, others class by
    class, because the pieces are so small.
    """
    patch = small_pieces(pieces)
    # Few looks at few voxels.
    patch.setattr(sampling, "_RUNS", min(sampling._RUNS, pieces // 4))
    try:
        maps = nu.uncertainty(source, *args, **options)
        found, no_data, prediction, deviation = dask.compute(
            maps.maps, maps.no_data, maps.prediction, maps.largest_sum_deviation
        )
    finally:
        patch.undo()
    return replace(
        maps,
        maps=found,
        no_data=no_data,
        prediction=prediction,
        largest_sum_deviation=deviation,
    )


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_right_from_every_source(kind, source, rng, tmp_path):
    values = random_values(kind, rng, SHAPE)
    assert_maps(kind, values, source_of(source, values, tmp_path))


@pytest.mark.parametrize(("base", "source"), [("e", "array"), ("classes", "first.npz")])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_right_in_every_base(kind, base, source, rng, tmp_path):
    values = random_values(kind, rng, SHAPE)
    assert_maps(kind, values, source_of(source, values, tmp_path), base)


@pytest.mark.parametrize("source", ["array", "first.npz"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_right_in_double_precision(kind, source, rng, tmp_path):
    values = random_values(kind, rng, SHAPE, np.float64)
    assert_maps(kind, values, source_of(source, values, tmp_path))


def assert_maps(kind, values, source, base=2):
    p = outcomes(kind, values)
    maps = compute(source, ALL, kind=kind, base=base)
    truth = expected(p, base)
    for name in ALL:
        assert maps[name].dtype == np.float32
        np.testing.assert_allclose(maps[name], truth[name], **CLOSE)
    predicted = expected_prediction(kind, values)
    np.testing.assert_array_equal(maps.prediction, predicted)
    assert not maps.no_data.any()
    assert maps.kind == kind
    assert maps.n_states == len(p)
    assert maps.n_classes == (len(p) if kind not in CHANNELS else 4)
    assert maps.sums_message is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("source", EACH_WAY)
@pytest.mark.parametrize("kind", KINDS)
def test_of_equally_likely_classes_the_first_is_predicted(
    kind, source, dtype, rng, tmp_path
):
    """And the background comes first; a channel has to be likelier there than not."""
    rows = tied_values(kind, dtype)
    values = rows[:, rng.integers(0, rows.shape[1], SHAPE[1:])]
    given = source_of(source, values, tmp_path)
    given = ProbabilityMap(
        getattr(given, "values", given), ("a", "b", "c")[: len(rows)], kind=kind
    )
    maps = compute(given, ALL)
    np.testing.assert_array_equal(maps.prediction, expected_prediction(kind, values))
    truth = expected(outcomes(kind, values))
    for name in ALL:
        np.testing.assert_allclose(maps[name], truth[name], **CLOSE)


def with_gaps(kind, values):
    """Values with a line of NaN and one of zeros, and where there is no data then."""
    values = values.copy()
    values[:, :, 1, 1] = 0
    no_data = np.zeros(values.shape[1:], bool)
    if values.dtype.kind == "f":
        values[-1, :, 0, 0] = np.nan
        values[0, 2, 2, 2] = np.inf
        no_data[:, 0, 0] = no_data[2, 2, 2] = True
    # Of scores: padding around a crop.
    if kind in ("softmax", "scaled", "logits", "channel_logits"):
        no_data[:, 1, 1] = True
    return values, no_data


@pytest.mark.parametrize("source", EACH_WAY)
@pytest.mark.parametrize("kind", KINDS)
def test_voxels_without_data_are_left_out_in_every_kind(kind, source, rng, tmp_path):
    values, no_data = with_gaps(kind, random_values(kind, rng, SHAPE))
    given = source_of(source, values, tmp_path)
    maps = compute(given, ALL, kind=kind)
    np.testing.assert_array_equal(maps.no_data, no_data)
    with np.errstate(invalid="ignore"):
        truth = expected(outcomes(kind, values))
    for name in ALL:
        assert (maps[name][no_data] == 0).all()
        np.testing.assert_allclose(maps[name][~no_data], truth[name][~no_data], **CLOSE)
    assert not maps.prediction[no_data].any()
    if kind in ("sigmoid", "foreground", "fractions"):  # certain background
        assert not maps["entropy"][:, 1, 1].any()
        assert not maps.prediction[:, 1, 1].any()


@pytest.mark.parametrize("source", ["array", "first.npz", "image.nii.gz", "dask"])
@pytest.mark.parametrize("kind", ["sigmoid", "foreground", "fractions"])
def test_nothing_but_zeros_is_background_for_certain(kind, source, tmp_path):
    values = np.zeros((1, *SHAPE[1:]), np.float32)
    given = ProbabilityMap(
        getattr(given := source_of(source, values, tmp_path), "values", given),
        ("lesion",),
        kind=kind,
    )
    _, maps = run(iter_fold(given, ALL))  # of dask, too, computed
    assert not maps.no_data.any()
    assert not maps["entropy"].any()
    assert not maps.prediction.any()
    assert maps.messages == []


@pytest.mark.parametrize("source", EACH_WAY)
@pytest.mark.parametrize(("n_channels", "temperature"), [(1, 0.5), (4, 0.5), (4, 3)])
def test_a_temperature_divides_the_logits(
    source, n_channels, temperature, rng, tmp_path
):
    values = random_values("logits", rng, (n_channels, *SHAPE[1:]))
    given = source_of(source, values, tmp_path)
    truth = expected(outcomes("logits", values, temperature))
    options = {"kind": "logits", "temperature": temperature}
    maps = compute(given, ALL, **options)
    assert maps.temperature == temperature
    for name in ALL:
        np.testing.assert_allclose(maps[name], truth[name], **CLOSE)


@pytest.mark.parametrize("source", EACH_WAY)
def test_one_channel_of_logits_keeps_its_digits(source, tmp_path):
    """Where the foreground is all but certain, too."""
    values = np.linspace(-30, 30, 210, dtype=np.float32).reshape(1, *SHAPE[1:])
    given = source_of(source, values, tmp_path)
    wide = values.astype(np.float64)
    truth = expected(np.concatenate([expit(-wide), expit(wide)]))["entropy"]
    maps = compute(given, kind="logits")
    np.testing.assert_allclose(maps["entropy"], truth, **CLOSE)
    np.testing.assert_array_equal(maps.prediction, values[0] > 0)


@pytest.mark.parametrize("source", EACH_WAY)
def test_logits_in_half_precision_keep_their_digits(source, rng, tmp_path):
    values = random_values("logits", rng, SHAPE).astype(np.float16)
    truth = expected(outcomes("logits", values))["entropy"]
    given = source_of(source, values, tmp_path)
    np.testing.assert_allclose(nu.entropy(given, kind="logits"), truth, **CLOSE)


@pytest.mark.parametrize("source", EACH_WAY)
@pytest.mark.parametrize("n_channels", [1, 3])
def test_very_large_logits_are_certain(source, n_channels, rng, tmp_path):
    values = np.full((n_channels, *SHAPE[1:]), -1e4, np.float32)
    values[0] = rng.choice([-1e4, 1e4], SHAPE[1:])
    given = source_of(source, values, tmp_path)
    certain = (values[0] > 0) | (n_channels == 1)
    equal = {name: one.max() for name, one in expected(np.full((3, 1), 1 / 3)).items()}
    maps = compute(given, ALL, kind="logits")
    for name in ALL:
        assert (maps[name][certain] == 0).all(), name
        np.testing.assert_allclose(maps[name][~certain], equal[name], **CLOSE)
    assert not maps.no_data.any()


@pytest.mark.parametrize("source", EACH_WAY)
def test_logarithms_of_a_softmax_are_logits(source, rng, tmp_path):
    """Those of zeros are minus infinity, which is a probability of 0."""
    logits = random_values("logits", rng, SHAPE).astype(np.float64)
    values = log_softmax(logits, axis=0).astype(np.float32)
    values[1:, 0] = -np.inf
    values[0, 0] = 0
    given = source_of(source, values, tmp_path)
    maps = compute(given, ALL, kind="logits")
    truth = expected(outcomes("logits", values))
    for name in ALL:
        np.testing.assert_allclose(maps[name], truth[name], **CLOSE)
        assert (maps[name][0] == 0).all()
    assert not maps.no_data.any()


@pytest.mark.parametrize("source", EACH_WAY)
@pytest.mark.parametrize("kind", ["sigmoid", "foreground", "fractions", "softmax"])
def test_one_class_everywhere_for_certain_is_its_label(kind, source, tmp_path):
    n_channels = 1 if kind == "foreground" else 3
    for channel in range(n_channels):
        values = np.zeros((n_channels, *SHAPE[1:]), np.float32)
        values[channel] = 1
        given = source_of(source, values, tmp_path)
        given = ProbabilityMap(
            getattr(given, "values", given), ("a", "b", "c")[:n_channels], kind=kind
        )
        _, maps = run(iter_fold(given, ALL))
        label = channel if kind == "softmax" else channel + 1
        assert (np.asarray(maps.prediction) == label).all()
        assert not np.asarray(maps["entropy"]).any()


def test_temperature_has_to_be_above_0(rng):
    logits = random_values("logits", rng, SHAPE)
    for temperature in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match="temperature is above 0"):
            nu.entropy(logits, kind="logits", temperature=temperature)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
@pytest.mark.parametrize("source", EACH_WAY)
def test_channels_that_are_there_for_certain_or_not(source, dtype, rng, tmp_path):
    values = rng.integers(0, 2, (3, *SHAPE[1:])).astype(dtype)
    values *= np.iinfo(dtype).max if dtype == np.uint8 else 1
    values[0, 0, 0, 0] = 0
    given = source_of(source, values, tmp_path)
    maps = compute(
        ProbabilityMap(getattr(given, "values", given), ("a", "b", "c"),
                       kind="sigmoid"), ALL)  # fmt: skip
    for name in ALL:
        assert (maps[name] == 0).all()
        assert not np.signbit(maps[name]).any()
    np.testing.assert_array_equal(
        maps.prediction, expected_prediction("sigmoid", values)
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("n_channels", [1, 3, 20])
@pytest.mark.parametrize("source", ["array", "first.npz"])
def test_channels_of_one_half_are_a_bit_each(source, n_channels, dtype, tmp_path):
    values = np.full((n_channels, *SHAPE[1:]), 0.5, dtype)
    given = source_of(source, values, tmp_path)
    given = ProbabilityMap(
        getattr(given, "values", given), tuple("abcdefghijklmnopqrst"[:n_channels]),
        kind="sigmoid",
    )  # fmt: skip
    maps = nu.uncertainty(given)
    assert (maps["entropy"] == n_channels).all()
    assert not maps.prediction.any()  # not more likely there than not
    assert (nu.uncertainty(given, base="classes")["entropy"] == 1).all()


@pytest.mark.parametrize("source", EACH_WAY)
@pytest.mark.parametrize("odd", [1.2, -0.1, 300])
def test_channels_beyond_0_and_1_are_refused(source, odd, rng, tmp_path):
    values = random_values("sigmoid", rng, SHAPE)
    values[1, 3, 3, 3] = odd
    given = source_of(source, values, tmp_path)
    with pytest.raises(InputError, match=r"from 0 to 1, and these run from .*logits"):
        compute(given, kind="sigmoid")


def test_channels_beyond_1_by_rounding_are_certain():
    values = np.array([[1 + 1e-6, 0.9], [-1e-7, 0.8]], np.float32)
    assert nu.entropy(values, kind="sigmoid")[0] == 0


@pytest.mark.parametrize("source", ["array", "first.npz", "last.npz", "image.nii.gz"])
@pytest.mark.parametrize("order", [(1, 2, 3), (3, 1, 2), (2, 4, 1)])
def test_regions_write_over_those_before(source, order, rng, tmp_path):
    values = random_values("sigmoid", rng, SHAPE)
    given = source_of(source, values, tmp_path)
    given = ProbabilityMap(
        getattr(given, "values", given), ("whole", "core", "edge"), kind="sigmoid",
        region_order=order,
    )  # fmt: skip
    maps = compute(given)
    np.testing.assert_array_equal(
        maps.prediction, expected_prediction("sigmoid", values, order)
    )
    assert maps.n_classes == max(order) + 1
    assert maps.n_states == 8


@pytest.mark.parametrize("source", EACH_WAY)
def test_fractions_above_1_are_told(source, rng, tmp_path):
    values = random_values("fractions", rng, SHAPE)
    values[:, 1, 2, 3] = 0.5
    given = source_of(source, values, tmp_path)
    given = ProbabilityMap(
        getattr(given, "values", given), ("a", "b", "c"), kind="fractions"
    )
    _, maps = run(iter_fold(given, ALL))
    assert "at most 1, these reach 1.5;" in maps.sums_message
    p = outcomes("fractions", values)
    p[:, 1, 2, 3] = [0, 1 / 3, 1 / 3, 1 / 3]
    for name, truth in expected(p).items():
        np.testing.assert_allclose(maps[name], truth, **CLOSE)


def test_foreground_above_1_is_told():
    with pytest.warns(UserWarning, match=r"at most 1, these reach 1\.5"):
        nu.entropy(np.array([[0.2, 0.5, 1.5]], np.float32), kind="foreground")


@pytest.mark.parametrize(
    ("source", "kind", "dtype"),
    # Each type from each source, and of each kind.
    [
        (source, kind, (np.uint8, np.uint16)[(m + n) % 2])
        for m, source in enumerate(EACH_WAY)
        for n, kind in enumerate(("foreground", "sigmoid", "fractions"))
    ],
)
def test_whole_numbers_that_stand_for_shares(source, kind, dtype, rng, tmp_path):
    full = np.iinfo(dtype).max
    values = (full * random_values(kind, rng, SHAPE, np.float64)).astype(dtype)
    given = source_of(source, values, tmp_path)
    given = ProbabilityMap(
        getattr(given, "values", given), ("a", "b", "c")[: len(values)], kind=kind
    )
    truth = expected(outcomes(kind, values))
    maps = compute(given, ALL)
    assert maps.scale == full
    for name in ALL:
        np.testing.assert_allclose(maps[name], truth[name], **CLOSE)


def test_the_usual_kind_of_an_array_is_softmax(rng):
    values = random_values("softmax", rng, SHAPE)
    np.testing.assert_array_equal(nu.entropy(values), nu.entropy(values, kind="auto"))
    assert nu.uncertainty(values).kind == "softmax"
    with pytest.warns(UserWarning, match="taken for softmax, but look like indep"):
        maps = nu.uncertainty(random_values("sigmoid", rng, SHAPE))
    assert maps.kind == "softmax"


@pytest.mark.parametrize("source", EACH_WAY)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_declared_is_believed(source, kind, rng, tmp_path):
    values = random_values(kind, rng, SHAPE)
    given = source_of(source, values, tmp_path)
    given = ProbabilityMap(
        getattr(given, "values", given), ("a", "b", "c")[: len(values)], kind=kind
    )
    maps = compute(given, ALL)
    assert maps.kind == kind
    for name, truth in expected(outcomes(kind, values)).items():
        np.testing.assert_allclose(maps[name], truth, **CLOSE)
    other = "softmax" if kind == "sigmoid" else "sigmoid"
    if "logits" not in kind:  # whatever it declares, somebody may name another
        _, maps = run(iter_fold(given, ("entropy",), Interpretation(kind=other)))
        assert re.search("taken for|cannot tell", " ".join(maps.messages))


@pytest.mark.parametrize("source", ["array", "image.nii", "first.npz", "last.npz"])
@pytest.mark.parametrize("kind", TOLD_BY_VALUES)
def test_the_kind_is_found_out(source, kind, tmp_path):
    """Realistic shapes; a packed file is read again where it was no softmax."""
    values = phantom(kind)
    given = source_of(source, values, tmp_path)
    options = {"kind": "auto"} if source == "array" else {}
    if kind == "softmax":  # with nothing around it, which is a guess
        options["background"] = "none"
    maps = compute(given, pieces=10_000, **options)
    assert maps.kind == kind
    assert maps.evidence
    assert maps.messages == []
    known = ~maps.no_data
    truth = expected(outcomes(kind, values[:, known]))["entropy"]
    np.testing.assert_allclose(maps["entropy"][known], truth, **CLOSE)
    assert maps.no_data.any() == (kind == "softmax")


@pytest.mark.parametrize("source", ["array", "image.nii", "first.npz", "last.npz"])
def test_shares_that_may_be_channels_are_told(source, rng, tmp_path):
    values = random_values("fractions", rng, SHAPE)
    given = source_of(source, values, tmp_path)
    with pytest.warns(UserWarning, match="if they are independent channels, choose"):
        maps = nu.uncertainty(given, kind="auto")
    assert maps.kind == "fractions"


@pytest.mark.parametrize(
    ("source", "n_channels"),
    [("array", 1), ("array", 3), ("image.nii", 1), ("first.npz", 3)],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda rng, shape: rng.integers(0, 9, shape).astype(np.uint8),
        lambda rng, shape: rng.integers(0, 900, shape).astype(np.int16),
        lambda rng, shape: rng.integers(-1000, 900, shape).astype(np.int16),
        lambda rng, shape: 900 * rng.random(shape, np.float32),
    ],
    ids=["labels", "MR", "CT", "floats"],
)
def test_labels_and_scans_are_refused(source, n_channels, make, rng, tmp_path):
    values = make(rng, (n_channels, *SHAPE[1:]))
    given = source_of(source, values, tmp_path)
    with pytest.raises(InputError, match=r"looks? like a (label map or a )?scan"):
        nu.uncertainty(given, kind="auto")


@pytest.mark.parametrize("name", ["first.npz", "last.npz", "image.nii.gz"])
def test_softmax_of_a_file_in_pieces_of_any_size(name, rng, tmp_path):
    values = random_values("logits", rng, SHAPE)
    opened = source_of(name, values, tmp_path)
    truth = outcomes("logits", values / 2)
    stream = SoftmaxStream.of(opened.values, 2.0)
    np.testing.assert_allclose(stream.load(), truth, atol=1e-6)
    whole = np.concatenate(list(stream.pieces(1 << 20)))
    for size in (1, 7, 100, 631):
        pieces = [piece for piece in stream.pieces(size) if len(piece)]
        assert all(len(piece) == size for piece in pieces[:-1])
        np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)


def test_members_are_opinions_on_classes_that_exclude_each_other(rng, tmp_path):
    softmax, logits = (random_values(one, rng, SHAPE) for one in ("softmax", "logits"))
    assert as_members(softmax, "softmax", 1.0) == [softmax]
    truth = outcomes("logits", logits, 2.0)
    for source in ("array", "dask", "first.npz", "image.nii"):
        given = source_of(source, logits, tmp_path)
        [member] = as_members(getattr(given, "values", given), "logits", 2.0)
        found = member.load() if hasattr(member, "load") else np.asarray(member)
        np.testing.assert_allclose(found, truth, atol=1e-6)
    for kind in ("sigmoid", "foreground"):
        assert as_members(softmax, kind, 1.0) == []
    shares = random_values("fractions", rng, SHAPE)
    whole = np.concatenate([1 - shares.sum(axis=0, keepdims=True), shares])
    for source in ("array", "dask", "first.npz", "image.nii"):
        given = source_of(source, shares, tmp_path)
        [member] = as_members(getattr(given, "values", given), "fractions", 1.0)
        assert member.shape == whole.shape
        for number in (2, 1, 0, 3, 3):  # in any order
            found = np.asarray(member[number])
            np.testing.assert_allclose(found, whole[number], atol=1e-6)
    assert as_members(np.ones((2, 3), np.uint8), "fractions", 1.0) == []
    assert as_members(logits[:1], "logits", 1.0) == []


def test_closed_within_the_first_reading_of_logits(rng, tmp_path, monkeypatch):
    opened = source_of("first.npz", random_values("logits", rng, SHAPE), tmp_path)
    taken = []
    take = byte_sources._Unpacker.take

    def slow(self, size):
        taken.append(size)
        time.sleep(0.02)
        return take(self, size)

    monkeypatch.setattr(byte_sources._Unpacker, "take", slow)
    patch = small_pieces(16)
    try:
        fold = iter_fold(opened, ("entropy",), Interpretation(kind="logits"))
        next(fold)
        fold.close()
    finally:
        patch.undo()
    assert len(taken) < 630 / 16  # and not read to its end even once


@pytest.mark.parametrize("compressed", [True, False])
def test_damaged_logits_are_refused_with_the_file_name(compressed, rng, tmp_path):
    path = tmp_path / "case.npz"
    save = np.savez_compressed if compressed else np.savez
    save(path, scores=random_values("logits", rng, SHAPE))
    with zipfile.ZipFile(path) as archive:
        start = archive.infolist()[0].header_offset + 200
    content = bytearray(path.read_bytes())
    content[start + 800 : start + 808] = bytes(
        255 - byte for byte in content[start + 800 : start + 808]
    )
    opened = open_probabilities(path, Interpretation(class_axis=0))
    path.write_bytes(content)
    for kind in ("logits", "auto"):
        with pytest.raises(InputError, match=r"case\.npz"):
            compute(opened, kind=kind)


@pytest.mark.parametrize("kind", ["softmax", "scaled"])
@pytest.mark.parametrize("source", ["array", "first.npy", "image.nii", "first.npz"])
def test_labels_are_no_softmax_whatever_they_are_called(source, kind, rng, tmp_path):
    labels = rng.integers(0, 9, SHAPE).astype(np.uint8)
    with pytest.raises(InputError, match="look like a label map"):
        compute(source_of(source, labels, tmp_path), kind=kind)


def test_a_signalling_nan_among_logits_is_no_data():
    raw = np.zeros((3, 4), np.float32)
    raw.view(np.uint32)[1, 2] = 0x7F800001
    assert np.isnan(softmax(raw, 2.0)[:, 2]).all()
