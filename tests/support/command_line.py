"""The command line within this process, for time's sake."""

import io
import subprocess
import sys
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from unittest import mock

from napari_uncertainty.cli import main


def call_here(*arguments):
    """Run a command that needs no window; what it says, and its exit status."""
    words = ["napari-uncertainty", *map(str, arguments)]
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", words),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    return subprocess.CompletedProcess(words, status, out.getvalue(), err.getvalue())


@contextmanager
def files_up_to(size):
    """Let writing more bytes to a file fail, as on a full disk, here and in children.

    Python ignores the signal that goes with it.
    """
    import resource  # on Unix alone

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
