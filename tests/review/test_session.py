"""One review in its file: written, read, and shared by several windows."""

import json
import os
import platform
import stat
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import filelock
import numpy as np
import pytest

from napari_uncertainty import InputError
from napari_uncertainty.hotspots import Hotspot, Hotspots
from napari_uncertainty.review import (
    Options,
    Refreshed,
    ReviewedInput,
    Session,
    apply_runs,
    restore,
    session,
    written,
)

OPTIONS = Options(np.float32(8), 12, (np.int64(1), 2), np.True_)
INPUTS = (
    ReviewedInput("map", "entropy", None, "aa"),
    ReviewedInput("segmentation", "sub-007", Path("/data/sub-007.nii.gz"), "bb"),
)
NAMES = {1: "gray matter", 2: "weiße Substanz"}


def hotspots(count=5):
    # Numbers as they come from arrays.
    places = [
        Hotspot(
            rank,
            (np.int64(rank), 2, 3),
            (np.float64(0.1), 2.0, 3.0),
            np.float32(4.7),
            0.9,
            float("nan"),
            (np.int64(1), 2) if rank > 1 else None,
            0.1,
            0.05,
        )
        for rank in range(1, count + 1)
    ]
    return Hotspots(tuple(places), 8.0, 123.5, (9, 9, 9), None)


def begin(path, count=5, **how):
    return Session.begin(
        path, "sub-007", INPUTS, OPTIONS, hotspots(count), NAMES, "bits", **how
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sub-007_review.json"


@pytest.fixture
def two(path):
    """The same review in two windows."""
    begin(path).save()
    return Session.open(path), Session.open(path)


def verdicts(it):
    return [stop.verdict for stop in it.review.stops]


def test_all_comes_back(path):
    it = begin(path)
    assert not path.exists()
    it.review.see(1)
    it.review.judge(2, "needs expert")
    it.review.annotate(2, "é\n\"quoted\" \ud800 'runs': null")
    it.review.count(3, np.count_nonzero(np.ones(17)))
    it.review.count(4, np.int64(2))
    labels = np.zeros((9, 9, 9), np.uint8)
    now = labels.copy()
    now[3, 3, 3:6] = 2
    it.set_labels(labels, now)
    assert it.save() is None
    again = Session.open(path)
    for name in ("path", "case", "begun", "inputs", "options", "names", "unit"):
        assert getattr(again, name) == getattr(it, name), name
    for name, value in (("radius_mm", 8.0), ("expected_errors", 123.5)):
        assert getattr(again, name) == getattr(it, name) == value
    assert datetime.fromisoformat(again.begun).utcoffset() == timedelta(0)
    assert again.runs.tolist() == [[3 * 81 + 3 * 9 + 3, 3, 2]]
    for before, after in zip(it.review.stops, again.review.stops, strict=True):
        one, other = before.hotspot, after.hotspot
        assert (one.rank, one.voxel, one.ras, one.classes) == (
            other.rank, other.voxel, other.ras, other.classes
        )  # fmt: skip
        assert (one.mass, one.peak, one.share) == (other.mass, other.peak, other.share)
        assert np.isnan(other.mean)
        for name in ("verdict", "suggested", "note", "seen", "changed_voxels"):
            assert getattr(before, name) == getattr(after, name)


def test_the_file_is_readable_and_stable(path):
    it = begin(path)
    it.review.judge(2, "fine")
    it.save()
    text = path.read_text("utf-8")
    document = json.loads(text)
    assert list(document) == [
        "format", "program", "case", "begun", "unit", "map", "inputs", "options",
        "names", "totals", "stops", "labels", "windows", "revision",
    ]  # fmt: skip
    assert document["format"] == 1
    assert document["names"] == {"1": "gray matter", "2": "weiße Substanz"}
    assert "weiße Substanz" in text
    assert document["inputs"][1]["path"] == str(INPUTS[1].path)
    assert document["totals"]["decided"] == 1
    assert document["totals"]["expected_errors"] == 123.5
    assert (document["stops"][0]["mean"], document["stops"][0]["classes"]) == (
        None,
    ) * 2
    assert len(text.splitlines()) < 60
    again = Session.open(path)
    again.save()
    other = json.loads(path.read_text("utf-8"))
    assert other.pop("revision") == document.pop("revision") + 1
    assert other.pop("windows")[0] == document.pop("windows")[0]
    assert other == document


def test_times_are_those_of_changes(path):
    it = begin(path)
    it.save()
    before = time.time_ns()
    it.review.see(1)
    it.review.judge(2, "fine")
    after = time.time_ns()
    it.save()
    times = [s["changed_at"] for s in json.loads(path.read_text("utf-8"))["stops"]]
    assert times[0] == times[2] == 0
    assert before <= times[1] <= after
    again = Session.open(path)
    again.save()
    assert [
        stop["changed_at"] for stop in json.loads(path.read_text("utf-8"))["stops"]
    ] == times


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no review"),
        (b"\x00\xff\x93", "is no review"),
        (b"[]", "is no review"),
        (b"3", "is no review"),
        (b'{"format": 1}', "is no review"),
        (b'{"format": "1"}', "is no review"),
        (b'{"format": 0}', "is no review"),
        (b"[" * 100_000, "is no review"),
        (b'{"format": 2, "stops": "elsewhere"}', "written by a newer version"),
    ],
)
def test_files_that_are_no_review(path, content, message):
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        Session.open(path)
    with pytest.raises(InputError, match=message):
        begin(path).save()
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("options"),
        lambda d: d["stops"].append(d["stops"][0]),
        lambda d: d["stops"][0].update(verdict="x"),
        lambda d: d["stops"].append(None),
        lambda d: d["labels"].update(runs=[[0, 2, 1], [1, 2, 1]]),
        lambda d: d["labels"].update(runs=[[2**70, 2, 1]]),
        lambda d: d.update(names=["a"]),
        lambda d: d.update(case=3),
        lambda d: d.update(begun="yesterday"),
        lambda d: d.update(windows=None),
        lambda d: d.update(revision=1e999),
        lambda d: d["totals"].update(expected_errors=[]),
    ],
)
def test_damaged_reviews(path, change):
    begin(path).save()
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(InputError, match=r"sub-007_review.json is no review, or a dam"):
        Session.open(path)


