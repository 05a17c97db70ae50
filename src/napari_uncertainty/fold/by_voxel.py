"""Folding files in which the classes of a voxel lie close together."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from ..kinds import divisor_of
from ..probabilities import refuse_label_map, scale_of, scale_of_sums
from ..stored import StoredValues
from .arrays import BLOCK_VALUES, ArrayFold
from .kernel import Kernel
from .numbers import Folded

Array = np.ndarray[Any, Any]


class ByVoxel:
    """All classes of some voxels in each piece of the file, which is finished at once.

    Parameters
    ----------
    stored : StoredValues
        What comes.
    kernel : Kernel
        The arithmetic.
    threads : int
        How many threads take the pieces in turn.
    """

    def __init__(self, stored: StoredValues, kernel: Kernel, threads: int) -> None:
        rounds, n_classes, row = stored.layout
        self.stored = stored
        self.kernel = kernel
        self.threads = threads
        self.results = kernel.results((rounds * row,))
        self.folded: list[Folded] = []
        self.piece_values = max(1, BLOCK_VALUES // (n_classes * row)) * n_classes * row

    def share_of(self, worker: int) -> VoxelShare:
        """Return what one thread does."""
        return VoxelShare(self, worker)

    def finish(self) -> Generator[float, None, Folded]:
        """Give the results, which are complete."""
        yield 1.0
        largest = max(folded.deviation for folded in self.folded)
        # A piece of nothing but padding does not know what stands for 1.
        told = max(self.folded, key=lambda folded: folded.scale)
        return told._replace(deviation=largest)


class VoxelShare:
    """One thread's part of the work; it is shown all pieces, in their order."""

    def __init__(self, fold: ByVoxel, worker: int) -> None:
        self._all = fold
        self._worker = worker
        self._fold: ArrayFold | None = None
        self._decided = False

    def add(self, start: int, piece: Array) -> None:
        """Finish the voxels of a piece that begins with value number `start`."""
        _, n_classes, row = self._all.stored.layout
        values = piece.reshape(-1, n_classes, row).swapaxes(0, 1)
        # The first piece that is not padding shows every thread the same.
        if self._fold is None or not self._decided:
            if self._all.kernel.sums_matter:
                refuse_label_map(values, 0)
                found = scale_of(values, 0) or _scale_of_all(values)
                self._decided = found is not None or bool(values.any())
                scale = self._all.stored.require_scale(found)
            else:
                scale, self._decided = divisor_of(values.dtype), True
            self._fold = ArrayFold(self._all.kernel, n_classes, scale)
            self._buffers = self._fold.buffers()
        if start // self._all.piece_values % self._all.threads != self._worker:
            return
        first, n_voxels = start // n_classes, values[0].size
        block = self._all.results[first : first + n_voxels]
        deviation = self._fold.fold_block(values, block, self._buffers)
        self._all.folded.append(
            Folded(
                self._all.results,
                deviation,
                self._fold.sum_tolerance,
                self._fold.scale,
            )
        )


def _scale_of_all(values: Array) -> float | None:
    """Return the scale of all voxels, for a coarse sample may meet only padding."""
    if values.dtype.kind not in "uif":
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        sums = values.sum(axis=0, dtype=np.float64)
        whole = values.dtype.kind in "ui" or bool((values == np.rint(values)).all())
    return scale_of_sums(sums, len(values), whole)
