"""How likely voxels are to be wrong, against the formula in float64."""

import gzip

import dask.array as da
import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty.analysis.expected_errors import (
    iter_expected,
    iter_sums_at,
    to_levels,
)
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.steps import run
from support import plain_hotspots as plain
from support.generated import softmax

SHAPE = (5, 14, 9, 11)


def whole(volume):
    return volume


def expected(members, labels=None, threads=1, view=whole):
    return run(iter_expected(members, view, labels, threads))


def assert_like_formula(found, members, labels=None):
    """Half a level is rounding; the rest is that of float32."""
    wrong = np.nan_to_num(plain.wrong(members, labels)) * plain.LEVELS
    assert found.levels.dtype == np.int32
    assert np.abs(found.levels - wrong).max() < 0.51
    assert np.ptp(wrong) > 1000


@pytest.fixture(params=[1, 2, 3])
def members(request, rng):
    return [softmax(rng, SHAPE) for _ in range(request.param)]


@pytest.mark.parametrize("threads", [1, 3])
def test_expected_errors_of_given_labels_follow_the_formula(rng, members, threads):
    labels = rng.integers(0, SHAPE[0], SHAPE[1:])
    found = expected(members, labels, threads)
    assert_like_formula(found, members, labels)
    assert found.labels is labels
    assert found.known.all()


def test_without_labels_those_of_the_pooled_opinion_are_taken(members):
    found = expected(members)
    assert_like_formula(found, members)
    pool = np.exp(np.mean(np.log(members), axis=0))
    np.testing.assert_array_equal(found.labels, pool.argmax(axis=0))


def test_labels_of_more_than_256_classes_are_kept(rng):
    """The last one of them is the most probable class where it is."""
    one = softmax(rng, (300, 4, 3, 2), sharpness=6)
    one[:, 0] = 0.5 / 299
    one[299, 0] = 0.5
    found = expected([one])
    np.testing.assert_array_equal(found.labels, one.argmax(axis=0))
    assert (found.labels[0] == 299).all()
    assert_like_formula(found, [one])


def test_of_equally_likely_classes_the_first_is_taken_to_be_right():
    one = np.array([[0.25, 0.5, 0.25], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]).T
    for members in ([one], [one, one]):
        found = expected([member.astype(np.float32) for member in members])
        np.testing.assert_array_equal(found.labels, one.argmax(axis=0))
        np.testing.assert_array_equal(found.levels, [0.625 * 4096, 2048, 2048, 2048])


def test_label_that_is_not_the_most_probable_class():
    """Then what is more likely to be wrong counts; here by hand."""
    sure = np.array([0.9, 0.1], np.float32).reshape(2, 1)
    assert expected([sure], np.array([0])).levels == round(4096 * 0.18)
    assert expected([sure], np.array([1])).levels == round(4096 * 0.9)


def test_members_that_contradict_each_other():
    one = np.array([0.8, 0.2], np.float32).reshape(2, 1)
    assert expected([one, one[::-1]], np.array([0])).levels == 2048


@pytest.mark.parametrize("scale", [0.25, 3, 1000])
def test_sums_other_than_one_are_divided_out(rng, members, scale):
    labels = rng.integers(0, SHAPE[0], SHAPE[1:])
    scales = (scale * rng.uniform(0.5, 2, SHAPE[1:])).astype(np.float32)
    assert_like_formula(
        expected([m * scales for m in members], labels), members, labels
    )


def test_voxels_without_data_expect_no_error(rng, members):
    bad = rng.random(SHAPE[1:])
    for number, filling in enumerate((0, np.nan, np.inf)):
        members[0][:, (bad > number / 10) & (bad < (number + 1) / 10)] = filling
    members[-1][1, bad > 0.9] = np.nan  # a single class
    none = (bad < 0.3) | (bad > 0.9)
    for labels in (None, rng.integers(0, SHAPE[0], SHAPE[1:])):
        found = expected(members, labels)
        np.testing.assert_array_equal(found.known, ~none)
        assert not found.levels[none].any()
        good = np.where(none, 0.5, members)
        wrong = plain.wrong(good, found.labels) * plain.LEVELS
        assert np.abs(found.levels - wrong)[~none].max() < 0.51


@pytest.mark.parametrize(
    ("dtype", "scale"), [(np.float16, 1), (np.float64, 1), (np.uint8, 255), (">f4", 1)]
)
def test_every_type_of_number_follows_the_formula(rng, members, dtype, scale):
    labels = rng.integers(0, SHAPE[0], SHAPE[1:])
    stored = [np.rint(m * scale).astype(dtype) if scale > 1 else m.astype(dtype)
              for m in members]  # fmt: skip
    assert_like_formula(expected(stored, labels), stored, labels)


