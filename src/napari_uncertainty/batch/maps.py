"""Computing and writing the maps of one case, and the tables that belong to them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from ..steps import part
from .states import files_of, state

if TYPE_CHECKING:
    from ..fold import UncertaintyMaps
    from ..images import LabelMap
    from ..probabilities import ProbabilityMap
    from .case import Task
    from .placing import Placed


@dataclass(frozen=True)
class _Shares:
    """Where the parts of the work end, 0 to 1, by how long they take."""

    fold: float
    trust: float
    classes: float

    @classmethod
    def of(cls, task: Task) -> _Shares:
        compared = 0.45 if task.labels is not None else 0.0
        # The probabilities are read twice more.
        total = 1.0 + compared + (2.0 if task.hotspots is not None else 0.0)
        return cls(1 / total, (1 + compared / 2) / total, (1 + compared) / total)


def iter_maps(
    task: Task, threads: int | None
) -> Generator[float, None, dict[str, Any]]:
    """Compute and write them; yields the share done.

    Returns
    -------
    dict
        What the JSON of the first map says.

    Raises
    ------
    InputError, OSError, MemoryError
        If something is wrong with the case.
    """
    from ..fold import iter_fold
    from ..matching.comparison import Segmentation
    from ..trust import Case, iter_trust
    from .placing import placed

    shares = _Shares.of(task)
    probabilities, labels, inputs = _opened(task)
    fold = iter_fold(probabilities, task.measures, base=task.base, threads=threads)
    maps = yield from part(fold, 0, shares.fold)
    assert maps is not None  # nothing cancels it
    case = Case(
        probabilities.values,
        probabilities.name,
        probabilities.grid,
        None if labels is None else Segmentation(labels.data, labels.grid, labels.name),
    )
    trust = yield from part(iter_trust(case, maps), shares.fold, shares.trust)
    assert trust is not None
    where = placed(probabilities, maps, trust, labels, task.place)
    tables, notes = yield from _iter_tables(
        task, maps, where, labels, probabilities, shares, threads
    )
    where = replace(where, notes=(*where.notes, *notes))
    further = {
        "segmentation": task.labels,
        "placed": where.placement and where.placement.describe(),
        "classes": tables["classes"],
        "inputs": inputs,
    }
    told = [
        # Their peaks and means are those of one map, which alone vouches for them.
        _written(
            task, measure, maps, where, probabilities,
            further | {"hotspots": tables["hotspots"] if number == 0 else None},
        )
        for number, measure in enumerate(task.measures)
    ]  # fmt: skip
    return told[0]


def _iter_tables(
    task: Task,
    maps: UncertaintyMaps,
    where: Placed,
    labels: LabelMap | None,
    probabilities: ProbabilityMap,
    shares: _Shares,
    threads: int | None,
) -> Generator[float, None, tuple[dict[str, Any], list[str]]]:
    """Write the tables; gives what the JSON says of them, and further notes."""
    from .classes import NO_TABLE, iter_table
    from .tables import write_table

    told: dict[str, Any] = {"classes": None, "hotspots": None}
    notes = []
    if labels is not None and where.by_labels:
        names = probabilities.names_as(maps.kind)
        steps = iter_table(maps, where, labels, names, threads)
        table = yield from part(steps, shares.trust, shares.classes)
        told["classes"] = write_table(task.table, table, ("name",))
    elif labels is not None:
        notes.append(NO_TABLE)
    if task.hotspots is not None:
        from .hotspots import NAMES, iter_hotspot_table

        found = iter_hotspot_table(
            maps, where, labels, probabilities, task.hotspots, threads
        )
        table, note = yield from part(found, shares.classes, 1)
        notes += [note] if note else []
        told["hotspots"] = {
            **write_table(task.hotspot_table, table, NAMES),
            "count": task.hotspots,
        }
    return told, notes


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
        class_names=probabilities.names_as(maps.kind),
        foreground_from=where.foreground_from,
        notes=where.notes,
        checks=where.checks,
    )
    told |= further
    if where.grid is not None:
        told |= where.grid.to_dict()
    write_map(task.file(measure, ".nii.gz"), values, told, grid=where.grid)
    return told


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
