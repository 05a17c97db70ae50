"""Folding a file that can only be read from its beginning to its end.

One thread unpacks, the others add, each for voxels of its own. Where whole classes
follow each other in the file, only the running numbers of each voxel stay, and the maps
take their place at the end (:mod:`.by_class`). Where the classes of a voxel lie
together, each piece of the file is finished at once (:mod:`.by_voxel`).
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from functools import partial
from queue import Empty, Full, Queue
from typing import Any

import numpy as np

from ..errors import InputError
from ..steps import part
from ..stored import StoredValues
from .arrays import BLOCK_VALUES
from .by_class import ByClass
from .by_voxel import ByVoxel
from .kernel import Kernel
from .numbers import Folded
from .threads import run_in_threads

Array = np.ndarray[Any, Any]

# So many unpacked pieces may wait for being added. More would not stay near the
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
        share = fold.share_of(worker)
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
