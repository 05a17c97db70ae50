"""Folding of arrays and plain files, any part of which can be taken at any time.

Each block is a set of voxels with all their classes, small enough to stay near the
processor. Threads take blocks in turn; numpy releases the interpreter lock meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .blocks import Block, take_in_turn, tiles
from .softmax import Folded, Kernel, Results, Running
from .values import read_values, sum_tolerance

Array = np.ndarray[Any, Any]
Buffers = tuple[Array, Running, Array]

# Values in a block, over all classes. A thread's two buffers of this size take 8 MB in
# float32, which stays near the processor. Smaller blocks fit closer caches, but then
# threads wait more for the interpreter lock, which they need between calls of numpy.
BLOCK_VALUES = 1 << 20


def iter_fold_array(
    source: Any,
    kernel: Kernel,
    *,
    scale: float,
    threads: int,
) -> Generator[float, None, Folded]:
    """Fold `source` block by block; yields the share done.

    Parameters
    ----------
    source : array_like, shape (classes, ...)
        Taken block by block, each block once, from several threads.
    kernel : Kernel
        The arithmetic.
    scale : float
        Sum that the values of a voxel should have.
    threads : int
        Number of threads.
    """
    results = kernel.results(source.shape[1:])
    fold = ArrayFold(kernel, source.shape[0], scale)

    def begin() -> Callable[[Block], float]:
        buffers = fold.buffers()
        return lambda block: fold.fold_block(
            source[(slice(None), *block)], results[block], buffers
        )

    deviations = yield from take_in_turn(
        tiles(source.shape[1:], fold.block_voxels),
        begin,
        threads=threads,
    )
    return Folded(results, max(deviations), fold.sum_tolerance, scale)


@dataclass(frozen=True, eq=False)
class ArrayFold:
    """Arithmetic and scale that all blocks of one fold share."""

    kernel: Kernel
    n_classes: int
    scale: float

    @property
    def block_voxels(self) -> int:
        """Voxels in a block."""
        return max(1, BLOCK_VALUES // self.n_classes)

    @property
    def sum_tolerance(self) -> float:
        """Share by which rounding may move the sums away from 1."""
        return sum_tolerance(self.scale, self.n_classes)

    def buffers(self) -> Buffers:
        """Return memory for :meth:`fold_block`; each thread needs its own."""
        voxels = self.block_voxels
        return (
            np.empty((2 * self.n_classes + 1, voxels), self.kernel.precision),
            self.kernel.running(voxels),
            np.empty((2, voxels), self.kernel.sum_type),
        )

    def fold_block(self, raw: Array, results: Results, buffers: Buffers) -> float:
        """Fold values of shape (classes, ...) into `results`, of shape (...).

        Returns the largest deviation of their sums from 1.
        """
        n_classes, n_voxels = len(raw), results.no_data.size
        rows, running, spare = (
            buffers[0][:, :n_voxels],
            buffers[1][:n_voxels],
            buffers[2][:, :n_voxels],
        )
        x = self._load(raw, rows[:n_classes])
        # Most classes are nowhere near: only those from the first to the last count.
        high = x.max(axis=1)
        live = [c for c in range(n_classes) if high[c] != 0 or x[c].min() != 0]
        if not live:
            # Of a softmax that means no data, and of others certain background.
            results.no_data[...] = self.kernel.sums_matter
            return 0.0
        first, x = live[0], x[live[0] : live[-1] + 1]
        low = x.min()
        if len(x) == 1 and low == high[first] == 1:
            # Far from all else, as most of a scan is. What stays 0 is not touched.
            label = self.kernel.label_of(first)
            if label and results.prediction is not None:
                results.prediction[...] = label
            return 0.0
        if not self.kernel.sums_matter:
            self.kernel.check(x)
        if low >= 0:  # not so for NaN either
            self.kernel.add(running, first, x, rows[n_classes:], fresh=True)
            deviation = self.kernel.finish(running, results, spare)
            if deviation <= self.sum_tolerance:
                return deviation
        return self._fold_with_care(raw, results)

    def _load(self, raw: Array, buffer: Array) -> Array:
        """Return the values of a block, shape (classes, voxels); a view if possible."""
        if raw.dtype == buffer.dtype and self.scale == 1 and raw[0].flags.c_contiguous:
            return raw.reshape(buffer.shape)
        read_values(raw, buffer.reshape(raw.shape), self.scale)
        return buffer

    def _fold_with_care(self, raw: Array, results: Results) -> float:
        """Fold in float64, normalised first: for gaps, odd sums and cancellation."""
        results.no_data[...] = False
        kernel = self.kernel.in_float64()
        x = np.array(raw, np.float64).reshape(len(raw), -1)
        gaps = ~np.isfinite(x.sum(axis=0))
        x[:, gaps] = 0 if kernel.sums_matter else np.nan
        kernel.check(x if kernel.sums_matter else x / self.scale)
        np.maximum(x, 0, out=x)
        sums = x.sum(axis=0)
        has_data = sums > 0
        x /= np.where(has_data, sums, 1) if kernel.sums_matter else self.scale
        running = kernel.running(x.shape[1])
        scratch = np.empty((len(x) + 2, x.shape[1]))
        kernel.add(running, 0, x, scratch, fresh=True)
        deviation = kernel.finish(running, results, scratch)
        if not kernel.sums_matter:
            return deviation
        if not has_data.any():
            return 0.0
        sums = sums[has_data] / self.scale
        return float(max(sums.max() - 1, 1 - sums.min()))
