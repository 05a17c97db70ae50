"""The tabs of the dock for numbers, slices and saving, and the files they write."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QBuffer, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QImage
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ...analysis.class_statistics import ClassStatistics
from ...analysis.surfaces import Mesh
from ...errors import InputError
from ...io.surface_files import write_surface
from ...io.writing import write_whole
from ...text import number, share
from ..viewer.jobs import Job
from ..viewer.lifetime import Listening
from ..viewer.shown_map import NO_MAP, Color, Findings, ShownMap
from ..viewer.view_planes import picture
from ..viewer.widgets import keep_whole
from ..writer import SAVE_TIP, save_map
from .map_views import MapViews
from .plots import Curve, Histogram, Profile, Profiles

#: Bins of each histogram.
BINS = 64

# Colours of the curves of the whole map and of the foreground.
_WHOLE, _FOREGROUND = (150, 150, 150), (0, 160, 220)

# Slices that profiles show on both sides of the foreground.
MARGIN = 5

# Of scan space's z, y and x: the slices across them, and both ends, upwards in RAS.
_AXES = (
    ("Axial slices", "Inferior", "Superior"),
    ("Coronal slices", "Posterior", "Anterior"),
    ("Sagittal slices", "Left", "Right"),
)

Array = np.ndarray[Any, Any]

# Endings of files of surfaces.
_ENDINGS = (".surf.gii", ".gii", ".ply")

#: Width and height of a picture at first, in pixels.
PICTURE_SIZE = (1600, 1200)

# Width in pixels of the two buttons beside a number.
_BUTTONS = 60


# The tab with numbers of a map.


class NumbersTab(QWidget):
    """Histogram and summary of the whole map, the foreground and selected classes."""

    threshold_moved = Signal(float)

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.histogram = Histogram()
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        layout.addWidget(self.histogram, 1)
        layout.addWidget(self.summary)
        self.histogram.threshold_moved.connect(self.threshold_moved)

    def clear(self) -> None:
        """Show nothing."""
        self.histogram.set_curves([], "")
        self.summary.clear()

    def show_numbers(
        self,
        subject: ShownMap,
        statistics: ClassStatistics,
        chosen: Mapping[int, Color],
        threshold: float,
    ) -> None:
        """Show the numbers of a map, and of the chosen classes in their colours."""
        parts: list[tuple[str, Any, Color]] = [
            ("whole", "whole", _WHOLE),
            ("foreground", "foreground", _FOREGROUND),
        ]
        parts += [
            (subject.name_of(label), label, color) for label, color in chosen.items()
        ]
        span = (0.0, subject.record.highest)
        curves = []
        for name, which, color in parts:
            counts, edges = statistics.histogram(which, BINS, span)
            curves.append(Curve(name, edges, counts, color))
        self.histogram.set_curves(curves, subject.record.unit)
        self.histogram.set_threshold(threshold)
        rows = "".join(
            _row(name, statistics, which, threshold) for name, which, _ in parts
        )
        titles = "".join(
            f"<th align='right'>&nbsp;{title}</th>"
            for title in ("mean", "median", "95 %", "max", "above")
        )
        self.summary.setText(f"<table><tr><th></th>{titles}</tr>{rows}</table>")


def _row(name: str, statistics: ClassStatistics, which: Any, threshold: float) -> str:
    """Return a row of the summary in HTML."""
    median, high = statistics.quantiles(which, (0.5, 0.95))
    numbers = (statistics.mean(which), median, high, statistics.maximum(which))
    above = share(statistics.share_above(which, threshold)).replace(" ", "&nbsp;")
    cells = [*map(number, numbers), above]
    return (
        f"<tr><td>{name}</td>"
        + "".join(f"<td align='right'>&nbsp;{cell}</td>" for cell in cells)
        + "</tr>"
    )


# The tab with profiles of a map along the axes of the patient.


class SlicesTab(QWidget):
    """Mean or total of each slice, for the whole map or for the selected classes.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose slices are marked and moved.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._subject: ShownMap | None = None
        self._findings: Findings | None = None
        self._axes: list[int] = []  # the axis (of z, y, x) of each plot
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
        """Show the profiles of these classes, or without any those of the whole map."""
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
        self._axes = list(range(3 - len(findings.statistics.shape), 3))
        self.profiles.set_profiles([self._profile(axis) for axis in self._axes])
        self._mark()

    def _profile(self, axis: int) -> Profile:
        assert self._subject is not None
        assert self._findings is not None
        statistics, to_world = self._findings.statistics, self._subject.to_world
        n = len(statistics.shape)
        row = axis - (3 - n)
        # Axis of the voxels that runs along this one.
        along = int(np.argmax(np.abs(to_world[row, :n])))
        which: Sequence[Any] = self._which or ("whole",)
        totals = sum(statistics.profile(along, one, "total") for one in which)
        values = np.asarray(totals, dtype=float)
        if self.profiles.what == "mean":
            counts = sum(statistics.profile(along, one, "count") for one in which)
            with np.errstate(invalid="ignore"):
                values = np.where(np.asarray(counts) > 0, values / counts, np.nan)
        at = (
            np.arange(statistics.shape[along]) * to_world[row, along] + to_world[row, n]
        )
        box = self._findings.box()
        if box is not None:  # slices far from the foreground are left out
            first, last = box[along]
            inside = slice(max(0, first - MARGIN), last + MARGIN + 1)
            at, values = at[inside], values[inside]
        title, *ends = _AXES[axis]
        if self._subject.axes is None:  # the place in the patient is unknown
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
        if axis in shown:  # this view has no slice there, so its middle goes there
            center = list(viewer.scene.camera.center)[-len(shown) :]
            center[shown.index(axis)] = -position
            viewer.scene.camera.center = tuple(center)


