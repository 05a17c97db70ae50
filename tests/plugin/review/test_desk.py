"""A review in the viewer: its file, labels that change, and two windows."""

import json
import threading
import time
from dataclasses import replace

import dask.array as da
import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.affines import apply_affine, from_matvec
from qtpy.QtCore import QThreadPool

from napari_uncertainty import InputError
from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.plugin.review import begin as begin_module
from napari_uncertainty.plugin.review import controller as desk_module
from napari_uncertainty.plugin.viewer.arrival import align, aligning
from napari_uncertainty.review import session as session_module
from napari_uncertainty.review.session import Session
from support.inspect_dock import callbacks
from support.review_dock import (
    SETTLE_MS,
    WANTED,
    labels_written,
    open_case,
    open_file,
    paint,
    shown_index,
    wait_for_review,
    write_case,
    write_labels,
)


def written(path):
    """What the file says of each place."""
    return {row["rank"]: row for row in json.loads(path.read_text())["stops"]}


def kept_labels(path):
    """The labels beside a review."""
    told = json.loads(path.read_text())["labels"]
    return np.asarray(nib.load(path.with_name(told["file"])).dataobj)


def ball(files, centre, radius=WANTED.radius_mm):
    """Which voxels of the files are in it."""
    shape = files.labels.shape
    places = apply_affine(files.affine, np.stack(np.indices(shape), axis=-1))
    distance = np.linalg.norm(places - apply_affine(files.affine, centre), axis=-1)
    return distance <= radius + 1e-9


def voxels_of(desk, files, rank, number):
    """Some in the ball of a place, none of them in one of another."""
    inside = np.zeros(files.labels.shape, int)
    for stop in desk.stops:
        inside += ball(files, stop.hotspot.voxel) * (1 + 99 * (stop.rank == rank))
    found = [tuple(voxel) for voxel in np.argwhere(inside == 100)]
    assert len(found) >= number
    return found[:number]


def far_voxel(desk, files):
    """One in no ball."""
    inside = sum(ball(files, stop.hotspot.voxel) for stop in desk.stops)
    return tuple(np.argwhere(~inside)[0])


def edit(case, voxels, label=None):
    """Paint voxels of the file; without a label, what they were."""
    files = case.files
    for voxel in voxels:
        index = shown_index(case.segmentation, files, voxel)
        new = files.labels[voxel] if label is None else label
        paint(case.segmentation, index, new)


def in_file_order(case):
    """The labels that are shown, one voxel after the other."""
    files = case.files
    shown = np.asarray(case.segmentation.data)
    current = np.zeros_like(files.labels)
    for voxel in np.ndindex(current.shape):
        current[voxel] = shown[shown_index(case.segmentation, files, voxel)]
    return current


# -- the file -----------------------------------------------------------------


def test_nothing_is_written_before_somebody_goes_anywhere(qtbot, desk, files):
    assert len(desk.stops) == 6
    desk.count()
    qtbot.wait(3 * SETTLE_MS)
    desk.close()
    assert files.reviews == []


def test_who_goes_there_is_written_soon(qtbot, desk, files):
    with qtbot.waitSignal(desk.changed):
        desk.see(4)
    assert files.reviews == []
    qtbot.waitUntil(lambda: len(files.reviews) == 1)
    seen = [rank for rank, row in written(files.reviews[0]).items() if row["seen"]]
    assert seen == [4]


def test_a_decision_is_written_at_once(desk, files):
    desk.judge(2, "needs expert")
    [path] = files.reviews
    assert written(path)[2]["verdict"] == "needs expert"
    desk.annotate(2, "a thin sulcus")
    desk.judge(5, "fine")
    rows = written(path)
    assert (rows[2]["note"], rows[5]["verdict"]) == ("a thin sulcus", "fine")
    assert [rank for rank, row in rows.items() if row["seen"]] == [2, 5]
    assert desk.undo() == 5
    assert desk.undo() == 2
    assert written(path)[5]["verdict"] == "open"
    assert written(path)[2]["note"] == ""
    assert desk.undo() == 2
    assert desk.undo() is None
    assert {row["verdict"] for row in written(path).values()} == {"open"}


