"""The choice of balls, against a plain one that sums everything anew at each step."""

import numpy as np
import pytest

from napari_uncertainty.analysis.balls import Ball
from napari_uncertainty.analysis.hotspot_domain import iter_choices
from napari_uncertainty.model.grid import Grid
from napari_uncertainty.steps import run
from support import plain_hotspots as plain


def chosen(levels, allowed, ball, apart, count, threads=1):
    steps = iter_choices(levels.copy(), allowed, ball, apart, count, threads=threads)
    return [(choice.voxel, choice.gained) for choice in run(steps)]


@pytest.mark.parametrize("shape", [(90,), (30, 23), (17, 14, 11), (20, 1, 16)], ids=str)
@pytest.mark.parametrize("separation", [0.5, 2, 3, 7])
@pytest.mark.parametrize("most", [2, plain.LEVELS])
def test_chosen_balls_are_those_of_the_plain_choice(rng, shape, separation, most):
    """With a separation below and above the ball's radius, and with many ties."""
    levels = rng.integers(0, most, shape).astype(np.int32)
    levels[rng.random(shape) < 0.5] = 0
    allowed = rng.random(shape) < 0.7
    grid = Grid(shape, plain.TILTED)
    balls = [Ball.of(grid, len(shape), radius) for radius in (3, separation)]
    expected = plain.greedy(levels, allowed, *(ball.mask for ball in balls), 25)
    assert len(expected) > 4
    assert chosen(levels, allowed, *balls, 25) == expected
    assert chosen(levels, allowed, *balls, 25, threads=2) == expected


def test_all_equal():
    """Of equals, the first in the order of the array."""
    levels = np.full((9, 9), 7, np.int32)
    ball = Ball.of(None, 2, 1)
    found = chosen(levels, levels > 0, ball, ball, 100)
    assert found[0] == ((1, 1), 35)
    assert found == plain.greedy(levels, levels > 0, ball.mask, ball.mask, 100)


def test_fewer_balls_are_chosen_where_nothing_is_left():
    """Where nothing is left, and where no centre may be."""
    levels = np.zeros((20, 20), np.int32)
    levels[3, 3], levels[15, 4] = 5, 9
    ball = Ball.of(None, 2, 2)
    everywhere = np.ones(levels.shape, bool)
    found = chosen(levels, everywhere, ball, ball, 50)
    assert [gained for _, gained in found] == [9, 5]
    only = everywhere & False
    assert chosen(levels, only, ball, ball, 50) == []
    only[15, 5] = True
    assert chosen(levels, only, ball, ball, 50) == [((15, 5), 9)]


@pytest.mark.parametrize("shape", [(0, 0, 0), (4, 5, 6)])
def test_no_ball_is_chosen_where_no_error_is_expected(shape):
    levels = np.zeros(shape, np.int32)
    ball = Ball.of(None, 3, 2)
    assert chosen(levels, np.ones(shape, bool), ball, ball, 5) == []


def test_a_ball_as_large_as_the_volume_holds_all_of_it(rng):
    levels = rng.integers(0, 9, (8, 9, 5)).astype(np.int32)
    ball = Ball.of(None, 3, 30)
    found = chosen(levels, np.ones(levels.shape, bool), ball, ball, 5)
    assert found == [((0, 0, 0), int(levels.sum()))]


def test_shares_grow_to_one(rng):
    levels = rng.integers(1, 9, (30, 30)).astype(np.int32)
    ball = Ball.of(None, 2, 2)
    steps = iter_choices(levels, levels > 0, ball, ball, 8, threads=1)
    shares = [*steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1