# The tab that saves the map, a picture of the view, and the surfaces.


class MapSavingTab(QWidget):
    """Buttons that save the map, a picture of the view, and surfaces.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer of which pictures are saved.
    views : MapViews
        The views whose surfaces are saved.
    chosen_map : callable
        Returns the map that is inspected; None without one.
    """

    def __init__(
        self, viewer: Any, views: MapViews, chosen_map: Callable[[], Any]
    ) -> None:
        super().__init__()
        self._viewer, self._views, self._chosen_map = viewer, views, chosen_map
        self._jobs: list[Job[list[Path]]] = []
        self.width_box, self.height_box = (_pixels(size) for size in PICTURE_SIZE)
        self.map_button = QPushButton("Save map…")
        self.map_button.setToolTip(SAVE_TIP)
        self.picture_button = QPushButton("Save picture…")
        self.surface_button = QPushButton("Save surfaces…")
        size = QHBoxLayout()
        for part in (self.width_box, QLabel("×"), self.height_box, QLabel("pixels")):
            size.addWidget(part)
        size.addStretch()
        about = QLabel(
            "In RAS mm: GIFTI (.surf.gii) with the values for neuroimaging programs, "
            "PLY with colours and values for all others."
        )
        keep_whole(about)
        layout = QVBoxLayout(self)
        layout.addWidget(self.map_button)
        layout.addWidget(self.picture_button)
        layout.addLayout(size)
        layout.addWidget(self.surface_button)
        layout.addWidget(about)
        layout.addStretch()
        self.map_button.clicked.connect(self._save_map)
        self.picture_button.clicked.connect(self._save_picture)
        self.surface_button.clicked.connect(self._save_surfaces)

    def _save_map(self) -> None:
        layer = self._chosen_map()
        if layer is None:
            show_error(NO_MAP)
        else:
            save_map(layer, self)

    def _save_picture(self) -> None:
        path = self._ask("Save picture", "view.png", "PNG (*.png)")
        if path is None:
            return
        if not self._may_replace(path, [as_png(path)]):
            return
        size = self.width_box.value(), self.height_box.value()
        try:
            written = save_picture(path, picture(self._viewer, *size))
        except InputError as error:
            show_error(str(error))
            return
        show_info(f"The picture is in {written}.")

    def _save_surfaces(self) -> None:
        surfaces = self._views.shown_surfaces()
        if not surfaces:
            show_error(
                "No surface with a place in the patient is shown; click Surface first."
            )
            return
        path = self._ask(
            "Save surfaces", "surface.surf.gii", "GIFTI (*.surf.gii *.gii);;PLY (*.ply)"
        )
        if path is None or not self._may_replace(
            path, files_for(path, [name for name, _, _ in surfaces])
        ):
            return
        self._jobs[:] = [
            Job(
                partial(iter_save_surfaces, path, surfaces, *self._views.measured),
                on_result=_show_written,
                on_refused=show_error,
            )
        ]

    def _ask(self, title: str, name: str, filters: str) -> Path | None:
        path, _ = QFileDialog.getSaveFileName(self, title, name, filters)
        return Path(path) if path else None

    def _may_replace(self, asked: Path, files: list[Path]) -> bool:
        """Ask about existing files other than the one that the dialog asked about."""
        existing = [file.name for file in files if file != asked and file.exists()]
        if not existing:
            return True
        answer = QMessageBox.question(
            self, "Save", f"There already: {', '.join(existing)}. Replace?"
        )
        return bool(answer == QMessageBox.StandardButton.Yes)


