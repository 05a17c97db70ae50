"""Gathering of all that a report shows, from a map that was written or a review."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ..analysis.class_blocks import iter_class_statistics
from ..analysis.class_statistics import class_table, voxel_volume
from ..analysis.hotspots import HotspotOptions, Hotspots
from ..batch.written import Recorded, read_recorded
from ..compare.segmentation import Segmentation
from ..errors import InputError
from ..io.endings import stem
from ..io.nifti import open_segmentation
from ..io.writing import check_writable
from ..model.measures import ALL_MEASURES
from ..review.review import Stop
from ..review.session import Session
from ..steps import part
from .contents import ReportCase, iter_scan_at
from .facts import agreement_of, facts_of, iter_reported_map
from .reviewed import Labels, corrected, find_review, iter_map_of, labels_of, scan_of

# Text near the beginning of every report that this program wrote, and how near.
_OURS = b"uncertainty report</title>"
_BEGINNING = 1 << 16


@dataclass(frozen=True, eq=False)
class FromFiles:
    """Contents of a report of files.

    Attributes
    ----------
    case : ReportCase
        The contents.
    remarks : tuple of str
        Sentences on what is missing or has changed; they are among its facts, too.
    """

    case: ReportCase
    remarks: tuple[str, ...]


def report_path(case: Path) -> Path:
    """Return the path of the report beside a map or a review."""
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
    """Refuse to write over a file that is not a report of this program.

    Raises
    ------
    InputError
        If it is another file, or cannot be read, or if nothing can be written to its
        folder.
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
            f"{path} exists and is not a report of napari-uncertainty; choose another "
            "name with --output, or move the file away."
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
        Scan to show the map on, and segmentation to outline; by default those that the
        map or the review names.
    count : int or None
        Number of places at most; by default 50, or all of a review.

    Raises
    ------
    InputError
        If one of the files cannot be used, or lies elsewhere.
    """
    steps = _iter_map_and_review(path, labels, scan)
    recorded, own_labels, session, remarks = yield from part(steps, 0, 0.2)
    record, missing = recorded.record, ""
    try:
        predictions = recorded.predictions()
    except InputError as error:
        predictions, missing = None, str(error)
    shown = yield from part(
        iter_reported_map(
            recorded,
            own_labels.segmentation,
            predictions,
            search=session is None,
            required=labels is not None,
        ),
        0.2,
        0.4,
    )
    stops: Sequence[Stop] = ()
    progress = ""
    if session is None:
        options = HotspotOptions() if count is None else HotspotOptions(count)
        search = shown.iter_hotspots(options)
        hotspots, names, note = yield from part(search, 0.4, 0.8)
        if missing:
            note = f"{missing} So the hotspots are from the map alone."
        remarks += [note] if note else []
    else:
        stops = session.review.stops[:count]
        hotspots = Hotspots(
            tuple(stop.hotspot for stop in stops),
            session.radius_mm,
            session.expected_errors,
            recorded.values.shape,
            recorded.grid,
        )
        names = {**shown.names, **session.names}
        progress = f"{session.review.progress().sentence}."
        scan = scan or scan_of(session)
    table = None
    if shown.labels is not None:
        statistics = yield from part(
            iter_class_statistics(recorded.values, shown.labels, shown.no_data),
            0.8,
            0.9,
        )
        table = class_table(
            statistics,
            class_names=shown.names,
            voxel_volume_mm3=voxel_volume(recorded.grid),
        )
    on_map = None
    if scan is not None:
        on_map = yield from part(iter_scan_at(recorded, scan), 0.9, 1)
    facts = facts_of(
        record,
        shown.statistics,
        recorded.values.shape,
        hotspots,
        segmentation=shown.title_of_labels,
        scan="none" if scan is None else scan.name,
        no_data_known=shown.no_data is not None,
        alone=bool(missing or shown.no_opinion),
        reviewed=session is not None,
    )
    facts += agreement_of(shown)
    if session is not None:
        facts.append(("Review", session.path.name))
    facts += [("To be known", remark) for remark in remarks]
    case = ReportCase(
        title=recorded.case if session is None else session.case,
        values=recorded.values,
        grid=recorded.grid,
        measure=record.measure,
        unit=record.unit,
        highest=record.highest,
        labels=shown.labels,
        scan=on_map,
        no_data=shown.no_data,
        names=names,
        colors={},
        facts=facts,
        checks=record.checks,
        table=table,
        hotspots=hotspots,
        stops=stops,
        progress=progress,
        reviewed=session is not None,
        made=date.today().isoformat(),
    )
    return FromFiles(case, tuple(remarks))


def _iter_map_and_review(
    path: Path, given: Path | None, scan: Path | None
) -> Generator[float, None, tuple[Recorded, Labels, Session | None, list[str]]]:
    """Read a map, its labels and its review; yields the share done.

    The last part of the result is what a person should know, in sentences.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    remarks: list[str] = []
    session: Session | None
    if _is_review(path):
        session = Session.open(path)
        labels = labels_of(session, given)
        recorded = yield from iter_map_of(session, labels.segmentation)
    else:
        recorded = read_recorded(path)
        labels = _recorded_labels(recorded, given)
        session, remarks = find_review(recorded, labels, scan)
    if session is not None:
        labels = corrected(session, labels)
    if labels.note:
        remarks.append(labels.note)
    return recorded, labels, session, remarks


def _is_review(path: Path) -> bool:
    """Return whether a file is the JSON of a review, which may be damaged."""
    if not path.name.lower().endswith(".json"):
        return False
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error})."
        ) from error
    except (ValueError, RecursionError):
        return False  # reading it as a map tells what is wrong
    return isinstance(content, dict) and "stops" in content


def _recorded_labels(recorded: Recorded, given: Path | None) -> Labels:
    """Return the given segmentation, or the one that the map was compared with."""
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
