"""The table of stops, driven by mouse and keyboard."""

from dataclasses import replace

import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QFocusEvent
from qtpy.QtWidgets import QApplication, QLineEdit, QMainWindow

from napari_uncertainty.analysis.hotspots import Hotspot
from napari_uncertainty.plugin.review.stop_model import Column
from napari_uncertainty.plugin.review.stop_table import StopTable
from napari_uncertainty.review.review import VERDICTS, Stop

NAMES = {1: "gray matter", 2: "white matter", 3: "cerebrospinal fluid"}
COLORS = {1: (200, 120, 90), 2: (230, 230, 220)}
LEFT = Qt.MouseButton.LeftButton
KEY = Qt.Key
N = 40


def made_up():
    """Stops of falling mass; open, fine, fixed, needs expert, and so on."""
    spots = [
        Hotspot(
            rank=rank,
            voxel=(rank, 2, 3),
            ras=(1.0, -2.0, float(rank)),
            mass=100.0 / rank,
            peak=1.0 + (7 * rank % 11) / 10,
            mean=0.5,
            classes=(1, 2) if rank % 2 else (2, 3),
            share=0.01,
            map_share=0.01,
        )
        for rank in range(1, N + 1)
    ]
    return [Stop(spot, [*VERDICTS][i % 4]) for i, spot in enumerate(spots)]


def changed(stops, rank, **what):
    return [replace(s, **what) if s.rank == rank else s for s in stops]


class Driven:
    """A table in a window, its stops, and what it told."""

    def __init__(self, qtbot):
        self.qtbot = qtbot
        self.table = StopTable()
        self.unused_keys = []
        window = _Window(self.unused_keys)
        window.setCentralWidget(self.table)
        window.resize(420, 500)
        qtbot.addWidget(window)
        self.stops = made_up()
        self.show()
        self.picked, self.noted = [], []
        self.table.picked.connect(self.picked.append)
        self.table.noted.connect(lambda rank, note: self.noted.append((rank, note)))
        window.show()
        qtbot.waitExposed(window)
        self.window = window

    def show(self):
        self.table.show_stops(self.stops, NAMES, "bits", COLORS)

    def change(self, rank, **what):
        self.stops = changed(self.stops, rank, **what)
        self.show()

    def point(self, rank, column=Column.MASS):
        return self.table.view.visualRect(self.index(rank, column)).center()

    def index(self, rank, column=Column.MASS):
        return self.table.order.index_of(rank, column)

    def click(self, rank, column=Column.MASS):
        at = self.point(rank, column)
        self.qtbot.mouseClick(self.table.view.viewport(), LEFT, pos=at)

    def double_click(self, rank, column):
        self.click(rank, column)
        at = self.point(rank, column)
        self.qtbot.mouseDClick(self.table.view.viewport(), LEFT, pos=at)

    def press(self, key):
        self.qtbot.keyClick(self.table.view, key)

    def settle(self):
        self.qtbot.waitUntil(lambda: not self.table._settling.isActive())

    @property
    def ranks(self):
        return self.table.order.ranks

    @property
    def selected(self):
        rows = self.table.view.selectionModel().selectedRows()
        return [self.table.order.rank_at(index) for index in rows]

    @property
    def editor(self):
        within = self.table.view.viewport()
        editors = within.findChildren(QLineEdit)
        # One that was left is hidden until it is deleted.
        [editor] = (one for one in editors if one.isVisibleTo(within))
        return editor

    def filter(self, verdict):
        self.table.filters.status.setCurrentText(verdict.capitalize())


class _Window(QMainWindow):
    """Takes the keys that nobody else takes, as napari's window does."""

    def __init__(self, unused):
        super().__init__()
        self._unused = unused

    def keyPressEvent(self, event):
        self._unused.append(event.key())
        event.accept()


@pytest.fixture
def driven(qtbot):
    return Driven(qtbot)


