"""Profiles of a map along the anatomical axes, and where the viewer is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ..viewer.lifetime import Listening
from .profiles import Profile, Profiles
from .subject import Findings, ShownMap

# Slices that are shown on both sides of the foreground.
MARGIN = 5

#: Of scan space's z, y, x: the slices across them, and both ends, upwards in RAS.
_AXES = (
    ("Axial slices", "Inferior", "Superior"),
    ("Coronal slices", "Posterior", "Anterior"),
    ("Sagittal slices", "Left", "Right"),
)


class SlicesTab(QWidget):
    """Mean or total of each slice, for the whole map or for the selected classes.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose slices are marked and moved.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._subject: ShownMap | None = None
        self._findings: Findings | None = None
        self._axes: list[int] = []  # of z, y, x, one for each plot
        self._which: tuple[Any, ...] = ()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.of = QLabel()
        self.profiles = Profiles()
        layout.addWidget(self.of)
        layout.addWidget(self.profiles, 1)
        self.profiles.what_changed.connect(self._show)
        self.profiles.moved.connect(self._move)
        self.listening = Listening()
        self.listening.to(viewer.dims.events.point, self._mark)

    def show_profiles(
        self, subject: ShownMap, findings: Findings, labels: Sequence[int]
    ) -> None:
        """Profiles of these classes, or of none for the whole map."""
        self._subject, self._findings = subject, findings
        self._which = tuple(labels)
        self._show()

    def clear(self) -> None:
        """Show nothing."""
        self._subject = self._findings = None
        self.of.clear()
        self.profiles.set_profiles([])

    def _show(self, *_: Any) -> None:
        subject, findings = self._subject, self._findings
        if subject is None or findings is None:
            return
        names = [subject.name_of(label) for label in self._which]
        self.of.setText(f"Of {', '.join(names) or 'all voxels'}")
        self.profiles.set_unit(subject.record.unit)
        self._axes = list(range(3 - len(findings.regions.shape), 3))
        self.profiles.set_profiles([self._profile(axis) for axis in self._axes])
        self._mark()

    def _profile(self, axis: int) -> Profile:
        assert self._subject is not None
        assert self._findings is not None
        regions, to_world = self._findings.regions, self._subject.to_world
        n = len(regions.shape)
        row = axis - (3 - n)
        # The voxel axis that runs along this one.
        along = int(np.argmax(np.abs(to_world[row, :n])))
        which: Sequence[Any] = self._which or ("whole",)
        totals = sum(regions.profile(along, one, "total") for one in which)
        values = np.asarray(totals, dtype=float)
        if self.profiles.what == "mean":
            counts = sum(regions.profile(along, one, "count") for one in which)
            with np.errstate(invalid="ignore"):
                values = np.where(np.asarray(counts) > 0, values / counts, np.nan)
        at = np.arange(regions.shape[along]) * to_world[row, along] + to_world[row, n]
        box = self._findings.box()
        if box is not None:  # beside the head there is nothing to see
            first, last = box[along]
            inside = slice(max(0, first - MARGIN), last + MARGIN + 1)
            at, values = at[inside], values[inside]
        title, *ends = _AXES[axis]
        if self._subject.axes is None:  # of no patient
            title, ends = f"Slices across axis {axis - 3 + n}", ["Last", "First"]
        return Profile(title, -at, values, *ends)

    def _mark(self, *_: Any) -> None:
        point = self._viewer.dims.point
        for place, axis in enumerate(self._axes):
            if len(point) >= 3 - axis:
                self.profiles.set_marker(place, -float(point[axis - 3]))

    def _move(self, place: int, position: float) -> None:
        axis = self._axes[place] - 3
        viewer = self._viewer
        viewer.dims.set_point(axis, -position)
        shown = [a - viewer.dims.ndim for a in viewer.dims.displayed]
        if axis in shown:  # no slice of this view: the middle of it goes there
            center = list(viewer.scene.camera.center)[-len(shown) :]
            center[shown.index(axis)] = -position
            viewer.scene.camera.center = tuple(center)
