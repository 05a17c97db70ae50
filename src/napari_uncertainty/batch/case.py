"""One case of many: what is asked for, whether it is done already, and doing it."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..measures import Base
from ..model.interpretation import AS_FOUND, Interpretation
from ..model.record import Record
from ..steps import run
from ..version import __version__
from .states import unchanged
from .summary import Row
from .tables import is_there

# Checks of whether the input is what it was taken for; told as soon as they fail.
_WARNED_OF = ("kind", "members")


@dataclass(frozen=True)
class Task:
    """What to compute; small, for it travels to other processes and machines.

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
        How many places of the first map to list, at most; None for no list.
    radius : float or None
        Of these places in mm; None where voxels and image tell it.
    members : tuple of str
        Absolute paths of all files of an ensemble; empty for a case of one network.
    classes : tuple of str
        Absolute paths of the files of one class each, in the order of the classes,
        where a person named them as one case.
    how : Interpretation
        How the values are to be taken.
    version : str
        Version of napari-uncertainty that asks.
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
        """The files with probabilities that were named or found."""
        return [Path(one) for one in self.members or self.classes or (self.source,)]

    def file(self, measure: str, ending: str) -> Path:
        """Return where a map (``.nii.gz``) or what it is (``.json``) is written."""
        return Path(self.output, f"{self.case}_{measure}{ending}")

    @property
    def table(self) -> Path:
        """Return where the numbers of each class are written."""
        return Path(self.output, f"{self.case}_classes.tsv")

    @property
    def hotspot_table(self) -> Path:
        """Return where the places worth a look are written."""
        return Path(self.output, f"{self.case}_hotspots.tsv")

    @property
    def member_table(self) -> Path:
        """Return where it is written how well the members of an ensemble agree."""
        return Path(self.output, f"{self.case}_members.tsv")


def tasks_of(sources: Sequence[Path], labels: Path | None, like: Task) -> list[Task]:
    """A task for each input, with its segmentation.

    Parameters
    ----------
    sources : sequence of Path
        Absolute paths of the probabilities.
    labels : Path or None
        The segmentation, or a folder with one for each.
    like : Task
        What else is asked for.

    Raises
    ------
    InputError
        If there are no such segmentations.
    """
    from .names import case_names, case_stem
    from .segmentations import find_segmentations

    segmentations: list[Any] = [None] * len(sources)
    if labels is not None:
        found = find_segmentations(labels, list(map(case_stem, sources)))
        segmentations = list(map(str, found))
    return [
        one
        for case, source, segmentation in zip(
            case_names(sources, like.measures), sources, segmentations, strict=True
        )
        for one in _frames_of(
            replace(like, case=case, source=str(source), labels=segmentation)
        )
    ]


def _frames_of(task: Task) -> list[Task]:
    """A task for each frame of a series, or the same; whatever is wrong, it tells."""
    from ..io import frames_in

    frames = 0
    if task.how.frame is None:
        # Damage is told when the case is opened.
        with suppress(InputError, OSError, ImportError, MemoryError):
            frames = frames_in(task.source, task.how)
    if not frames:
        return [task]
    digits = len(str(frames - 1))
    return [
        replace(
            task,
            case=f"{task.case}_frame_{number:0{digits}d}",
            how=replace(task.how, frame=number),
        )
        for number in range(frames)
    ]


def ensemble_task(sources: Sequence[Path], labels: Path | None, like: Task) -> Task:
    """The task for an ensemble; parameters and errors are those of `tasks_of`.

    In a folder, the segmentation is called like the case.

    Raises
    ------
    InputError
        If there is but one member, too.
    """
    from .ensembles import ensemble_name, require_several
    from .segmentations import find_segmentations

    require_several(sources, like.how)
    case = ensemble_name(sources, like.measures)
    segmentation = None
    if labels is not None:
        segmentation = str(find_segmentations(labels, [case])[0])
    paths = tuple(map(str, sources))
    return replace(like, case=case, source=paths[0], members=paths, labels=segmentation)


def case_task(
    name: str, sources: Sequence[Path], labels: Path | None, like: Task
) -> Task:
    """Return the task for files that a person names as the classes of one case.

    In a folder, the segmentation is called like the case.

    Raises
    ------
    InputError
        If the name cannot be that of a file, if these are no files of one class each,
        or if there is no such segmentation.
    """
    from ..io.families import named_family
    from .names import valid_name
    from .segmentations import find_segmentations

    if not name or valid_name(name) != name:
        raise InputError(
            f"'{name}' cannot be the name of a case, with which names of files begin; "
            "choose one of letters, numbers, - and _."
        )
    named_family(sources)
    segmentation = None
    if labels is not None:
        segmentation = str(find_segmentations(labels, [name])[0])
    paths = tuple(map(str, sources))
    return replace(like, case=name, source=paths[0], classes=paths, labels=segmentation)


@dataclass(frozen=True)
class Step:
    """How much of a case that is being computed is done, 0 to 1."""

    case: str
    share: float


def finished(task: Task) -> Row | None:
    """Return the row of a case whose maps are there, made as asked; or None.

    The JSON is written last and holds size and time of each file that was read, and the
    checksums of the tables that belong to it.
    """
    records = []
    for measure in task.measures:
        try:
            told = json.loads(task.file(measure, ".json").read_text("utf-8"))
            record = Record.from_json(told)
            if not task.file(measure, ".nii.gz").is_file() or not _as_asked(
                record, "affine" in told, measure, task
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
    from .maps import iter_maps

    try:
        record = yield from iter_maps(task, threads)
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


def run_task(task: Task, threads: int | None = None) -> Row:
    """Compute and write one case in one go, as :func:`iter_task` does."""
    with closing(iter_task(task, threads)) as steps:
        return run(steps)


def failed(task: Task, message: str) -> Row:
    """Row of a case that failed, for the reason that the message tells."""
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
    """Return whether --place was given then and not now, or now could make a change.

    It could where the place is unknown and the segmentation can tell it; one that puts
    the case elsewhere had made it fail.
    """
    if record.placement is not None:
        return not place
    check = record.check("orientation")
    can_tell = check is not None and check.level in ("green", "amber")
    return place and not has_place and can_tell


def _has_hotspots(record: Record, count: int | None, radius: float | None) -> bool:
    """Return whether such places were asked for then; for None none need be."""
    if count is None:
        return True
    there = record.hotspots
    return there is not None and (there.count, there.radius_mm) == (count, radius)
