"""Ctrl-C when it does most harm: all threads end, and nothing is left behind."""

import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from itertools import count

import dask.array as da
import numpy as np
import pytest

from napari_uncertainty.__main__ import keeping_interrupts
from napari_uncertainty.analysis import class_blocks as region_steps
from napari_uncertainty.analysis.hotspot_search import iter_hotspots
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.engine.ensemble import ensemble_fold
from napari_uncertainty.engine.ensemble import members as sources
from napari_uncertainty.engine.ensemble.ensemble_fold import iter_ensemble
from napari_uncertainty.engine.ensemble.members import Member
from napari_uncertainty.engine.fold import iter_fold
from napari_uncertainty.io import open_probabilities
from napari_uncertainty.model import stored
from napari_uncertainty.model.interpretation import Interpretation
from napari_uncertainty.steps import apart, run
from support.command_line import call_here
from support.folds import run as take_all
from support.generated import softmax
from support.many_cases import PATIENCE, PROGRAM, contents, wait_until, write_case
from support.small_pieces import small_pieces

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has other signals"
)

SHAPE = (4, 7, 8, 9)


@pytest.fixture
def values(rng):
    return softmax(rng, SHAPE)


@pytest.fixture(autouse=True)
def many_pieces(monkeypatch):
    """Work for several threads, however small the volumes of these tests are."""
    patch = small_pieces(100)
    for module in (sources, stored):
        patch.setattr(module, "PIECE_VALUES", 500)
    for module in (ensemble_fold, ensemble_fold, sources):
        patch.setattr(module, "RUN_VOXELS", 200)
    patch.setattr(region_steps, "BLOCK_VOXELS", 100)
    patch.setattr("napari_uncertainty.analysis.expected_errors._TOGETHER", 100)
    yield
    patch.undo()


