"""One block of a map: its values sorted for each label and part, and their numbers.

The commonest label of a block is taken with masks over the whole block, all others
voxel by voxel, so that the work hardly grows with the number of labels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..fold.blocks import Box
from .keys import keyed
from .layout import Layout

Array = np.ndarray[Any, Any]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

# The commonest label is looked for among every so many voxels of a block.
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
    """A map and what belongs to it, axes as the map has them in memory.

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
        """Work on a block, and put its values in order from `start` on in `runs`."""
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
    """Voxels of a block that have a key in common; those of a label follow each other.

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
        """Tell the voxels of a block apart."""
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
        """The values of a group, as they follow each other in memory."""
        if key >> 1 == self.common:
            return self.values[self.masks[key & 1]]
        return self.sorted_values[self.ends[key] : self.ends[key + 1]]

    def voxels_with(self, key: int, value: Any) -> Array:
        """Voxels of a group that have this value, ascending."""
        if key >> 1 == self.common:
            return np.flatnonzero((self.values == value) & self.masks[key & 1])
        group = slice(self.ends[key], self.ends[key + 1])
        voxels: Array = self.voxels[group][self.sorted_values[group] == value]
        return voxels

    def slices(self) -> tuple[list[Floats], list[Integers]]:
        """Sums and counts for each label and slice across each axis."""
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
    """Sums for each slice across each axis, where the last axis of `rows` is a box."""
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
