"""Threads of one fold: started, watched, and ended whatever happens.

A thread may wait for another one that never comes: none is left to start it, or it has
failed. So each of them is given an event that tells it to stop, which is there before
the first thread is started and set when anything goes wrong.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np

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
        What there is to do.
    begin : callable
        Called in each thread; gives the function that works on one piece. Its results
        are collected, in no order.
    threads : int
        How many threads, at most.
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
