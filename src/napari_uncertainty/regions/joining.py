"""The numbers of all blocks of a map together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..fold.blocks import Box
from .blocks import BlockNumbers, Floats, Integers
from .layout import Layout
from .numbers import ClassStatistics

Array = np.ndarray[Any, Any]
# For each block, which of its rows go to which rows of all labels.
Rows = list[tuple[list[int], list[int]]]


def joined(
    shape: tuple[int, ...],
    layout: Layout,
    runs: Array,
    starts: Integers,
    boxes: Sequence[Box],
    blocks: Sequence[BlockNumbers],
) -> ClassStatistics:
    """Add up in the order of the blocks, so that the same comes out each time.

    Parameters
    ----------
    shape, layout
        Of the map.
    runs : ndarray
        The sorted values of all blocks.
    starts : ndarray of int, shape (blocks,)
        Where in `runs` those of each block begin.
    boxes : sequence of tuple of slice
        Where the blocks are, along the axes in memory.
    blocks : sequence of BlockNumbers
        What they told.
    """
    labels = _present(blocks)
    row_of = {label: row for row, label in enumerate(labels)}
    rows: Rows = []
    for block in blocks:
        own = [row for row, label in enumerate(block.labels) if label in row_of]
        rows.append((own, [row_of[block.labels[row]] for row in own]))
    lengths = np.zeros((len(blocks), len(labels), 2), np.int64)
    for number, (own, to) in enumerate(rows):
        lengths[number, to] = blocks[number].counts[own]
    ends = np.cumsum(lengths.reshape(len(blocks), 2 * len(labels)), axis=1)
    totals, peaks = _totals_and_peaks(blocks, rows, len(labels))
    sums, counts = _slices(layout.shape, boxes, blocks, rows, len(labels))
    return ClassStatistics(
        tuple(labels),
        shape,
        runs,
        starts[:, None] + np.insert(ends, 0, 0, axis=1),
        totals,
        peaks,
        layout.restored(sums),
        layout.restored(counts),
    )


def _present(blocks: Sequence[BlockNumbers]) -> list[int]:
    """Labels of voxels with data, ascending."""
    found: set[int] = set()
    for block in blocks:
        there = np.flatnonzero(block.counts.any(axis=1))
        found.update(block.labels[row] for row in there.tolist())
    return sorted(found)


def _totals_and_peaks(
    blocks: Sequence[BlockNumbers], rows: Rows, n_labels: int
) -> tuple[Floats, Integers]:
    shape = n_labels, 2
    totals, highest = np.zeros(shape), np.full(shape, -np.inf)
    peaks = np.full(shape, -1)
    for block, (own, to) in zip(blocks, rows, strict=True):
        totals[to] += block.totals[own]
        new, old = block.highest[own], highest[to]
        earlier = (new == old) & (block.peaks[own] < peaks[to])
        peaks[to] = np.where((new > old) | earlier, block.peaks[own], peaks[to])
        highest[to] = np.maximum(new, old)
    return totals, peaks


def _slices(
    shape: tuple[int, ...],
    boxes: Sequence[Box],
    blocks: Sequence[BlockNumbers],
    rows: Rows,
    n_labels: int,
) -> tuple[list[Floats], list[Integers]]:
    totals = [np.zeros((n_labels, length)) for length in shape]
    counts = [np.zeros((n_labels, length), np.int64) for length in shape]
    for box, block, (own, to) in zip(boxes, blocks, rows, strict=True):
        for axis, along in enumerate(box):
            totals[axis][to, along] += block.slice_totals[axis][own]
            counts[axis][to, along] += block.slice_counts[axis][own]
    return totals, counts
