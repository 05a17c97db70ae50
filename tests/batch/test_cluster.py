"""A real Dask scheduler and real workers on this machine."""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress

import pytest

from napari_uncertainty import InputError
from napari_uncertainty.batch.executors import WORKERS_KILLED, on_cluster, run_on_worker
from napari_uncertainty.batch.task import Task
from support.many_cases import (
    PATIENCE,
    contents,
    finished,
    maps_in,
    run_here,
    start,
    wait_until,
    write_case,
)

distributed = pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGSTOP"), reason="stops and kills processes"
)

# Runs before a worker's first task: the case named so kills its worker, as the system
# does when memory is short. Others wait, so that something can happen meanwhile.
DEADLY = """
import os
import time
from napari_uncertainty.batch import executors, task as tasks

def run_task(task, threads):
    if task.case == "deadly":
        os._exit(9)
    time.sleep(0.1)
    return tasks.run_task(task, threads)

executors.run_task = run_task
"""


@contextmanager
def dask(*arguments):
    """A program of Dask in a process group of its own, killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, arguments), "--no-dashboard"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def scheduler():
    """A scheduler to which one connects as to any other, without workers of its own."""
    with distributed.LocalCluster(
        n_workers=0,
        host="127.0.0.1",
        # Even without a dashboard, it would want port 8787, which another may have.
        dashboard_address=":0",
        scheduler_kwargs={"dashboard": False},
    ) as cluster:
        yield cluster.scheduler


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the workers load before their first task, and where they put theirs."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "deadly.py").write_text(DEADLY)
    return folder


@pytest.fixture(scope="module")
def twelve(forty):
    """Twelve of the forty cases, two of them broken."""
    return forty / "sub-0[01][0-5].npz"


@pytest.fixture(scope="module")
def expected(twelve, tmp_path_factory):
    """All files that this process writes of them."""
    folder = tmp_path_factory.mktemp("expected")
    run_here(twelve, "-o", folder)
    return contents(folder)


@contextmanager
def workers(scheduler, folder, count=1):
    """Workers of one thread each, of which the scheduler knows."""
    wanted = len(scheduler.workers) + count
    options = ("--nthreads", 1, "--no-nanny", "--host", "127.0.0.1")
    options += ("--local-directory", folder, "--preload", folder / "deadly.py")
    with ExitStack() as started:
        processes = [
            started.enter_context(dask("worker", scheduler.address, *options))
            for _ in range(count)
        ]
        wait_until(lambda: len(scheduler.workers) == wanted, "the workers run")
        yield processes


@pytest.fixture(scope="module")
def first(scheduler, folder):
    """A worker, for the tests that leave it alive."""
    with workers(scheduler, folder) as [process]:
        yield process


def test_the_same_files_and_a_killed_worker_loses_no_case(
    twelve, expected, scheduler, folder, first, tmp_path
):
    """Both workers first; then one that hangs and is killed while it has cases."""
    arguments = (twelve, "--scheduler", scheduler.address)
    with workers(scheduler, folder) as [second]:
        status, out, err = run_here(*arguments, "-o", tmp_path / "both")
        assert status == 1, err
        assert out.startswith("10 of 12 cases written")
        assert contents(tmp_path / "both") == expected

        os.kill(second.pid, signal.SIGSTOP)
        with start(*arguments, "-o", tmp_path / "one") as process:
            wait_until(lambda: len(maps_in(tmp_path / "one")) > 3, "maps come")
            os.kill(second.pid, signal.SIGKILL)
            out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1, err
    assert out.startswith("10 of 12 cases written")
    assert sorted(line.split(":")[1] for line in err.splitlines()) == [
        " sub-003",
        " sub-011",
    ]
    assert finished(tmp_path / "one") == expected

    # What is there needs nobody: the broken ones alone are tried again.
    status, out, err = run_here(*arguments, "-o", tmp_path / "one")
    assert status == 1
    assert "(0 now, 10 had been there), 2 failed" in out


def test_ctrl_c_takes_the_cases_back(twelve, expected, scheduler, first, tmp_path):
    arguments = (twelve, "--scheduler", scheduler.address, "-o", tmp_path / "out")
    with start(*arguments) as process:
        wait_until(lambda: len(maps_in(tmp_path / "out")) > 3, "maps come")
        os.kill(first.pid, signal.SIGSTOP)  # not done before it is stopped
        try:
            os.killpg(process.pid, signal.SIGINT)
            _, err = process.communicate(timeout=PATIENCE)
        finally:
            os.kill(first.pid, signal.SIGCONT)
    assert process.returncode == 130, err
    assert "stopped after " in err.splitlines()[-1]
    assert "Traceback" not in err, err
    status, _, err = run_here(*arguments)
    assert status == 1, err
    assert contents(tmp_path / "out") == expected


def test_a_lost_scheduler_is_a_message_for_each_case(tmp_path, rng, monkeypatch):
    monkeypatch.setattr("napari_uncertainty.batch.executors.ANSWER", 2)
    monkeypatch.setattr("napari_uncertainty.batch.executors.WORKER_LOOK", 0.2)
    path = write_case(tmp_path / "in", "a", rng)
    file = tmp_path / "scheduler.json"
    told = []
    options = ("--host", "127.0.0.1", "--port", 0, "--scheduler-file", file)
    with dask("scheduler", *options):
        wait_until(lambda: address(file), "the scheduler runs")
        # Without a worker nothing begins.
        events = on_cluster([Task("a", str(path), str(tmp_path))], address(file))
        told.append(next(event for event in events if event))
    told += filter(None, events)
    assert told[0].startswith("The cluster has no worker at the moment")
    assert told[1].status == "failed"
    assert "connection to the scheduler was lost" in told[1].message


def address(file):
    try:
        return json.loads(file.read_text())["address"]
    except (OSError, ValueError):
        return None


@pytest.mark.parametrize("where", ["tcp://127.0.0.1:9", "nonsense", "foo://a:1"])
def test_an_address_without_a_scheduler_is_refused(where, monkeypatch):
    monkeypatch.setattr("napari_uncertainty.batch.executors.ANSWER", 0.5)
    with pytest.raises(InputError, match="No Dask scheduler answers"):
        list(on_cluster([], where))


def test_a_missing_dask_is_told_with_its_installation(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install .napari-uncertainty\[distrib"):
        list(on_cluster([], "tcp://127.0.0.1:9"))


def test_a_worker_of_another_version_fails_its_case(tmp_path):
    row = run_on_worker(Task("a", "a.npz", str(tmp_path), version="0.0.1"))
    assert row.status == "failed"
    assert "this is 0.0.1; install the same version" in row.message


# The last one, for the first worker may be among those that die.
def test_the_case_that_kills_its_workers_is_the_one_that_fails(
    scheduler, folder, first, tmp_path, rng, monkeypatch
):
    monkeypatch.setattr(scheduler, "allowed_failures", 0)
    (tmp_path / "out").mkdir()
    names = ("a", "deadly", "z")
    tasks = [
        Task(name, str(write_case(tmp_path / "in", name, rng)), str(tmp_path / "out"))
        for name in names
    ]
    # One dies when all cases are there, one when it is tried again, one is left.
    with workers(scheduler, folder, 2):
        ended = filter(None, on_cluster(tasks, scheduler.address))
        rows = {row.case: row for row in ended}
    assert [rows[name].status for name in names] == ["written", "failed", "written"]
    assert rows["deadly"].message == WORKERS_KILLED
