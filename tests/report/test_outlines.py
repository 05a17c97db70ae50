"""Outlines, filled again by counting how many edges lie beside each voxel."""

import re

import numpy as np
import pytest

from napari_uncertainty.report.pictures import outline


def loops(path):
    """Corners of each loop; only absolute M, H, V and z are known here."""
    found = []
    for loop in re.findall(r"M[^z]*z", path):
        x, y = 0, 0
        corners = []
        for letter, first, second in re.findall(r"([MHV])(\d+)(?: (\d+))?", loop):
            if letter == "M":
                x, y = int(first), int(second)
            elif letter == "H":
                x = int(first)
            else:
                y = int(first)
            corners.append((x, y))
        assert re.fullmatch(r"M\d+ \d+([HV]\d+)+z", loop)
        found.append(corners)
    return found


def filled(path, shape):
    """By the even-odd rule: upright edges on the left of a voxel's centre."""
    inside = np.zeros(shape, bool)
    for corners in loops(path):
        for (x, y), (next_x, next_y) in zip(
            corners, corners[1:] + corners[:1], strict=True
        ):
            assert (x == next_x) != (y == next_y)
            if x == next_x:
                inside[min(y, next_y) : max(y, next_y), x:] ^= True
    return inside


@pytest.mark.parametrize("share", [0.03, 0.5, 0.95])
def test_filling_an_outline_gives_the_mask(rng, share):
    mask = rng.random((23, 31)) < share
    np.testing.assert_array_equal(filled(outline(mask), mask.shape), mask)


def test_edges_are_where_neighbours_differ(rng):
    mask = rng.random((17, 12)) < 0.5
    padded = np.pad(mask, 1)
    edges = sum(np.count_nonzero(np.diff(padded, axis=axis)) for axis in (0, 1))
    length = sum(
        abs(x - next_x) + abs(y - next_y)
        for corners in loops(outline(mask))
        for (x, y), (next_x, next_y) in zip(
            corners, corners[1:] + corners[:1], strict=True
        )
    )
    assert length == edges


def test_ring_has_two_loops_and_nothing_has_none():
    ring = np.ones((5, 5), bool)
    ring[2, 2] = False
    assert len(loops(outline(ring))) == 2
    assert outline(np.zeros((4, 4), bool)) == ""
    assert outline(np.ones((2, 3), bool)) == "M0 0H3V2H0z"
