"""Verdicts as buttons and keys for the stop that is shown, and a line for its note."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari.utils.key_bindings import coerce_keybinding
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QApplication,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from ...review.review import VERDICTS, Stop, Verdict
from ..viewer.lifetime import weakly
from .stop_model import dot

# Keys of a review, which are fixed, and lines of text that keep the focus.

#: Actions, verdicts among them, and their keys, as in Next, Good, Healed, Question,
#: Undo, Jot, Which way. None is a key of napari, whichever layer is selected.
KEYS: dict[str, str] = {
    "next": "N",
    "previous": "Shift+N",
    **{one.action: one.key for one in VERDICTS.values()},
    "undo": "U",
    "note": "J",
    "flip plane": "W",
}

Action = Callable[[], object]


class ReviewKeys:
    """Keys that act in the canvas and in a dock, but not in its text fields.

    A key that somebody, or another dock, has bound in this viewer before keeps that
    meaning in the canvas; in the dock it acts as given here.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose canvas the keys act in.
    dock : QWidget
        The dock that the keys act in, with all of its parts.
    actions : mapping of str to callable
        Functions by their names in `KEYS`, of which some may be missing.
    """

    def __init__(
        self, viewer: Any, dock: QWidget, actions: Mapping[str, Action]
    ) -> None:
        self._viewer = viewer
        self._shortcuts: list[QShortcut] = []
        self._bound: dict[Any, Any] = {}
        for name, action in actions.items():
            self._bind(KEYS[name], action)
            self._add_shortcut(dock, KEYS[name], action)

    def stop(self) -> None:
        """Give all keys back."""
        keymap = self._viewer.keymap
        for key, bound in self._bound.items():
            # Somebody may have overwritten it.
            if keymap.get(key) is bound:
                self._viewer.bind_key(key, None)
        for shortcut in filter(isalive, self._shortcuts):
            shortcut.setEnabled(False)
            shortcut.deleteLater()
        self._bound.clear()
        self._shortcuts.clear()

    def _bind(self, key: str, action: Action) -> None:
        binding = coerce_keybinding(key)
        if binding in self._viewer.keymap:
            return

        def pressed(_viewer: Any) -> None:
            # Returns nothing: napari would call a result when the key is released.
            action()

        self._viewer.bind_key(binding, pressed)
        self._bound[binding] = pressed

    def _add_shortcut(self, dock: QWidget, key: str, action: Action) -> None:
        # Without a shortcut, a list or a table would search its rows for letters. Text
        # fields take their keys before any shortcut does.
        shortcut = QShortcut(QKeySequence(key), dock)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(action)
        self._shortcuts.append(shortcut)


def keeps_keys(line: QWidget, event: Any) -> bool:
    """Take the focus back, if nobody has chosen to leave the line.

    napari gives the focus to the canvas whenever a notification fades: letters that
    somebody goes on to type would be keys there, and decide.

    Parameters
    ----------
    line : QWidget
        The line that somebody types in.
    event : QEvent
        An event of the line.

    Returns
    -------
    bool
        Whether the line has the focus again; then it should not hear of the event.
    """
    if (
        event.type() != QEvent.Type.FocusOut
        # Leaving by mouse, by Tab or to another window, and giving up, are chosen.
        or event.reason() != Qt.FocusReason.OtherFocusReason
        or QApplication.focusWidget() is None
    ):
        return False
    line.setFocus(Qt.FocusReason.OtherFocusReason)
    return True


# Buttons for the stop that is shown, and a line for its note.

NO_STOP = "No hotspot is chosen."

# Text and tooltip of each button.
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
    """Buttons and note of the current stop; no button takes the focus."""

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
            The current stop.
        where : str
            Its rank, place and classes, in one line.
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
        """Forbid or allow decisions; the stops can be gone through in any case."""
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
        """Emit a note that was changed, at the latest before another stop is shown."""
        if self.shown is None or not self.note.isModified():
            return
        self.note.setModified(False)
        note = self.note.text().strip()
        if note != self.shown.note:
            self.noted.emit(note)

    def _fit_line(self) -> None:
        self.line.setFixedHeight(2 * self.line.fontMetrics().lineSpacing() + 2)

    def _leave_note(self) -> None:
        """Give the focus back to the canvas, and restore the note from before."""
        self.note.setText("" if self.shown is None else self.shown.note)
        self.note.clearFocus()

    def _judge(self, verdict: Verdict, *_: Any) -> None:
        # The verdict determines which button is down, not the click.
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
    """A line of text that gives the focus back after Enter or Esc."""

    #: The person has pressed Esc.
    left = Signal()

    def focusOutEvent(self, event: Any) -> None:
        """Keep the focus, unless the person leaves the line."""
        if not keeps_keys(self, event):
            super().focusOutEvent(event)

    def keyPressEvent(self, event: Any) -> None:
        """Keep the text at Enter, but not at Esc; the canvas gets neither key."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
            return
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.clearFocus()
            event.accept()
