"""Table of the uncertainty of each class, to sort, choose from, copy and save."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import (  # type: ignore[attr-defined]
    QAbstractTableModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor, QFontMetrics, QIcon, QKeySequence, QPainter, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QMessageBox,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ...analysis.class_statistics import IN_DOCK, columns_of
from ...errors import InputError
from ...io.writing import write_whole
from ..viewer.shown_map import Color
from ..viewer.widgets import SIGNS, NameCells, ShortNames

#: Columns from left to right.
COLUMNS = columns_of(IN_DOCK)

#: Side in pixels of the square with the colour of a class.
SWATCH_SIZE = 12

# Separator between the parts of a header.
_LINE = "\n"
_SUFFIX = ".tsv"

_DOWN = Qt.SortOrder.DescendingOrder
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class ClassModel(QAbstractTableModel):
    """Numbers of classes, with a row for each class and the columns of the dock."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.labels: list[int] = []
        self.table = pd.DataFrame()
        self._values: list[list[Any]] = [[] for _ in COLUMNS]
        # Ranks of the rows by column and order, as far as they were sorted by.
        self._ranks: dict[tuple[int, bool], list[int]] = {}
        self.falling = False
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
        """Show other numbers; rows stay selected if the classes are the same."""
        labels = [int(label) for label in table.get("label", ())]
        same = set(labels) == set(self.labels)
        if same:
            self.layoutAboutToBeChanged.emit()
            # Each class keeps its row.
            table = table.iloc[[labels.index(label) for label in self.labels]]
        else:
            self.beginResetModel()
            self.labels = labels
        self.table = table
        self._values = [_values(table, column.key) for column in COLUMNS]
        self._ranks.clear()
        self._colors = dict(colors)
        in_unit = f" ({unit})" if unit else ""
        above = "the threshold" if threshold is None else f"{threshold:g}{in_unit}"
        self._tips = [one.explain(in_unit, above) for one in COLUMNS]
        if same:
            self.layoutChanged.emit()
        else:
            self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of classes."""
        return 0 if parent is not None and parent.isValid() else len(self.labels)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of columns, including hidden ones."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text, colour or tip of a cell."""
        row, column = index.row(), index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[column].text(self._values[column][row])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column else _LEFT
        if column == 0 and role == Qt.ItemDataRole.DecorationRole:
            color = self._colors.get(self.labels[row])
            if color not in self._swatches:
                self._swatches[color] = _swatch(color)
            return self._swatches[color]
        if column == 0 and role == Qt.ItemDataRole.ToolTipRole:
            return f"{self._values[0][row]}, label {self.labels[row]}"
        return None

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return the title of a column, its explanation, or its first order."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section].heading(_LINE)
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._tips[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if section else _LEFT
        if role == Qt.ItemDataRole.InitialSortOrderRole and section:
            return _DOWN
        return None

    def ranks(self, column: int) -> list[int]:
        """Return the rank of each row in a column; equal rows stay in their order."""
        key = column, self.falling
        if key not in self._ranks:
            self._ranks[key] = _ranks(self._values[column], self.falling)
        return self._ranks[key]


class SortedClasses(QSortFilterProxyModel):
    """Sorted rows of a :class:`ClassModel`; unknown numbers come last in any order."""

    def __init__(self, model: ClassModel) -> None:
        super().__init__(model.parent())
        self._model = model
        self.setSourceModel(model)

    @property
    def labels(self) -> list[int]:
        """Labels of the rows, from top to bottom."""
        rows = map(self._row, range(self.rowCount()))
        return [self._model.labels[row] for row in rows]

    @property
    def table(self) -> pd.DataFrame:
        """Data frame with all columns, in its own order."""
        return self._model.table

    @property
    def sorted_table(self) -> pd.DataFrame:
        """Data frame with all columns, its rows as they are shown."""
        return self._model.table.iloc[list(map(self._row, range(self.rowCount())))]

    def label_at(self, index: QModelIndex) -> int:
        """Return the label of the row of a cell."""
        return self._model.labels[self.mapToSource(index).row()]

    def _row(self, row: int) -> int:
        return int(self.mapToSource(self.index(row, 0)).row())

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column."""
        self._model.falling = order == _DOWN
        super().sort(column, order)

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Compare ranks: asking for the data of each cell would take twice as long."""
        ranks = self._model.ranks(left.column())
        return ranks[left.row()] < ranks[right.row()]

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return titles with a sign of the order; Qt's arrow would hide the text."""
        value = super().headerData(section, orientation, role)
        if role == Qt.ItemDataRole.DisplayRole and section == self.sortColumn():
            return f"{value} {SIGNS[self.sortOrder()]}"
        return value


class ClassView(QTableView):
    """View of the sorted classes, with keys to copy, visit and deselect rows."""

    copied = Signal()
    visited = Signal(QModelIndex)

    def __init__(self, model: SortedClasses, parent: QWidget) -> None:
        super().__init__(parent)
        self._fitted = False
        self.setModel(model)
        self.cells = NameCells(self)
        self.setItemDelegate(self.cells)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setIconSize(QSize(SWATCH_SIZE, SWATCH_SIZE))
        self.setWordWrap(False)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        header: Any = self.horizontalHeader()
        header.setHighlightSections(False)
        rows: Any = self.verticalHeader()
        rows.hide()
        self.setSortingEnabled(True)
        header.setSortIndicatorShown(False)
        self.sortByColumn([one.key for one in COLUMNS].index("interior_mean"), _DOWN)
        self.doubleClicked.connect(self.visited)

    def showEvent(self, event: Any) -> None:
        """Fit the columns once the font is known; from then on the user may."""
        super().showEvent(event)
        if not self._fitted:
            self._fitted = True
            self._fit()

    def event(self, event: Any) -> bool:
        """Take the keys of the table before menus that have the same ones."""
        if event.type() == QEvent.Type.ShortcutOverride and self._answer(event):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: Any) -> None:
        """Answer the keys of the table."""
        answer = self._answer(event)
        if answer is None:
            super().keyPressEvent(event)
        else:
            answer()

    def _answer(self, event: Any) -> Callable[[], object] | None:
        if event.matches(QKeySequence.StandardKey.Copy):
            return lambda: self.copied.emit()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            return lambda: self.visited.emit(self.currentIndex())
        if event.key() == Qt.Key.Key_Escape and self.selectedIndexes():
            return lambda: self.clearSelection()
        return None

    def _fit(self) -> None:
        header: Any = self.horizontalHeader()
        metrics = QFontMetrics(self.font())
        space = 2 * metrics.averageCharWidth()
        for section, column in enumerate(COLUMNS):
            title = f"{column.heading(_LINE)} {SIGNS[_DOWN]}"
            lines = [column.widest, *title.splitlines()]
            width = max(map(metrics.horizontalAdvance, lines)) + space
            if section == 0:
                width += SWATCH_SIZE + space
            header.resizeSection(section, max(width, header.sectionSizeHint(section)))
        rows: Any = self.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(metrics.height() + 6)


