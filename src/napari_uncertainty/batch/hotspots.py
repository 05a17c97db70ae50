"""``<case>_hotspots.tsv``: the places of a map where most wrong voxels are expected."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..case import CaseResult
from ..grid import Grid
from ..hotspots import HotspotOptions, Hotspots, iter_hotspots
from ..kinds import KINDS
from ..measures import ALL_MEASURES
from ..placement import Placement
from .classes import labels_of_classes, names_on_map

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


def iter_hotspot_table(
    result: CaseResult, wanted: HotspotOptions, threads: int | None
) -> Generator[float, None, tuple[pd.DataFrame, str]]:
    """Find places of the first measure's map step by step; yields the share done.

    What may be wrong is the segmentation, where it is known how it lies and its labels
    are the classes, or else the most probable class.

    Parameters
    ----------
    result : CaseResult
        The maps and how they lie. Of probabilities in a file, one class at a time is in
        memory.
    wanted : HotspotOptions
        Which places.
    threads : int or None
        How many threads compute.

    Returns
    -------
    DataFrame, str
        As of :meth:`.Hotspots.table`; and what a person should know, or ``""``.
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
    found = yield from iter_places(
        where.turned(values),
        labels,
        where.turned(maps.no_data),
        members,
        where.grid,
        where.placement,
        wanted,
        undecided=ALL_MEASURES[measure].undecided(maps.base, maps.n_states),
        threads=threads,
    )
    return found.table(named), " ".join(notes)


def of_the_map_alone(kind: str) -> str:
    """Return what to tell where probabilities are no opinion on classes."""
    return (
        f"Taken for {KINDS[kind].title.lower()}, the values are not one probability "
        "for each class, so the hotspots are those of the map alone."
    )


def not_its_classes(name: str) -> str:
    """Return what to tell where the labels of a segmentation cannot be compared."""
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
    wanted: HotspotOptions,
    *,
    undecided: float,
    threads: int | None = None,
) -> Generator[float, None, Hotspots]:
    """Find places of a map that does not lie as its probabilities do.

    Yields the share done. Probabilities in a file cannot be turned before they are
    read, so the map is turned to them, and what was found is turned back.

    Parameters
    ----------
    values, labels, no_data : ndarray, or None
        As of :func:`.iter_hotspots`, on the voxels of the map.
    members : sequence of array or StoredValues
        Probabilities, class axis first, in their own order; none where the map alone
        has to tell.
    grid : Grid or None
        Where the voxels of the map are.
    placement : Placement or None
        What turns the probabilities into the order of the map; None where nothing is
        turned. Its offset does not matter.
    wanted : HotspotOptions
        Which places.
    undecided : float
        As of :meth:`.Measure.undecided`.
    threads : int or None
        How many threads compute.
    """
    turn = placement or Placement.as_it_is(values.ndim)
    turn = turn.shifted((0,) * values.ndim)
    back = [None if one is None else turn.turn_back(one) for one in (labels, no_data)]
    own = turn.turn_back(values)
    to_map = turn.affine(own.shape)
    steps = iter_hotspots(
        own,
        *back,
        members=members,
        grid=None if grid is None else _turned_back(grid, own.shape, to_map),
        undecided=undecided,
        wanted=wanted,
        threads=threads,
    )
    found = yield from steps
    places = []
    for place in found.places:
        voxel = tuple(int(at) for at in (to_map @ (*place.voxel, 1))[:-1])
        ras = None if grid is None else tuple(grid.to_ras([voxel])[0].tolist())
        places.append(replace(place, voxel=voxel, ras=ras))
    return replace(found, places=tuple(places), shape=values.shape, grid=grid)


def _turned_back(grid: Grid, shape: tuple[int, ...], to_map: Array) -> Grid:
    """Return where the voxels of the map are, in the order of the probabilities."""
    whole = np.eye(4)
    axes = [*range(len(shape)), 3]
    whole[np.ix_(axes, axes)] = to_map
    return Grid(shape, grid.affine @ whole)
