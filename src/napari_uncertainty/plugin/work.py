"""Run a core generator on a background thread: progress, cancel, errors.

Arrays go in, never layers. The callbacks run on the main thread, and none of them
after the job was cancelled.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import Any, Generic, TypeVar

from napari.qt.threading import create_worker

from ..errors import InputError

Result = TypeVar("Result")
Steps = Callable[..., Generator[float, None, Result]]


class Job(Generic[Result]):
    """One computation in the background; starts at once.

    Parameters
    ----------
    steps : callable
        Called on the thread with a `threading.Event` as `cancel`; gives a generator
        that yields the share done, stops soon after the event is set, and returns the
        result.
    on_progress : callable
        Gets the share done, 0 to 1.
    on_end : callable
        Called before the outcome is told, whatever it is.
    on_result : callable
        Gets the result.
    on_refused : callable
        Gets the sentence of an InputError. Any other error is a bug; it is raised on
        the main thread, where napari reports it.
    """

    def __init__(
        self,
        steps: Steps[Result],
        *,
        on_progress: Callable[[float], object],
        on_end: Callable[[], object],
        on_result: Callable[[Result], object],
        on_refused: Callable[[str], object],
    ) -> None:
        self._cancelled = cancelled = threading.Event()

        def run() -> Generator[float, None, tuple[Result | None, Exception | None]]:
            # The worker would take a RuntimeError for its own end and never report
            # back, so errors travel as values.
            try:
                return (yield from steps(cancel=cancelled)), None
            except Exception as error:  # noqa: BLE001
                return None, error

        def progress(share: float) -> None:
            if not cancelled.is_set():
                on_progress(share)

        def end(outcome: tuple[Result, Exception | None]) -> None:
            if cancelled.is_set():
                return
            on_end()
            result, error = outcome
            if isinstance(error, InputError):
                on_refused(str(error))
            elif error is not None:
                raise error
            else:
                on_result(result)

        self._worker: Any = create_worker(
            run, _connect={"yielded": progress, "returned": end}
        )

    def cancel(self) -> None:
        """Stop soon; no callback runs any more."""
        self._cancelled.set()
        self._worker.quit()