def test_taken_up_by_a_dock_that_is_opened_again(qtbot, open_desk, desk, case, files):
    """With what was changed in between, counted against the labels from before."""
    desk.judge(1, "fine")
    [kept] = voxels_of(desk, files, 3, 1)
    edit(case, [kept], 9)
    desk.stop()  # before it has counted
    assert written(files.reviews[0])[3]["changed_voxels"] == 1
    again = open_desk(case.viewer)
    assert again.opened.resumed
    assert again.stops[0].verdict == "fine"
    assert again.stops[2].changed_voxels == 1
    assert again.messages == []
    between = voxels_of(again, files, 4, 2)
    again.stop()
    edit(case, between, 9)
    last = open_desk(case.viewer)
    assert [stop.changed_voxels for stop in last.stops[2:4]] == [1, 2]
    assert last.stops[3].suggested
    expected = files.labels.copy()
    for voxel in (kept, *between):
        expected[voxel] = 9
    np.testing.assert_array_equal(in_file_order(case), expected)
    np.testing.assert_array_equal(last.edited.original, files.labels)


def test_a_new_viewer_takes_the_review_and_its_labels_up(open_desk, desk, case, files):
    """Changed labels are changed again."""
    voxels = voxels_of(desk, files, 2, 3)
    edit(case, voxels, 9)
    desk.judge(2, "fixed")
    desk.stop()
    other = open_case(ViewerModel(), files)
    again = open_desk(other.viewer)
    assert again.messages == [
        "3 voxels that were changed in this review are changed in 'case' again."
    ]
    expected = files.labels.copy()
    expected[tuple(np.transpose(voxels))] = 9
    np.testing.assert_array_equal(in_file_order(other), expected)
    stop = again.stops[1]
    assert (stop.verdict, stop.suggested, stop.changed_voxels) == ("fixed", False, 3)


def test_changed_labels_of_an_older_form_are_lost_with_a_word_and_no_verdict_is(
    open_desk, desk, case, files
):
    desk.judge(1, "fine")
    desk.stop()
    [path] = files.reviews
    document = json.loads(path.read_text())
    document |= {"format": 1, "labels": {"runs": [[3, 2, 1]]}, "windows": []}
    path.write_text(json.dumps(document))
    again = open_desk(case.viewer)
    [sentence] = again.messages
    assert "in a form that is not read any more" in sentence
    assert again.stops[0].verdict == "fine"
    np.testing.assert_array_equal(in_file_order(case), files.labels)


def test_a_file_that_was_changed_begins_a_new_review(open_desk, desk, files):
    desk.judge(1, "fine")
    desk.stop()
    labels = files.labels.copy()
    labels[6, 6, 6] = 3 - labels[6, 6, 6]
    write_labels(files.segmentation, labels, files.affine)
    again = open_desk(open_case(ViewerModel(), files).viewer)
    [note] = again.messages
    assert "'case.nii.gz' has changed since the review" in note
    assert {stop.verdict for stop in again.stops} == {"open"}
    assert files.reviews == [files.folder / "case_review.json"]
    again.judge(1, "needs expert")
    assert [written(path)[1]["verdict"] for path in files.reviews] == [
        "needs expert", "fine",
    ]  # fmt: skip  # "-2" comes first


def test_other_options_are_another_review_and_a_longer_list_the_same(
    qtbot, open_desk, case, files
):
    """Other options are another review, and a longer list the same one."""
    choices = {"wanted": WANTED}
    desk = open_desk(case.viewer)
    desk._choices = lambda _: replace(first, wanted=choices["wanted"])
    first = desk_module.ReviewChoices(WANTED, True, "beside")
    desk.judge(1, "fine")

    def look(wanted):
        choices["wanted"] = wanted
        with qtbot.waitSignal(desk.following.found):
            desk.following.look()
        return [stop.verdict for stop in desk.stops]

    assert look(replace(WANTED, radius_mm=2.5)) == ["open"] * 6
    assert look(replace(WANTED, count=9)) == ["fine"] + 8 * ["open"]
    assert look(WANTED)[0] == "fine"
    assert len(files.reviews) == 1