class ClassTable(QWidget):
    """Table with the numbers of each class, those least certain inside on top."""

    #: Emitted with the labels of the selected rows, ascending, when they change.
    selected = Signal(object)
    #: Emitted with a label and the part ("all", "boundary" or "interior") to go to.
    visited = Signal(int, str)
    #: Emitted with the path of the saved table.
    saved = Signal(str)
    #: Emitted with a sentence that says why the table was not saved.
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._emitted: tuple[int, ...] = ()
        self._file = Path("classes" + _SUFFIX)
        self._classes = ClassModel(self)
        self.model = SortedClasses(self._classes)
        self.view = ClassView(self.model, self)
        selection = self.view.selectionModel()
        assert selection is not None
        self._selection = selection
        self.copy_button = QPushButton("Copy")
        self.copy_button.setToolTip("Copy the table with all its columns.")
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip("Save the table with all its columns.")
        buttons = QHBoxLayout()
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.view)
        layout.addLayout(buttons)
        self.copy_button.clicked.connect(self._copy_all)
        self.save_button.clicked.connect(self._save)
        self.view.copied.connect(self._copy_selected)
        self.view.visited.connect(self._visit)
        self._selection.selectionChanged.connect(self._emit_selection)
        self.clear()

    def set_table(
        self,
        table: pd.DataFrame,
        colors: Mapping[int, Color],
        unit: str,
        threshold: float | None,
    ) -> None:
        """Show a table; order, widths and selected classes stay as they are.

        Parameters
        ----------
        table : DataFrame
            A row for each class, from :func:`.class_table`.
        colors : mapping of int to (int, int, int)
            Red, green and blue, 0 to 255, of each label.
        unit : str
            Unit of the uncertainty, which may be empty.
        threshold : float or None
            Threshold of the shares above it; without one, these are not shown.
        """
        index = self.view.currentIndex()
        current = self.model.label_at(index) if index.isValid() else None
        self._classes.set_table(table, colors, unit, threshold)
        self.view.cells.names = ShortNames(map(str, table.get("name", ())))
        for section, column in enumerate(COLUMNS):
            if column.of_threshold:
                absent = threshold is None or column.key not in table
                self.view.setColumnHidden(section, absent)
        for button in (self.copy_button, self.save_button):
            button.setEnabled(bool(self._classes.labels))
        if self.selected_labels != self._emitted:  # new rows are not selected
            self._select(self._emitted, current)
        self._emit_selection()

    def clear(self) -> None:
        """Show no classes."""
        self.set_table(pd.DataFrame(), {}, "", None)

    @property
    def selected_labels(self) -> tuple[int, ...]:
        """The labels of the selected rows, ascending, however they are sorted."""
        rows = self._selection.selectedRows()
        return tuple(sorted(map(self.model.label_at, rows)))

    def select(self, labels: Collection[int]) -> None:
        """Select the rows of these labels and no others, and scroll to the first."""
        first = next((label for label in self.model.labels if label in labels), None)
        bar: Any = self.view.horizontalScrollBar()
        before = bar.value()
        self._select(labels, first)
        if first is not None:
            self.view.scrollTo(self.view.currentIndex())
        bar.setValue(before)  # only up and down, not to the side

    def to_tsv(self, labels: Collection[int] | None = None) -> str:
        """Return all columns of the data frame as text, rows as they are shown.

        Numbers have all their digits, and cells without a number are empty.

        Parameters
        ----------
        labels : collection of int or None
            Labels of the rows; None for all rows.
        """
        table = self.model.sorted_table
        if labels is not None:
            table = table[table["label"].isin(labels)]
        if "name" in table:
            table = table.assign(name=[" ".join(one.split()) for one in table["name"]])
        return str(table.to_csv(sep="\t", index=False, lineterminator="\n"))

    def _select(self, labels: Collection[int], current: int | None) -> None:
        chosen = QItemSelection()
        how = QItemSelectionModel.SelectionFlag
        column = max(self.view.currentIndex().column(), 0)
        for row, label in enumerate(self.model.labels):
            index = self.model.index(row, column)
            if label in labels:
                chosen.select(index, index)
            if label == current:
                self._selection.setCurrentIndex(index, how.NoUpdate)
        self._selection.select(chosen, how.ClearAndSelect | how.Rows)

    def _emit_selection(self, *_: Any) -> None:
        labels = self.selected_labels
        if labels != self._emitted:
            self._emitted = labels
            self.selected.emit(labels)

    def _visit(self, index: QModelIndex) -> None:
        if index.isValid():
            column = COLUMNS[index.column()]
            self.visited.emit(self.model.label_at(index), column.visits or column.part)

    def _copy_all(self) -> None:
        self._copy(None)

    def _copy_selected(self) -> None:
        self._copy(self.selected_labels or None)

    def _copy(self, labels: Collection[int] | None) -> None:
        if self._classes.labels:
            clipboard: Any = QApplication.clipboard()
            clipboard.setText(self.to_tsv(labels))

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self,
            "Save the table",
            str(self._file),
            f"Tab-separated values (*{_SUFFIX})",
        )
        if not name:
            return
        path = Path(name)
        if not path.name.lower().endswith(_SUFFIX):
            path = path.with_name(path.name + _SUFFIX)
            # The dialog has asked about the name without this ending.
            if os.path.exists(path) and not self._may_replace(path):
                return
        text = self.to_tsv().encode("utf-8", "backslashreplace")
        try:
            write_whole([(path, lambda file: file.write(text))])
        except InputError as error:
            self.failed.emit(str(error))
            return
        self._file = path
        self.saved.emit(str(path))

    def _may_replace(self, path: Path) -> bool:
        answer = QMessageBox.question(
            self, "Save the table", f"{path.name} is there already. Replace it?"
        )
        return bool(answer == QMessageBox.StandardButton.Yes)


