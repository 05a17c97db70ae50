"""The widget *Review uncertainty*: what a person does in it, and its end."""

import gc
import json
import time
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import QFileDialog

from napari_uncertainty.plugin.review import begin as begin_module
from napari_uncertainty.plugin.review import review_saving as saving_module
from napari_uncertainty.plugin.review.marks import NAME as MARK
from napari_uncertainty.plugin.review.stop_model import Column
from napari_uncertainty.plugin.review.verdict_bar import NO_STOP
from napari_uncertainty.plugin.review.visit import FAINT
from napari_uncertainty.plugin.review.widget import ReviewWidget
from napari_uncertainty.plugin.viewer.layers import review_preferences
from napari_uncertainty.review.session import Session
from support.compute_without_window import compute
from support.generated import softmax
from support.inspect_dock import NAMES, SETTLE_MS, callbacks
from support.review_dock import (
    hurry,
    open_case,
    paint,
    settled,
    shown_index,
    wait_for_review,
    write_case,
)
from support.shown_widgets import destroy
from support.snapshots import differences, snapshot

POINTS = "case probabilities entropy hotspots"


@pytest.fixture(autouse=True)
def few():
    """A short list of small places."""
    preferences = review_preferences()
    before = preferences.count, preferences.radius
    preferences.count, preferences.radius = 6, 3.0
    yield
    preferences.count, preferences.radius = before


@pytest.fixture
def open_widget(qtbot):
    opened = []

    def open_one(viewer, wait=True):
        widget = ReviewWidget(viewer)
        opened.append(widget)
        qtbot.addWidget(widget)
        hurry(widget.desk)
        if wait:
            wait_for_review(qtbot, widget.desk)
        return widget

    yield open_one
    for widget in opened:
        widget.stop()


@pytest.fixture
def widget(open_widget, case):
    return open_widget(case.viewer)


def row_of(widget, rank):
    """The cell of a rank in the table that is shown."""
    return widget.table.order.index_of(rank, 0)


def selected(widget):
    """Ranks of the selected rows."""
    rows = widget.table.view.selectionModel().selectedRows()
    return [widget.table.order.rank_at(index) for index in rows]


def verdicts(widget):
    return [stop.verdict for stop in widget.desk.stops]


def check_at(widget, case, rank):
    """All shows this hotspot."""
    stop = widget.desk.stops[rank - 1]
    voxel = stop.hotspot.voxel
    assert widget.current == stop
    assert selected(widget) == [rank]
    assert widget.bar.shown == stop
    text = widget.bar.line.text()
    assert text.startswith(f"{rank} of 6 · ")
    assert f"{stop.hotspot.mass:.1f} expected errors" in text
    assert stop.seen
    at = np.rint(case.map.world_to_data(case.viewer.dims.point[-3:])).astype(int)
    assert tuple(at) == shown_index(case.map, case.files, voxel)
    first, second = stop.hotspot.classes
    assert case.segmentation.selected_label == (first or second)
    assert f"{NAMES[first]} ↔ {NAMES[second]}" in text
    [mark] = [layer for layer in case.viewer.layers if layer.name == MARK]
    np.testing.assert_allclose(
        mark.extent.world.mean(axis=0), case.viewer.dims.point[-3:]
    )


# -- going through ------------------------------------------------------------


def test_at_first_the_first_hotspot_is_shown(widget, case, files):
    assert widget.table.model.rowCount() == 6
    check_at(widget, case, 1)
    assert widget.bar.buttons["next"].isEnabled()
    errors = widget.desk.session.expected_errors
    assert widget.message.text() == (
        "6 hotspots of 'case' by the probabilities. In all, some "
        f"{errors:,.0f} voxels are expected to be wrong."
    )
    assert widget.line.label.text().startswith("1 of 6 seen")
    kept = widget.options.kept.text().replace("\u200b", "")
    assert kept == f"This review is kept in {files.folder / 'case_review.json'}"
    assert case.viewer.layers[MARK].visible
    assert not widget.progress.isVisibleTo(widget)
    assert not widget.read_only.isVisibleTo(widget)


def test_to_open_it_writes_nothing(qtbot, widget, files):
    qtbot.wait(5 * SETTLE_MS)
    assert files.reviews == []
    widget.step(1)
    qtbot.waitUntil(lambda: len(files.reviews) == 1)


