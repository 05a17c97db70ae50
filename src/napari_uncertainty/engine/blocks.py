"""Arrays cut into blocks that fit the cache, and threads that take them in turn.

A thread may wait for another one that never comes: none is left to start it, or it has
failed. So each of them is given an event that tells it to stop, which is there before
the first thread is started and set when anything goes wrong.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from itertools import product
from typing import Any, TypeVar

import numpy as np

Array = np.ndarray[Any, Any]

#: Slices for each axis and an ellipsis, so that even a single voxel gives an array.
Block = tuple[Any, ...]

#: A slice for each axis.
Box = tuple[slice, ...]

# Voxels that are taken together, so that masks stay small beside the map.
SLAB_VOXELS = 1 << 23


def in_memory_order(values: Array) -> tuple[Array, Callable[[Array], Array]]:
    """Return values with the spatial axes as they lie in memory.

    The slowest axis comes first, and none is flipped.

    Blocks are then runs of memory, whatever transposes and flips the caller's array
    has, and results made in the same order are cheap to write and to show.

    Parameters
    ----------
    values : ndarray, shape (classes, ...)
        Class axis first.

    Returns
    -------
    source : ndarray
        A view of `values`.
    restore : callable
        Turns an array made like one class of `source` into one like a class of
        `values`; a view too.
    """
    strides = values.strides[1:]
    order = slowest_first(strides)
    flips = tuple(slice(None, None, -1 if strides[axis] < 0 else 1) for axis in order)

    def restore(array: Array) -> Array:
        return array[flips].transpose(np.argsort(order))

    source = values.transpose(0, *(axis + 1 for axis in order))
    return source[(slice(None), *flips)], restore


def slowest_first(strides: Sequence[int]) -> list[int]:
    """Return axes in the order in which they lie in memory, the slowest first."""
    return sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))


def cut(length: int, each: int, most: int) -> list[slice]:
    """Return slices that cut an axis into runs of at most `most` values.

    Parameters
    ----------
    length : int
        Length of the axis.
    each : int
        Values at one index of it.
    most : int
        Values that a run may have; a run has one index at least.
    """
    step = max(1, most // max(1, each))
    starts = range(0, length, step)
    return [slice(start, min(start + step, length)) for start in starts]


def slabs(values: Array, voxels: int | None = None) -> list[Box]:
    """Return boxes that cut an array into pieces that lie together in memory.

    Parameters
    ----------
    values : ndarray
        Cut across the axis that is slowest in memory.
    voxels : int or None
        Voxels in a piece, at most; by default `SLAB_VOXELS`.
    """
    whole = tuple(slice(0, length) for length in values.shape)
    if not whole:
        return [whole]
    axis = int(np.argmax(np.abs(values.strides)))
    length = values.shape[axis]
    runs = cut(length, values.size // max(1, length), voxels or SLAB_VOXELS)
    return [(*whole[:axis], run, *whole[axis + 1 :]) for run in runs]


def tiles(shape: tuple[int, ...], voxels: int) -> Iterator[Block]:
    """Yield boxes of at most `voxels` that tile `shape`, whole along fast axes."""
    axes = []
    for length in reversed(shape):
        axes.append(cut(length, 1, voxels))
        voxels = voxels // length if 0 < length <= voxels else 1
    return ((*box, ...) for box in product(*reversed(axes)))


def widened(box: Box, by: Sequence[int], shape: Sequence[int]) -> tuple[Box, Box]:
    """Return a box with what is around it in a volume, and where it is in that.

    Parameters
    ----------
    box : tuple of slice
        With a start and a stop for each axis.
    by : sequence of int
        Voxels that are added at both ends of each axis, as far as there are some.
    shape : sequence of int
        Shape of the volume.
    """
    wide = tuple(
        slice(max(0, one.start - more), min(length, one.stop + more))
        for one, more, length in zip(box, by, shape, strict=True)
    )
    within = tuple(
        slice(one.start - more.start, one.stop - more.start)
        for one, more in zip(box, wide, strict=True)
    )
    return wide, within


def box_of(labels: Array) -> Box:
    """Return the smallest box that holds all labels but 0, which may be empty."""
    inside = labels != 0
    box = []
    for axis in range(labels.ndim):
        others = tuple(other for other in range(labels.ndim) if other != axis)
        places = np.flatnonzero(inside.any(axis=others))
        ends = (int(places[0]), int(places[-1]) + 1) if places.size else (0, 0)
        box.append(slice(*ends))
    return tuple(box)


# Threads of one fold: started, watched, and ended whatever happens.

Piece = TypeVar("Piece")
Result = TypeVar("Result")

# How often a running fold reports, and so how soon it can be closed, in seconds.
REPORT_INTERVAL = 0.03


def take_in_turn(
    pieces: Iterable[Piece],
    begin: Callable[[], Callable[[Piece], Result]],
    *,
    threads: int,
) -> Generator[float, None, list[Result]]:
    """Work on `pieces`, each once, in threads that take them in turn.

    Yields the share done. Where the generator is closed, the threads end with the
    pieces at hand.

    Parameters
    ----------
    pieces : iterable
        Pieces of the work.
    begin : callable
        Called in each thread; gives the function that works on one piece. Its results
        are collected, in no order.
    threads : int
        Largest number of threads.
    """
    left = deque(pieces)
    n_pieces, results = len(left), list[Result]()

    def take(stopped: threading.Event) -> None:
        work = begin()
        with np.errstate(all="ignore"):  # NaN and infinity are looked for afterwards
            while not stopped.is_set():
                try:
                    piece = left.popleft()
                except IndexError:
                    return
                results.append(work(piece))

    if left:
        yield from run_in_threads(
            [take] * min(threads, n_pieces),
            share=lambda: len(results) / n_pieces,
        )
    return results


def iter_each(
    work: Callable[[Piece], Result], pieces: Iterable[Piece], *, threads: int
) -> Generator[float, None, list[Result]]:
    """Work on `pieces` as :func:`take_in_turn` does, where threads need no memory."""
    return (yield from take_in_turn(pieces, lambda: work, threads=threads))


def run_in_threads(
    works: Sequence[Callable[[threading.Event], object]],
    *,
    share: Callable[[], float],
) -> Generator[float, None, None]:
    """Run each of `works` in a thread of its own, to the end.

    Yields `share()` every now and then, and at the end. The first error is raised.
    Closing the generator stops the works and waits for them: nothing goes on after it.

    Parameters
    ----------
    works : sequence of callable
        Each is called with an event, and has to end soon after that is set, whatever it
        waits for: after an error, where the generator is closed, and where not all
        threads could be started.
    share : callable
        Tells how much is done.
    """
    stopped = threading.Event()
    pool = ThreadPoolExecutor(len(works), thread_name_prefix="fold")
    try:
        running = {pool.submit(work, stopped) for work in works}
        # No more is to come: the threads end with their work, even if nobody asks this
        # generator to go on any more, as when a window is closed.
        pool.shutdown(wait=False)
        while running:
            done, running = wait(running, REPORT_INTERVAL, FIRST_EXCEPTION)
            for future in done:
                future.result()
            yield share()
    finally:
        stopped.set()
        pool.shutdown(wait=True)
