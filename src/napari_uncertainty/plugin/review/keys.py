"""Keys of a review, where nothing else has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from napari.layers import Image, Labels, Points, Shapes, Surface, Tracks, Vectors
from napari.utils.key_bindings import coerce_keybinding
from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut  # type: ignore[attr-defined]
from qtpy.QtWidgets import QWidget

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

# A selected layer is asked for a key before the viewer is.
_LAYERS = (Image, Labels, Points, Shapes, Surface, Tracks, Vectors)

Action = Callable[[], object]


class ReviewKeys:
    """Keys that act in the canvas and in a dock, but not in its text fields.

    A key that somebody else has bound before stays theirs, and its action gets none.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose canvas it is.
    dock : QWidget
        Where the keys act as well, with all that is in it.
    actions : mapping of str to callable
        What to do; keys of `KEYS`, of which some may be missing.

    Attributes
    ----------
    keys : dict of str to str
        Action and key, as it is written on a button; only of those that got theirs.
    """

    def __init__(
        self, viewer: Any, dock: QWidget, actions: Mapping[str, Action]
    ) -> None:
        self._viewer = viewer
        self._shortcuts: list[QShortcut] = []
        self._bound: dict[Any, Any] = {}
        taken = {key for keymap in _keymaps(viewer) for key in keymap}
        self.keys = {
            name: KEYS[name] for name in actions if _binding(KEYS[name]) not in taken
        }
        for name, key in self.keys.items():
            self._bind(key, actions[name])
            self._add_shortcut(dock, key, actions[name])

    @property
    def available(self) -> frozenset[str]:
        """The actions that have a key."""
        return frozenset(self.keys)

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
        self.keys = {}

    def _bind(self, key: str, action: Action) -> None:
        def pressed(_viewer: Any) -> None:
            # What it gives is not given back: napari would call it on release.
            action()

        binding = _binding(key)
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


def _binding(key: str) -> Any:
    return coerce_keybinding(key)


def _keymaps(viewer: Any) -> Iterator[Mapping[Any, Any]]:
    """All keys that mean something in a canvas, whichever layer is selected."""
    for provider in (viewer, *viewer.layers):
        yield provider.keymap
    # The class of what a proxy stands for.
    for kind in (viewer.__class__, *(layer.__class__ for layer in viewer.layers)):
        yield from _of_class(kind)
    for kind in _LAYERS:
        yield from _of_class(kind)


def _of_class(kind: type) -> Iterator[Mapping[Any, Any]]:
    for base in kind.__mro__:
        yield getattr(base, "class_keymap", {})
