"""Text that wraps, and that no layout cuts off."""

from __future__ import annotations

from typing import Any

from magicgui.widgets import Label
from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QSizePolicy


class Paragraph(Label):
    """A label as high as its text, however narrow the dock is.

    A dock is told how high its widgets are at least, but not at which width: of text
    that wraps, the last lines would be lost in a low window.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(value="", **options)
        wrapped(self)
        keep_whole(self.native)


def keep_whole(label: Any) -> None:
    """Keep a label of Qt, whose text wraps, as high as its text."""
    label.setWordWrap(True)
    label.installEventFilter(_Fitting(label))


class _Fitting(QObject):
    """Looks after the height whenever the text is painted, new or at a new width."""

    def eventFilter(self, label: Any, event: QEvent | None) -> bool:
        """Follow the height of the text, and leave the event to the label."""
        if event is not None and event.type() == QEvent.Type.Paint:
            height = max(0, label.heightForWidth(label.width()))
            if height != label.minimumHeight():
                label.setMinimumHeight(height)
        return False


def wrapped(label: Label) -> Label:
    """A label whose long sentences wrap instead of widening the dock."""
    label.native.setWordWrap(True)
    label.native.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label
