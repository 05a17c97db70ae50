"""Folding classes that follow each other: only running numbers of each voxel stay."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from ..probabilities import not_adding_up, scale_of_sums
from ..stored import StoredValues
from .arrays import BLOCK_VALUES
from .blocks import Block, tiles
from .kernel import Kernel
from .numbers import Folded, Results
from .threads import take_in_turn
from .values import (
    divisor_of,
    is_plain,
    read_values,
    refuse_negative,
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
    """

    piece_values = BLOCK_VALUES

    def __init__(self, stored: StoredValues, kernel: Kernel) -> None:
        rounds, _, row = stored.layout
        self._stored = stored
        self._kernel = kernel
        self._done = 0
        self._running = kernel.running(rounds * row)
        self._scratch = np.empty((3, RUN_VOXELS), kernel.precision)
        # What small integers are divided by; what they sum to shows only at the end.
        self._divisor = divisor_of(stored.dtype)
        # Which runs of voxels hold anything but 0 and 1.
        self._open = np.zeros(-(-rounds * row // RUN_VOXELS) + 1, np.bool_)

    def add(self, piece: Array) -> None:
        """Add the next piece of the file to the running numbers of its voxels."""
        _, n_classes, row = self._stored.layout
        while len(piece):
            before, place = divmod(self._done, n_classes * row)
            label, voxel = divmod(place, row)
            length = min(len(piece), row - voxel)
            self._add_voxels(label, before * row + voxel, piece[:length])
            self._done += length
            piece = piece[length:]

    def _add_voxels(self, label: int, first: int, raw: Array) -> None:
        for start, stop, certain in stretches(raw, self._divisor, RUN_VOXELS):
            part = raw[start:stop]
            x, scratch = self._scratch[0, : len(part)], self._scratch[1:, : len(part)]
            plain = is_plain(part)
            if part.dtype == x.dtype and self._divisor == 1:
                x = part
            else:
                read_values(part, x, self._divisor, plain)
            if not plain:
                refuse_negative(x)
                x = np.maximum(x, 0, where=np.isfinite(x), out=x.copy())
            place = slice(first + start, first + stop)
            running = self._running[place]
            self._kernel.add(running, label, x[None], scratch, binary=certain)
            if not certain:
                blocks = slice(
                    place.start // RUN_VOXELS, (place.stop - 1) // RUN_VOXELS + 1
                )
                self._open[blocks] = True

    def finish(
        self, threads: int, cancel: threading.Event
    ) -> Generator[float, None, Folded | None]:
        """Turn the running numbers into maps, in their place where they fit."""
        scale = self._require_scale()
        results = self._kernel.results_in_place(self._running)

        def begin() -> Callable[[Block], float]:
            scratch = np.empty((2, RUN_VOXELS), self._kernel.sum_type)
            return lambda block: self._finish_run(
                block, results[block], scratch, scale / self._divisor
            )

        deviations = yield from take_in_turn(
            tiles(self._running.sums.shape, RUN_VOXELS),
            begin,
            threads=threads,
            cancel=cancel,
        )
        if deviations is None:
            return None
        tolerance = sum_tolerance(scale, self._stored.shape[0])
        return Folded(results, max(deviations), tolerance)

    def _finish_run(
        self, block: Block, results: Results, scratch: Array, unit_sum: float
    ) -> float:
        running = self._running[block]
        if (
            not self._open[block[0].start // RUN_VOXELS]
            and running.sums.min() == running.sums.max() == unit_sum == 1
        ):
            for values in results.maps.values():
                if values.any():
                    values[...] = 0
            return 0.0
        scratch = scratch[:, : len(running.sums)]
        return self._kernel.finish(running, results, scratch, unit_sum)

    def _require_scale(self) -> float:
        """What the values of a voxel sum to, now that all sums are known."""
        sums = self._running.sums
        sample = sums[:: max(1, len(sums) // 100_003)] * np.float64(self._divisor)
        whole = self._stored.dtype.kind in "ui" or bool(
            (sample == np.rint(sample)).all()
        )
        scale = scale_of_sums(sample, self._stored.shape[0], whole)
        if scale is None and whole and sample.any():
            raise not_adding_up()
        return self._stored.require_scale(scale)
