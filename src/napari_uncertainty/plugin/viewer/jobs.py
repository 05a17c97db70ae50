"""Generators of the core on a background thread, with progress, cancel and errors.

A job is given arrays, never layers. Its callbacks run on the main thread, and none of
them runs after the job was cancelled.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, ClassVar, Generic, TypeVar

from napari.qt.threading import GeneratorWorker, create_worker
from qtpy.QtCore import QThreadPool

from ...errors import InputError

Result = TypeVar("Result")
Steps = Callable[[], Generator[float, None, Result]]

#: Milliseconds that the program waits at its end for jobs, which need far fewer.
END_MS = 2000


def _ignore(_share: float = 0.0) -> None:
    """Do nothing; work of less than a second needs no progress bar."""


class Job(Generic[Result]):
    """One computation in the background; starts at once.

    napari keeps every worker, and what is connected to it, until the window is closed.
    So neither holds anything of the computation once it has ended or was cancelled.

    Parameters
    ----------
    steps : callable
        Called on the thread; gives a generator that yields the share done and returns
        the result. After a cancel it is closed at its next step.
    on_result : callable
        Called with the result.
    on_refused : callable
        Called with the sentence of an InputError. Any other error is a bug; it is
        raised on the main thread, where napari reports it.
    on_progress : callable
        Called with the share done, 0 to 1.
    on_end : callable
        Called before `on_result` or `on_refused`, or before an error is raised.
    """

    _running: ClassVar[set[Job[Any]]] = set()

    def __init__(
        self,
        steps: Steps[Result],
        *,
        on_result: Callable[[Result], object],
        on_refused: Callable[[str], object],
        on_progress: Callable[[float], object] = _ignore,
        on_end: Callable[[], object] = _ignore,
    ) -> None:
        self._cancelled = threading.Event()
        self._steps: Steps[Result] | None = steps
        self._callbacks: tuple[Callable[..., object], ...] = (
            on_progress, on_end, on_result, on_refused,
        )  # fmt: skip
        self._running.add(self)
        worker: Any = create_worker(
            self._run,
            _worker_class=_JobWorker,
            _start_thread=False,
            _connect={"yielded": self._show_progress, "returned": self._finish},
        )
        worker.job = self
        worker.start()

    def cancel(self) -> None:
        """Stop soon, and run no callback any more."""
        self._cancelled.set()
        self._forget()

    def _forget(self) -> None:
        self._steps, self._callbacks = None, ()

    def _run(self) -> Generator[float, None, tuple[Result | None, Exception | None]]:
        # The worker would take a RuntimeError for its own end and never report back,
        # so errors travel as values.
        steps, self._steps = self._steps, None
        try:
            if steps is not None:
                with closing(steps()) as work:
                    while not self._cancelled.is_set():
                        yield next(work)
        except StopIteration as end:
            return end.value, None
        except Exception as error:  # noqa: BLE001
            return None, error
        finally:
            self._running.discard(self)
        return None, None  # cancelled

    def _show_progress(self, share: float) -> None:
        if self._callbacks:
            self._callbacks[0](share)

    def _finish(self, outcome: tuple[Result, Exception | None]) -> None:
        if not self._callbacks:
            return
        _, on_end, on_result, on_refused = self._callbacks
        self._forget()
        on_end()
        result, error = outcome
        if isinstance(error, InputError):
            on_refused(str(error))
        elif error is not None:
            raise error
        else:
            on_result(result)


class _JobWorker(GeneratorWorker):  # type: ignore[misc]
    """Worker that napari ends by cancelling its job.

    napari's own would leave the generator where it is, with all that it has computed,
    and with threads of the computation waiting for it.
    """

    job: Job[Any] | None = None

    def quit(self) -> None:
        """Cancel the job; its generator ends soon, and the worker with it."""
        if self.job is not None:
            self.job.cancel()


def cancel_all(jobs: list[Job[Any]]) -> None:
    """Cancel these jobs and take them off the list."""
    for job in jobs:
        job.cancel()
    jobs.clear()


@atexit.register
def _end_with_the_program() -> None:
    """Let no thread compute while Python takes its modules apart."""
    if Job._running:
        cancel_all(list(Job._running))
        pool: Any = QThreadPool.globalInstance()
        pool.waitForDone(END_MS)