def test_going_to_a_hotspot_shows_it_and_counts_it_as_seen(widget, case):
    for rank in (3, 1, 6):
        widget.go_to(rank)
        check_at(widget, case, rank)
    assert widget.line.label.text().startswith("3 of 6 seen: ")


def test_a_click_in_the_table_goes_there(qtbot, widget, case):
    widget.show()
    widget.resize(700, 700)
    cell = widget.table.view.visualRect(row_of(widget, 4))
    viewport = widget.table.view.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=cell.center())
    check_at(widget, case, 4)
    qtbot.keyClick(widget.table.view, Qt.Key.Key_Down)
    check_at(widget, case, 5)


def test_steps_and_ends(widget, case, told):
    widget.step(-1)
    check_at(widget, case, 1)
    assert told() == ["This is the first hotspot of the list."]
    for _ in range(5):
        widget.bar.buttons["next"].click()
    check_at(widget, case, 6)
    widget.step(1)
    assert told()[1:] == ["This is the last hotspot of the list."]
    check_at(widget, case, 6)
    widget.bar.buttons["previous"].click()
    check_at(widget, case, 5)


def test_a_verdict_needs_a_hotspot(widget, files, told):
    widget.table.select(None)
    widget.judge("fine")
    assert told() == ["Go to a hotspot first."]
    assert set(verdicts(widget)) == {"open"}
    assert files.reviews == []


def test_a_verdict_is_given_and_taken_away_by_its_button(widget, case):
    widget.go_to(2)
    widget.bar.buttons["fine"].click()
    assert verdicts(widget)[1] == "fine"
    assert widget.bar.buttons["fine"].isChecked()
    check_at(widget, case, 2)  # it stays there
    widget.bar.buttons["reopen"].click()
    assert verdicts(widget)[1] == "open"
    assert widget.line.bar.decided == 0


def test_after_a_verdict_the_next_open_one(widget, case):
    widget.options.advance.setChecked(True)
    widget.go_to(5)
    widget.judge("fixed")
    check_at(widget, case, 6)
    widget.judge("fine")
    check_at(widget, case, 1)  # from the top
    widget.judge("open")
    check_at(widget, case, 1)
    for rank in range(1, 5):
        check_at(widget, case, rank)
        widget.judge("fine")
    check_at(widget, case, 4)  # none is left
    assert "open" not in verdicts(widget)


def test_undo_goes_back(widget, case, told):
    widget.go_to(2)
    widget.judge("fine")
    widget.go_to(4)
    widget.judge("needs expert")
    widget.bar.buttons["undo"].click()
    check_at(widget, case, 4)
    assert verdicts(widget)[3] == "open"
    widget.undo()
    check_at(widget, case, 2)
    assert set(verdicts(widget)) == {"open"}
    widget.undo()
    assert told() == ["There is nothing to take back."]


def test_a_note_is_written_in_the_bar(qtbot, widget, case):
    widget.write_note()  # of no hotspot
    widget.go_to(3)
    widget.write_note()
    qtbot.keyClicks(widget.bar.note, "a thin wall")
    qtbot.keyClick(widget.bar.note, Qt.Key.Key_Return)
    assert widget.desk.stops[2].note == "a thin wall"
    qtbot.keyClicks(widget.bar.note, ", really")
    widget.go_to(1)  # keeps it
    assert widget.desk.stops[2].note == "a thin wall, really"
    assert widget.bar.note.text() == ""
    widget.undo()
    assert widget.desk.stops[2].note == "a thin wall"
    check_at(widget, case, 3)


def test_half_a_note_is_kept_when_its_map_goes(qtbot, widget, case):
    widget.go_to(3)
    widget.write_note()
    qtbot.keyClicks(widget.bar.note, "half a")
    path = widget.desk.session.path
    case.viewer.layers.remove(case.map)
    assert widget.desk.session is None
    written = json.loads(path.read_text("utf-8"))
    assert written["stops"][2]["note"] == "half a"


def test_a_note_is_written_in_the_table(widget):
    widget.go_to(3)
    index = widget.table.order.index_of(5, Column.NOTE)
    widget.table.order.setData(index, "from the table", Qt.ItemDataRole.EditRole)
    assert widget.desk.stops[4].note == "from the table"
    assert widget.current.rank == 3
    widget.go_to(5)
    assert widget.bar.note.text() == "from the table"


