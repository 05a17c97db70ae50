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

# Keys of a review, which are fixed, and lines of text that keep theirs.

#: Action and key, as in Next, Good, Healed, Question, Undo, Jot, Which way. None of
#: these belongs to napari, whichever layer is selected. A verdict is an action.
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

    Where somebody has bound a key in this viewer before, or another dock has, it stays
    theirs in the canvas; in the dock it acts all the same.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose canvas it is.
    dock : QWidget
        Where the keys act as well, with all that is in it.
    actions : mapping of str to callable
        What to do; keys of `KEYS`, of which some may be missing.
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
            # What it gives is not given back: napari would call it on release.
            action()

        self._viewer.bind_key(binding, pressed)
        self._bound[binding] = pressed

    def _add_shortcut(self, dock: QWidget, key: str, action: Action) -> None:
        # A list or a table would take letters to look for rows. Text fields ask for
        # theirs before any shortcut is called.
        shortcut = QShortcut(QKeySequence(key), dock)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.setAutoRepeat(False)
        shortcut.activated.connect(action)
        self._shortcuts.append(shortcut)


def keeps_keys(line: QWidget, event: Any) -> bool:
    """Take the focus back, if nobody has chosen to leave the line.

    napari gives it to the canvas whenever a notification fades: what is typed on would
    be keys there, and decide.

    Parameters
    ----------
    line : QWidget
        Where somebody types.
    event : QEvent
        What the line is told.

    Returns
    -------
    bool
        Whether the line has the focus again; then it should not hear of the event.
    """
    if (
        event.type() != QEvent.Type.FocusOut
        # Not by mouse, by Tab, or to another window; and not given up.
        or event.reason() != Qt.FocusReason.OtherFocusReason
        or QApplication.focusWidget() is None
    ):
        return False
    line.setFocus(Qt.FocusReason.OtherFocusReason)
    return True


# Buttons for the stop that is shown, and a line for its note.

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
