"""Map of a report with its labels and places, and the rows of its summary."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.hotspot_search import iter_hotspots
from ..analysis.hotspots import HotspotOptions, Hotspots
from ..analysis.statistics import map_statistics
from ..batch.tables import (
    iter_places,
    labels_of_classes,
    names_on_map,
    not_its_classes,
    of_the_map_alone,
)
from ..batch.written import Recorded
from ..compare.agreement import Numbering
from ..compare.segmentation import Segmentation, iter_labels_at
from ..errors import InputError
from ..model.grid import Grid
from ..model.kinds import KINDS
from ..model.probabilities import numbered_class_names
from ..model.record import MapStatistics, Record
from ..predictions import Predictions
from ..steps import part
from ..text import count, in_unit, number, percent

Array = np.ndarray[Any, Any]

# The measure that is computed fastest; only the most probable class is needed.
_QUICK = "least_confidence"


@dataclass(frozen=True, eq=False)
class ReportedMap:
    """Map of a report, with labels and places on its voxels.

    Attributes
    ----------
    recorded : Recorded
        The map.
    segmentation : Segmentation or None
        The segmentation on its own voxels; None as well where it is not known how they
        lie on the map.
    classes : list of int or None
        The label of each class; None where labels are not the classes.
    labels : ndarray or None
        The segmentation on the voxels of the map, or else the most probable class.
    prediction : ndarray or None
        The most probable class, if it was needed.
    no_data : ndarray or None
        Voxels without data, if there are any and they are known.
    predictions : Predictions or None
        The probabilities that the map was made from, not read yet.
    """

    recorded: Recorded
    segmentation: Segmentation | None
    classes: list[int] | None
    labels: Array | None
    prediction: Array | None
    no_data: Array | None
    predictions: Predictions | None

    @property
    def names(self) -> Mapping[int, str]:
        """Names of labels: the segmentation's own, else those of the classes."""
        named = self._class_names
        if self.segmentation is None:
            return dict(enumerate(named))
        names = names_on_map(self.segmentation, self.classes, named)
        if self.classes is None:
            return names
        return {self.classes[number]: name for number, name in names.items()}

    @property
    def no_opinion(self) -> str:
        """Reason why probabilities do not tell where errors are, or ``""``."""
        if self.predictions is None or self._members:
            return ""
        return of_the_map_alone(self.recorded.record.kind)

    @property
    def is_as_then(self) -> bool:
        """True unless another segmentation is shown than the map was compared with."""
        if self.segmentation is None:
            return True
        source, then = self.segmentation.source, self.recorded.segmentation
        return (
            source is not None
            and then is not None
            and source.resolve() == then.resolve()
            and self.recorded.fate(then) == "unchanged"
        )

    @property
    def statistics(self) -> MapStatistics:
        """Numbers as recorded, or computed anew for another foreground."""
        if self.is_as_then:
            return self.recorded.record.statistics
        no_data, values = self.no_data, self.recorded.values
        if no_data is None:
            no_data = np.zeros(values.shape, bool)
        return map_statistics(values, no_data, self.labels)

    @property
    def title_of_labels(self) -> str:
        """Name of the segmentation, or of what is shown instead."""
        if self.segmentation is not None:
            return self.segmentation.called
        return "none" if self.labels is None else "none; the most probable class"

    @cached_property
    def _members(self) -> list[Any]:
        if self.predictions is None:
            return []
        record = self.recorded.record
        background = self.predictions.background_as(record.interpretation)
        return self.predictions.on_maps(record.kind, record.temperature, background)

    @property
    def _class_names(self) -> tuple[str, ...]:
        record = self.recorded.record
        if len(record.class_names) == record.n_classes:
            return record.class_names
        return numbered_class_names(record.n_classes)

    def iter_hotspots(
        self, options: HotspotOptions
    ) -> Generator[float, None, tuple[Hotspots, Mapping[int, str], str]]:
        """Find the hotspots; yields the share done.

        Returns
        -------
        Hotspots, mapping of int to str, str
            Hotspots, whose classes are labels of `labels`; names of these, and of
            labels that no voxel has; and what a person should know, or ``""``.
        """
        if not self._members:
            hotspots = yield from iter_hotspots(
                self.recorded.values,
                self.labels,
                self.no_data,
                grid=self.recorded.grid,
                undecided=self.recorded.record.undecided,
                wanted=options,
            )
            return hotspots, self.names, self.no_opinion
        labels, names, note = self.prediction, dict(self.names), ""
        numbers = list(range(self.recorded.record.n_classes))
        if self.classes is not None:
            assert self.labels is not None
            labels, numbers = self.labels, self.classes
            if numbers != list(range(len(numbers))):
                labels = Numbering("", tuple(numbers)).of(labels)
        elif self.segmentation is not None:
            # The classes are not the labels, so they get numbers that no label has.
            assert self.labels is not None
            first = max(0, int(self.labels.max()), *names) + 1
            numbers = [first + number for number in numbers]
            names |= dict(zip(numbers, self._class_names, strict=True))
            note = not_its_classes(self.segmentation.name)
        hotspots = yield from iter_places(
            self.recorded.values,
            labels,
            self.no_data,
            self._members,
            self.recorded.grid,
            self.recorded.placement,
            options,
            undecided=self.recorded.record.undecided,
        )
        return _with_labels(hotspots, numbers), names, note


