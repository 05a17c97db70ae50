"""A prediction against a segmentation: foreground, agreement, orientation.

Where the two lie on other voxels, the segmentation is taken at the prediction's.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .agreement import Comparison, as_classes
from .checks import Check
from .checks.match import check_agreement
from .errors import InputError
from .grid import Grid
from .orientation import Candidate, Search, iter_search
from .placement import Placement
from .resampling import iter_resample

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What a prediction is compared with.

    Attributes
    ----------
    labels : ndarray of int
        0 is background.
    grid : Grid or None
        Where they are; None where that is unknown.
    name : str
        What to call it.
    anatomical : bool
        Whether the grid is that of a patient, so that its axes run to right or left.
    claimed : Placement or None
        How the prediction lies in it where no grids tell; None where that is unknown
        or, if the shapes are equal, voxel on voxel.
    """

    labels: Array
    grid: Grid | None = None
    name: str = "segmentation"
    anatomical: bool = True
    claimed: Placement | None = None


@dataclass(frozen=True, eq=False)
class Compared:
    """What came of it.

    Attributes
    ----------
    foreground : ndarray or None
        The segmentation on the voxels of the prediction; None where it is not known
        how the one lies on the other.
    checks : tuple of Check
        Agreement and orientation.
    search : Search or None
        Placements of the prediction in the segmentation; None where none was sought.
    """

    foreground: Array | None
    checks: tuple[Check, ...]
    search: Search | None


def iter_compare(
    prediction: Array,
    n_classes: int,
    grid: Grid | None,
    segmentation: Segmentation,
    cancel: threading.Event | None = None,
) -> Generator[float, None, Compared | None]:
    """Compare step by step; yields the share done, returns None if cancelled.

    Parameters
    ----------
    prediction : ndarray of unsigned int
        Most probable class of each voxel.
    n_classes : int
        How many there are.
    grid : Grid or None
        Where the prediction lies. If this or the segmentation's is unknown, equal
        shapes are taken for equal voxels.
    segmentation : Segmentation
        What to compare with.
    cancel : threading.Event or None
        Set it to stop.
    """
    labels: Array | None = segmentation.labels
    placement = _claimed(prediction.shape, grid, segmentation)
    if placement is None and grid is not None and segmentation.grid is not None:
        labels = yield from iter_resample(
            segmentation.labels, segmentation.grid, grid, nearest=True, cancel=cancel
        )
        placement = Placement.as_it_is(prediction.ndim)
        segmentation = Segmentation(labels, grid, segmentation.name)  # type: ignore[arg-type]
    if labels is None:
        return None
    foreground = None
    if placement is not None:
        foreground = on_prediction(labels, placement, prediction.shape)
    try:
        comparison = Comparison.of(prediction, as_classes(labels, n_classes))
    except InputError as error:
        return Compared(foreground, (Check("agreement", "red", str(error)),), None)
    if prediction.ndim > 3 or labels.ndim != prediction.ndim:
        return _without_search(comparison, placement, foreground, segmentation.name)
    search = yield from iter_search(comparison, placement, cancel)
    if search is None:
        return None
    known = segmentation.anatomical and segmentation.grid is not None
    axcodes = segmentation.grid.axcodes if known else None  # type: ignore[union-attr]
    checks = check_agreement(search, segmentation.name, axcodes)
    return Compared(foreground, tuple(checks), search)


def _claimed(
    shape: tuple[int, ...], grid: Grid | None, segmentation: Segmentation
) -> Placement | None:
    """How the files say that the prediction lies in the segmentation."""
    if grid is not None and segmentation.grid is not None:
        return grid.placement_in(segmentation.grid)
    if segmentation.claimed is not None:
        return segmentation.claimed
    if shape == segmentation.labels.shape:
        return Placement.as_it_is(len(shape))
    return None


def on_prediction(labels: Array, placement: Placement, shape: tuple[int, ...]) -> Array:
    """The labels at the voxels of the prediction, 0 where they have none."""
    here, there = placement.overlap(shape, labels.shape)
    if placement.turned_shape(shape) == labels[there].shape:
        return placement.turn_back(labels[there])
    out = np.zeros(shape, labels.dtype)
    placement.turn(out)[here] = labels[there]
    return out


def _without_search(
    comparison: Comparison, placement: Placement | None, foreground: Any, name: str
) -> Compared:
    """With further axes, such as time, nothing is turned."""
    found = None
    if placement is not None:
        found = Candidate(placement, comparison.agreement(placement))
    search = Search(found, () if found is None else (found,))
    return Compared(foreground, tuple(check_agreement(search, name, None)[:1]), None)