def test_a_longer_list_counts_what_was_changed_before(open_desk, desk, case, files):
    """In places that were not in the list then."""
    wanted = replace(WANTED, count=12)
    desk.stop()
    longer = open_desk(case.viewer, wanted)
    [voxel] = voxels_of(longer, files, 12, 1)
    longer.stop()
    edit(case, [voxel], 9)
    short = open_desk(case.viewer)
    assert len(short.stops) == 6
    short.judge(1, "fine")
    short.stop()
    again = open_desk(case.viewer, wanted)
    assert len(again.stops) == 12
    assert (again.stops[11].changed_voxels, again.stops[11].verdict) == (1, "fixed")
    assert written(files.reviews[0])[12]["changed_voxels"] == 1


def test_errors_of_saving_are_told_and_nothing_is_lost(desk, files):
    desk.judge(1, "fine")
    [path] = files.reviews
    whole = path.read_bytes()
    path.write_text("no review")
    desk.judge(2, "fixed")
    [sentence] = desk.failures
    assert str(path) in sentence
    assert "is not a review, or it is damaged" in sentence
    desk.annotate(2, "mine")
    assert len(desk.failures) >= 2
    assert [stop.verdict for stop in desk.stops[:2]] == ["fine", "fixed"]
    assert path.read_text() == "no review"
    path.write_bytes(whole)  # somebody puts it back
    desk.judge(3, "fine")
    rows = written(path)
    assert [rows[rank]["verdict"] for rank in (1, 2, 3)] == ["fine", "fixed", "fine"]
    assert rows[2]["note"] == "mine"


def test_an_error_at_the_end_is_told(desk, files):
    desk.judge(1, "fine")
    desk.see(2)  # which is not yet written
    files.reviews[0].write_text("no review")
    desk.stop()
    [sentence] = desk.failures
    assert "is not a review" in sentence


def test_a_file_that_was_deleted_is_written_again(desk, files):
    desk.judge(1, "fine")
    files.reviews[0].unlink()
    desk.judge(2, "fixed")
    rows = written(files.reviews[0])
    assert (rows[1]["verdict"], rows[2]["verdict"]) == ("fine", "fixed")
    assert desk.failures == []


# -- labels that change -------------------------------------------------------


def test_painting_suggests_that_it_is_fixed(qtbot, desk, case, files):
    voxels = voxels_of(desk, files, 2, 4)
    with qtbot.waitSignal(desk.changed):
        edit(case, voxels, 9)
    stop = desk.stops[1]
    assert (stop.verdict, stop.suggested, stop.changed_voxels) == ("fixed", True, 4)
    others = [one for one in desk.stops if one.rank != 2]
    assert {(one.verdict, one.changed_voxels) for one in others} == {("open", 0)}
    row = written(files.reviews[0])[2]
    assert (row["verdict"], row["suggested"], row["changed_voxels"]) == (
        "fixed", True, 4,
    )  # fmt: skip
    with qtbot.waitSignal(desk.changed):
        edit(case, voxels[:3])
    assert desk.stops[1].changed_voxels == 1
    with qtbot.waitSignal(desk.changed):
        edit(case, voxels)
    assert (desk.stops[1].verdict, desk.stops[1].suggested) == ("open", False)
    labels_written(qtbot, desk)
    assert json.loads(files.reviews[0].read_text())["labels"] is None


def test_every_place_is_counted_by_its_own_ball(qtbot, desk, case, files, rng):
    changed = rng.random(files.labels.shape) < 0.2
    with qtbot.waitSignal(desk.changed):
        edit(case, map(tuple, np.argwhere(changed)), 9)
    for stop in desk.stops:
        expected = (ball(files, stop.hotspot.voxel) & changed).sum()
        assert stop.changed_voxels == expected


def test_painting_elsewhere_counts_nothing(qtbot, desk, case, files):
    with qtbot.waitSignal(desk.changed):
        edit(case, [far_voxel(desk, files)], 9)
    assert {stop.changed_voxels for stop in desk.stops} == {0}
    assert {stop.verdict for stop in desk.stops} == {"open"}
    expected = files.labels.copy()
    expected[far_voxel(desk, files)] = 9
    labels_written(qtbot, desk)
    np.testing.assert_array_equal(kept_labels(files.reviews[0]), expected)


