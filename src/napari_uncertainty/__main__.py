"""The program itself: ``napari-uncertainty``, or ``python -m napari_uncertainty``.

Little is loaded here: loading the rest is most of what a short command does, and Ctrl-C
may come meanwhile.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# Seconds until an interrupt that came at the wrong moment comes again.
SOON = 0.05


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly, from its first moment on."""
    # While modules are loaded, a KeyboardInterrupt may turn into another error. There
    # is nothing to clean up yet, so Ctrl-C simply ends the process.
    handled = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if handled:
        signal.signal(signal.SIGINT, lambda *_: os._exit(130))
    from .cli import main as run

    if handled:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with keeping_interrupts():
            run()
    except KeyboardInterrupt:
        sys.exit(130)


@contextmanager
def keeping_interrupts() -> Iterator[None]:
    """Send an interrupt that Python drops once more, within this context.

    Python reports and drops exceptions that it cannot raise [1]_: those in ``__del__``,
    and in callbacks for objects that are gone, which every import uses. That would drop
    the KeyboardInterrupt of a Ctrl-C, too.

    References
    ----------
    .. [1] https://docs.python.org/3/library/sys.html#sys.unraisablehook
    """
    before = sys.unraisablehook

    def keep(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):
            before(dropped)
            return
        again = threading.Timer(SOON, _interrupt)
        again.daemon = True
        again.start()

    sys.unraisablehook = keep
    try:
        yield
    finally:
        sys.unraisablehook = before


def _interrupt() -> None:
    """Interrupt the main thread, even if it waits for something."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
    else:
        signal.raise_signal(signal.SIGINT)


if __name__ == "__main__":
    main()
