"""Balls of voxels of a radius in mm, and exact sums over all of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..engine.blocks import Box, iter_each
from ..errors import InputError
from ..model.grid import Grid

Array = np.ndarray[Any, Any]

# A voxel whose centre is on the sphere belongs to it, whichever way that was rounded.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Ball:
    """Ball of voxels, which is not round in index space where voxels are not cubes.

    Attributes
    ----------
    mask : ndarray of bool
        Which voxels around the centre belong to it; each axis has an odd length, and
        the centre is in the middle.
    """

    mask: Array

    @classmethod
    def of(
        cls,
        grid: Grid | None,
        ndim: int,
        radius_mm: float,
        shape: Sequence[int] | None = None,
    ) -> Ball:
        """Return the ball of all voxels whose centres are at most the radius away.

        Parameters
        ----------
        grid : Grid or None
            Voxel sizes and angles; without one, voxels are cubes of 1 mm.
        ndim : int
            Number of axes, 1 to 3.
        radius_mm : float
            In mm; of a ball that would hold one voxel only, too.
        shape : sequence of int or None
            Of the volume, to leave out what is outside wherever the centre is.

        Raises
        ------
        InputError
            If the radius is negative or not finite.
        """
        if not (np.isfinite(radius_mm) and radius_mm >= 0):
            raise InputError(
                f"A radius of {radius_mm} mm is not possible; give one above 0."
            )
        axes = np.eye(ndim) if grid is None else grid.affine[:3, :ndim]
        # How far along its own axis the ball reaches is more than the radius where
        # axes are not at right angles.
        reach = radius_mm * np.linalg.norm(np.linalg.pinv(axes), axis=1)
        halves = np.floor(reach * (1 + _ROUNDING)).astype(int)
        if shape is not None:
            halves = np.minimum(halves, np.subtract(shape, 1))
        mask = np.zeros(2 * halves + 1, bool)
        metric = axes.T @ axes
        across = np.indices(mask.shape[1:]).reshape(ndim - 1, mask[0].size)
        across = across.T - halves[1:]
        # Plane by plane: offsets of all voxels would take far more room than the mask.
        for number in range(len(mask)):
            offsets = np.insert(across, 0, number - halves[0], axis=1)
            squared = ((offsets @ metric) * offsets).sum(axis=1)
            within = squared <= (radius_mm * (1 + _ROUNDING)) ** 2
            mask[number] = within.reshape(mask.shape[1:])
        return cls(mask)

    @property
    def halves(self) -> tuple[int, ...]:
        """Number of voxels that it reaches from its centre along each axis."""
        return tuple(length // 2 for length in self.mask.shape)

    def at(self, voxel: Sequence[int], shape: Sequence[int]) -> tuple[Box, Array]:
        """Return the box around a voxel within the volume, and the ball in this box.

        Returns
        -------
        tuple of slice, ndarray of bool
            ``values[box][mask]`` are the values in the ball.
        """
        box, part = [], []
        for at, half, length in zip(voxel, self.halves, shape, strict=True):
            start, stop = max(0, at - half), min(length, at + half + 1)
            box.append(slice(start, stop))
            part.append(slice(start - at + half, stop - at + half))
        return tuple(box), self.mask[tuple(part)]


# Sums over the balls around all voxels, and voxels that balls reach.

# Length along each axis of the blocks that are transformed: small enough for the cache,
# and no power of 2, with which the voxels across would share a few lines of it.
_SIDE = 72


def iter_ball_sums(
    levels: Array, ball: Ball, *, threads: int
) -> Generator[float, None, Array]:
    """Sum over the ball around each voxel, exactly; yields the share done.

    By Fourier transforms, block by block: rounding in float64 stays far below half a
    level for any volume that fits into memory, so that the nearest whole number is the
    sum.

    Parameters
    ----------
    levels : ndarray of bool or int, not negative
        What is summed; what is outside is 0.
    ball : Ball
        May be larger than the volume.
    threads : int
        How many compute; the result does not depend on it.

    Returns
    -------
    ndarray of int32, or of int64 where the sums may need it
    """
    sums, sum_block, blocks = _block_by_block(levels, ball)
    yield from iter_each(sum_block, blocks, threads=threads)
    return sums


def ball_sums(levels: Array, ball: Ball) -> Array:
    """Return the sums of :func:`iter_ball_sums` for a small volume, at once."""
    sums, sum_block, blocks = _block_by_block(levels, ball)
    for block in blocks:
        sum_block(block)
    return sums


def _block_by_block(
    levels: Array, ball: Ball
) -> tuple[Array, Callable[[tuple[int, ...]], None], Iterable[tuple[int, ...]]]:
    """Return an array for the sums, a function that sums a block, and all blocks.

    A block is given by the index of its first voxel.
    """
    from scipy.fft import irfftn, next_fast_len, rfftn

    most = int(levels.max(initial=0)) * np.count_nonzero(ball.mask)
    dtype = np.int32 if most <= np.iinfo(np.int32).max else np.int64
    sums = np.zeros(levels.shape, dtype)
    if not most:
        return sums, lambda _starts: None, ()
    mask = _within(ball.mask, levels.shape)
    halves = [length // 2 for length in mask.shape]
    # With as many zeros behind as the ball reaches, nothing comes round from the end.
    sides = [
        next_fast_len(min(length + half, max(_SIDE, 6 * half)), real=True)
        for length, half in zip(levels.shape, halves, strict=True)
    ]
    steps = [
        length if length + half <= side else side - 2 * half
        for length, half, side in zip(levels.shape, halves, sides, strict=True)
    ]
    axes = tuple(range(levels.ndim))
    kernel = np.zeros(sides)
    kernel[tuple(slice(0, length) for length in mask.shape)] = mask
    kernel = np.roll(kernel, [-half for half in halves], axis=axes)
    # The other side of a ball is like this one: its spectrum is real.
    factors = rfftn(kernel, axes=axes).real.copy()

    def sum_block(starts: tuple[int, ...]) -> None:
        stops = [
            min(start + step, length)
            for start, step, length in zip(starts, steps, levels.shape, strict=True)
        ]
        firsts = [max(0, at - half) for at, half in zip(starts, halves, strict=True)]
        lasts = [at + half for at, half in zip(stops, halves, strict=True)]
        around = levels[tuple(map(slice, firsts, lasts))]
        if not around.any():
            return
        spectrum = rfftn(around.astype(np.float64), sides, axes=axes)
        spectrum *= factors
        whole = irfftn(spectrum, sides, axes=axes, overwrite_x=True)
        part = whole[
            tuple(
                slice(start - first, stop - first)
                for start, stop, first in zip(starts, stops, firsts, strict=True)
            )
        ]
        sums[tuple(map(slice, starts, stops))] = np.rint(part, out=part)

    blocks = product(
        *(
            range(0, length, step)
            for length, step in zip(levels.shape, steps, strict=True)
        )
    )
    return sums, sum_block, blocks


def reached(inside: Array, ball: Ball) -> Array:
    """Return whether any of some voxels is in the ball around each voxel.

    Parameters
    ----------
    inside : ndarray of bool
        Which voxels they are.
    ball : Ball
        In rows along the last axis it has no holes.
    """
    length, half = inside.shape[-1], ball.halves[-1]
    wide = np.zeros((*inside.shape[:-1], length + 2 * half), bool)
    wide[..., half : half + length] = inside
    found = np.zeros(inside.shape, bool)
    # Tells whether any of the next `run_length` voxels from each one on is inside.
    runs, run_length = wide.copy(), 1
    for row_length, rows in sorted(_rows(ball).items()):
        for further in range(run_length, row_length):
            runs[..., :-further] |= wide[..., further:]
        run_length = row_length
        for offsets, first in rows:
            here, there = _shifted(offsets, inside.shape)
            found[here] |= runs[..., first : first + length][there]
    return found


def _rows(ball: Ball) -> dict[int, list[tuple[list[int], int]]]:
    """Return rows of a ball by length: offset across, and first voxel along the row."""
    rows = defaultdict(list)
    for index in np.ndindex(ball.mask.shape[:-1]):
        places = np.flatnonzero(ball.mask[index])
        if places.size:
            offsets = [at - half for at, half in zip(index, ball.halves, strict=False)]
            rows[places.size].append((offsets, int(places[0])))
    return rows


def _shifted(
    offsets: Sequence[int], shape: Sequence[int]
) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return slices of voxels that have one so far away, and slices of those."""
    here, there = [], []
    for offset, length in zip(offsets, shape, strict=False):
        start, stop = max(0, -offset), max(0, length - max(0, offset))
        start = min(start, stop)
        here.append(slice(start, stop))
        there.append(slice(start + offset, stop + offset))
    return tuple(here), tuple(there)


def _within(mask: Array, shape: Sequence[int]) -> Array:
    """Return a ball without voxels that are outside wherever its centre is."""
    return mask[
        tuple(
            slice(max(0, side // 2 - length + 1), side // 2 + length)
            for side, length in zip(mask.shape, shape, strict=True)
        )
    ]
