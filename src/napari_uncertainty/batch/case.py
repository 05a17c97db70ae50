"""One case of many: what is asked for, whether it is done already, and doing it."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..checks import worst_level
from ..errors import InputError
from ..measures import Base
from ..steps import part, run
from .states import files_of, state, unchanged
from .summary import Row

if TYPE_CHECKING:
    from ..fold import UncertaintyMaps
    from ..images import LabelMap
    from ..probabilities import ProbabilityMap
    from .placing import Placed


@dataclass(frozen=True)
class Task:
    """What to compute; small, for it travels to other processes and machines.

    Attributes
    ----------
    case : str
        Name of the case, with which the names of its files begin.
    source : str
        Absolute path of the probabilities.
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
    version: str = version("napari-uncertainty")

    def file(self, measure: str, ending: str) -> Path:
        """Where a map (``.nii.gz``) or what it is (``.json``) is written."""
        return Path(self.output, f"{self.case}_{measure}{ending}")

    @property
    def table(self) -> Path:
        """Where the numbers of each class are written."""
        return Path(self.output, f"{self.case}_classes.tsv")


@dataclass(frozen=True)
class Step:
    """How much of a case that is being computed is done, 0 to 1."""

    case: str
    share: float


def finished(task: Task) -> Row | None:
    """The row of a case whose maps are there, made from these inputs as asked; or None.

    The JSON is written last and holds size and time of each file that was read, and the
    checksum of the table that belongs to it.
    """
    from .classes import is_there

    told: list[dict[str, Any]] = []
    for measure in task.measures:
        try:
            told.append(json.loads(task.file(measure, ".json").read_text("utf-8")))
            asked = {
                "measure": measure,
                "base": task.base,
                "version": task.version,
                "segmentation": task.labels,
            }
            if (
                not task.file(measure, ".nii.gz").is_file()
                or any(told[-1][key] != value for key, value in asked.items())
                or _placed_otherwise(told[-1], task.place)
                or not unchanged(told[-1]["inputs"], Path(task.source))
                or not is_there(told[-1]["classes"], Path(task.output))
            ):
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None  # not there, or written by something else
    return _row(task.case, told[0])


def iter_task(task: Task, threads: int | None = None) -> Generator[float, None, Row]:
    """Compute and write one case; yields the share done, returns its row.

    Whatever is wrong with a case becomes a failed row: the others go on. Closing the
    generator stops it, and leaves nothing behind.
    """
    try:
        return (yield from _iter_maps(task, threads))
    except InputError as error:
        message = str(error)
    except MemoryError as error:
        message = f"It needs more memory than is free ({error or 'out of memory'})."
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


def _iter_maps(task: Task, threads: int | None) -> Generator[float, None, Row]:
    from ..fold import iter_fold
    from ..matching.comparison import Segmentation
    from ..trust import Case, iter_trust
    from .classes import NO_TABLE, iter_table, write_table
    from .placing import placed

    probabilities, labels, inputs = _opened(task)
    fold_share, trust_share = (1.0, 1.0) if labels is None else (0.7, 0.85)
    fold = iter_fold(probabilities, task.measures, base=task.base, threads=threads)
    maps = yield from part(fold, 0, fold_share)
    assert maps is not None  # nothing cancels it
    case = Case(
        probabilities.values,
        probabilities.name,
        probabilities.grid,
        None if labels is None else Segmentation(labels.data, labels.grid, labels.name),
    )
    trust = yield from part(iter_trust(case, maps), fold_share, trust_share)
    assert trust is not None
    where = placed(probabilities, maps, trust, labels, task.place)
    further: dict[str, Any] = {
        "segmentation": task.labels,
        "placed": where.placement and where.placement.describe(),
        "classes": None,
        "inputs": inputs,
    }
    if labels is not None and where.by_labels:
        steps = iter_table(maps, where, labels, probabilities.class_names, threads)
        table = yield from part(steps, trust_share, 1)
        further["classes"] = write_table(task.table, table)
    elif labels is not None:
        where = replace(where, notes=(*where.notes, NO_TABLE))
    told = [
        _written(task, measure, maps, where, probabilities, further)
        for measure in task.measures
    ]
    return _row(task.case, told[0])


def _opened(task: Task) -> tuple[ProbabilityMap, LabelMap | None, list[dict[str, Any]]]:
    """Probabilities and segmentation, and the state of all files that they are in."""
    from ..io import open_probabilities
    from ..io.nifti import open_segmentation

    source = Path(task.source)
    if source.is_dir():
        raise InputError(f"The folder {source} cannot be searched.")
    # Taken before the files are read: a change while they are is then noticed, too.
    inputs = [state(path) for path in files_of(source)]
    for measure in task.measures:
        _check_replaceable(task.file(measure, ".nii.gz"))
    probabilities = open_probabilities(source)
    for further in (probabilities.geometry_source, task.labels):
        if further is not None and Path(further).is_file():
            found = state(Path(further))
            inputs += [] if found in inputs else [found]
    labels = None if task.labels is None else open_segmentation(Path(task.labels))
    return probabilities, labels, inputs


def _written(
    task: Task,
    measure: str,
    maps: UncertaintyMaps,
    where: Placed,
    probabilities: ProbabilityMap,
    further: Mapping[str, Any],
) -> dict[str, Any]:
    """Write one map; gives what its JSON says."""
    from ..io.maps import write_map
    from ..provenance import provenance
    from ..statistics import map_statistics

    values = where.turned(maps[measure])
    told = provenance(
        measure,
        maps,
        map_statistics(values, where.turned(maps.no_data), where.foreground),
        probabilities=probabilities.name,
        source=Path(task.source),
        geometry_source=where.geometry_source,
        class_names=probabilities.class_names,
        kind=probabilities.kind,
        foreground_from=where.foreground_from,
        notes=where.notes,
        checks=where.checks,
    )
    told |= further
    if where.grid is not None:
        told |= where.grid.to_dict()
    write_map(task.file(measure, ".nii.gz"), values, told, grid=where.grid)
    return told


def _row(case: str, told: Mapping[str, Any]) -> Row:
    """The row of a case from what the JSON of its first map says."""
    numbers = told["statistics"]
    return Row(
        case,
        "written",
        classes=told["n_classes"],
        voxels=numbers["voxels"],
        no_data=numbers["no_data"],
        total=numbers["total"],
        mean=numbers["mean"],
        max=numbers["maximum"],
        foreground_mean=numbers["foreground_mean"],
        message=" ".join(told["notes"]),
        agreement=next(
            (
                one.get("foreground")
                for one in told["checks"]
                if one["name"] == "agreement"
            ),
            None,
        ),
        checks=worst_level([one["level"] for one in told["checks"]]),
    )


def _placed_otherwise(told: Mapping[str, Any], place: bool) -> bool:
    """Whether --place was given then and not now, or now and could make a change.

    It could where the place is unknown and the segmentation can tell it; one that puts
    the case elsewhere had made it fail.
    """
    if told["placed"] is not None:
        return not place
    [level] = [c["level"] for c in told["checks"] if c["name"] == "orientation"] or [""]
    return place and "affine" not in told and level in ("green", "amber")


def _check_replaceable(path: Path) -> None:
    """Refuse to write over an image that this program did not make."""
    from ..io.maps import is_map
    from ..io.nifti import load

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
