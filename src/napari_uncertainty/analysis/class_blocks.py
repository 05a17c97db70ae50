"""Statistics of each class, computed block by block and put together.

The commonest label of a block is taken with masks over the whole block, all others
voxel by voxel, so that the work hardly grows with the number of labels.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.blocks import Box, slowest_first, tiles, widened
from ..errors import InputError
from .class_statistics import ClassStatistics

Array = np.ndarray[Any, Any]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# For each block, which of its rows go to which rows of all labels.
Rows = list[tuple[list[int], list[int]]]


# Voxels in a block, which stay near the processor. Smaller ones are sorted faster, but
# leave more runs to look through.
BLOCK_VOXELS = 1 << 18


def iter_class_statistics(
    values: Array,
    labels: Array,
    no_data: Array | None = None,
) -> Generator[float, None, ClassStatistics]:
    """Compute the statistics of each class of a map; yields the share done.

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


def require_shape(shape: tuple[int, ...], others: Mapping[str, Any]) -> None:
    """Raise InputError where something, by its name, has not the shape of a map."""
    for name, other in others.items():
        if other is not None and other.shape != shape:
            raise InputError(
                f"The {name} of shape {other.shape} cannot belong to a map of shape "
                f"{shape}."
            )


def _check(values: Array, labels: Array, no_data: Array | None) -> None:
    require_shape(values.shape, {"labels": labels, "no-data mask": no_data})
    if not values.size or not values.ndim:
        raise InputError(f"A map of shape {values.shape} holds no voxels.")
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"Values of type {values.dtype} cannot be a map; give real numbers."
        )
    if labels.dtype.kind not in "biu":
        raise InputError(
            f"Values of type {labels.dtype} cannot be labels; give whole numbers."
        )


# Keys of voxels, which tell the label, and boundary from interior.


def keyed(labels: Array, box: Box) -> tuple[list[int], Array]:
    """Number the labels of a box, and tell boundary from interior.

    Parameters
    ----------
    labels : ndarray of int or bool
        Of the whole volume: what lies around the box decides, too.
    box : tuple of slice
        Which part of it.

    Returns
    -------
    labels : list of int
        Ascending; at least those in and around the box.
    keys : ndarray of unsigned int, shape of the box
        Twice the index of the label, and one more for an interior voxel.
    """
    wider, within = widened(box, (1,) * labels.ndim, labels.shape)
    numbered, numbers = _numbered(np.ascontiguousarray(labels[wider]))
    keys = numbers[within] * numbers.dtype.type(2)
    keys += interior_of(numbers)[within]
    return numbered, keys


def _numbered(labels: Array) -> tuple[list[int], Array]:
    """Return the labels, ascending, and the index of that of each voxel in them."""
    if labels.dtype == bool:
        labels = labels.view(np.uint8)
    low, high = int(labels.min()), int(labels.max())
    # Twice the number and one has to fit into a byte.
    if low >= 0 and high < 128:
        return [*range(high + 1)], labels.astype(np.uint8, copy=False)
    if high - low < 128:
        return [*range(low, high + 1)], (labels - low).astype(np.uint8)
    # Labels come in patches: only where labels change there is something to see.
    flat = labels.reshape(-1)
    begins = np.flatnonzero(np.append(True, flat[1:] != flat[:-1]))
    lengths = np.diff(np.append(begins, flat.size))
    occurring, numbers = np.unique(flat[begins], return_inverse=True)
    small: npt.DTypeLike = np.min_scalar_type(2 * len(occurring))
    numbers = np.repeat(numbers.astype(small), lengths)
    return occurring.tolist(), numbers.reshape(labels.shape)


def interior_of(numbers: Array) -> Array:
    """Return which voxels have the same number as all neighbours across a face."""
    interior = np.ones(numbers.shape, bool)
    for axis in range(numbers.ndim):
        along, inside = np.moveaxis(numbers, axis, 0), np.moveaxis(interior, axis, 0)
        equal = along[1:] == along[:-1]
        inside[1:] &= equal
        inside[:-1] &= equal
    return interior


# Layout of a map in memory, and the first of several voxels in C order.


