"""Beginning reviews, and taking up those that were begun before."""

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty import InputError
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.plugin.review import begin as begin_module
from napari_uncertainty.plugin.review.begin import iter_begin
from napari_uncertainty.review import file
from napari_uncertainty.review.session import Session
from napari_uncertainty.steps import run
from support.compute_without_window import compute
from support.inspect_dock import network
from support.phantoms import asymmetric
from support.review_dock import (
    WANTED,
    Opened,
    begin,
    material,
    open_case,
    write_labels,
)

REFUSED = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)


def decided(opened, rank=2, verdict="fine"):
    """Decide, and leave."""
    opened.session.review.judge(rank, verdict)
    opened.session.save()
    opened.session.close()
    return opened


def test_a_new_review_is_not_written(case, files, own_folder):
    before = sorted(files.folder.iterdir())
    opened = begin(case)
    assert not opened.resumed
    assert opened.notes == ()
    assert opened.session.path == files.folder / "case_review.json"
    assert sorted(files.folder.iterdir()) == before
    assert not own_folder.exists()


def test_it_is_taken_up_again(case, files):
    decided(begin(case))
    opened = begin(case)
    assert opened.resumed
    assert opened.session.path == files.folder / "case_review.json"
    verdicts = [stop.verdict for stop in opened.session.review.stops]
    assert verdicts == ["open", "fine", "open", "open", "open", "open"]
    assert opened.sentence.startswith("Taken up again: 6 hotspots of 'case'")
    # Only who opens it for good keeps others from writing.
    opened.session.hold()
    assert opened.session.read_only == ""
    opened.session.close()


def test_by_the_same_files_in_another_window_or_place(case, files, tmp_path, rng):
    decided(begin(case))
    files.folder.rename(tmp_path / "moved")
    files.folder = tmp_path / "moved"
    again = open_case(ViewerModel(), files)
    assert begin(again).resumed


def test_a_longer_list_keeps_decisions(case):
    first = decided(begin(case), 3, "needs expert")
    opened = begin(case, replace(WANTED, count=9))
    stops = opened.session.review.stops
    assert len(stops) == 9
    assert stops[2].verdict == "needs expert"
    before = [stop.hotspot.voxel for stop in first.session.review.stops]
    assert [stop.hotspot.voxel for stop in stops[:6]] == before
    opened.session.save()
    # A shorter one loses none.
    assert len(begin(case).session.review.stops) == 9


@pytest.mark.parametrize(
    "other",
    [
        replace(WANTED, radius_mm=2.5),
        replace(WANTED, separation_mm=5),
        replace(WANTED, classes=(1,)),
        replace(WANTED, interior=True),
    ],
)
def test_other_options_are_another_review(case, other):
    first = decided(begin(case))
    second = begin(case, other)
    assert not second.resumed
    assert second.notes == ()
    assert second.session.path == first.session.path.with_name("case_review-2.json")
    decided(second, verdict="fixed")
    for wanted, verdict in ((WANTED, "fine"), (other, "fixed")):
        again = begin(case, wanted)
        assert again.resumed
        assert again.session.review.stop(2).verdict == verdict


def test_a_segmentation_that_was_changed(case, files):
    first = decided(begin(case)).session.path
    labels = files.labels.copy()
    labels[6, 6, 6] = 3
    write_labels(files.segmentation, labels, files.affine)
    opened = begin(open_case(ViewerModel(), files))
    assert not opened.resumed
    assert opened.session.path != first
    [note] = opened.notes
    assert note.startswith("'case.nii.gz' has changed since the review of ")
    assert note.endswith(
        f"was begun; a new review begins, the old one stays in {first}."
    )


def test_a_damaged_review_is_passed_over(case, files):
    (files.folder / "case_review.json").write_text("{")
    opened = begin(case)
    [note] = opened.notes
    assert note.startswith(f"Passed over: {files.folder / 'case_review.json'} is no")
    assert opened.session.path.name == "case_review-2.json"
    assert (files.folder / "case_review.json").read_text() == "{"


