"""Real processes: killed at any moment, and deciding at once."""

import json
import signal
import subprocess
import sys
import time

import pytest

from napari_uncertainty.hotspots import Hotspot, Hotspots
from napari_uncertainty.review import Options, ReviewedInput, Session

STOPS = 40

DECIDING = """
import sys
from pathlib import Path
from napari_uncertainty.review import Session
it = Session.open(Path(sys.argv[1]), register=True)
verdict, first, step, rounds = sys.argv[2], *map(int, sys.argv[3:])
ranks = range(first, len(it.review.stops) + 1, step)
sys.stdin.readline()
for turn in range(rounds):
    for rank in ranks:
        it.review.judge(rank, verdict)
        it.review.annotate(rank, f"{verdict} {turn}")
        it.save()
        print(turn, rank, flush=True)
"""


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "case_review.json"
    places = tuple(
        Hotspot(rank, (rank, 1, 1), None, 1.0, 1.0, 1.0, None, 0.01, 0.01)
        for rank in range(1, STOPS + 1)
    )
    found = Hotspots(places, 5.0, 10.0, (99, 9, 9), None)
    inputs = [ReviewedInput("map", "m", None, "ab")]
    options = Options(5.0, 5.0, None, False)
    it = Session.begin(file, "case", inputs, options, found, {}, "", register=True)
    it.close()
    return file


def deciding(path, verdict, first, step, rounds):
    told = map(str, (first, step, rounds))
    return subprocess.Popen(
        [sys.executable, "-c", DECIDING, str(path), verdict, *told],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is of POSIX")
def test_killed_while_it_saves(path):
    """The file is whole, and has all that was confirmed, whenever that happens."""
    for attempt in range(4):
        with deciding(path, "fine", 1, 1, 10**6) as child:
            child.stdin.write("\n")
            child.stdin.flush()
            confirmed = [child.stdout.readline()]
            time.sleep(0.1 + 0.0137 * attempt)
            child.send_signal(signal.SIGKILL)
            confirmed += [line for line in child.stdout if line.endswith("\n")]
        assert len(confirmed) > 1
        document = json.loads(path.read_text("utf-8"))
        it = Session.open(path)
        for line in confirmed:
            turn, rank = map(int, line.split())
            stop = it.review.stop(rank)
            assert stop.verdict == "fine"
            assert int(stop.note.split()[1]) >= turn
        # It is not among the windows any more, and leaves the next one alone.
        assert [row["pid"] for row in document["windows"]] == [child.pid]
        assert it.others() == ()
        it.save()
        assert len(json.loads(path.read_text("utf-8"))["windows"]) == 1
        it.close()
        # The next attempt begins with open stops.
        again = Session.open(path)
        for stop in again.review.stops:
            again.review.judge(stop.rank, "open")
            again.review.annotate(stop.rank, "")
        again.close()


def test_two_processes_that_decide_at_once(path):
    """No decision is lost, and for stops of both the one that was made last holds."""
    mine = Session.open(path)
    with (
        deciding(path, "fine", 1, 2, 2) as one,
        deciding(path, "fixed", 2, 2, 2) as two,
    ):
        for child in (one, two):
            child.stdin.write("\n")
            child.stdin.flush()
        told = set()
        while one.poll() is None or two.poll() is None:
            news = mine.refresh()
            told |= set(news.stops) if news else set()
            time.sleep(0.02)
        assert (len(one.stdout.readlines()), len(two.stdout.readlines())) == (40, 40)
    news = mine.refresh()
    told |= set(news.stops) if news else set()
    assert told == set(range(1, STOPS + 1))
    for it in (mine, Session.open(path)):
        for stop in it.review.stops:
            expected = "fine" if stop.rank % 2 else "fixed"
            assert (stop.verdict, stop.note) == (expected, f"{expected} 1")
    assert json.loads(path.read_text("utf-8"))["revision"] >= 82
