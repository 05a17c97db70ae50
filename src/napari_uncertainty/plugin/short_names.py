"""Long names of classes in little room, still told apart from each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QFontMetrics
from qtpy.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

ELLIPSIS = "…"

# Less of a name than this share of what fits says too little, even if it is of one
# name only.
_LEAST = 0.6


class ShortNames:
    """Names that are cut where no two of them become the same.

    *left-superior-temporal-gyrus-anterior-division* differs from its neighbour in the
    middle, where Qt would cut both.

    Parameters
    ----------
    names : iterable of str
        All that are to be told apart.
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        self.names = tuple(dict.fromkeys(names))
        self._made: dict[tuple[str, int, int], str] = {}

    def within(self, name: str, letters: int) -> str:
        """Return a name of so many letters at most."""
        key = name, letters, 0
        if key not in self._made:
            self._made[key] = self._cut(name, letters, len)
        return self._made[key]

    def fit(self, name: str, width: int, metrics: QFontMetrics) -> str:
        """Return a name as it fits, with an ellipsis where something is left out.

        Parameters
        ----------
        name : str
            Need not be one of the names.
        width : int
            The room, in pixels.
        metrics : QFontMetrics
            Of the font.
        """
        key = name, width, metrics.height()
        if key not in self._made:
            self._made[key] = self._cut(name, width, metrics.horizontalAdvance)
        return self._made[key]

    def _cut(self, name: str, width: int, measure: Callable[[str], int]) -> str:
        if measure(name) <= width:
            return name
        most, longest = 0, ELLIPSIS
        for kept in range(len(name) - 1, 1, -1):
            # As much from the start as from the end, if possible.
            for head in sorted(range(1, kept), key=lambda n: abs(2 * n - kept)):
                start, end = name[:head], name[len(name) - kept + head :]
                if measure(start + ELLIPSIS + end) > width:
                    continue
                if not most:
                    most, longest = kept, start + ELLIPSIS + end
                if not self._others(name, start, end):
                    return start + ELLIPSIS + end
            if kept < _LEAST * most:
                break
        return longest

    def _others(self, name: str, start: str, end: str) -> bool:
        """Tell whether another name begins and ends the same way."""
        return any(
            other != name and other.startswith(start) and other.endswith(end)
            for other in self.names
        )


class NameCells(QStyledItemDelegate):
    """Cells of the first column with names that are told apart."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.names = ShortNames()

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        """Cut the name where it differs from no other."""
        super().initStyleOption(option, index)
        if index.column() == 0:
            option.text = self.names.fit(option.text, room(option), option.fontMetrics)
            option.textElideMode = Qt.TextElideMode.ElideMiddle


def room(option: QStyleOptionViewItem) -> int:
    """Return the pixels that the text of a cell has, beside its icon."""
    widget: Any = option.widget
    edge = QStyle.PixelMetric.PM_FocusFrameHMargin
    margin = int(widget.style().pixelMetric(edge)) + 1
    icon = 0 if option.icon.isNull() else option.decorationSize.width() + 2 * margin
    return int(option.rect.width() - icon - 2 * margin)


#: After the title of the column that is sorted by.
SIGNS = {Qt.SortOrder.AscendingOrder: "▴", Qt.SortOrder.DescendingOrder: "▾"}
