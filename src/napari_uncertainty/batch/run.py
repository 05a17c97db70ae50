"""A run over many cases: finished ones are skipped, and progress is shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Any

from ..io.writing import check_writable
from ..steps import apart
from .executors import Execute
from .summary import FILE_NAME, Row, write_summary
from .task import Step, Task, finished


class TerminalWatcher:
    """Names failures on stderr as they come, and shows a progress bar on a terminal.

    Use it as a context manager. The bar shows the case, how many are done, the rate and
    the time left; it moves within a case as well, and is gone at the end.

    Attributes
    ----------
    total, found, ended_now : int
        Number of all cases, of those that an earlier run had written, and of those that
        ended in this run, written or failed.
    """

    def __init__(self) -> None:
        self.total = self.found = self.ended_now = 0
        self._running: dict[str, float] = {}
        self._bar: Any = _bar() if sys.stderr.isatty() else None

    def __enter__(self) -> TerminalWatcher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def done(self) -> int:
        """Cases that are done, in this run or before it."""
        return self.found + self.ended_now

    def begin(self, total: int, found: int) -> None:
        """Start the bar where an earlier run stopped."""
        self.total, self.found = total, found
        if self._bar is not None:
            self._bar.start()  # leaving the context shows the cursor again
            self._bar.add_task("", total=total, completed=found, done=found)

    def step(self, step: Step) -> None:
        """Move the bar within a case."""
        self._running[step.case] = step.share
        self._show(step.case)

    def note(self, text: str) -> None:
        """Print a text on a line of its own."""
        line = f"napari-uncertainty: {text}"
        if self._bar is None:
            print(line, file=sys.stderr, flush=True)
        else:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def ended(self, row: Row) -> None:
        """Count a case; name it if it has failed."""
        self.ended_now += 1
        self._running.pop(row.case, None)
        if row.status == "failed":
            self.note(f"{row.case}: {row.message}")
        self._show(row.case)

    def _show(self, case: str) -> None:
        if self._bar is not None:
            self._bar.update(
                self._bar.task_ids[0],
                description=case,
                completed=self.done + sum(self._running.values()),
                done=self.done,
            )


def run_batch(
    tasks: Sequence[Task],
    output: Path,
    execute: Execute,
    watcher: TerminalWatcher,
    *,
    overwrite: bool = False,
) -> list[Row]:
    """Compute the cases that are not finished yet, and write the summary.

    Parameters
    ----------
    tasks : sequence of Task
        The cases, all of which write to `output`.
    output : Path
        The folder; made where it does not exist.
    execute : callable
        Computes tasks, such as :func:`.in_this_process`.
    watcher : TerminalWatcher
        Shows progress.
    overwrite : bool
        Compute everything anew.

    Returns
    -------
    list of Row
        A row for each task; those that were finished before are first.

    Raises
    ------
    InputError
        If the folder cannot be written to, before anything is computed, or if `execute`
        cannot begin.
    KeyboardInterrupt
        After Ctrl-C; finished cases stay. The cases that are being computed are stopped
        first, unless a second Ctrl-C comes meanwhile.
    """
    check_writable(output)
    rows: list[Row] = []
    left: list[Task] = []
    for task in tasks:
        row = None if overwrite else finished(task)
        if row is None:
            left.append(task)
        else:
            rows.append(row)
    watcher.begin(len(tasks), len(rows))
    if left:
        with closing(apart(execute(left))) as events:
            for event in events:
                if isinstance(event, Row):
                    rows.append(event)
                    watcher.ended(event)
                    if event.warning:
                        watcher.note(f"{event.case}: {event.warning}")
                elif isinstance(event, Step):
                    watcher.step(event)
                elif event is not None:
                    watcher.note(event)
    write_summary(output / FILE_NAME, rows)
    return rows


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Task as Shown
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Shown) -> Text:
            per_minute = 60 * (task.speed or 0)
            digits = 0 if per_minute >= 10 else 1
            return Text(f"{per_minute:.{digits}f} cases/min" if task.speed else "")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[done]}/{task.total:.0f}"),
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
