"""One review in its file: written, read, and held by one window."""

import json
import os
import platform
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import Grid, InputError
from napari_uncertainty.analysis.hotspots import Hotspot, Hotspots
from napari_uncertainty.review import session
from napari_uncertainty.review.reviewed_images import (
    Options,
    ReviewedInput,
    copied,
    count_different,
)
from napari_uncertainty.review.session import Session
from support.generated import OBLIQUE

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


def begin(path, count=5):
    return Session.begin(
        path, "sub-007", INPUTS, OPTIONS, hotspots(count), NAMES, "bits"
    )


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sub-007_review.json"


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
    grid = Grid(labels.shape, OBLIQUE)
    assert it.set_labels(labels, now, grid)
    assert not it.set_labels(labels, now, grid)
    it.save()
    again = Session.open(path)
    for name in ("path", "case", "begun", "inputs", "options", "names", "unit"):
        assert getattr(again, name) == getattr(it, name), name
    for name, value in (("radius_mm", 8.0), ("expected_errors", 123.5)):
        assert getattr(again, name) == getattr(it, name) == value
    assert datetime.fromisoformat(again.begun).utcoffset() == timedelta(0)
    assert again.changed_labels == it.changed_labels == 3
    back, note = again.labels(labels.shape)
    assert (back.dtype, note) == (labels.dtype, "")
    np.testing.assert_array_equal(back, now)
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
        "names", "totals", "stops", "labels", "window",
    ]  # fmt: skip
    assert document["format"] == 2
    assert document["names"] == {"1": "gray matter", "2": "weiße Substanz"}
    assert "weiße Substanz" in text
    assert document["inputs"][1]["path"] == str(INPUTS[1].path)
    assert document["totals"]["decided"] == 1
    assert document["totals"]["expected_errors"] == 123.5
    assert (document["stops"][0]["mean"], document["stops"][0]["classes"]) == (
        None,
    ) * 2
    assert len(text.splitlines()) < 60
    assert document["labels"] is None
    it.close()
    again = Session.open(path)
    again.save()
    other = json.loads(path.read_text("utf-8"))
    assert other.pop("window")["pid"] == document.pop("window")["pid"] == os.getpid()
    assert other == document


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a review"),
        (b"\x00\xff\x93", "is not a review"),
        (b"[]", "is not a review"),
        (b"3", "is not a review"),
        (b'{"format": 1}', "is not a review"),
        (b'{"format": "1"}', "is not a review"),
        (b'{"format": 0}', "is not a review"),
        (b"[" * 100_000, "is not a review"),
        (b'{"format": 3, "stops": "elsewhere"}', "written by a newer version"),
    ],
)
def test_files_that_are_not_a_review_are_refused_and_kept(path, content, message):
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
        lambda d: d.update(
            labels={"file": "../other.nii.gz", "digest": "", "voxels": 1}
        ),
        lambda d: d.update(labels={"file": "labels.nii.gz"}),
        lambda d: d.update(names=["a"]),
        lambda d: d.update(case=3),
        lambda d: d.update(begun="yesterday"),
        lambda d: d.update(window={"host": 3}),
        lambda d: d["totals"].update(expected_errors=[]),
    ],
)
def test_damaged_reviews_are_refused(path, change):
    begin(path).save()
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document), "utf-8")
    with pytest.raises(
        InputError, match=r"sub-007_review.json is not a review, or it is dam"
    ):
        Session.open(path)


def test_a_review_that_does_not_exist_is_told(path):
    with pytest.raises(InputError, match=r"cannot be read \(No such file"):
        Session.open(path)


def test_a_file_that_vanished_is_written_anew(path):
    it = begin(path)
    it.review.judge(1, "fine")
    it.save()
    path.unlink()
    it.review.judge(2, "fixed")
    it.save()
    assert verdicts(Session.open(path))[:2] == ["fine", "fixed"]


def test_a_file_that_became_something_else(path):
    it = begin(path)
    it.save()
    path.write_text("groceries")
    it.review.judge(1, "fine")
    with pytest.raises(InputError, match="is not a review"):
        it.save()
    assert path.read_text() == "groceries"
    path.unlink()
    it.save()
    assert verdicts(Session.open(path))[0] == "fine"


