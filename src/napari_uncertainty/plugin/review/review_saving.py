"""Files that a review is saved as: the list, the labels, the report."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...analysis.class_blocks import iter_class_statistics
from ...analysis.class_statistics import class_table, voxel_volume
from ...analysis.hotspots import Hotspots
from ...compare.segmentation import Segmentation, iter_labels_at
from ...errors import InputError
from ...io.endings import ending
from ...io.label_files import write_labels
from ...model.grid import Grid
from ...model.record import Record
from ...report.contents import ReportCase, iter_values_at
from ...report.facts import facts_of
from ...report.page import iter_report, write_report
from ...review.export import write_json, write_tsv
from ...steps import part
from ...text import count, counted
from ..viewer.jobs import Steps
from ..viewer.layer_roles import path_of, scan_for_map
from ..viewer.scan_space import Source, axes_of, layer_grid, source_of
from .begin import OpenedReview
from .controller import ReviewController

Array = np.ndarray[Any, Any]


def save_list(path: Path, desk: ReviewController) -> str:
    """Write the places with what was decided, and return a sentence on that.

    Raises
    ------
    InputError
        If it cannot be written, or is the review's own file.
    """
    assert desk.opened is not None
    session = desk.opened.session
    if path.resolve() == session.path.resolve():
        raise InputError(
            f"{path.name} is the file of this review itself; choose another name."
        )
    desk.save_all()
    if path.name.lower().endswith(".json"):
        write_json(path, session)
    else:
        path = path if ending(path) else Path(f"{path}.tsv")
        write_tsv(path, session.review.stops, session.names)
    return f"The list is in {path}."


def save_labels(path: Path, desk: ReviewController, viewer: Any) -> str:
    """Write the segmentation as it is now, and return a sentence on that.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    edited = desk.edited
    assert edited is not None
    desk.save_all()
    scan = scan_for_map(viewer.layers, desk.following.subject.layer)  # type: ignore[union-attr]
    written = write_labels(
        path,
        edited.current,
        # A place that only the viewer knows is not one in a patient.
        layer_grid(edited.layer),
        source=path_of(edited.layer),
        scan=None if scan is None else layer_grid(scan),
    )
    return f"The corrected segmentation is in {written.path}. {written.note}".strip()


def report_steps(path: Path, desk: ReviewController, viewer: Any) -> Steps[Path]:
    """Return the steps that write a report in the background."""
    opened, subject = desk.opened, desk.following.subject
    assert opened is not None
    assert subject is not None
    desk.save_all()
    labels = opened.material.labels
    if desk.edited is not None:
        labels = replace(labels, labels=desk.edited.current.copy())
    scan = scan_for_map(viewer.layers, subject.layer)
    review, source, record = opened.session.review, opened.material, subject.record
    places = tuple(stop.hotspot for stop in review.stops)
    hotspots = replace(opened.hotspots, places=places)
    case = ReportCase(
        title=source.case,
        values=source.map.values,
        grid=source.map.grid if source.anatomical else None,
        measure=record.measure,
        unit=record.unit,
        highest=record.highest,
        labels=None,
        scan=None,
        no_data=source.no_data,
        names=source.names,
        colors=subject.colors_of({*opened.present_labels, *subject.names}),
        facts=_facts(
            opened, record, hotspots, labels.name, None if scan is None else scan.name
        ),
        checks=record.checks,
        table=None,
        hotspots=hotspots,
        stops=review.stops,
        progress=review.progress().sentence,
        reviewed=True,
        made=date.today().isoformat(),
    )
    shown = None if scan is None else source_of(scan, axes=axes_of(viewer.layers))
    path = path if ending(path) else Path(f"{path}.html")
    return partial(iter_save_report, path, case, source.map.grid, labels, shown)


def iter_save_report(
    path: Path,
    case: ReportCase,
    grid: Grid | None,
    segmentation: Segmentation,
    scan: Source | None,
) -> Generator[float, None, Path]:
    """Write a report after the last step; yields the share done, returns its path.

    Parameters
    ----------
    path : Path
        The file of the report.
    case : ReportCase
        The content, still without labels, scan and table.
    grid : Grid or None
        The place of the voxels of the map, in the patient or not.
    segmentation : Segmentation
        The labels as they are now.
    scan : Source or None
        Values and place of the scan.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    values = np.asarray(case.values)  # they may be lazy
    case = replace(case, values=values)
    steps = iter_labels_at(values.shape, grid, segmentation)
    labels = yield from part(steps, 0, 0.1)
    if scan is not None:
        moment = _first_moment(scan)
        steps_of_scan = iter_values_at(moment, scan.grid, values.shape, grid)
        case = replace(case, scan=(yield from part(steps_of_scan, 0.1, 0.3)))
    yield 0.3
    if labels is not None:
        labels = np.asarray(labels)
        statistics = yield from part(
            iter_class_statistics(values, labels, case.no_data), 0.3, 0.5
        )
        table = class_table(
            statistics, class_names=case.names, voxel_volume_mm3=voxel_volume(grid)
        )
        case = replace(case, labels=labels, table=table)
    html = yield from part(iter_report(case), 0.5, 1)
    yield 1.0
    write_report(path, html)
    return path


def _first_moment(scan: Source) -> Any:
    """Return a scan without further axes, such as time, at their first step."""
    grid, values = scan.grid, scan.values
    if grid is None or values.ndim == grid.ndim:
        return values
    if values.shape[-grid.ndim :] == grid.shape:  # as a layer has them
        return values[(0,) * (values.ndim - grid.ndim)]
    return values[(..., *(0,) * (values.ndim - grid.ndim))]  # as a file has them


def _facts(
    opened: OpenedReview,
    record: Record,
    hotspots: Hotspots,
    segmentation: str,
    scan: str | None,
) -> list[tuple[str, str]]:
    """Return the rows of the summary in a report."""
    session = opened.session
    return [
        *facts_of(
            record,
            record.statistics,
            opened.material.map.values.shape,
            hotspots,
            segmentation=segmentation,
            scan=scan or "none",
            reviewed=True,
        ),
        ("Networks", count(max(1, len(opened.material.members)))),
        ("Changed labels", counted(session.changed_labels, "voxel")),
        ("Review", f"begun on {session.begun[:10]}"),
    ]
