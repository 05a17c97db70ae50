"""Buttons and note of the stop that is shown."""

from dataclasses import replace

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMainWindow, QVBoxLayout, QWidget

from napari_uncertainty.analysis.hotspots import Hotspot
from napari_uncertainty.plugin.review.verdict_bar import KEYS, NO_STOP, VerdictBar
from napari_uncertainty.plugin.review.widget import MIN_WIDTH
from napari_uncertainty.review.review import Stop

SPOT = Hotspot(3, (1, 2, 3), (1.0, 2.0, 3.0), 41.2, 1.5, 0.6, (1, 2), 0.1, 0.05)
STOP = Stop(SPOT, note="as before", seen=True)
WHERE = "3 of 50 · gray matter ↔ white matter · 41.2 expected errors"
CHECKED = ("fine", "fixed", "needs expert")
LEFT, KEY = Qt.MouseButton.LeftButton, Qt.Key


class Told(list):
    """What a bar told, in order."""

    def __init__(self, bar):
        super().__init__()
        bar.moved.connect(lambda step: self.append(("moved", step)))
        bar.judged.connect(lambda verdict: self.append(("judged", verdict)))
        bar.undone.connect(lambda: self.append(("undone",)))
        bar.noted.connect(lambda note: self.append(("noted", note)))


@pytest.fixture
def window(qtbot):
    """A window with a canvas, which has the focus, and the bar below it."""
    window, inside = QMainWindow(), QWidget()
    window.canvas, window.bar = QWidget(), VerdictBar()
    window.canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    layout = QVBoxLayout(inside)
    layout.addWidget(window.canvas, 1)
    layout.addWidget(window.bar)
    window.setCentralWidget(inside)
    window.resize(430, 300)
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    window.canvas.setFocus()
    return window


@pytest.fixture
def bar(window):
    window.bar.show_stop(STOP, WHERE)
    return window.bar


@pytest.fixture
def told(bar):
    return Told(bar)


def checked(bar):
    return [name for name, button in bar.buttons.items() if button.isChecked()]


def click(qtbot, bar, name):
    qtbot.mouseClick(bar.buttons[name], LEFT)


def test_buttons_tell_what_to_do(qtbot, bar, told):
    bar.show_stop(replace(STOP, verdict="fine"), WHERE)
    for name in ("previous", "next", "undo", *CHECKED, "reopen"):
        click(qtbot, bar, name)
    assert told == [
        ("moved", -1),
        ("moved", 1),
        ("undone",),
        ("judged", "fine"),
        ("judged", "fixed"),
        ("judged", "needs expert"),
        ("judged", "open"),
    ]


def test_the_stop_is_shown(bar):
    assert bar.line.text() == WHERE
    assert bar.line.toolTip() == WHERE
    assert bar.note.text() == "as before"
    assert bar.isEnabled()


@pytest.mark.parametrize("verdict", CHECKED)
def test_its_verdict_is_checked(qtbot, bar, verdict):
    assert checked(bar) == []
    assert not bar.buttons["reopen"].isEnabled()
    bar.show_stop(replace(STOP, verdict=verdict), WHERE)
    assert checked(bar) == [verdict]
    assert bar.buttons["reopen"].isEnabled()
    # Checked is what was decided, not what was clicked.
    for name in CHECKED:
        click(qtbot, bar, name)
        assert checked(bar) == [verdict]


def test_a_suggestion_is_to_be_confirmed(qtbot, bar, told):
    suggested = replace(STOP, verdict="fixed", suggested=True, changed_voxels=9)
    bar.show_stop(suggested, WHERE)
    assert bar.buttons["fixed"].text() == "Fixed? (H)"
    assert "confirm" in bar.buttons["fixed"].toolTip()
    click(qtbot, bar, "fixed")
    assert told == [("judged", "fixed")]
    bar.show_stop(replace(suggested, suggested=False), WHERE)
    assert bar.buttons["fixed"].text() == "Fixed (H)"


def test_without_a_stop_nothing_can_be_done(qtbot, bar, told):
    bar.show_stop(replace(STOP, verdict="fine"), WHERE)
    bar.show_stop(None, "")
    assert not bar.isEnabled()
    assert (bar.line.text(), bar.note.text(), checked(bar)) == (NO_STOP, "", [])
    for name in bar.buttons:
        click(qtbot, bar, name)
    bar.commit_note()
    assert told == []
    bar.show_stop(STOP, WHERE)
    assert bar.isEnabled()


