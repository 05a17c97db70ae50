"""Order of axes in memory, and arrays cut into blocks that are worked on in turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: Slices for each axis and an ellipsis, so that even a single voxel gives an array.
Block = tuple[Any, ...]

#: A slice for each axis.
Box = tuple[slice, ...]

# Voxels that are looked at together, so that masks stay small beside the map.
SLAB_VOXELS = 1 << 23


def in_memory_order(values: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Spatial axes as they lie in memory: slowest first, none flipped.

    Blocks are then runs of memory, whatever transposes and flips the caller's array
    has, and results made in the same order are cheap to write and to show.

    Parameters
    ----------
    values : ndarray, shape (classes, ...)
        Class axis first.

    Returns
    -------
    source : ndarray
        A view of `values`.
    restore : callable
        Turns an array made like one class of `source` into one like a class of
        `values`; a view too.
    """
    strides = values.strides[1:]
    order = slowest_first(strides)
    flips = tuple(slice(None, None, -1 if strides[axis] < 0 else 1) for axis in order)

    def restore(array: Array) -> Array:
        return array[flips].transpose(np.argsort(order))

    source = values.transpose(0, *(axis + 1 for axis in order))
    return source[(slice(None), *flips)], restore


def slowest_first(strides: Sequence[int]) -> list[int]:
    """Return axes in the order in which they lie in memory, the slowest first."""
    return sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))


def cut(length: int, each: int, most: int) -> list[slice]:
    """Return slices that cut an axis into runs of at most `most` values.

    Parameters
    ----------
    length : int
        Of the axis.
    each : int
        Values at one index of it.
    most : int
        Values that a run may have; a run has one index at least.
    """
    step = max(1, most // max(1, each))
    starts = range(0, length, step)
    return [slice(start, min(start + step, length)) for start in starts]


def slabs(values: Array, voxels: int | None = None) -> list[Box]:
    """Return boxes that cut an array into pieces that lie together in memory.

    Parameters
    ----------
    values : ndarray
        Cut across the axis that is slowest in memory.
    voxels : int or None
        Voxels in a piece, at most; by default `SLAB_VOXELS`.
    """
    whole = tuple(slice(0, length) for length in values.shape)
    if not whole:
        return [whole]
    axis = int(np.argmax(np.abs(values.strides)))
    length = values.shape[axis]
    runs = cut(length, values.size // max(1, length), voxels or SLAB_VOXELS)
    return [(*whole[:axis], run, *whole[axis + 1 :]) for run in runs]


def tiles(shape: tuple[int, ...], voxels: int) -> Iterator[Block]:
    """Yield boxes of at most `voxels` that tile `shape`, whole along fast axes."""
    axes = []
    for length in reversed(shape):
        axes.append(cut(length, 1, voxels))
        voxels = voxels // length if 0 < length <= voxels else 1
    return ((*box, ...) for box in product(*reversed(axes)))


def widened(box: Box, by: Sequence[int], shape: Sequence[int]) -> tuple[Box, Box]:
    """Return a box with what is around it in a volume, and where it is in that.

    Parameters
    ----------
    box : tuple of slice
        With a start and a stop for each axis.
    by : sequence of int
        Voxels that are added at both ends of each axis, as far as there are some.
    shape : sequence of int
        Of the volume.
    """
    wide = tuple(
        slice(max(0, one.start - more), min(length, one.stop + more))
        for one, more, length in zip(box, by, shape, strict=True)
    )
    within = tuple(
        slice(one.start - more.start, one.stop - more.start)
        for one, more in zip(box, wide, strict=True)
    )
    return wide, within


def box_of(labels: Array) -> Box:
    """Return the smallest box that holds all labels but 0, which may be empty."""
    inside = labels != 0
    box = []
    for axis in range(labels.ndim):
        others = tuple(other for other in range(labels.ndim) if other != axis)
        places = np.flatnonzero(inside.any(axis=others))
        ends = (int(places[0]), int(places[-1]) + 1) if places.size else (0, 0)
        box.append(slice(*ends))
    return tuple(box)
