"""Telling label maps from scans by what the values are."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_uncertainty.model.images import (
    NIFTI_INTENT_LABEL,
    as_whole_numbers,
    looks_like_labels,
)


@pytest.fixture
def noise(rng):
    return gaussian_filter(rng.standard_normal((48, 48, 48)), 4)


@pytest.fixture
def labels(noise):
    """Compact patches of 6 classes."""
    return np.digitize(noise, np.quantile(noise, [0.5, 0.6, 0.7, 0.8, 0.9])).astype(
        np.uint8
    )


@pytest.fixture
def scan(noise, rng):
    """Tissue of smooth intensity with noise, in air of exactly zero, 8 bits."""
    level = 120 + 60 * noise / np.abs(noise).max()
    grainy = level + 4 * rng.standard_normal(noise.shape)
    inside = np.indices(noise.shape) - 24
    return np.where((inside**2).sum(axis=0) < 400, grainy, 0).astype(np.uint8)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32])
def test_storage_does_not_decide(labels, scan, dtype):
    assert looks_like_labels(labels.astype(dtype))
    assert not looks_like_labels(scan.astype(dtype))


def test_many_scattered_label_numbers_look_like_labels(labels):
    """FreeSurfer numbers go up to thousands."""
    assert looks_like_labels(np.array([0, 2, 41, 1006, 2035, 251])[labels])


def test_a_mask_looks_like_labels(labels):
    assert looks_like_labels((labels > 2).astype(np.float32))


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.linspace(0, 1, 64).reshape(4, 4, 4), "fractions"),
        (np.full((4, 4, 4), -3), "negative"),
        (np.full((4, 4, 4), np.nan), "NaN"),
        (np.zeros((0, 4)), "empty"),
        (np.ones((4, 4), complex), "complex"),
    ],
)
def test_scans_never_look_like_labels(values, why):
    assert not looks_like_labels(values, name="seg.nii.gz"), why


def test_intent_decides(scan):
    assert looks_like_labels(scan, intent=NIFTI_INTENT_LABEL)


def test_a_file_name_shifts_the_decision_between_scan_and_labels(rng, labels):
    """Labels so thin that a third of the neighbours agree."""
    thin = np.where(rng.random(labels.shape) < 0.4, 3, rng.integers(1, 5, labels.shape))
    assert looks_like_labels(thin, name="sub-01_dseg.nii.gz")
    assert not looks_like_labels(thin, name="sub-01_T1w.nii.gz")


def test_empty_segmentation_goes_by_its_name():
    empty = np.zeros((4, 4, 4), np.uint8)
    assert looks_like_labels(empty, name="lesion_mask.nii.gz")
    assert not looks_like_labels(empty, name="scan.nii.gz")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_labels_that_a_slope_moved_are_rounded(dtype):
    labels = np.repeat([0, 1, 2, 3, 251], 4).reshape(4, 5)
    moved = (labels * (1 + 1e-6) - 4.57e-5).astype(dtype)
    whole = as_whole_numbers(moved)
    np.testing.assert_array_equal(whole, labels)
    assert not np.signbit(whole).any()


@pytest.mark.parametrize(
    "values",
    [
        [0.0, 1.002, 2.0],  # too far
        [0.0, 4e-4, 0.9997, 1.0],  # a network that is nearly certain
        [1e-4, 2e-4, 7e-4],  # small numbers
        [0.0, np.nan, 1.00001],
        [0.0, np.inf, 1.00001],
    ],
)
def test_other_values_stay_as_they_are(values):
    values = np.array(values)
    assert as_whole_numbers(values) is values
