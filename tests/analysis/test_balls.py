"""Balls in voxels, against the distance of every single offset by nibabel."""

from itertools import permutations, product

import numpy as np
import pytest

from napari_uncertainty.analysis.balls import Ball
from napari_uncertainty.errors import InputError
from napari_uncertainty.model.grid import Grid
from support.plain_hotspots import SHEARED, TILTED, UPRIGHT, ball, inside

AFFINES = {"cubes": np.eye(4), "upright": UPRIGHT, "tilted": TILTED, "sheared": SHEARED}
RADII = (0, 0.4, 1, 2, 3.75, 6.01)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
@pytest.mark.parametrize("ndim", [1, 2, 3])
def test_a_ball_has_every_offset_within_its_radius(affine, ndim):
    for radius in RADII:
        found = Ball.of(Grid((9,) * ndim, affine), ndim, radius)
        expected = ball(affine, ndim, radius)
        assert found.mask[found.halves]
        assert all(length % 2 for length in found.mask.shape)
        # Only the box around it may be larger than it has to be.
        assert found.mask.sum() == expected.sum()
        shape = (25,) * ndim
        middle = (12,) * ndim
        np.testing.assert_array_equal(
            inside(found.mask, middle, shape), inside(expected, middle, shape)
        )


def test_order_and_direction_of_the_axes():
    expected = ball(SHEARED, 3, 3.75)
    for order, flips in product(permutations(range(3)), product((1, -1), repeat=3)):
        affine = SHEARED.copy()
        affine[:3, :3] = SHEARED[:3, order] * flips
        found = Ball.of(Grid((9, 9, 9), affine), 3, 3.75).mask
        turned = expected.transpose(order)[
            tuple(slice(None, None, flip) for flip in flips)
        ]
        np.testing.assert_array_equal(found, turned)


def test_without_a_grid_voxels_are_cubes_of_one_millimetre():
    for ndim in (1, 2, 3):
        np.testing.assert_array_equal(
            Ball.of(None, ndim, 3.75).mask, ball(np.eye(4), ndim, 3.75)
        )


def test_a_voxel_on_the_sphere_belongs_to_it():
    affine = np.diag([0.1, 0.3, 0.7, 1])
    found = Ball.of(Grid((9, 9, 9), affine), 3, 2.1)
    assert found.halves == (21, 7, 3)
    assert found.mask[0, 7, 3]
    assert found.mask[21, 0, 3]
    assert found.mask[21, 7, 0]


def test_a_ball_smaller_than_a_voxel_is_that_voxel():
    found = Ball.of(Grid((9, 9, 9), UPRIGHT), 3, 0.5)
    assert found.mask.shape == (1, 1, 1)
    assert found.mask.all()


@pytest.mark.parametrize("voxel", [(0, 0, 0), (6, 0, 3), (3, 4, 2), (6, 7, 4)])
@pytest.mark.parametrize("radius", [1, 3.75, 12])
def test_a_ball_is_cut_off_at_the_border(voxel, radius):
    shape = (7, 8, 5)
    found = Ball.of(Grid(shape, TILTED), 3, radius)
    values = np.zeros(shape, bool)
    box, mask = found.at(voxel, shape)
    assert values[box].shape == mask.shape
    values[box] = mask
    np.testing.assert_array_equal(values, inside(ball(TILTED, 3, radius), voxel, shape))


@pytest.mark.parametrize("radius", [-1, np.nan, np.inf])
def test_a_radius_that_is_not_above_0_is_refused(radius):
    with pytest.raises(
        InputError, match=r"A radius of .* mm is not possible; give one above"
    ):
        Ball.of(None, 3, radius)


@pytest.mark.parametrize("affine", AFFINES.values(), ids=AFFINES)
def test_what_no_centre_can_reach_is_left_out(affine):
    shape = (4, 6, 1)
    found = Ball.of(Grid(shape, affine), 3, 6.01, shape)
    assert all(half < length for half, length in zip(found.halves, shape, strict=True))
    for voxel in np.ndindex(shape):
        values = np.zeros(shape, bool)
        box, mask = found.at(voxel, shape)
        values[box] = mask
        np.testing.assert_array_equal(
            values, inside(ball(affine, 3, 6.01), voxel, shape)
        )
