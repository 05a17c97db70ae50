"""A review as files: its list, its labels, its report."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...colors import Color
from ...errors import InputError
from ...io.labels import write_labels
from ...io.nifti import ending
from ...matching.comparison import Segmentation, iter_labels_at
from ...model.record import Record
from ...regions import iter_regions, voxel_volume
from ...report import ReportCase, iter_report, write_report
from ...report.scan import iter_values_at
from ...review import Stop
from ...review.export import write_json, write_tsv
from ...steps import part
from ..layers import layer_grid
from ..selection import path_of, scan_for_map
from ..sources import Source, axes_of, source_of
from ..work import Steps
from .begin import Opened
from .desk import ReviewController

Array = np.ndarray[Any, Any]


def save_list(path: Path, desk: ReviewController) -> str:
    """Write the places with what was decided; gives what to tell.

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
    desk.count()
    if path.name.lower().endswith(".json"):
        write_json(
            path,
            case=session.case,
            stops=session.review.stops,
            names=session.names,
            unit=session.unit,
            radius_mm=session.radius_mm,
            expected_errors=session.expected_errors,
            inputs=[asdict(one) for one in session.inputs],
            options=asdict(session.options),
        )
    else:
        path = path if ending(path) else Path(f"{path}.tsv")
        write_tsv(path, session.review.stops, session.names)
    return f"The list is in {path}."


def save_labels(path: Path, desk: ReviewController, viewer: Any) -> str:
    """Write the segmentation as it is now; gives what to tell.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    edited = desk.edited
    assert edited is not None
    desk.count()
    scan = scan_for_map(viewer.layers, desk.following.subject.layer)  # type: ignore[union-attr]
    written = write_labels(
        path,
        edited.current,
        # What only the viewer knows is no place in a patient.
        layer_grid(edited.layer),
        source=path_of(edited.layer),
        scan=None if scan is None else layer_grid(scan),
    )
    return f"The corrected segmentation is in {written.path}. {written.note}".strip()


@dataclass(frozen=True, eq=False)
class ReportMaterial:
    """What a report is made of, taken from layers on the main thread.

    Attributes
    ----------
    path : Path
        Where it goes.
    opened : Opened
        The review.
    stops, progress : sequence of Stop, str
        What was decided, and how far it is.
    record : Record
        What the map says of itself.
    labels : Segmentation
        As they are now.
    scan : tuple of (str, Source), or None
        Name, values and place.
    colors : mapping of int to (int, int, int)
        Of labels.
    """

    path: Path
    opened: Opened
    stops: Sequence[Stop]
    progress: str
    record: Record
    labels: Segmentation
    scan: tuple[str, Source] | None
    colors: Mapping[int, Color]


def report_steps(path: Path, desk: ReviewController, viewer: Any) -> Steps[Path]:
    """Return what writes a report in the background."""
    opened, subject = desk.opened, desk.following.subject
    assert opened is not None
    assert subject is not None
    desk.count()
    labels = opened.material.labels
    if desk.edited is not None:
        labels = replace(labels, labels=desk.edited.current.copy())
    scan = scan_for_map(viewer.layers, subject.layer)
    axes = axes_of(viewer.layers)
    session = opened.session
    material = ReportMaterial(
        path if ending(path) else Path(f"{path}.html"),
        opened,
        session.review.stops,
        session.review.progress().sentence,
        subject.record,
        labels,
        None if scan is None else (scan.name, source_of(scan, axes=axes)),
        subject.colors_of({*opened.there, *subject.names}),
    )
    return partial(iter_save_report, material)


def iter_save_report(material: ReportMaterial) -> Generator[float, None, Path]:
    """Write a report after the last step; yields the share done, gives its path.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    opened, source = material.opened, material.opened.material
    values, grid = np.asarray(source.map.values), source.map.grid
    steps = iter_labels_at(values.shape, grid, material.labels)
    labels = yield from part(steps, 0, 0.1)
    scan = None
    if material.scan is not None:
        there = material.scan[1]
        moment = _first_moment(there)
        steps_of_scan = iter_values_at(moment, there.grid, values.shape, grid)
        scan = yield from part(steps_of_scan, 0.1, 0.3)
    yield 0.3
    table = None
    if labels is not None:
        labels = np.asarray(labels)
        regions = yield from part(
            iter_regions(values, labels, source.no_data), 0.3, 0.5
        )
        table = regions.table(
            class_names=source.names, voxel_volume_mm3=voxel_volume(grid)
        )
    case = ReportCase(
        title=source.case,
        values=values,
        grid=grid if source.anatomical else None,
        measure=material.record.measure,
        unit=material.record.unit,
        highest=material.record.highest,
        labels=labels,
        scan=scan,
        no_data=source.no_data,
        names=source.names,
        colors=material.colors,
        facts=_facts(material),
        checks=material.record.checks,
        table=table,
        hotspots=replace(
            opened.hotspots, places=tuple(stop.hotspot for stop in material.stops)
        ),
        stops=material.stops,
        progress=material.progress,
        reviewed=True,
        made=date.today().isoformat(),
    )
    html = yield from part(iter_report(case), 0.5, 1)
    yield 1.0
    write_report(material.path, html)
    return material.path


def _first_moment(scan: Source) -> Any:
    """A scan without further axes, such as time."""
    grid, values = scan.grid, scan.values
    if grid is None or values.ndim == grid.ndim:
        return values
    if values.shape[-grid.ndim :] == grid.shape:  # as a layer has them
        return values[(0,) * (values.ndim - grid.ndim)]
    return values[(..., *(0,) * (values.ndim - grid.ndim))]  # as a file has them


def _facts(material: ReportMaterial) -> list[tuple[str, str]]:
    """Rows of the summary."""
    record = material.record
    opened, unit, numbers = material.opened, record.unit, record.statistics
    session = opened.session
    measure = record.about.title
    if record.channel is not None:
        measure += f" of {record.channel} alone"

    def in_unit(value: float) -> str:
        return f"{value:.4g} {unit}".strip()

    rows = [
        ("Probabilities", Path(record.source or record.probabilities).name),
        ("Segmentation", material.labels.name),
        ("Scan", "none" if material.scan is None else material.scan[0]),
        ("Measure", measure if not unit else f"{measure} in {unit}"),
        ("Classes", str(record.n_classes)),
        ("Voxels", f"{numbers.voxels:,}"),
        ("Voxels without data", f"{numbers.no_data:,}"),
        ("Mean", in_unit(numbers.mean)),
        ("Mean in the foreground", in_unit(numbers.foreground_mean)),
        ("Hotspots", f"{len(material.stops)} of {session.radius_mm:g} mm"),
        ("Expected errors", f"{session.expected_errors:,.0f} voxels in all"),
        ("Networks", str(max(1, len(opened.material.members)))),
        ("Changed labels", f"{session.changed_labels:,} voxels"),
        ("Review", f"begun on {session.begun[:10]}"),
    ]
    return [row for row in rows if row[1]]