def test_buttons_leave_the_keys_to_the_canvas(qtbot, window, bar):
    bar.show_stop(replace(STOP, verdict="fine"), WHERE)
    for name in bar.buttons:
        assert bar.buttons[name].focusPolicy() == Qt.FocusPolicy.NoFocus
        click(qtbot, bar, name)
    assert window.focusWidget() == window.canvas


# -- keys in texts ----------------------------------------------------------------


def test_keys_are_told_in_the_narrowest_dock(bar, window, qtbot):
    window.resize(MIN_WIDTH, 300)
    qtbot.waitUntil(lambda: window.width() == MIN_WIDTH)
    names = ("Fine", "Fixed", "Needs expert", "Reopen")
    for name, text in zip((*CHECKED, "reopen"), names, strict=True):
        assert bar.buttons[name].text() == f"{text} ({KEYS[name]})"
    for name, button in bar.buttons.items():
        assert button.width() >= button.minimumSizeHint().width()
        assert button.toolTip().endswith(f"Key: {KEYS[name]}")
    assert bar.note.placeholderText() == "Note (J)…"


def test_a_long_line_is_cut_with_an_ellipsis_and_nothing_jumps(bar):
    height = bar.line.height()
    bar.show_stop(STOP, "3 of 50 · " + "very long names of classes " * 9)
    assert bar.line.height() == height == bar.line.minimumHeight()
    assert bar.line.toolTip().endswith("classes ")
    assert bar.minimumSizeHint().width() < 400


# -- the note ---------------------------------------------------------------------


def write(qtbot, bar, text):
    bar.edit_note()
    bar.note.selectAll()
    qtbot.keyClicks(bar.note, text)


def test_enter_keeps_a_note_and_gives_the_keys_back(qtbot, window, bar, told):
    write(qtbot, bar, "thin cortex ")
    assert window.focusWidget() == bar.note
    assert told == []
    qtbot.keyClick(bar.note, KEY.Key_Return)
    assert told == [("noted", "thin cortex")]
    assert window.focusWidget() != bar.note
    qtbot.keyClick(bar.note, KEY.Key_Return)
    assert len(told) == 1


def test_leaving_the_field_keeps_a_note(qtbot, window, bar, told):
    write(qtbot, bar, "thin")
    bar.note.clearFocus()
    bar.note.editingFinished.emit()  # where no window has the focus
    assert told == [("noted", "thin")]


def test_escape_takes_back_what_was_written(qtbot, bar, told):
    write(qtbot, bar, "nonsense")
    qtbot.keyClick(bar.note, KEY.Key_Escape)
    assert bar.note.text() == "as before"
    bar.commit_note()
    assert told == []


def test_the_same_note_is_not_told(qtbot, bar, told):
    write(qtbot, bar, "as before")
    qtbot.keyClick(bar.note, KEY.Key_Return)
    assert told == []


def test_a_note_is_not_overwritten_while_it_is_written(qtbot, bar, told):
    write(qtbot, bar, "see ")
    bar.show_stop(replace(STOP, verdict="fine", note="of another"), WHERE)
    qtbot.keyClicks(bar.note, "above")
    assert bar.note.text() == "see above"
    qtbot.keyClick(bar.note, KEY.Key_Return)
    assert told == [("noted", "see above")]
    bar.show_stop(replace(STOP, note="mended"), WHERE)
    assert bar.note.text() == "mended"


@pytest.mark.parametrize("name", ["previous", "next", "fine", "undo"])
def test_a_note_is_told_before_anything_else(qtbot, bar, told, name):
    write(qtbot, bar, "thin")
    click(qtbot, bar, name)
    assert told[0] == ("noted", "thin")
    assert len(told) == 2


def test_another_stop_has_its_own_note(qtbot, bar, told):
    write(qtbot, bar, "thin")
    other = Stop(replace(SPOT, rank=4), note="other")
    bar.show_stop(other, WHERE)
    assert bar.note.text() == "other"
    bar.commit_note()
    assert told == []
