"""Checks as a short list, and the offer that may follow from them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from magicgui.widgets import ComboBox, Container, Label, PushButton, TextEdit, Widget
from napari.utils.notifications import show_error
from psygnal import Signal
from qtpy.QtWidgets import QFrame, QSizePolicy

from ..checks import Check
from ..errors import InputError
from .offers import Offer, apply, can_undo, undo
from .paragraph import wrapped

# Signs besides colours, for those who do not see them; both read on dark and light.
_SIGNS = {"green": ("✓", "#2fa84f"), "amber": ("▲", "#e0900b"), "red": ("✗", "#e5484d")}

# Room for the worst few, in pixels.
LIST_HEIGHT = 110

_WORST_FIRST = ("red", "amber", "green")


class CheckList(Container[Widget]):
    """List of checks, the worst first, with buttons to move the probabilities."""

    #: Emitted after probabilities were moved, or moved back.
    moved = Signal()

    def __init__(self) -> None:
        self._offer: Offer | None = None
        self._layer: Any = None
        # Takes the room where the dock is high, and scrolls where it is low.
        self.list = TextEdit(value="")
        self.list.read_only = True
        self.list.min_height = LIST_HEIGHT
        self.list.native.setFrameShape(QFrame.Shape.NoFrame)
        self.list.native.setStyleSheet("background: transparent")
        self.reason = wrapped(Label(value=""))
        # A function, for napari asks for the choices anew whenever layers change.
        self.choice: ComboBox = ComboBox(choices=self._choices)
        self.apply_button = PushButton(text="Apply this placement")
        self.undo_button = PushButton(text="Undo placement")
        super().__init__(
            widgets=[
                self.reason,
                self.choice,
                self.apply_button,
                self.undo_button,
                self.list,
            ],
            labels=False,
        )
        self.margins = (0, 0, 0, 0)
        self.native.setSizePolicy(
            QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding
        )
        self.apply_button.changed.connect(self._apply)
        self.undo_button.changed.connect(self._undo)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self.show_checks((), None, None)

    def show_checks(
        self, checks: Sequence[Check], offer: Offer | None, layer: Any
    ) -> None:
        """Show what was found for a layer of probabilities, and what can be done."""
        self._offer, self._layer = offer, layer
        ranked = sorted(checks, key=lambda one: _WORST_FIRST.index(one.level))
        # Scan and segmentation may tell the same.
        lines = dict.fromkeys(map(_line, ranked))
        self.list.native.setHtml("".join(lines))
        self.choice.reset_choices()
        self.reason.value = offer.sentence if offer else ""
        self.list.visible = bool(checks)
        for widget in (self.reason, self.choice, self.apply_button):
            widget.visible = offer is not None
        self.undo_button.visible = can_undo(layer)

    def _choices(self, _widget: Any = None) -> list[str]:
        return list(self._offer.choices) if self._offer else []

    def _apply(self) -> None:
        assert self._offer is not None
        try:
            apply(self._offer, self.choice.value)
        except InputError as error:
            show_error(str(error))
            return
        self.moved.emit()

    def _undo(self) -> None:
        if can_undo(self._layer):
            undo(self._layer)
        self.moved.emit()


def _line(check: Check) -> str:
    sign, colour = _SIGNS[check.level]
    return (
        f'<p style="margin: 2px 0"><span style="color: {colour}">{sign}</span> '
        f"{escape(check.sentence).replace(' %', '&nbsp;%').replace(' mm', '&nbsp;mm')}"
        "</p>"
    )
