"""The rows of a report's summary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..hotspots import Hotspots
from ..kinds import KINDS
from ..model.record import Record
from ..statistics import MapStatistics, map_statistics
from ..text import percent
from . import wording
from .material import Material

_TIMES = " × "


@dataclass(frozen=True, eq=False)
class Known:
    """What the rows are about, besides the map and what belongs to it.

    Attributes
    ----------
    scan : Path or None
        What the map is shown on.
    hotspots : Hotspots
        The places.
    alone : str
        Why the map alone told where errors are, as a sentence, or ``""``.
    review : Path or None
        The file of the review.
    remarks : sequence of str
        What a person should know, in sentences.
    """

    scan: Path | None
    hotspots: Hotspots
    alone: str
    review: Path | None
    remarks: Sequence[str]


def facts_of(material: Material, known: Known) -> list[tuple[str, str]]:
    """Names and values of the rows."""
    record, unit = material.recorded.record, material.recorded.record.unit
    numbers = _statistics(material)
    source = Path(record.source).name or record.probabilities
    rows = [
        ("Probabilities", source),
        *_members(record),
        ("Segmentation", _segmentation(material)),
        ("Scan", "none" if known.scan is None else known.scan.name),
        ("Measure", f"{record.about.title}{f' in {unit}' if unit else ''}"),
        ("What it tells", record.about.meaning),
        ("Kind of values", _kind(record)),
        ("Classes", wording.count(record.n_classes)),
        ("Voxels", _voxels(material)),
        ("Voxels without data", _no_data(material, numbers)),
        ("Total", wording.in_unit(numbers.total, unit)),
        ("Mean", wording.in_unit(numbers.mean, unit)),
        ("Mean in the foreground", wording.in_unit(numbers.foreground_mean, unit)),
        ("Hotspots", _hotspots(known)),
        (
            "Expected errors",
            f"{wording.number(known.hotspots.expected_errors)} voxels"
            + (", by the map alone" if _alone(known) else ""),
        ),
    ]
    agreement = record.agreement
    if agreement is not None and _is_as_then(material):
        rows.append(("Agreement", f"{percent(agreement)} of the foreground"))
    if known.review is not None:
        rows.append(("Review", known.review.name))
    return rows + [("To be known", remark) for remark in known.remarks]


def _members(record: Record) -> list[tuple[str, str]]:
    """Return which members there are, and how well they agree."""
    if not record.members:
        return []
    rows = [("Members", ", ".join(one.name for one in record.members))]
    if record.overlap is not None:
        told = f"{wording.number(record.overlap)} (Dice, mean over the classes)"
        rows.append(("Agreement of the members", told))
    return rows


def _kind(record: Record) -> str:
    title = KINDS[record.kind].title
    if record.channel is not None:
        return f"{title}, {record.channel} alone"
    if not KINDS[record.kind].logistic:
        return title
    return f"{title}, temperature {wording.number(record.temperature)}"


def _statistics(material: Material) -> MapStatistics:
    """Return the numbers as recorded, or anew where the foreground is another."""
    recorded = material.recorded
    if _is_as_then(material):
        return recorded.record.statistics
    no_data = material.no_data
    if no_data is None:
        no_data = np.zeros(recorded.values.shape, bool)
    return map_statistics(recorded.values, no_data, material.labels)


def _is_as_then(material: Material) -> bool:
    """Return whether no other segmentation is shown than the map was compared with."""
    if material.segmentation is None:
        return True
    source, then = material.segmentation.source, material.recorded.segmentation
    return (
        source is not None
        and then is not None
        and source.resolve() == then.resolve()
        and material.recorded.fate(then) == "unchanged"
    )


def _segmentation(material: Material) -> str:
    segmentation = material.segmentation
    if segmentation is not None:
        return (
            segmentation.name if not segmentation.source else segmentation.source.name
        )
    return "none" if material.labels is None else "none; the most probable class"


def _voxels(material: Material) -> str:
    recorded = material.recorded
    shape = _TIMES.join(map(str, recorded.values.shape))
    if recorded.grid is None:
        return f"{shape}, place unknown"
    zooms = _TIMES.join(wording.number(size) for size in recorded.grid.zooms)
    return f"{shape}, of {zooms} mm"


def _no_data(material: Material, numbers: MapStatistics) -> str:
    missing = material.recorded.record.statistics.no_data
    count = wording.count(missing)
    if not missing or material.no_data is not None:
        return count
    return f"{count}; which they are is not known, so they count as certain here"


def _alone(known: Known) -> bool:
    return bool(known.alone) and known.review is None


def _hotspots(known: Known) -> str:
    unit = "voxels" if known.hotspots.grid is None else "mm"
    radius = f"{wording.number(known.hotspots.radius_mm)} {unit}"
    count = f"{wording.count(len(known.hotspots.places))} of {radius}"
    if known.review is not None:
        return f"{count}, of the review"
    return f"{count}, from the map alone" if known.alone else count
