"""Cases one after the other in this process, each on several threads."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing

from .case import Step, Task, iter_task
from .summary import Row


def in_this_process(
    tasks: Sequence[Task], threads: int | None = None
) -> Generator[Step | Row, None, None]:
    """Compute all tasks; a row for each, and steps in between.

    Parameters
    ----------
    tasks : sequence of Task
        What to compute, in this order.
    threads : int or None
        Threads for each case; by default as many as there are processors.
    """
    for task in tasks:
        yield Step(task.case, 0.0)
        with closing(iter_task(task, threads)) as steps:
            while True:
                try:
                    share = next(steps)
                except StopIteration as end:
                    yield end.value
                    break
                yield Step(task.case, share)