def packed(folder, name, values, class_axis_last=False):
    """A file that has to be read from its beginning to its end."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.npz"
    if class_axis_last:
        values = np.moveaxis(values, 0, -1)
    np.savez_compressed(path, probabilities=values)
    return open_probabilities(
        path, Interpretation(class_axis=-1 if class_axis_last else 0)
    )


def members(given):
    return [Member(one, str(number)) for number, one in enumerate(given)]


#: Whatever takes threads: given values and a folder, steps that are to be taken.
STEPS = {
    "array": lambda values, _: iter_fold(values, threads=3),
    "dask": lambda values, _: iter_fold(da.from_array(values, (4, 4, 8, 9)), threads=3),
    "class after class": lambda values, folder: iter_fold(
        packed(folder, "a", values), threads=3
    ),
    "voxel after voxel": lambda values, folder: iter_fold(
        packed(folder, "a", values, class_axis_last=True), threads=3
    ),
    "members in memory": lambda values, _: iter_ensemble(
        members([values, values[:, ::-1]]), threads=3
    ),
    "members in files": lambda values, folder: iter_ensemble(
        members(
            packed(folder, str(number), one).values
            for number, one in enumerate((values, values[:, ::-1]))
        ),
        threads=3,
    ),
    "hotspots": lambda values, _: iter_hotspots(
        values[0], members=[values], wanted=HotspotOptions(5, 2.0), threads=3
    ),
}


@pytest.fixture
def at_submit(monkeypatch):
    """Function that has something happen before or after the n-th `submit` of pools."""
    submit = ThreadPoolExecutor.submit

    def patch(number, happen, before):
        seen = count(1)

        def submitting(pool, *arguments, **options):
            here = next(seen) == number
            if here and before:
                happen()
            future = submit(pool, *arguments, **options)
            if here and not before:
                happen()
            return future

        monkeypatch.setattr(ThreadPoolExecutor, "submit", submitting)

    return patch


def computing():
    """Threads that are there for a computation."""
    return [
        one.name
        for one in threading.enumerate()
        if one.name.startswith(("fold", "ensemble", "hotspots", "steps"))
    ]


def assert_all_end():
    wait_until(lambda: not computing(), "the threads end")


@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
@pytest.mark.parametrize("take", [take_all, run], ids=["here", "apart"])
@pytest.mark.parametrize("kind", STEPS)
def test_an_interrupt_at_any_start_of_a_thread_ends_all_of_them(
    kind, take, before, values, tmp_path, at_submit, ctrl_c
):
    """Both where the steps are taken in the main thread itself, and as they should be.

    There, most of all, is a moment between any two threads of those that wait for each
    other.
    """
    for number in count(1):
        at_submit(number, ctrl_c, before)
        steps = STEPS[kind](values, tmp_path / "in")
        try:
            take(steps)
        except KeyboardInterrupt:
            steps.close()
            assert_all_end()
        else:
            break
    assert number > 2


@pytest.mark.parametrize("kind", STEPS)
def test_a_thread_that_cannot_be_started_ends_the_others(
    kind, values, tmp_path, at_submit
):
    def none_is_left():
        refused.append(number)
        raise RuntimeError("can't start new thread")

    refused = []
    for number in count(1):
        at_submit(number, none_is_left, True)
        with suppress(RuntimeError):
            run(STEPS[kind](values, tmp_path / "in"))
        if number not in refused:
            break
        assert_all_end()
    assert number > 2


def test_members_in_files_are_not_read_to_their_end_after_a_close(
    values, tmp_path, monkeypatch
):
    """Held up in their second reading until the closing of all threads has begun."""
    taken, going_on = [], threading.Event()
    parts, shutdown = sources.InFileOrder.parts, ThreadPoolExecutor.shutdown

    def watched(source):
        for part in parts(source):
            taken.append(part)
            if len(taken) > most:
                going_on.wait(60)
            yield part

    def closing(pool, wait=True, **options):
        if wait and len(taken) > most:
            going_on.set()
        shutdown(pool, wait, **options)

    monkeypatch.setattr(sources.InFileOrder, "parts", watched)
    most = np.inf
    take_all(STEPS["members in files"](values, tmp_path / "in"))
    most = len(taken) // 2 + 2
    taken.clear()
    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", closing)
    steps = STEPS["members in files"](values, tmp_path / "in")
    for _ in steps:
        if len(taken) > most:
            break
    steps.close()
    # At most those that were asked for already, of two members, and the next ones.
    assert most < len(taken) <= most + 4 < 2 * (most - 2)


class TestApart:
    """Steps that another thread takes."""

    def test_they_give_what_they_give(self):
        where = ContextVar("where", default="nowhere")

        def steps():
            yield threading.current_thread() is threading.main_thread()
            yield where.get()
            return "result"

        where.set("here")
        assert take_all(apart(steps())) == ([False, "here"], "result")

    def test_nothing_begins_before_it_is_asked_for(self):
        begun = []

        def steps():
            begun.append(True)
            yield 0.5

        apart(steps()).close()
        assert not begun

    def test_what_they_raise_is_raised_here(self):
        def steps():
            yield 0.5
            raise LookupError("no such thing")

        taken = apart(steps())
        assert next(taken) == 0.5
        with pytest.raises(LookupError, match="no such thing"):
            next(taken)

    def test_run_in_another_thread_takes_them_itself(self):
        def steps():
            yield 0.5
            return threading.current_thread()

        with ThreadPoolExecutor(1, thread_name_prefix="mine") as pool:
            assert pool.submit(run, steps()).result().name.startswith("mine")
        assert run(steps()).name == "steps"

    def test_an_interrupt_closes_them_where_they_were_taken(self, ctrl_c):
        closed_in = []

        def steps():
            try:
                ctrl_c()
                for _ in count():
                    time.sleep(0.001)
                    yield 0.5
            finally:
                closed_in.append(threading.current_thread().name)

        with pytest.raises(KeyboardInterrupt):
            run(steps())
        assert closed_in == ["steps"]
        assert not computing()

    @pytest.mark.parametrize("when", ["before", "after", "too soon"])
    def test_an_interrupt_while_their_thread_is_started(
        self, when, monkeypatch, ctrl_c
    ):
        """Nobody knows then whether it begins; none is waited for in vain."""
        late, began, ended = [], [], []

        def steps():
            began.append(True)
            try:
                for _ in count():
                    time.sleep(0.001)
                    yield 0.5
            finally:
                ended.append(True)

        def starting(thread):
            if when == "after":
                start(thread)
            late.append(thread)
            ctrl_c()

        start = threading.Thread.start
        monkeypatch.setattr(threading.Thread, "start", starting)
        with pytest.raises(KeyboardInterrupt):
            run(steps())
        assert ended == began
        if when == "too soon":  # the thread comes when it was given up
            [thread] = late
            start(thread)
            thread.join(60)
            assert not thread.is_alive()
            assert not began

    def test_a_second_interrupt_ends_the_waiting_for_them(self, monkeypatch, ctrl_c):
        go_on, waited_for = threading.Event(), []
        join = threading.Thread.join

        def steps():
            ctrl_c()
            go_on.wait(PATIENCE)
            yield 0.5

        def joining(thread, timeout=None):
            if not waited_for:
                waited_for.append(thread.name)
                ctrl_c()
            join(thread, timeout)

        monkeypatch.setattr(threading.Thread, "join", joining)
        try:
            with pytest.raises(KeyboardInterrupt):
                run(steps())
            assert waited_for == computing() == ["steps"]
        finally:
            go_on.set()
        assert_all_end()


@pytest.fixture
def cases(tmp_path, rng):
    for name in ("a", "b"):
        write_case(tmp_path / "in", name, rng)
    return tmp_path / "in"


def words(cases, output):
    return ("map", cases, "-o", output, "--labels", cases, "--hotspots", 3)


def test_map_stopped_at_any_start_of_a_thread(cases, tmp_path, at_submit, ctrl_c):
    """One sentence, no traceback, nothing half-written; and it can be run again."""
    output, expected = tmp_path / "out", tmp_path / "expected"
    assert call_here(*words(cases, expected)).returncode == 0
    stopped = 0
    for number in count(1, 3):
        at_submit(number, ctrl_c, number % 2 == 0)
        ran = call_here(*words(cases, output))
        if ran.returncode == 0:
            break
        assert ran.returncode == 130, ran.stderr
        [line] = ran.stderr.splitlines()
        assert line.startswith("napari-uncertainty: stopped after ")
        assert not [name for name in contents(output) if name.startswith(".")]
        assert "summary.tsv" not in contents(output)
        assert_all_end()
        stopped += 1
    assert stopped > 2
    assert contents(output) == contents(expected)


def test_report_stopped_at_any_start_of_a_thread(cases, tmp_path, at_submit, ctrl_c):
    output = tmp_path / "out"
    assert call_here(*words(cases, output)).returncode == 0
    before = contents(output)
    for number in count(1):
        at_submit(number, ctrl_c, number % 2 == 0)
        ran = call_here("report", output / "a_entropy.nii.gz")
        if ran.returncode == 0:
            break
        assert ran.returncode == 130, ran.stderr
        assert "Traceback" not in ran.stderr
        assert contents(output) == before
        assert_all_end()
    assert number > 2


class Deaf:
    """Meets Ctrl-C when it is gone, where Python drops what is raised."""

    def __init__(self, interrupt):
        self.interrupt = interrupt

    def __del__(self):
        self.interrupt()


class Node:
    """Has no such method, but may be watched."""


def in_a_method(interrupt):
    Deaf(interrupt)


def in_a_callback(interrupt):
    node = Node()
    watching = weakref.ref(node, lambda _: interrupt())
    del node
    assert watching() is None


@pytest.mark.parametrize("drop", [in_a_method, in_a_callback])
def test_an_interrupt_that_python_would_drop_comes_again(drop, ctrl_c):
    before, dropped = sys.unraisablehook, []

    @keeping_interrupts()
    def go_on():
        drop(ctrl_c)
        dropped.append(True)
        threading.Event().wait(PATIENCE)

    with pytest.raises(KeyboardInterrupt):
        go_on()
    assert dropped
    assert sys.unraisablehook is before


def test_what_else_python_drops_is_told_as_before(monkeypatch):
    def fail():
        raise LookupError

    told = []
    monkeypatch.setattr(sys, "unraisablehook", lambda one: told.append(one.exc_type))
    with keeping_interrupts():
        Deaf(fail)
    assert told == [LookupError]


# Sends Ctrl-C as soon as something is imported that much else needs: where Python
# raises it, where it drops it, and where a version of Python makes another error of it.
EARLY = """
import os, signal, sys, weakref

