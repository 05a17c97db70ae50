"""Place of the maps of a case, after a segmentation was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .checks import Check
from .checks.match import check_agreement
from .checks.place import check_grid, check_header
from .errors import InputError
from .fold import UncertaintyMaps
from .grid import Grid
from .matching.comparison import Segmentation, on_prediction
from .matching.orientation import Candidate, RankedPlacements
from .model.record import PREDICTION
from .placement import Placement
from .predictions import Predictions
from .trust import Trust

Array = np.ndarray[Any, Any]

#: What to do where the evidence says that probabilities lie otherwise.
Elsewhere = Literal["tell", "refuse", "place"]

# Names of the checks that another place makes anew.
_ABOUT_THE_PLACE = ("agreement", "orientation", "segmentation_grid", "header")


@dataclass(frozen=True, eq=False)
class Placed:
    """Voxels and foreground of the maps of a case.

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
        """True where the segmentation says what is foreground, not the prediction.

        It holds the labels then, or the numbers of the classes that they stand for.
        """
        return self.foreground_from != PREDICTION

    def turned(self, values: Array) -> Array:
        """Return a map on these voxels."""
        return values if self.placement is None else self.placement.turn(values)


def place_maps(
    predictions: Predictions,
    maps: UncertaintyMaps,
    trust: Trust,
    segmentation: Segmentation | None,
    elsewhere: Elsewhere,
) -> Placed:
    """Return where maps lie: as the files have it, or where the evidence puts them.

    Parameters
    ----------
    predictions, maps, trust : Predictions, UncertaintyMaps, Trust
        What the maps were made from, the maps, and the evidence.
    segmentation : Segmentation or None
        What they were to be compared with.
    elsewhere : "tell", "refuse" or "place"
        What to do where the evidence says that the probabilities lie otherwise.

    Raises
    ------
    InputError
        If such evidence is refused, or it is not clear how they lie.
    """
    compared = trust.compared or trust.beside
    search = None if compared is None else compared.search
    if search is not None and elsewhere != "tell":
        assert compared is not None
        best = search.best
        # Equal shapes suggest how it lies, but where it lies only the evidence tells.
        to_be_placed = elsewhere == "place" and predictions.grid is None
        if best is not None and (
            search.better is not None or (to_be_placed and best.belongs)
        ):
            _require_clear(search, trust.checks, elsewhere)
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
    if unknown and predictions.first.place_note:
        notes.insert(0, predictions.first.place_note)
    by_labels = segmentation is not None and trust.foreground is not None
    return Placed(
        predictions.grid,
        predictions.geometry_source,
        trust.foreground if by_labels else maps.prediction,
        segmentation.called if segmentation and by_labels else PREDICTION,
        trust.checks,
        tuple(notes),
    )


def _require_clear(
    search: RankedPlacements, checks: Sequence[Check], elsewhere: Elsewhere
) -> None:
    [told] = [one.sentence for one in checks if one.name == "orientation"]
    if search.ties:
        raise InputError(f"{told} No map was written.")
    if elsewhere == "refuse":
        raise InputError(
            f"{told} No map was written; with --place it is put where it agrees."
        )


def _where_it_agrees(
    best: Candidate,
    search: RankedPlacements,
    onto: Segmentation,
    predictions: Predictions,
    maps: UncertaintyMaps,
    trust: Trust,
    segmentation: Segmentation | None,
) -> Placed:
    """Return the place on the segmentation's voxels; checks of the place are made anew.

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
        *check_agreement(
            RankedPlacements(best, search.ranked), there.name, grid.axcodes
        ),
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
        foreground_from = segmentation.called
    return Placed(
        grid,
        source,
        foreground,
        foreground_from,
        tuple(checks),
        (note, *(one.sentence for one in checks if one.level != "green")),
        placement,
    )
