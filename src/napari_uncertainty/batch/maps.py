"""Computing and writing the maps of one case, and the tables that belong to them."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..ensemble import EnsembleMaps
from ..errors import InputError
from ..kinds import KINDS
from ..steps import part
from .predictions import Predictions
from .states import files_of, state

if TYPE_CHECKING:
    from ..fold import UncertaintyMaps
    from ..images import LabelMap
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
    from ..matching.comparison import Segmentation
    from ..measures import LEAST_CONFIDENCE
    from ..trust import Case, iter_trust
    from .placing import placed

    shares = _Shares.of(task)
    predictions, labels, inputs = _opened(task)
    # With it, how confident the network is can be told.
    measures = tuple(dict.fromkeys((*task.measures, LEAST_CONFIDENCE.name)))
    fold = predictions.iter_maps(measures, task.base, threads)
    maps = yield from part(fold, 0, shares.fold)
    case = Case(
        predictions.first.values,
        task.case if task.members else predictions.first.name,
        predictions.grid,
        None if labels is None else Segmentation(labels.data, labels.grid, labels.name),
        beside=predictions.beside if labels is None else None,
        tissues_of=predictions.first.tissues_of,
        guess=predictions.first.guess,
    )
    if task.place and labels is None and case.beside is None:
        raise InputError(
            "Nothing shows where the probabilities belong: no segmentation lies beside "
            "them; name one with --labels."
        )
    trust = yield from part(iter_trust(case, maps), shares.fold, shares.trust)
    maps = _only(maps, task.measures)
    where = placed(predictions, maps, trust, labels, task.place)
    tables, notes = yield from _iter_tables(
        task, maps, where, labels, predictions, shares, threads
    )
    notes = [*predictions.notes, *notes]
    if task.how.temperature != 1 and not KINDS[maps.kind].logistic:
        notes.append("The values are no logits, so the temperature changes nothing.")
    where = replace(where, notes=(*where.notes, *notes))
    further = {
        "asked": task.how.to_dict(),
        "segmentation": task.labels,
        "placed": where.placement and where.placement.describe(),
        "inputs": inputs,
        **_of_members(predictions, maps),
        **tables,
    }
    told = [
        # Their peaks and means are those of one map, which alone vouches for them.
        _written(
            task, measure, maps, where, predictions,
            further | ({} if number == 0 else {"hotspots": None}),
        )
        for number, measure in enumerate(task.measures)
    ]  # fmt: skip
    return told[0]


def _only(maps: UncertaintyMaps, measures: Sequence[str]) -> UncertaintyMaps:
    """The maps that are written, in the type that they are written in."""
    return replace(
        maps,
        maps={name: np.asarray(maps[name], np.float32) for name in measures},
    )


def _of_members(predictions: Predictions, maps: UncertaintyMaps) -> dict[str, Any]:
    """Return what the JSON says of the members of an ensemble."""
    if not isinstance(maps, EnsembleMaps):
        return {}
    return {
        "members": [
            {"name": name, "path": str(one.source)}
            for name, one in zip(maps.members, predictions.members, strict=True)
        ],
        "dice": [None if np.isnan(one) else float(one) for one in maps.mean_dice],
        "not_shared": maps.not_shared,
    }


def _iter_tables(
    task: Task,
    maps: UncertaintyMaps,
    where: Placed,
    labels: LabelMap | None,
    predictions: Predictions,
    shares: _Shares,
    threads: int | None,
) -> Generator[float, None, tuple[dict[str, Any], list[str]]]:
    """Write the tables; gives what the JSON says of them, and further notes."""
    from .classes import NO_TABLE, iter_table
    from .tables import write_table

    told: dict[str, Any] = {"classes": None, "hotspots": None}
    notes = []
    names = predictions.names_as(maps.kind)
    if isinstance(maps, EnsembleMaps):
        table = maps.dice_table(names)
        told["members_table"] = write_table(task.member_table, table)
    if labels is not None and where.by_labels:
        steps = iter_table(maps, where, labels, names, threads)
        table = yield from part(steps, shares.trust, shares.classes)
        told["classes"] = write_table(task.table, table)
    elif labels is not None:
        notes.append(NO_TABLE)
    if task.hotspots is not None:
        from ..hotspots import Wanted
        from .hotspots import iter_hotspot_table

        wanted = Wanted(task.hotspots, task.radius)
        found = iter_hotspot_table(maps, where, labels, predictions, wanted, threads)
        table, note = yield from part(found, shares.classes, 1)
        notes += [note] if note else []
        told["hotspots"] = {
            **write_table(task.hotspot_table, table),
            "count": task.hotspots,
            "radius_mm": task.radius,
        }
    return told, notes


def _opened(task: Task) -> tuple[Predictions, LabelMap | None, list[dict[str, Any]]]:
    """Probabilities and segmentation, and the state of all files that they are in."""
    from ..io.folders import is_array_folder
    from ..io.nifti import open_segmentation

    for source in task.sources:
        if source.is_dir() and not is_array_folder(source):
            raise InputError(f"The folder {source} cannot be searched.")
    # Taken before the files are read: a change while they are is then noticed, too.
    files = [file for source in task.sources for file in files_of(source)]
    states = {file: state(file) for file in files}
    for measure in task.measures:
        _check_replaceable(task.file(measure, ".nii.gz"))
    predictions = Predictions.open(task.sources, task.how, together=bool(task.members))
    further = [
        *predictions.files,
        *(one.geometry_source for one in predictions.members),
    ]
    further += [None if task.labels is None else Path(task.labels)]
    for file in further:
        if file is not None and file not in states and file.exists():
            states[file] = state(file)
    labels = None if task.labels is None else open_segmentation(Path(task.labels))
    return predictions, labels, list(states.values())


def _written(
    task: Task,
    measure: str,
    maps: UncertaintyMaps,
    where: Placed,
    predictions: Predictions,
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
        probabilities=task.case if task.members else predictions.first.name,
        source=Path(task.source),
        geometry_source=where.geometry_source,
        class_names=predictions.names_as(maps.kind),
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