@dataclass(frozen=True)
class Layout:
    """Axes as they lie in memory: slowest first, none flipped.

    Attributes
    ----------
    shape : tuple of int
        Along these axes.
    order : tuple of int
        Which axis of the array each of them is.
    flips : tuple of int
        -1 where the array runs backwards, else 1.
    steps : tuple of int
        By how much the index in C order of the array grows along each of them.
    first : int
        The index in C order of the voxel that is first in memory.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    flips: tuple[int, ...]
    steps: tuple[int, ...]
    first: int

    @classmethod
    def of(cls, array: Array) -> Layout:
        """Return the layout of an array."""
        order = slowest_first(array.strides)
        flips = [-1 if array.strides[axis] < 0 else 1 for axis in order]
        shape = [array.shape[axis] for axis in order]
        steps = [math.prod(array.shape[axis + 1 :]) for axis in order]
        turned = zip(shape, flips, steps, strict=True)
        first = sum((n - 1) * step for n, flip, step in turned if flip < 0)
        signed = [flip * step for flip, step in zip(flips, steps, strict=True)]
        return cls(tuple(shape), tuple(order), tuple(flips), tuple(signed), first)

    def in_memory(self, array: Array) -> Array:
        """Return a view of an array of the same shape with its axes in this order."""
        flips = tuple(slice(None, None, flip) for flip in self.flips)
        return array.transpose(self.order)[flips]

    def restored(self, profiles: Sequence[Array]) -> tuple[Array, ...]:
        """Return one profile for each axis in memory, in the order of the array's axes.

        Each runs along its last axis, in the direction of the array.
        """
        return tuple(
            profiles[axis][..., :: self.flips[axis]]
            for axis in np.argsort(self.order).tolist()
        )

    def first_of(
        self, voxels: Array, shape: tuple[int, ...], starts: Sequence[int]
    ) -> int:
        """Return the smallest index in C order of the array.

        Parameters
        ----------
        voxels : ndarray of int
            Ascending indices, at least one, within a box in memory.
        shape, starts
            Of the box.
        """
        falling = [(-abs(step), axis) for axis, step in enumerate(self.steps)]
        for _, axis in sorted(falling):
            if len(voxels) == 1 or self._in_c_order:
                break
            along = voxels // math.prod(shape[axis + 1 :]) % shape[axis]
            nearest = along.min() if self.steps[axis] > 0 else along.max()
            voxels = voxels[along == nearest]
        place = np.unravel_index(int(voxels[0]), shape)
        corner = zip(self.steps, starts, place, strict=True)
        return self.first + sum(step * (start + int(i)) for step, start, i in corner)

    @property
    def _in_c_order(self) -> bool:
        steps = [s for s, n in zip(self.steps, self.shape, strict=True) if n > 1]
        return steps == sorted(steps, reverse=True) and min(steps, default=1) > 0


# One block of a map: its values sorted for each label and part, and their numbers.

# Step between the voxels of a block among which the commonest label is counted.
SPARSE = 61


@dataclass(frozen=True, eq=False)
class BlockNumbers:
    """Numbers of one block; a row for each of its labels.

    Attributes
    ----------
    labels : list of int
        Ascending. Some may have no voxel with data.
    counts, totals : ndarray, shape (labels, 2)
        Number of voxels and sum of values, at the boundary and inside.
    highest : ndarray, shape (labels, 2)
        Largest value; -inf for none.
    peaks : ndarray of int, shape (labels, 2)
        Index in C order of the map of the first voxel with it; -1 for none.
    slice_totals, slice_counts : list of ndarray, shapes (labels, length of the axis)
        Sum and number for each slice across each axis in memory.
    """

    labels: list[int]
    counts: Integers
    totals: Floats
    highest: Floats
    peaks: Integers
    slice_totals: list[Floats]
    slice_counts: list[Integers]


@dataclass(frozen=True, eq=False)
class Sources:
    """Map, labels and mask, with the axes as the map has them in memory.

    Attributes
    ----------
    values, labels : ndarray
        The map, and what its voxels belong to.
    no_data : ndarray of bool or None
        Voxels that count for nothing.
    layout : Layout
        How the map lies in memory.
    runs : ndarray, shape (voxels,)
        For the sorted values, those of a block where its voxels would be.
    """

    values: Array
    labels: Array
    no_data: Array | None
    layout: Layout
    runs: Array

    def numbers(self, box: Box, start: int) -> BlockNumbers:
        """Return the numbers of a block; its sorted values go to `runs` at `start`."""
        labels, keys = keyed(self.labels, box)
        values = self.values[box].reshape(-1).astype(self.runs.dtype, copy=False)
        missing = None
        if self.no_data is not None and self.no_data[box].any():
            missing = self.no_data[box].reshape(-1)
            values = np.where(missing, 0, values)
        groups = Groups.of(values, keys, missing, len(labels))
        slices = groups.slices()
        shape = len(labels), 2
        counts, totals = np.zeros(shape, np.int64), np.zeros(shape)
        highest, peaks = np.full(shape, -np.inf), np.full(shape, -1)
        corner = [one.start for one in box]
        for key in range(2 * len(labels)):
            group = groups.values_of(key)
            if group.size:
                run = self.runs[start : start + group.size]
                start += group.size
                _sort_into(run, group)
                counts.flat[key] = group.size
                totals.flat[key] = group.sum(dtype=np.float64)
                highest.flat[key] = run[-1]
                voxels = groups.voxels_with(key, run[-1])
                peaks.flat[key] = self.layout.first_of(voxels, keys.shape, corner)
        return BlockNumbers(labels, counts, totals, highest, peaks, *slices)


@dataclass(frozen=True, eq=False)
class Groups:
    """Voxels of a block in groups with the same key; groups of a label are neighbours.

    Attributes
    ----------
    values : ndarray, shape (voxels,)
        Of the whole block; 0 where there are no data.
    shape : tuple of int
        Of the block.
    n_labels : int
        There are twice as many keys.
    common : int
        The label whose groups are masks.
    masks : tuple of ndarray of bool, shape (voxels,)
        Its boundary and its interior.
    voxels, sorted_values : ndarray
        All other voxels, group after group, and their values.
    ends : ndarray of int, shape (2 · labels + 1,)
        Where these groups begin, and where the last one ends.
    """

    values: Array
    shape: tuple[int, ...]
    n_labels: int
    common: int
    masks: tuple[Array, Array]
    voxels: Array
    sorted_values: Array
    ends: Array

    @classmethod
    def of(
        cls, values: Array, keys: Array, missing: Array | None, n_labels: int
    ) -> Groups:
        """Return the groups of a block."""
        shape, keys = keys.shape, keys.reshape(-1)
        common = int(np.bincount(keys[::SPARSE] >> 1).argmax())
        boundary, interior = keys == 2 * common, keys == 2 * common + 1
        others = ~(boundary | interior)
        if missing is not None:
            for mask in (boundary, interior, others):
                mask &= ~missing
        voxels = np.flatnonzero(others)
        keys = keys.take(voxels)
        counts = np.bincount(keys, minlength=2 * n_labels)
        voxels = voxels.take(keys.argsort(kind="stable"))
        return cls(
            values,
            shape,
            n_labels,
            common,
            (boundary, interior),
            voxels,
            values.take(voxels),
            np.append(0, np.cumsum(counts)),
        )

    def values_of(self, key: int) -> Array:
        """Return the values of a group in the order in which they lie in memory."""
        if key >> 1 == self.common:
            return self.values[self.masks[key & 1]]
        return self.sorted_values[self.ends[key] : self.ends[key + 1]]

    def voxels_with(self, key: int, value: Any) -> Array:
        """Return the voxels of a group that have this value, ascending."""
        if key >> 1 == self.common:
            return np.flatnonzero((self.values == value) & self.masks[key & 1])
        group = slice(self.ends[key], self.ends[key + 1])
        voxels: Array = self.voxels[group][self.sorted_values[group] == value]
        return voxels

    def slices(self) -> tuple[list[Floats], list[Integers]]:
        """Return sums and counts for each label and slice across each axis."""
        length = self.shape[-1]
        n_rows = self.values.size // length
        rows = np.zeros((2, self.n_labels, n_rows))
        columns = np.zeros((2, self.n_labels, length))
        row = self.voxels // length
        column = self.voxels - row * length
        weights = self.sorted_values.astype(np.float64)
        for label in range(self.n_labels):
            own = slice(self.ends[2 * label], self.ends[2 * label + 2])
            if own.start < own.stop:
                for sums, index, n in ((rows, row, n_rows), (columns, column, length)):
                    sums[0, label] = np.bincount(index[own], weights[own], n)
                    sums[1, label] = np.bincount(index[own], minlength=n)
        mask = (self.masks[0] | self.masks[1]).reshape(n_rows, length)
        # A product, for a sum with a mask takes numpy ten times as long.
        inside = self.values.reshape(mask.shape) * mask
        for number, masked in enumerate((inside, mask)):
            rows[number, self.common] = masked.sum(axis=1, dtype=np.float64)
            columns[number, self.common] = masked.sum(axis=0, dtype=np.float64)
        profiles = [*_across(rows, self.shape[:-1]), columns]
        totals, counts = zip(*profiles, strict=True)
        return list(totals), [one.astype(np.int64) for one in counts]


def _across(rows: Array, shape: Sequence[int]) -> list[Array]:
    """Return sums for each slice across each axis of the box along the last axis."""
    boxes = rows.reshape(*rows.shape[:2], *shape)
    axes = range(2, boxes.ndim)
    return [boxes.sum(tuple(a for a in axes if a != axis)) for axis in axes]


def _sort_into(run: Array, values: Array) -> None:
    run[...] = values
    run.sort()
    # NaN comes last, and infinity at either end.
    if not math.isfinite(run[0]) or not math.isfinite(run[-1]):
        raise InputError(
            "The map holds values that are not finite; mark these voxels as no data."
        )


# All blocks of a map together.


def joined(
    shape: tuple[int, ...],
    layout: Layout,
    runs: Array,
    starts: Integers,
    boxes: Sequence[Box],
    blocks: Sequence[BlockNumbers],
) -> ClassStatistics:
    """Return the statistics of a map from those of its blocks, added in their order.

    Parameters
    ----------
    shape, layout
        Shape of the map, and its layout in memory.
    runs : ndarray
        The sorted values of all blocks.
    starts : ndarray of int, shape (blocks,)
        Where in `runs` those of each block begin.
    boxes : sequence of tuple of slice
        Where the blocks are, along the axes in memory.
    blocks : sequence of BlockNumbers
        Numbers of each block.
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
    """Return the labels of voxels with data, ascending."""
    found: set[int] = set()
    for block in blocks:
        rows = np.flatnonzero(block.counts.any(axis=1))
        found.update(block.labels[row] for row in rows.tolist())
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
