"""Numbers of a map for each label, block by block."""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

import numpy as np

from ..errors import InputError
from ..fold.blocks import Box, tiles
from .blocks import Sources
from .joining import joined
from .layout import Layout
from .numbers import ClassStatistics

Array = np.ndarray[Any, Any]

# Voxels in a block, which stay near the processor. Smaller ones are sorted faster, but
# leave more runs to look through.
BLOCK_VOXELS = 1 << 18


def iter_regions(
    values: Array,
    labels: Array,
    no_data: Array | None = None,
) -> Generator[float, None, ClassStatistics]:
    """Tell the voxels of a map apart by label, step by step; yields the share done.

    Parameters
    ----------
    values : ndarray of float32 or float64, 1 to 3 dimensions
        The map, laid out in memory however it is. Other real numbers are converted.
    labels : ndarray of int or bool, shape of `values`
        What each voxel belongs to; any numbers.
    no_data : ndarray of bool, shape of `values`, or None
        Voxels that are in no number. Their labels still make others a boundary.

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
    boxes: list[Box] = [tile[:-1] for tile in tiles(layout.shape, BLOCK_VOXELS)]
    blocks, starts = [], []
    start = 0
    for done, box in enumerate(boxes, 1):
        starts.append(start)
        blocks.append(sources.numbers(box, start))
        start += math.prod(one.stop - one.start for one in box)
        yield done / len(boxes)
    return joined(values.shape, layout, sources.runs, np.array(starts), boxes, blocks)


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
