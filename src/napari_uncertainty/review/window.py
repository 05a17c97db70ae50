"""Windows that have a review open, as its file holds them."""

from __future__ import annotations

import os
import platform
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

# On another machine no process can be looked up; there, so many seconds without a
# change of the file mean that nobody works on it any more.
_ABANDONED = 3600.0


@dataclass(frozen=True)
class Window:
    """A window that has a review open.

    Attributes
    ----------
    id, host : str
        Its own, and the name of its machine.
    pid : int
        Of its process there.
    since : str
        When it opened the review, UTC, ISO 8601.
    """

    id: str
    host: str
    pid: int
    since: str

    @classmethod
    def here(cls) -> Window:
        """A new one of this process."""
        now = datetime.now(UTC).isoformat()
        return cls(uuid.uuid4().hex[:12], platform.node(), os.getpid(), now)

    def is_open(self, file_changed: float) -> bool:
        """Return whether its process lives, as far as can be told.

        Parameters
        ----------
        file_changed : float
            When the file was written last, in seconds since 1970.
        """
        if self.host != platform.node():
            return time.time() - file_changed < _ABANDONED
        since = datetime.fromisoformat(self.since).timestamp()
        try:
            process = psutil.Process(self.pid)
            # One that began later only has the number of the one that is meant.
            return bool(
                process.status() != psutil.STATUS_ZOMBIE
                and process.create_time() <= since + 1
            )
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True


def as_window(row: Any) -> Window | None:
    """None for what is no window: nothing depends on it."""
    try:
        window = Window(str(row["id"]), str(row["host"]), row["pid"], row["since"])
        datetime.fromisoformat(window.since)
        return window if 0 < window.pid < 2**31 else None
    except (LookupError, TypeError, ValueError):
        return None
