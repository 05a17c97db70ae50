"""A report of files: of a map that was written, or of a review of one."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from ..batch.recorded import Recorded, read_map
from ..errors import InputError
from ..hotspots import Hotspots, Wanted
from ..io.atomic import check_writable
from ..io.endings import stem
from ..io.nifti import open_segmentation
from ..matching.comparison import Segmentation
from ..measures import ALL_MEASURES
from ..predictions import Predictions
from ..regions import iter_regions, voxel_volume
from ..review import Session, Stop
from ..steps import part
from .case import ReportCase
from .facts import Known, facts_of
from .material import Material, iter_material
from .recomputed import iter_map_of
from .reviewed import (
    Labels,
    corrected,
    find_review,
    labels_of,
    places_of,
    scan_of,
)
from .scan import iter_scan_at

if TYPE_CHECKING:
    import pandas as pd

# Stands near the beginning of every report that this program wrote.
_OURS = b"uncertainty report</title>"
_BEGINNING = 1 << 16


@dataclass(frozen=True, eq=False)
class FromFiles:
    """What a report of files shows.

    Attributes
    ----------
    case : ReportCase
        All of it.
    remarks : tuple of str
        What is missing or has changed, in sentences; they are among its facts, too.
    """

    case: ReportCase
    remarks: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Subject:
    """The map of a report, its segmentation and its review."""

    recorded: Recorded
    labels: Labels
    session: Session | None
    remarks: Sequence[str]

    @property
    def review(self) -> Path | None:
        return None if self.session is None else self.session.path


@dataclass(frozen=True, eq=False)
class _Places:
    """The places of a report, names of their labels, and what was decided."""

    hotspots: Hotspots
    names: Mapping[int, str]
    stops: Sequence[Stop] = ()
    progress: str = ""
    remarks: tuple[str, ...] = ()


def report_path(case: Path) -> Path:
    """Where the report of a map or of a review goes: beside it, named like its case."""
    name = stem(case)
    review = re.fullmatch(r"(.*)_review(-\d+)?", name)
    if review is not None:
        return case.with_name(f"{review[1]}_report{review[2] or ''}.html")
    # The longest first: some end like others.
    for measure in sorted(ALL_MEASURES, key=len, reverse=True):
        if name.endswith(f"_{measure}"):
            name = name.removesuffix(f"_{measure}")
            break
    return case.with_name(f"{name}_report.html")


def check_report_path(path: Path) -> None:
    """Refuse to write over a file that is no report of this program.

    Raises
    ------
    InputError
        If it is another file, or cannot be looked at, or if nothing can be written to
        its folder.
    """
    try:
        with path.open("rb") as file:
            beginning = file.read(_BEGINNING)
    except FileNotFoundError:
        check_writable(path.parent)
        return
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); choose another "
            "name with --output."
        ) from error
    if beginning and _OURS not in beginning:
        raise InputError(
            f"{path} is there already and is no report of napari-uncertainty; choose "
            "another name with --output, or take it away."
        )
    check_writable(path.parent)


def iter_case_of(
    path: Path,
    *,
    scan: Path | None = None,
    labels: Path | None = None,
    count: int | None = None,
) -> Generator[float, None, FromFiles]:
    """Gather what a report shows; yields the share done.

    Parameters
    ----------
    path : Path
        A map that this program wrote, its JSON, or a review of one.
    scan, labels : Path or None
        What the map is shown on, and whose outlines; by default what the map or the
        review tells.
    count : int or None
        How many places, at most; by default 50, or all of a review.

    Raises
    ------
    InputError
        If one of the files cannot be used, or lies elsewhere.
    """
    subject = yield from part(_iter_subject(path, labels, scan), 0, 0.2)
    recorded, session = subject.recorded, subject.session
    predictions, missing = _predictions(recorded)
    steps = iter_material(
        recorded,
        subject.labels.segmentation,
        predictions,
        search=session is None,
        required=labels is not None,
    )
    material = yield from part(steps, 0.2, 0.4)
    if session is None:
        wanted = Wanted() if count is None else Wanted(count)
        places = yield from part(_iter_found(material, wanted, missing), 0.4, 0.8)
    else:
        places = _reviewed(material, session, count)
    table = yield from part(_iter_table(material), 0.8, 0.9)
    if scan is None and session is not None:
        scan = scan_of(session)
    shown = None
    if scan is not None:
        shown = yield from part(iter_scan_at(recorded, scan), 0.9, 1)
    remarks = (*subject.remarks, *places.remarks)
    alone = missing or material.no_opinion
    known = Known(scan, places.hotspots, alone, subject.review, remarks)
    case = ReportCase(
        title=recorded.case if session is None else session.case,
        values=recorded.values,
        grid=recorded.grid,
        measure=recorded.record.measure,
        unit=recorded.record.unit,
        highest=recorded.record.highest,
        labels=material.labels,
        scan=shown,
        no_data=material.no_data,
        names=places.names,
        colors={},
        facts=facts_of(material, known),
        checks=recorded.record.checks,
        table=table,
        hotspots=places.hotspots,
        stops=places.stops,
        progress=places.progress,
        reviewed=session is not None,
        made=date.today().isoformat(),
    )
    return FromFiles(case, remarks)


def _iter_subject(
    path: Path, given: Path | None, scan: Path | None
) -> Generator[float, None, _Subject]:
    """Read the map, its segmentation and its review; yields the share done."""
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    remarks: list[str] = []
    session: Session | None
    if _is_review(path):
        session = Session.open(path)
        labels = labels_of(session, given)
        recorded = yield from iter_map_of(session, labels.segmentation)
    else:
        recorded = read_map(path)
        labels = _recorded_labels(recorded, given)
        session, remarks = find_review(recorded, labels, scan)
    if session is not None:
        labels = corrected(session, labels)
    if labels.note:
        remarks.append(labels.note)
    return _Subject(recorded, labels, session, remarks)


def _is_review(path: Path) -> bool:
    """Return whether it is JSON with stops; whether they can be used shows later."""
    if not path.name.lower().endswith(".json"):
        return False
    try:
        told = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error})."
        ) from error
    except (ValueError, RecursionError):
        return False  # what reads it as a map says what is wrong
    return isinstance(told, dict) and "stops" in told


def _recorded_labels(recorded: Recorded, given: Path | None) -> Labels:
    """The segmentation that was given, or with which the map was compared."""
    if given is not None:
        return Labels(Segmentation.of(open_segmentation(given)))
    path = recorded.segmentation
    if path is None:
        return Labels(None)
    if not path.is_file():
        return Labels(None, f"The segmentation {path.name} is not there any more.")
    note = ""
    if recorded.fate(path) == "changed":
        note = f"The segmentation {path.name} has changed since the map was computed."
    return Labels(Segmentation.of(open_segmentation(path)), note)


def _predictions(recorded: Recorded) -> tuple[Predictions | None, str]:
    """Return what the map was made from, or why it cannot be had."""
    try:
        return recorded.predictions(), ""
    except InputError as error:
        return None, str(error)


def _iter_found(
    material: Material, wanted: Wanted, missing: str
) -> Generator[float, None, _Places]:
    """Places that are found now."""
    hotspots, names, note = yield from material.iter_hotspots(wanted)
    if missing:
        note = f"{missing} So the hotspots are from the map alone."
    return _Places(hotspots, names, remarks=(note,) if note else ())


def _reviewed(material: Material, session: Session, count: int | None) -> _Places:
    """Places of a review."""
    hotspots, stops, progress = places_of(session, material.recorded, count)
    return _Places(hotspots, {**material.names, **session.names}, stops, progress)


def _iter_table(material: Material) -> Generator[float, None, pd.DataFrame | None]:
    """The numbers of each label; None without any."""
    recorded = material.recorded
    if material.labels is None:
        return None
    regions = yield from iter_regions(
        recorded.values, material.labels, material.no_data
    )
    return regions.table(
        class_names=material.names, voxel_volume_mm3=voxel_volume(recorded.grid)
    )
