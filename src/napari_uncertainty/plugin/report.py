"""What the widget says about a finished map."""

from __future__ import annotations

from typing import Any

from ..case import CaseResult
from ..measures import MEASURES


def report_lines(
    result: CaseResult,
    measure: str,
    segmentation: Any | None,
    foreground_only: bool,
) -> list[str]:
    """Total, means, maximum and no-data voxels, a line each."""
    numbers = result.statistics
    title = MEASURES[measure].title
    unit = f" {MEASURES[measure].unit(result.maps.base)}".rstrip()
    where = (
        "the most probable class" if segmentation is None else f"'{segmentation.name}'"
    )
    total = f"{numbers.total:,.1f}{unit}"
    mean = f"{numbers.foreground_mean:.4g}{unit}"
    if foreground_only:
        lines = [f"Total {title} in the foreground: {total}", f"Mean: {mean}"]
    else:
        lines = [
            f"Total {title}: {total}",
            f"Mean: {numbers.mean:.4g}{unit}",
            f"Mean in the foreground: {mean}",
        ]
    return [
        *lines,
        f"Maximum: {numbers.maximum:.4g}{unit}",
        f"Voxels without data: {numbers.no_data:,}",
        f"Foreground by {where}",
    ]