# -- moving ---------------------------------------------------------------------


def test_the_person_picks_by_mouse_and_keyboard(driven):
    assert driven.table.current is None
    driven.click(3)
    driven.press(KEY.Key_Down)
    driven.press(KEY.Key_Down)
    driven.press(KEY.Key_Up)
    driven.press(KEY.Key_PageDown)
    below = driven.table.current
    assert below > 8
    assert driven.selected == [below]
    # Another cell of the same row is the same stop.
    driven.click(below, Column.CLASSES)
    driven.press(KEY.Key_PageUp)
    assert driven.picked[:5] == [3, 4, 5, 4, below]
    assert len(driven.picked) == 6


def test_enter_and_a_double_click_go_there_again(driven):
    driven.press(KEY.Key_Return)
    assert driven.picked == []
    driven.click(5)
    driven.press(KEY.Key_Return)
    driven.press(KEY.Key_Enter)
    assert driven.picked == [5, 5, 5]
    driven.double_click(5, Column.MASS)
    assert driven.picked == [5, 5, 5, 5]


def test_getting_the_keys_goes_nowhere(driven):
    driven.table.view.clearFocus()
    focus = QFocusEvent(QEvent.Type.FocusIn, Qt.FocusReason.TabFocusReason)
    QApplication.sendEvent(driven.table.view, focus)
    assert (driven.picked, driven.table.current) == ([], None)
    driven.press(KEY.Key_Down)
    assert driven.picked == [1]
    driven.filter("fine")
    driven.table.view.clearFocus()
    QApplication.sendEvent(driven.table.view, focus)
    assert (driven.picked, driven.table.current) == ([1], 1)
    driven.filter("open")
    QApplication.sendEvent(driven.table.view, focus)
    driven.press(KEY.Key_Down)
    assert driven.picked == [1, 5]


def test_select_is_silent_and_scrolls(driven):
    for rank in (30, 2, N):
        driven.table.select(rank)
        assert driven.table.current == rank
        assert driven.selected == [rank]
        assert driven.table.view.viewport().rect().contains(driven.point(rank))
    driven.table.select(None)
    assert driven.table.current is None
    assert driven.selected == []
    driven.table.select(99)
    assert driven.table.current is None
    driven.settle()
    assert driven.picked == []


def test_keys_go_on_from_where_code_went(driven):
    driven.table.select(7)
    driven.press(KEY.Key_Down)
    assert driven.picked == [8]


def test_a_pick_may_be_answered_at_once(driven):
    """As by an owner who goes there, marks it as seen and selects it."""

    def go(rank):
        driven.change(rank, seen=True)
        driven.table.select(rank)

    driven.table.picked.connect(go)
    driven.filter("open")
    for rank in (5, 9):
        driven.click(rank)
        assert driven.selected == [rank]
    driven.press(KEY.Key_Down)
    assert driven.picked == [5, 9, 13]
    assert driven.selected == [13]
    assert [s.rank for s in driven.table.model.stops if s.seen] == [5, 9, 13]


def test_other_keys_are_left_to_the_canvas(driven):
    driven.click(4)
    for key in (KEY.Key_F, KEY.Key_Space, KEY.Key_Left, KEY.Key_1):
        driven.press(key)
    assert driven.unused_keys == [KEY.Key_F, KEY.Key_Space, KEY.Key_Left, KEY.Key_1]
    assert driven.picked == [4]


def test_following_goes_by_what_is_shown(driven):
    table = driven.table
    assert table.following(+1) == 1
    assert table.following(-1) is None
    table.view.sortByColumn(Column.PEAK, Qt.SortOrder.DescendingOrder)
    expected = sorted(range(1, N + 1), key=lambda rank: -(7 * rank % 11))
    assert driven.ranks == expected
    table.filters.text.setText("cerebro")
    expected = [rank for rank in expected if rank % 2 == 0]
    walked = []
    while (rank := table.following(+1)) is not None:
        table.select(rank)
        walked.append(rank)
    assert walked == expected
    assert table.following(-1) == expected[-2]
    # Open ones are all of the other classes.
    assert table.next_open() is None


