"""Where the maps of one of many cases belong, after its segmentation was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import Check
from ..checks.match import check_agreement
from ..checks.place import check_grid
from ..comparison import on_prediction
from ..errors import InputError
from ..fold import UncertaintyMaps
from ..grid import Grid
from ..images import LabelMap
from ..orientation import Search
from ..placement import Placement
from ..probabilities import ProbabilityMap
from ..trust import Trust

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Placed:
    """How the maps of a case are written.

    Attributes
    ----------
    grid : Grid or None
        Where their voxels are.
    geometry_source : Path or None
        The file that says so.
    foreground : ndarray
        Not 0 where there is foreground, on these voxels.
    checks : tuple of Check
        What was looked at.
    notes : tuple of str
        What a person should know.
    placement : Placement or None
        How the maps are turned; None where they stay as they are.
    """

    grid: Grid | None
    geometry_source: Path | None
    foreground: Array
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    placement: Placement | None = None

    def turned(self, values: Array) -> Array:
        """A map on the voxels that are written."""
        return values if self.placement is None else self.placement.turn(values)


def placed(
    probabilities: ProbabilityMap,
    maps: UncertaintyMaps,
    trust: Trust,
    segmentation: LabelMap | None,
    place: bool,
) -> Placed:
    """As the files have it, or where the evidence puts it, if that is asked for.

    Raises
    ------
    InputError
        If the evidence says that the probabilities lie otherwise, and they are not to
        be placed, or it is not clear how.
    """
    search = trust.search
    if search is not None and search.better is not None:
        assert segmentation is not None
        assert trust.compared is not None
        _require_clear(search, trust.checks, place)
        return _where_it_agrees(search, maps, trust, segmentation)
    notes = [one.sentence for one in trust.checks if one.level != "green"]
    if probabilities.grid is None:
        notes.insert(0, probabilities.place_note)
    return Placed(
        probabilities.grid,
        probabilities.geometry_source,
        maps.prediction if trust.foreground is None else trust.foreground,
        trust.checks,
        tuple(notes),
    )


def _require_clear(search: Search, checks: Sequence[Check], place: bool) -> None:
    [told] = [one.sentence for one in checks if one.name == "orientation"]
    if search.ties:
        raise InputError(f"{told} So no map was written.")
    if not place:
        raise InputError(
            f"{told} So no map was written; --place puts it where it agrees."
        )


def _where_it_agrees(
    search: Search,
    maps: UncertaintyMaps,
    trust: Trust,
    segmentation: LabelMap,
) -> Placed:
    """On the voxels of the segmentation; what was checked is looked at anew."""
    assert search.better is not None
    assert trust.compared is not None
    onto = trust.compared.onto
    assert onto.grid is not None
    placement = search.better.placement
    shape = placement.turned_shape(maps.prediction.shape)
    grid = onto.grid.box(placement.offset, shape)
    shift = Placement.as_it_is(len(shape)).shifted(placement.offset)
    anew = [
        *check_agreement(
            Search(search.better, search.ranked), segmentation.name, grid.axcodes
        ),
        check_grid(segmentation.name, "segmentation", grid, segmentation.grid),
    ]
    replaced = {one.name for one in anew}
    note = (
        f"Placed by its agreement with '{segmentation.name}': {placement.describe()}."
    )
    checks = [*(one for one in trust.checks if one.name not in replaced), *anew]
    return Placed(
        grid,
        segmentation.source,
        on_prediction(onto.labels, shift, shape),
        tuple(checks),
        (note, *(one.sentence for one in checks if one.level != "green")),
        placement,
    )
