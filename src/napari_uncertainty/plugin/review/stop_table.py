"""The table of stops: filtered, sorted, gone through by keys, with notes to write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import (  # type: ignore[attr-defined]
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QApplication,
    QHeaderView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from ...analysis.colors import Color
from ...review.review import Stop
from ..viewer.widgets import ShortNames, room
from .stop_model import DOT_SIZE, SWATCH_SIZE, Column, FilterRow, StopFilter, StopModel
from .verdict_bar import keeps_keys

# A text that each column has room for. Classes and notes share the rest of the width.
_WIDEST = (
    "000", "background ↔", "Errors ▾", "Peak ▾", "Mean ▾", "R −00.0 A −00.0",
    "(000 voxels)", "a note",
)  # fmt: skip

# Columns that are hidden in a narrow table, the last one first.
_OPTIONAL = (Column.PEAK, Column.MEAN, Column.PLACE)

# Separator of the two classes of a hotspot, within a line and at its end.
BETWEEN, ARROW = " ↔ ", " ↔"

_ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


class StopTable(QWidget):
    """Stops to filter, sort and go through; notes are written in their cells."""

    #: A rank that the person moved to, or asked for once more.
    picked = Signal(int)
    #: A rank and its new note.
    noted = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = StopModel(self)
        self.order = StopFilter(self.model, self)
        self.filters = FilterRow(self)
        self.view = StopView(self.order, self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.filters)
        layout.addWidget(self.view, 1)
        self._current: int | None = None
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.timeout.connect(self._settle)
        selection = self.view.selectionModel()
        assert selection is not None
        self._selection = selection
        selection.currentChanged.connect(self._moved)
        self.view.visited.connect(self._visit_again)
        self.model.noted.connect(self.noted)
        self.filters.changed.connect(self._filter)

    def show_stops(
        self,
        stops: Sequence[Stop],
        names: Mapping[int, str],
        unit: str,
        colors: Mapping[int, Color],
    ) -> None:
        """Show stops as :meth:`.StopModel.show`; the choices of the person stay.

        These are order, filter, the current stop, and a note that is being written.
        """
        before = self._current_spot()
        self.model.show(stops, names, unit, colors)
        if set(names.values()) != set(self.view.cells.names.names):
            self.view.cells.names = ShortNames(names.values())
        self.filters.offer_classes(self.model)
        if self._current_spot() != before:
            self._current = None  # another place has its rank now
        self._mark_current()
        self.view.fit()

    def select(self, rank: int | None) -> None:
        """Make a stop the current one and show it, without a signal; None for none.

        It is shown even if the filter would hide it.
        """
        known = rank is not None and self.order.source_row(rank) is not None
        self._current = rank if known else None
        if self._current is not None:
            self.order.keep(self._current)
        self._mark_current()
        self._settle_soon()
        self._scroll()

    @property
    def current(self) -> int | None:
        """Rank of the current stop, which a filter may hide; None for none."""
        return self._current

    def following(self, step: int) -> int | None:
        """Return the rank of the next stop (+1) or the previous one (-1) in the table.

        It is counted from the current one, even if a filter hides it, and from the top
        if there is none. Returns None at the end.
        """
        return self.order.following(self._current, step)

    def next_open(self) -> int | None:
        """Return the rank of the next open stop; after the last row, from the top.

        Returns None if no other stop in the table is open.
        """
        return self.order.next_open(self._current)

    # -- what the person does -------------------------------------------------

    def _moved(self, index: QModelIndex, _before: QModelIndex) -> None:
        rank = self.order.rank_at(index)
        if rank is None or rank == self._current:
            return
        self._current = rank
        self.order.keep(rank)
        self._settle_soon()
        self.picked.emit(rank)

    def _visit_again(self, index: QModelIndex) -> None:
        rank = self.order.rank_at(index)
        if rank is not None:
            self.picked.emit(rank)

    def _filter(self) -> None:
        self.order.show_only(*self.filters.chosen)
        self._mark_current()
        self._scroll()

    # -- the current row ------------------------------------------------------

    def _settle_soon(self) -> None:
        """Let go of the stop before, but not while the mouse is on the table.

        Rows would move below it, and a double click would be on two of them.
        """
        pressed = QApplication.mouseButtons() != Qt.MouseButton.NoButton
        self._settling.start(QApplication.doubleClickInterval() if pressed else 0)

    def _settle(self) -> None:
        self.order.let_go(self._current)
        self._mark_current()

    def _mark_current(self) -> None:
        """Select the row of the current stop, if it is shown, and keep it."""
        column = max(self.view.currentIndex().column(), 0)
        index = self.order.index_of(self._current, column)
        if self._current is None or not index.isValid():
            self._selection.clear()
            return
        self.order.keep(self._current)
        if self.view.currentIndex() != index or not self._selection.isSelected(index):
            how = QItemSelectionModel.SelectionFlag
            self._selection.setCurrentIndex(index, how.ClearAndSelect | how.Rows)

    def _scroll(self) -> None:
        """Bring the current stop into view, up and down only."""
        index = self.order.index_of(self._current)
        if index.isValid():
            bar: Any = self.view.horizontalScrollBar()
            before = bar.value()
            self.view.scrollTo(index)
            bar.setValue(before)

    def _current_spot(self) -> Any:
        row = self.order.source_row(self._current)
        return None if row is None else self.model.stops[row].hotspot


class StopView(QTableView):
    """Rows of stops, with keys to move and to write; others go to the canvas."""

    #: The cell of a stop that the person asked for once more.
    visited = Signal(QModelIndex)

    def __init__(self, order: StopFilter, parent: QWidget) -> None:
        super().__init__(parent)
        self.setModel(order)
        self.cells = _Cells(self)
        self.setItemDelegate(self.cells)
        self.setSelectionBehavior(self.SelectionBehavior.SelectRows)
        self.setSelectionMode(self.SelectionMode.SingleSelection)
        self.setEditTriggers(self.EditTrigger.DoubleClicked)
        self.setHorizontalScrollMode(self.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(self.ScrollMode.ScrollPerPixel)
        self.setIconSize(QSize(DOT_SIZE, 2 * SWATCH_SIZE + 2))
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        header: Any = self.horizontalHeader()
        header.setHighlightSections(False)
        rows: Any = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.setSortingEnabled(True)
        header.setSortIndicatorShown(False)  # the title has one that hides no text
        self.sortByColumn(Column.RANK, Qt.SortOrder.AscendingOrder)
        self.doubleClicked.connect(self._double_clicked)

    def resizeEvent(self, event: Any) -> None:
        """Fit the columns into another width."""
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self.fit()

    def fit(self) -> None:
        """Give columns the width that they need; some are hidden where it is narrow."""
        metrics, viewport = self.fontMetrics(), self.viewport()
        space = metrics.averageCharWidth() + 2
        widths = [metrics.horizontalAdvance(text) + space for text in _WIDEST]
        for column in (Column.CLASSES, Column.VERDICT):
            widths[column] += self.iconSize().width() + 4
        noted = self._noted()
        self.setColumnHidden(Column.NOTE, not noted)
        if not noted:
            widths[Column.NOTE] = 0
        left = 0 if viewport is None else viewport.width() - sum(widths)
        for column in reversed(_OPTIONAL):
            hidden = left < widths[Column.MASS] // 2
            self.setColumnHidden(column, hidden)
            left += widths[column] if hidden else 0
        if noted:
            widths[Column.NOTE] += max(left, 0) // 2
            left -= max(left, 0) // 2
        widths[Column.CLASSES] += max(left, 0)
        for section, width in enumerate(widths):
            self.setColumnWidth(section, width)
        rows: Any = self.verticalHeader()
        rows.setDefaultSectionSize(2 * metrics.lineSpacing() + 4)

    def _noted(self) -> bool:
        """Return whether any stop has a note; else the column would only take room."""
        order: Any = self.model()
        return any(stop.note for stop in order.sourceModel().stops)

    def focusInEvent(self, event: Any) -> None:
        """Take the focus without a current row: Qt would go to the first one."""
        selection, had_none = self.selectionModel(), not self.currentIndex().isValid()
        assert selection is not None
        before = selection.blockSignals(had_none)
        super().focusInEvent(event)
        if had_none:
            selection.clearCurrentIndex()
        selection.blockSignals(before)

    def event(self, event: Any) -> bool:
        """Keep the keys of the table from menus that have the same ones."""
        if event.type() == QEvent.Type.ShortcutOverride and (
            event.key() in (*_ENTER, *_MOVES, Qt.Key.Key_F2)
        ):
            event.accept()
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: Any) -> None:
        """Move by arrows, go to the stop by Enter, write its note by F2."""
        index, note = self.currentIndex(), Column.NOTE
        if self.state() == self.State.EditingState and not self.hasFocus():
            super().keyPressEvent(event)  # a key that the editor has not used
        elif event.key() in _ENTER:
            self.visited.emit(index)
        elif event.key() == Qt.Key.Key_F2 and index.isValid():
            if self.isColumnHidden(note):
                self.setColumnHidden(note, False)
                self.setColumnWidth(note, self.columnWidth(Column.CLASSES))
            self.setCurrentIndex(index.siblingAtColumn(note))
            self.edit(self.currentIndex())
        elif event.key() in _MOVES or event.matches(QKeySequence.StandardKey.Copy):
            super().keyPressEvent(event)
        else:
            event.ignore()

    def _double_clicked(self, index: QModelIndex) -> None:
        if index.column() != Column.NOTE:
            self.visited.emit(index)


class _Cells(QStyledItemDelegate):
    """Cells whose lines do not break between a number and its word."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.names = ShortNames()

    def initStyleOption(self, option: Any, index: QModelIndex) -> None:
        """Prepare the text of a cell: no breaks after numbers, names cut to fit."""
        super().initStyleOption(option, index)
        if index.column() == Column.VERDICT:
            option.text = option.text.replace(" voxel", "\N{NO-BREAK SPACE}voxel")
        elif index.column() == Column.CLASSES:
            # A line for each name, cut where it differs from the others.
            self._shorten(option)
            option.features &= ~QStyleOptionViewItem.ViewItemFeature.WrapText
            option.textElideMode = Qt.TextElideMode.ElideMiddle
        elif index.column() == Column.PLACE:
            for axis in "RAS":
                option.text = option.text.replace(f"{axis} ", f"{axis}\u00a0")

    def _shorten(self, option: Any) -> None:
        metrics = option.fontMetrics
        # Lines in one cell have a little less room than a text alone.
        width = room(option) - metrics.averageCharWidth()
        names = option.text.split(BETWEEN)
        arrow = metrics.horizontalAdvance(ARROW)
        widths = [width - arrow, width] if len(names) == 2 else [width] * len(names)
        option.text = f"{ARROW}\N{LINE SEPARATOR}".join(
            self.names.fit(name, one, metrics)
            for name, one in zip(names, widths, strict=True)
        )

    def eventFilter(self, editor: Any, event: Any) -> bool:
        """Go on with the note that is being written, unless the person leaves."""
        return keeps_keys(editor, event) or bool(super().eventFilter(editor, event))

    def setEditorData(self, editor: QWidget | None, index: QModelIndex) -> None:
        """Show the note that there is, but not over what is being written."""
        if not (isinstance(editor, QLineEdit) and editor.isModified()):
            super().setEditorData(editor, index)
