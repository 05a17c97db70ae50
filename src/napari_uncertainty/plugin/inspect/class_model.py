"""Rows of the table of classes, and their order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QSortFilterProxyModel, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap

from .class_columns import COLUMNS

SWATCH_SIZE = 12

#: After the title of the column that is sorted by.
SIGNS = {Qt.SortOrder.AscendingOrder: "▴", Qt.SortOrder.DescendingOrder: "▾"}

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter

Color = tuple[int, int, int]


class ClassModel(QAbstractTableModel):
    """Numbers of classes, a row for each in the order of the data frame."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.table = pd.DataFrame()
        self.labels: list[int] = []
        self._values: list[list[Any]] = [[] for _ in COLUMNS]
        self._keys = self._values
        self._colors: Mapping[int, Color] = {}
        self._swatches: dict[Color | None, QIcon] = {}
        self._tips = [column.tip for column in COLUMNS]

    def set_table(
        self,
        table: pd.DataFrame,
        colors: Mapping[int, Color],
        unit: str,
        threshold: float | None,
    ) -> None:
        """Show other numbers; the rows stay where the classes are the same."""
        labels = [int(label) for label in table.get("label", ())]
        anew = labels != self.labels
        if anew:
            self.beginResetModel()
        self.table, self.labels = table.reset_index(drop=True), labels
        self._colors = dict(colors)
        self._values = [_values(self.table, column.key) for column in COLUMNS]
        self._keys = [[_natural(name) for name in self._values[0]], *self._values[1:]]
        in_unit = f" ({unit})" if unit else ""
        above = "the threshold" if threshold is None else f"{threshold:g}{in_unit}"
        self._tips = [c.tip.format(unit=in_unit, threshold=above) for c in COLUMNS]
        if anew:
            self.endResetModel()
        elif labels:
            last = self.index(len(labels) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Number of classes."""
        return 0 if parent is not None and parent.isValid() else len(self.labels)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Number of columns, with those that are hidden without a threshold."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def key(self, row: int, column: int) -> Any:
        """What a cell is sorted by, a number or a name; NaN where it has no value."""
        return self._keys[column][row]

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[column].text(self._values[column][row])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column else _LEFT
        if column == 0 and role == Qt.ItemDataRole.DecorationRole:
            return self._swatch(self._colors.get(self.labels[row]))
        if column == 0 and role == Qt.ItemDataRole.ToolTipRole:
            return f"label {self.labels[row]}"
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Titles, what they mean, and what the first click sorts by."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].title
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tips[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if section else _LEFT
        if role == Qt.ItemDataRole.InitialSortOrderRole and section:
            return Qt.SortOrder.DescendingOrder
        return None

    def _swatch(self, color: Color | None) -> QIcon:
        if color not in self._swatches:
            self._swatches[color] = _swatch(color)
        return self._swatches[color]


class ClassOrder(QSortFilterProxyModel):
    """Sorts classes; those without a value come last, whichever way it sorts."""

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Titles, with an arrow on the one it sorts by; Qt's would hide the text."""
        value = super().headerData(section, orientation, role)
        if role == Qt.ItemDataRole.DisplayRole and section == self.sortColumn():
            return f"{value} {SIGNS[self.sortOrder()]}"
        return value

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Whether one row is less than another."""
        model: Any = self.sourceModel()
        column = left.column()
        # Not by way of data(), which would take several times as long.
        one, other = model.key(left.row(), column), model.key(right.row(), column)
        rising = bool(self.sortOrder() == Qt.SortOrder.AscendingOrder)
        if (one != one) != (other != other):
            return (one == one) is rising
        if one == other or one != one:
            return bool(left.row() < right.row()) is rising
        return bool(one < other)


def as_tsv(table: pd.DataFrame) -> str:
    """Tab-separated text, numbers with all their digits, nothing where one misses."""
    rows = table.itertuples(index=False, name=None)
    lines = [table.columns, *(map(_cell, row) for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return " ".join(value.split())
    return "" if pd.isna(value) else repr(value)


def _values(table: pd.DataFrame, key: str) -> list[Any]:
    if key not in table:
        return [float("nan")] * len(table)
    kind = str if key == "name" else float
    return list(table[key].astype(kind).tolist())


def _natural(name: str) -> list[Any]:
    """A name with its numbers as numbers, to be compared."""
    parts = re.split(r"(\d+)", name.casefold())
    return [int(part) if i % 2 else part for i, part in enumerate(parts)]


def _swatch(color: Color | None) -> QIcon:
    """A square with a rim, which shows on dark and light; clear without a colour."""
    pixmap = QPixmap(SWATCH_SIZE, SWATCH_SIZE)
    pixmap.fill(QColor(0, 0, 0, 0) if color is None else QColor(*color))
    if color is not None:
        painter = QPainter(pixmap)
        painter.setPen(QColor(128, 128, 128))
        painter.drawRect(0, 0, SWATCH_SIZE - 1, SWATCH_SIZE - 1)
        painter.end()
    icon = QIcon()
    # In a selected row, Qt would tint it.
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(pixmap, mode)
    return icon