def test_another_review_under_the_same_name(path):
    first = begin(path)
    first.save()
    first.close()
    before = path.read_bytes()
    other = Session.begin(
        path, "sub-007", INPUTS, Options(5.0, 5.0, None, False), hotspots(), NAMES, ""
    )
    with pytest.raises(InputError, match="another review now, which was left as it is"):
        other.save()
    assert path.read_bytes() == before


def test_a_missing_folder_is_told_and_not_made(tmp_path):
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
def test_a_folder_without_permission_is_told(path):
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
    it.save()
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


# -- one window at a time -----------------------------------------------------


def test_a_second_window_can_only_read_and_says_who_writes(path):
    one = begin(path)
    one.review.judge(1, "fine")
    one.save()
    before = path.read_bytes()
    other = Session.open(path)
    other.hold()
    since = datetime.fromisoformat(json.loads(before)["window"]["since"]).astimezone()
    assert other.read_only == (
        "sub-007_review.json can only be read here, because another window has it open "
        f"(process {os.getpid()} on {platform.node()}, since {since:%Y-%m-%d %H:%M}); "
        "close it there, then click Find hotspots to go on here."
    )
    assert verdicts(other)[0] == "fine"
    other.review.judge(2, "fixed")
    with pytest.raises(InputError, match="can only be read here"):
        other.save()
    other.close()
    assert path.read_bytes() == before
    one.review.judge(3, "needs expert")
    one.save()
    assert verdicts(Session.open(path)) == [
        "fine", "open", "needs expert", "open", "open",
    ]  # fmt: skip


def test_what_the_first_window_saved_is_there_when_the_second_gets_the_review(path):
    one = begin(path)
    one.save()
    other = Session.open(path)
    one.review.judge(2, "fine")
    one.extend(hotspots(8))
    one.save()
    one.close()
    other.extend(hotspots(9))
    other.hold()
    assert other.read_only == ""
    assert verdicts(other) == ["open", "fine", *["open"] * 7]
    other.review.judge(1, "fixed")
    other.save()
    assert verdicts(Session.open(path))[:2] == ["fixed", "fine"]


def test_of_two_windows_that_begin_one_review_the_first_to_decide_has_it(path):
    one, other = begin(path), begin(path)
    one.review.judge(1, "fine")
    one.save()
    other.review.judge(2, "fixed")
    with pytest.raises(InputError, match="another window has it open"):
        other.save()
    assert other.read_only
    one.close()
    late = begin(path)
    late.review.judge(3, "fixed")
    before = path.read_bytes()
    with pytest.raises(InputError, match="was written by another window or program"):
        late.save()
    assert path.read_bytes() == before
    assert verdicts(Session.open(path))[:3] == ["fine", "open", "open"]


def test_a_file_that_another_program_wrote_is_left_as_it_is(path):
    it = begin(path)
    it.save()
    theirs = path.read_text("utf-8").replace('"note": ""', '"note": "theirs"')
    path.write_text(theirs, "utf-8")
    it.review.judge(1, "fine")
    with pytest.raises(InputError, match="was left as it is; click Find hotspots"):
        it.save()
    assert path.read_text("utf-8") == theirs


HOLDING = """
import sys
from pathlib import Path
from napari_uncertainty.review.session import Session
it = Session.open(Path(sys.argv[1]))
it.hold()
it.save()
print("held", flush=True)
sys.stdin.readline()
"""