def test_no_such_file(path):
    with pytest.raises(InputError, match=r"cannot be read \(No such file"):
        Session.open(path)


def test_a_file_that_vanished_is_written_anew(path):
    it = begin(path)
    it.review.judge(1, "fine")
    it.save()
    path.unlink()
    assert it.refresh() is None
    it.review.judge(2, "fixed")
    it.save()
    assert verdicts(Session.open(path))[:2] == ["fine", "fixed"]


def test_a_file_that_became_something_else(path):
    it = begin(path)
    it.save()
    path.write_text("groceries")
    with pytest.raises(InputError, match="is no review"):
        it.refresh()
    assert it.refresh() is None  # told once
    it.review.judge(1, "fine")
    with pytest.raises(InputError, match="is no review"):
        it.save()
    assert path.read_text() == "groceries"
    path.unlink()
    it.save()
    assert verdicts(Session.open(path))[0] == "fine"


def test_another_review_under_the_same_name(path):
    begin(path).save()
    before = path.read_bytes()
    other = Session.begin(
        path, "sub-007", INPUTS, Options(5.0, 5.0, None, False), hotspots(), NAMES, ""
    )
    with pytest.raises(InputError, match="another review now, which was left as it is"):
        other.save()
    moved = Hotspots(
        (replace(hotspots().places[0], voxel=(7, 7, 7)),), 8.0, 1.0, (9, 9, 9), None
    )
    with pytest.raises(InputError, match="Place 1 is another one"):
        Session.begin(path, "sub-007", INPUTS, OPTIONS, moved, NAMES, "").save()
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there(tmp_path):
    it = begin(tmp_path / "disk" / "x_review.json")
    it.review.judge(1, "fine")
    with pytest.raises(InputError, match=r"folder .*disk is not there"):
        it.save()
    assert not (tmp_path / "disk").exists()
    it.path = tmp_path / "x_review.json"
    it.save()
    assert verdicts(Session.open(it.path))[0] == "fine"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_a_folder_without_permission(path):
    path.parent.chmod(0o500)
    with pytest.raises(InputError, match="cannot be written"):
        begin(path).save()
    path.parent.chmod(0o700)


