"""One case: from class probabilities to a map, its numbers and its checks."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .ensemble import Member, iter_ensemble
from .fold import UncertaintyMaps, as_dask, iter_fold
from .grid import Grid
from .matching.comparison import Segmentation
from .measures import ENSEMBLE_MEASURES, LEAST_CONFIDENCE, Base
from .probabilities import ProbabilityMap
from .statistics import MapStatistics, map_statistics, slabs
from .steps import part
from .trust import Case, Trust, iter_trust, labels_beside

Array = np.ndarray[Any, Any]

# How much of the work is the fold, where a comparison follows.
FOLD_SHARE = 0.8


@dataclass(frozen=True, eq=False)
class CaseResult:
    """A map with its numbers.

    Attributes
    ----------
    values : ndarray of float32
        The map; with `foreground_only`, 0 in the background.
    statistics : MapStatistics
        Numbers of the map; with `foreground_only`, of the foreground alone.
    maps : UncertaintyMaps
        What the fold gave.
    trust : Trust
        What to know before it is believed.
    """

    values: Array
    statistics: MapStatistics
    maps: UncertaintyMaps
    trust: Trust


def iter_case(
    probabilities: npt.ArrayLike | ProbabilityMap,
    *,
    measure: str = "entropy",
    class_axis: int = 0,
    base: Base = 2,
    kind: str | None = None,
    temperature: float = 1.0,
    channel: int | str | None = None,
    members: Sequence[Member] = (),
    name: str = "probabilities",
    grid: Grid | None = None,
    scan: tuple[str, Grid | None] | None = None,
    placed: str = "",
    segmentation: Segmentation | None = None,
    foreground_only: bool = False,
) -> Generator[float, None, CaseResult]:
    """Compute one map step by step; yields the share done.

    Parameters
    ----------
    probabilities, class_axis, base, kind, temperature, channel
        As for :func:`napari_uncertainty.entropy`.
    measure : str
        Name of the measure, of one member or of several.
    members : sequence of Member
        What a measure of several takes, the first one being `probabilities`, on whose
        voxels the map is.
    name, grid, scan, placed
        As for :class:`~napari_uncertainty.trust.Case`; the map does not depend on them.
    segmentation : Segmentation or None
        Labels that say what is foreground; without, or where it is unknown how they
        lie on the probabilities, the most probable class does (class 0 is background).
        Without, labels in the file that the probabilities take their place from are
        compared all the same.
    foreground_only : bool
        Leave the background out of the map and of the numbers.
    """
    beside = None
    if isinstance(probabilities, ProbabilityMap) and not (segmentation or placed):
        beside = labels_beside(probabilities)
    # With it, how confident the network is can be told.
    measures = tuple(dict.fromkeys((measure, LEAST_CONFIDENCE.name)))
    fold: Generator[float, None, UncertaintyMaps]
    if measure in ENSEMBLE_MEASURES:
        fold = iter_ensemble(
            members, measures, base=base, channel=channel, on_first=True
        )
    else:
        fold = iter_fold(
            probabilities,
            measures,
            class_axis=class_axis,
            base=base,
            kind=kind,
            temperature=temperature,
            channel=channel,
        )
    maps = yield from part(fold, 0, FOLD_SHARE if segmentation or beside else 1)
    tissues_of = ""
    if isinstance(probabilities, ProbabilityMap):
        tissues_of = probabilities.tissues_of
    classes = _class_first(probabilities, class_axis)
    guess = probabilities.guess if isinstance(probabilities, ProbabilityMap) else ""
    case = Case(
        classes,
        name,
        grid,
        segmentation,
        scan,
        placed,
        guess=guess,
        beside=beside,
        tissues_of=tissues_of,
    )
    trust = yield from part(iter_trust(case, maps), FOLD_SHARE, 1)
    labels = maps.prediction if trust.foreground is None else trust.foreground
    values = maps[measure]
    if foreground_only:
        for slab in slabs(values):
            np.copyto(values[slab], 0, where=np.asarray(labels[slab]) == 0)
    return CaseResult(
        values,
        map_statistics(values, maps.no_data, labels, foreground_only),
        maps,
        trust,
    )


def _class_first(probabilities: Any, class_axis: int) -> Any:
    if isinstance(probabilities, ProbabilityMap):
        return probabilities.values
    lazy = as_dask(probabilities)
    array = np.asarray(probabilities) if lazy is None else lazy
    return np.moveaxis(array, class_axis, 0)
