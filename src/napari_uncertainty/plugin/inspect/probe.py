"""Value and class probabilities of a map at a place, and the panel that shows them.

The panel changes at every move of the pointer. Its bars are painted directly, which
takes half the time of a plot, whose axis could neither shorten names nor show the full
ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import QLabel, QSizePolicy, QToolTip, QVBoxLayout, QWidget

from ...engine.dask_arrays import as_dask
from ...engine.logits import in_order_of_labels
from ...model.kinds import KINDS, divisor_of, probabilities_of
from ...text import ras_place, voxel_place
from ..viewer.class_axis import background_of, declared
from ..viewer.layer_roles import layers_made_from, opinions
from ..viewer.shown_map import Color, ShownMap
from ..viewer.widgets import ShortNames
from .plots import seen_through

# Most bars that are shown. Of many classes, all but a few are hardly probable.
LIMIT = 8

# Share of the width for names, whatever they are, so that bars do not jump.
NAME_WIDTH = 0.4

# Pixels between rows and between columns.
ROW_GAP = 4
COLUMN_GAP = 6

# Widest number that is shown.
_WIDEST = "<0.01"

Array = np.ndarray[Any, Any]

#: Text while nothing is pointed at.
HINT = "Point at the map to read it."

# Colour of classes without one of their own.
_GRAY = (128, 128, 128)


# The panel, with words and bars.


class ProbePanel(QWidget):
    """Place and value under the pointer, and the class probabilities there."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.text = QLabel(HINT)
        self.text.setWordWrap(True)
        self.text.setMinimumHeight(2 * self.text.fontMetrics().lineSpacing())
        self.bars = ProbabilityBars()
        layout.addWidget(self.text)
        layout.addWidget(self.bars)

    def clear(self) -> None:
        """Show a hint, because nothing is pointed at."""
        self.text.setText(HINT)
        self.bars.clear()

    def show_reading(
        self,
        reading: VoxelReading | None,
        subject: ShownMap,
        colors: Mapping[int, Color],
    ) -> None:
        """Show a reading; the hint for None, which is outside of the map."""
        if reading is None:
            self.clear()
            return
        self.text.setText(_words(reading, subject))
        if reading.probabilities is None:
            self.bars.clear()
            return
        order = np.argsort(-reading.probabilities, kind="stable")
        self.bars.set_bars(
            [
                Bar(
                    subject.name_of_class(int(index), len(order)),
                    float(reading.probabilities[index]),
                    colors.get(int(index), _GRAY),
                )
                for index in order
            ]
        )


def _words(reading: VoxelReading, subject: ShownMap) -> str:
    where = f"voxel {voxel_place(reading.voxel)}"
    if reading.ras is not None:
        where = f"{ras_place(reading.ras.tolist())} · {where}"
    name = subject.name_of(reading.label)
    if np.isnan(reading.value):
        return f"{where}\nno data"
    record = subject.record
    value = f"{record.about.title} {reading.value:.3f} {record.unit}".rstrip()
    return f"{where}\n{value} · {name}"


# Reading of a map at a place.


@dataclass(frozen=True, eq=False)
class VoxelReading:
    """Value, label and probabilities of one voxel.

    Attributes
    ----------
    ras : ndarray or None
        Place in RAS mm; None if it is unknown.
    voxel : tuple of int
        Voxel of the map, in the order of its file where it has one.
    value : float
        Value of the map; NaN where it has no data.
    label : int
        Label of the voxel.
    probabilities : ndarray or None
        Probability of each label, with a sum of 1 unless channels are independent; None
        if the probabilities are not open.
    """

    ras: Array | None
    voxel: tuple[int, ...]
    value: float
    label: int
    probabilities: Array | None


class Probe:
    """Reads places of one map.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer in which the probabilities may be open.
    subject : ShownMap
        The map.
    labels : ndarray
        Labels of its voxels.
    """

    def __init__(self, viewer: Any, subject: ShownMap, labels: Array) -> None:
        self._viewer, self._subject, self._labels = viewer, subject, labels
        # Data of the layers that the map was made from, and their values at its voxels.
        self._of: tuple[Sequence[Any], Sequence[Any]] = ((), ())

    def read(self, world: Array) -> VoxelReading | None:
        """Return the reading at a place in the viewer; None outside of the map."""
        subject = self._subject
        voxel = subject.voxel(world)
        if voxel is None:
            return None
        ras = subject.ras(world)
        no_data = subject.no_data is not None and bool(subject.no_data[voxel])
        return VoxelReading(
            ras,
            voxel,
            np.nan if no_data else float(subject.source.values[voxel]),
            int(self._labels[voxel]),
            None if no_data else self._probabilities(voxel),
        )

    def _probabilities(self, voxel: tuple[int, ...]) -> Array | None:
        """Return the probabilities of a voxel; of several members, their mean."""
        record = self._subject.record
        of_members = []
        for values, layer in self._values():
            here = np.asarray(values[(slice(None), *voxel)])
            one = by_label(
                here,
                record.kind,
                record.temperature,
                declared(layer)["region_order"],
                background_of(layer, len(here), record.interpretation),
            )
            if not np.isfinite(one).all() or not one.any():
                return None
            of_members.append(one)
        return np.mean(of_members, axis=0) if of_members else None

    def _values(self) -> Sequence[Any]:
        """Return arrays at the voxels of the map, each with its layer."""
        subject, layers = self._subject, self._viewer.layers
        made_from = layers_made_from(layers, subject.layer)
        data = [layer.data for layer in made_from]
        same = len(data) == len(self._of[0]) and all(
            one is other for one, other in zip(data, self._of[0], strict=True)
        )
        if not same:
            # Lazy arrays are not used, for chunks would have to be read at each move.
            held = (
                ()
                if any(as_dask(one) is not None for one in data)
                else opinions(layers, subject.layer, subject.source, subject.axes)
            )
            self._of = (
                data,
                [(values, layer) for layer, values in held],
            )
        return self._of[1]


