"""How an array lies in memory, and how to cut it into blocks that fit the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

#: Slices for each axis and an ellipsis, so that even a single voxel gives an array.
Block = tuple[Any, ...]


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
    order = sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))
    flips = tuple(slice(None, None, -1 if strides[axis] < 0 else 1) for axis in order)

    def restore(array: Array) -> Array:
        return array[flips].transpose(np.argsort(order))

    source = values.transpose(0, *(axis + 1 for axis in order))
    return source[(slice(None), *flips)], restore


def tiles(shape: tuple[int, ...], voxels: int) -> Iterator[Block]:
    """Boxes of at most `voxels` that tile `shape`, whole along the fastest axes."""
    steps = []
    for length in reversed(shape):
        step = max(1, min(length, voxels))
        steps.append(step)
        voxels = voxels // length if step == length else 1
    axes = [
        [slice(start, start + step) for start in range(0, length, step)]
        for length, step in zip(shape, reversed(steps), strict=True)
    ]
    return ((*box, ...) for box in product(*axes))