def test_keys_judge_and_go_to_hotspots(widget, case):
    def press(key):
        [bound] = [
            call for name, call in case.viewer.keymap.items() if str(name) == key
        ]
        bound(case.viewer)

    press("G")
    assert verdicts(widget)[0] == "fine"
    press("U")
    assert verdicts(widget)[0] == "open"
    press("N")
    press("Q")
    assert verdicts(widget)[1] == "needs expert"
    press("Shift+U")
    assert verdicts(widget)[1] == "open"
    press("Shift+N")
    check_at(widget, case, 1)


def test_painting_suggests_and_a_verdict_confirms(qtbot, widget, case, files):
    widget.go_to(2)
    voxel = widget.current.hotspot.voxel
    with qtbot.waitSignal(widget.desk.changed):
        paint(case.segmentation, shown_index(case.segmentation, files, voxel), 9)
    stop = widget.current
    assert (stop.verdict, stop.suggested, stop.changed_voxels) == ("fixed", True, 1)
    assert widget.bar.buttons["fixed"].text().startswith("Fixed?")
    widget.judge("fixed")
    assert not widget.current.suggested
    assert not widget.bar.buttons["fixed"].text().startswith("Fixed?")


# -- options ------------------------------------------------------------------


def look(qtbot, widget):
    with qtbot.waitSignal(widget.desk.following.found):
        widget.options.button.click()


def test_another_list_keeps_the_verdicts_of_the_same_options(qtbot, widget):
    widget.go_to(1)
    widget.judge("fine")
    widget.options.count.setValue(8)
    look(qtbot, widget)
    assert verdicts(widget) == ["fine"] + 7 * ["open"]
    assert widget.current.rank == 2
    assert widget.message.text().startswith("Taken up again: 8 hotspots")
    widget.options.interior.setChecked(True)
    look(qtbot, widget)
    assert set(verdicts(widget)) == {"open"}
    assert widget.message.text()[0].isdigit()


def check_class(widget, label, checked):
    for row in range(widget.options.classes.count()):
        item = widget.options.classes.item(row)
        if item.data(Qt.ItemDataRole.UserRole) == label:
            how = Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked
            item.setCheckState(how)


def test_classes_are_chosen_in_the_options(qtbot, widget):
    list_ = widget.options.classes
    names = [list_.item(row).text() for row in range(list_.count())]
    assert names == ["left", "right", "stem"]
    check_class(widget, 1, False)
    look(qtbot, widget)
    assert widget.desk.session.options.classes == (2, 3)
    for label in (2, 3):
        check_class(widget, label, False)
    widget.options.button.click()
    assert widget.message.text() == "No class is chosen; choose one, or leave all."
    assert widget.table.model.rowCount() == 0
    check_class(widget, 3, True)
    look(qtbot, widget)
    assert widget.desk.session.options.classes == (3,)


def test_classes_of_another_case_are_not_asked_for(qtbot, widget, case, tmp_path, rng):
    check_class(widget, 1, False)
    look(qtbot, widget)
    names = ("background", "skull", "fat", "air")
    other = write_case(tmp_path / "other", rng, names=names)
    with qtbot.waitSignal(widget.desk.following.found):
        second = open_case(case.viewer, other)
        case.viewer.layers.selection.active = second.map
    assert widget.desk.subject.segmentation == second.segmentation
    assert widget.desk.session.options.classes is None
    list_ = widget.options.classes
    assert [list_.item(row).text() for row in range(list_.count())] == list(names[1:])


def test_without_a_map_there_is_nothing_to_review(open_widget):
    widget = open_widget(ViewerModel(), wait=False)
    assert widget.message.text().startswith("There is no uncertainty map yet")
    widget.step(1)
    widget.judge("fine")
    widget.undo()
    widget.marks.setChecked(True)
    assert widget.current is None


def test_a_map_that_comes_later_is_reviewed(qtbot, open_widget, rng):
    viewer = ViewerModel()
    widget = open_widget(viewer, wait=False)
    compute(viewer, viewer.add_image(softmax(rng, (3, 20, 30)), name="net"))
    wait_for_review(qtbot, widget.desk)
    assert widget.bar.line.text().startswith("1 of ")
    at = widget.desk.stops[0].hotspot.voxel
    assert tuple(viewer.dims.point[-2:]) == at


