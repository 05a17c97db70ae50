"""Pipeline of one case: from opened inputs to maps, their place, checks and records.

The viewer, the command line and the Python functions all use it, so that a file is
judged the same way everywhere.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from .analysis.statistics import map_statistics
from .checks.all import Trust, iter_trust
from .checks.place import check_agreement, check_grid, check_header
from .compare.orientation import Candidate, RankedPlacements
from .compare.segmentation import Segmentation, background_shown, on_prediction
from .engine.blocks import slabs
from .engine.ensemble.ensemble_maps import EnsembleMaps
from .engine.maps import UncertaintyMaps
from .errors import InputError
from .io.endings import stem
from .io.image_files import grid_of, load
from .io.nifti import open_segmentation
from .model.background import FIRST_CLASS
from .model.grid import Grid
from .model.interpretation import AS_FOUND, Interpretation
from .model.kinds import KINDS
from .model.measures import LEAST_CONFIDENCE, Base
from .model.placement import Placement
from .model.record import (
    PREDICTION,
    Check,
    FileState,
    MapStatistics,
    Record,
    RecordedMember,
)
from .predictions import Predictions
from .steps import part

Array = np.ndarray[Any, Any]

#: Reaction to evidence that probabilities lie elsewhere than their files say.
Elsewhere = Literal["tell", "refuse", "place"]

# Names of the checks that another place makes anew.
_ABOUT_THE_PLACE = ("agreement", "orientation", "segmentation_grid", "header")

# Time that a comparison takes, where the fold takes 1.
_COMPARISON = 0.25


# Inputs and results of a case, and the steps from the ones to the others.


@dataclass(frozen=True, eq=False)
class CaseInputs:
    """Inputs of a case, opened but not read.

    Attributes
    ----------
    predictions : Predictions
        The probabilities, and how they are to be taken.
    segmentation : Segmentation or None
        Labels to compare with, which say what is foreground; without, or where it is
        unknown how they lie on the probabilities, the most probable class does.
    scan : tuple of (str, Grid or None) or None
        Name of the scan, and where it lies.
    name : str
        Name of the probabilities.
    placed : str
        How a person placed the probabilities; empty where they lie as loaded.
    placement : Placement or None
        The same as axes and flips.
    states : tuple of FileState
        Files that all of this is read from, as they were before.
    """

    predictions: Predictions
    segmentation: Segmentation | None = None
    scan: tuple[str, Grid | None] | None = None
    name: str = ""
    placed: str = ""
    placement: Placement | None = None
    states: tuple[FileState, ...] = ()

    @classmethod
    def open(
        cls,
        paths: Sequence[Path],
        how: Interpretation = AS_FOUND,
        *,
        together: bool = False,
        labels: Path | None = None,
        scan: Path | None = None,
        name: str = "",
    ) -> CaseInputs:
        """Open the files of a case by their headers.

        Parameters
        ----------
        paths : sequence of Path
            The probabilities: one file, or one for each member or class.
        how : Interpretation
            What a person says of their values.
        together : bool
            Whether several are members of an ensemble, and not classes of one case.
        labels, scan : Path or None
            A segmentation to compare with, and the scan.
        name : str
            What to call the case; by default what the first file is called.

        Raises
        ------
        InputError
            If one of them cannot be read.
        """
        predictions = Predictions.open(paths, how, together=together)
        return cls(
            predictions,
            None if labels is None else Segmentation.of(open_segmentation(labels)),
            None if scan is None else (stem(scan), _grid_of(scan)),
            name,
        )

    @property
    def title(self) -> str:
        """Name of the probabilities, of the first member unless there is another."""
        return self.name or self.predictions.first.name


@dataclass(frozen=True, eq=False)
class CaseResult:
    """Maps of a case, with their place, checks and records.

    Attributes
    ----------
    inputs : CaseInputs
        Inputs of the case.
    maps : UncertaintyMaps
        One map for each measure, with the checks, on the voxels of the probabilities;
        with `foreground_only`, 0 in the background.
    trust : Trust
        All checks, and the comparison that they come from.
    where : Placed
        Where the maps lie, and what is foreground there.
    foreground_only : bool
        Whether the background was left out.
    """

    inputs: CaseInputs
    maps: UncertaintyMaps
    trust: Trust
    where: Placed
    foreground_only: bool = False

    def values(self, measure: str) -> Array:
        """Return a map where it belongs: turned, if the probabilities lie otherwise."""
        return self.where.turned(self.maps[measure])

    def statistics(self, measure: str) -> MapStatistics:
        """Return the numbers of a map; with `foreground_only`, of the foreground."""
        return map_statistics(
            self.values(measure),
            self.where.turned(self.maps.no_data),
            self.where.foreground,
            self.foreground_only,
        )

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels that the most probable class can have."""
        predictions, channel = self.inputs.predictions, self.maps.background.channel
        return predictions.names_as(self.maps.kind, channel)

    def record(self, measure: str) -> Record:
        """Return the record of a map."""
        maps, inputs, where = self.maps, self.inputs, self.where
        predictions, segmentation = inputs.predictions, inputs.segmentation
        known = segmentation is not None and segmentation.source is not None
        record = Record(
            measure=measure,
            base=maps.base,
            n_states=maps.n_states,
            n_classes=maps.n_classes,
            statistics=self.statistics(measure),
            interpretation=self.interpretation,
            asked=predictions.how.asked,
            class_names=self.class_names,
            foreground_only=self.foreground_only,
            foreground_from=where.foreground_from,
            largest_sum_deviation=float(maps.largest_sum_deviation),
            notes=self.notes,
            checks=where.checks,
            probabilities=inputs.title,
            source=str(predictions.first.source or ""),
            class_files=tuple(map(str, predictions.class_files)),
            geometry_source=str(where.geometry_source or ""),
            segmentation=str(segmentation.source) if segmentation and known else "",
            placement=where.placement or inputs.placement,
            placed=where.placement.describe() if where.placement else inputs.placed,
            inputs=inputs.states,
        )
        if not isinstance(maps, EnsembleMaps):
            return record
        return replace(
            record,
            members=tuple(
                RecordedMember(name, str(one.source or ""))
                for name, one in zip(maps.members, predictions.members, strict=True)
            ),
            dice=tuple(None if np.isnan(one) else float(one) for one in maps.mean_dice),
            not_shared=maps.not_shared,
        )

    @property
    def interpretation(self) -> Interpretation:
        """Interpretation of the values with the source of each entry."""
        maps, predictions = self.maps, self.inputs.predictions
        how, first = predictions.how, predictions.first
        if how.kind is not None:
            found = replace(how, kind=maps.kind)
        else:
            found = how.found(
                "values" if first.kind is None else "file", kind=maps.kind
            )
        if maps.scale != 1:
            found = found.found("values", scale=float(maps.scale))
        # Usual is the first class, unless its name speaks against it.
        if any(one.name == "background" for one in self.where.checks):
            background, names = maps.background, predictions.named.class_names
            if background.channel is None or not maps.has_background(len(names)):
                found = found.found(
                    background.origin, background=background.name(names)
                )
        return replace(found, channel=maps.channel)

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for a person, in sentences, each once."""
        maps, predictions = self.maps, self.inputs.predictions
        notes = [*self.where.notes, *predictions.notes]
        if predictions.how.temperature != 1 and not KINDS[maps.kind].logistic:
            notes.append(
                "The values are not logits, so the temperature changes nothing."
            )
        # The sentence of a check repeats what it is about.
        messages = [
            one for one in maps.messages if not any(one in note for note in notes)
        ]
        return tuple(dict.fromkeys((*messages, *notes)))


def iter_case(
    inputs: CaseInputs,
    measures: Sequence[str] = ("entropy",),
    *,
    base: Base = 2,
    elsewhere: Elsewhere = "tell",
    foreground_only: bool = False,
    confidence: bool = True,
    predict: bool = True,
    threads: int | None = None,
) -> Generator[float, None, CaseResult]:
    """Compute the maps of a case step by step; yields the share done.

    Parameters
    ----------
    inputs : CaseInputs
        Inputs of the case.
    measures : sequence of str
        Names of the measures, of one network or of several members.
    base : 2, "e" or "classes"
        Base of the logarithm.
    elsewhere : "tell", "refuse" or "place"
        What to do where a segmentation shows that the probabilities lie otherwise.
    foreground_only : bool
        Leave the background out of the maps and of the numbers.
    confidence : bool
        Whether it is to be checked how sure the network is, which takes one more map.
    predict : bool
        Whether the most probable class is wanted; where anything is compared with it,
        it is computed in any case.
    threads : int or None
        Number of threads.

    Raises
    ------
    InputError
        If something is wrong with the case.
    """
    predictions, segmentation = inputs.predictions, inputs.segmentation
    compares = segmentation is not None
    if not compares and not inputs.placed and predictions.beside is not None:
        compares = True
    if elsewhere == "place" and not compares:
        raise InputError(
            "Nothing shows where the probabilities belong: no segmentation lies beside "
            "them; name one with --labels."
        )
    folded = tuple(measures)
    if confidence or compares:  # at which threshold labels were cut can then be told
        folded = tuple(dict.fromkeys((*folded, LEAST_CONFIDENCE.name)))
    share = 1 / (1 + (_COMPARISON if compares else 0))
    fold = predictions.iter_maps(folded, base, threads, predict=predict or compares)
    maps = yield from part(fold, 0, share)
    maps = _with_background_shown(inputs, maps)
    looked = iter_trust(
        predictions,
        maps,
        name=inputs.title,
        segmentation=segmentation,
        scan=inputs.scan,
        placed=inputs.placed,
        confidence=confidence,
    )
    trust = yield from part(looked, share, 1)
    where = place_maps(predictions, maps, trust, segmentation, elsewhere)
    maps = replace(
        maps, maps={name: maps[name] for name in measures}, checks=where.checks
    )
    if foreground_only:
        for values in map(where.turned, maps.values()):
            for slab in slabs(values):
                outside = np.asarray(where.foreground[slab]) == 0
                np.copyto(values[slab], 0, where=outside)
    return CaseResult(inputs, maps, trust, where, foreground_only)


def _with_background_shown(
    inputs: CaseInputs, maps: UncertaintyMaps
) -> UncertaintyMaps:
    """Return maps with the background that a segmentation shows; mostly the same."""
    predictions, n_channels = inputs.predictions, inputs.predictions.n_channels
    shows = inputs.segmentation
    if shows is None and not inputs.placed:
        shows = predictions.beside
    if (
        shows is None
        or maps.prediction is None
        or maps.background != FIRST_CLASS
        or maps.has_background(n_channels)
    ):
        return maps
    prediction = np.asarray(maps.prediction)
    found = background_shown(prediction, n_channels, predictions.grid, shows)
    return maps if found is None else maps.with_background(found, n_channels)


def _grid_of(scan: Path) -> Grid:
    if not scan.is_file():
        raise InputError(f"There is no scan {scan}.")
    return grid_of(load(scan))


# Place of the maps of a case, as its segmentation shows it.


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
        Checks of the case at this place.
    notes : tuple of str
        Remarks for a person.
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
        """Return whether the segmentation defines the foreground, not the prediction.

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
    """Return the place of maps, as their files or as the evidence has it.

    Parameters
    ----------
    predictions, maps, trust : Predictions, UncertaintyMaps, Trust
        What the maps were made from, the maps, and the evidence.
    segmentation : Segmentation or None
        Labels that they were to be compared with.
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
    [sentence] = [one.sentence for one in checks if one.name == "orientation"]
    if search.ties:
        raise InputError(f"{sentence} No map was written.")
    if elsewhere == "refuse":
        raise InputError(
            f"{sentence} No map was written; with --place it is put where it agrees."
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
