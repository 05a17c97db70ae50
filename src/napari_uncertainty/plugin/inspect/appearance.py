"""The look of a map: its colours, range, threshold and transparency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.utils.colormaps import AVAILABLE_COLORMAPS, Colormap, ensure_colormap
from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent, QPalette
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QLabel,
    QSizePolicy,
    QToolTip,
    QWidget,
)
from superqt import QLabeledDoubleRangeSlider, QLabeledDoubleSlider

from ...analysis.colors import MODULATIONS, OPAQUE_FROM
from ...text import share
from ..viewer.layers import base_name, faded, transparent_where_certain
from ..viewer.widgets import keep_whole
from .class_shades import Legend
from .plots import seen_through

#: Most classes in the legend; of all others, it gives the number.
MOST_ROWS = 14

#: Share of the legend's width for names.
NAME_WIDTH = 0.42

# Pixels between rows, and between names and colours.
ROW_GAP, COLUMN_GAP = 3, 6

# Lines with the ends of the colours, below the rows.
_LINES_BELOW = 2

#: Values at the two ends of the colours.
Limits = tuple[float, float]

#: Colormaps to choose from. Their lightness is even from one end to the other, so that
#: people who cannot tell red from green can read them; turbo and gray are offered for
#: comparison with other programs.
COLORMAPS = ("inferno", "magma", "plasma", "viridis", "turbo", "gray")

#: The choice in which outlines show the classes, and the map shows the uncertainty.
OUTLINES = "Outlines"

# Additions to the name of a colormap.
_ABOVE, _GLOW, _SURFACE = " (above threshold)", " (glow)", " (surface)"

#: Addition to the name of the colormap of a map in a panel of its own.
PANEL = " (panel)"

#: Share of the lines of sight, along an axis, that are below the last colour of a glow.
BRIGHTEST = 0.997

# Colour of surfaces where the map is not above the threshold.
_BELOW = (0.45, 0.45, 0.45, 1.0)


# The look of a map, and the controls for it.


@dataclass(frozen=True)
class Appearance:
    """Look of a map and its surfaces.

    Attributes
    ----------
    colormap : str
        Name of one of napari's colormaps.
    threshold : float
        Threshold in the unit of the map; voxels above it are counted, and all others
        may be hidden.
    hide : bool
        Whether those that are not above it are hidden.
    fade : bool
        Whether the map fades in where it begins to show, or is opaque at once.
    limits : (float, float)
        The values at the two ends of the colours.
    """

    colormap: str
    threshold: float
    hide: bool
    fade: bool
    limits: Limits

    def share(self, value: float) -> float:
        """Return the position of a value between the limits, 0 to 1."""
        low, high = self.limits
        return float(np.clip((value - low) / (high - low), 0, 1))

    def of_map(self) -> Colormap:
        """Return the colours of a map, transparent where it is to be hidden."""
        if not self.hide:
            return (
                transparent_where_certain(self.colormap)
                if self.fade
                else ensure_colormap(self.colormap)
            )
        hidden = self.share(self.threshold)
        opaque = max(hidden, OPAQUE_FROM) if self.fade else hidden
        above = faded(self.colormap, hidden, opaque)
        above.name = f"{self.colormap}{_ABOVE}"
        return above

    def glow(self, values: Any, undecided: float) -> dict[str, Any]:
        """Return attributes of a map that glows in 3D.

        It shows its mean along each line of sight, since the largest value would be
        that of some boundary nearly everywhere, and one flat colour where a network is
        uncertain in a whole region. The brightest lines of sight have the last colour.
        If only voxels above the threshold are shown, the largest value is taken.

        Parameters
        ----------
        values : ndarray, 3D
            The map.
        undecided : float
            The value where two classes are equally likely.
        """
        share = max(self.share(max(undecided, self.threshold)), 0.0)
        look: dict[str, Any] = {
            "rendering": "mip",
            "contrast_limits": self.limits,
            "colormap": faded(self.colormap, share if share < 1 else 0.5, 1.0),
        }
        if not self.hide:
            look = {
                "rendering": "average",
                "contrast_limits": (0.0, _brightest(values) or self.limits[1]),
                "colormap": faded(self.colormap, 0.0, OPAQUE_FROM),
            }
        look["colormap"].name = f"{self.colormap}{_GLOW}"
        return look

    def put_on(self, layer: Any) -> None:
        """Give a map this look, where it differs."""
        if tuple(layer.contrast_limits) != self.limits:
            layer.contrast_limits = self.limits
        put_colormap(layer, self.of_map())

    def of_surface(self, limits: Limits) -> Colormap:
        """Return colours of an opaque surface, grey up to a threshold that hides."""
        share = np.linspace(0, 1, 1024)
        colors = ensure_colormap(self.colormap).map(share)
        values = limits[0] + share * (limits[1] - limits[0])
        if self.hide:
            colors[values <= self.threshold] = _BELOW
        return Colormap(colors, name=f"{self.colormap}{_SURFACE}")


class AppearanceControls(QWidget):
    """Colours, range, threshold and transparency of the inspected map."""

    changed = Signal()
    #: Emitted with the way in which colours of classes show the uncertainty, one of
    #: `MODULATIONS`, or with an empty text for outlines.
    modulation_chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._highest = 1.0
        # The choices for each map, by the id of its layer, and the id of the current
        # map.
        self._chosen: dict[Any, tuple[Any, ...]] = {}
        self._of: Any = None
        self.colormap = QComboBox()
        self.colormap.addItems(COLORMAPS)
        self.threshold = QLabeledDoubleSlider()
        self.threshold.setDecimals(2)
        self.hide_below = QCheckBox("Hide what is not above it")
        self.left = QLabel()
        keep_whole(self.left)
        self.fade = QCheckBox("Transparent where the model is certain")
        self.range = QComboBox()
        self.range.addItems(["Whole range of the measure", "Percentiles"])
        self.range.setToolTip(
            "With the whole range of the measure, colours mean the same in all cases."
        )
        self.percentiles = QLabeledDoubleRangeSlider()
        self.percentiles.setRange(0, 100)
        self.percentiles.setDecimals(1)
        self.percentiles.setValue((2, 99.8))
        self.percentiles.setEnabled(False)
        # Without it the numbers hide each other where the handles meet.
        self.percentiles.setToolTip("Of the foreground's voxels, in percent.")
        self.classes = QComboBox()
        self.classes.addItem(OUTLINES, "")
        for name in MODULATIONS:
            self.classes.addItem(name, name)
        self.classes.setToolTip(
            "Outlines leave the colours to the map; else the colours of the classes "
            "tell the uncertainty themselves, and the map is hidden."
        )
        self.legend = ModulationLegend()
        self.why_not = QLabel()
        keep_whole(self.why_not)
        self.show_legend(None)
        layout = QFormLayout(self)
        layout.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapAllRows)
        layout.addRow("Colormap", self.colormap)
        layout.addRow("Threshold", self.threshold)
        layout.addRow(self.left)
        layout.addRow(self.hide_below)
        layout.addRow(self.fade)
        layout.addRow("Range of the colours", self.range)
        layout.addRow("From and to percentile", self.percentiles)
        layout.addRow("Classes", self.classes)
        layout.addRow(self.legend)
        layout.addRow(self.why_not)
        self.colormap.currentTextChanged.connect(self._emit_change)
        self.threshold.valueChanged.connect(self._emit_change)
        self.hide_below.toggled.connect(self._emit_change)
        self.fade.toggled.connect(self._emit_change)
        self.range.currentIndexChanged.connect(self._choose_range)
        self.percentiles.valueChanged.connect(self._emit_change)
        self.classes.currentIndexChanged.connect(self._choose_modulation)

    def take_over(self, layer: Any, highest: float) -> None:
        """Set the controls to the look of a map, and to its threshold before.

        A map keeps its colours when another one is inspected, and when the widget is
        closed.
        """
        self.blockSignals(True)
        self._highest, self._of = highest, layer.unique_id
        self.threshold.setRange(0, highest)
        self.take_colormap(layer.colormap)
        threshold, hide, fade, which, percentiles = self._chosen.get(
            self._of, (*_seen(layer, highest), self.percentiles.value())
        )
        self.threshold.setValue(threshold)
        self.hide_below.setChecked(hide)
        self.fade.setChecked(fade)
        self.range.setCurrentIndex(which)
        self.percentiles.setValue(percentiles)
        self.blockSignals(False)

    def take_colormap(self, colormap: Colormap) -> None:
        """Choose the colormap that the map has, even if it is not offered."""
        name = base_name(colormap)
        if self.colormap.findText(name) < 0:
            self.colormap.addItem(name)
        self.colormap.setCurrentText(name)

    def choose_outlines(self) -> None:
        """Choose outlines, which leave the colours to the map."""
        self.classes.setCurrentIndex(0)

    def show_legend(self, legend: Any) -> None:
        """Explain the colours of classes; show no legend for None."""
        self.legend.show_legend(legend)
        self.show_reason("")

    def show_reason(self, reason: str) -> None:
        """Give the reason why colours of classes cannot show the uncertainty."""
        self.why_not.setText(reason)
        self.why_not.setVisible(bool(reason))

    def rescale(self, highest: float) -> None:
        """Follow a map into another unit; the threshold keeps its share."""
        if highest == self._highest:
            return
        share = self.threshold.value() / self._highest
        self.blockSignals(True)
        self._highest = highest
        self.threshold.setRange(0, highest)
        self.threshold.setValue(share * highest)
        self.blockSignals(False)

    def appearance(self, percentiles: Any = None) -> Appearance:
        """Return the look that is chosen.

        Parameters
        ----------
        percentiles : callable or None
            Returns values of the map at shares (0 to 1) of its voxels; None without.
        """
        limits = (0.0, self._highest)
        if self.range.currentIndex() == 1 and percentiles is not None:
            limits = limits_at(percentiles, self.percentile_shares, limits)
        return Appearance(
            self.colormap.currentText(),
            float(self.threshold.value()),
            self.hide_below.isChecked(),
            self.fade.isChecked(),
            limits,
        )

    def show_shares(self, foreground: float, whole: float, unit: str) -> None:
        """Write which shares of the voxels are above the threshold."""
        above = f"{self.threshold.value():.2f} {unit}".rstrip()
        of_foreground = f"{share(foreground)} of the foreground's voxels and "
        if np.isnan(foreground):  # there is none
            of_foreground = ""
        self.left.setText(f"{of_foreground}{share(whole)} of all are above {above}.")

    @property
    def percentile_shares(self) -> tuple[float, float] | None:
        """Ends of the colours as shares of voxels; None for the whole range."""
        if self.range.currentIndex() == 0:
            return None
        low, high = self.percentiles.value()
        return low / 100, high / 100

    def _choose_range(self, index: int) -> None:
        self.percentiles.setEnabled(index == 1)
        self._emit_change()

    def _choose_modulation(self, _index: int) -> None:
        self.modulation_chosen.emit(self.classes.currentData())

    def _emit_change(self, *_: Any) -> None:
        if self.signalsBlocked():
            return
        self._chosen[self._of] = (
            self.threshold.value(),
            self.hide_below.isChecked(),
            self.fade.isChecked(),
            self.range.currentIndex(),
            self.percentiles.value(),
        )
        self.changed.emit()


def _seen(layer: Any, highest: float) -> tuple[float, bool, bool, int]:
    """Return threshold, whether it hides, whether the map fades, and the range."""
    alpha, limits = layer.colormap.colors[:, 3], layer.contrast_limits
    hidden = int(np.argmax(alpha > 0))
    fades = bool(((alpha > 0) & (alpha < 1)).any())
    which = 0 if np.allclose(limits, (0, highest)) else 1
    if hidden > 1:
        share = (hidden - 1) / (len(alpha) - 1)
        return limits[0] + share * (limits[1] - limits[0]), True, fades, which
    # Half of the measure's largest value, as on the command line.
    return highest / 2, False, fades, which


def _brightest(values: Any) -> float:
    """Return a mean along lines of sight, along the axes, that few of them exceed."""
    means = [np.asarray(values).mean(axis=axis) for axis in range(3)]
    return float(max(np.quantile(mean, BRIGHTEST) for mean in means))


def put_colormap(layer: Any, colormap: Colormap) -> None:
    """Give a layer these colours, if it has others."""
    if not np.array_equal(layer.colormap.colors, colormap.colors):
        layer.colormap = instead(colormap)


def instead(colormap: Colormap) -> Colormap:
    """Return a colormap, and have napari forget the one that had its name before.

    napari keeps every colormap that a layer ever had, and would offer each step of a
    slider under a name of its own.
    """
    if colormap.name.endswith((_ABOVE, _GLOW, _SURFACE, PANEL)):
        AVAILABLE_COLORMAPS.pop(colormap.name, None)
    return colormap


def limits_at(
    quantiles: Any, shares: tuple[float, float] | None, whole: Limits
) -> Limits:
    """Return the values at shares of voxels or vertices; `whole` if they are equal."""
    if shares is None:
        return whole
    low, high = (float(value) for value in quantiles(shares))
    return (low, high) if np.isfinite([low, high]).all() and high > low else whole


# The legend of colours of classes that show the uncertainty.


class ModulationLegend(QWidget):
    """Rows of classes: the name, and the colours from certain to uncertain.

    The values at both ends and their unit stand below. A transparent shade is drawn on
    the colour of the window.
    """

    def __init__(self) -> None:
        super().__init__()
        self._legend: Legend | None = None
        self._rows: list[tuple[str, Any]] = []
        self._more = 0
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def names(self) -> list[str]:
        """Names of the rows, from top to bottom."""
        return [name for name, _ in self._rows]

    def show_legend(self, legend: Legend | None) -> None:
        """Show a legend; nothing for None."""
        self._legend, self._rows, self._more = legend, [], 0
        if legend is not None:
            self._rows = [
                (name, legend.shades[label])
                for label, name in sorted(legend.names.items())
            ]
            if len(self._rows) > MOST_ROWS:
                self._more = len(self._rows) - MOST_ROWS + 1
                del self._rows[MOST_ROWS - 1 :]
        self.setVisible(legend is not None)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Return a size for all rows, and the values below them."""
        rows = len(self._rows) + bool(self._more) + _LINES_BELOW
        return QSize(1, rows * self._row_height())

    def event(self, event: QEvent | None) -> bool:
        """Show the full name of the row below the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            row = event.pos().y() // self._row_height()
            name = self.names[row] if 0 <= row < len(self._rows) else ""
            QToolTip.showText(event.globalPos(), name, self)
            return True
        return bool(super().event(event))

    def colors_box(self, row: int) -> QRectF:
        """Return the box with the colours of a row, in pixels."""
        left = int(self.width() * NAME_WIDTH) + COLUMN_GAP
        top, height = row * self._row_height(), self._row_height() - ROW_GAP
        return QRectF(left, top, self.width() - left - 1, height)

    def paintEvent(self, _event: QPaintEvent | None) -> None:
        """Paint all rows."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        for row, (name, shades) in enumerate(self._rows):
            self._write_name(painter, row, name)
            self._paint_colors(painter, row, shades)
        row = len(self._rows)
        if self._more:
            self._write_name(painter, row, f"and {self._more} more")
            row += 1
        self._write_ends(painter, row)
        painter.end()

    def _write_name(self, painter: QPainter, row: int, name: str) -> None:
        box = QRectF(0, row * self._row_height(), int(self.width() * NAME_WIDTH),
                     self._row_height() - ROW_GAP)  # fmt: skip
        name = self.fontMetrics().elidedText(
            name, Qt.TextElideMode.ElideMiddle, int(box.width())
        )
        painter.drawText(box, Qt.AlignmentFlag.AlignVCenter, name)

    def _paint_colors(self, painter: QPainter, row: int, shades: Any) -> None:
        box, text = self.colors_box(row), painter.pen().color()
        edges = np.rint(np.linspace(box.left(), box.right(), len(shades) + 1))
        for left, right, shade in zip(edges[:-1], edges[1:], shades, strict=True):
            cell = QRectF(left, box.top(), right - left, box.height())
            painter.fillRect(cell, QColor.fromRgbF(*(float(part) for part in shade)))
        # The frame is for colours that are those of the window.
        painter.setPen(seen_through(text, 0.5))
        painter.drawRect(box.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.setPen(text)

    def _write_ends(self, painter: QPainter, row: int) -> None:
        """Write the meaning of both ends of the rows, and their values below it."""
        if self._legend is None:
            return
        low, high = map(_number, self._legend.limits)
        with_unit = f"{high} {self._legend.unit}".rstrip()
        for number, ends in enumerate([("certain", "uncertain"), (low, with_unit)]):
            box = self.colors_box(row + number)
            painter.drawText(box, Qt.AlignmentFlag.AlignLeft, ends[0])
            painter.drawText(box, Qt.AlignmentFlag.AlignRight, ends[1])

    def _row_height(self) -> int:
        return int(self.fontMetrics().height()) + ROW_GAP


def _number(value: float) -> str:
    """Return a number with two decimals or one digit, without zeros at the end."""
    if 0 < abs(value) < 0.005:
        return f"{value:.1g}"
    return f"{value:.2f}".rstrip("0").rstrip(".")