def test_a_name_that_cannot_be_written(path, monkeypatch):
    def refused(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("filelock.FileLock.acquire", refused)
    with pytest.raises(InputError, match=r"cannot be written \(Permission denied\)"):
        begin(path).save()


def test_another_program_that_does_not_end_to_write(path, monkeypatch):
    monkeypatch.setattr(written, "_PATIENCE", 0.1)
    it = begin(path)
    with filelock.FileLock(path.parent / f".{path.name}.lock"):
        with pytest.raises(InputError, match="is being written by another program"):
            it.save()
        assert not path.exists()
    it.save()
    assert path.exists()


@pytest.mark.skipif(os.name != "posix", reason="folders are written so on POSIX")
def test_a_decision_is_kept_once_file_and_folder_are_on_the_disk(path, monkeypatch):
    """The file before it gets its name, and then its name: both outlive the power."""
    it = begin(path)
    it.save()
    it.review.judge(2, "needs expert")
    calls = []
    fsync, rename = os.fsync, Path.replace

    def synced(descriptor):
        about = os.fstat(descriptor)
        if stat.S_ISDIR(about.st_mode):
            same = os.path.samestat(about, path.parent.stat())
            calls.append("folder" if same else "another folder")
        else:
            calls.append(("file", about.st_ino, about.st_size))
        fsync(descriptor)

    def renamed(self, target):
        calls.append(("name", self.stat().st_ino, target))
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    assert it.save() is None
    now = path.stat()
    assert calls == [
        ("file", now.st_ino, now.st_size),
        ("name", now.st_ino, path),
        "folder",
    ]
    assert verdicts(Session.open(path))[1] == "needs expert"


def test_a_decision_that_does_not_reach_the_disk_is_not_taken_for_kept(
    path, monkeypatch
):
    it = begin(path)
    it.save()
    before = path.read_bytes()
    it.review.judge(2, "needs expert")

    def fails(_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        with pytest.raises(InputError, match=r"cannot be written \(Input/output error"):
            it.save()
    assert path.read_bytes() == before
    it.close()  # which saves what was not
    assert verdicts(Session.open(path))[1] == "needs expert"


def test_two_windows_that_decide_different_stops(two):
    one, other = two
    one.review.judge(1, "fine")
    assert one.save() is None
    other.review.judge(2, "fixed")
    other.review.see(3)
    assert other.save() == Refreshed((1,), False)
    assert one.refresh() == Refreshed((2, 3), False)
    assert one.refresh() is None
    expected = ["fine", "fixed", "open", "open", "open"]
    assert (
        verdicts(one) == verdicts(other) == verdicts(Session.open(one.path)) == expected
    )
    assert one.review.stop(3).seen


@pytest.mark.parametrize("first_saves_last", [True, False])
def test_the_later_change_of_one_stop_wins(two, first_saves_last):
    one, other = two
    one.review.judge(1, "fine")
    other.review.judge(1, "needs expert")
    saves = [other, one] if first_saves_last else [one, other]
    for it in saves:
        it.save()
    assert verdicts(Session.open(one.path))[0] == "needs expert"
    one.refresh()
    other.refresh()
    assert verdicts(one)[0] == verdicts(other)[0] == "needs expert"


@pytest.fixture
def clock(monkeypatch):
    """Function that sets the clock, which then stands still."""
    return lambda now: monkeypatch.setattr(session.time, "time_ns", lambda: now)


def test_a_change_of_mind_is_later_even_if_the_clock_was_set_back(two, clock):
    one, other = two
    clock(2000)
    one.review.judge(1, "fine")
    clock(1500)
    other.review.judge(1, "needs expert")
    other.save()
    clock(10)
    one.review.judge(1, "fixed")  # later than at 2000, and so than at 1500
    assert one.save() is None
    assert verdicts(Session.open(one.path))[0] == "fixed"
    other.refresh()
    assert verdicts(other)[0] == "fixed"


def test_decisions_within_one_tick_of_the_clock_have_an_order(path, clock):
    it = begin(path)
    clock(2000)
    times = []
    for verdict in ("fine", "fixed", "needs expert"):
        it.review.judge(1, verdict)
        it.save()
        times.append(json.loads(path.read_text("utf-8"))["stops"][0]["changed_at"])
    assert times == [2000, 2001, 2002]


@pytest.mark.parametrize(("ours", "theirs"), [(1500, 2000), (2000, 1500)])
def test_of_two_changes_the_later_time_is_kept(two, clock, ours, theirs):
    """Or a third window would take a decision from before for the last one."""
    one, other = two
    third = Session.open(one.path)
    clock(1700)
    third.review.judge(1, "needs expert")
    clock(theirs)
    other.review.judge(1, "fixed")
    other.save()
    clock(ours)
    one.review.judge(1, "fine")
    one.save()
    last = "fine" if ours > theirs else "fixed"
    (stop, *_) = json.loads(one.path.read_text("utf-8"))["stops"]
    assert (stop["verdict"], stop["changed_at"]) == (last, 2000)
    third.save()
    assert verdicts(third)[0] == last


def test_of_two_changes_at_one_time_the_first_that_was_saved_stays(two, clock):
    one, other = two
    clock(2000)
    one.review.judge(1, "fine")
    other.review.judge(1, "fixed")
    one.save()
    other.save()
    assert verdicts(other)[0] == verdicts(Session.open(one.path))[0] == "fine"


def test_what_the_other_window_decided_cannot_be_undone_here(two):
    one, other = two
    one.review.judge(1, "fine")
    one.review.judge(2, "fine")
    one.save()
    other.refresh()
    other.review.judge(1, "needs expert")
    other.save()
    one.review.judge(3, "fine")
    assert one.save() == Refreshed((1,), False)
    assert [one.review.undo() for _ in range(3)] == [3, 2, None]
    one.save()
    assert verdicts(Session.open(one.path)) == ["needs expert", *["open"] * 4]
    # Nor where the later decision here won.
    other.refresh()
    one.review.judge(4, "fine")
    other.review.judge(4, "fixed")
    one.save()
    other.save()
    assert verdicts(other)[3] == "fixed"
    assert [other.review.undo() for _ in range(2)] == [1, None]
    assert verdicts(other)[3] == "fixed"


def test_unsaved_decisions_survive_a_refresh(two):
    one, other = two
    one.review.judge(1, "fine")
    other.review.judge(2, "fixed")
    other.save()
    assert one.refresh() == Refreshed((2,), False)
    one.save()
    assert verdicts(Session.open(one.path))[:2] == ["fine", "fixed"]


def test_labels_of_two_windows(two):
    one, other = two
    original = np.zeros((9, 9, 9), np.uint8)
    labels = {it: original.copy() for it in two}

    def paint(it, voxel, label):
        labels[it][voxel] = label
        it.set_labels(original, labels[it])
        take(it, it.runs, it.save())

    def take(it, before, told):
        if told and told.labels:
            restore(labels[it], original, before)
            apply_runs(labels[it], it.runs)

    paint(one, (0, 0, 0), 1)
    paint(other, (0, 0, 1), 2)
    before = one.runs
    told = one.refresh()
    assert told == Refreshed((), True)
    take(one, before, told)
    expected = original.copy()
    expected[0, 0, :2] = 1, 2
    for it in two:
        np.testing.assert_array_equal(labels[it], expected)
    paint(other, (0, 0, 0), 0)  # taken back
    paint(one, (5, 5, 5), 3)
    expected[0, 0, 0], expected[5, 5, 5] = 0, 3
    np.testing.assert_array_equal(labels[one], expected)
    assert Session.open(one.path).runs.tolist() == [[1, 1, 2], [5 * 91, 1, 3]]


def test_what_came_in_before_a_fault_is_told_afterwards(two, monkeypatch):
    one, other = two
    one.review.judge(1, "fine")
    one.set_labels(np.zeros((9, 9, 9), int), np.ones((9, 9, 9), int))
    one.save()

    def full(files, sync):
        raise InputError("The disk is full.")

    with monkeypatch.context() as patched:
        patched.setattr(session, "write_whole", full)
        with pytest.raises(InputError, match="full"):
            other.save()
    assert other.refresh() == Refreshed((1,), True)
    assert other.save() is None


def test_two_windows_that_begin_the_same_review(path):
    one, other = begin(path), begin(path)
    one.review.judge(1, "fine")
    other.review.judge(2, "fixed")
    one.save()
    assert other.save() == Refreshed((1,), False)
    assert verdicts(Session.open(path))[:2] == ["fine", "fixed"]


def test_a_longer_list(two):
    one, other = two
    one.review.judge(2, "fine")
    one.extend(hotspots(8))
    one.review.judge(7, "fixed")
    one.extend(hotspots(3))
    assert len(one.review.stops) == 8
    assert one.save() is None
    other.review.judge(1, "needs expert")
    assert other.save() == Refreshed((2, 6, 7, 8), False)
    assert verdicts(Session.open(one.path)) == [
        "needs expert", "fine", "open", "open", "open", "open", "fixed", "open",
    ]  # fmt: skip
    # A window with a longer list and a file with a shorter one.
    one.refresh()
    one.extend(hotspots(9))
    other.review.judge(3, "fine")
    other.save()
    one.save()
    assert len(Session.open(one.path).review.stops) == 9
    assert verdicts(one)[2] == "fine"
    places = hotspots(10).places
    first = replace(places[0], voxel=(7, 7, 7))
    wrong = Hotspots((*places[1:], first), 8.0, 1.0, (9, 9, 9), None)
    with pytest.raises(InputError, match="is another one"):
        one.extend(wrong)
    assert len(one.review.stops) == 9


def test_windows_notice_each_other(path):
    one = begin(path, register=True)
    assert path.exists()
    assert one.others() == ()
    other = Session.open(path, register=True)
    (seen,) = other.others()
    assert (seen.host, seen.pid) == (platform.node(), os.getpid())
    assert one.refresh() is None
    (back,) = one.others()
    assert back.id != seen.id
    one.close()
    other.refresh()
    assert other.others() == ()
    silent = Session.open(path)
    assert len(silent.others()) == 1
    silent.close()
    assert len(json.loads(path.read_text("utf-8"))["windows"]) == 1
    other.close()
    assert json.loads(path.read_text("utf-8"))["windows"] == []


def test_closing_saves_but_makes_no_file_for_nothing(path):
    begin(path).close()
    assert list(path.parent.iterdir()) == []
    it = begin(path)
    it.review.judge(1, "fine")
    it.close()
    assert verdicts(Session.open(path))[0] == "fine"
    it.review.judge(2, "fine")
    it.save()
    assert json.loads(path.read_text("utf-8"))["windows"] == []
    gone = Session.open(path, register=True)
    path.unlink()
    gone.close()
    assert not path.exists()


def entry(host, pid, since):
    return {"id": "x", "host": host, "pid": pid, "since": since}


def test_windows_that_are_gone(path):
    begin(path).close()
    it = begin(path, register=True)
    now = datetime.now(UTC).isoformat()
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    here = platform.node()
    known = [
        (entry(here, ended.pid, now), False),
        (entry(here, os.getpid(), "2020-01-01T00:00:00+00:00"), False),
        (entry(here, os.getpid(), now), True),
        (entry(here, -1, now), False),
        (entry(here, 2**40, now), False),
        (entry(here, "1", now), False),
        (entry(here, os.getpid(), "today"), False),
        (entry("another-machine", 1, now), True),
        ("garbage", False),
        ({}, False),
    ]
    document = json.loads(path.read_text("utf-8"))
    for row, is_open in known:
        document["windows"] = [row]
        document["revision"] += 1
        path.write_text(json.dumps(document), "utf-8")
        assert bool(Session.open(path).others()) == is_open, row
    document["windows"] = [entry("another-machine", 1, now)]
    path.write_text(json.dumps(document), "utf-8")
    long_ago = time.time() - 2 * 3600
    os.utime(path, (long_ago, long_ago))
    assert Session.open(path).others() == ()
    it.save()
    (left,) = json.loads(path.read_text("utf-8"))["windows"]
    assert left["pid"] == os.getpid()
