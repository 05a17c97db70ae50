"""Folding classes that follow each other: only running numbers of each voxel stay."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from ..kinds import divisor_of
from ..probabilities import not_adding_up, scale_of_sums
from ..stored import StoredValues
from .arrays import BLOCK_VALUES
from .blocks import Block, tiles
from .kernel import Kernel
from .numbers import Folded, Results
from .threads import take_in_turn
from .values import (
    is_plain,
    read_values,
    stretches,
    sum_tolerance,
)

Array = np.ndarray[Any, Any]

# Voxels that are added at once: their running numbers stay near the processor.
RUN_VOXELS = 1 << 17


class ByClass:
    """One class after the other: running numbers of all voxels.

    Parameters
    ----------
    stored : StoredValues
        What comes; whole classes one after the other.
    kernel : Kernel
        The arithmetic.
    threads : int
        How many threads share the voxels.
    """

    piece_values = BLOCK_VALUES

    def __init__(self, stored: StoredValues, kernel: Kernel, threads: int) -> None:
        rounds, _, row = stored.layout
        self.stored = stored
        self.kernel = kernel
        self.threads = threads
        self.running = kernel.running(rounds * row)
        # What small integers are divided by; what they sum to shows only at the end.
        self.divisor = divisor_of(stored.dtype)
        # Which runs of voxels hold anything but 0 and 1.
        self.open = np.zeros(-(-rounds * row // RUN_VOXELS), np.bool_)

    def share_of(self, worker: int) -> ClassShare:
        """Return what one thread does."""
        return ClassShare(self, worker)

    def finish(self) -> Generator[float, None, Folded]:
        """Turn the running numbers into maps, in their place where they fit."""
        scale = self._require_scale()
        results = self.kernel.results_in_place(self.running)

        def begin() -> Callable[[Block], float]:
            scratch = np.empty((2, RUN_VOXELS), self.kernel.sum_type)
            return lambda block: self._finish_run(
                block, results[block], scratch, scale / self.divisor
            )

        deviations = yield from take_in_turn(
            tiles(self.running.sums.shape, RUN_VOXELS),
            begin,
            threads=self.threads,
        )
        tolerance = sum_tolerance(scale, self.stored.shape[0])
        return Folded(results, max(deviations), tolerance, scale)

    def _finish_run(
        self, block: Block, results: Results, scratch: Array, unit_sum: float
    ) -> float:
        running = self.running[block]
        if (
            not self.open[block[0].start // RUN_VOXELS]
            and running.sums.min() == running.sums.max() == unit_sum == 1
        ):
            for values in results.maps.values():
                if values.any():
                    values[...] = 0
            return 0.0
        scratch = scratch[:, : len(running.sums)]
        return self.kernel.finish(running, results, scratch, unit_sum)

    def _require_scale(self) -> float:
        """Return what the values of a voxel sum to, now that all sums are known."""
        if not self.kernel.sums_matter:
            return self.divisor
        sums = self.running.sums
        sample = sums[:: max(1, len(sums) // 100_003)] * np.float64(self.divisor)
        whole = self.stored.dtype.kind in "ui" or bool(
            (sample == np.rint(sample)).all()
        )
        scale = scale_of_sums(sample, self.stored.shape[0], whole)
        if scale is None and whole and sample.any():
            raise not_adding_up()
        return self.stored.require_scale(scale)


class ClassShare:
    """One thread's part of the work; it is shown all pieces, in their order.

    The runs of voxels are dealt out in turn, so that no two threads touch the same.
    """

    def __init__(self, fold: ByClass, worker: int) -> None:
        self._all = fold
        self._worker = worker
        self._scratch = np.empty((3, RUN_VOXELS), fold.kernel.precision)

    def add(self, start: int, piece: Array) -> None:
        """Add a piece that begins with value number `start` of the file."""
        _, n_classes, row = self._all.stored.layout
        while len(piece):
            before, place = divmod(start, n_classes * row)
            label, voxel = divmod(place, row)
            length = min(len(piece), row - voxel)
            self._add_class(label, before * row + voxel, piece[:length])
            start += length
            piece = piece[length:]

    def _add_class(self, label: int, first: int, raw: Array) -> None:
        """Add values of one class, from voxel `first` on, to those that are mine."""
        for start, stop, certain in stretches(raw, self._all.divisor):
            place = first + start
            while place < first + stop:
                run = place // RUN_VOXELS
                end = min(first + stop, (run + 1) * RUN_VOXELS)
                if run % self._all.threads == self._worker:
                    part = raw[place - first : end - first]
                    self._add_run(label, slice(place, end), part, certain)
                    self._all.open[run] |= not certain
                place = end

    def _add_run(self, label: int, place: slice, raw: Array, certain: bool) -> None:
        fold = self._all
        x, scratch = self._scratch[0, : len(raw)], self._scratch[1:, : len(raw)]
        plain = is_plain(raw)
        if raw.dtype == x.dtype and fold.divisor == 1:
            x = raw
        else:
            read_values(raw, x, fold.divisor, plain)
        if not plain or not fold.kernel.sums_matter:
            fold.kernel.check(x)
        if not plain:
            x = np.maximum(x, 0, where=np.isfinite(x), out=x.copy())
        running = fold.running[place]
        fold.kernel.add(running, label, x[None], scratch, binary=certain)
