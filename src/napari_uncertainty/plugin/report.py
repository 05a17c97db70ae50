"""What the widget says about a finished map."""

from __future__ import annotations

from ..case import CaseResult
from ..kinds import KINDS
from ..measures import ALL_MEASURES
from .class_axis import declared
from .request import Request


def report_lines(result: CaseResult, request: Request) -> list[str]:
    """Total, means, maximum, no-data voxels and kind, a line each."""
    numbers = result.statistics
    measure = ALL_MEASURES[request.measure]
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
        _kind_line(result, request),
    ]


def _kind_line(result: CaseResult, request: Request) -> str:
    """Return what the values were taken for, and who said so."""
    maps = result.maps
    if request.kind is not None:
        who = "as you chose"
    elif declared(request.probabilities)["kind"] is not None:
        who = "as the file says"
    else:
        who = "found from the values"
    line = f"Kind: {KINDS[maps.kind].title}, {who}"
    if maps.channel is not None:
        return f"{line}; '{maps.channel}' alone"
    warm = KINDS[maps.kind].logistic and maps.temperature != 1
    return f"{line}; temperature {maps.temperature:g}" if warm else line
