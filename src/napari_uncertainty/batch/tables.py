"""Tables beside the maps of a case: its classes in numbers, and its hotspots."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.class_blocks import iter_class_statistics
from ..analysis.class_statistics import class_table, voxel_volume
from ..analysis.hotspot_search import iter_hotspots
from ..analysis.hotspots import HotspotOptions, Hotspots
from ..case import CaseResult
from ..compare.segmentation import Segmentation
from ..engine.maps import UncertaintyMaps
from ..io.writing import tab_separated, write_whole
from ..model.grid import Grid
from ..model.kinds import KINDS
from ..model.measures import ALL_MEASURES, largest_value
from ..model.placement import Placement
from ..model.record import Check, Table
from ..steps import part

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]

NO_TABLE = (
    "No table of the classes was written: nothing tells how the segmentation lies on "
    "the map."
)


def write_table(path: Path, table: pd.DataFrame) -> Table:
    """Write a table, see :func:`.tab_separated`.

    Parameters
    ----------
    path : Path
        The file.
    table : DataFrame
        A row for each line below the first.

    Returns
    -------
    Table
        File name and checksum, by which :func:`is_there` knows it again.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    encoded = tab_separated(table)
    write_whole([(path, lambda file: file.write(encoded))])
    return Table(path.name, _checksum(encoded))


