"""Panel with the value under the pointer, in words and bars."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ...text import ras_place, voxel_place
from .probability_bars import Bar, ProbabilityBars
from .probe import VoxelReading
from .subject import Color, ShownMap

HINT = "Point at the map to read it."

_GRAY = (128, 128, 128)


class ProbePanel(QWidget):
    """Place and value under the pointer, and the class probabilities there."""

    def __init__(self) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.text = QLabel(HINT)
        self.text.setWordWrap(True)
        self.text.setMinimumHeight(2 * self.text.fontMetrics().lineSpacing())
        self.bars = ProbabilityBars()
        layout.addWidget(self.text)
        layout.addWidget(self.bars)

    def clear(self) -> None:
        """Show that nothing is pointed at."""
        self.text.setText(HINT)
        self.bars.clear()

    def show_reading(
        self,
        reading: VoxelReading | None,
        subject: ShownMap,
        colors: Mapping[int, Color],
    ) -> None:
        """Show what was read; None outside of the map."""
        if reading is None:
            self.clear()
            return
        self.text.setText(_words(reading, subject))
        if reading.probabilities is None:
            self.bars.clear()
            return
        order = np.argsort(-reading.probabilities, kind="stable")
        self.bars.set_bars(
            [
                Bar(
                    subject.name_of_class(int(index), len(order)),
                    float(reading.probabilities[index]),
                    colors.get(int(index), _GRAY),
                )
                for index in order
            ]
        )


def _words(reading: VoxelReading, subject: ShownMap) -> str:
    where = f"voxel {voxel_place(reading.voxel)}"
    if reading.ras is not None:
        where = f"{ras_place(reading.ras.tolist())} · {where}"
    name = subject.name_of(reading.label)
    if np.isnan(reading.value):
        return f"{where}\nno data"
    record = subject.record
    value = f"{record.about.title} {reading.value:.3f} {record.unit}".rstrip()
    return f"{where}\n{value} · {name}"