def test_next_open(driven):
    assert driven.table.next_open() == 1
    driven.table.select(6)
    assert driven.table.next_open() == 9
    driven.table.select(N - 3)
    assert driven.table.next_open() == 1


# -- filter and what changes -----------------------------------------------------


def test_a_filter_may_hide_the_current_stop(driven):
    driven.click(6)
    driven.filter("fixed")
    assert driven.table.current == 6
    assert driven.selected == []
    assert driven.table.following(+1) == 7
    assert driven.table.following(-1) == 3
    driven.filter("fine")
    assert driven.selected == [6]
    assert driven.picked == [6]


def test_the_current_stop_does_not_vanish_when_it_is_decided(driven):
    driven.filter("open")
    driven.click(5)
    driven.change(5, verdict="fine")
    assert driven.ranks[:3] == [1, 5, 9]
    assert driven.selected == [5]
    driven.settle()
    assert 5 in driven.ranks
    driven.press(KEY.Key_Down)
    driven.settle()
    assert driven.ranks[:3] == [1, 9, 13]
    assert driven.selected == [9]
    assert driven.picked == [5, 9]


def test_the_next_hotspot_is_chosen_when_code_went_to_the_last_one(driven):
    driven.filter("open")
    driven.table.select(driven.table.following(+1))
    driven.change(1, verdict="fine")
    driven.settle()
    assert driven.selected == [1]
    driven.table.select(driven.table.following(+1))
    driven.settle()
    assert (driven.ranks[0], driven.table.current) == (5, 5)


def test_nor_after_it_was_hidden_in_between(driven):
    driven.click(5)
    driven.filter("fine")
    driven.filter("open")
    driven.change(5, verdict="fixed")
    assert driven.selected == [5]


def test_rows_do_not_move_below_the_mouse(driven, qtbot):
    driven.filter("open")
    driven.click(1)
    driven.change(1, verdict="fine")
    view = driven.table.view.viewport()
    at = driven.point(9)
    qtbot.mousePress(view, LEFT, pos=at)
    qtbot.wait(20)
    assert driven.table._settling.isActive()
    assert driven.point(9).y() == at.y()
    assert driven.selected == [9]
    qtbot.mouseRelease(view, LEFT, pos=at)
    qtbot.waitUntil(lambda: 1 not in driven.ranks)
    assert driven.selected == [9]


def test_code_shows_a_stop_that_the_filter_hides(driven):
    driven.filter("open")
    driven.table.select(2)
    driven.settle()
    assert driven.ranks[:3] == [1, 2, 5]
    driven.table.select(5)
    driven.settle()
    assert driven.ranks[:2] == [1, 5]


def test_current_and_order_survive_new_decisions(driven):
    driven.table.view.sortByColumn(Column.MASS, Qt.SortOrder.AscendingOrder)
    driven.click(N - 1)
    scrolled = driven.table.view.verticalScrollBar().value()
    driven.change(3, verdict="fixed", suggested=True, changed_voxels=5)
    driven.change(N - 1, seen=True, note="dark here")
    assert driven.ranks == list(range(N, 0, -1))
    assert driven.table.current == N - 1
    assert driven.selected == [N - 1]
    assert driven.table.view.verticalScrollBar().value() == scrolled
    assert driven.picked == [N - 1]


def test_other_places_have_no_current_stop(driven):
    driven.click(3)
    driven.stops = driven.stops[:10]
    driven.show()
    assert (driven.table.current, driven.selected) == (3, [3])
    spot = replace(driven.stops[0].hotspot, rank=3, voxel=(0, 0, 0))
    driven.stops = [Stop(spot)]
    driven.show()
    assert (driven.table.current, driven.selected) == (None, [])
    driven.stops = []
    driven.show()
    assert driven.table.following(+1) is None
    assert driven.picked == [3]


