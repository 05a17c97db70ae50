"""Sums over the balls around all voxels, and what the balls reach."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import product
from typing import Any

import numpy as np

from ..fold.threads import iter_each
from .ball import Ball

Array = np.ndarray[Any, Any]

# Along each axis, of the blocks that are transformed: small enough for the cache, and
# no power of 2, with which the voxels across would share a few lines of it.
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
    """Return the same of a small volume, at once."""
    sums, sum_block, blocks = _block_by_block(levels, ball)
    for block in blocks:
        sum_block(block)
    return sums


def _block_by_block(
    levels: Array, ball: Ball
) -> tuple[Array, Callable[[tuple[int, ...]], None], Iterable[tuple[int, ...]]]:
    """Return the sums, of which none is made yet, what makes some, and all there are.

    What makes them takes where a block begins.
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
    # Whether any of so many voxels from each one on is inside.
    runs, long = wide.copy(), 1
    for wanted, rows in sorted(_rows(ball).items()):
        for further in range(long, wanted):
            runs[..., :-further] |= wide[..., further:]
        long = wanted
        for offsets, first in rows:
            here, there = _shifted(offsets, inside.shape)
            found[here] |= runs[..., first : first + length][there]
    return found


def _rows(ball: Ball) -> dict[int, list[tuple[list[int], int]]]:
    """Rows of a ball by their length: place across, and first voxel along the row."""
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
    """Voxels that have another one so far away, and these others."""
    here, there = [], []
    for offset, length in zip(offsets, shape, strict=False):
        start, stop = max(0, -offset), max(0, length - max(0, offset))
        start = min(start, stop)
        here.append(slice(start, stop))
        there.append(slice(start + offset, stop + offset))
    return tuple(here), tuple(there)


def _within(mask: Array, shape: Sequence[int]) -> Array:
    """A ball without what is outside wherever its centre is."""
    return mask[
        tuple(
            slice(max(0, side // 2 - length + 1), side // 2 + length)
            for side, length in zip(mask.shape, shape, strict=True)
        )
    ]
