"""Digests: what they depend on, and what not."""

import tracemalloc

import numpy as np
import pytest

from napari_uncertainty.model.grid import Grid
from napari_uncertainty.review.reviewed_images import fingerprint
from support.generated import OBLIQUE

SHAPE = (12, 13, 14)


@pytest.fixture
def labels():
    return np.random.default_rng(1).integers(0, 120, SHAPE).astype(np.uint8)


@pytest.fixture
def values():
    return np.random.default_rng(2).random(SHAPE, np.float32)


def test_types_of_labels_do_not_matter(labels):
    expected = fingerprint(labels, None)
    assert len(expected) == 64
    for kind in (np.int8, np.int16, np.uint32, np.int64, np.uint64, ">i4"):
        assert fingerprint(labels.astype(kind), None) == expected
    assert fingerprint(labels > 60, None) == fingerprint((labels > 60) * 1, None)


def test_large_and_negative_labels_have_digests_of_their_own():
    digests = {
        fingerprint(np.array([0, value]), None)
        for value in (1, -1, 255, 256, -(2**15), 2**31, 2**32 + 1, 2**62)
    }
    assert len(digests) == 8
    assert fingerprint(np.array([2**64 - 1], np.uint64), None) not in digests


@pytest.mark.parametrize("which", ["labels", "values"])
def test_layouts_do_not_matter(which, request):
    array = request.getfixturevalue(which)
    expected = fingerprint(array, None)
    wide = np.zeros((24, 13, 14), array.dtype)
    wide[::2] = array
    for other in (
        np.asfortranarray(array),
        np.ascontiguousarray(array[::-1, :, ::-1])[::-1, :, ::-1],
        np.ascontiguousarray(array.transpose(1, 2, 0)).transpose(2, 0, 1),
        wide[::2],
        array.astype(array.dtype.newbyteorder()),
    ):
        assert fingerprint(other, None) == expected


def test_a_digest_depends_on_shape_values_kind_and_place(labels, values):
    grid = Grid(SHAPE, OBLIQUE)
    changed = labels.copy()
    changed[5, 6, 7] += 1
    other = values.copy()
    other[0, 0, 0] = np.nextafter(other[0, 0, 0], 2, dtype=np.float32)
    digests = [
        fingerprint(labels, None),
        fingerprint(labels, grid),
        fingerprint(changed, None),
        fingerprint(labels.reshape(13, 12, 14), None),
        fingerprint(labels.transpose(), None),
        fingerprint(labels[::-1], None),
        fingerprint(labels.astype(np.float32), None),
        fingerprint(values, None),
        fingerprint(values, grid),
        fingerprint(other, None),
    ]
    assert len(set(digests)) == len(digests)


def test_maps_count_in_float32(values):
    assert fingerprint(values.astype(np.float64) + 1e-12, None) == fingerprint(
        (values.astype(np.float64) + 1e-12).astype(np.float32), None
    )
    signed, other = np.array([0.0, np.nan]), np.array([-0.0, -np.nan])
    assert fingerprint(signed, None) == fingerprint(other, None)


def test_places_count_in_float32(labels):
    affine = OBLIQUE.copy()
    expected = fingerprint(labels, Grid(SHAPE, affine))
    rounded = affine.astype(np.float32).astype(np.float64)
    assert (rounded != affine).any()
    assert fingerprint(labels, Grid(SHAPE, rounded)) == expected
    affine[0, 3] += 1e-3
    assert fingerprint(labels, Grid(SHAPE, affine)) != expected
    zero = np.diag([1.0, 1, 1, 1])
    assert fingerprint(labels, Grid(SHAPE, zero)) == fingerprint(
        labels, Grid(SHAPE, np.where(zero == 0, -0.0, zero))
    )


def test_no_copy_of_the_whole():
    labels = np.zeros((256, 256, 160), np.int32)
    tracemalloc.start()
    fingerprint(labels.transpose(), None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < labels.nbytes / 4


def test_empty_arrays_of_other_shapes_have_other_digests():
    assert fingerprint(np.zeros((0, 3)), None) != fingerprint(np.zeros((3, 0)), None)
