"""Voxels in which hotspots may be, and the choice of the balls that become hotspots.

The choice is greedy: each ball holds most of what no ball before it holds. It covers at
least 1 - 1/e of what the best choice of as many balls would cover [1]_, no other quick
way is known to come closer, and its first n balls are the same however many are asked
for. Volumes are turned to Right, Anterior and Superior first, so that the same places
come out in the same order however the axes lie in memory.

References
----------
.. [1] G. L. Nemhauser, L. A. Wolsey, M. L. Fisher, An analysis of approximations for
   maximizing submodular set functions I, Mathematical Programming 14, 1978,
   doi:10.1007/BF01588971
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.blocks import Box, box_of, cut, widened
from ..errors import InputError
from ..model.grid import Grid
from ..model.placement import Placement
from ..steps import part
from .balls import Ball, ball_sums, iter_ball_sums, reached
from .class_blocks import interior_of
from .hotspots import RADIUS, HotspotOptions, usual_radius

Array = np.ndarray[Any, Any]

# Voxels that may be in a hotspot: near the foreground, and with data.

#: Largest distance to the foreground in mm, for places of the usual radius; less for
#: smaller ones. What was segmented wrongly is in the foreground or beside it;
#: uncertainty far away from it is about something else.
NEIGHBOURHOOD = 2.0

# Voxels that are processed in one step.
SLAB_VOXELS = 1 << 21


@dataclass(frozen=True, eq=False)
class Domain:
    """Voxels that may be in a hotspot.

    Attributes
    ----------
    box : tuple of slice
        A box that holds them all.
    voxels : ndarray of bool, shape of the box
        Which they are.
    """

    box: Box
    voxels: Array

    @classmethod
    def iter_of(
        cls,
        shape: tuple[int, ...],
        labels: Array | None,
        data: Array | None,
        options: HotspotOptions,
        ball_of: Callable[[float], Ball],
        grid: Grid | None = None,
    ) -> Generator[float, None, Domain]:
        """Find the voxels that may be in a hotspot; yields the share done.

        Parameters
        ----------
        shape : tuple of int
            Of the volume.
        labels, data : ndarray of that shape, or None
            The segmentation, and which voxels have data (without it, all).
        options : HotspotOptions
            In which classes, and where in them.
        ball_of : callable
            Gives the voxels within a radius in mm.
        grid : Grid or None
            Where the voxels are; without one, they are cubes of 1 mm.
        """
        whole = tuple(slice(0, length) for length in shape)
        if labels is None:
            if options.classes is not None or options.interior:
                raise InputError(
                    "Classes and their interior are only known with a segmentation; "
                    "choose one."
                )
            voxels = np.ones(shape, bool) if data is None else np.array(data)
            return cls(whole, voxels)
        inside = labels != 0
        if options.classes is not None:
            inside = np.isin(labels, options.classes)
        yield 0.1
        beside = NEIGHBOURHOOD * usual_radius(grid, shape) / RADIUS
        near = ball_of(0.0 if options.interior else beside)
        box, _ = widened(box_of(inside), near.halves, shape)
        voxels = np.zeros([one.stop - one.start for one in box], bool)
        for here in cut(len(voxels), voxels[:1].size, SLAB_VOXELS):
            yield 0.2 + 0.8 * here.start / len(voxels)
            part = (
                slice(here.start + box[0].start, here.stop + box[0].start),
                *box[1:],
            )
            if options.interior:
                around, within = widened(part, (1,) * len(shape), shape)
                voxels[here] = inside[part] & interior_of(labels[around])[within]
            else:
                around, within = widened(part, near.halves, shape)
                voxels[here] = reached(inside[around], near)[within]
            if data is not None:
                voxels[here] &= data[part]
        return cls(box, voxels)


# Choice of the balls that hold most, one after the other.


@dataclass(frozen=True)
class Choice:
    """Centre of a ball, and the sum of its levels that no earlier ball holds."""

    voxel: tuple[int, ...]
    gained: int


def iter_choices(
    levels: Array,
    allowed: Array,
    ball: Ball,
    apart: Ball,
    count: int,
    *,
    threads: int,
) -> Generator[float, None, list[Choice]]:
    """Choose the centres of balls; yields the share done.

    Of equals, the first in the order of the array is taken.

    Parameters
    ----------
    levels : ndarray of int32, not negative
        What is to be covered. It is used up: what the balls hold is 0 in the end.
    allowed : ndarray of bool, same shape
        Where a centre may be.
    ball, apart : Ball
        What a centre covers, and where no other one may be.
    count : int
        How many, at most; fewer where nothing is left.
    threads : int
        For the sums; the result does not depend on it.
    """
    if not levels.any():
        return []
    sums = yield from part(iter_ball_sums(levels, ball, threads=threads), 0, 0.5)
    sums[~allowed] = -1  # and never more, since sums only shrink
    chosen: list[Choice] = []
    yield 0.5
    while len(chosen) < count:
        voxel = tuple(int(i) for i in np.unravel_index(sums.argmax(), sums.shape))
        gained = int(sums[voxel])
        if gained <= 0:
            break
        chosen.append(Choice(voxel, gained))
        _cover(levels, sums, ball, voxel)
        # Where another centre may not be is farther than the ball, if so asked.
        box, inside = apart.at(voxel, sums.shape)
        sums[box][inside] = -1
        yield 0.5 + 0.5 * len(chosen) / count
    return chosen


def _cover(levels: Array, sums: Array, ball: Ball, voxel: tuple[int, ...]) -> None:
    """Remove what a ball holds from the levels and from the sums around it."""
    box, inside = ball.at(voxel, levels.shape)
    around, within = widened(box, ball.halves, levels.shape)
    taken = np.zeros([one.stop - one.start for one in around], np.int32)
    taken[within][inside] = levels[box][inside]
    levels[box][inside] = 0
    sums[around] -= ball_sums(taken, ball)


# Volumes with their axes nearest to Right, Anterior and Superior.


@dataclass(frozen=True, eq=False)
class Turned:
    """Turn of a map to Right, Anterior and Superior; without a grid it stays as it is.

    Attributes
    ----------
    placement : Placement
        The turn.
    shape : tuple of int
        Shape of the turned map.
    grid : Grid or None
        Of the map as it was.
    """

    placement: Placement
    shape: tuple[int, ...]
    grid: Grid | None

    @classmethod
    def of(cls, shape: Sequence[int], grid: Grid | None) -> Turned:
        """Return the turn of a map of this shape."""
        if grid is None:
            placement = Placement.as_it_is(len(shape))
        else:
            placement, _ = grid.turned_to("RAS")
        return cls(placement, placement.turned_shape(shape), grid)

    def view(self, volume: Array) -> Array:
        """Return a volume of the map's shape as a turned view."""
        return self.placement.turn(volume)

    def ball(self, radius_mm: float) -> Ball:
        """Return the ball of voxels around a turned voxel."""
        grid = None if self.grid is None else self.grid.turned(self.placement)
        return Ball.of(grid, len(self.shape), radius_mm, self.shape)

    def own_voxel(self, turned: Sequence[int]) -> tuple[int, ...]:
        """Return the index in the map as it was."""
        return self.placement.inverse().voxel(turned, self.shape)

    def ras(self, voxel: Sequence[int]) -> tuple[float, float, float] | None:
        """Return the place in mm of a voxel of the original map, None without grid."""
        if self.grid is None:
            return None
        x, y, z = (float(mm) for mm in self.grid.to_ras([voxel])[0])
        return x, y, z
