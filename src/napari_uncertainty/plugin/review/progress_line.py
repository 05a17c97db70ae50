"""The progress of a review as a thin bar and a sentence."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QRectF
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..paragraph import keep_whole

BAR_HEIGHT = 6

# Of what was decided; the same as of the bar of a probability, it stands out on both
# a dark and a light window.
DECIDED_COLOR = (60, 170, 90)

# Opacity of the text's colour in what was seen only, and in what was not.
_SEEN, _UNSEEN = 0.55, 0.15


class ProgressLine(QWidget):
    """A bar of what was seen and decided, with a sentence below it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = SeenBar()
        self.label = QLabel()
        keep_whole(self.label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.bar)
        layout.addWidget(self.label)
        self.show_progress(0, 0, 0, "")

    def show_progress(self, seen: int, decided: int, total: int, sentence: str) -> None:
        """Show how far the review is.

        Parameters
        ----------
        seen, decided, total : int
            Numbers of stops; without any, there is no bar.
        sentence : str
            What it says below.
        """
        self.bar.set_shares(
            seen / total if total else 0.0, decided / total if total else 0.0
        )
        self.bar.setVisible(total > 0)
        self.setToolTip(f"{seen} of {total} seen, {decided} decided" if total else "")
        self.label.setText(sentence)
        self.label.setVisible(bool(sentence))


class SeenBar(QWidget):
    """A thin bar: decided, seen only, and the rest."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.seen = self.decided = 0.0
        self.setFixedHeight(BAR_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_shares(self, seen: float, decided: float) -> None:
        """Show other shares of all stops, 0 to 1."""
        self.seen, self.decided = seen, decided
        self.update()

    def paintEvent(self, _event: Any) -> None:
        """Paint one over the other, what was decided on top."""
        painter = QPainter(self)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        parts = (
            (1.0, _faded(text, _UNSEEN)),
            (self.seen, _faded(text, _SEEN)),
            (self.decided, QColor(*DECIDED_COLOR)),
        )
        for share, color in parts:
            width = self.width() * min(max(share, 0.0), 1.0)
            painter.fillRect(QRectF(0, 0, width, self.height()), color)
        painter.end()


def _faded(color: QColor, opacity: float) -> QColor:
    faded = QColor(color)
    faded.setAlphaF(opacity)
    return faded
