"""Threads of one fold: started, watched, and ended whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

# How often a running fold reports, and so how soon it notices a cancel, in seconds.
REPORT_INTERVAL = 0.03


def run_in_threads(
    works: Sequence[Callable[[], object]],
    *,
    share: Callable[[], float],
    stop: Callable[[], object],
    cancel: threading.Event,
) -> Generator[float, None, None]:
    """Run each of `works` in a thread of its own, to the end.

    Yields `share()` every now and then, and at the end. The first error is raised.
    After an error, a cancel, or where the generator is closed, `stop` is called, which
    has to bring the works to an end soon.
    """
    pool = ThreadPoolExecutor(len(works), thread_name_prefix="fold")
    running = {pool.submit(work) for work in works}
    # No more is to come: the threads end with their work, even if nobody asks this
    # generator to go on any more, as when a window is closed.
    pool.shutdown(wait=False)
    try:
        while running and not cancel.is_set():
            done, running = wait(running, REPORT_INTERVAL, FIRST_EXCEPTION)
            for future in done:
                future.result()
            yield share()
    finally:
        stop()
        pool.shutdown(wait=True)
