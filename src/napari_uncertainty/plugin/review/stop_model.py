"""Stops of a review as a Qt model, filtered and sorted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Any

from qtpy.QtCore import (  # type: ignore[attr-defined]
    QAbstractTableModel,
    QModelIndex,
    QSize,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtGui import QColor, QFont, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QWidget

from ...analysis.class_statistics import unnamed
from ...analysis.colors import Color
from ...analysis.hotspots import Hotspot
from ...review.review import VERDICTS, Stop, Verdict
from ...text import number
from ..viewer.widgets import SIGNS

# Rows of the table of stops: what each cell shows, means and is sorted by.

#: Size in pixels of each of the two swatches of a row, and of the dot of a verdict.
SWATCH_SIZE, DOT_SIZE = 10, 12

_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


#: The columns, from left to right.
Column = IntEnum("Column", "RANK CLASSES MASS PEAK MEAN PLACE VERDICT NOTE", start=0)

#: Columns of numbers.
NUMBERS = (Column.RANK, Column.MASS, Column.PEAK, Column.MEAN)

# Title and tooltip of each column.
_HEADERS = (
    ("#", "Rank, most wrong voxels first. Bold: nobody went there yet."),
    ("Classes", "The two classes that compete here, the more probable one first."),
    ("Errors", "Expected number of wrong voxels in the ball,\n"
     "those left out that are in balls of better rank."),
    ("Peak", "Largest uncertainty{unit} in the ball."),
    ("Mean", "Mean uncertainty{unit} in the ball."),
    ("Place", "Centre of the ball in mm to the right (R), anterior (A) and superior "
     "(S);\nits voxel where it is not known where the map is.\n"
     "Sorted from inferior to superior."),
    ("Status", f"What was decided: {', '.join(VERDICTS)}.\n"
     "In brackets: how many voxels of the ball have another label now.\n"
     "fixed?: labels changed here, and nobody confirmed it yet."),
    ("Note", "Your note. Double-click, or press F2, to write."),
)  # fmt: skip


class StopModel(QAbstractTableModel):
    """Stops of a review, a row for each, in the order in which they were given."""

    #: A rank and its new note, after it was edited here.
    noted = Signal(int, str)

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.stops: tuple[Stop, ...] = ()
        self.names: Mapping[int, str] = {}
        self.unit = ""
        self.colors: Mapping[int, Color] = {}
        self._icons: dict[Any, QIcon] = {}
        self._bold = QFont()
        self._bold.setBold(True)

    def show(
        self,
        stops: Sequence[Stop],
        names: Mapping[int, str],
        unit: str,
        colors: Mapping[int, Color],
    ) -> None:
        """Show other places, or the same ones with other decisions.

        Parameters
        ----------
        stops : sequence of Stop
            A row for each; no two of one rank.
        names : mapping of int to str
            Names of labels.
        unit : str
            Unit of the uncertainty; may be empty.
        colors : mapping of int to (int, int, int)
            Red, green and blue, 0 to 255, of labels.
        """
        before, look = self.stops, (self.names, self.unit, self.colors)
        anew = [s.hotspot for s in stops] != [s.hotspot for s in before]
        if anew:
            self.beginResetModel()
        self.stops = tuple(stops)
        self.names, self.unit, self.colors = dict(names), unit, dict(colors)
        if anew:
            self.endResetModel()
        elif look != (self.names, unit, self.colors):
            self._announce_all()
        else:
            for row, stop in enumerate(before):
                self._announce(row, stop, self.stops[row])

    def text(self, stop: Stop, column: int) -> str:
        """Return the text of a cell, on one line."""
        spot = stop.hotspot
        if column == Column.RANK:
            return str(stop.rank)
        if column == Column.CLASSES:
            return spot.competing(self.names)
        if column == Column.MASS:
            return f"{spot.mass:.1f}"
        if column in (Column.PEAK, Column.MEAN):
            return number(spot.peak if column == Column.PEAK else spot.mean)
        if column == Column.PLACE:
            return place(spot)
        return status(stop) if column == Column.VERDICT else " ".join(stop.note.split())

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Number of stops."""
        return 0 if parent is not None and parent.isValid() else len(self.stops)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(Column)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Allow to edit notes, and no other cells."""
        flags: Qt.ItemFlag = super().flags(index)
        editable = index.isValid() and index.column() == Column.NOTE
        return flags | Qt.ItemFlag.ItemIsEditable if editable else flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the text, icon, alignment, font or tooltip of a cell."""
        stop, column = self.stops[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(stop, column)
        if role == Qt.ItemDataRole.EditRole:
            return stop.note if column == Column.NOTE else self.text(stop, column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column in NUMBERS else _LEFT
        if role == Qt.ItemDataRole.DecorationRole:
            return self._icon(stop, column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return stop.note if column == Column.NOTE and stop.note else self.tip(stop)
        # Not the classes, whose names would have less room in bold.
        marked = column in (Column.RANK, Column.VERDICT) and not stop.seen
        return self._bold if marked and role == Qt.ItemDataRole.FontRole else None

    def setData(
        self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Take a note over, and emit `noted` if it is another."""
        if role != Qt.ItemDataRole.EditRole or index.column() != Column.NOTE:
            return False
        row, note, stop = index.row(), str(value).strip(), self.stops[index.row()]
        if note != stop.note:
            noted = replace(stop, note=note)
            self.stops = (*self.stops[:row], noted, *self.stops[row + 1 :])
            self.dataChanged.emit(index, index)
            self.noted.emit(stop.rank, note)
        return True

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return title, tooltip, alignment and first sort order of a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = Column(section)
        title, tip = _HEADERS[column]
        in_unit = self.unit and f"({self.unit})"
        if role == Qt.ItemDataRole.DisplayRole:
            measured = in_unit and column in (Column.PEAK, Column.MEAN)
            return f"{title}\n{in_unit}" if measured else title
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip.format(unit=in_unit and f" {in_unit}")
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT if column in NUMBERS else _LEFT
        if role == Qt.ItemDataRole.InitialSortOrderRole and column in NUMBERS[1:]:
            return Qt.SortOrder.DescendingOrder
        return None

    def tip(self, stop: Stop) -> str:
        """Return a tooltip with all about a stop, even of columns that are hidden."""
        spot, changed = stop.hotspot, _voxels(stop.changed_voxels)
        unit = f" {self.unit}" if self.unit else ""
        where = f"voxel {place(spot)}" if spot.ras is None else f"{place(spot)} mm"
        return (
            f"{stop.rank}: {spot.competing(self.names) or 'classes not known'}\n"
            f"{spot.mass:.1f} wrong voxels expected, {100 * spot.share:.1f} % of all\n"
            f"peak {number(spot.peak)}{unit}, mean {number(spot.mean)}{unit}\n{where}\n"
            f"{stop.verdict}{'?' if stop.suggested else ''}"
            + (f", {changed} of the ball changed" if stop.changed_voxels else "")
            + ("" if stop.seen else ", not seen yet")
        )

    def _announce(self, row: int, old: Stop, new: Stop) -> None:
        """Emit a change of those cells of a row whose content has changed."""
        columns = [Column.RANK] if old.seen != new.seen else []
        if columns or status(old) != status(new):
            columns.append(Column.VERDICT)
        if old.note != new.note:
            columns.append(Column.NOTE)
        for column in columns:
            at = self.index(row, column)
            self.dataChanged.emit(at, at)

    def _announce_all(self) -> None:
        self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(Column) - 1)
        if self.stops:
            last = self.index(len(self.stops) - 1, len(Column) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def _icon(self, stop: Stop, column: int) -> QIcon | None:
        if column == Column.VERDICT:
            return self._cached(
                dot, stop.verdict, stop.suggested or stop.verdict == "open"
            )
        if column == Column.CLASSES and stop.hotspot.classes is not None:
            return self._cached(swatches, *map(self.colors.get, stop.hotspot.classes))
        return None

    def _cached(self, draw: Callable[..., QIcon], *args: Any) -> QIcon:
        if args not in self._icons:
            self._icons[args] = draw(*args)
        return self._icons[args]


def status(stop: Stop) -> str:
    """Return a verdict in words, such as ``fixed (132 voxels)``."""
    words = f"{stop.verdict}{'?' if stop.suggested else ''}"
    fixed = stop.verdict == "fixed" and stop.changed_voxels
    return f"{words} ({_voxels(stop.changed_voxels)})" if fixed else words


def place(spot: Hotspot) -> str:
    """Return RAS mm such as ``R 3.4 A 8.9 S −4.2``, or the voxel of a hotspot."""
    if spot.ras is None:
        return f"({', '.join(map(str, spot.voxel))})"
    # Adding 0 turns a rounded -0.0 into 0.0.
    rounded = (round(mm, 1) + 0.0 for mm in spot.ras)
    words = (f"{axis} {mm:.1f}" for axis, mm in zip("RAS", rounded, strict=True))
    return " ".join(words).replace("-", "−")


def swatches(*colors: Color | None) -> QIcon:
    """Return squares with a rim, one below the other; clear without a colour."""
    step = SWATCH_SIZE + 1
    pixmap, painter = _canvas(SWATCH_SIZE, step * len(colors))
    painter.setPen(QColor(128, 128, 128))
    for i, color in enumerate(colors):
        if color is not None:
            painter.setBrush(QColor(*color))
            painter.drawRect(0, step * i, SWATCH_SIZE - 1, SWATCH_SIZE - 1)
    return _icon(pixmap, painter)


def dot(verdict: Verdict, hollow: bool) -> QIcon:
    """Return the dot of a verdict, hollow if nobody has decided so.

    A grey line around it tells white from a white list.
    """
    pixmap, painter = _canvas(DOT_SIZE, DOT_SIZE)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    color, nothing = QColor(*VERDICTS[verdict].rgb), QColor(0, 0, 0, 0)
    painter.setPen(QPen(color, 2))
    painter.setBrush(nothing if hollow else color)
    painter.drawEllipse(2, 2, DOT_SIZE - 4, DOT_SIZE - 4)
    painter.setPen(QPen(QColor(128, 128, 128), 1))
    painter.setBrush(nothing)
    painter.drawEllipse(1, 1, DOT_SIZE - 2, DOT_SIZE - 2)
    return _icon(pixmap, painter)


def _canvas(width: int, height: int) -> tuple[QPixmap, QPainter]:
    pixmap = QPixmap(width, height)
    pixmap.fill(QColor(0, 0, 0, 0))
    return pixmap, QPainter(pixmap)


def _icon(pixmap: QPixmap, painter: QPainter) -> QIcon:
    painter.end()
    icon = QIcon()
    # In a selected row, Qt would tint it.
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected):
        icon.addPixmap(pixmap, mode)
    return icon


def _voxels(count: int) -> str:
    return "1 voxel" if count == 1 else f"{count:,} voxels"


# Filter and order of the table of stops.

ALL_STOPS, ALL_CLASSES = "All hotspots", "All classes"
# Letters that a box has room for at least; more in a wider window.
_LEAST_LETTERS = 6


class StopFilter(QSortFilterProxyModel):
    """The stops that match a status, a class and words, in the order of a column.

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
        # Kept stops by rank, as they were at that moment.
        self._kept: dict[int, Stop] = {}
        model.modelAboutToBeReset.connect(self._forget)
        self.setSourceModel(model)

    def show_only(self, status: Verdict | None, label: int | None, text: str) -> None:
        """Show only stops for which all of this holds.

        Parameters
        ----------
        status : Verdict or None
            The verdict; None for all.
        label : int or None
            One of the two classes; None for all.
        text : str
            Words, each of which is in classes, status or note, in upper or lower case.
        """
        self._status, self._label, self._words = status, label, text.casefold().split()
        # Stops that do not match the new filter are kept no longer.
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
        """Return the rank of the stop of a cell of this model; None for no cell."""
        row = self.mapToSource(index).row()
        return self._model.stops[row].rank if row >= 0 else None

    def index_of(self, rank: int | None, column: int = 0) -> QModelIndex:
        """Return a cell of a stop in this model; an invalid one if it is hidden."""
        row = self.source_row(rank)
        if row is None:
            return QModelIndex()
        return self.mapFromSource(self._model.index(row, column))

    def is_shown(self, rank: int | None) -> bool:
        """Return whether a stop is among those that are shown."""
        return bool(self.index_of(rank).isValid())

    def source_row(self, rank: int | None) -> int | None:
        """Return the row of a stop among all stops; None for an unknown rank."""
        rows = (i for i, stop in enumerate(self._model.stops) if stop.rank == rank)
        return next(rows, None)

    def following(self, rank: int | None, step: int) -> int | None:
        """Return the rank of the stop some rows below another, or above (step < 0).

        Only rows that are shown count. The other stop may be hidden, and None stands
        above the first row. Returns None if there are not as many rows.
        """
        above, below = self._around(rank)
        ahead = below if step > 0 else above[::-1]
        return ahead[abs(step) - 1] if 0 < abs(step) <= len(ahead) else None

    def next_open(self, rank: int | None) -> int | None:
        """Return the rank of the next open stop below another, or from the top."""
        above, below = self._around(rank)
        verdicts = {stop.rank: stop.verdict for stop in self._model.stops}
        return next((r for r in (*below, *above) if verdicts[r] == "open"), None)

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> Any:
        """Return a title; the one it is sorted by has an arrow that hides no text."""
        value = super().headerData(section, orientation, role)
        if role == Qt.ItemDataRole.DisplayRole and section == self.sortColumn():
            title, *unit = str(value).split("\n")
            return "\n".join([f"{title} {SIGNS[self.sortOrder()]}", *unit])
        return value

    def sort(
        self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder
    ) -> None:
        """Sort by the present content of a column."""
        if (column, order) != (self.sortColumn(), self.sortOrder()):
            self._refresh_kept()
        super().sort(column, order)

    def filterAcceptsRow(self, source_row: int, source_parent: QModelIndex) -> bool:
        """Return whether a stop is kept or matches the filter."""
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
        """Return the sort key of a cell, to be compared with others of its column."""
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
        """Return the ranks shown above and below a stop, which itself may be hidden."""
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
            # A narrow box cuts long names, its list does not.
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
        """Verdict, label and words, the arguments of :meth:`StopFilter.show_only`."""
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
