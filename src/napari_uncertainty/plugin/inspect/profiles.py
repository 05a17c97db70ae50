"""Uncertainty slice by slice, along the three axes of the body."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from .plots import Plot

import pyqtgraph as pg  # isort: skip

# Reads on dark and light; the line at the viewer's slice has the colour of text.
CURVE = "#4a90d9"

_PLOTS = 3
_NO_NUMBERS = np.empty(0)


@dataclass(frozen=True, eq=False)
class Profile:
    """A number for each slice along one axis.

    Attributes
    ----------
    title : str
        What the slices are called, such as "Axial slices".
    positions : numpy.ndarray
        Where the slices lie in mm, ascending or descending.
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

    The line moves by `set_marker` only: a click tells where the viewer is wanted, and
    the line follows when the viewer has gone there.
    """

    #: "mean" or "total", when the user chose the other.
    what_changed = pg.QtCore.Signal(str)

    #: Index of a plot, and the position in mm of the slice that was clicked on.
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
            # No closure, which would keep this widget when Qt has deleted it.
            plot.moved.connect(self.moved)
        self.choice.currentIndexChanged.connect(self._tell_what)
        self.set_profiles(())

    @property
    def what(self) -> str:
        """Return what the profiles are to be of each slice, "mean" or "total"."""
        return str(self.choice.currentData())

    @what.setter
    def what(self, what: str) -> None:
        self.choice.setCurrentIndex(self.choice.findData(what))

    def set_unit(self, text: str) -> None:
        """Write the unit of the values, once for all plots."""
        self.unit.setText(text)

    def set_profiles(self, profiles: Sequence[Profile]) -> None:
        """Show these, the first on top; nothing at all when there are none."""
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

    def _tell_what(self, _index: int) -> None:
        self.what_changed.emit(self.what)


class _ProfilePlot(Plot):
    """One profile, and the line at the viewer's slice."""

    moved = pg.QtCore.Signal(int, float)

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index
        self._positions = _NO_NUMBERS
        self._told: float | None = None
        self.curve = pg.PlotCurveItem(
            pen=pg.mkPen(CURVE, width=1.5), connect="finite", antialias=True
        )
        # A line needs two neighbours; this shows slices that have none.
        self.dots = pg.ScatterPlotItem(size=4, pen=None, brush=CURVE, antialias=True)
        self.addItem(self.curve)
        self.addItem(self.dots)
        self.marker = self.add_line()
        self.setToolTip("Click or drag to show this slice in the viewer")
        self.pointed.connect(self._tell)

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
        """Begin anew to tell slices."""
        self._told = None
        super().mousePressEvent(event)

    def _frame(self, finite: np.ndarray) -> None:
        if self._positions.size:
            low, high = self._positions[[0, -1]]
            # One slice alone has no extent.
            self.setXRange(low, high if high > low else low + 1, padding=0.02)
        bottom, top = min([0, *finite]), max([0, *finite])
        self.setYRange(bottom, top if top > bottom else bottom + 1, padding=0.05)

    def _tell(self, position: float) -> None:
        if not self._positions.size:
            return
        nearest = float(self._positions[np.abs(self._positions - position).argmin()])
        # Many moves of the pointer stay within one slice.
        if nearest != self._told:
            self._told = nearest
            self.moved.emit(self.index, nearest)


def _alone(values: np.ndarray) -> np.ndarray:
    there = np.concatenate([[False], np.isfinite(values), [False]])
    alone: np.ndarray = there[1:-1] & ~there[:-2] & ~there[2:]
    return alone
