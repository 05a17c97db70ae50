"""Ctrl-C that is not lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# Seconds until an interrupt that came at the wrong moment comes again.
SOON = 0.05


@contextmanager
def keeping_interrupts() -> Iterator[None]:
    """Within it, an interrupt that comes within a ``__del__`` comes again soon after.

    Python drops an exception that is raised there, and so it would drop the
    KeyboardInterrupt of a Ctrl-C [1]_.

    References
    ----------
    .. [1] https://docs.python.org/3/reference/datamodel.html#object.__del__
    """
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or before is not signal.default_int_handler:
        yield  # interrupts are somebody else's matter
        return

    def keep(number: int, frame: FrameType | None) -> None:
        if not _is_within_del(frame):
            signal.default_int_handler(number, frame)
        again = threading.Timer(SOON, _send, (number,))
        again.daemon = True
        again.start()

    signal.signal(signal.SIGINT, keep)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _is_within_del(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def _send(number: int) -> None:
    """To the main thread, which wakes up from what it waits for."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, number)
    else:
        signal.raise_signal(number)
