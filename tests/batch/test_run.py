"""A run: what is left to do, what the watcher is told, the folder afterwards."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from napari_uncertainty import InputError
from napari_uncertainty.batch.executors import in_this_process
from napari_uncertainty.batch.run import run_batch
from napari_uncertainty.batch.summary import Row
from napari_uncertainty.batch.task import Step, Task
from support.many_cases import contents, write_case


class Notebook:
    """A watcher that writes everything down."""

    def __init__(self):
        self.total = self.found = None
        self.steps, self.notes, self.rows = [], [], []

    def begin(self, total, found):
        self.total, self.found = total, found

    def step(self, step):
        self.steps.append(step)

    def note(self, text):
        self.notes.append(text)

    def ended(self, row):
        self.rows.append(row)


@pytest.fixture
def tasks(tmp_path, rng):
    return [
        Task(name, str(write_case(tmp_path / "in", name, rng)), str(tmp_path / "out"))
        for name in ("a", "b", "c")
    ]


def run(tasks, execute=in_this_process, **options):
    watcher = Notebook()
    rows = run_batch(tasks, Path(tasks[0].output), execute, watcher, **options)
    return rows, watcher


def test_a_row_for_each_and_progress_within(tasks):
    rows, watcher = run(tasks)
    assert [row.case for row in rows] == ["a", "b", "c"]
    assert rows == watcher.rows
    assert (watcher.total, watcher.found) == (3, 0)
    first = {}
    for step in watcher.steps:
        first.setdefault(step.case, step)
    assert [*first.values()] == [Step(name, 0.0) for name in ("a", "b", "c")]
    shares = [step.share for step in watcher.steps if step.case == "c"]
    assert len(shares) > 1
    assert shares == sorted(shares)
    assert shares[-1] <= 1


def test_what_is_there_is_left(tasks):
    first, _ = run(tasks)
    before = contents(tasks[0].output)
    again, watcher = run(tasks)
    assert again == first
    assert (watcher.total, watcher.found, watcher.rows) == (3, 3, [])
    assert contents(tasks[0].output) == before
    Path(tasks[1].output, "b_entropy.json").unlink()
    _, watcher = run(tasks)
    assert (watcher.found, [row.case for row in watcher.rows]) == (2, ["b"])
    assert contents(tasks[0].output) == before


def test_overwrite_computes_all_cases_anew(tasks):
    run(tasks)
    before = contents(tasks[0].output)
    _, watcher = run(tasks, overwrite=True)
    assert (watcher.found, len(watcher.rows)) == (0, 3)
    assert contents(tasks[0].output) == before


def test_nobody_is_asked_where_nothing_is_left(tasks):
    run(tasks)

    def nobody(left):
        raise AssertionError(left)

    rows, _ = run(tasks, nobody)
    assert len(rows) == 3


def test_an_input_removed_after_listing_fails_alone(tasks):
    def late(left):
        Path(left[1].source).unlink()
        yield from in_this_process(left)

    rows, _ = run(tasks, late)
    assert [row.status for row in rows] == ["written", "failed", "written"]
    assert "No such file" in rows[1].message


def test_no_computing_where_nothing_can_be_written(tasks, tmp_path):
    (tmp_path / "out").touch()

    def nobody(left):
        raise AssertionError(left)

    with pytest.raises(InputError, match="Nothing can be written"):
        run(tasks, nobody)


def test_notes_are_passed_on(tasks):
    def telling(left):
        yield "There is no worker."
        yield from (Row(task.case, "failed") for task in left)

    _, watcher = run(tasks, telling)
    assert watcher.notes == ["There is no worker."]


def test_a_stopped_run_closes_who_computes_and_leaves_no_summary(tasks):
    closed = []

    def stopped(left):
        try:
            yield from in_this_process(left[:1])
            raise KeyboardInterrupt
        finally:
            closed.append(True)

    with pytest.raises(KeyboardInterrupt):
        run(tasks, stopped)
    assert closed
    assert sorted(contents(tasks[0].output)) == ["a_entropy.json", "a_entropy.nii.gz"]


def waiting_for_ever(left):
    """As for a cluster that never answers, and with nothing to tell."""
    while True:
        time.sleep(0.01)
        yield None


def test_an_interrupt_is_raised_at_once(tasks, ctrl_c):
    def execute(left):
        ctrl_c()
        yield from waiting_for_ever(left)

    with pytest.raises(KeyboardInterrupt):
        run(tasks, execute)


def test_a_run_in_another_thread_computes(tasks):
    with ThreadPoolExecutor(1) as pool:
        rows, _ = pool.submit(run, tasks[:1]).result()
    assert [row.status for row in rows] == ["written"]