def test_the_map_goes(qtbot, widget, case):
    widget.go_to(1)
    widget.marks.setChecked(True)
    case.viewer.layers.remove(case.map)
    assert widget.message.text().startswith("There is no uncertainty map yet")
    assert widget.table.model.rowCount() == 0
    assert widget.bar.line.text() == NO_STOP
    assert widget.options.kept.text() == ""
    names = {layer.name for layer in case.viewer.layers}
    assert names == {"case", "case probabilities"}
    assert not widget.marks.isChecked()


# -- points -------------------------------------------------------------------


def test_marks_lie_on_the_hotspots_and_have_their_verdicts(widget, case):
    widget.marks.setChecked(True)
    layer = case.viewer.layers[POINTS]
    for stop, point in zip(widget.desk.stops, layer.data, strict=True):
        at = np.rint(case.map.world_to_data(layer.data_to_world(point))).astype(int)
        assert tuple(at) == shown_index(case.map, case.files, stop.hotspot.voxel)
    widget.go_to(2)
    widget.judge("needs expert")
    assert list(layer.features["verdict"]) == ["open", "needs expert"] + 4 * ["open"]
    widget.marks.setChecked(False)
    assert POINTS not in case.viewer.layers


def test_marks_removed_by_hand_come_again_with_the_box(widget, case):
    widget.marks.setChecked(True)
    case.viewer.layers.remove(POINTS)
    assert not widget.marks.isChecked()
    widget.go_to(1)
    widget.judge("fine")
    widget.marks.setChecked(True)
    assert case.viewer.layers[POINTS].features["verdict"][0] == "fine"


# -- two windows --------------------------------------------------------------


@pytest.fixture
def other(open_widget, kept):
    return open_widget(kept.case(1).viewer)


def test_a_second_window_says_that_it_can_only_read(qtbot, widget, open_widget, kept):
    second = kept.case(1).viewer
    widget.go_to(1)
    widget.judge("fine")
    other = open_widget(second)
    assert verdicts(other)[0] == "fine"
    assert not widget.read_only.isVisibleTo(widget)
    assert other.read_only.isVisibleTo(other)
    assert "can only be read here" in other.read_only.text()
    other.go_to(2)
    assert other.bar.buttons["next"].isEnabled()
    for name in ("fine", "fixed", "needs expert", "reopen", "undo"):
        assert not other.bar.buttons[name].isEnabled()
    assert not other.bar.note.isEnabled()
    other.judge("needs expert")
    assert (verdicts(other)[1], other.current.rank) == ("open", 2)
    other.table.model.setData(other.table.model.index(1, Column.NOTE), "mine")
    assert other.current.note == other.table.model.stops[1].note == ""
    widget.stop()
    look(qtbot, other)
    assert not other.read_only.isVisibleTo(other)
    other.go_to(2)
    other.judge("needs expert")
    assert verdicts(other)[:2] == ["fine", "needs expert"]


# -- the end ------------------------------------------------------------------


def idle():
    return QThreadPool.globalInstance().activeThreadCount() == 0


def test_nothing_outlives_it(qtbot, open_widget, case, files, told):
    viewer = case.viewer
    before, layers = callbacks(viewer), list(viewer.layers)
    keys = dict(viewer.keymap)
    overlays = set(viewer.canvas.overlays)
    widget = open_widget(viewer)
    widget.go_to(2)
    widget.judge("fine")
    widget.marks.setChecked(True)
    widget.write_note()
    qtbot.keyClicks(widget.bar.note, "the last word")
    assert callbacks(viewer) != before
    widget.stop()
    qtbot.waitUntil(idle)
    after = callbacks(viewer)
    assert after == before
    assert list(viewer.layers) == layers
    assert dict(viewer.keymap) == keys
    assert set(viewer.canvas.overlays) == overlays
    [path] = files.reviews
    stop = Session.open(path).review.stop(2)
    assert (stop.verdict, stop.note) == ("fine", "the last word")
    viewer.layers.remove(case.map)
    widget.stop()  # once more does no harm
    assert told() == []


def around(viewer):
    """All that a review leaves as it is: not the place and the label that one is at."""
    shot = snapshot(viewer)
    for layer in shot["layers"]:
        layer |= {"metadata": None, "selected_label": None}
    return shot | {"dims": None, "camera": None}