def _show_written(paths: list[Path]) -> None:
    show_info("Saved: " + ", ".join(map(str, paths)))


def _pixels(size: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(100, 10_000)
    box.setValue(size)
    # In napari's style there are buttons on both sides, for which Qt leaves no room.
    digits = box.fontMetrics().horizontalAdvance("00000")
    box.setMinimumWidth(digits + _BUTTONS)
    return box


# Files of pictures and surfaces.


def save_picture(path: Path, shot: Array) -> Path:
    """Write a picture as PNG, and return its path with that ending.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    height, width, _ = shot.shape
    data: Any = np.ascontiguousarray(shot).data
    image = QImage(data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    png = QBuffer()
    png.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(png, "PNG")
    path = as_png(path)
    write_whole([(path, lambda file: file.write(png.data().data()))])
    return path


def as_png(path: Path) -> Path:
    """Return a path with the ending of PNG."""
    return path if path.name.lower().endswith(".png") else Path(f"{path}.png")


def iter_save_surfaces(
    path: Path,
    surfaces: Sequence[tuple[str, Mesh, Array]],
    measure: str,
    unit: str,
) -> Generator[float, None, list[Path]]:
    """Write surfaces, each into a file of its own if there are several.

    Parameters
    ----------
    path : Path
        Path with the ending of the format; for several see :func:`files_for`.
    surfaces : sequence of (str, Mesh, ndarray)
        Name, mesh in RAS mm, and colours of the vertices, shape (n, 4).
    measure, unit : str
        Title and unit of the values.

    Raises
    ------
    InputError
        If a file cannot be written, or its ending is of no format.
    """
    written: list[Path] = []
    files = files_for(path, [name for name, _, _ in surfaces])
    for done, (name, mesh, colors) in enumerate(surfaces):
        written += write_surface(
            files[done], mesh, name=name, measure=measure, unit=unit, colors=colors
        )
        yield (done + 1) / len(surfaces)
    return written


def files_for(path: Path, names: Sequence[str]) -> list[Path]:
    """Return the file of each surface: the path, or several paths with their names."""
    if len(names) == 1:
        return [path]
    ending = next((end for end in _ENDINGS if path.name.lower().endswith(end)), "")
    stem = path.name[: len(path.name) - len(ending)]
    ending = path.name[len(stem) :]
    taken: set[str] = set()
    files = []
    for name in names:
        plain = "".join(c if c.isalnum() else "-" for c in name)
        numbered = (
            plain,
            *(f"{plain}-{number}" for number in range(2, len(names) + 1)),
        )
        # Some file systems do not tell large letters from small ones.
        free = next(one for one in numbered if one.casefold() not in taken)
        taken.add(free.casefold())
        files.append(path.with_name(f"{stem}_{free}{ending}"))
    return files