def test_a_review_with_other_places_is_left_alone(case):
    """Such as that of a network that was trained on since: the map may be the same."""
    path = decided(begin(case)).session.path
    document = json.loads(path.read_text())
    document["stops"][1]["voxel"] = [0, 0, 0]
    path.write_text(json.dumps(document))
    before = path.read_bytes()
    opened = begin(case)
    assert not opened.resumed
    [note] = opened.notes
    assert "Place 2 is another one" in note
    assert note.endswith("A new review begins.")
    assert opened.session.path.name == "case_review-2.json"
    assert path.read_bytes() == before


# -- where it is kept ---------------------------------------------------------


def test_in_the_users_folder_if_that_is_preferred(case, own_folder):
    opened = decided(begin(case, prefer="user"))
    assert opened.session.path.parent == own_folder
    # Wherever it is, it is found.
    assert begin(case).session.path == opened.session.path


def test_in_the_users_folder_without_files(qapp, rng, own_folder):
    viewer, p = ViewerModel(), network(asymmetric((9, 9, 9)), rng)
    net = viewer.add_image(p, name="net")
    labels = viewer.add_labels(p.argmax(axis=0))
    shown, _ = compute(viewer, net)
    case = Opened(viewer, None, labels, net, shown, None)
    decided(begin(case))
    assert [path.parent for path in own_folder.glob("*.json")] == [own_folder]
    assert begin(case).resumed


@REFUSED
def test_in_the_users_folder_if_the_other_is_read_only(case, files, own_folder):
    files.folder.chmod(0o500)
    try:
        opened = decided(begin(case))
        assert opened.session.path.parent == own_folder
        assert begin(case).resumed
    finally:
        files.folder.chmod(0o700)


@REFUSED
def test_a_review_that_cannot_be_written_any_more(case, files, own_folder):
    decided(begin(case))
    files.folder.chmod(0o500)
    try:
        opened = begin(case)
    finally:
        files.folder.chmod(0o700)
    assert not opened.resumed
    assert opened.session.path.parent == own_folder
    [note] = opened.notes
    assert "Nothing can be written to the folder" in note


def test_a_folder_that_cannot_be_written_to_any_more(case, files, monkeypatch):
    """As root may write anywhere, by what is said of the folder."""
    decided(begin(case))

    def refuse(folder):
        if folder == files.folder:
            raise InputError(f"Nothing can be written to the folder {folder}.")

    monkeypatch.setattr(begin_module, "check_writable", refuse)
    monkeypatch.setattr(file, "check_writable", refuse)
    opened = begin(case)
    assert not opened.resumed
    assert opened.session.path.parent == file.user_folder()
    [note] = opened.notes
    assert note.endswith("A new review begins.")


# -- what cannot be reviewed, and the end -------------------------------------


def test_a_certain_map_has_nothing_to_review(qapp):
    viewer, p = ViewerModel(), np.zeros((3, 8, 8, 8), np.float32)
    p[0], p[0, 4, 4], p[1, 4, 4] = 1, 0, 1
    net = viewer.add_image(p, name="net")
    labels = viewer.add_labels(p.argmax(axis=0))
    shown, _ = compute(viewer, net)
    with pytest.raises(InputError, match="Nothing is uncertain here"):
        begin(Opened(viewer, None, labels, net, shown, None), HotspotOptions())


def test_labels_that_lie_nobody_knows_where(case):
    known = material(case)
    labels = replace(known.labels, grid=None, labels=np.ones((3, 4, 5), np.uint8))
    with pytest.raises(InputError, match="not known how 'case' lies on the map"):
        run(iter_begin(replace(known, labels=labels)))


def test_closed_at_any_step_no_review_is_begun(case, files, monkeypatch):
    begun = []
    monkeypatch.setattr(Session, "begin", lambda *args, **_: begun.append(args))
    n_steps = sum(1 for _ in iter_begin(material(case)))
    assert len(begun) == 1
    for last in range(n_steps):
        steps = iter_begin(material(case))
        for _ in range(last + 1):
            next(steps)
        steps.close()
    assert len(begun) == 1


def test_the_share_done_grows(case):
    shares = list(iter_begin(material(case)))
    assert shares == sorted(shares)
    assert 0 <= shares[0] < shares[-1] <= 1