def test_the_last_stroke_counts_for_the_verdict(desk, case, files):
    """Though nobody has counted it yet."""
    edit(case, voxels_of(desk, files, 1, 2), 9)
    desk.judge(1, "fixed")
    row = written(files.reviews[0])[1]
    assert (row["suggested"], row["changed_voxels"]) == (False, 2)
    assert desk.undo() == 1
    assert (desk.stops[0].verdict, desk.stops[0].suggested) == ("fixed", True)


@pytest.fixture
def slow_disk(monkeypatch):
    """Labels are written once this event is set; gives what was begun, too."""
    ready, begun, write = threading.Event(), [], session_module.write_edits

    def waiting(path, labels, grid, voxels):
        begun.append(labels.copy())
        assert ready.wait(10)
        return write(path, labels, grid, voxels)

    monkeypatch.setattr(session_module, "write_edits", waiting)
    yield ready, begun
    ready.set()


def painted(qtbot, desk, case, voxels, label):
    """The labels of the file after a stroke that was counted."""
    with qtbot.waitSignal(desk.changed):
        edit(case, voxels, label)
    return in_file_order(case)


def test_the_window_goes_on_while_labels_are_written(
    qtbot, desk, case, files, slow_disk
):
    """One state is written at a time, then the newest; verdicts are kept at once."""
    ready, begun = slow_disk
    voxels = voxels_of(desk, files, 2, 3)
    first = painted(qtbot, desk, case, voxels[:1], 9)
    qtbot.waitUntil(lambda: len(begun) == 1)
    for voxel in voxels:
        newest = painted(qtbot, desk, case, [voxel], 8)
    desk.judge(4, "fine")
    rows = written(files.reviews[0])
    assert (rows[4]["verdict"], rows[2]["changed_voxels"]) == ("fine", 3)
    assert json.loads(files.reviews[0].read_text())["labels"] is None
    ready.set()
    labels_written(qtbot, desk)
    assert [state.tolist() for state in begun] == [first.tolist(), newest.tolist()]
    np.testing.assert_array_equal(kept_labels(files.reviews[0]), newest)
    assert Session.open(files.reviews[0]).labels(newest.shape)[1] == ""


@pytest.mark.parametrize("end", ["stop", "save_all"])
def test_labels_that_are_being_written_are_waited_for(
    qtbot, desk, case, files, slow_disk, end
):
    """At the end and before a report, with those that were painted meanwhile."""
    ready, begun = slow_disk
    voxels = voxels_of(desk, files, 2, 2)
    painted(qtbot, desk, case, voxels[:1], 9)
    qtbot.waitUntil(lambda: len(begun) == 1)
    edit(case, voxels, 8)  # and not yet counted
    expected = in_file_order(case)
    threading.Timer(0.1, ready.set).start()
    getattr(desk, end)()
    np.testing.assert_array_equal(kept_labels(files.reviews[0]), expected)
    assert Session.open(files.reviews[0]).labels(expected.shape)[1] == ""
    assert written(files.reviews[0])[2]["changed_voxels"] == 2
    assert len(begun) == 2
    assert desk.failures == []


def test_labels_that_cannot_be_written_are_told_of_and_written_later(
    qtbot, desk, case, files, monkeypatch
):
    def full(*_, **__):
        raise InputError("No space left on device.")

    voxels = voxels_of(desk, files, 2, 2)
    with monkeypatch.context() as patched:
        patched.setattr(session_module, "write_edits", full)
        painted(qtbot, desk, case, voxels[:1], 9)
        qtbot.waitUntil(lambda: desk.failures == ["No space left on device."])
        desk.judge(1, "fine")
        labels_written(qtbot, desk)
        assert len(desk.failures) == 2
    assert written(files.reviews[0])[1]["verdict"] == "fine"
    assert json.loads(files.reviews[0].read_text())["labels"] is None
    expected = painted(qtbot, desk, case, voxels[1:], 9)
    labels_written(qtbot, desk)
    np.testing.assert_array_equal(kept_labels(files.reviews[0]), expected)
    assert len(desk.failures) == 2


