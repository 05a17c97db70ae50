"""Where the maps of one of many cases belong, after its segmentation was looked at."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..checks import Check
from ..checks.match import check_agreement
from ..checks.place import check_grid, check_header
from ..errors import InputError
from ..fold import UncertaintyMaps
from ..grid import Grid
from ..images import LabelMap
from ..matching.comparison import Segmentation, on_prediction
from ..matching.orientation import Candidate, Search
from ..placement import Placement, all_orientations
from ..trust import Trust
from .predictions import Predictions

Array = np.ndarray[Any, Any]

# Stands for a file name where the most probable class says what is foreground.
PREDICTION = "prediction"

# Names of the checks that another place makes anew.
_ABOUT_THE_PLACE = ("agreement", "orientation", "segmentation_grid", "header")


@dataclass(frozen=True, eq=False)
class Placed:
    """How the maps of a case are written.

    Attributes
    ----------
    grid : Grid or None
        Where their voxels are.
    geometry_source : Path or None
        The file that says so, where it is not that of the probabilities.
    foreground : ndarray
        Not 0 where there is foreground, on these voxels.
    foreground_from : str
        File name of the segmentation that says so, or ``"prediction"``.
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
    foreground_from: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    placement: Placement | None = None

    @property
    def by_labels(self) -> bool:
        """Whether the foreground is the segmentation, and not the most probable class.

        It holds the labels then, or the numbers of the classes that they stand for.
        """
        return self.foreground_from != PREDICTION

    def turned(self, values: Array) -> Array:
        """A map on the voxels that are written."""
        return values if self.placement is None else self.placement.turn(values)


def placed(
    predictions: Predictions,
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
    compared = trust.compared or trust.beside
    search = None if compared is None else compared.search
    if search is not None:
        assert compared is not None
        best = search.best
        # Equal shapes suggest how it lies, but where it lies only the evidence tells.
        to_be_placed = place and predictions.grid is None
        if best is not None and (
            search.better is not None or (to_be_placed and best.belongs)
        ):
            _require_clear(search, trust.checks, place)
            return _where_it_agrees(
                best, search, compared.onto, predictions, maps, trust, segmentation
            )
    unknown = predictions.grid is None
    notes = [
        one.sentence
        for one in trust.checks
        # That the place is unknown is said once, with the reason.
        if one.level != "green" and not (unknown and one.name == "segmentation_grid")
    ]
    if unknown:
        notes.insert(0, predictions.first.place_note)
    by_labels = segmentation is not None and trust.foreground is not None
    return Placed(
        predictions.grid,
        predictions.geometry_source,
        trust.foreground if by_labels else maps.prediction,
        _file_name(segmentation) if by_labels else PREDICTION,
        trust.checks,
        tuple(notes),
    )


def placement_told(told: str, ndim: int) -> Placement | None:
    """The turn, without its offset, that the JSON of a map tells under ``placed``.

    None where it tells none that :meth:`.Placement.describe` could have told.
    """
    turn = re.sub(r"(, |^)at voxel \([-0-9, ]+\)$", "", told)
    here = Placement.as_it_is(ndim).describe()
    return next(
        (one for one in all_orientations(ndim) if one.describe() == (turn or here)),
        None,
    )


def _require_clear(search: Search, checks: Sequence[Check], place: bool) -> None:
    [told] = [one.sentence for one in checks if one.name == "orientation"]
    if search.ties:
        raise InputError(f"{told} No map was written.")
    if not place:
        raise InputError(
            f"{told} No map was written; with --place it is put where it agrees."
        )


def _where_it_agrees(
    best: Candidate,
    search: Search,
    onto: Segmentation,
    predictions: Predictions,
    maps: UncertaintyMaps,
    trust: Trust,
    segmentation: LabelMap | None,
) -> Placed:
    """On the voxels of the segmentation; what was checked is looked at anew.

    Labels of the file that the place comes from tell the place, and nothing else.
    """
    there = segmentation or predictions.beside
    assert there is not None
    assert onto.grid is not None
    placement = best.placement
    shape = placement.turned_shape(maps.prediction.shape)
    grid = onto.grid.box(placement.offset, shape)
    shift = Placement.as_it_is(len(shape)).shifted(placement.offset)
    # Where the segmentation was taken at other voxels, these are the probabilities'.
    own = onto.grid is there.grid
    checks = [one for one in trust.checks if one.name not in _ABOUT_THE_PLACE]
    checks += [
        *check_agreement(Search(best, search.ranked), there.name, grid.axcodes),
        check_grid(there.name, "segmentation", grid, there.grid),
        *([] if own else check_header(predictions.first.name, grid)),
        *check_header(there.name, there.grid),
    ]
    note = f"Placed by its agreement with '{there.name}': {placement.describe()}."
    source = predictions.geometry_source
    if own and segmentation is not None:
        source = segmentation.source
    foreground, foreground_from = placement.turn(maps.prediction), PREDICTION
    if segmentation is not None:
        foreground = on_prediction(onto.labels, shift, shape)
        foreground_from = _file_name(segmentation)
    return Placed(
        grid,
        source,
        foreground,
        foreground_from,
        tuple(checks),
        (note, *(one.sentence for one in checks if one.level != "green")),
        placement,
    )


def _file_name(segmentation: LabelMap | None) -> str:
    assert segmentation is not None
    assert segmentation.source is not None
    return segmentation.source.name
