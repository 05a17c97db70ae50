"""Real processes that are killed at any moment."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from napari_uncertainty.analysis.hotspots import Hotspot, Hotspots
from napari_uncertainty.review.reviewed_images import Options, ReviewedInput
from napari_uncertainty.review.session import Session

STOPS = 40

DECIDING = """
import sys
from pathlib import Path
from napari_uncertainty.review.session import Session
it = Session.open(Path(sys.argv[1]))
it.hold()
it.save()
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
    it = Session.begin(file, "case", inputs, options, found, {}, "")
    it.save()
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
def test_a_review_killed_while_it_saves_has_all_that_was_confirmed(path):
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
        # It was the one that wrote, and leaves the review to the next one.
        assert document["window"]["pid"] == child.pid
        it.hold()
        assert it.read_only == ""
        it.save()
        assert json.loads(path.read_text("utf-8"))["window"]["pid"] == os.getpid()
        it.close()
        # The next attempt begins with open stops.
        again = Session.open(path)
        for stop in again.review.stops:
            again.review.judge(stop.rank, "open")
            again.review.annotate(stop.rank, "")
        again.close()
