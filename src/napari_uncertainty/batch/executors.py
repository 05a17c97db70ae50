"""Ways to compute many cases: in this process, in several, or on a Dask cluster.

Several processes on this machine have a pipe each. When one of them dies, its case is
known, the others go on, and another process is started; when the parent is killed, the
processes end because their pipes close. A pool of :mod:`concurrent.futures` breaks as a
whole instead: in a trial, one killed process cost all seven cases. Pebble loses only
one case, but like any pool it does not tell how far a case is, for which each process
needs a pipe again; and its processes do not hold Ctrl-C back while they start.

On an existing Dask cluster, workers read and write files themselves, and only tasks and
rows are sent. So paths must mean the same files everywhere, as on a shared file
system, and napari-uncertainty must be installed everywhere.
"""

from __future__ import annotations

import logging
import multiprocessing
import signal
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager, suppress
from multiprocessing.connection import Connection, wait
from queue import Empty, SimpleQueue
from typing import Any

from ..errors import InputError
from ..limits import available_processors
from ..version import __version__
from .summary import Row
from .task import Step, Task, failed, iter_events, run_task

Event = Step | Row | str | None

#: Computes tasks. Yields a row when a case ends, and steps and notes for a person in
#: between. Closing the generator stops the run. Since it can only be closed where it
#: yields, it yields None every now and then while it waits.
Execute = Callable[[Sequence[Task]], Generator[Event, None, None]]

PROCESS_KILLED = (
    "The process that computed it was killed; probably it ran out of memory."
)
WORKERS_KILLED = "Each worker that computed it died; probably it ran out of memory."
NO_WORKER = (
    "The cluster has no worker at the moment; waiting for one. (One without "
    "napari-uncertainty ends when it is given something to do.)"
)

# Seconds to wait for news of the cases before None is yielded.
LOOK = 0.1

# Seconds that a process has to end by itself when the run is stopped. It notices within
# a block of voxels, but not while it waits for a disk.
GRACE = 3.0

# Seconds for the scheduler to answer, and between checks that there is a worker.
ANSWER = 10.0
WORKER_LOOK = 10.0

# How often a task that raises is given to another worker. Errors of a case become rows,
# so only a worker that cannot even begin raises.
RETRIES = 3


def executor(jobs: int | None, scheduler: str | None) -> Execute:
    """Return what computes tasks: this process, several, or a cluster at an address."""
    if scheduler is not None:
        return lambda tasks: on_cluster(tasks, scheduler)
    if jobs is not None and jobs > 1:
        return lambda tasks: in_processes(tasks, jobs)
    return in_this_process


def in_this_process(
    tasks: Sequence[Task], threads: int | None = None
) -> Generator[Event, None, None]:
    """Compute tasks one after the other, each on several threads.

    Parameters
    ----------
    tasks : sequence of Task
        The tasks, computed in this order.
    threads : int or None
        Threads for each case; by default as many as there are processors.
    """
    for task in tasks:
        yield from iter_events(task, threads)


def _twice_if_killed(
    hand_out: Callable[[Sequence[Task]], Generator[Event, None, list[Task]]],
    tasks: Sequence[Task],
    message: str,
) -> Generator[Event, None, None]:
    """Hand tasks out, and killed ones once more, alone, when all others are done.

    Several cases may have been too large for the memory together. `hand_out` returns
    the tasks that were killed; `message` is the reason in the row of a task that was
    killed twice.
    """
    for task in (yield from hand_out(tasks)):
        if (yield from hand_out([task])):
            yield failed(task, message)


def in_processes(tasks: Sequence[Task], jobs: int) -> Generator[Event, None, None]:
    """Compute tasks in several processes of this machine, each of which may die.

    Parameters
    ----------
    tasks : sequence of Task
        The tasks, begun in this order.
    jobs : int
        Number of processes; they share the processors.
    """
    yield from _twice_if_killed(
        lambda some: _to_processes(some, min(jobs, len(some))), tasks, PROCESS_KILLED
    )


