"""Where is looked, against scipy's distances in mm."""

import numpy as np
import pytest
from scipy.ndimage import generate_binary_structure, maximum_filter, minimum_filter

from napari_uncertainty.analysis.balls import Ball
from napari_uncertainty.analysis.hotspot_domain import Domain
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.errors import InputError
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.steps import run
from support import plain_hotspots as plain
from support.generated import turn
from support.phantoms import asymmetric

ZOOMS = [(1, 1, 1), (0.5, 0.8, 3), (2, 0.7, 1.1)]


def domain(labels, zooms=(1, 1, 1), data=None, **wanted):
    """As a mask of the whole volume."""
    affine = np.eye(4)
    affine[:3, :3] = turn(30, 1) @ np.diag(zooms)
    grid = Grid(labels.shape, affine)
    steps = Domain.iter_of(
        labels.shape,
        labels,
        data,
        HotspotOptions(**wanted),
        lambda radius: Ball.of(grid, labels.ndim, radius),
    )
    found = run(steps)
    volume = np.zeros(labels.shape, bool)
    assert volume[found.box].shape == found.voxels.shape
    volume[found.box] = found.voxels
    return volume


@pytest.mark.parametrize("zooms", ZOOMS, ids=str)
def test_hotspots_are_sought_near_the_foreground(zooms):
    labels = asymmetric((20, 24, 17))
    expected = plain.near_foreground(labels != 0, zooms)
    assert expected.sum() > (labels != 0).sum()
    np.testing.assert_array_equal(domain(labels, zooms), expected)


def test_hotspots_are_sought_near_the_chosen_classes():
    labels = asymmetric((20, 24, 17))
    expected = plain.near_foreground(np.isin(labels, (1, 3)), (1, 1, 1))
    np.testing.assert_array_equal(domain(labels, classes=(1, 3)), expected)
    background = plain.near_foreground(labels == 0, (1, 1, 1))
    np.testing.assert_array_equal(domain(labels, classes=(0,)), background)


@pytest.mark.parametrize("classes", [None, (2, 3)])
def test_inside_means_that_all_face_neighbours_have_the_same_class(classes):
    labels = asymmetric((20, 24, 17))
    faces = generate_binary_structure(3, 1)
    same = minimum_filter(labels, footprint=faces, mode="nearest") == maximum_filter(
        labels, footprint=faces, mode="nearest"
    )
    expected = same & (np.isin(labels, classes) if classes else labels != 0)
    assert expected.any()
    found = domain(labels, interior=True, classes=classes)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("interior", [False, True])
def test_voxels_without_data_are_not_searched(rng, interior):
    labels = asymmetric((20, 24, 17))
    data = rng.random(labels.shape) < 0.5
    expected = domain(labels, interior=interior) & data
    found = domain(labels, data=data, interior=interior)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("interior", [False, True])
def test_without_foreground_nothing_is_searched(interior):
    assert not domain(np.zeros((5, 6, 7), np.uint8), interior=interior).any()


def test_foreground_at_the_corners_is_searched_to_the_edge():
    labels = np.zeros((9, 8, 7), np.uint8)
    labels[0, 0, 0] = labels[-1, -1, -1] = 1
    expected = plain.near_foreground(labels != 0, (1, 1, 1))
    np.testing.assert_array_equal(domain(labels), expected)


def test_without_labels_everything_with_data_is_searched(rng):
    data = rng.random((5, 6)) < 0.5
    for given in (data, None):
        found = run(
            Domain.iter_of((5, 6), None, given, HotspotOptions(), lambda _: None)
        )
        assert found.box == (slice(0, 5), slice(0, 6))
        np.testing.assert_array_equal(found.voxels, data | (given is None))


@pytest.mark.parametrize("wanted", [{"classes": (1,)}, {"interior": True}])
def test_without_labels_there_are_no_classes(wanted):
    with pytest.raises(InputError, match="only known with a segmentation; choose one"):
        run(
            Domain.iter_of((5, 6), None, None, HotspotOptions(**wanted), lambda _: None)
        )
