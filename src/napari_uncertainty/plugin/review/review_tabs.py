"""Tabs and lines beside the table of a review: options, saving, progress."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtCore import QRectF, Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtGui import QColor, QPainter, QPalette
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ...analysis.hotspots import LARGEST_RADIUS, HotspotOptions
from ...errors import InputError
from ...io.endings import ending
from ..viewer.jobs import Job, cancel_all
from ..viewer.layers import review_preferences
from ..viewer.widgets import keep_whole
from .begin import ReviewChoices
from .controller import ReviewController
from .review_saving import report_steps, save_labels, save_list

# Options of a review: the search for places, and the folder of its file.

# Value of the radius by which voxels and image determine it.
_BY_IMAGE = 0.0

# Value of the separation by which it is the radius.
_AS_RADIUS = 0.0

_LABEL = Qt.ItemDataRole.UserRole

_LIST_HEIGHT = 130


class OptionsTab(QWidget):
    """Options of the search for hotspots, which the button starts."""

    asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        preferences = review_preferences()
        self.count = QSpinBox()
        self.count.setRange(1, 1000)
        self.count.setValue(preferences.count)
        self.radius = _millimetres(_BY_IMAGE, preferences.radius)
        self.radius.setSpecialValueText("as the image tells")
        self.radius.setToolTip(
            "3.75 mm in images of people, less where voxels and image are smaller."
        )
        self.separation = _millimetres(_AS_RADIUS, _AS_RADIUS)
        self.separation.setSpecialValueText("as the radius")
        self.separation.setToolTip("How far two centres are apart at least.")
        self.classes = QListWidget()
        self.classes.setMaximumHeight(_LIST_HEIGHT)
        self.classes.setToolTip("Hotspots are looked for in these, and near them.")
        self.interior = QCheckBox("Only inside classes, not at their boundaries")
        self.several = QCheckBox("Other networks for the same scan count, too")
        self.several.setToolTip(
            "Probabilities in the viewer whose file has the same name, such as those "
            "of nnU-Net's folds. Where networks disagree, errors are likely."
        )
        self.several.setChecked(True)
        self.advance = QCheckBox("After a verdict, go to the next open hotspot")
        self.button = QPushButton("Find hotspots")
        self.kept = QLabel()
        self.kept.setWordWrap(True)
        self.kept.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # A path has no spaces to break it at; it must not widen the window.
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.kept.setSizePolicy(policy)
        self._lay_out()
        self.button.clicked.connect(self.asked)

    def _lay_out(self) -> None:
        form = QFormLayout()
        form.addRow("Hotspots", self.count)
        form.addRow("Radius", self.radius)
        form.addRow("Apart", self.separation)
        form.addRow("Classes", self.classes)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        for widget in (self.interior, self.several, self.button):
            layout.addWidget(widget)
        layout.addSpacing(12)
        layout.addWidget(self.advance)
        layout.addSpacing(12)
        layout.addWidget(self.kept)
        layout.addStretch()

    @property
    def choices(self) -> ReviewChoices:
        """Choices of the person.

        Raises
        ------
        InputError
            If no class is chosen.
        """
        apart, radius = self.separation.value(), self.radius.value()
        prefer = review_preferences().folder
        return ReviewChoices(
            HotspotOptions(
                self.count.value(),
                radius if radius > _BY_IMAGE else None,
                apart if apart > _AS_RADIUS else None,
                self._chosen_classes(),
                self.interior.isChecked(),
            ),
            self.several.isChecked(),
            "user" if prefer == "in your data folder" else "beside",
        )

    def offer_classes(self, names: Mapping[int, str]) -> None:
        """Offer classes to choose from; the choice stays if they are the same."""
        foreground = {label: name for label, name in names.items() if label != 0}
        items = [self.classes.item(row) for row in range(self.classes.count())]
        if {item.data(_LABEL): item.text() for item in items if item} == foreground:
            return
        self.classes.clear()
        for label, name in foreground.items():
            item = QListWidgetItem(name)
            item.setData(_LABEL, label)
            item.setCheckState(Qt.CheckState.Checked)
            self.classes.addItem(item)

    def offers(self, names: Mapping[int, str]) -> bool:
        """Return whether there are classes, and all of them are offered."""
        items = [self.classes.item(row) for row in range(self.classes.count())]
        offered = {(item.data(_LABEL), item.text()) for item in items if item}
        foreground = {(label, name) for label, name in names.items() if label != 0}
        return bool(foreground) and foreground <= offered

    def forget_classes(self) -> None:
        """Offer no classes any more, so that all are chosen."""
        self.classes.clear()

    def show_kept(self, path: Any) -> None:
        """Show the file of the review; None without one."""
        text = "" if path is None else f"This review is kept in {path}"
        # A line may break after each folder.
        self.kept.setText(text.replace("/", "/\u200b").replace("\\", "\\\u200b"))

    def _chosen_classes(self) -> tuple[int, ...] | None:
        """Return the labels of the chosen classes; None where all are chosen."""
        items = [self.classes.item(row) for row in range(self.classes.count())]
        chosen = [
            item.data(_LABEL)
            for item in items
            if item is not None and item.checkState() == Qt.CheckState.Checked
        ]
        return None if len(chosen) == len(items) else tuple(chosen)


def _millimetres(least: float, value: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(4)  # a micron is less than a voxel of a microscope
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    box.setRange(least, LARGEST_RADIUS)
    box.setSuffix(" mm")
    box.setValue(value)
    return box


# Saving a review: the report, the list, the corrected segmentation.

NOTHING = "There is no review to save; compute a map first."


class ReviewSavingTab(QWidget):
    """Buttons that save the report, the list and the corrected segmentation.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that has the scan for the report.
    desk : ReviewController
        The controller of the review.
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
        """Cancel a report that is being written."""
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
            # The first ending of the kind of file that was chosen.
            path += re.findall(r"\*([.\w]+)", chosen)[0]
        return Path(path) if path else None


