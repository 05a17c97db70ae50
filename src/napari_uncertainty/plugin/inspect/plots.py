"""Plots of the dock: histograms and profiles, small and in the window's colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontInfo, QMouseEvent, QPalette, QWheelEvent
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

# After qtpy: pyqtgraph takes the Qt binding that is loaded already.
import pyqtgraph as pg  # isort: skip


# Size of text in a plot, as a share of that of the text around it.
TEXT_SIZE = 0.85

# Sizes in pixels. The left axis has a fixed width, so that plots below each other
# align.
LEFT_WIDTH = 44
LABELLED_LEFT_WIDTH = 52
BOTTOM_HEIGHT = 32
TITLE_HEIGHT = 16
HEIGHT = 120

# Margins in pixels: at the right for half of the last number, and below for letters
# that reach as low as a bracket.
_MARGINS = (0, 0, 12, 3)

# Pixels beside a line at which the pointer still takes hold of it.
GRIP = 5

# Opacity of axes, which are fainter than text.
_AXIS_ALPHA = 0.5

# Height in pixels, with room for the numbers of all decades.
HISTOGRAM_HEIGHT = 170

# Colour of profiles, which can be read on dark and on light. The line at the viewer's
# slice has the colour of text.
CURVE = "#4a90d9"

_PLOTS = 3
_NO_NUMBERS = np.empty(0)


# The look of all plots.


class Plot(pg.PlotWidget):  # type: ignore[misc]
    """A plot in the colours of the window around it.

    It neither zooms nor pans, for the wheel scrolls the dock.

    Parameters
    ----------
    left : str, optional
        Label of the vertical axis.
    """

    #: Emitted with the value on the horizontal axis that is pressed or dragged to.
    pointed = pg.QtCore.Signal(float)

    _built = False
    _held = False

    def __init__(self, left: str = "") -> None:
        super().__init__(axisItems={"left": _ValueAxis("left")})
        self._colors: tuple[QColor, QColor] | None = None
        self._title = ""
        self._labels = {"left": left, "bottom": ""}
        self._lines: list[Any] = []
        self.setMouseEnabled(False, False)
        self.setMenuEnabled(False)
        self.hideButtons()
        self.setAntialiasing(True)
        # Keys stay with the viewer after a click.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.disableAutoRange()
        self.scene().setClickRadius(GRIP)
        for axis in self._axes():
            axis.enableAutoSIPrefix(False)
            axis.setStyle(maxTickLevel=1, hideOverlappingLabels=_MARGINS[2])
        self.getAxis("left").setWidth(LABELLED_LEFT_WIDTH if left else LEFT_WIDTH)
        self.getAxis("bottom").setHeight(BOTTOM_HEIGHT)
        self.plotItem.layout.setContentsMargins(*_MARGINS)
        self.setMinimumHeight(HEIGHT)
        self._built = True
        self._follow()

    def sizeHint(self) -> QSize:
        """Return the least height to read it at; the layout may give more."""
        return QSize(200, HEIGHT)

    @property
    def foreground(self) -> QColor:
        """Colour of text."""
        assert self._colors is not None
        return self._colors[0]

    @property
    def background(self) -> QColor:
        """Colour behind everything."""
        assert self._colors is not None
        return self._colors[1]

    def set_title(self, title: str) -> None:
        """Write a title above the plot."""
        self._title = title
        self._write()

    def set_bottom_label(self, label: str) -> None:
        """Write a label below the horizontal axis."""
        self._labels["bottom"] = label
        self._write()

    def add_line(
        self, style: Qt.PenStyle = Qt.PenStyle.SolidLine, *, movable: bool = False
    ) -> Any:
        """Add a vertical line in the colour of text, which is hidden at first."""
        line = pg.InfiniteLine(angle=90, movable=movable)
        line.style = style
        line.setZValue(10)
        line.hide()
        self._lines.append(line)
        self.addItem(line, ignoreBounds=True)
        self._color()
        return line

    def changeEvent(self, event: QEvent) -> None:
        """Follow the window into another theme."""
        super().changeEvent(event)
        # There are events before the plot is built, and after it was closed.
        alive = self._built and self.plotItem is not None
        if alive and event.type() in (
            QEvent.Type.PaletteChange,
            QEvent.Type.StyleChange,
        ):
            self._follow()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Leave the wheel to the dock around the plot."""
        event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Emit where the left button was pressed inside the axes."""
        super().mousePressEvent(event)
        place = self.mapToScene(event.position().toPoint())
        inside = self.getViewBox().sceneBoundingRect().contains(place)
        self._held = inside and event.button() == Qt.MouseButton.LeftButton
        self._point(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Emit where the pointer is dragged to."""
        super().mouseMoveEvent(event)
        self._point(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Emit no more places."""
        super().mouseReleaseEvent(event)
        self._held = False

    def _point(self, event: QMouseEvent) -> None:
        if self._held:
            place = self.mapToScene(event.position().toPoint())
            self.pointed.emit(float(self.getViewBox().mapSceneToView(place).x()))

    def _axes(self) -> tuple[Any, Any]:
        return self.getAxis("left"), self.getAxis("bottom")

    def _text_size(self) -> float:
        # The font itself has no size in points if a style gives it in pixels.
        return TEXT_SIZE * float(QFontInfo(self.font()).pointSizeF())

    def _follow(self) -> None:
        palette = self.palette()
        colors = (
            palette.color(QPalette.ColorRole.WindowText),
            palette.color(QPalette.ColorRole.Window),
        )
        # A new theme emits several events.
        if colors == self._colors:
            return
        self._colors = colors
        self._color()
        self._write()

    def _color(self) -> None:
        self.setBackground(self.background)
        faint = seen_through(self.foreground, _AXIS_ALPHA)
        font = QFont(self.font())
        font.setPointSizeF(self._text_size())
        for axis in self._axes():
            axis.setPen(faint)
            axis.setTextPen(self.foreground)
            axis.setTickFont(font)
        for line in self._lines:
            line.setPen(self.foreground, width=1, style=line.style)
            line.setHoverPen(self.foreground, width=3, style=line.style)

    def _write(self) -> None:
        size, color = f"{self._text_size():.1f}pt", self.foreground.name()
        title = escape(self._title) or None
        self.setTitle(title, size=size, color=color)
        if title:
            # By default, the title would be twice as high.
            self.plotItem.titleLabel.setMaximumHeight(TITLE_HEIGHT)
            self.plotItem.layout.setRowFixedHeight(0, TITLE_HEIGHT)
        for side, label in self._labels.items():
            axis = self.getAxis(side)
            axis.setLabel(escape(label), **{"font-size": size, "color": color})
            axis.showLabel(bool(label))


class _ValueAxis(pg.AxisItem):  # type: ignore[misc]
    """An axis that writes 25k for 25000, to stay narrow."""

    def tickStrings(
        self, values: list[float], scale: float, spacing: float
    ) -> list[str]:
        largest = max(map(abs, self.range))
        if self.logMode or largest < 10_000:
            return list(super().tickStrings(values, scale, spacing))
        factor, prefix = pg.siScale(largest)
        return [f"{value * factor:g}{prefix if value else ''}" for value in values]


def seen_through(color: QColor, alpha: float) -> QColor:
    """Return the same colour, less opaque."""
    faint = QColor(color)
    faint.setAlphaF(alpha * color.alphaF())
    return faint


# The histogram of the uncertainty, with the threshold as a line to drag.


@dataclass(frozen=True, eq=False)
class Curve:
    """Numbers of voxels in bins.

    Attributes
    ----------
    name : str
        Name in the legend.
    edges : numpy.ndarray
        Edges of the bins, ascending, one more than there are bins.
    counts : numpy.ndarray
        Numbers of voxels, zeros included.
    color : tuple of int
        Red, green and blue, 0 to 255.
    """

    name: str
    edges: np.ndarray
    counts: np.ndarray
    color: tuple[int, int, int]


class Histogram(QWidget):
    """Histograms as steps over a logarithmic axis."""

    #: Emitted with the threshold when the user drags it, but not by `set_threshold`.
    threshold_moved = pg.QtCore.Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._threshold = np.nan
        self._curves: list[Any] = []
        self.plot = Plot(left="Voxels")
        self.plot.setMinimumHeight(HISTOGRAM_HEIGHT)
        self.plot.getAxis("left").setLogMode(y=True)
        self.line = self.plot.add_line(Qt.PenStyle.DashLine, movable=True)
        self.line.sigDragged.connect(self._emit_threshold)
        # The legend is above the plot, where it covers no curve.
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.legend.setSizePolicy(
            QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.legend)
        column.addWidget(self.plot, 1)

    def set_curves(self, curves: Sequence[Curve], unit: str) -> None:
        """Show these curves over an axis with this unit, instead of those before."""
        for item in self._curves:
            self.plot.removeItem(item)
        floor, top = _frame(curves)
        self._curves = [_steps(curve, floor) for curve in curves]
        for item in self._curves:
            self.plot.addItem(item)
        self.legend.setText(" &nbsp; ".join(map(_entry, curves)))
        self.plot.set_bottom_label(unit)
        self.plot.setYRange(np.log10(floor), np.log10(top), padding=0.03)
        if curves:
            low = min(float(curve.edges[0]) for curve in curves)
            high = max(float(curve.edges[-1]) for curve in curves)
            self.plot.setXRange(low, high, padding=0.02)
            # Outside of the axis, the line could not be taken hold of again.
            self.line.setBounds((low, high))
            self.set_threshold(self._threshold)

    def set_threshold(self, value: float) -> None:
        """Draw the line at a value, or at the nearest end of the axis; NaN hides it."""
        self._threshold = value
        self.line.setVisible(bool(np.isfinite(value)))
        if np.isfinite(value):
            self.line.setValue(float(value))

    def _emit_threshold(self) -> None:
        self._threshold = float(self.line.value())
        self.threshold_moved.emit(self._threshold)


def _entry(curve: Curve) -> str:
    color = f"rgb({', '.join(map(str, curve.color))})"
    return f'<span style="color: {color}">▬</span>&nbsp;{escape(curve.name)}'


def _frame(curves: Sequence[Curve]) -> tuple[float, float]:
    """Return ends of the axis, the lower one below all counts, for zeros."""
    counts = np.concatenate(
        [np.asarray(curve.counts, float) for curve in curves] or [np.empty(0)]
    )
    counts = counts[counts > 0]
    if not counts.size:
        return 0.5, 10.0
    return float(counts.min()) / 2, float(counts.max()) * 1.5


def _steps(curve: Curve, floor: float) -> Any:
    # Zero has no logarithm, so it is drawn at the floor, where the axis begins.
    heights = np.log10(np.maximum(curve.counts, floor))
    return pg.PlotCurveItem(
        np.asarray(curve.edges, float),
        heights,
        stepMode="center",
        pen=pg.mkPen(curve.color, width=1.5),
        antialias=True,
    )


# Profiles of the uncertainty, slice by slice along the three axes of the body.


@dataclass(frozen=True, eq=False)
class Profile:
    """A number for each slice along one axis.

    Attributes
    ----------
    title : str
        Name of the slices, such as "Axial slices".
    positions : numpy.ndarray
        Positions of the slices in mm, ascending or descending.
    values : numpy.ndarray
        One number for each slice; NaN where there is none.
    low_end, high_end : str
        Names of the ends with the smallest and the largest position.
    """

    title: str
    positions: np.ndarray
    values: np.ndarray
    low_end: str
    high_end: str


class Profiles(QWidget):
    """Up to three plots below each other, with a line at the viewer's slice.

    Only `set_marker` moves the line: a click is emitted, and the line follows when the
    viewer has gone there.
    """

    #: Emitted with "mean" or "total" when the user chooses it.
    what_changed = pg.QtCore.Signal(str)

    #: Emitted with the index of a plot, and the position in mm of the clicked slice.
    moved = pg.QtCore.Signal(int, float)

    def __init__(self) -> None:
        super().__init__()
        self.choice = QComboBox()
        self.choice.addItem("Mean", "mean")
        self.choice.addItem("Total", "total")
        self.choice.setToolTip("Average over the voxels of each slice, or their sum")
        self.unit = QLabel()
        self.header = QWidget()
        row = QHBoxLayout(self.header)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.choice)
        row.addWidget(self.unit, 1)
        self.plots = tuple(map(_ProfilePlot, range(_PLOTS)))
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.header)
        for plot in self.plots:
            column.addWidget(plot, 1)
            # A closure would keep this widget when Qt has deleted it.
            plot.moved.connect(self.moved)
        self.choice.currentIndexChanged.connect(self._emit_what)
        self.set_profiles(())

    @property
    def what(self) -> str:
        """Number of each slice that is chosen, "mean" or "total"."""
        return str(self.choice.currentData())

    @what.setter
    def what(self, what: str) -> None:
        self.choice.setCurrentIndex(self.choice.findData(what))

    def set_unit(self, text: str) -> None:
        """Write the unit of the values, once for all plots."""
        self.unit.setText(text)

    def set_profiles(self, profiles: Sequence[Profile]) -> None:
        """Show these profiles, the first on top; without any, show nothing at all."""
        if len(profiles) > len(self.plots):
            raise ValueError(f"{len(profiles)} profiles, but {len(self.plots)} plots")
        self.header.setVisible(bool(profiles))
        for index, plot in enumerate(self.plots):
            plot.setVisible(index < len(profiles))
            if index < len(profiles):
                plot.show_profile(profiles[index])

    def set_marker(self, index: int, position: float) -> None:
        """Draw the line of a plot at the position in mm that the viewer shows."""
        self.plots[index].mark(position)

    def _emit_what(self, _index: int) -> None:
        self.what_changed.emit(self.what)


class _ProfilePlot(Plot):
    """One profile, and the line at the viewer's slice."""

    moved = pg.QtCore.Signal(int, float)

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index
        self._positions = _NO_NUMBERS
        self._emitted: float | None = None
        self.curve = pg.PlotCurveItem(
            pen=pg.mkPen(CURVE, width=1.5), connect="finite", antialias=True
        )
        # A line needs neighbours; slices without any are shown as dots.
        self.dots = pg.ScatterPlotItem(size=4, pen=None, brush=CURVE, antialias=True)
        self.addItem(self.curve)
        self.addItem(self.dots)
        self.marker = self.add_line()
        self.setToolTip("Click or drag to show this slice in the viewer")
        self.pointed.connect(self._emit_slice)

    def show_profile(self, profile: Profile) -> None:
        """Draw one profile, its low end at the left."""
        order = np.argsort(profile.positions)
        positions = np.asarray(profile.positions, float)[order]
        values = np.asarray(profile.values, float)[order]
        self._positions = positions
        self.curve.setData(positions, values)
        alone = _alone(values)
        self.dots.setData(positions[alone], values[alone])
        self.set_title(profile.title)
        self.set_bottom_label(f"{profile.low_end} → {profile.high_end} (mm)")
        self._frame(values[np.isfinite(values)])

    def mark(self, position: float) -> None:
        """Move the line, or hide it where the position is not known."""
        if self.marker.isVisible() != np.isfinite(position):
            self.marker.setVisible(bool(np.isfinite(position)))
        if np.isfinite(position):
            self.marker.setValue(float(position))

    def mousePressEvent(self, event: Any) -> None:
        """Emit the pressed slice, even if it was the last one before."""
        self._emitted = None
        super().mousePressEvent(event)

    def _frame(self, finite: np.ndarray) -> None:
        if self._positions.size:
            low, high = self._positions[[0, -1]]
            # A single slice has no extent.
            self.setXRange(low, high if high > low else low + 1, padding=0.02)
        bottom, top = min([0, *finite]), max([0, *finite])
        self.setYRange(bottom, top if top > bottom else bottom + 1, padding=0.05)

    def _emit_slice(self, position: float) -> None:
        if not self._positions.size:
            return
        nearest = float(self._positions[np.abs(self._positions - position).argmin()])
        # A slice is emitted once, however often the pointer moves within it.
        if nearest != self._emitted:
            self._emitted = nearest
            self.moved.emit(self.index, nearest)


def _alone(values: np.ndarray) -> np.ndarray:
    """Return a mask of the values without a known neighbour."""
    known = np.concatenate([[False], np.isfinite(values), [False]])
    alone: np.ndarray = known[1:-1] & ~known[:-2] & ~known[2:]
    return alone
