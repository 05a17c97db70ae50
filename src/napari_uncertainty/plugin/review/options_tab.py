"""Options of a review: the places that it goes to, and the folder of its file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ...hotspots import HotspotOptions
from ...hotspots.wanted import LARGEST_RADIUS
from ..preferences import review_preferences
from .material import ReviewChoices

# Below one, voxels and image tell the radius.
_BY_IMAGE = 0.0

# Below one, a separation is the radius.
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
        """Return what is asked for.

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
        """Classes to choose from; what was chosen stays."""
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
        """Return whether all these classes can be chosen from, and there are any."""
        items = [self.classes.item(row) for row in range(self.classes.count())]
        offered = {(item.data(_LABEL), item.text()) for item in items if item}
        foreground = {(label, name) for label, name in names.items() if label != 0}
        return bool(foreground) and foreground <= offered

    def forget_classes(self) -> None:
        """Choose all, whichever there are."""
        self.classes.clear()

    def show_kept(self, path: Any) -> None:
        """Tell where the review is kept; None without one."""
        text = "" if path is None else f"This review is kept in {path}"
        # Let it break after each folder.
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