def iter_reported_map(
    recorded: Recorded,
    segmentation: Segmentation | None,
    predictions: Predictions | None,
    *,
    search: bool,
    required: bool,
) -> Generator[float, None, ReportedMap]:
    """Bring labels onto the voxels of the map; yields the share done.

    Parameters
    ----------
    recorded, segmentation, predictions : Recorded, Segmentation, Predictions or None
        The map, the segmentation, and the probabilities, as far as they are known.
    search : bool
        Whether hotspots will be looked for.
    required : bool
        Whether it is an error if it is not known how the segmentation lies on the map;
        otherwise it is left out.

    Raises
    ------
    InputError
        If it is required, and lies elsewhere or in an unknown place.
    """
    labels, classes = None, None
    if segmentation is not None:
        labels = yield from part(_iter_labels(recorded, segmentation, required), 0, 0.2)
        if labels is None:
            segmentation = None
        else:
            classes = labels_of_classes(
                segmentation, recorded.record.n_classes, recorded.record.checks
            )
    prediction, no_data = None, None
    needed = labels is None or (search and classes is None)
    gaps = recorded.record.statistics.no_data > 0
    if predictions is not None and (needed or gaps):
        fold = _iter_fold(recorded, predictions)
        prediction, no_data = yield from part(fold, 0.2, 1)
    return ReportedMap(
        recorded,
        segmentation,
        classes,
        prediction if labels is None else labels,
        prediction,
        no_data if gaps else None,
        predictions,
    )


def _iter_labels(
    recorded: Recorded, segmentation: Segmentation, required: bool
) -> Generator[float, None, Array | None]:
    grid = recorded.grid
    if (
        required
        and grid is not None
        and segmentation.grid
        and not grid.overlaps(segmentation.grid)
    ):
        raise InputError(
            f"The segmentation {segmentation.source} lies elsewhere: it and the map do "
            "not overlap in space; choose the one of this case."
        )
    labels = yield from iter_labels_at(recorded.values.shape, grid, segmentation)
    if labels is None and required:
        raise InputError(
            f"It is not known how the segmentation {segmentation.source} lies on the "
            "map; choose one with the voxels of the map."
        )
    return labels


def _iter_fold(
    recorded: Recorded, predictions: Predictions
) -> Generator[float, None, tuple[Array, Array]]:
    """Return the most probable class and voxels without data, in the map's order."""
    maps = yield from predictions.iter_maps((_QUICK,))
    turn = recorded.placement
    if turn is None:
        return maps.prediction, maps.no_data
    return turn.turn(maps.prediction), turn.turn(maps.no_data)


