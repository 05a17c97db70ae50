"""Histogram of the uncertainty, with the threshold as a line to drag."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from .plots import Plot

import pyqtgraph as pg  # isort: skip

# In pixels: decades need room for their numbers.
HISTOGRAM_HEIGHT = 170


@dataclass(frozen=True, eq=False)
class Curve:
    """Numbers of voxels in bins.

    Attributes
    ----------
    name : str
        Written in the legend.
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

    #: Where the user drags the threshold to. Not emitted by `set_threshold`.
    threshold_moved = pg.QtCore.Signal(float)

    def __init__(self) -> None:
        super().__init__()
        self._threshold = np.nan
        self._curves: list[Any] = []
        self.plot = Plot(left="Voxels")
        self.plot.setMinimumHeight(HISTOGRAM_HEIGHT)
        self.plot.getAxis("left").setLogMode(y=True)
        self.line = self.plot.add_line(Qt.PenStyle.DashLine, movable=True)
        self.line.sigDragged.connect(self._tell)
        # Above the plot, where it covers no curve.
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
        """Show these over an axis with this unit, instead of those before."""
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
            # Outside it could not be taken hold of again.
            self.line.setBounds((low, high))
            self.set_threshold(self._threshold)

    def set_threshold(self, value: float) -> None:
        """Draw the line here, or at the nearest end of the axis; NaN hides it."""
        self._threshold = value
        self.line.setVisible(bool(np.isfinite(value)))
        if np.isfinite(value):
            self.line.setValue(float(value))

    def _tell(self) -> None:
        self._threshold = float(self.line.value())
        self.threshold_moved.emit(self._threshold)


def _entry(curve: Curve) -> str:
    color = f"rgb({', '.join(map(str, curve.color))})"
    return f'<span style="color: {color}">▬</span>&nbsp;{escape(curve.name)}'


def _frame(curves: Sequence[Curve]) -> tuple[float, float]:
    """Below the smallest count, where zeros are drawn, and above the largest."""
    counts = np.concatenate(
        [np.asarray(curve.counts, float) for curve in curves] or [np.empty(0)]
    )
    counts = counts[counts > 0]
    if not counts.size:
        return 0.5, 10.0
    return float(counts.min()) / 2, float(counts.max()) * 1.5


def _steps(curve: Curve, floor: float) -> Any:
    # The logarithm of zero cannot be drawn, and the floor is the foot of the axis.
    heights = np.log10(np.maximum(curve.counts, floor))
    return pg.PlotCurveItem(
        np.asarray(curve.edges, float),
        heights,
        stepMode="center",
        pen=pg.mkPen(curve.color, width=1.5),
        antialias=True,
    )
