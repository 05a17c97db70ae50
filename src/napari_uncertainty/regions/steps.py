"""A map and its labels, block by block, on several threads."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import numpy as np

from ..errors import InputError
from ..fold.blocks import tiles
from ..fold.threads import iter_each
from ..limits import available_processors
from .blocks import BlockNumbers, Sources
from .joining import joined
from .keys import Box
from .layout import Layout
from .numbers import Regions

Array = np.ndarray[Any, Any]

# Voxels in a block, which stay near the processor. Smaller ones are sorted faster, but
# leave more runs to look through.
BLOCK_VOXELS = 1 << 18

# By default; a window that is open meanwhile needs some of the machine, too.
THREADS = 2


def iter_regions(
    values: Array,
    labels: Array,
    no_data: Array | None = None,
    *,
    threads: int | None = None,
) -> Generator[float, None, Regions]:
    """Tell the voxels of a map apart by label, step by step; yields the share done.

    Parameters
    ----------
    values : ndarray of float32 or float64, 1 to 3 dimensions
        The map, laid out in memory however it is. Other real numbers are converted.
    labels : ndarray of int or bool, shape of `values`
        What each voxel belongs to; any numbers.
    no_data : ndarray of bool, shape of `values`, or None
        Voxels that are in no number. Their labels still make others a boundary.
    threads : int or None
        How many threads compute; by default two, where there are two processors.

    Raises
    ------
    InputError
        If shapes differ, there is no voxel, the labels are no whole numbers, or values
        are not finite.
    """
    _check(values, labels, no_data)
    layout = Layout.of(values)
    precise = np.result_type(values.dtype, np.float32) != np.float32
    sources = Sources(
        layout.in_memory(values),
        layout.in_memory(labels),
        None if no_data is None else layout.in_memory(no_data),
        layout,
        np.empty(values.size, np.float64 if precise else np.float32),
    )
    boxes, starts = _boxes(layout.shape)
    found: dict[int, BlockNumbers] = {}

    def work(number: int) -> None:
        found[number] = sources.numbers(boxes[number], int(starts[number]))

    yield from iter_each(
        work,
        range(len(boxes)),
        threads=threads or min(THREADS, available_processors()),
    )
    blocks = [found[number] for number in range(len(boxes))]
    return joined(values.shape, layout, sources.runs, starts, boxes, blocks)


def _boxes(shape: tuple[int, ...]) -> tuple[list[Box], Array]:
    """Boxes that tile a volume, and how many voxels are before each."""
    boxes = [
        tuple(
            slice(one.start, min(one.stop, length))
            for one, length in zip(block, shape, strict=False)
        )
        for block in tiles(shape, BLOCK_VOXELS)
    ]
    sizes = [math.prod(one.stop - one.start for one in box) for box in boxes]
    return boxes, np.cumsum([0, *sizes[:-1]])


def _check(values: Array, labels: Array, no_data: Array | None) -> None:
    for name, other in (("labels", labels), ("no-data mask", no_data)):
        if other is not None and other.shape != values.shape:
            raise InputError(
                f"The {name} of shape {other.shape} cannot belong to a map of shape "
                f"{values.shape}."
            )
    if not values.size or not values.ndim:
        raise InputError(f"A map of shape {values.shape} holds no voxels.")
    if values.dtype.kind not in "biuf":
        raise InputError(f"Values of type {values.dtype} are no map; real numbers are.")
    if labels.dtype.kind not in "biu":
        raise InputError(
            f"Values of type {labels.dtype} are no labels; whole numbers are."
        )
