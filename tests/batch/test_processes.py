"""Several processes, some of which die."""

import multiprocessing
import os
import signal
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from napari_uncertainty.batch.executors import (
    PROCESS_KILLED,
    in_processes,
    in_this_process,
)
from napari_uncertainty.batch.summary import Row
from napari_uncertainty.batch.task import Step, Task
from napari_uncertainty.steps import run
from support.many_cases import (
    PATIENCE,
    contents,
    maps_in,
    start,
    wait_until,
    write_case,
)


class Deadly:
    """Kills the process that unpickles it, as the system does when memory is short."""

    def __reduce__(self):
        return os._exit, (9,)


@pytest.fixture
def tasks(tmp_path, rng):
    (tmp_path / "out").mkdir()
    sources = [write_case(tmp_path / "in", f"case{n}", rng) for n in range(6)]
    return [Task(path.stem, str(path), str(tmp_path / "out")) for path in sources]


def rows(events):
    return [event for event in events if isinstance(event, Row)]


def test_processes_give_the_same_files_and_rows(tasks, tmp_path):
    """With all tables; one case is turned, and one has no segmentation.

    Of one process, for each has to load what tables need; `test_command` has two.
    """
    with np.load(tasks[1].source) as archive:
        turned = archive["probabilities"][..., ::-1]
    np.savez_compressed(tasks[1].source, probabilities=turned)
    named = [str(Path(task.source).with_suffix(".nii.gz")) for task in tasks]
    named[2] = str(tmp_path / "none.nii.gz")
    tasks = [
        replace(task, labels=labels, place=True, hotspots=4)
        for task, labels in zip(tasks, named, strict=True)
    ]
    expected = rows(in_this_process(tasks))
    assert [row.status for row in expected].count("failed") == 1
    assert "first axis flipped" in expected[1].message
    files = contents(tmp_path / "out")
    assert len(files) == 5 * 4  # map, JSON and two tables of each
    for file in (tmp_path / "out").iterdir():
        file.unlink()
    events = list(in_processes(tasks, 1))
    assert sorted(rows(events), key=lambda row: row.case) == expected
    assert contents(tmp_path / "out") == files
    assert any(isinstance(event, Step) for event in events)
    assert multiprocessing.active_children() == []


def test_only_the_case_that_kills_its_process_fails(tasks):
    """A process that is killed from outside loses no case."""
    deadly = Task("deadly", Deadly(), tasks[0].output)
    killed = []

    def killing(events):
        for event in events:
            if not killed and isinstance(event, Row):
                # Whatever it computes, or is about to.
                [victim, *_] = multiprocessing.active_children()
                os.kill(victim.pid, signal.SIGKILL)
                killed.append(victim)
            yield event

    ended = rows(killing(in_processes([deadly, *tasks], 2)))
    assert killed
    assert len(ended) == 7
    assert {row.case for row in ended if row.status == "written"} == {
        task.case for task in tasks
    }
    [failed] = [row for row in ended if row.status == "failed"]
    assert (failed.case, failed.message) == ("deadly", PROCESS_KILLED)


def test_closing_ends_the_processes(tasks, tmp_path):
    with closing(in_processes(tasks, 2)) as events:
        next(events)
        assert multiprocessing.active_children()
    assert multiprocessing.active_children() == []
    assert not [name for name in contents(tmp_path / "out") if name.startswith(".")]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_process_that_does_not_listen_is_killed(tasks, monkeypatch):
    monkeypatch.setattr("napari_uncertainty.batch.executors.GRACE", 0.1)
    with closing(in_processes(tasks, 1)) as events:
        next(events)
        [child] = multiprocessing.active_children()
        os.kill(child.pid, signal.SIGSTOP)
    assert not psutil.pid_exists(child.pid)


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_an_interrupt_is_heard_while_no_process_says_anything(
    tasks, monkeypatch, ctrl_c
):
    monkeypatch.setattr("napari_uncertainty.batch.executors.GRACE", 0.1)
    stopped, silent = [], []

    def execute():
        for event in in_processes(tasks, 2):
            if not stopped:
                stopped.extend(multiprocessing.active_children())
                for child in stopped:
                    os.kill(child.pid, signal.SIGSTOP)
            elif event is None:  # whatever they had said was told
                silent.append(True)
                if len(silent) == 3:
                    ctrl_c()
            yield 0.0

    with pytest.raises(KeyboardInterrupt):
        run(execute())
    assert len(stopped) == 2
    assert multiprocessing.active_children() == []


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs masks")
def test_ctrl_c_does_not_reach_the_processes(tasks, tmp_path):
    """A terminal sends it to all of them, at any moment; the parent ends its own."""
    with start(tmp_path / "in", "-o", tmp_path / "new", "--jobs", 2) as process:
        parent = psutil.Process(process.pid)
        started = set()

        def interrupted_until_a_map_is_there():
            for child in computing(parent):
                started.add(child.pid)
                with suppress(psutil.NoSuchProcess):
                    child.send_signal(signal.SIGINT)
            return maps_in(tmp_path / "new") or process.poll() is not None

        wait_until(interrupted_until_a_map_is_there, "maps come")
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert out.startswith("6 of 6 cases")
    assert err == ""
    assert len(started) == 2  # none was replaced


def test_a_process_whose_parent_was_killed_ends(tasks, tmp_path):
    process = start(tmp_path / "in", "-o", tmp_path / "new", "--jobs", 2)
    parent = psutil.Process(process.pid)
    with process:
        wait_until(lambda: len(computing(parent)) == 2, "two processes run")
        children = parent.children(recursive=True)
        process.kill()
    wait_until(
        lambda: not any(child.is_running() and not zombie(child) for child in children),
        "they end",
    )


def computing(parent):
    """Children that compute, for there is one that tracks resources as well."""
    try:
        return [
            child
            for child in parent.children()
            if any("spawn_main" in word for word in child.cmdline())
        ]
    except psutil.NoSuchProcess:
        return []


def zombie(process):
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