def interrupt(*_):
    os.kill(os.getpid(), signal.SIGINT)

class Node:
    __set_name__ = interrupt

class Early:
    def find_spec(self, name, path=None, target=None):
        if name == "{name}":
            {how}

sys.meta_path.insert(0, Early())
"""
RAISED = "interrupt()"
DROPPED = "node = Node(); watching = weakref.ref(node, interrupt); del node"
WRAPPED = "type('Owner', (), {'node': Node()})"


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("typer", RAISED),
        ("numpy", DROPPED),
        ("numpy", WRAPPED),
        ("rich", RAISED),
        ("typer", DROPPED),
    ],
)
def test_an_interrupt_while_it_is_still_loading_gives_no_traceback(name, how, tmp_path):
    program = f"{EARLY.format(name=name, how=how)}\n{PROGRAM}"
    ran = subprocess.run(
        [sys.executable, "-c", program, "map", tmp_path, "-o", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "")


def test_a_background_job_that_ignores_ctrl_c_goes_on(cases, tmp_path):
    """As a shell starts it, so that Ctrl-C stops what is in the foreground alone."""
    ignoring = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
    program = f"{ignoring}\nfrom napari_uncertainty.__main__ import main; main()"
    arguments = ["map", cases, "-o", tmp_path / "out", "--jobs", "2"]
    with subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        # Not before it ignores them.
        wait_until((tmp_path / "out").exists, "it begins")
        while process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.02)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "")
    assert out.startswith("2 of 2 cases written")
