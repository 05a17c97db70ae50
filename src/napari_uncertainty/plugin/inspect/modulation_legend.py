"""Legend in two directions: classes from top to bottom, uncertainty to the right."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from .modulated import Legend
from .plots import seen_through

#: So many classes are shown; of others only the number.
MOST_ROWS = 14

#: Part of the width for names.
NAME_WIDTH = 0.42

# In pixels, between rows, and between names and colours.
ROW_GAP, COLUMN_GAP = 3, 6

_LINES_BELOW = 2


class ModulationLegend(QWidget):
    """A row for each class: its name, and its colours from certain to uncertain.

    Below stand the values at both ends, and their unit. A shade that one sees through
    is drawn on the colour of the window.
    """

    def __init__(self) -> None:
        super().__init__()
        self._legend: Legend | None = None
        self._rows: list[tuple[str, Any]] = []
        self._more = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def names(self) -> list[str]:
        """Names of the rows, from top to bottom."""
        return [name for name, _ in self._rows]

    def show_legend(self, legend: Legend | None) -> None:
        """Show what colours mean; nothing for None."""
        self._legend, self._rows, self._more = legend, [], 0
        if legend is not None:
            self._rows = [
                (name, legend.shades[label])
                for label, name in sorted(legend.names.items())
            ]
            if len(self._rows) > MOST_ROWS:
                self._more = len(self._rows) - MOST_ROWS + 1
                del self._rows[MOST_ROWS - 1 :]
        self.setVisible(legend is not None)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size for all rows, and the values below them."""
        rows = len(self._rows) + bool(self._more) + _LINES_BELOW
        return QSize(1, rows * self._row_height())

    def event(self, event: QEvent | None) -> bool:
        """Tell the full name of the row below the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = event.pos().y() // self._row_height()
            name = self.names[row] if 0 <= row < len(self._rows) else ""
            QToolTip.showText(event.globalPos(), name, self)
            return True
        return bool(super().event(event))

    def colors_box(self, row: int) -> QRectF:
        """Return where the colours of a row are, in pixels."""
        left = int(self.width() * NAME_WIDTH) + COLUMN_GAP
        top, height = row * self._row_height(), self._row_height() - ROW_GAP
        return QRectF(left, top, self.width() - left - 1, height)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint all rows."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        for row, (name, shades) in enumerate(self._rows):
            self._write_name(painter, row, name)
            self._paint_colors(painter, row, shades)
        row = len(self._rows)
        if self._more:
            self._write_name(painter, row, f"and {self._more} more")
            row += 1
        self._write_ends(painter, row)
        painter.end()

    def _write_name(self, painter: QPainter, row: int, name: str) -> None:
        box = QRectF(0, row * self._row_height(), int(self.width() * NAME_WIDTH),
                     self._row_height() - ROW_GAP)  # fmt: skip
        name = self.fontMetrics().elidedText(
            name, Qt.TextElideMode.ElideMiddle, int(box.width())
        )
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)

    def _paint_colors(self, painter: QPainter, row: int, shades: Any) -> None:
        box, text = self.colors_box(row), painter.pen().color()
        edges = np.rint(np.linspace(box.left(), box.right(), len(shades) + 1))
        for left, right, shade in zip(edges[:-1], edges[1:], shades, strict=True):
            cell = QRectF(left, box.top(), right - left, box.height())
            painter.fillRect(cell, QColor.fromRgbF(*(float(part) for part in shade)))
        # For colours that are those of the window.
        painter.setPen(seen_through(text, 0.5))
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.setPen(text)

    def _write_ends(self, painter: QPainter, row: int) -> None:
        """Write what is at both ends of all rows, and below it the values."""
        if self._legend is None:
            return
        low, high = map(_number, self._legend.limits)
        with_unit = f"{high} {self._legend.unit}".rstrip()
        for number, ends in enumerate([("certain", "uncertain"), (low, with_unit)]):
            box = self.colors_box(row + number)
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft, ends[0])
            painter.drawText(box, Qt.AlignmentFlag.AlignRight, ends[1])

    def _row_height(self) -> int:
        return int(self.fontMetrics().height()) + ROW_GAP


def _number(value: float) -> str:
    """Two decimals where they tell something, without zeros at the end."""
    if 0 < abs(value) < 0.005:
        return f"{value:.1g}"
    return f"{value:.2f}".rstrip("0").rstrip(".")