# The progress of a review as a thin bar and a sentence.

BAR_HEIGHT = 6

# Colour of the decided part. It is the one of bars of probabilities, and stands out in
# a dark and a light window.
DECIDED_COLOR = (60, 170, 90)

# Opacity of the text's colour in the part that was only seen, and in the rest.
_SEEN, _UNSEEN = 0.55, 0.15


class ProgressLine(QWidget):
    """A bar with the parts that were seen and decided, and a sentence below it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = SeenBar()
        self.label = QLabel()
        keep_whole(self.label)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.bar)
        layout.addWidget(self.label)
        self.show_progress(0, 0, 0, "")

    def show_progress(self, seen: int, decided: int, total: int, sentence: str) -> None:
        """Show how far the review is.

        Parameters
        ----------
        seen, decided, total : int
            Numbers of stops; without stops, there is no bar.
        sentence : str
            The sentence below the bar.
        """
        self.bar.set_shares(
            seen / total if total else 0.0, decided / total if total else 0.0
        )
        self.bar.setVisible(total > 0)
        self.setToolTip(f"{seen} of {total} seen, {decided} decided" if total else "")
        self.label.setText(sentence)
        self.label.setVisible(bool(sentence))


class SeenBar(QWidget):
    """A thin bar: decided, seen only, and the rest."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.seen = self.decided = 0.0
        self.setFixedHeight(BAR_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_shares(self, seen: float, decided: float) -> None:
        """Show other shares of all stops, 0 to 1."""
        self.seen, self.decided = seen, decided
        self.update()

    def paintEvent(self, _event: Any) -> None:
        """Paint the parts one over the other, the decided one on top."""
        painter = QPainter(self)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        parts = (
            (1.0, _faded(text, _UNSEEN)),
            (self.seen, _faded(text, _SEEN)),
            (self.decided, QColor(*DECIDED_COLOR)),
        )
        for share, color in parts:
            width = self.width() * min(max(share, 0.0), 1.0)
            painter.fillRect(QRectF(0, 0, width, self.height()), color)
        painter.end()


def _faded(color: QColor, opacity: float) -> QColor:
    faded = QColor(color)
    faded.setAlphaF(opacity)
    return faded
