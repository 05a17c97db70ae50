"""Sums over balls against scipy's convolution in whole numbers."""

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from napari_uncertainty.analysis import balls as around
from napari_uncertainty.analysis.balls import Ball, ball_sums, iter_ball_sums, reached
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.steps import run
from support import plain_hotspots as plain

FLAT = [(1,), (7,), (60,), (9, 13), (1, 40), (50, 1)]
SHAPES = [*FLAT, (7, 8, 9), (21, 1, 2), (3, 25, 4)]
AFFINES = (plain.UPRIGHT, plain.SHEARED)


def balls(ndim):
    """Smaller than a voxel, usual, and larger than the volume."""
    for affine in AFFINES:
        for radius in (0.3, 2, 3.75, 9):
            yield Ball.of(Grid((9,) * ndim, affine), ndim, radius)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_sums_are_exact(rng, shape):
    levels = rng.integers(0, plain.LEVELS + 1, shape).astype(np.int32)
    for ball in balls(len(shape)):
        found = ball_sums(levels, ball)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, plain.sums(levels, ball.mask))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_sums_in_blocks_are_those_of_the_whole(rng, monkeypatch, threads):
    """Blocks with and without a rest along each axis."""
    monkeypatch.setattr(around, "_SIDE", 16)
    for shape in ((40, 31, 9), (17, 48, 33), (100, 7), (77,)):
        levels = rng.integers(0, plain.LEVELS + 1, shape).astype(np.int32)
        for radius in (1, 3.75):
            ball = Ball.of(Grid(shape, plain.SHEARED), len(shape), radius)
            found = run(iter_ball_sums(levels, ball, threads=threads))
            np.testing.assert_array_equal(found, plain.sums(levels, ball.mask))


def test_large_sums():
    """The largest that any voxel may have, of more voxels than int32 can hold."""
    levels = np.full((90, 90, 90), plain.LEVELS, np.int32)
    ball = Ball(np.ones((179, 179, 179), bool))
    found = run(iter_ball_sums(levels, ball, threads=2))
    assert (found == 90**3 * plain.LEVELS).all()
    assert found.max() > np.iinfo(np.int32).max


def test_sums_do_not_depend_on_the_layout_in_memory(rng):
    levels = rng.integers(0, plain.LEVELS + 1, (14, 15, 16)).astype(np.int32)
    ball = Ball.of(None, 3, 3)
    expected = plain.sums(levels, ball.mask)
    for given in (
        np.asfortranarray(levels),
        levels[::-1].copy()[::-1],
        levels.repeat(2, 1)[:, ::2],
    ):
        np.testing.assert_array_equal(ball_sums(given, ball), expected)


def test_nothing_to_sum():
    ball = Ball.of(None, 3, 3)
    assert not ball_sums(np.zeros((4, 5, 6), np.int32), ball).any()
    assert ball_sums(np.zeros((0, 0, 0), np.int32), ball).shape == (0, 0, 0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("share", [0, 0.03, 0.3])
def test_voxels_within_a_ball_are_those_of_a_dilation(rng, shape, share):
    inside = rng.random(shape) < share
    for ball in balls(len(shape)):
        expected = binary_dilation(inside, ball.mask)
        np.testing.assert_array_equal(reached(inside, ball), expected)