def test_a_process_that_was_killed_locks_nobody_out(path):
    first = begin(path)
    first.save()
    first.close()
    with subprocess.Popen(
        [sys.executable, "-c", HOLDING, str(path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as child:  # fmt: skip
        assert child.stdout.readline() == "held\n"
        other = Session.open(path)
        other.hold()
        assert f"process {child.pid} on {platform.node()}, since" in other.read_only
        child.kill()
    after = Session.open(path)
    after.hold()
    assert after.read_only == ""
    after.review.judge(1, "fine")
    after.save()
    assert verdicts(Session.open(path))[0] == "fine"


def test_a_longer_list_extends_the_review(path):
    it = begin(path)
    it.review.judge(2, "fine")
    it.extend(hotspots(8))
    it.review.judge(7, "fixed")
    it.extend(hotspots(3))
    assert len(it.review.stops) == 8
    it.save()
    expected = ["open", "fine", "open", "open", "open", "open", "fixed", "open"]
    assert verdicts(Session.open(path)) == expected
    places = hotspots(10).places
    first = replace(places[0], voxel=(7, 7, 7))
    wrong = Hotspots((*places[1:], first), 8.0, 1.0, (9, 9, 9), None)
    with pytest.raises(InputError, match="Place 1 is another one"):
        it.extend(wrong)
    assert len(it.review.stops) == 8


# -- labels that were changed -------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "shape", "label"),
    [("u1", (9, 8, 7), 255), ("i4", (9, 8, 7), -70_000), ("?", (5, 6), True),
     ("i8", (9, 8, 7), 2**40)],
)  # fmt: skip
def test_changed_labels_are_a_nifti_beside_the_review(path, dtype, shape, label):
    """On the segmentation's own grid, in its own type."""
    original = np.zeros(shape, dtype)
    now = original.copy(order="F")
    now[2, 3:5] = label
    grid = Grid(shape, OBLIQUE) if len(shape) == 3 else None
    it = begin(path)
    it.set_labels(original, now, grid)
    it.save()
    told = json.loads(path.read_text("utf-8"))["labels"]
    assert told["file"] == "sub-007_review_labels.nii.gz"
    assert told["voxels"] == it.changed_labels == np.count_nonzero(now)
    image = nib.load(path.with_name(told["file"]))
    np.testing.assert_array_equal(np.asarray(image.dataobj), now)
    assert image.get_data_dtype() == (np.uint8 if dtype == "?" else np.dtype(dtype))
    if grid is not None:
        np.testing.assert_allclose(image.affine, OBLIQUE, atol=1e-5)
    back, note = Session.open(path).labels(shape)
    assert note == ""
    np.testing.assert_array_equal(back, now)
    # Painted back, there is nothing to keep.
    it.set_labels(original, original.copy(), grid)
    it.save()
    assert json.loads(path.read_text("utf-8"))["labels"] is None
    assert not path.with_name(told["file"]).exists()
    assert Session.open(path).labels(shape) == (None, "")


@pytest.fixture
def painted(path):
    """A review with a verdict and changed labels, saved; and these labels."""
    it = begin(path)
    it.review.judge(1, "fine")
    labels = np.zeros((9, 9, 9), np.uint8)
    now = labels.copy()
    now[1, 2, 3] = 4
    it.set_labels(labels, now, Grid(now.shape, OBLIQUE))
    it.save()
    return it, now


def test_a_disk_that_is_full_loses_neither_labels_nor_verdicts(
    path, painted, monkeypatch
):
    it, before = painted
    now = before.copy()
    now[5, 5, 5] = 3

    def full(*_, **__):
        raise InputError("No space left on device.")

    it.review.judge(2, "needs expert")
    it.set_labels(np.zeros_like(now), now, None)
    with monkeypatch.context() as patched:
        patched.setattr("napari_uncertainty.review.reviewed_images.write_whole", full)
        with pytest.raises(InputError, match="No space left"):
            it.save()
    again = Session.open(path)
    assert verdicts(again)[:2] == ["fine", "needs expert"]
    np.testing.assert_array_equal(again.labels(now.shape)[0], before)
    it.save()  # when there is room again
    np.testing.assert_array_equal(Session.open(path).labels(now.shape)[0], now)


def test_labels_that_were_written_before_the_program_ended_are_taken(
    path, painted, monkeypatch
):
    it, before = painted
    now = before.copy()
    now[5, 5, 5] = 3
    it.set_labels(np.zeros_like(now), now, Grid(now.shape, OBLIQUE))

    def ends(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(session, "write_whole", ends)
        with pytest.raises(KeyboardInterrupt):
            it.save()
    again = Session.open(path)
    assert verdicts(again)[0] == "fine"
    labels, note = again.labels(now.shape)
    np.testing.assert_array_equal(labels, now)
    assert note == (
        "sub-007_review_labels.nii.gz was written after the review was saved last; its "
        "labels are shown."
    )


def test_labels_that_another_thread_writes_are_named_by_the_next_save(path, painted):
    it, before = painted
    now = before.copy()
    now[5, 5, 5] = 3
    it.set_labels(np.zeros_like(now), now, Grid(now.shape, OBLIQUE))
    it.review.judge(2, "needs expert")
    it.save(labels=False)
    assert it.has_unsaved_labels
    again = Session.open(path)
    assert verdicts(again)[:2] == ["fine", "needs expert"]
    np.testing.assert_array_equal(again.labels(now.shape)[0], before)
    thread = threading.Thread(target=it.write_labels)
    thread.start()
    thread.join()
    assert it.has_unsaved_labels  # the review does not name them yet
    it.save(labels=False)
    assert not it.has_unsaved_labels
    labels, note = Session.open(path).labels(now.shape)
    assert (labels.tolist(), note) == (now.tolist(), "")


def test_a_review_that_was_left_writes_no_labels(path, painted, monkeypatch):
    it, before = painted
    now = before.copy()
    now[5, 5, 5] = 3
    it.set_labels(np.zeros_like(now), now, None)

    def full(*_, **__):
        raise InputError("No space left on device.")

    with monkeypatch.context() as patched:
        patched.setattr(session, "write_edits", full)
        with pytest.raises(InputError, match="No space left"):
            it.close()
    it.write_labels()  # as a thread that was late would
    again = Session.open(path)
    labels, note = again.labels(now.shape)
    assert (labels.tolist(), note) == (before.tolist(), "")


@pytest.mark.parametrize("turn", [np.s_[:, :, :], np.s_[::-1, :, ::-1]])
def test_voxels_are_compared_however_they_lie_in_memory(rng, turn):
    values = np.asfortranarray(rng.integers(0, 3, (4, 5, 6), np.uint8))[turn]
    copy = copied(values)
    assert copy.strides == values.strides
    assert not np.shares_memory(copy, values)
    np.testing.assert_array_equal(copy, values)
    assert count_different(values, copy) == 0
    other = rng.integers(0, 3, (4, 5, 6))
    different = sum(a != b for a, b in zip(values.flat, other.flat, strict=True))
    assert count_different(values, other) == different


def test_labels_that_are_gone_damaged_or_of_another_image(path, painted):
    _, now = painted
    file = path.with_name("sub-007_review_labels.nii.gz")
    labels, note = Session.open(path).labels((3, 3, 3))
    assert labels is None
    assert "it has (9, 9, 9) voxels, not (3, 3, 3)" in note
    for damage in (lambda: file.write_bytes(file.read_bytes()[:-40]), file.unlink):
        damage()
        again = Session.open(path)
        labels, note = again.labels(now.shape)
        assert labels is None
        assert f"cannot be taken from {file}" in note
        assert note.endswith("as they were before; the verdicts are kept.")
        assert verdicts(again)[0] == "fine"


def test_changed_labels_of_an_older_form_are_said_to_be_lost(path):
    it = begin(path)
    it.review.judge(1, "fine")
    it.save()
    it.close()
    document = json.loads(path.read_text("utf-8"))
    document |= {"format": 1, "labels": {"runs": [[3, 2, 1]]}, "windows": []}
    path.write_text(json.dumps(document), "utf-8")
    old = Session.open(path)
    labels, note = old.labels((9, 9, 9))
    assert labels is None
    assert note.startswith(
        "Labels that were changed in this review were kept in a form"
    )
    assert verdicts(old)[0] == "fine"
    old.save()
    assert Session.open(path).labels((9, 9, 9)) == (None, "")
    assert verdicts(Session.open(path))[0] == "fine"


# -- the end ------------------------------------------------------------------


def test_closing_saves_but_makes_no_file_for_nothing(path):
    begin(path).close()
    assert list(path.parent.iterdir()) == []
    it = begin(path)
    it.review.judge(1, "fine")
    it.close()
    assert verdicts(Session.open(path))[0] == "fine"
    it.review.judge(2, "fine")
    it.close()
    gone = Session.open(path)
    gone.hold()
    path.unlink()
    gone.close()
    assert not path.exists()
