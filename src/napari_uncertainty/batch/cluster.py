"""Cases on an existing Dask cluster, whose workers read and write by themselves.

Tasks and rows are all that travels. So the paths must mean the same files everywhere,
as on a shared file system, and napari-uncertainty must be installed everywhere.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Generator, Sequence
from queue import Empty, SimpleQueue
from typing import Any

from ..errors import InputError
from ..version import __version__
from .case import Task, failed, run_task
from .summary import Row

KILLED = "Each worker that computed it died; probably it ran out of memory."
NO_WORKER = (
    "The cluster has no worker at the moment; waiting for one. (One without "
    "napari-uncertainty ends when it is given something to do.)"
)

# Seconds for the scheduler to answer, between looks at whether there is a worker, and
# between those at whether the run is to be stopped.
ANSWER = 10.0
LOOK = 10.0
PULSE = 0.1

# How often a task that raises is given to another worker. Its own errors become rows;
# what raises is a worker that cannot even begin.
RETRIES = 3


def on_cluster(
    tasks: Sequence[Task], address: str
) -> Generator[str | Row | None, None, None]:
    """Compute all tasks; a row for each, and text where a person should know.

    None comes in between, while nothing ends.

    A worker that dies loses no case: the scheduler gives its cases to another one. A
    case that was there too often when one died is tried once more when all others are
    done, alone, for it need not be the culprit.

    Parameters
    ----------
    tasks : sequence of Task
        What to compute.
    address : str
        Of the scheduler, such as ``tcp://127.0.0.1:8786``.

    Raises
    ------
    InputError
        If dask.distributed is not installed or no scheduler answers.
    """
    client = _connected(address)
    try:
        killed: list[Task] = []
        yield from _shared_out(client, tasks, killed)
        for task in killed:
            again: list[Task] = []
            yield from _shared_out(client, [task], again)
            if again:
                yield failed(task, KILLED)
    finally:
        client.close(timeout=ANSWER)


def run_on_worker(task: Task) -> Row:
    """Compute one case on a worker.

    One thread, as Dask counts them: a worker takes on as many tasks as it has threads.
    """
    here = __version__
    if task.version != here:
        return failed(
            task,
            f"The worker has napari-uncertainty {here}, this is {task.version}; "
            "install the same version on both.",
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
    # What goes wrong becomes rows, or one sentence.
    for name in ("distributed.client", "distributed.comm", "distributed.utils"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        # A client that got no address at all is not ended well.
        get_address_host_port(address)
        connect: Any = distributed.Client
        return connect(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address} ({error})."
        ) from error


def _shared_out(
    client: Any, tasks: Sequence[Task], killed: list[Task]
) -> Generator[str | Row | None, None, None]:
    """Hand the tasks out; those whose workers died are added to `killed`."""
    run = uuid.uuid4().hex
    futures: dict[Any, Task] = {}
    ended: SimpleQueue[Any] = SimpleQueue()
    told, quiet_since = False, time.monotonic()
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
                future = ended.get(timeout=PULSE)
            except Empty:
                yield None
                if not told and time.monotonic() - quiet_since > LOOK:
                    quiet_since = time.monotonic()
                    if _has_no_worker(client):
                        told = True
                        yield NO_WORKER
                continue
            quiet_since = time.monotonic()
            row = yield from _row(future, futures.pop(future))
            if isinstance(row, Row):
                yield row
            else:
                killed.append(row)
    finally:
        client.cancel(list(futures))


def _has_no_worker(client: Any) -> bool:
    try:
        return not client.sync(client.scheduler.ncores, callback_timeout=ANSWER)
    except OSError:  # the connection is being made anew, or nobody answers
        return False


def _row(future: Any, task: Task) -> Generator[None, None, Row | Task]:
    """What became of a task; the task itself if its workers died.

    Its row is fetched from the worker, which may hang: yields None meanwhile, after a
    second at first, and as long as a slow network may need later.
    """
    from concurrent.futures import CancelledError

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
        return task
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
