"""What the widget says about a finished map."""

from __future__ import annotations

from ..case import CaseResult
from ..measures import MEASURES
from .request import Request


def report_lines(result: CaseResult, request: Request) -> list[str]:
    """Total, means, maximum and no-data voxels, a line each."""
    numbers = result.statistics
    measure = MEASURES[request.measure]
    title, unit = measure.title, f" {measure.unit(result.maps.base)}".rstrip()
    where = "the most probable class"
    if request.segmentation is not None and result.trust.foreground is not None:
        where = f"'{request.segmentation.name}'"
    total = f"{numbers.total:,.1f}{unit}"
    mean = f"{numbers.foreground_mean:.4g}{unit}"
    if request.foreground_only:
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
