"""One case: from class probabilities to a map and the numbers that sum it up."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .fold import UncertaintyMaps, iter_fold
from .measures import Base
from .probabilities import ProbabilityMap
from .statistics import MapStatistics, map_statistics, slabs

Array = np.ndarray[Any, Any]


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
    """

    values: Array
    statistics: MapStatistics
    maps: UncertaintyMaps


def iter_case(
    probabilities: npt.ArrayLike | ProbabilityMap,
    *,
    measure: str = "entropy",
    class_axis: int = 0,
    base: Base = 2,
    segmentation: Array | None = None,
    foreground_only: bool = False,
    cancel: threading.Event | None = None,
) -> Generator[float, None, CaseResult | None]:
    """Compute one map step by step; yields the share done.

    Parameters
    ----------
    probabilities, class_axis, base
        As for :func:`napari_uncertainty.entropy`.
    measure : str
        Name of the measure.
    segmentation : ndarray of int or None
        Labels on the same grid, 0 for background, which say what is foreground;
        without, the most probable class does (class 0 is background).
    foreground_only : bool
        Leave the background out of the map and of the numbers.
    cancel : threading.Event or None
        Set it to stop.

    Returns
    -------
    CaseResult or None
        None if it was cancelled.
    """
    maps = yield from iter_fold(
        probabilities, (measure,), class_axis=class_axis, base=base, cancel=cancel
    )
    if maps is None:
        return None
    labels = maps.prediction if segmentation is None else segmentation
    values = maps[measure]
    if foreground_only:
        for slab in slabs(values):
            np.copyto(values[slab], 0, where=np.asarray(labels[slab]) == 0)
    return CaseResult(
        values, map_statistics(values, maps.no_data, labels, foreground_only), maps
    )
