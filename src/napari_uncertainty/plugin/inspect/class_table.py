"""How uncertain each class is, as a table to sort, choose from, copy and save."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from qtpy.QtCore import (  # type: ignore[attr-defined]
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    Signal,
)
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...errors import InputError
from ...io.atomic import write_whole
from ..short_names import ShortNames
from .class_model import COLUMNS, ClassModel, as_tsv
from .class_view import ClassView

_SUFFIX = ".tsv"


class ClassTable(QWidget):
    """Numbers of each class, those that are least certain inside on top."""

    #: The labels of the selected rows, ascending, after they changed.
    selected = Signal(object)
    #: A label and the part of it ("all", "boundary" or "interior") to go to.
    visited = Signal(int, str)
    #: Where the table was saved.
    saved = Signal(str)
    #: Why it was not.
    failed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._told: tuple[int, ...] = ()
        self._file = Path("classes" + _SUFFIX)
        self.model = ClassModel(self)
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
        self._selection.selectionChanged.connect(self._tell)
        self.clear()

    def set_table(
        self,
        table: pd.DataFrame,
        colors: Mapping[int, tuple[int, int, int]],
        unit: str,
        threshold: float | None,
    ) -> None:
        """Show a table; its order, widths and selected classes stay the user's.

        Parameters
        ----------
        table : DataFrame
            A row for each class, as of :func:`.class_table`.
        colors : mapping of int to (int, int, int)
            Red, green and blue, 0 to 255, of labels.
        unit : str
            Of the uncertainty; may be empty.
        threshold : float or None
            What the shares are above; without one, they are not shown.
        """
        current = self._label_at(self.view.currentIndex())
        self.model.set_table(table, colors, unit, threshold)
        self.view.cells.names = ShortNames(map(str, table.get("name", ())))
        for section, column in enumerate(COLUMNS):
            if column.of_threshold:
                absent = threshold is None or column.key not in table
                self.view.setColumnHidden(section, absent)
        for button in (self.copy_button, self.save_button):
            button.setEnabled(bool(self.model.labels))
        if self.selected_labels != self._told:  # rows made anew are not selected
            self._select(self._told, current)
        self._tell()

    def clear(self) -> None:
        """Show no class."""
        self.set_table(pd.DataFrame(), {}, "", None)

    @property
    def selected_labels(self) -> tuple[int, ...]:
        """The labels of the selected rows, ascending, however they are sorted."""
        rows = self._selection.selectedRows()
        return tuple(sorted(self.model.labels[index.row()] for index in rows))

    def select(self, labels: Collection[int]) -> None:
        """Select the rows of these labels, and no others, and show the first."""
        shown = (label for label in self.model.labels if label in labels)
        first = next(shown, None)
        bar: Any = self.view.horizontalScrollBar()
        before = bar.value()
        self._select(labels, first)
        if first is not None:
            self.view.scrollTo(self.view.currentIndex())
        bar.setValue(before)  # up and down only

    def to_tsv(self, labels: Collection[int] | None = None) -> str:
        """All columns of the data frame as text, rows in the order that is shown.

        Parameters
        ----------
        labels : collection of int or None
            Whose rows; all by default.
        """
        table = self.model.sorted_table
        return as_tsv(table if labels is None else table[table["label"].isin(labels)])

    def _label_at(self, index: QModelIndex) -> int | None:
        return self.model.labels[index.row()] if index.isValid() else None

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

    def _tell(self, *_: Any) -> None:
        labels = self.selected_labels
        if labels != self._told:
            self._told = labels
            self.selected.emit(labels)

    def _visit(self, index: QModelIndex) -> None:
        label = self._label_at(index)
        if label is not None:
            column = COLUMNS[index.column()]
            self.visited.emit(label, column.visits or column.part)

    def _copy_all(self) -> None:
        self._copy(None)

    def _copy_selected(self) -> None:
        self._copy(self.selected_labels or None)

    def _copy(self, labels: Collection[int] | None) -> None:
        if self.model.labels:
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
            # The dialog has asked about the other name only.
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
