"""Generators that yield the share done and return a result: running them, and parts.

Closing such a generator cancels it, wherever it yields; what it has begun ends by then.

Ctrl-C raises KeyboardInterrupt in the main thread alone, but there between any two
steps of Python: after a thread was started and before anybody knows of it, or within a
lock that other threads need [1]_. No order of ``try`` and ``with`` holds against that.
So whatever takes threads, processes, files or locks is a generator, and where the main
thread wants its result, another thread takes the steps (:func:`apart`). No interrupt
arrives there; the main thread does nothing but wait, and closes the generator when it
is interrupted. Threads wait for each other, and none of them for the main one.

References
----------
.. [1] https://docs.python.org/3/library/signal.html#note-on-signal-handlers-and-exceptions
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import closing
from contextvars import copy_context
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

Step = TypeVar("Step")
Result = TypeVar("Result")

# How often the main thread looks up from what it waits for, in seconds: on Windows
# nothing else lets it notice Ctrl-C.
_LOOK = 0.1


def run(steps: Generator[float, None, Result]) -> Result:
    """Take all steps and return the result; Ctrl-C closes them, wherever they are."""
    if threading.current_thread() is threading.main_thread():
        steps = apart(steps)
    with closing(steps):
        while True:
            try:
                next(steps)
            except StopIteration as end:
                result: Result = end.value
                return result


def part(
    steps: Generator[float, None, Result], start: float, stop: float
) -> Generator[float, None, Result]:
    """Yield the same steps as the part from `start` to `stop` of more work."""
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield start + (stop - start) * share


@dataclass(frozen=True, eq=False)
class _End(Generic[Result]):
    """Result of all steps, or what one of them has raised."""

    result: Result | None = None
    error: BaseException | None = None


def apart(steps: Generator[Step, None, Result]) -> Generator[Step, None, Result]:
    """Yield the same steps, taken in a thread of their own, which no interrupt reaches.

    They are not held up until somebody asks for the next one. Where this generator is
    closed, or interrupted, `steps` is closed after the step at hand, in its own thread,
    and waited for. A second interrupt ends that waiting.
    """
    told: SimpleQueue[Step | _End[Result]] = SimpleQueue()
    begun = threading.Lock()
    stopped = False

    def take() -> None:
        if not begun.acquire(blocking=False):
            return  # nobody waits for it any more
        try:
            with closing(steps):
                while not stopped:
                    told.put(next(steps))
        except StopIteration as end:
            told.put(_End(end.value))
        except BaseException as error:  # noqa: BLE001  raised where it is waited for
            told.put(_End(error=error))

    # Nothing waits at the end of the program for a thread that never came to begin.
    thread = threading.Thread(
        target=copy_context().run, args=(take,), name="steps", daemon=True
    )
    try:
        thread.start()
        while True:
            try:
                step = told.get(timeout=_LOOK)
            except Empty:
                continue
            if not isinstance(step, _End):
                yield step
            elif step.error is None:
                return step.result  # type: ignore[return-value]
            else:
                try:
                    raise step.error
                finally:
                    del step  # or it would hold its own traceback
    finally:
        stopped = True
        # An interrupt within `start` leaves open whether it begins: the first of both
        # to take the lock decides.
        if not begun.acquire(blocking=False):
            while thread.is_alive():
                thread.join(_LOOK)