def test_expected_errors_do_not_depend_on_the_layout_in_memory(rng, members):
    labels = rng.integers(0, SHAPE[0], SHAPE[1:])
    plainly = expected(members, labels)
    for lay in (
        np.asfortranarray,
        lambda m: np.moveaxis(np.ascontiguousarray(np.moveaxis(m, 0, -1)), -1, 0),
        lambda m: m[:, ::-1].copy()[:, ::-1],
        lambda m: m.repeat(2, 3)[..., ::2],
        lambda m: da.from_array(m, chunks=(2, 5, 9, 4)),
    ):
        found = expected([lay(m) for m in members], labels, threads=2)
        np.testing.assert_array_equal(found.levels, plainly.levels)
        np.testing.assert_array_equal(
            expected([lay(m) for m in members]).labels, expected(members).labels
        )


def test_expected_errors_of_a_part_are_those_of_the_whole_there(rng, members):
    box = slice(2, 9), slice(None), slice(1, 10, 1)
    labels = rng.integers(0, SHAPE[0], SHAPE[1:])
    found = expected(members, labels[box], view=lambda volume: volume[box])
    np.testing.assert_array_equal(found.levels, expected(members, labels).levels[box])


LAST = ", classes last"


@pytest.fixture(params=["npz", "npz" + LAST, "nii", "nii.gz", "npy", "npy" + LAST])
def stored(request, tmp_path, rng):
    """Two members in files, and the arrays that these hold."""
    arrays, files = [softmax(rng, (4, 7, 8, 9)) for _ in range(2)], []
    for number, array in enumerate(arrays):
        path = tmp_path / f"{number}.{request.param.split(',')[0]}"
        backwards = array.transpose(0, 3, 2, 1)
        if request.param == "npz":
            np.savez_compressed(path, probabilities=np.ascontiguousarray(backwards))
        elif request.param == "npz" + LAST:
            np.savez_compressed(path, probabilities=np.asfortranarray(backwards))
        elif request.param == "npy":
            np.save(path, np.ascontiguousarray(backwards))
        elif request.param == "npy" + LAST:
            np.save(path, np.ascontiguousarray(np.moveaxis(array, 0, -1)))
        else:
            image = nib.Nifti1Image(np.moveaxis(array, 0, -1), plain.TILTED)
            if path.suffix == ".gz":
                path.write_bytes(gzip.compress(image.to_bytes()))
            else:
                image.to_filename(path)
        files.append(open_probabilities(path).values)
    return files, arrays


def test_expected_errors_of_files_are_those_of_arrays(stored):
    files, arrays = stored
    assert files[0].shape == arrays[0].shape == (4, 7, 8, 9)
    for count in (1, 2):
        found, plainly = expected(files[:count]), expected(arrays[:count])
        np.testing.assert_array_equal(found.levels, plainly.levels)
        np.testing.assert_array_equal(found.labels, plainly.labels)
        assert_like_formula(found, arrays[:count])


def test_probabilities_are_rounded_to_4096_levels():
    given = np.array([0, 1, 0.5, -0.1, 2, 1e-9, 0.00013, np.nan, np.inf, -np.inf])
    levels = to_levels(given)
    assert levels.dtype == np.int32
    assert levels.tolist() == [0, 4096, 2048, 0, 4096, 0, 1, 0, 0, 0]


def sums_at(members, weights):
    return run(iter_sums_at(members, whole, weights))


def test_weighted_sums_of_places(rng, members):
    boxes = [
        (slice(2, 6), slice(0, 9), slice(5, 7)),
        (slice(13, 14), slice(3), slice(4)),
    ]
    weights = [rng.integers(0, 50, members[0][0][box].shape) for box in boxes]
    found = sums_at(members, [*zip(boxes, weights, strict=True)])
    for place, box, weight in zip(found, boxes, weights, strict=True):
        total = sum(m.astype(np.float64) for m in members)[(slice(None), *box)] * weight
        np.testing.assert_allclose(place, total.sum(axis=(1, 2, 3)), rtol=1e-12)
    assert sums_at(members, []).shape == (0, SHAPE[0])


def test_weighted_sums_of_files(stored, rng):
    files, arrays = stored
    box = slice(1, 5), slice(2, 8), slice(0, 9)
    weights = [(box, rng.integers(0, 50, (4, 6, 9)))]
    np.testing.assert_array_equal(sums_at(files, weights), sums_at(arrays, weights))