def by_label(
    values: Array,
    kind: str,
    temperature: float,
    region_order: Sequence[int],
    background: int | None = 0,
) -> Array:
    """Return the probability of each label that one voxel may have.

    With independent channels, the background has the probability of none of them.

    Parameters
    ----------
    values : ndarray, shape (channels,)
        Values as they are stored.
    kind, temperature : str, float
        Kind and temperature with which the map was computed.
    region_order : sequence of int
        Labels that independent channels write; by default 1, 2, 3, …
    background : int or None
        Number of the class that is the background; None if no class is.
    """
    p = probabilities_of(kind, values, temperature, divisor_of(values.dtype))
    if KINDS[kind].applied(len(values)).sums_matter:
        return np.asarray(in_order_of_labels(p, background)[:])
    if not KINDS[kind].independent:
        return p
    labels = list(region_order or range(1, len(p) + 1))
    of_labels = np.zeros(max(labels) + 1)
    of_labels[0] = np.prod(1 - p)
    of_labels[labels] = p
    return of_labels


# Bars of probabilities.


@dataclass(frozen=True)
class Bar:
    """The probability of one class.

    Attributes
    ----------
    name : str
        Name of the class.
    probability : float
        Its probability, 0 to 1.
    color : tuple of int
        Red, green and blue, 0 to 255.
    """

    name: str
    probability: float
    color: tuple[int, int, int]


class ProbabilityBars(QWidget):
    """Bars below each other, with names at the left and numbers at the right.

    Parameters
    ----------
    limit : int
        Most bars that are shown; the height is always that of so many.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        super().__init__()
        self.limit = limit
        self._bars: tuple[Bar, ...] = ()
        self._names = ShortNames()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._fit()

    @property
    def bars(self) -> tuple[Bar, ...]:
        """Bars that are shown, from top to bottom."""
        return self._bars

    def set_bars(self, bars: Sequence[Bar]) -> None:
        """Show the first of these bars, which are sorted, most probable first."""
        names = {bar.name for bar in bars}
        if names != set(self._names.names):
            self._names = ShortNames(sorted(names))
        shown = tuple(bars[: self.limit])
        if shown != self._bars:
            self._bars = shown
            self.update()

    def clear(self) -> None:
        """Show no bars, at the same height."""
        self.set_bars(())

    def changeEvent(self, event: QEvent | None) -> None:
        """Keep the height right for the font."""
        super().changeEvent(event)
        if event and event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fit()

    def event(self, event: QEvent | None) -> bool:
        """Show the full name of the row below the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            QToolTip.showText(event.globalPos(), self.name_at(event.pos().y()), self)
            return True
        return bool(super().event(event))

    def name_at(self, y: int) -> str:
        """Return the name of the class at a height, in pixels from the top."""
        row = y // self._row_height()
        return self._bars[row].name if 0 <= row < len(self._bars) else ""

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint all rows."""
        painter = QPainter(self)
        for row, bar in enumerate(self._bars):
            self._paint_row(painter, row * self._row_height(), bar)
        painter.end()

    def _paint_row(self, painter: QPainter, top: int, bar: Bar) -> None:
        metrics = self.fontMetrics()
        text = self.palette().color(QPalette.ColorRole.WindowText)
        height = self._row_height()
        name_width = int(self.width() * NAME_WIDTH)
        number_width = metrics.horizontalAdvance(_WIDEST)
        left = name_width + COLUMN_GAP
        length = self.width() - left - COLUMN_GAP - number_width
        name = self._names.fit(bar.name, name_width, metrics)
        # The outline is sharp in the middle of pixels.
        place = QPointF(left + 0.5, top + ROW_GAP / 2 + 0.5)
        full = QRectF(place.x(), place.y(), max(length - 1, 0), height - ROW_GAP - 1)
        painter.fillRect(full, seen_through(text, 0.1))
        full.setWidth(full.width() * min(max(bar.probability, 0), 1))
        painter.fillRect(full, QColor(*bar.color))
        # The outline is for classes whose colour is that of the window.
        painter.setPen(seen_through(text, 0.5))
        painter.drawRect(full)
        painter.setPen(text)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(0, top, name_width, height), middle, name)
        painter.drawText(
            QRectF(self.width() - number_width, top, number_width, height),
            middle | Qt.AlignmentFlag.AlignRight,
            number(bar.probability),
        )

    def _row_height(self) -> int:
        return int(self.fontMetrics().height()) + ROW_GAP

    def _fit(self) -> None:
        self.setFixedHeight(self.limit * self._row_height())


def number(probability: float) -> str:
    """Return a probability with two decimals; only zero itself is written as 0.00."""
    return _WIDEST if 0 < probability < 0.005 else f"{probability:.2f}"
