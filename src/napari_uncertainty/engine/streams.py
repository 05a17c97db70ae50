"""Folding a file that can only be read from its beginning to its end.

One thread unpacks, the others add, each for voxels of its own. Where whole classes
follow each other in the file, only the running numbers of each voxel are kept, and the
maps take their place at the end (:class:`ByClass`). Where the classes of a voxel lie
together, each piece of the file is finished at once (:class:`ByVoxel`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, Full, Queue
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.kinds import divisor_of
from ..model.probabilities import (
    not_adding_up,
    refuse_label_map,
    scale_of,
    scale_of_sums,
)
from ..model.stored import StoredValues, parts_by_class
from ..steps import part
from .arrays import BLOCK_VALUES, ArrayFold
from .blocks import Block, run_in_threads, take_in_turn, tiles
from .softmax import Folded, Kernel, Results
from .values import is_plain, read_values, sampled_sums, stretches, sum_tolerance

Array = np.ndarray[Any, Any]


# Threads that unpack a file and add its values.

# Unpacked pieces that may wait until they are added. More would not stay near the
# processor until it is their turn.
PIECES_WAITING = 2

# Unpacking is never so quick that more threads than these had something to add.
MOST_ADDING = 4

# How soon a waiting thread notices that it is to stop, in seconds.
PATIENCE = 0.05


def iter_fold_stream(
    stored: StoredValues, kernel: Kernel, *, threads: int
) -> Generator[float, None, Folded]:
    """Fold a file in one pass; yields the share done.

    The results are flat, in the order of the file.

    Raises
    ------
    InputError
        If the file is damaged, or its values are no probabilities.
    """
    # One more unpacks. More threads than processors would wait for each other's lock.
    threads = max(1, min(threads - 1, MOST_ADDING))
    _, n_classes, row = stored.layout
    by_class = n_classes * row > BLOCK_VALUES
    fold: Any = (ByClass if by_class else ByVoxel)(stored, kernel, threads)
    share_of: Any = ClassShare if by_class else VoxelShare
    queues = [Queue[Array | None](PIECES_WAITING) for _ in range(threads)]
    done = [0] * threads
    refused: list[InputError] = []

    def hand_over(piece: Array | None, stopped: threading.Event) -> None:
        for queue in queues:
            while not stopped.is_set():
                with suppress(Full):
                    queue.put(piece, timeout=PATIENCE)
                    break

    def unpack(stopped: threading.Event) -> None:
        for piece in stored.pieces(fold.piece_values):
            if stopped.is_set():
                return
            if len(piece):  # where something is looked at first, empty ones come
                hand_over(piece, stopped)
        hand_over(None, stopped)  # that was all

    def arriving(
        queue: Queue[Array | None], stopped: threading.Event
    ) -> Iterator[Array]:
        while not stopped.is_set():
            try:
                piece = queue.get(timeout=PATIENCE)
            except Empty:
                continue
            if piece is None:
                return
            yield piece

    def add(worker: int, stopped: threading.Event) -> None:
        share = share_of(fold, worker)
        with np.errstate(all="ignore"):  # NaN and infinity are looked for afterwards
            for piece in arriving(queues[worker], stopped):
                # Odd values may come from damage, which only the end of the file
                # tells for certain.
                if not refused:
                    try:
                        share.add(done[worker], piece)
                    except InputError as error:
                        refused.append(error)
                done[worker] += len(piece)

    yield from run_in_threads(
        [unpack, *(partial(add, worker) for worker in range(threads))],
        share=lambda: 0.95 * min(done) / stored.size,
    )
    if refused:
        raise refused[0]
    folded: Folded = yield from part(fold.finish(), 0.95, 1)
    return folded


# Files in which classes follow each other: running numbers of all voxels are kept.

# Voxels that are added at once: their running numbers stay near the processor.
RUN_VOXELS = 1 << 17


class ByClass:
    """Fold of one class after the other, with running numbers of all voxels.

    Parameters
    ----------
    stored : StoredValues
        Values of the file; whole classes one after the other.
    kernel : Kernel
        The arithmetic.
    threads : int
        Number of threads that share the voxels.
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
        """Return the sum of the values of a voxel, now that all sums are known."""
        if not self.kernel.sums_matter:
            return self.divisor
        sample, whole = sampled_sums(self.running.sums, self.divisor, self.stored.dtype)
        scale = scale_of_sums(sample, self.stored.shape[0], whole)
        if scale is None and whole and sample.any():
            raise not_adding_up()
        return self.stored.require_scale(scale)


class ClassShare:
    """Work of one thread, which is given all pieces in their order.

    The runs of voxels are dealt out in turn, so that no two threads touch the same.
    """

    def __init__(self, fold: ByClass, worker: int) -> None:
        self._all = fold
        self._worker = worker
        self._scratch = np.empty((3, RUN_VOXELS), fold.kernel.precision)

    def add(self, start: int, piece: Array) -> None:
        """Add a piece that begins with value number `start` of the file."""
        layout = self._all.stored.layout
        for label, (around, voxels), values in parts_by_class(start, piece, layout):
            self._add_class(label, around * layout[2] + voxels.start, values)

    def _add_class(self, label: int, first: int, raw: Array) -> None:
        """Add values of one class, from voxel `first` on, to voxels of this thread."""
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


# Files in which the classes of a voxel lie close together.


class ByVoxel:
    """Fold of pieces that hold all classes of some voxels, each finished at once.

    Parameters
    ----------
    stored : StoredValues
        Values of the file.
    kernel : Kernel
        The arithmetic.
    threads : int
        Number of threads that take the pieces in turn.
    """

    def __init__(self, stored: StoredValues, kernel: Kernel, threads: int) -> None:
        rounds, n_classes, row = stored.layout
        self.stored = stored
        self.kernel = kernel
        self.threads = threads
        self.results = kernel.results((rounds * row,))
        self.folded: list[Folded] = []
        self.piece_values = max(1, BLOCK_VALUES // (n_classes * row)) * n_classes * row

    def finish(self) -> Generator[float, None, Folded]:
        """Return the results, which are complete already."""
        yield 1.0
        largest = max(folded.deviation for folded in self.folded)
        # A piece of nothing but padding does not know what stands for 1.
        known = max(self.folded, key=lambda folded: folded.scale)
        return known._replace(deviation=largest)


class VoxelShare:
    """Work of one thread, which is given all pieces in their order."""

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
                scale_found = scale_of(values, 0) or _scale_of_all(values)
                self._decided = scale_found is not None or bool(values.any())
                scale = self._all.stored.require_scale(scale_found)
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