def test_closed_in_any_state_it_leaves_the_viewer_as_it_was(open_widget, case):
    viewer = case.viewer
    before = around(viewer)

    def in_3d(widget):
        widget.go_to(1)
        viewer.dims.ndisplay = 3
        widget.go_to(2)

    for state in (
        lambda widget: None,
        lambda widget: widget.go_to(2),
        lambda widget: widget.marks.click(),
        lambda widget: widget.judge("fine"),
        in_3d,
    ):
        widget = open_widget(viewer)
        state(widget)
        assert differences(before, around(viewer))
        widget.stop()
        viewer.dims.ndisplay = 2  # which was not chosen in the widget
        assert differences(before, around(viewer)) == []


def test_the_map_is_faint_while_the_review_is_in_front(qtbot, viewer, files):
    case = open_case(viewer, files)
    docks = {}
    for name in ("Review", "Inspect"):
        dock, widget = viewer.window.add_plugin_dock_widget(
            "napari-uncertainty", f"{name} uncertainty"
        )
        docks[name] = dock
        if name == "Review":
            wait_for_review(qtbot, widget.desk)
            assert case.map.opacity == FAINT
    qtbot.waitUntil(lambda: case.map.opacity == 1.0)
    qtbot.wait(50)  # a new dock comes to the front a moment later
    docks["Review"].raise_()
    qtbot.waitUntil(lambda: case.map.opacity == FAINT)
    docks["Review"].close()
    assert case.map.opacity == 1.0


def test_a_window_that_is_deleted_leaves_nothing_behind(qtbot, case, files):
    """Without having been closed, as by napari's end."""
    viewer = case.viewer
    before, layers, keys = callbacks(viewer), list(viewer.layers), dict(viewer.keymap)
    widget = ReviewWidget(viewer)
    hurry(widget.desk)
    wait_for_review(qtbot, widget.desk)
    desk = widget.desk
    widget.go_to(1)
    widget.judge("fine")
    widget.marks.setChecked(True)
    destroy(widget)
    assert desk.opened is None
    assert callbacks(viewer) == before
    assert list(viewer.layers) == layers
    assert dict(viewer.keymap) == keys
    session = Session.open(files.reviews[0])
    session.hold()
    assert session.read_only == ""
    session.close()


def test_a_dock_that_is_closed_while_it_searches_leaves_nothing(
    qtbot, open_widget, case, files, monkeypatch
):
    def waiting(*args, **options):
        while True:
            time.sleep(0.005)
            yield 0.1

    monkeypatch.setattr(begin_module, "iter_hotspots", waiting)
    before = callbacks(case.viewer)
    widget = open_widget(case.viewer, wait=False)
    qtbot.waitUntil(lambda: widget.progress.value() > 0)
    assert widget.progress.isVisibleTo(widget)
    widget.step(1)
    widget.judge("fine")
    widget.stop()
    qtbot.waitUntil(idle)
    assert callbacks(case.viewer) == before
    assert files.reviews == []


def test_closed_while_it_writes_a_report(qtbot, widget, tmp_path, told, monkeypatch):
    def waiting(_shape, _grid, _labels):
        while True:
            time.sleep(0.005)
            yield 0.1

    monkeypatch.setattr(saving_module, "iter_labels_at", waiting)
    path = tmp_path / "r.html"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    widget.saving.report_button.click()
    qtbot.waitUntil(lambda: widget.saving.working.value() > 0)
    widget.stop()
    qtbot.waitUntil(idle)
    assert told() == []
    assert not path.exists()


def test_opened_again_it_goes_on(qtbot, open_widget, widget, case, files):
    widget.go_to(2)
    widget.judge("fine")
    voxel = widget.desk.stops[3].hotspot.voxel
    widget.stop()
    paint(case.segmentation, shown_index(case.segmentation, files, voxel), 9)
    again = open_widget(case.viewer)
    assert again.message.text().startswith("Taken up again: 6 hotspots of 'case'")
    assert verdicts(again)[1] == "fine"
    assert again.desk.stops[3].suggested
    again.go_to(4)
    check_at(again, case, 4)
    settled(qtbot, again.desk)
    assert "N" in map(str, case.viewer.keymap)


def test_it_is_not_kept_alive(qtbot, case):
    widget = ReviewWidget(case.viewer)
    hurry(widget.desk)
    wait_for_review(qtbot, widget.desk)
    widget.go_to(1)
    gone = weakref.ref(widget)
    widget.stop()
    destroy(widget)
    del widget

    def is_gone():
        gc.collect()
        return gone() is None

    qtbot.waitUntil(is_gone)
