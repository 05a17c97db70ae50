"""Filter and order of the table of stops."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import (  # type: ignore[attr-defined]
    QModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLineEdit,
    QWidget,
)

from ...colors import Color
from ...regions.table import unnamed
from ...review import VERDICTS, Stop, Verdict
from ..short_names import SIGNS
from .stop_model import NUMBERS, SWATCH_SIZE, Column, StopModel, swatches

ALL_STOPS, ALL_CLASSES = "All hotspots", "All classes"
# That a box has room for; there is more where the window is wider.
_LEAST_LETTERS = 6


class StopFilter(QSortFilterProxyModel):
    """Filters stops by status, class and words, and sorts them.

    A stop that is kept stays where it is, whatever is decided about it, until it is let
    go, or the filter or the order becomes another one.

    Parameters
    ----------
    model : StopModel
        All stops.
    """

    def __init__(self, model: StopModel, parent: Any = None) -> None:
        super().__init__(parent)
        self._model = model
        self._status: Verdict | None = None
        self._label: int | None = None
        self._words: list[str] = []
        # As they were when they were kept, by rank.
        self._kept: dict[int, Stop] = {}
        model.modelAboutToBeReset.connect(self._forget)
        self.setSourceModel(model)

    def show_only(self, status: Verdict | None, label: int | None, text: str) -> None:
        """Show only stops for which all of this holds.

        Parameters
        ----------
        status : Verdict or None
            What was decided; None for all.
        label : int or None
            One of the two classes; None for all.
        text : str
            Words of which each is in classes, status or note, in any case.
        """
        self._status, self._label, self._words = status, label, text.casefold().split()
        # Kept are only those that would be shown anyway.
        self._refresh_kept()
        self._kept = {r: stop for r, stop in self._kept.items() if self._matches(stop)}
        self.invalidate()

    def keep(self, rank: int) -> None:
        """Show this stop where it would be now, even if the filter would hide it."""
        row = self.source_row(rank)
        if row is not None and rank not in self._kept:
            self._kept[rank] = self._model.stops[row]
            if not self.is_shown(rank):
                self.invalidate()

    def let_go(self, rank: int | None = None) -> None:
        """Keep no stop any longer, or none but this one."""
        kept = {one: stop for one, stop in self._kept.items() if one == rank}
        if len(kept) < len(self._kept):
            self._kept = kept
            self.invalidate()

    @property
    def ranks(self) -> list[int]:
        """Ranks of the stops that are shown, from top to bottom."""
        stops = self._model.stops
        indexes = (self.index(row, 0) for row in range(self.rowCount()))
        return [stops[self.mapToSource(index).row()].rank for index in indexes]

    def rank_at(self, index: QModelIndex) -> int | None:
        """Rank of the stop of a cell of this model; None for no cell."""
        row = self.mapToSource(index).row()
        return self._model.stops[row].rank if row >= 0 else None

    def index_of(self, rank: int | None, column: int = 0) -> QModelIndex:
        """A cell of a stop in this model; not valid where it is not shown."""
        row = self.source_row(rank)
        if row is None:
            return QModelIndex()
        return self.mapFromSource(self._model.index(row, column))

    def is_shown(self, rank: int | None) -> bool:
        """Return whether a stop is among those that are shown."""
        return bool(self.index_of(rank).isValid())

    def source_row(self, rank: int | None) -> int | None:
        """Row of a stop among all stops; None if there is no such stop."""
        rows = (i for i, stop in enumerate(self._model.stops) if stop.rank == rank)
        return next(rows, None)

    def following(self, rank: int | None, step: int) -> int | None:
        """Rank of the stop that is shown some rows below another, or above (step < 0).

        The other one may be hidden; None is above the first. None if there are not as
        many rows.
        """
        above, below = self._around(rank)
        ahead = below if step > 0 else above[::-1]
        return ahead[abs(step) - 1] if 0 < abs(step) <= len(ahead) else None

    def next_open(self, rank: int | None) -> int | None:
        """Rank of the next open stop that is shown below another, or from the top."""
        above, below = self._around(rank)
        verdicts = {stop.rank: stop.verdict for stop in self._model.stops}
        return next((r for r in (*below, *above) if verdicts[r] == "open"), None)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Titles, with an arrow on the one it sorts by; Qt's would hide the text."""
        value = super().headerData(section, orientation, role)
        if role == Qt.ItemDataRole.DisplayRole and section == self.sortColumn():
            title, *unit = str(value).split("\n")
            return "\n".join([f"{title} {SIGNS[self.sortOrder()]}", *unit])
        return value

    def sort(
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        """Sort by a column, by what is in it now."""
        if (column, order) != (self.sortColumn(), self.sortOrder()):
            self._refresh_kept()
        super().sort(column, order)

    def filterAcceptsRow(self, source_row: int, source_parent: QModelIndex) -> bool:
        """Return whether a stop is shown."""
        stop = self._model.stops[source_row]
        return stop.rank in self._kept or self._matches(stop)

    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        """Return whether one row is less than another; equals stay in their order."""
        rising = bool(self.sortOrder() == Qt.SortOrder.AscendingOrder)
        one = self._key(left.row(), left.column())
        other = self._key(right.row(), right.column())
        if one == other:
            return bool(left.row() < right.row()) is rising
        return bool(one < other)

    def _key(self, row: int, column: int) -> Any:
        """Return what a cell is sorted by, to be compared with others of its column."""
        stop = self._model.stops[row]
        stop = self._kept.get(stop.rank, stop)
        spot = stop.hotspot
        if column in NUMBERS:
            value = (stop.rank, spot.mass, spot.peak, spot.mean)[NUMBERS.index(column)]
            return float("-inf") if value != value else value
        if column == Column.PLACE:
            # From inferior to superior first, as slices are gone through.
            return tuple(reversed(spot.voxel if spot.ras is None else spot.ras))
        if column == Column.VERDICT:
            return list(VERDICTS).index(stop.verdict), not stop.suggested
        words = self._model.text(stop, column).casefold()
        return not words, words  # those without a note come last

    def _matches(self, stop: Stop) -> bool:
        if self._status not in (None, stop.verdict):
            return False
        if self._label is not None and self._label not in (stop.hotspot.classes or ()):
            return False
        columns = (Column.CLASSES, Column.VERDICT, Column.NOTE)
        text = "\n".join(self._model.text(stop, column) for column in columns)
        return all(word in text.casefold() for word in self._words)

    def _around(self, rank: int | None) -> tuple[list[int], list[int]]:
        """Ranks that are shown above and below another, which may be hidden."""
        stops, column = self._model.stops, self.sortColumn()
        order = list(range(len(stops)))
        if column >= 0:
            falling = self.sortOrder() == Qt.SortOrder.DescendingOrder
            order.sort(key=lambda row: self._key(row, column), reverse=falling)
        every, shown = [stops[row].rank for row in order], set(self.ranks)
        at = every.index(rank) if rank in every else -1
        above, below = every[: max(at, 0)], every[at + 1 :]
        return [r for r in above if r in shown], [r for r in below if r in shown]

    def _refresh_kept(self) -> None:
        now = {stop.rank: stop for stop in self._model.stops}
        self._kept = {rank: now[rank] for rank in self._kept if rank in now}

    def _forget(self) -> None:
        self._kept = {}


class FilterRow(QWidget):
    """Fields by which a person filters stops."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offer: list[tuple[str, int, Color | None]] = []
        self.status, self.classes, self.text = QComboBox(), QComboBox(), QLineEdit()
        self.status.addItem(ALL_STOPS, None)
        for verdict in VERDICTS:
            self.status.addItem(verdict.capitalize(), verdict)
        self.status.setToolTip("Show only hotspots about which this was decided.")
        self.classes.addItem(ALL_CLASSES, None)
        self.classes.setToolTip(
            "Show only hotspots where this class is one of the two."
        )
        self.text.setPlaceholderText("Find…")
        self.text.setToolTip("Words in classes, status or note; all have to be there.")
        self.text.setClearButtonEnabled(True)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for box in (self.status, self.classes):
            # Long names are whole in its list.
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(_LEAST_LETTERS)
            box.setIconSize(QSize(SWATCH_SIZE, SWATCH_SIZE))
            box.currentIndexChanged.connect(self.changed)
            layout.addWidget(box, 4)
        self.text.textChanged.connect(self.changed)
        layout.addWidget(self.text, 3)

    @property
    def chosen(self) -> tuple[Verdict | None, int | None, str]:
        """Verdict, label and words, as :meth:`StopFilter.show_only` takes them."""
        return self.status.currentData(), self.classes.currentData(), self.text.text()

    def offer_classes(self, model: StopModel) -> None:
        """Offer the classes of all stops; the chosen one stays if it is there."""
        labels = {label for stop in model.stops for label in stop.hotspot.classes or ()}
        named = [(model.names.get(label) or unnamed(label), label) for label in labels]
        named.sort(key=lambda pair: (pair[0].casefold(), pair[1]))
        offer = [(*pair, model.colors.get(pair[1])) for pair in named]
        if offer == self._offer:
            return
        self._offer, chosen = offer, self.classes.currentData()
        before = self.classes.blockSignals(True)
        while self.classes.count() > 1:
            self.classes.removeItem(1)
        for name, label, color in offer:
            self.classes.addItem(swatches(color), name, label)
        at = -1 if chosen is None else self.classes.findData(chosen)
        self.classes.setCurrentIndex(max(at, 0))
        self.classes.blockSignals(before)
        if chosen is not None and at < 0:
            self.changed.emit()
