"""Folding a file that can only be read from its beginning to its end.

One thread unpacks, another adds. Where whole classes follow each other in the file,
only the running numbers of each voxel stay; the maps take their place at the end. Where
the classes of a voxel lie together, each piece of the file is done at once.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from queue import Empty, Full, Queue
from typing import Any

import numpy as np

from ..errors import InputError
from ..probabilities import refuse_label_map, scale_of
from ..stored import StoredValues
from .arrays import BLOCK_VALUES, ArrayFold
from .by_class import ByClass
from .kernel import Kernel
from .numbers import Folded
from .threads import run_in_threads

Array = np.ndarray[Any, Any]

# So many unpacked pieces may wait for being added.
PIECES_WAITING = 4

# How soon a waiting thread notices that it is to stop, in seconds.
PATIENCE = 0.05


def iter_fold_stream(
    stored: StoredValues, kernel: Kernel, *, threads: int, cancel: threading.Event
) -> Generator[float, None, Folded | None]:
    """Fold a file in one pass; yields the share done, returns None if cancelled.

    The results are flat, in the order of the file.

    Raises
    ------
    InputError
        If the file is damaged, or its values are no probabilities.
    """
    _, n_classes, row = stored.layout
    by_class = n_classes * row > BLOCK_VALUES
    fold = ByClass(stored, kernel) if by_class else ByVoxel(stored, kernel)
    stopped = threading.Event()
    pieces: Queue[Array | None] = Queue(PIECES_WAITING)
    done = 0
    refused: list[InputError] = []

    def hand_over(piece: Array | None) -> None:
        while not stopped.is_set():
            with suppress(Full):
                pieces.put(piece, timeout=PATIENCE)
                return

    def unpack() -> None:
        for piece in stored.pieces(fold.piece_values):
            if stopped.is_set():
                return
            hand_over(piece)
        hand_over(None)  # that was all

    def arriving() -> Iterator[Array]:
        while not stopped.is_set():
            try:
                piece = pieces.get(timeout=PATIENCE)
            except Empty:
                continue
            if piece is None:
                return
            yield piece

    def add() -> None:
        nonlocal done
        with np.errstate(all="ignore"):  # NaN and infinity are looked for afterwards
            for piece in arriving():
                # Odd values may come from damage, which only the end of the file
                # tells for certain.
                if not refused:
                    try:
                        fold.add(piece)
                    except InputError as error:
                        refused.append(error)
                done += len(piece)

    yield from run_in_threads(
        [unpack, add],
        share=lambda: 0.95 * done / stored.size,
        stop=stopped.set,
        cancel=cancel,
    )
    if refused:
        raise refused[0]
    if cancel.is_set() or done < stored.size:
        return None
    finish = fold.finish(threads, cancel)
    while True:
        try:
            yield 0.95 + 0.05 * next(finish)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


class ByVoxel:
    """All classes of some voxels in each piece of the file."""

    def __init__(self, stored: StoredValues, kernel: Kernel) -> None:
        rounds, n_classes, row = stored.layout
        self._stored = stored
        self._layout = (n_classes, row)
        self._kernel = kernel
        self._results = kernel.results((rounds * row,))
        self._fold: ArrayFold | None = None
        self._done = 0
        self._deviation = 0.0
        self.piece_values = max(1, BLOCK_VALUES // (n_classes * row)) * n_classes * row

    def add(self, piece: Array) -> None:
        """Finish the voxels of the next piece."""
        values = piece.reshape(-1, *self._layout).swapaxes(0, 1)
        if self._fold is None:
            refuse_label_map(values, 0)
            scale = self._stored.require_scale(scale_of(values, 0))
            self._fold = ArrayFold(self._kernel, len(values), scale)
            self._buffers = self._fold.buffers()
        n_voxels = values[0].size
        block = self._results[self._done : self._done + n_voxels]
        self._done += n_voxels
        deviation = self._fold.fold_block(values, block, self._buffers)
        self._deviation = max(self._deviation, deviation)

    def finish(
        self, threads: int, cancel: threading.Event
    ) -> Generator[float, None, Folded]:
        """Give the results, which are complete."""
        assert self._fold is not None
        yield 1.0
        return Folded(self._results, self._deviation, self._fold.sum_tolerance)