def _values(table: pd.DataFrame, key: str) -> list[Any]:
    if key not in table:
        return [np.nan] * len(table)
    return list(table[key].astype(str if key == "name" else float).tolist())


def _ranks(values: list[Any], falling: bool) -> list[int]:
    """Return the rank of each value; unknown numbers come last in any order."""
    keys = [_natural(one) if isinstance(one, str) else one for one in values]
    known = [row for row, value in enumerate(values) if value == value]
    unknown = [row for row, value in enumerate(values) if value != value]
    rows = [*sorted(known, key=keys.__getitem__, reverse=falling), *unknown]
    ranks = [0] * len(rows)
    for place, row in enumerate(rows):
        ranks[row] = -place if falling else place
    return ranks


def _natural(name: str) -> str:
    """Return a text by which names are sorted like numbers: 9 before 10."""
    return re.sub(r"\d+", lambda digits: digits[0].zfill(20), name.casefold())


def _swatch(color: Color | None) -> QIcon:
    """Return a square with a rim, which is transparent without a colour."""
    pixmap = QPixmap(SWATCH_SIZE, SWATCH_SIZE)
    pixmap.fill(QColor(0, 0, 0, 0) if color is None else QColor(*color))
    if color is not None:
        painter = QPainter(pixmap)
        painter.setPen(QColor(128, 128, 128))
        painter.drawRect(0, 0, SWATCH_SIZE - 1, SWATCH_SIZE - 1)
        painter.end()
    icon = QIcon()
    # Without an icon for selected rows, Qt would tint it there.
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(pixmap, mode)
    return icon