def _with_labels(hotspots: Hotspots, numbers: list[int]) -> Hotspots:
    """Return hotspots with labels in the place of the numbers of classes."""
    places = tuple(
        place
        if place.classes is None
        else replace(
            place, classes=(numbers[place.classes[0]], numbers[place.classes[1]])
        )
        for place in hotspots.places
    )
    return replace(hotspots, places=places)


def facts_of(
    record: Record,
    numbers: MapStatistics,
    shape: Sequence[int],
    hotspots: Hotspots,
    *,
    segmentation: str,
    scan: str,
    no_data_known: bool = True,
    alone: bool = False,
    reviewed: bool = False,
) -> list[tuple[str, str]]:
    """Return the rows of the summary on a map and its hotspots, as names and values.

    Parameters
    ----------
    record : Record
        Record of the map.
    numbers : MapStatistics
        Numbers of the map with the foreground that is shown.
    shape : sequence of int
        Shape of the map.
    hotspots : Hotspots
        The places, on the grid of the map.
    segmentation, scan : str
        Names of the images that the map is shown with.
    no_data_known : bool
        Whether it is known which voxels are without data.
    alone : bool
        Whether hotspots are from the map alone.
    reviewed : bool
        Whether the places are those of a review.
    """
    unit, grid = record.unit, hotspots.grid
    measure = record.about.title
    places = f"{count(len(hotspots.places))} of {number(hotspots.radius_mm)} "
    places += "voxels" if grid is None else "mm"
    if reviewed:
        places += ", of the review"
    elif alone:
        places += ", from the map alone"
    no_data = count(record.statistics.no_data)
    if record.statistics.no_data and not no_data_known:
        no_data += "; which they are is not known, so they count as certain here"
    errors = f"{number(hotspots.expected_errors)} voxels"
    if alone and not reviewed:
        errors += ", by the map alone"
    return [
        ("Probabilities", Path(record.source).name or record.probabilities),
        *_members(record),
        ("Segmentation", segmentation),
        ("Scan", scan),
        ("Measure", f"{measure} in {unit}" if unit else measure),
        ("What it tells", record.about.meaning),
        ("Kind of values", _kind(record)),
        ("Classes", count(record.n_classes)),
        ("Voxels", _voxels(shape, grid)),
        ("Voxels without data", no_data),
        ("Total", in_unit(numbers.total, unit)),
        ("Mean", in_unit(numbers.mean, unit)),
        ("Mean in the foreground", in_unit(numbers.foreground_mean, unit)),
        ("Hotspots", places),
        ("Expected errors", errors),
    ]


def agreement_of(shown: ReportedMap) -> list[tuple[str, str]]:
    """Return the row of the agreement with the segmentation; none if it has changed."""
    agreement = shown.recorded.record.agreement
    if agreement is None or not shown.is_as_then:
        return []
    return [("Agreement", f"{percent(agreement)} of the foreground")]


def _members(record: Record) -> list[tuple[str, str]]:
    """Return the rows of the members, and of how well they agree."""
    if not record.members:
        return []
    rows = [("Members", ", ".join(one.name for one in record.members))]
    if record.overlap is not None:
        told = f"{number(record.overlap)} (Dice, mean over the classes)"
        rows.append(("Agreement of the members", told))
    return rows


def _kind(record: Record) -> str:
    title = KINDS[record.kind].title
    if record.channel is not None:
        return f"{title}, {record.channel} alone"
    if not KINDS[record.kind].logistic:
        return title
    return f"{title}, temperature {number(record.temperature)}"


def _voxels(shape: Sequence[int], grid: Grid | None) -> str:
    if grid is None:
        return f"{' × '.join(map(str, shape))}, place unknown"
    zooms = " × ".join(number(size) for size in grid.zooms)
    return f"{' × '.join(map(str, shape))}, of {zooms} mm"
