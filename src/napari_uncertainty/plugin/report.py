"""Sentences about a finished map, for the dock."""

from __future__ import annotations

from ..case import CaseResult
from ..kinds import KINDS
from ..measures import ALL_MEASURES
from .request import Request

_WHO = {
    "person": "as you chose",
    "file": "as the file says",
    "convention": "as usual for such files",
    "values": "found from the values",
    "default": "as usual",
}


def report_lines(result: CaseResult, request: Request) -> list[str]:
    """Total, means, maximum, no-data voxels and kind, a line each."""
    numbers = result.statistics(request.measure)
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
    who = _WHO[result.interpretation.origin("kind") or "values"]
    line = f"Kind: {KINDS[maps.kind].title}, {who}"
    if maps.channel is not None:
        return f"{line}; '{maps.channel}' alone"
    warm = KINDS[maps.kind].logistic and maps.temperature != 1
    return f"{line}; temperature {maps.temperature:g}" if warm else line
