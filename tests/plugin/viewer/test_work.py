"""Jobs in the background: what is told of them, and that nothing is once they end."""

import gc
import threading
import time
import weakref

import numpy as np
import pytest
from napari.qt.threading import WorkerBase
from qtpy.QtCore import QThreadPool

from napari_uncertainty import InputError
from napari_uncertainty.plugin.viewer.jobs import Job


class Told:
    """All that a job calls, in its order."""

    def __init__(self):
        self.calls = []

    def job(self, steps):
        def tell(name):
            return lambda *given: self.calls.append((name, *given))

        return Job(
            steps,
            on_progress=tell("progress"),
            on_end=tell("end"),
            on_result=tell("result"),
            on_refused=tell("refused"),
        )


def counting():
    yield 0.25
    yield 0.75
    return 42


def until_done():
    """Wait for the threads, while what they tell waits for this one."""
    assert QThreadPool.globalInstance().waitForDone(20_000)


def test_a_job_tells_its_progress_then_its_end_then_its_result(qtbot):
    told = Told()
    told.job(counting)
    qtbot.waitUntil(lambda: len(told.calls) == 4)
    assert told.calls == [
        ("progress", 0.25), ("progress", 0.75), ("end",), ("result", 42)
    ]  # fmt: skip


def test_what_is_refused_is_told_after_the_end(qtbot):
    def refusing():
        yield 0.5
        raise InputError("Not this one.")

    told = Told()
    told.job(refusing)
    qtbot.waitUntil(lambda: len(told.calls) == 3)
    assert told.calls == [("progress", 0.5), ("end",), ("refused", "Not this one.")]


@pytest.mark.parametrize("error", [KeyError("a bug"), RuntimeError("a bug")])
def test_a_bug_is_raised_on_the_main_thread_after_the_end(qtbot, error):
    def failing():
        yield 0.5
        raise error

    told = Told()
    with qtbot.captureExceptions() as raised:
        told.job(failing)
        qtbot.waitUntil(lambda: len(raised) == 1)
    assert raised[0][1] is error
    assert told.calls == [("progress", 0.5), ("end",)]


def test_a_cancelled_job_tells_nothing_of_what_it_has_done_already(qtbot):
    told = Told()
    job = told.job(counting)
    until_done()
    job.cancel()
    qtbot.wait(50)
    assert told.calls == []


def test_a_cancelled_job_that_fails_afterwards_tells_nothing(qtbot):
    go_on = threading.Event()

    def failing():
        go_on.wait(20)
        raise InputError("Too late.")
        yield

    told = Told()
    job = told.job(failing)
    job.cancel()
    go_on.set()
    until_done()
    qtbot.wait(50)
    assert told.calls == []


def test_a_cancelled_job_is_closed_and_goes_no_step_further(qtbot):
    closed, at, go_on, further = [], threading.Event(), threading.Event(), []

    def steps():
        at.set()
        go_on.wait(20)
        try:
            yield 0.5
        except GeneratorExit:
            closed.append(threading.current_thread())
            raise
        further.append("a step")
        return 42

    told = Told()
    job = told.job(steps)
    assert at.wait(20)
    job.cancel()
    go_on.set()
    until_done()
    qtbot.wait(50)
    assert len(closed) == 1
    assert closed[0] is not threading.main_thread()
    assert further == []
    assert told.calls == []


def waiting():
    """Computes until it is cancelled."""
    while True:
        time.sleep(0.005)
        yield 0.5


def test_a_job_that_napari_asks_to_quit_is_cancelled(qtbot):
    told = Told()
    told.job(waiting)
    qtbot.waitUntil(lambda: ("progress", 0.5) in told.calls)
    # As at its end; it raises an error if they take longer.
    WorkerBase.await_workers(2000)
    told.calls.clear()
    qtbot.wait(50)
    assert told.calls == []


def test_nothing_is_kept_of_jobs_that_have_ended(qtbot, viewer):
    """A window of napari keeps the workers of all jobs, but not what they computed."""
    for end in ("by itself", "cancelled", "quit"):
        gone = ended(qtbot, end)

        def is_gone(gone=gone):
            gc.collect()
            return gone() is None

        qtbot.waitUntil(is_gone)


def ended(qtbot, end):
    """A reference to the values of a job."""
    values, told = np.zeros(3), Told()

    def steps():
        own = values[:2]
        yield from counting() if end == "by itself" else waiting()
        return own

    job = told.job(steps)
    qtbot.waitUntil(lambda: len(told.calls) >= (4 if end == "by itself" else 1))
    if end == "cancelled":
        job.cancel()
    elif end == "quit":
        WorkerBase.await_workers(2000)
    until_done()
    return weakref.ref(values)
