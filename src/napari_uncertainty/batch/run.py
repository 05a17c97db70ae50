"""A run over many cases: what is done already, computing the rest, the summary."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from ..io.atomic import check_writable
from ..steps import apart
from .case import Step, Task, finished
from .summary import FILE_NAME, Row, write_summary

#: Computes tasks: rows as the cases end, steps and notes for a person in between.
#: Closing the generator stops the run. It can be closed where it yields: so it yields
#: None every now and then where it waits and has nothing to tell.
Execute = Callable[[Sequence[Task]], Generator[Step | Row | str | None, None, None]]


class Watcher(Protocol):
    """What wants to know how a run goes."""

    def begin(self, total: int, found: int) -> None:
        """Told once: the number of cases, and how many are there already."""

    def step(self, step: Step) -> None:
        """Told while a case is computed."""

    def note(self, text: str) -> None:
        """Told what a person should know."""

    def ended(self, row: Row) -> None:
        """Told when a case was written, or has failed."""


def run_batch(
    tasks: Sequence[Task],
    output: Path,
    execute: Execute,
    watcher: Watcher,
    *,
    overwrite: bool = False,
) -> list[Row]:
    """Compute what is not there yet, and write the summary.

    Parameters
    ----------
    tasks : sequence of Task
        The cases, all of which write to `output`.
    output : Path
        The folder; made where it does not exist.
    execute : callable
        Who computes, such as :func:`.here.in_this_process`.
    watcher : Watcher
        Told how it goes.
    overwrite : bool
        Compute everything anew.

    Returns
    -------
    list of Row
        One for each task; those that were there already are first.

    Raises
    ------
    InputError
        If the folder cannot be written to, before anything is computed, or if `execute`
        cannot begin.
    KeyboardInterrupt
        After Ctrl-C; what was written stays. The cases that are being computed are
        stopped first, unless a second Ctrl-C comes meanwhile.
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


def executor(jobs: int | None, scheduler: str | None) -> Execute:
    """Who computes: this process, so many others, or a Dask cluster at an address."""
    if scheduler is not None:
        from .cluster import on_cluster

        return lambda tasks: on_cluster(tasks, scheduler)
    if jobs is not None and jobs > 1:
        from .processes import in_processes

        return lambda tasks: in_processes(tasks, jobs)
    from .here import in_this_process

    return in_this_process
