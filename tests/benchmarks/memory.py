"""Memory: the peak of this process, and how quickly the machine hands out more."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np

STATUS = Path("/proc/self/status")
PAGE = 4096


def status(field: str) -> int | None:
    """Bytes that Linux counts under this name (VmRSS, VmHWM, RssAnon)."""
    try:
        text = STATUS.read_text()
    except OSError:
        return None
    for line in text.splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    return None


def reset_peak() -> None:
    """Let the peak start anew at what is in use now, where the system can do that."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return


def peak() -> int | None:
    """Bytes in use at most: since the reset on Linux, else since the start."""
    resident = status("VmHWM")
    if resident is not None:
        return resident
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if os.uname().sysname == "Darwin" else most * 1024


def free() -> int:
    """Bytes that can still be had."""
    import psutil

    return psutil.virtual_memory().available


def touch(size: int) -> tuple[float, np.ndarray]:
    """Seconds per GB that new memory takes, and the memory."""
    memory = np.empty(size, np.uint8)
    start = time.perf_counter()
    memory[::PAGE] = 1
    return (time.perf_counter() - start) / size * 1e9, memory


class AnonymousPeak:
    """Looks every 2 ms how much memory is in use that is no file's.

    The resident peak also counts pages of files that are mapped into memory, which
    the system takes back when it needs them.
    """

    def __enter__(self) -> AnonymousPeak:
        self.bytes = status("RssAnon")
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look)
        if self.bytes is not None:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bytes is not None:
            self._end.set()
            self._thread.join()

    def _look(self) -> None:
        while not self._end.wait(0.002):
            self.bytes = max(self.bytes, status("RssAnon"))