def test_class_and_status_filter_together(driven):
    driven.table.filters.classes.setCurrentText("cerebrospinal fluid")
    assert driven.ranks == list(range(2, N + 1, 2))
    driven.filter("fine")
    assert driven.ranks == list(range(2, N + 1, 4))


# -- notes ----------------------------------------------------------------------


def test_a_note_is_written_in_its_cell(driven, qtbot):
    driven.click(2)
    driven.press(KEY.Key_F2)
    qtbot.keyClicks(driven.editor, "thin")
    qtbot.keyClick(driven.editor, KEY.Key_Return)
    qtbot.waitUntil(lambda: driven.noted == [(2, "thin")])
    assert driven.index(2, Column.NOTE).data() == "thin"
    # That Enter was not to go there.
    assert driven.picked == [2]
    driven.double_click(3, Column.NOTE)
    qtbot.keyClicks(driven.editor, "no")
    qtbot.keyClick(driven.editor, KEY.Key_Escape)
    assert driven.noted == [(2, "thin")]
    assert driven.picked == [2, 3]


def test_nothing_disturbs_a_note_that_is_being_written(driven, qtbot):
    driven.filter("open")
    driven.change(9, note="so that there is a column")
    driven.double_click(5, Column.NOTE)
    qtbot.keyClicks(driven.editor, "see ")
    driven.change(5, verdict="fine", seen=True, changed_voxels=4)
    driven.change(1, verdict="needs expert")
    driven.change(5, note="of somebody else")
    driven.settle()
    qtbot.keyClicks(driven.editor, "above")
    assert driven.editor.text() == "see above"
    assert 1 not in driven.ranks
    qtbot.keyClick(driven.editor, KEY.Key_Return)
    qtbot.waitUntil(lambda: driven.noted == [(5, "see above")])


def test_an_editor_without_own_text_shows_the_new_note(driven):
    driven.change(9, note="so that there is a column")
    driven.double_click(5, Column.NOTE)
    driven.change(5, note="from the other field")
    assert driven.editor.text() == "from the other field"


# -- the looks ------------------------------------------------------------------


def shown_columns(driven):
    return [c for c in Column if not driven.table.view.isColumnHidden(c)]


def test_columns_fit_into_a_dock(driven, qtbot):
    view = driven.table.view
    least = sum(view.columnWidth(c) for c in Column if not view.isColumnHidden(c))
    for width in (380, 420, 450, 900):
        driven.window.resize(width, 500)
        qtbot.waitUntil(lambda width=width: driven.window.width() == width)
        QApplication.processEvents()
        if view.viewport().width() >= least:
            total = sum(view.columnWidth(c) for c in shown_columns(driven))
            assert total == view.viewport().width()
            assert not view.horizontalScrollBar().isVisible()
    # Without any note its column takes no room.
    assert shown_columns(driven) == [c for c in Column if c != Column.NOTE]
    driven.change(5, note="a tear")
    assert shown_columns(driven) == list(Column)
    driven.window.resize(380, 500)
    qtbot.waitUntil(lambda: Column.PLACE not in shown_columns(driven))
    must = {Column.RANK, Column.CLASSES, Column.MASS, Column.VERDICT, Column.NOTE}
    assert must <= set(shown_columns(driven))


def test_a_click_on_a_title_sorts(driven, qtbot):
    header = driven.table.view.horizontalHeader()
    at = header.sectionViewportPosition(Column.MASS) + 10
    place = QPoint(at, header.height() // 2)
    qtbot.mouseClick(header.viewport(), LEFT, pos=place)
    assert driven.ranks == list(range(1, N + 1))  # most errors first
    qtbot.mouseClick(header.viewport(), LEFT, pos=place)
    assert driven.ranks == list(range(N, 0, -1))
    assert driven.picked == []