def _to_processes(
    tasks: Sequence[Task], jobs: int
) -> Generator[Event, None, list[Task]]:
    """Hand tasks out to processes; returns the tasks whose process died."""
    waiting, killed = deque(tasks), list[Task]()
    threads = max(1, available_processors() // max(1, jobs))
    workers: dict[Any, _CaseProcess] = {}
    try:
        while waiting or workers:
            while waiting and len(workers) < jobs:
                worker = _CaseProcess(threads)
                workers[worker.pipe] = worker
                worker.give(waiting.popleft())
            for pipe in wait(list(workers), LOOK):
                worker = workers[pipe]
                message: Event = None
                try:
                    message = worker.pipe.recv()
                except (EOFError, OSError):
                    killed.append(worker.task)
                else:
                    yield message
                    if not isinstance(message, Row):
                        continue
                    if waiting:
                        worker.give(waiting.popleft())
                        continue
                del workers[pipe]
                _end([worker])
            yield None
    finally:
        _end(list(workers.values()))
    return killed


class _CaseProcess:
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
        with suppress(OSError):  # it died, which shows when the pipe is read
            self.pipe.send(task)


def _end(workers: Sequence[_CaseProcess]) -> None:
    """Close the pipes, at which processes end, and kill those that do not in time."""
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

    The parent ends such a process. Windows has no mask of signals.
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
    """Compute the tasks that come through a pipe until it closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Receiving and sending raise when the other end of the pipe is closed.
    with suppress(EOFError, OSError):
        while True:
            with closing(iter_events(pipe.recv(), threads)) as events:
                for event in events:
                    pipe.send(event)


def on_cluster(tasks: Sequence[Task], address: str) -> Generator[Event, None, None]:
    """Compute tasks on an existing Dask cluster.

    A worker that dies loses no case: the scheduler gives its cases to another one.

    Parameters
    ----------
    tasks : sequence of Task
        The tasks.
    address : str
        Address of the scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises
    ------
    InputError
        If dask.distributed is not installed or no scheduler answers.
    """
    client = _connected(address)
    try:
        yield from _twice_if_killed(
            lambda some: _to_workers(client, some), tasks, WORKERS_KILLED
        )
    finally:
        client.close(timeout=ANSWER)


def run_on_worker(task: Task) -> Row:
    """Compute one case on a worker.

    It uses one thread: a worker takes as many tasks at a time as it has threads.
    """
    if task.version != __version__:
        return failed(
            task,
            f"The worker has napari-uncertainty {__version__}, this is "
            f"{task.version}; install the same version on both.",
        )
    return run_task(task, threads=1)


def _connected(address: str) -> Any:
    try:
        import distributed
        from distributed.comm.addressing import get_address_host_port
    except ImportError as error:
        raise InputError(
            f"A Dask cluster needs dask.distributed ({error}); install it with "
            'pip install "napari-uncertainty[distributed]".'
        ) from error
    # Errors become rows, or one sentence, so Dask need not log them.
    for name in ("distributed.client", "distributed.comm", "distributed.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        # A client that is given a malformed address does not end cleanly.
        get_address_host_port(address)
        connect: Any = distributed.Client
        return connect(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address} ({error})."
        ) from error


def _to_workers(
    client: Any, tasks: Sequence[Task]
) -> Generator[Event, None, list[Task]]:
    """Hand tasks out to workers; returns the tasks whose workers died."""
    run, killed = uuid.uuid4().hex, list[Task]()
    futures: dict[Any, Task] = {}
    ended: SimpleQueue[Any] = SimpleQueue()
    has_warned, quiet_since = False, time.monotonic()
    try:
        for task in tasks:
            future = client.submit(
                run_on_worker,
                task,
                key=f"napari-uncertainty-{task.case}-{run}",
                pure=False,
                retries=RETRIES,
            )
            futures[future] = task
            future.add_done_callback(ended.put)
        while futures:
            try:
                future = ended.get(timeout=LOOK)
            except Empty:
                yield None
                if not has_warned and time.monotonic() - quiet_since > WORKER_LOOK:
                    quiet_since = time.monotonic()
                    if _has_no_worker(client):
                        has_warned = True
                        yield NO_WORKER
                continue
            quiet_since = time.monotonic()
            task = futures.pop(future)
            row = yield from _row(future, task)
            if row is None:
                killed.append(task)
            else:
                yield row
    finally:
        client.cancel(list(futures))
    return killed


def _has_no_worker(client: Any) -> bool:
    try:
        return not client.sync(client.scheduler.ncores, callback_timeout=ANSWER)
    except OSError:  # the connection is being made anew, or nobody answers
        return False


def _row(future: Any, task: Task) -> Generator[None, None, Row | None]:
    """Return the row of a task that ended; None if its workers died.

    Its row is fetched from the worker, which may hang: yields None meanwhile, after a
    second at first, and as long as a slow network may need later.
    """
    from distributed.scheduler import KilledWorker

    patience = 1.0
    try:
        while True:
            try:
                row: Row = future.result(timeout=patience)
            except TimeoutError:
                if future.status != "finished":
                    raise  # the task's own
                patience = min(2 * patience, ANSWER)
                yield None
            else:
                return row
    except KilledWorker:
        return None
    except (CancelledError, OSError):
        return failed(
            task,
            "The connection to the scheduler was lost; run the same command again "
            "to go on.",
        )
    except Exception as error:  # noqa: BLE001  named on stderr and in the summary
        return failed(
            task,
            f"The cluster could not begin with it ({type(error).__name__}: {error}); "
            "its scheduler and workers need napari-uncertainty and the same versions "
            "of what it builds on as here.",
        )
