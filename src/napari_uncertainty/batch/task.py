"""Tasks: each is one case of many, which is skipped if finished, or computed."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.hotspots import HotspotOptions
from ..case import CaseInputs, iter_case
from ..engine.ensemble.ensemble_maps import EnsembleMaps
from ..errors import InputError
from ..io.endings import is_array_folder
from ..io.image_files import is_map, load
from ..io.map_files import write_map
from ..model.interpretation import AS_FOUND, Interpretation
from ..model.measures import Base
from ..model.record import HotspotTable, Record
from ..steps import part, run
from ..version import __version__
from .summary import Row
from .tables import (
    NO_TABLE,
    is_there,
    iter_class_table,
    iter_hotspot_table,
    write_table,
)
from .written import files_of, state, unchanged

# Checks that the input is what it was taken for; a failure is reported at once.
_WARNED_OF = ("kind", "members")


@dataclass(frozen=True)
class Task:
    """Request for one case; small, for it travels to other processes and machines.

    Attributes
    ----------
    case : str
        Name of the case, with which the names of its files begin.
    source : str
        Absolute path of the probabilities; of an ensemble, those of the first member.
    output : str
        Absolute path of the folder for the maps, which exists.
    measures : tuple of str
        One map each; the summary has the numbers of the first.
    base : 2, "e" or "classes"
        Base of the logarithm.
    labels : str or None
        Absolute path of the segmentation to compare with, and to sum up by.
    place : bool
        Put the map where the segmentation shows that it belongs.
    hotspots : int or None
        Most hotspots of the first map to list; None for no list.
    radius : float or None
        Their radius in mm; None where it follows from voxels and image.
    members : tuple of str
        Absolute paths of all files of an ensemble; empty for a case of one network.
    classes : tuple of str
        Absolute paths of the files of one class each, in the order of the classes,
        where a person named them as one case.
    how : Interpretation
        How the values are to be taken.
    version : str
        Version of napari-uncertainty that made the task.
    """

    case: str
    source: str
    output: str
    measures: tuple[str, ...] = ("entropy",)
    base: Base = 2
    labels: str | None = None
    place: bool = False
    hotspots: int | None = None
    radius: float | None = None
    members: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    how: Interpretation = AS_FOUND
    version: str = __version__

    @property
    def sources(self) -> list[Path]:
        """Return the files with probabilities that were named or found."""
        return [Path(one) for one in self.members or self.classes or (self.source,)]

    def file(self, measure: str, ending: str) -> Path:
        """Return the path of a map (``.nii.gz``) or of its record (``.json``)."""
        return Path(self.output, f"{self.case}_{measure}{ending}")

    @property
    def table(self) -> Path:
        """Return the path of the table of classes."""
        return Path(self.output, f"{self.case}_classes.tsv")

    @property
    def hotspot_table(self) -> Path:
        """Return the path of the table of hotspots."""
        return Path(self.output, f"{self.case}_hotspots.tsv")

    @property
    def member_table(self) -> Path:
        """Return the path of the table of how well members of an ensemble agree."""
        return Path(self.output, f"{self.case}_members.tsv")


@dataclass(frozen=True)
class Step:
    """Share of a case that is done while it is being computed, 0 to 1."""

    case: str
    share: float


def finished(task: Task) -> Row | None:
    """Return the row of a case whose maps were written with these options, or None.

    The JSON is written last and holds size and time of each file that was read, and the
    checksums of the tables that belong to it.
    """
    records = []
    for measure in task.measures:
        try:
            content = json.loads(task.file(measure, ".json").read_text("utf-8"))
            record = Record.from_json(content)
            if not task.file(measure, ".nii.gz").is_file() or not _as_asked(
                record, "affine" in content, measure, task
            ):
                return None
        except (OSError, ValueError, RecursionError):
            return None  # not there, or written by something else
        records.append(record)
    if not _has_hotspots(records[0], task.hotspots, task.radius):
        return None
    return _row(task.case, records[0])


def _as_asked(record: Record, has_place: bool, measure: str, task: Task) -> bool:
    """Return whether a map is the one that is asked for, of the same files."""
    asked = (measure, task.base, task.version, task.labels or "", task.how)
    found = (
        record.measure, record.base, record.version, record.segmentation, record.asked,
    )  # fmt: skip
    tables = (record.classes, record.hotspots, record.members_table)
    return (
        found == asked
        and not _placed_otherwise(record, has_place, task.place)
        and record.member_files == task.members
        and record.class_files == task.classes
        and unchanged(record.inputs, task.sources)
        and all(is_there(table, Path(task.output)) for table in tables)
    )


def iter_task(task: Task, threads: int | None = None) -> Generator[float, None, Row]:
    """Compute and write one case; yields the share done, returns its row.

    Whatever is wrong with a case becomes a failed row: the others go on. Closing the
    generator stops it, and leaves nothing behind.
    """
    try:
        record = yield from _iter_maps(task, threads)
        return _row(task.case, record)
    except InputError as error:
        message = str(error)
    except MemoryError as error:
        why = str(error) or "out of memory"
        message = f"It needs more memory than is free ({why})."
    except OSError as error:
        at = Path(error.filename or task.source)
        message = f"{at} cannot be read ({error.strerror or error})."
    except Exception as error:  # noqa: BLE001  named on stderr and in the summary
        message = f"unexpected: {type(error).__name__}: {error}; please report this."
    return failed(task, message)


def iter_events(
    task: Task, threads: int | None = None
) -> Generator[Step | Row, None, None]:
    """Compute and write one case, as :func:`iter_task` does; its row comes last."""
    yield Step(task.case, 0.0)
    with closing(iter_task(task, threads)) as steps:
        while True:
            try:
                share = next(steps)
            except StopIteration as end:
                yield end.value
                return
            yield Step(task.case, share)


def run_task(task: Task, threads: int | None = None) -> Row:
    """Compute and write one case in one go, as :func:`iter_task` does."""
    with closing(iter_task(task, threads)) as steps:
        return run(steps)


def failed(task: Task, message: str) -> Row:
    """Return the row of a case that failed, for the reason that the message tells."""
    if any(task.file(measure, ".nii.gz").exists() for measure in task.measures):
        message += " The map of this case in the output folder was written before."
    return Row(task.case, "failed", message=" ".join(message.split()))


def _row(case: str, record: Record) -> Row:
    """Return the row of a case from the record of its first map."""
    numbers = record.statistics
    return Row(
        case,
        "written",
        classes=record.n_classes,
        voxels=numbers.voxels,
        no_data=numbers.no_data,
        total=numbers.total,
        mean=numbers.mean,
        max=numbers.maximum,
        foreground_mean=numbers.foreground_mean,
        message=" ".join(record.notes),
        agreement=record.agreement,
        checks=record.worst_check,
        confidence=record.confidence,
        dice=record.overlap,
        warning=" ".join(
            one.sentence
            for one in record.checks
            if one.name in _WARNED_OF and one.level != "green"
        ),
    )


def _placed_otherwise(record: Record, has_place: bool, place: bool) -> bool:
    """Return whether the map would be placed otherwise by this run.

    That is so if ``--place`` was given then and is not now, or if it is given now, the
    place is unknown and the segmentation can tell it. A segmentation that puts the case
    elsewhere had made it fail.
    """
    if record.placement is not None:
        return not place
    check = record.check("orientation")
    can_tell = check is not None and check.level in ("green", "amber")
    return place and not has_place and can_tell


def _has_hotspots(record: Record, count: int | None, radius: float | None) -> bool:
    """Return whether the same hotspots were listed then; true if none are wanted."""
    if count is None:
        return True
    listed = record.hotspots
    return listed is not None and (listed.count, listed.radius_mm) == (count, radius)


def _iter_maps(task: Task, threads: int | None) -> Generator[float, None, Record]:
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
    # Duration of the parts relative to that of the maps: a comparison reads the labels,
    # and hotspots read the probabilities twice more.
    compared = 0.45 if task.labels is not None else 0.0
    total = 1.0 + compared + (2.0 if task.hotspots is not None else 0.0)
    mapped, summed_up = (1 + compared / 2) / total, (1 + compared) / total
    inputs = _opened(task)
    steps = iter_case(
        inputs,
        task.measures,
        base=task.base,
        elsewhere="place" if task.place else "refuse",
        threads=threads,
    )
    result = yield from part(steps, 0, mapped)
    maps = {
        name: np.asarray(values, np.float32) for name, values in result.maps.items()
    }
    result = replace(result, maps=replace(result.maps, maps=maps))
    # Fields of the records that name tables, and what a person should know of these.
    tables: dict[str, Any] = {}
    notes: list[str] = []
    labels = inputs.segmentation
    if isinstance(result.maps, EnsembleMaps):
        table = result.maps.dice_table(result.class_names)
        tables["members_table"] = write_table(task.member_table, table)
    if labels is not None and result.where.by_labels:
        class_table = iter_class_table(result, labels)
        table = yield from part(class_table, mapped, summed_up)
        tables["classes"] = write_table(task.table, table)
    elif labels is not None:
        notes.append(NO_TABLE)
    if task.hotspots is not None:
        options = HotspotOptions(task.hotspots, task.radius)
        places = iter_hotspot_table(result, options, threads)
        table, note = yield from part(places, summed_up, 1)
        notes += [note] if note else []
        listed = write_table(task.hotspot_table, table)
        tables["hotspots"] = HotspotTable(
            listed.file, listed.crc32, task.hotspots, task.radius
        )
    records = []
    for measure in task.measures:
        record = result.record(measure)
        record = replace(
            record,
            source=task.source,
            notes=tuple(dict.fromkeys((*record.notes, *notes))),
            **tables,
        )
        values, grid = result.values(measure), result.where.grid
        write_map(task.file(measure, ".nii.gz"), values, record, grid=grid)
        records.append(record)
        # Peaks and means of hotspots are those of the first map, which has them.
        tables.pop("hotspots", None)
    return records[0]


def _opened(task: Task) -> CaseInputs:
    """Open the files of a case, with the state that each of them had before."""
    for source in task.sources:
        if source.is_dir() and not is_array_folder(source):
            raise InputError(f"The folder {source} cannot be searched.")
    # States are taken before the files are read, so that a later change is noticed.
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
            f"{path} exists and was not written by napari-uncertainty; choose another "
            "folder, or move the file away."
        )
