"""Ctrl-C that is not lost."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def keeping_interrupts() -> Iterator[Callable[[], None]]:
    """Within it, an interrupt that nobody has noticed is raised by what it gives.

    Python drops an exception that is raised within a ``__del__``, and so it drops the
    KeyboardInterrupt of a Ctrl-C that comes at such a moment [1]_.

    Yields
    ------
    callable
        Raises KeyboardInterrupt if one came before.

    References
    ----------
    .. [1] https://docs.python.org/3/reference/datamodel.html#object.__del__
    """
    before = signal.getsignal(signal.SIGINT)
    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or before is not signal.default_int_handler:
        yield lambda: None  # interrupts are somebody else's matter
        return
    came: list[int] = []

    def keep(number: int, frame: Any) -> None:
        came.append(number)
        signal.default_int_handler(number, frame)

    def check() -> None:
        if came:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, keep)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, before)
