"""What the widget says about a finished map."""

from __future__ import annotations

from typing import Any

from ..case import CaseResult
from ..measures import UNITS


def report_lines(
    result: CaseResult, segmentation: Any | None, foreground_only: bool
) -> list[str]:
    """Total, means, maximum and no-data voxels, a line each."""
    numbers = result.statistics
    unit = UNITS[result.maps.base]
    where = (
        "the most probable class" if segmentation is None else f"'{segmentation.name}'"
    )
    total = f"{numbers.total:,.1f} {unit}"
    mean = f"{numbers.foreground_mean:.4g} {unit}"
    if foreground_only:
        lines = [f"Total entropy in the foreground: {total}", f"Mean: {mean}"]
    else:
        lines = [
            f"Total entropy: {total}",
            f"Mean: {numbers.mean:.4g} {unit}",
            f"Mean in the foreground: {mean}",
        ]
    return [
        *lines,
        f"Maximum: {numbers.maximum:.4g} {unit}",
        f"Voxels without data: {numbers.no_data:,}",
        f"Foreground by {where}",
    ]
