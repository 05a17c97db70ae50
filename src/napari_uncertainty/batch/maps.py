"""Maps and tables of one case: computed by the pipeline, and written."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..case import CaseInputs, CaseResult, iter_case
from ..ensemble import EnsembleMaps
from ..errors import InputError
from ..hotspots import Wanted
from ..io.endings import is_array_folder
from ..io.image_files import is_map, load
from ..io.maps import write_map
from ..model.record import HotspotTable, Record, Table
from ..steps import part
from .classes import NO_TABLE, iter_table
from .hotspots import iter_hotspot_table
from .states import files_of, state
from .tables import write_table

if TYPE_CHECKING:
    from .case import Task


@dataclass(frozen=True)
class _Shares:
    """Ends of the parts of the work, 0 to 1, by how long they take."""

    case: float
    classes: float

    @classmethod
    def of(cls, task: Task) -> _Shares:
        compared = 0.45 if task.labels is not None else 0.0
        # The probabilities are read twice more.
        total = 1.0 + compared + (2.0 if task.hotspots is not None else 0.0)
        return cls((1 + compared / 2) / total, (1 + compared) / total)


@dataclass(frozen=True)
class _Tables:
    """Tables that were written, and what a person should know of them."""

    classes: Table | None = None
    hotspots: HotspotTable | None = None
    members: Table | None = None
    notes: tuple[str, ...] = ()


def iter_maps(task: Task, threads: int | None) -> Generator[float, None, Record]:
    """Compute and write the maps of a case; yields the share done.

    Returns
    -------
    Record
        Of the first map.

    Raises
    ------
    InputError, OSError, MemoryError
        If something is wrong with the case.
    """
    shares = _Shares.of(task)
    inputs = _opened(task)
    steps = iter_case(
        inputs,
        task.measures,
        base=task.base,
        elsewhere="place" if task.place else "refuse",
        threads=threads,
    )
    result = yield from part(steps, 0, shares.case)
    maps = {
        name: np.asarray(values, np.float32) for name, values in result.maps.items()
    }
    result = replace(result, maps=replace(result.maps, maps=maps))
    tables = yield from _iter_tables(task, result, shares, threads)
    records = [
        # Peaks and means of hotspots are those of one map, which vouches for them.
        _written(
            task, measure, result, tables, tables.hotspots if number == 0 else None
        )
        for number, measure in enumerate(task.measures)
    ]
    return records[0]


def _iter_tables(
    task: Task, result: CaseResult, shares: _Shares, threads: int | None
) -> Generator[float, None, _Tables]:
    """Write the tables that belong to a case; yields the share done."""
    tables, notes = _Tables(), list[str]()
    maps, labels = result.maps, result.inputs.segmentation
    if isinstance(maps, EnsembleMaps):
        table = maps.dice_table(result.class_names)
        tables = replace(tables, members=write_table(task.member_table, table))
    if labels is not None and result.where.by_labels:
        steps = iter_table(maps, result.where, labels, result.class_names, threads)
        table = yield from part(steps, shares.case, shares.classes)
        tables = replace(tables, classes=write_table(task.table, table))
    elif labels is not None:
        notes.append(NO_TABLE)
    if task.hotspots is not None:
        wanted = Wanted(task.hotspots, task.radius)
        found = iter_hotspot_table(result, wanted, threads)
        table, note = yield from part(found, shares.classes, 1)
        notes += [note] if note else []
        written = write_table(task.hotspot_table, table)
        listed = HotspotTable(written.file, written.crc32, task.hotspots, task.radius)
        tables = replace(tables, hotspots=listed)
    return replace(tables, notes=tuple(notes))


def _opened(task: Task) -> CaseInputs:
    """Open the files of a case, with the state of each of them before."""
    for source in task.sources:
        if source.is_dir() and not is_array_folder(source):
            raise InputError(f"The folder {source} cannot be searched.")
    # Taken before the files are read: a change while they are is then noticed, too.
    files = [file for source in task.sources for file in files_of(source)]
    states = {file: state(file) for file in files}
    for measure in task.measures:
        _check_replaceable(task.file(measure, ".nii.gz"))
    inputs = CaseInputs.open(
        task.sources,
        task.how,
        together=bool(task.members),
        labels=None if task.labels is None else Path(task.labels),
        name=task.case if task.members or task.classes else "",
    )
    predictions = inputs.predictions
    further: list[Any] = [
        *predictions.files,
        *(one.geometry_source for one in predictions.members),
    ]
    further += [None if task.labels is None else Path(task.labels)]
    for file in further:
        if file is not None and file not in states and file.exists():
            states[file] = state(file)
    return replace(inputs, states=tuple(states.values()))


def _written(
    task: Task,
    measure: str,
    result: CaseResult,
    tables: _Tables,
    hotspots: HotspotTable | None,
) -> Record:
    """Write one map; gives its record."""
    record = result.record(measure)
    record = replace(
        record,
        source=task.source,
        notes=tuple(dict.fromkeys((*record.notes, *tables.notes))),
        classes=tables.classes,
        hotspots=hotspots,
        members_table=tables.members,
    )
    path, grid = task.file(measure, ".nii.gz"), result.where.grid
    write_map(path, result.values(measure), record, grid=grid)
    return record


def _check_replaceable(path: Path) -> None:
    """Refuse to write over an image that this program did not make."""
    try:
        if path.stat().st_size == 0:
            return
    except FileNotFoundError:
        return
    try:
        ours = is_map(load(path))
    except InputError:
        ours = False
    if not ours:
        raise InputError(
            f"{path} is there already and is no map of napari-uncertainty; choose "
            "another folder, or take it away."
        )
