"""Saving the map, a picture of the view, and the surfaces."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info
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

from ...errors import InputError
from ..paragraph import keep_whole
from ..viewer.framing import picture
from ..work import Job
from ..writer import SAVE_TIP, save_map
from .following import NO_MAP
from .saving import as_png, files_for, iter_save_surfaces, save_picture
from .stage import MapViews

PICTURE_SIZE = (1600, 1200)

# Width in pixels of the two buttons of a number.
_BUTTONS = 60


class MapSavingTab(QWidget):
    """Buttons that save what is shown.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        What is pictured.
    views : MapViews
        Whose surfaces are saved.
    chosen_map : callable
        Gives the map that is inspected; None where there is none.
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
                on_result=_tell_written,
                on_refused=show_error,
            )
        ]

    def _ask(self, title: str, name: str, filters: str) -> Path | None:
        path, _ = QFileDialog.getSaveFileName(self, title, name, filters)
        return Path(path) if path else None

    def _may_replace(self, asked: Path, files: list[Path]) -> bool:
        """Ask about files that are there; the dialog has asked about one only."""
        there = [file.name for file in files if file != asked and file.exists()]
        if not there:
            return True
        answer = QMessageBox.question(
            self, "Save", f"There already: {', '.join(there)}. Replace?"
        )
        return bool(answer == QMessageBox.StandardButton.Yes)


def _tell_written(paths: list[Path]) -> None:
    show_info("Saved: " + ", ".join(map(str, paths)))


def _pixels(size: int) -> QSpinBox:
    box = QSpinBox()
    box.setRange(100, 10_000)
    box.setValue(size)
    # napari's style has buttons at both sides, for which Qt leaves no room.
    digits = box.fontMetrics().horizontalAdvance("00000")
    box.setMinimumWidth(digits + _BUTTONS)
    return box
