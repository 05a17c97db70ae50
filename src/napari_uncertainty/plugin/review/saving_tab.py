"""Saving a review: the report, the list, the corrected segmentation."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from ...errors import InputError
from ...io.endings import ending
from ..paragraph import keep_whole
from ..work import Job, cancel_all
from .desk import ReviewController
from .saving import report_steps, save_labels, save_list

NOTHING = "There is no review to save; compute a map first."


class ReviewSavingTab(QWidget):
    """Buttons that save what was decided.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the scan for the report is.
    desk : ReviewController
        Whose review is saved.
    """

    def __init__(
        self, viewer: Any, desk: ReviewController, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._desk = viewer, desk
        self._jobs: list[Job[Path | None]] = []
        self.list_button = QPushButton("Save list…")
        self.labels_button = QPushButton("Save corrected segmentation…")
        self.report_button = QPushButton("Save report…")
        self.working = QProgressBar()
        self.working.setVisible(False)
        layout = QVBoxLayout(self)
        for button, text in (
            (self.report_button, "One HTML file for a colleague without napari: "
             "numbers, checks, and three planes through each hotspot."),
            (self.list_button,
             "Hotspots, verdicts and notes, as a table (.tsv) or as .json."),
            (self.labels_button,
             "With the header, affine and data type of the file it was read from."),
        ):  # fmt: skip
            about = QLabel(text)
            keep_whole(about)
            layout.addWidget(button)
            layout.addWidget(about)
        layout.addWidget(self.working)
        layout.addStretch()
        self.list_button.clicked.connect(self._save_list)
        self.labels_button.clicked.connect(self._save_labels)
        self.report_button.clicked.connect(self._save_report)

    def stop(self) -> None:
        """Write no further."""
        cancel_all(self._jobs)

    def _save_list(self) -> None:
        path = self._ask("Save list", "hotspots.tsv", "Table (*.tsv);;JSON (*.json)")
        if path is not None:
            self._save(lambda: save_list(path, self._desk))

    def _save_labels(self) -> None:
        if self._desk.session is not None and self._desk.edited is None:
            show_error(
                "No segmentation that can be changed here belongs to this review, so "
                "there is no corrected one to save."
            )
            return
        path = self._ask(
            "Save corrected segmentation", "corrected.nii.gz", "NIfTI (*.nii.gz *.nii)"
        )
        if path is not None:
            self._save(lambda: save_labels(path, self._desk, self._viewer))

    def _save(self, write: Any) -> None:
        try:
            show_info(write())
        except InputError as error:
            show_error(str(error))

    def _save_report(self) -> None:
        path = self._ask("Save report", "report.html", "HTML (*.html)")
        if path is None:
            return
        self.stop()
        try:
            steps = report_steps(path, self._desk, self._viewer)
        except InputError as error:
            show_error(str(error))
            return
        self.working.setVisible(True)
        self._jobs.append(
            Job(
                steps,
                on_progress=lambda share: self.working.setValue(round(100 * share)),
                on_end=self._report_ended,
                on_result=lambda written: show_info(f"The report is in {written}."),
                on_refused=show_error,
            )
        )

    def _report_ended(self) -> None:
        self._jobs.clear()
        self.working.setVisible(False)

    def _ask(self, title: str, suffix: str, filters: str) -> Path | None:
        opened = self._desk.opened
        if opened is None:
            show_error(NOTHING)
            return None
        material = opened.material
        folder = material.paths[0].parent if material.paths else Path()
        name = str(folder / f"{material.case}_{suffix}")
        path, chosen = QFileDialog.getSaveFileName(self, title, name, filters)
        if path and not ending(Path(path)) and "*" in chosen:
            # Of the kind of file that was chosen, the first ending.
            path += re.findall(r"\*([.\w]+)", chosen)[0]
        return Path(path) if path else None
