"""The buttons for planes, side by side and 3D, and what belongs to each."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QComboBox,
    QGridLayout,
    QLabel,
    QPushButton,
    QWidget,
)
from superqt import QLabeledDoubleSlider

from ..viewer.four_views import FourViewsButton, leave_four_views
from ..viewer.lifetime import Listening, weakly
from .planes import PLANES, plane_of, plane_titles, show_plane

# Sliders count in RAS mm, and the world of the viewer runs the other way.
RAS = -1.0

PRESETS = ("Surface", "Glow", "Cut-away")

_TIPS = {
    "Surface": "The boundary of the selected classes, or of the whole foreground, "
    "coloured by the uncertainty just around it.",
    "Glow": "The mean uncertainty along each line of sight, before a faint scan.",
    "Cut-away": "A plane through scan, map and surface; Shift and drag moves it.",
    "3D": "A plane through all layers in 3D, as napari's own button shows them.",
    "Side by side": "Scan, segmentation and uncertainty next to each other.",
}


class ViewButtons(QWidget):
    """Buttons of the views, and the sliders of surfaces and cuts.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose planes are shown.
    """

    #: A preset is asked for, or "3D", or "" to go back to 2D.
    scene_asked = Signal(str)
    side_by_side_asked = Signal(bool)
    opacity_changed = Signal(float)
    #: Axis of z, y, x and place in the world.
    cut_moved = Signal(int, float)

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.buttons = {
            name: QPushButton(name)
            for name in (*PLANES, "3D", *PRESETS, "Side by side")
        }
        self._scene = ""
        self.opacity = _slider(0.05, 1.0, 1.0)
        self.cut_axis = QComboBox()
        self.cut_axis.addItems(list(PLANES))
        self.cut_place = _slider(0.0, 1.0, 0.5)
        self._corners: np.ndarray[Any, Any] | None = None
        self._lay_out()
        for name, button in self.buttons.items():
            button.setCheckable(True)
            button.setToolTip(_TIPS.get(name, ""))
            button.clicked.connect(weakly(self._clicked, name))
        self.opacity.valueChanged.connect(self.opacity_changed)
        self.cut_axis.currentIndexChanged.connect(self.cut_here)
        self.cut_place.valueChanged.connect(self._tell_cut)
        self.listening = Listening()
        for event in (viewer.dims.events.order, viewer.dims.events.ndisplay):
            self.listening.to(event, self.update_buttons)
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed):
            self.listening.to(event, self.name_planes)
        self.name_planes()
        self.show_scene("")

    def _lay_out(self) -> None:
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for column, name in enumerate((*PLANES, "3D")):
            layout.addWidget(self.buttons[name], 0, column)
        for column, name in enumerate(PRESETS):
            layout.addWidget(self.buttons[name], 1, column)
        layout.addWidget(self.buttons["Side by side"], 1, 3)
        self.four_views = FourViewsButton(self._viewer)
        layout.addWidget(self.four_views, 2, 0, 1, 4)
        for column in range(4):
            layout.setColumnStretch(column, 1)
        self._opacity_label = QLabel("Opacity")
        layout.addWidget(self._opacity_label, 3, 0)
        layout.addWidget(self.opacity, 3, 1, 1, 3)
        layout.addWidget(self.cut_axis, 4, 0)
        layout.addWidget(self.cut_place, 4, 1, 1, 3)

    def set_box(self, corners: np.ndarray[Any, Any] | None) -> None:
        """Let cuts be between two opposite corners, in the world (z, y, x)."""
        if np.array_equal(corners, self._corners):  # type: ignore[arg-type]
            return
        self._corners = corners
        self.cut_here()

    def cut(self) -> tuple[int, float]:
        """Axis and place of the cut."""
        # The planes are in the order of the axes that they are cut across.
        return self.cut_axis.currentIndex(), RAS * self.cut_place.value()

    def face(self, axis: int) -> None:
        """Cut across this axis, through the place that the viewer is at."""
        self.cut_axis.blockSignals(True)
        self.cut_axis.setCurrentIndex(axis)
        self.cut_axis.blockSignals(False)
        self.cut_here()

    def show_cut_place(self, at: float) -> None:
        """Follow a plane that was dragged."""
        self.cut_place.blockSignals(True)
        self.cut_place.setValue(RAS * at)
        self.cut_place.blockSignals(False)

    def show_scene(self, name: str) -> None:
        """Press the button of a preset; of none if empty."""
        self._scene = name
        surfaces, cut = name in ("Surface", "Cut-away"), name == "Cut-away"
        self._opacity_label.setVisible(surfaces)
        self.opacity.setVisible(surfaces)
        self.cut_axis.setVisible(cut)
        self.cut_place.setVisible(cut)
        self.update_buttons()

    def name_planes(self, *_: Any) -> None:
        """Call the planes by their axes where the place in the patient is unknown."""
        for place, (name, title) in enumerate(plane_titles(self._viewer).items()):
            button = self.buttons[name]
            button.setText(title)
            if title == name:
                button.setToolTip(f"The {name.lower()} plane, upright.")
            else:
                button.setToolTip(f"Slices across {title.lower()} of the image.")
            self.cut_axis.setItemText(place, title)

    def show_side_by_side(self, shown: bool) -> None:
        """Press the button of the panels, or let it go."""
        self.buttons["Side by side"].setChecked(shown)

    def set_available(self, in_3d: bool, panels: bool) -> None:
        """Enable what makes sense for a flat image, or without a segmentation."""
        self.name_planes()
        for name in (*PLANES, "3D", *PRESETS):
            self.buttons[name].setEnabled(in_3d)
        self.buttons["Side by side"].setEnabled(panels)

    def update_buttons(self, *_: Any) -> None:
        """Press those buttons whose view is shown."""
        plane = plane_of(self._viewer)
        for name in PLANES:
            self.buttons[name].setChecked(name == plane)
        in_3d = self._viewer.dims.ndisplay == 3
        self.buttons["3D"].setChecked(in_3d and self._scene not in PRESETS)
        for name in PRESETS:
            self.buttons[name].setChecked(in_3d and name == self._scene)

    def _clicked(self, name: str, _on: bool = False) -> None:
        leave_four_views(self._viewer)
        if name == "Side by side":
            self.side_by_side_asked.emit(self.buttons[name].isChecked())
        elif name in PLANES:
            self.scene_asked.emit("")
            show_plane(self._viewer, name)
        else:
            self.scene_asked.emit(name)
        self.update_buttons()

    def cut_here(self, *_: Any) -> None:
        """Cut through the place that the viewer is at."""
        if self._corners is None or self._corners.shape[1] < 3:
            return  # a flat image is not cut
        axis = self.cut_axis.currentIndex()
        low, high = sorted(RAS * self._corners[:, axis])
        self.cut_place.blockSignals(True)
        self.cut_place.setRange(low, high)
        # Where that is outside, through the middle.
        at = RAS * self._viewer.dims.point[axis - 3]
        self.cut_place.setValue(at if low <= at <= high else (low + high) / 2)
        self.cut_place.blockSignals(False)
        self._tell_cut()

    def _tell_cut(self, *_: Any) -> None:
        self.cut_moved.emit(*self.cut())


def _slider(low: float, high: float, value: float) -> QLabeledDoubleSlider:
    slider = QLabeledDoubleSlider(Qt.Orientation.Horizontal)
    slider.setRange(low, high)
    slider.setValue(value)
    slider.setDecimals(2 if high <= 1 else 1)
    return slider
