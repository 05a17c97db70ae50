"""Buttons for the stop that is shown, and a line for its note."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from ...review import VERDICTS, Stop, Verdict
from ..viewer.lifetime import weakly
from .keys import KEYS, keeps_keys
from .stop_model import dot

NO_STOP = "No hotspot is chosen."

# Texts of buttons, and what they do.
_TEXTS = {
    "previous": ("Previous", "Go to the hotspot above."),
    "next": ("Next", "Go to the hotspot below."),
    "undo": ("Undo", "Take the last decision or note back."),
    **{one.action: (one.action.capitalize(), one.meaning) for one in VERDICTS.values()},
}

_CONFIRM = "Labels changed here. Press to confirm that it is fixed."
_NOTE_TIP = (
    "What you want to say about this hotspot. Enter keeps it, Esc takes it back."
)


class VerdictBar(QWidget):
    """Buttons and note of the current stop; no button takes the canvas's keys."""

    #: +1 for the next stop, -1 for the previous one.
    moved = Signal(int)
    #: A verdict; "open" to reopen.
    judged = Signal(str)
    undone = Signal()
    #: The note of the stop that is shown, after it was changed.
    noted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.shown: Stop | None = None
        self._read_only = False
        self.line = QElidingLabel()
        self.line.setWordWrap(True)
        self.line.setTextFormat(Qt.TextFormat.PlainText)
        self.buttons = {name: QPushButton() for name in _TEXTS}
        for button in self.buttons.values():
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.note = _Note()
        self.note.setPlaceholderText(f"Note ({KEYS['note']})…")
        self.note.setToolTip(_NOTE_TIP)
        undecided, *decided = VERDICTS.values()
        for one in decided:
            button = self.buttons[one.action]
            button.setCheckable(True)
            button.setIcon(dot(one.name, False))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.line)
        actions = [one.action for one in (*decided, undecided)]
        pairs = [actions[at : at + 2] for at in range(0, len(actions), 2)]
        for names in (["previous", "next"], *pairs):
            row = QHBoxLayout()
            row.setSpacing(2)
            for name in names:
                row.addWidget(self.buttons[name])
            layout.addLayout(row)
        last = QHBoxLayout()
        last.setSpacing(2)
        last.addWidget(self.note, 1)
        last.addWidget(self.buttons["undo"])
        layout.addLayout(last)
        self._connect()
        self._fit_line()
        self.show_stop(None, "")

    def _connect(self) -> None:
        for verdict, decision in VERDICTS.items():
            self.buttons[decision.action].clicked.connect(weakly(self._judge, verdict))
        self.buttons["previous"].clicked.connect(weakly(self._move, -1))
        self.buttons["next"].clicked.connect(weakly(self._move, +1))
        self.buttons["undo"].clicked.connect(self._undo)
        self.note.editingFinished.connect(self.commit_note)
        self.note.left.connect(self._leave_note)

    def show_stop(self, stop: Stop | None, where: str) -> None:
        """Show a stop, or that there is none.

        A note that is being written stays, unless another stop is shown.

        Parameters
        ----------
        stop : Stop or None
            The current one.
        where : str
            Which it is, in one line.
        """
        same = None not in (stop, self.shown) and stop.rank == self.shown.rank  # type: ignore[union-attr]
        self.shown = stop
        self.setEnabled(stop is not None)
        self.line.setText(where or (NO_STOP if stop is None else ""))
        self.line.setToolTip(where)
        if not (same and self.note.isModified()):
            note = "" if stop is None else stop.note
            if self.note.text() != note:
                self.note.setText(note)
            self.note.setModified(False)
        self._name_buttons()
        self._check()

    def set_read_only(self, read_only: bool) -> None:
        """Let the person go through the stops, but decide nothing, or decide again."""
        self._read_only = read_only
        self._check()

    def changeEvent(self, event: Any) -> None:
        """Keep room for two lines of text in any font, so that nothing jumps."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit_line()

    def edit_note(self) -> None:
        """Let the person write a note."""
        self.note.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.note.end(False)

    def commit_note(self) -> None:
        """Tell of a note that was changed; before another stop is gone to, at least."""
        if self.shown is None or not self.note.isModified():
            return
        self.note.setModified(False)
        note = self.note.text().strip()
        if note != self.shown.note:
            self.noted.emit(note)

    def _fit_line(self) -> None:
        self.line.setFixedHeight(2 * self.line.fontMetrics().lineSpacing() + 2)

    def _leave_note(self) -> None:
        """Give the keys back to the canvas; a note that was not kept is as before."""
        self.note.setText("" if self.shown is None else self.shown.note)
        self.note.clearFocus()

    def _judge(self, verdict: Verdict, *_: Any) -> None:
        # Which button is down follows from what is decided, not from the click.
        self._check()
        self.commit_note()
        self.judged.emit(verdict)

    def _move(self, step: int, *_: Any) -> None:
        self.commit_note()
        self.moved.emit(step)

    def _undo(self, *_: Any) -> None:
        self.commit_note()
        self.undone.emit()

    def _check(self) -> None:
        verdict = "open" if self.shown is None else self.shown.verdict
        for name, decision in VERDICTS.items():
            button = self.buttons[decision.action]
            if button.isCheckable():
                button.setChecked(name == verdict)
            may = not self._read_only and (name != "open" or verdict != "open")
            button.setEnabled(may)
        for widget in (self.note, self.buttons["undo"]):
            widget.setEnabled(not self._read_only)

    def _name_buttons(self) -> None:
        suggested = self.shown is not None and self.shown.suggested
        for name, (text, tip) in _TEXTS.items():
            if name == "fixed" and suggested:
                text, tip = f"{text}?", _CONFIRM
            self.buttons[name].setText(f"{text} ({KEYS[name]})")
            self.buttons[name].setToolTip(f"{tip} Key: {KEYS[name]}")


class _Note(QLineEdit):
    """A line that gives the keys back when it is done."""

    #: By Esc.
    left = Signal()

    def focusOutEvent(self, event: Any) -> None:
        """Stay where one types, unless the person leaves."""
        if not keeps_keys(self, event):
            super().focusOutEvent(event)

    def keyPressEvent(self, event: Any) -> None:
        """Enter keeps the text, Esc does not; the canvas hears of neither."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clearFocus()
            event.accept()
