"""Keys of a review, which are fixed, and lines of text that keep theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from napari.utils.key_bindings import coerce_keybinding
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import QApplication, QWidget

from ...review import VERDICTS

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
