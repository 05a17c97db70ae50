"""Rows of the table of classes, sorted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap

from ...regions.table import IN_DOCK, columns_of
from ..short_names import SIGNS

#: From left to right.
COLUMNS = columns_of(IN_DOCK)

#: Between the parts of a header.
LINE = "\n"

SWATCH_SIZE = 12


_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter

Color = tuple[int, int, int]


class ClassModel(QAbstractTableModel):
    """Numbers of classes, a row for each, sorted by one of the columns.

    It sorts itself: a proxy would ask for two cells in each comparison, too often for
    numbers that follow a slider.
    """

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.labels: list[int] = []
        self.table = pd.DataFrame()
        self._values: list[list[Any]] = [[] for _ in COLUMNS]
        self._rows: list[int] = []
        self._by = 0, Qt.SortOrder.AscendingOrder
        self._colors: Mapping[int, Color] = {}
        self._swatches: dict[Color | None, QIcon] = {}
        self._tips = [one.explain("", "the threshold") for one in COLUMNS]

    def set_table(
        self,
        table: pd.DataFrame,
        colors: Mapping[int, Color],
        unit: str,
        threshold: float | None,
    ) -> None:
        """Show other numbers; selected rows stay where the classes are the same."""
        anew = set(table.get("label", ())) != set(self.labels)
        if anew:
            self.beginResetModel()
        self._colors = dict(colors)
        in_unit = f" ({unit})" if unit else ""
        above = "the threshold" if threshold is None else f"{threshold:g}{in_unit}"
        self._tips = [one.explain(in_unit, above) for one in COLUMNS]
        if anew:
            self._put(table)
            self.endResetModel()
        else:
            self._put_in_order(table)

    def sort(
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        """Sort by a column; classes without a value come last, whichever way."""
        self._by = column, order
        self._put_in_order(self.table)
        self.headerDataChanged.emit(
            Qt.Orientation.Horizontal, 0, self.columnCount() - 1
        )

    @property
    def sorted_table(self) -> pd.DataFrame:
        """The whole data frame, its rows as they are shown."""
        return self.table.iloc[self._rows]

    def _put_in_order(self, table: pd.DataFrame) -> None:
        """Take a table of the same classes; what is selected moves with its class."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        labels = [self.labels[index.row()] for index in before]
        self._put(table)
        rows = {label: row for row, label in enumerate(self.labels)}
        after = [
            self.index(rows[label], index.column())
            for label, index in zip(labels, before, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _put(self, table: pd.DataFrame) -> None:
        column, order = self._by
        self.table = table
        columns = [_values(table, column.key) for column in COLUMNS]
        self._rows = _sorted(columns[column], order == Qt.SortOrder.DescendingOrder)
        self._values = [[values[row] for row in self._rows] for values in columns]
        labels = [int(label) for label in table.get("label", ())]
        self.labels = [labels[row] for row in self._rows]

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Number of classes."""
        return 0 if parent is not None and parent.isValid() else len(self.labels)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Number of columns, with those that are hidden without a threshold."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell shows."""
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[column].text(self._values[column][row])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column else _LEFT
        if column == 0 and role == Qt.ItemDataRole.DecorationRole:
            return self._swatch(self._colors.get(self.labels[row]))
        if column == 0 and role == Qt.ItemDataRole.ToolTipRole:
            return f"{self._values[0][row]}, label {self.labels[row]}"
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
            title, (column, order) = COLUMNS[section].heading(LINE), self._by
            # Qt's own arrow would hide the text.
            return f"{title} {SIGNS[order]}" if section == column else title
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


def _sorted(values: list[Any], falling: bool) -> list[int]:
    """Where the values are in the list, sorted, those that are NaN at the end."""
    keys = [_natural(v) if isinstance(v, str) else v for v in values]
    known = [row for row, value in enumerate(values) if value == value]
    unknown = [row for row, value in enumerate(values) if value != value]
    return [*sorted(known, key=keys.__getitem__, reverse=falling), *unknown]


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