def test_napari_undoes_a_stroke(qtbot, desk, case, files):
    with qtbot.waitSignal(desk.changed):
        edit(case, voxels_of(desk, files, 1, 1), 9)
    assert desk.stops[0].suggested
    with qtbot.waitSignal(desk.changed):
        case.segmentation.undo()
    assert desk.stops[0].verdict == "open"


def test_labels_replaced_by_others_of_the_same_shape(qtbot, desk, case, files):
    changed = np.asarray(case.segmentation.data).copy()
    for voxel in voxels_of(desk, files, 3, 5):
        changed[shown_index(case.segmentation, files, voxel)] = 9
    with qtbot.waitSignal(desk.changed):
        case.segmentation.data = changed
    assert desk.stops[2].changed_voxels == 5
    assert desk.failures == []


def test_labels_replaced_by_others_of_another_shape(qtbot, desk, case, files):
    desk.judge(2, "fine")
    with qtbot.waitSignal(desk.failed):
        case.segmentation.data = np.ones((5, 5, 5), np.uint8)
    assert desk.failures == [
        "'case' has other voxels than when the review was begun, so what was changed "
        "in it is not followed."
    ]
    assert desk.edited is None
    desk.judge(1, "fixed")
    assert written(files.reviews[0])[2]["verdict"] == "fine"
    assert len(desk.failures) == 1


NOT_FOLLOWED = (
    "The segmentation is not shown on its own voxels, so changes to its labels are not "
    "followed."
)


def test_a_lazy_segmentation_is_not_followed(open_desk, case, files):
    case.segmentation.data = da.from_array(np.asarray(case.segmentation.data))
    desk = open_desk(case.viewer)
    assert desk.messages == [NOT_FOLLOWED]
    desk.judge(1, "fine")
    desk.count()
    assert written(files.reviews[0])[1]["verdict"] == "fine"
    assert desk.failures == []


def test_shown_resampled_the_same_review_is_taken_up(
    qtbot, open_desk, desk, case, files, tmp_path
):
    """A scan of another tilt was opened meanwhile; what was changed is still known."""
    voxels = voxels_of(desk, files, 2, 2)
    with qtbot.waitSignal(desk.changed):
        edit(case, voxels, 9)
    desk.judge(1, "fine")
    desk.stop()
    viewer = case.viewer
    (tmp_path / "scan").mkdir()
    tilted = from_matvec(np.eye(3) * 1.5, (0, 20, -30))
    image = nib.Nifti1Image(np.random.default_rng(1).random((30, 30, 30)), tilted)
    image.to_filename(tmp_path / "scan" / "T1.nii.gz")
    open_file(viewer, tmp_path / "scan" / "T1.nii.gz")
    align(viewer)
    qtbot.waitUntil(lambda: not aligning(viewer))
    again = open_desk(viewer)
    assert again.messages == [NOT_FOLLOWED]
    assert again.opened.resumed
    assert again.stops[0].verdict == "fine"
    again.judge(3, "fine")
    assert (kept_labels(files.reviews[0]) != files.labels).sum() == 2
    assert len(files.reviews) == 1


# -- layers that come and go --------------------------------------------------


def test_without_its_segmentation_the_review_is_left(qtbot, desk, case, files):
    """For another one, and taken up when it is back."""
    viewer, layer = case.viewer, case.segmentation
    edit(case, voxels_of(desk, files, 2, 2), 9)
    with qtbot.waitSignal(desk.following.found):
        viewer.layers.remove(layer)
    assert written(files.reviews[0])[2]["changed_voxels"] == 2
    assert desk.opened.material.segmentation is None
    assert {stop.verdict for stop in desk.stops} == {"open"}
    desk.judge(1, "fine")
    assert len(files.reviews) == 2
    paint(layer, (1, 1, 1), 9)
    assert not desk._settle.isActive()
    with qtbot.waitSignal(desk.following.found):
        viewer.add_layer(layer)
    assert desk.opened.resumed
    assert (desk.stops[1].changed_voxels, desk.stops[0].verdict) == (2, "open")
    assert desk.failures == []


