"""Distribution of the values of a map, and a few numbers of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from ...regions import ClassStatistics
from ...text import number, share
from .histogram import Curve, Histogram
from .subject import Color, ShownMap

BINS = 64

_WHOLE, _FOREGROUND = (150, 150, 150), (0, 160, 220)


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
        regions: ClassStatistics,
        chosen: Mapping[int, Color],
        threshold: float,
    ) -> None:
        """Numbers of a map, and of the chosen classes in their colours."""
        wanted: list[tuple[str, Any, Color]] = [
            ("whole", "whole", _WHOLE),
            ("foreground", "foreground", _FOREGROUND),
        ]
        wanted += [
            (subject.name_of(label), label, color) for label, color in chosen.items()
        ]
        span = (0.0, subject.record.highest)
        curves = []
        for name, which, color in wanted:
            counts, edges = regions.histogram(which, BINS, span)
            curves.append(Curve(name, edges, counts, color))
        self.histogram.set_curves(curves, subject.record.unit)
        self.histogram.set_threshold(threshold)
        rows = "".join(
            _row(name, regions, which, threshold) for name, which, _ in wanted
        )
        titles = "".join(
            f"<th align='right'>&nbsp;{title}</th>"
            for title in ("mean", "median", "95 %", "max", "above")
        )
        self.summary.setText(f"<table><tr><th></th>{titles}</tr>{rows}</table>")


def _row(name: str, regions: ClassStatistics, which: Any, threshold: float) -> str:
    median, high = regions.quantiles(which, (0.5, 0.95))
    numbers = (regions.mean(which), median, high, regions.maximum(which))
    above = share(regions.share_above(which, threshold)).replace(" ", "&nbsp;")
    cells = [*map(number, numbers), above]
    return (
        f"<tr><td>{name}</td>"
        + "".join(f"<td align='right'>&nbsp;{cell}</td>" for cell in cells)
        + "</tr>"
    )
