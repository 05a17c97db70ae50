"""Rows of classes to select and go to, with the keys that belong to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import (  # type: ignore[attr-defined]
    QEvent,
    QModelIndex,
    QSize,
    Qt,
    Signal,
)
from qtpy.QtGui import QFontMetrics, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

from ..short_names import SIGNS, NameCells
from .class_model import COLUMNS, LINE, SWATCH_SIZE, ClassModel

_DOWN = Qt.SortOrder.DescendingOrder


class ClassView(QTableView):
    """Rows to select, with the keys that belong to them."""

    copied = Signal()
    visited = Signal(QModelIndex)

    def __init__(self, model: ClassModel, parent: QWidget) -> None:
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
        header.setSortIndicatorShown(False)  # the title has one that hides no text
        by = [column.key for column in COLUMNS].index("interior_mean")
        self.sortByColumn(by, _DOWN)
        self.doubleClicked.connect(self.visited)

    def showEvent(self, event: Any) -> None:
        """Fit the columns when the font is known, once, for later they are set."""
        super().showEvent(event)
        if not self._fitted:
            self._fitted = True
            self._fit()

    def event(self, event: Any) -> bool:
        """Keep the keys of the table from menus that have the same ones."""
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
            title = f"{column.heading(LINE)} {SIGNS[_DOWN]}"
            lines = [column.widest, *title.splitlines()]
            width = max(map(metrics.horizontalAdvance, lines)) + space
            if section == 0:
                width += SWATCH_SIZE + space
            header.resizeSection(section, max(width, header.sectionSizeHint(section)))
        rows: Any = self.verticalHeader()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(metrics.height() + 6)