def test_without_its_map_the_review_is_left(qtbot, desk, case, files):
    desk.judge(1, "fine")
    edit(case, voxels_of(desk, files, 2, 1), 9)
    with qtbot.waitSignal(desk.reopened):
        case.viewer.layers.remove(case.map)
    assert (desk.opened, desk.session, desk.subject, desk.stops) == (None,) * 3 + ((),)
    document = json.loads(files.reviews[0].read_text())
    assert written(files.reviews[0])[2]["changed_voxels"] == 1
    desk.judge(1, "fixed")
    desk.annotate(1, "x")
    desk.see(1)
    desk.save()
    desk.count()
    assert desk.undo() is None
    assert json.loads(files.reviews[0].read_text()) == document
    case.viewer.add_layer(case.map)
    wait_for_review(qtbot, desk)
    assert desk.stops[0].verdict == "fine"


def test_a_review_is_taken_up_again_when_its_map_is_chosen_again(
    qtbot, desk, case, files, tmp_path, rng
):
    # In the same place, it would count as another network for the same scan.
    moved = from_matvec(np.eye(3), (2, 0, 0)) @ files.affine
    other = write_case(tmp_path / "other", rng, moved)
    desk.judge(1, "fine")
    with qtbot.waitSignal(desk.following.found):
        second = open_case(case.viewer, other)
        case.viewer.layers.selection.active = second.map
    qtbot.waitUntil(lambda: desk.opened is not None)
    assert desk.subject.layer == second.map
    assert desk.edited.layer == second.segmentation
    desk.judge(2, "fixed")
    assert [path.name for path in other.reviews] == ["case_review.json"]
    with qtbot.waitSignal(desk.following.found):
        case.viewer.layers.selection.active = case.map
    assert [stop.verdict for stop in desk.stops[:2]] == ["fine", "open"]
    assert written(other.reviews[0])[2]["verdict"] == "fixed"


def test_an_option_that_cannot_be(qtbot, open_desk, case):
    desk = open_desk(case.viewer)
    desk.judge(1, "fine")
    desk._choices = lambda _: HotspotOptions(classes=())
    sentences = []
    desk.following.nothing.connect(sentences.append)
    desk.following.look()
    assert sentences == ["No class is chosen; choose one, or leave all."]
    assert desk.opened is None


# -- two windows --------------------------------------------------------------


@pytest.fixture
def pair(open_desk, kept, files):
    """Two viewers with the same files, in the first of which somebody decided."""
    one, other = (kept.case(number) for number in range(2))
    first = open_desk(one.viewer)
    first.judge(2, "fine")
    return (one, first), (other, open_desk(other.viewer))


def test_the_second_window_shows_the_review_and_keeps_nothing(pair, files):
    (_, one), (other_case, other) = pair
    assert one.session.path == other.session.path
    assert one.read_only == ""
    assert "can only be read here, because another window has it open" in (
        other.read_only
    )
    assert [stop.verdict for stop in other.stops[:2]] == ["open", "fine"]
    before = one.session.path.read_bytes()
    other.judge(2, "needs expert")
    other.annotate(3, "x")
    other.see(4)
    assert other.undo() is None
    assert other.failures == [other.read_only] * 3
    edit(other_case, voxels_of(other, files, 1, 1), 9)
    other.count()
    other.save()
    other.stop()
    assert one.session.path.read_bytes() == before
    assert not other.stops
    one.judge(1, "fixed")
    assert written(one.session.path)[1]["verdict"] == "fixed"


def test_the_second_window_shows_labels_that_were_changed(open_desk, desk, files):
    case = open_case(ViewerModel(), files)
    again = open_case(ViewerModel(), files)
    desk.stop()
    first = open_desk(case.viewer)
    voxels = voxels_of(first, files, 2, 2)
    edit(case, voxels, 9)
    first.judge(2, "fixed")
    second = open_desk(again.viewer)
    assert second.read_only
    expected = files.labels.copy()
    expected[tuple(np.transpose(voxels))] = 9
    np.testing.assert_array_equal(in_file_order(again), expected)


