"""What a terminal shows of a run over many cases."""

import os
import re

import pytest

from napari_uncertainty.batch.run import TerminalWatcher
from napari_uncertainty.batch.summary import Row
from napari_uncertainty.batch.task import Step
from support.many_cases import PATIENCE, start, write_case

pty = pytest.importorskip("pty")


def seen_in_a_terminal(*arguments, cwd):
    """Exit status, stdout, and all that a terminal got as stderr."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with start(*arguments, stderr=theirs, cwd=cwd, env=environment) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                some = os.read(ours, 1 << 16)
            except OSError:  # how Linux says that nobody writes any more
                break
            if not some:
                break
            shown += some
        out, _ = process.communicate(timeout=PATIENCE)
    os.close(ours)
    return process.returncode, out, shown.decode()


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_bar_and_failures_in_a_terminal(tmp_path, rng, jobs):
    for name in ("first", "second", "third"):
        write_case(tmp_path / "in", name, rng)
    (tmp_path / "in" / "bad[red].npz").write_text("no archive")
    status, out, shown = seen_in_a_terminal(
        "in", "-o", "out", "--jobs", jobs, cwd=tmp_path
    )
    assert status == 1
    assert out == "3 of 4 cases written to out, 1 failed; see out/summary.tsv\n"
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).replace("\r", "\n")
    assert re.search(r"^(first|second|third|bad\[red\]) +━+.*4/4", plain, re.MULTILINE)
    assert "cases/min" in plain
    assert re.search(r"\d:\d\d:\d\d", plain)
    assert re.search(r"^napari-uncertainty: bad\[red\]: bad.*$", plain, re.MULTILINE)
    assert "Traceback" not in plain


def test_quiet_where_there_is_no_terminal(capsys):
    with TerminalWatcher() as watcher:
        watcher.begin(4, 1)
        watcher.step(Step("a", 0.5))
        watcher.ended(Row("a", "written"))
        watcher.ended(Row("b", "failed", message="It cannot be read."))
        assert (watcher.total, watcher.done) == (4, 3)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "napari-uncertainty: b: It cannot be read.\n"
