"""Comparison of a prediction with a segmentation, whatever voxels the two lie on.

Where they lie on different voxels, the segmentation is resampled to the prediction's.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import InputError
from ..model.background import FIRST_CLASS, Background
from ..model.grid import Grid
from ..model.images import LabelMap
from ..model.placement import Placement
from ..steps import part
from .agreement import (
    Comparison,
    Numbering,
    iter_as_classes,
    iter_numberings,
    iter_ranks,
)
from .changed import Explanation, Pair, iter_classes_by_overlap
from .orientation import (
    AGREES,
    BELONGS,
    DECISIVE_MARGIN,
    Candidate,
    RankedPlacements,
    iter_search,
)
from .resampling import iter_resample

Array = np.ndarray[Any, Any]

# Voxels along each axis that are enough to tell what labels stand for.
_LOOKED_AT = 64

# Above this share of voxels without a label, 0 means something.
LEAST_OUTSIDE = 0.05


@dataclass(frozen=True, eq=False)
class Segmentation:
    """Labels that a prediction is compared with.

    Attributes
    ----------
    labels : ndarray of int
        0 is background.
    grid : Grid or None
        Where they are; None where that is unknown.
    name : str
        Name.
    anatomical : bool
        Whether the grid is that of a patient, so that its axes run to right or left.
    claimed : Placement, "voxel on voxel" or None
        How the prediction lies in it where no grids tell: by default voxel on voxel,
        if the shapes are equal; None where it is unknown.
    of_the_case : bool
        Whether it is sure that these are labels of the same case.
    class_names : mapping of int to str
        Names of labels, as far as its file has them.
    source : Path or None
        The file; None of a layer.
    """

    labels: Array
    grid: Grid | None = None
    name: str = "segmentation"
    anatomical: bool = True
    claimed: Placement | Literal["voxel on voxel"] | None = "voxel on voxel"
    of_the_case: bool = True
    class_names: Mapping[int, str] = field(default_factory=dict)
    source: Path | None = None

    @classmethod
    def of(cls, labels: LabelMap) -> Segmentation:
        """Return a segmentation that was read from a file."""
        return cls(
            labels.data,
            labels.grid,
            labels.name,
            class_names=labels.class_names,
            source=labels.source,
        )

    @property
    def called(self) -> str:
        """Name of its file, or else of its layer."""
        return self.name if self.source is None else self.source.name


@dataclass(frozen=True, eq=False)
class Compared:
    """Result of comparing a prediction with a segmentation.

    Attributes
    ----------
    foreground : ndarray or None
        The segmentation on the voxels of the prediction; None where it is not known
        how the one lies on the other.
    onto : Segmentation
        The segmentation as it was compared: taken at the voxels of the prediction,
        where it has others.
    as_loaded : Candidate or None
        Agreement in the placement that the files claim; None where they claim none.
    search : RankedPlacements or None
        Placements of the prediction in `onto`; None where none were sought.
    resampled : bool
        Whether the segmentation has other voxels.
    refused : str
        Why nothing can be compared; usually empty.
    numbering : Numbering or None
        The numbers that were taken for labels, if they are not labels with 0 for the
        background.
    explanation : Explanation or None
        Why the two do not agree in nearly all, where that was found out.
    """

    foreground: Array | None
    onto: Segmentation
    as_loaded: Candidate | None = None
    search: RankedPlacements | None = None
    resampled: bool = False
    refused: str = ""
    numbering: Numbering | None = None
    explanation: Explanation | None = None

    @property
    def best(self) -> Candidate | None:
        """Placement in which the two agree best; None where none is known."""
        found = None if self.search is None else self.search.best
        return found or self.as_loaded

    @property
    def agrees(self) -> float:
        """Share of the foreground that agrees, placed as it agrees best."""
        return 0.0 if self.best is None else self.best.agreement.foreground

    @property
    def confirms_or_denies(self) -> bool:
        """Return whether the two agree enough, somehow placed, to judge the place."""
        if self.refused:
            return False
        if self.explanation is not None or self.as_loaded is None:
            return True
        return self.as_loaded.belongs or (self.best is not None and self.best.belongs)


def iter_compare(
    prediction: Array,
    n_classes: int,
    grid: Grid | None,
    segmentation: Segmentation,
    *,
    thorough: bool = True,
    classes: Sequence[int] = (),
) -> Generator[float, None, Compared]:
    """Compare step by step; yields the share done.

    A segmentation may be numbered otherwise than by labels with 0 for the background:
    the numbers with which more agrees are taken, and a check says which.

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
    thorough : bool
        Look for other placements, too, where none can be decisively better.
    classes : sequence of int
        The label of each class, in the order of the input; by default labels are the
        only numbers that a segmentation may have.
    """
    looking = iter_numberings(np.asarray(segmentation.labels), n_classes, classes)
    others = yield from part(looking, 0, 0.05)
    share = 1 / (1 + len(others))
    steps = _iter_compare(prediction, n_classes, grid, segmentation, thorough)
    best = yield from part(steps, 0.05, max(share, 0.05))
    for number, one in enumerate(others, 1):
        if best.agrees > 1 - DECISIVE_MARGIN:
            break
        labels = one.of(segmentation.labels, prediction)
        renumbered = replace(segmentation, labels=labels)
        steps = _iter_compare(prediction, n_classes, grid, renumbered, thorough)
        compared = yield from part(steps, number * share, (number + 1) * share)
        if compared.agrees > max(best.agrees, BELONGS):
            best = replace(compared, numbering=one)
    return best


def _iter_compare(
    prediction: Array,
    n_classes: int,
    grid: Grid | None,
    segmentation: Segmentation,
    thorough: bool,
) -> Generator[float, None, Compared]:
    """Compare with labels of which 0 is the background; yields the share done."""
    segmentation, refused = yield from part(
        _iter_in_classes(segmentation, n_classes), 0, 0.1
    )
    placement, onto = _claimed(prediction.shape, grid, segmentation), segmentation
    elsewhere = placement is None and grid is not None and segmentation.grid is not None
    if elsewhere:
        assert grid is not None
        assert segmentation.grid is not None
        steps = iter_resample(
            segmentation.labels, segmentation.grid, grid, nearest=True
        )
        labels = yield from part(steps, 0.1, 0.4)
        onto = replace(segmentation, labels=labels, grid=grid)
        placement = Placement.as_it_is(prediction.ndim)
    foreground = None
    if placement is not None:
        foreground = on_prediction(onto.labels, placement, prediction.shape)
    if refused and foreground is not None and not elsewhere:
        overlapping = iter_classes_by_overlap(foreground, prediction, n_classes)
        classes = yield from part(overlapping, 0.1, 0.3)
        if classes is not None:
            numbers = np.array(list(classes.values()), np.uint16)
            found = np.array(list(classes))
            ranks = iter_ranks(segmentation.labels, found)
            ranked = yield from part(ranks, 0.3, 0.4)
            onto = segmentation = replace(segmentation, labels=numbers[ranked])
            assert placement is not None
            foreground = on_prediction(onto.labels, placement, prediction.shape)
            refused = ""
    if refused:
        return Compared(foreground, onto, refused=refused)
    comparison = Comparison.of(prediction, onto.labels)
    yield 0.4
    turns = prediction.ndim <= 3 and onto.labels.ndim == prediction.ndim
    if not (turns and thorough):
        claimed = None
        if placement is not None:
            claimed = Candidate(placement, comparison.agreement(placement))
        as_claimed = Compared(foreground, onto, claimed)
        if not turns or as_claimed.agrees > 1 - DECISIVE_MARGIN:
            return as_claimed
    search = yield from part(
        iter_search(comparison, placement),
        0.4,
        0.7 if elsewhere else 1,
    )
    if elsewhere and not search.as_loaded_is_best:
        # Perhaps the voxels are the same, and only the headers put them elsewhere.
        further = yield from part(_iter_voxels(prediction, segmentation), 0.7, 1)
        if further.beats(search):
            search = RankedPlacements(search.as_loaded, further.ranked)
            onto = segmentation
    return Compared(
        foreground,
        onto,
        search.as_loaded,
        search,
        resampled=onto is not segmentation,
    )


def iter_explained(
    compared: Compared, prediction: Array, foreground: Array | None = None
) -> Generator[float, None, Compared]:
    """Return the result, with what explains that the two do not agree in nearly all.

    Yields the share done.

    Parameters
    ----------
    compared : Compared
        Result of the comparison.
    prediction : ndarray of unsigned int
        Most probable class of each voxel.
    foreground : ndarray or None
        Probability of all classes but the background, where it is known.
    """
    search, loaded = compared.search, compared.as_loaded
    if search is None or search.better is not None or compared.foreground is None:
        return compared
    if loaded is None or loaded.agreement.foreground > 1 - DECISIVE_MARGIN:
        return compared
    pair = Pair(prediction, compared.foreground, foreground)
    explanation = yield from pair.iter_explained()
    return replace(compared, explanation=explanation)


def background_shown(
    prediction: Array, n_classes: int, grid: Grid | None, segmentation: Segmentation
) -> Background | None:
    """Return the background that a segmentation shows, where it is not the first class.

    Some voxels tell. None where the first class may be it, and where it is unknown how
    the two lie on each other.

    Parameters
    ----------
    prediction : ndarray of unsigned int
        Number of the most probable class.
    n_classes : int
        How many there are.
    grid : Grid or None
        Grid of the prediction.
    segmentation : Segmentation
        Labels that have 0 for the background.
    """
    placement = _claimed(prediction.shape, grid, segmentation)
    if placement is None or segmentation.labels.ndim != prediction.ndim:
        return None
    some = tuple(slice(None, None, max(1, n // _LOOKED_AT)) for n in prediction.shape)
    classes = prediction[some]
    labels = on_prediction(segmentation.labels, placement, prediction.shape)[some]
    if labels.dtype.kind not in "biu" or not labels.size or labels.min() < 0:
        return None
    why, highest = f"'{segmentation.name}'", int(labels.max())

    def agrees(background: Background) -> float:
        numbers = np.array(background.labels(n_classes))[classes]
        either = labels != 0
        if background.channel is not None:
            either = either | (numbers != 0)
        return float((numbers == labels)[either].mean()) if either.any() else 0.0

    usual = agrees(FIRST_CLASS)
    if highest == n_classes:
        found = Background(None, "values", why)
        outside = float((labels == 0).mean()) > LEAST_OUTSIDE
        return found if outside and agrees(found) >= AGREES else None
    if highest > n_classes or usual >= BELONGS or not (labels == 0).any():
        return None
    counts = np.bincount(classes[labels == 0].ravel(), minlength=n_classes)
    found = Background(int(counts.argmax()), "values", why)
    return found if found.channel and agrees(found) >= AGREES else None


def iter_labels_at(
    shape: tuple[int, ...],
    grid: Grid | None,
    segmentation: Segmentation,
) -> Generator[float, None, Array | None]:
    """Return the segmentation at the voxels of a map, with its own labels.

    Yields the share done; returns None where it is not known how the one lies on the
    other.

    Parameters
    ----------
    shape, grid : tuple of int, Grid or None
        Shape and grid of the map.
    segmentation : Segmentation
        Labels that lie on the map or overlap with it.
    """
    there = segmentation.grid
    if there is not None and segmentation.labels.ndim > there.ndim:
        return None  # over time
    placement = _claimed(shape, grid, segmentation)
    if placement is not None:
        return on_prediction(segmentation.labels, placement, shape)
    if grid is None or there is None:
        return None
    return (yield from iter_resample(segmentation.labels, there, grid, nearest=True))


def _iter_in_classes(
    segmentation: Segmentation, n_classes: int
) -> Generator[float, None, tuple[Segmentation, str]]:
    """Return labels in the numbers of the classes, or why that cannot be.

    Before anything is left out of it, for atlas labels are told by their order.
    """
    grid = segmentation.grid
    if grid is not None and segmentation.labels.ndim > grid.ndim:
        # Over time: which moment the prediction is of is unknown.
        segmentation = replace(segmentation, grid=None, claimed=None)
    try:
        classes = yield from iter_as_classes(segmentation.labels, n_classes)
    except InputError as error:
        return segmentation, str(error)
    return replace(segmentation, labels=classes), ""


def _iter_voxels(
    prediction: Array, segmentation: Segmentation
) -> Generator[float, None, RankedPlacements]:
    """Search among the segmentation's own voxels, wherever the headers put them."""
    if segmentation.labels.ndim != prediction.ndim:
        return RankedPlacements(None, ())
    comparison = Comparison.of(prediction, segmentation.labels)
    return (yield from iter_search(comparison, None))


def _claimed(
    shape: tuple[int, ...], grid: Grid | None, segmentation: Segmentation
) -> Placement | None:
    """Return the placement in the segmentation that the files claim."""
    if grid is not None and segmentation.grid is not None:
        return grid.placement_in(segmentation.grid)
    if segmentation.claimed != "voxel on voxel":
        return segmentation.claimed
    return (
        Placement.as_it_is(len(shape)) if shape == segmentation.labels.shape else None
    )


def on_prediction(labels: Array, placement: Placement, shape: tuple[int, ...]) -> Array:
    """Return the labels at the voxels of the prediction, 0 where there are none."""
    here, there = placement.overlap(shape, labels.shape)
    if placement.turned_shape(shape) == labels[there].shape:
        return placement.turn_back(labels[there])
    out = np.zeros(shape, labels.dtype)
    placement.turn(out)[here] = labels[there]
    return out
