"""Cases in several processes of this machine, each of which may die.

A pool of :mod:`concurrent.futures` breaks as a whole when a process dies, and does not
tell which case was too large for it. Here each process has its own pipe: when that
breaks, it is known whose case it was, the others go on, and another process is started.
The pipe also ends a process whose parent was killed.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import Any

from ..limits import available_processors
from .case import Step, Task, failed, iter_task
from .summary import Row

KILLED = "The process that computed it was killed; probably it ran out of memory."

# Seconds between looks at whether the run is to be stopped, while no process tells
# anything.
LOOK = 0.1

# Seconds that a process has to end by itself when the run is stopped. It notices within
# a block of voxels, but not while it waits for a disk.
GRACE = 3.0


def in_processes(
    tasks: Sequence[Task], jobs: int
) -> Generator[Step | Row | None, None, None]:
    """Compute all tasks; a row for each, and steps or None in between.

    A case whose process dies is computed once more when all others are done, alone:
    together they may have been too large for the memory.

    Parameters
    ----------
    tasks : sequence of Task
        What to compute, taken up in this order.
    jobs : int
        Number of processes; they share the processors.
    """
    killed: list[Task] = []
    yield from _shared_out(tasks, jobs, killed)
    for task in killed:
        again: list[Task] = []
        yield from _shared_out([task], 1, again)
        if again:
            yield failed(task, KILLED)


def _shared_out(
    tasks: Sequence[Task], jobs: int, killed: list[Task]
) -> Generator[Step | Row | None, None, None]:
    """Hand the tasks out; those whose process died are added to `killed`."""
    waiting = deque(tasks)
    jobs = min(jobs, len(tasks))
    threads = max(1, available_processors() // jobs)
    workers: dict[Any, _Worker] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                worker = _Worker(threads)
                workers[worker.pipe] = worker
                worker.give(waiting.popleft())
            for pipe in wait(list(workers), LOOK):
                worker = workers[pipe]
                try:
                    message = worker.pipe.recv()
                except (EOFError, OSError):
                    del workers[pipe]
                    worker.end()
                    killed.append(worker.task)
                    continue
                if isinstance(message, Row):
                    if waiting:
                        worker.give(waiting.popleft())
                    else:
                        del workers[pipe]
                        worker.end()
                yield message
            yield None
    finally:
        _end(list(workers.values()))


class _Worker:
    """A process that computes one task after the other, and the pipe to it."""

    def __init__(self, threads: int) -> None:
        # Started anew, not forked: threads and locks of this process stay here.
        context = multiprocessing.get_context("spawn")
        self.task: Task
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(
            target=_serve, args=(theirs, threads), daemon=True
        )
        with _interrupt_held_back():
            self.process.start()
        theirs.close()

    def give(self, task: Task) -> None:
        self.task = task
        with suppress(OSError):  # it died: reading from the pipe will tell, too
            self.pipe.send(task)

    def end(self) -> None:
        _end([self])


def _end(workers: Sequence[_Worker]) -> None:
    """Let processes end, which they do when their pipe closes, or kill them."""
    for worker in workers:
        worker.pipe.close()
    deadline = time.monotonic() + GRACE
    for worker in workers:
        worker.process.join(max(0.0, deadline - time.monotonic()))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()


@contextmanager
def _interrupt_held_back() -> Iterator[None]:
    """Hold Ctrl-C back in a process that is started within, from its first moment on.

    It is the parent that ends it. Windows has no such mask.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # it lifts the mask when it is started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, threads: int) -> None:
    """Compute what comes through the pipe until it closes; runs in the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        while True:
            task: Task = pipe.recv()
            with closing(iter_task(task, threads)) as steps:
                while True:
                    try:
                        share = next(steps)
                    except StopIteration as end:
                        pipe.send(end.value)
                        break
                    pipe.send(Step(task.case, share))
    except (EOFError, OSError):
        return  # nobody is at the other end any more