def test_once_the_first_window_is_closed_the_second_goes_on(qtbot, pair):
    (_, one), (_, other) = pair
    one.judge(5, "fixed")
    one.stop()
    with qtbot.waitSignal(other.following.found):
        other.following.look()
    assert other.read_only == ""
    assert [other.stops[at].verdict for at in (1, 4)] == ["fine", "fixed"]
    other.judge(3, "fine")
    assert written(other.session.path)[3]["verdict"] == "fine"


def test_labels_of_both_windows_are_there_when_the_second_goes_on(qtbot, pair, files):
    """Those that the first one changed after the second was opened, too."""
    (case, one), (other_case, other) = pair
    mine, theirs = voxels_of(one, files, 2, 2), voxels_of(one, files, 5, 3)
    edit(case, mine, 9)
    one.count()
    edit(other_case, theirs, 8)
    one.stop()
    with qtbot.waitSignal(other.following.found):
        other.following.look()
    expected = files.labels.copy()
    expected[tuple(np.transpose(mine))] = 9
    expected[tuple(np.transpose(theirs))] = 8
    np.testing.assert_array_equal(in_file_order(other_case), expected)
    labels_written(qtbot, other)
    np.testing.assert_array_equal(kept_labels(other.session.path), expected)
    assert [other.stops[at].changed_voxels for at in (1, 4)] == [2, 3]


def test_of_two_new_windows_the_first_to_decide_has_the_review(qtbot, open_desk, kept):
    one, other = (open_desk(kept.case(number).viewer) for number in range(2))
    one.judge(1, "fine")
    with qtbot.waitSignal(other.following.found):
        other.judge(2, "fixed")
    assert "can only be read here" in other.failures[0]
    assert other.read_only
    assert [stop.verdict for stop in other.stops[:2]] == ["fine", "open"]
    rows = written(one.session.path)
    assert (rows[1]["verdict"], rows[2]["verdict"]) == ("fine", "open")


def test_labels_that_a_new_viewer_cannot_hold(qtbot, open_desk, desk, case, files):
    case.segmentation.data = np.asarray(case.segmentation.data).astype(np.int32)
    edit(case, voxels_of(desk, files, 2, 1), 1000)
    desk.stop()
    again = open_desk(open_case(ViewerModel(), files).viewer)
    assert again.messages == []
    [sentence] = again.failures
    assert "1000" in sentence
    again.judge(1, "fine")
    assert written(files.reviews[0])[2]["changed_voxels"] == 1


# -- the end ------------------------------------------------------------------


def idle():
    return QThreadPool.globalInstance().activeThreadCount() == 0


def test_no_callback_outlives_it(qtbot, open_desk, case):
    before = callbacks(case.viewer)
    desk = open_desk(case.viewer)
    assert callbacks(case.viewer) != before
    desk.judge(1, "fine")
    desk.see(2)
    edit(case, [(6, 6, 6)], 9)
    desk.stop()
    assert callbacks(case.viewer) == before
    for timer in (desk._settle, desk._seen, desk.following._settle):
        assert not timer.isActive()
    edit(case, [(6, 6, 6)])
    case.viewer.layers.remove(case.map)
    assert desk.failures == []


def test_a_desk_that_is_closed_while_it_searches_leaves_nothing(
    qtbot, open_desk, case, files, monkeypatch
):
    begun = []
    monkeypatch.setattr(Session, "begin", lambda *args: begun.append(args))

    def waiting(*args, **options):
        while True:
            time.sleep(0.005)
            yield 0.1

    monkeypatch.setattr(begin_module, "iter_hotspots", waiting)
    before = callbacks(case.viewer)
    desk = open_desk(case.viewer, wait=False)
    shares = []
    desk.following.progress.connect(shares.append)
    qtbot.waitUntil(lambda: bool(shares))
    desk.stop()
    qtbot.waitUntil(idle)
    assert callbacks(case.viewer) == before
    assert (begun, desk.opened, files.reviews) == ([], None, [])
