"""Probabilities of the classes at one voxel, as bars.

They change at every move of the pointer. Painted directly they take half the time of
bars in a plot, whose axis can neither shorten names nor tell them in full.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from qtpy.QtCore import QEvent, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from ..short_names import ShortNames
from .plots import seen_through

# Most that are shown. Of many classes all but a few have no probability to speak of.
LIMIT = 8

# Part of the width for names. One for all, so that bars do not jump.
NAME_WIDTH = 0.4

# In pixels, between rows and between columns.
ROW_GAP = 4
COLUMN_GAP = 6

_WIDEST = "<0.01"


@dataclass(frozen=True)
class Bar:
    """The probability of one class.

    Attributes
    ----------
    name : str
        Of the class.
    probability : float
        From 0 to 1.
    color : tuple of int
        Red, green and blue, 0 to 255.
    """

    name: str
    probability: float
    color: tuple[int, int, int]


class ProbabilityBars(QWidget):
    """Bars below each other, with names at the left and numbers at the right.

    Parameters
    ----------
    limit : int
        How many bars there is room for. The height is always that of so many.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__()
        self.limit = limit
        self._bars: tuple[Bar, ...] = ()
        self._names = ShortNames()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._fit()

    @property
    def bars(self) -> tuple[Bar, ...]:
        """Return those that are shown, the first on top."""
        return self._bars

    def set_bars(self, bars: Sequence[Bar]) -> None:
        """Show the first of these, which are to be sorted, most probable first."""
        names = {bar.name for bar in bars}
        if names != set(self._names.names):
            self._names = ShortNames(sorted(names))
        shown = tuple(bars[: self.limit])
        if shown != self._bars:
            self._bars = shown
            self.update()

    def clear(self) -> None:
        """Show nothing, in the same room."""
        self.set_bars(())

    def changeEvent(self, event: QEvent | None) -> None:
        """Keep the height right for the font."""
        super().changeEvent(event)
        if event and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def event(self, event: QEvent | None) -> bool:
        """Tell the full name of the row below the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.name_at(event.pos().y()), self)
            return True
        return bool(super().event(event))

    def name_at(self, y: int) -> str:
        """Name of the class whose row has this height, in pixels from the top."""
        row = y // self._row_height()
        return self._bars[row].name if 0 <= row < len(self._bars) else ""

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint all rows."""
        painter = QPainter(self)
        for row, bar in enumerate(self._bars):
            self._paint_row(painter, row * self._row_height(), bar)
        painter.end()

    def _paint_row(self, painter: QPainter, top: int, bar: Bar) -> None:
        metrics = self.fontMetrics()
        text = self.palette().color(QPalette.ColorRole.WindowText)
        height = self._row_height()
        name_width = int(self.width() * NAME_WIDTH)
        number_width = metrics.horizontalAdvance(_WIDEST)
        left = name_width + COLUMN_GAP
        length = self.width() - left - COLUMN_GAP - number_width
        name = self._names.fit(bar.name, name_width, metrics)
        # Half pixels keep the outline sharp.
        place = QPointF(left + 0.5, top + ROW_GAP / 2 + 0.5)
        full = QRectF(place.x(), place.y(), max(length - 1, 0), height - ROW_GAP - 1)
        painter.fillRect(full, seen_through(text, 0.1))
        full.setWidth(full.width() * min(max(bar.probability, 0), 1))
        painter.fillRect(full, QColor(*bar.color))
        # For classes whose colour is that of the window.
        painter.setPen(seen_through(text, 0.5))
        painter.drawRect(full)
        painter.setPen(text)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, top, name_width, height), middle, name)
        painter.drawText(
            QRectF(self.width() - number_width, top, number_width, height),
            middle | Qt.AlignmentFlag.AlignRight,
            number(bar.probability),
        )

    def _row_height(self) -> int:
        return int(self.fontMetrics().height()) + ROW_GAP

    def _fit(self) -> None:
        self.setFixedHeight(self.limit * self._row_height())


def number(probability: float) -> str:
    """Two digits, that do not call zero what is not."""
    return _WIDEST if 0 < probability < 0.005 else f"{probability:.2f}"