def is_there(table: Table | None, folder: Path) -> bool:
    """Return whether a table is unchanged since it was written; true without a table.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    if table is None:
        return True
    return table.crc32 == _checksum((folder / table.file).read_bytes())


def _checksum(written: bytes) -> str:
    return f"{zlib.crc32(written):08x}"


def highest_half(measure: str, maps: UncertaintyMaps) -> float:
    """Return the threshold of the table: half of the largest possible value."""
    n_members = len(maps.members)
    return largest_value(measure, maps.base, maps.n_states, maps.kind, n_members) / 2


def iter_class_table(
    result: CaseResult, segmentation: Segmentation
) -> Generator[float, None, pd.DataFrame]:
    """Compute the numbers of each measure and label; yields the share done.

    Parameters
    ----------
    result : CaseResult
        All maps and how they are written; the foreground is the segmentation's.
    segmentation : Segmentation
        Labels to sum up by; its names come before those of the classes.
    """
    import pandas as pd

    maps, where, class_names = result.maps, result.where, result.class_names
    classes = labels_of_classes(segmentation, len(class_names), where.checks)
    names = names_on_map(segmentation, classes, class_names)
    tables = []
    for done, measure in enumerate(maps):
        steps = iter_class_statistics(
            where.turned(maps[measure]),
            where.foreground,
            where.turned(maps.no_data),
        )
        statistics = yield from part(steps, done / len(maps), (done + 1) / len(maps))
        threshold = highest_half(measure, maps)
        table = class_table(
            statistics,
            class_names=names,
            voxel_volume_mm3=voxel_volume(where.grid),
            threshold=threshold,
        )
        if classes is not None:
            table["label"] = [classes[number] for number in table["label"]]
        table.insert(0, "measure", measure)
        table.insert(1, "threshold", threshold)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def labels_of_classes(
    segmentation: Segmentation, n_classes: int, checks: Sequence[Check] = ()
) -> list[int] | None:
    """Return the label in a segmentation of each class, by the number of the class.

    None where the labels are not the classes, so that the foreground on a map has the
    labels themselves. See :func:`~napari_uncertainty.compare.agreement.as_classes`.
    `checks` tell where classes and labels have different numbers; -1 stands for a class
    that no label has.
    """
    check = next((one for one in checks if one.name == "labels"), None)
    if check is not None and len(check.numbers["numbers"]) == n_classes:
        return [int(one) for one in check.numbers["numbers"]]
    labels = segmentation.labels
    if labels.min() >= 0 and labels.max() < n_classes:
        return list(range(n_classes))
    present = np.unique(labels)
    return present.tolist() if len(present) == n_classes else None


def names_on_map(
    segmentation: Segmentation,
    classes: Sequence[int] | None,
    class_names: Sequence[str],
) -> Mapping[int, str]:
    """Return names by the numbers that the foreground on a map has.

    Parameters
    ----------
    segmentation : Segmentation
        Its own names come first.
    classes : sequence of int or None
        Labels of the classes, see :func:`labels_of_classes`.
    class_names : sequence of str
        Names of the classes; without `classes` they are not used.
    """
    names: Mapping[int, str] = segmentation.class_names
    if classes is None:
        return names
    pairs = enumerate(zip(classes, class_names, strict=True))
    return {number: names.get(label, name) for number, (label, name) in pairs}


def iter_hotspot_table(
    result: CaseResult, options: HotspotOptions, threads: int | None
) -> Generator[float, None, tuple[pd.DataFrame, str]]:
    """Find hotspots of the first measure's map; yields the share done.

    They are the places where errors are expected in the segmentation, if it is known
    how it lies and its labels are the classes, or else in the most probable class.

    Parameters
    ----------
    result : CaseResult
        The maps and how they lie. Of probabilities in a file, one class at a time is in
        memory.
    options : HotspotOptions
        Number and size of the hotspots.
    threads : int or None
        Number of threads.

    Returns
    -------
    DataFrame, str
        The table, see :meth:`.Hotspots.table`, and a note, which may be empty.
    """
    maps, where, predictions = result.maps, result.where, result.inputs.predictions
    segmentation, names = result.inputs.segmentation, result.class_names
    labels, notes = where.turned(maps.prediction), []
    named = dict(enumerate(names))
    if segmentation is not None and where.by_labels:
        classes = labels_of_classes(segmentation, len(names), where.checks)
        if classes is None:
            notes.append(not_its_classes(segmentation.name))
        else:
            labels = where.foreground
            named = dict(names_on_map(segmentation, classes, names))
    background = maps.background.channel
    members = predictions.on_maps(maps.kind, maps.temperature, background)
    if not members:
        notes.append(of_the_map_alone(maps.kind))
    measure, values = next(iter(maps.items()))
    hotspots = yield from iter_places(
        where.turned(values),
        labels,
        where.turned(maps.no_data),
        members,
        where.grid,
        where.placement,
        options,
        undecided=ALL_MEASURES[measure].undecided(maps.base, maps.n_states),
        threads=threads,
    )
    return hotspots.table(named), " ".join(notes)


def of_the_map_alone(kind: str) -> str:
    """Return a note for values that are not one probability for each class."""
    return (
        f"Taken for {KINDS[kind].title.lower()}, the values are not one probability "
        "for each class, so the hotspots are those of the map alone."
    )


def not_its_classes(name: str) -> str:
    """Return a note for a segmentation whose labels are not the classes."""
    return (
        f"The labels of '{name}' are not the classes of the probabilities, so the "
        "hotspots are those of the most probable class."
    )


def iter_places(
    values: Array,
    labels: Array | None,
    no_data: Array | None,
    members: Sequence[Any],
    grid: Grid | None,
    placement: Placement | None,
    options: HotspotOptions,
    *,
    undecided: float,
    threads: int | None = None,
) -> Generator[float, None, Hotspots]:
    """Find hotspots of a map that does not lie as its probabilities do.

    Yields the share done. Probabilities in a file cannot be turned before they are
    read, so the map is turned to them, and the hotspots are turned back.

    Parameters
    ----------
    values, labels, no_data : ndarray, or None
        The same as for :func:`.iter_hotspots`, on the voxels of the map.
    members : sequence of array or StoredValues
        Probabilities, class axis first, in their own order; empty where only the map is
        known.
    grid : Grid or None
        Where the voxels of the map are.
    placement : Placement or None
        Turn of the probabilities into the order of the map; None where nothing is
        turned. Its offset does not matter.
    options : HotspotOptions
        Number and size of the hotspots.
    undecided : float
        See :meth:`.Measure.undecided`.
    threads : int or None
        Number of threads.
    """
    turn = placement or Placement.as_it_is(values.ndim)
    turn = turn.shifted((0,) * values.ndim)
    back = [None if one is None else turn.turn_back(one) for one in (labels, no_data)]
    own = turn.turn_back(values)
    hotspots = yield from iter_hotspots(
        own,
        *back,
        members=members,
        grid=None if grid is None else grid.turned(turn.inverse()),
        undecided=undecided,
        wanted=options,
        threads=threads,
    )
    places = []
    for place in hotspots.places:
        voxel = turn.voxel(place.voxel, own.shape)
        ras = None if grid is None else tuple(grid.to_ras([voxel])[0].tolist())
        places.append(replace(place, voxel=voxel, ras=ras))
    return replace(hotspots, places=tuple(places), shape=values.shape, grid=grid)
