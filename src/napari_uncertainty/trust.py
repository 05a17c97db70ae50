"""All checks of a case, from its maps to the images it is shown with."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .checks import Check
from .checks.confidence import check_members, iter_check_confidence
from .checks.place import check_grid, check_header, check_lent_place
from .checks.values import (
    check_background,
    check_kind,
    check_no_data,
    check_precision,
)
from .ensemble import EnsembleMaps
from .fold import UncertaintyMaps
from .grid import Grid
from .matching.comparison import Compared, Segmentation, iter_compare, iter_explained
from .matching.orientation import Search
from .measures import LEAST_CONFIDENCE
from .predictions import Predictions
from .steps import part

# How much of the work is to see how confident the network is, before a comparison.
SHARE_OF_CONFIDENCE = 0.2


@dataclass(frozen=True, eq=False)
class Trust:
    """What was found.

    Attributes
    ----------
    checks : tuple of Check
        All that was looked at.
    compared : Compared or None
        What came of the comparison with the segmentation.
    beside : Compared or None
        The same with the labels of the file that the place comes from, which nobody
        asked for.
    """

    checks: tuple[Check, ...]
    compared: Compared | None = None
    beside: Compared | None = None

    @property
    def foreground(self) -> Any:
        """Labels on the voxels of the maps; None where only the prediction can tell."""
        return None if self.compared is None else self.compared.foreground

    @property
    def search(self) -> Search | None:
        """Placements in the segmentation; None where none were sought."""
        return None if self.compared is None else self.compared.search


def iter_trust(
    predictions: Predictions,
    maps: UncertaintyMaps,
    *,
    name: str,
    segmentation: Segmentation | None = None,
    scan: tuple[str, Grid | None] | None = None,
    placed: str = "",
    confidence: bool = True,
) -> Generator[float, None, Trust]:
    """Make all checks of a case; yields the share done.

    Parameters
    ----------
    predictions, maps : Predictions, UncertaintyMaps
        The probabilities, and what was computed from them.
    name : str
        What to call the probabilities.
    segmentation : Segmentation or None
        What to compare the most probable class with. Without one, labels of the file
        that the place comes from are compared, unless a person has chosen the place.
    scan : tuple of (str, Grid or None) or None
        Name of the scan, and where it lies.
    placed : str
        How a person placed the probabilities; empty where they lie as loaded.
    confidence : bool
        Whether it is to be told how sure the network is of itself.
    """
    first, own = predictions.first, predictions.grid
    checks = [
        check_kind(maps),
        check_members(maps) if isinstance(maps, EnsembleMaps) else check_no_data(maps),
        check_precision(first.values, maps),
    ]
    background = check_background(maps, predictions.named.class_names)
    if background is not None:
        checks.append(background)
    if first.guess:
        checks.append(Check("axes", "amber", first.guess))
    yield 0.0
    if confidence and LEAST_CONFIDENCE.name in maps:
        checking = iter_check_confidence(maps)
        checks.append((yield from part(checking, 0, SHARE_OF_CONFIDENCE)))
    if placed and segmentation is None:
        checks.append(check_lent_place(placed))
    headers = [(name, own)]
    yield SHARE_OF_CONFIDENCE
    compared = beside = None
    classes = maps.classes(predictions.n_channels)
    if segmentation is not None:
        there = segmentation.grid
        comparing = iter_compare(
            maps.prediction, maps.n_classes, own, segmentation, classes=classes
        )
        compared = yield from part(comparing, SHARE_OF_CONFIDENCE, 0.8)
        foreground = foreground_of(maps)
        yield 0.8
        explaining = iter_explained(compared, maps.prediction, foreground)
        compared = yield from part(explaining, 0.8, 1)
        checks += [
            *compared.checks,
            check_grid(segmentation.name, "segmentation", own, there),
        ]
        headers.append((segmentation.name, there))
    elif not placed and predictions.beside is not None:
        comparing = iter_beside(
            maps.prediction,
            maps.n_classes,
            own,
            predictions.beside,
            foreground=foreground_of(maps),
            classes=classes,
        )
        beside = yield from part(comparing, SHARE_OF_CONFIDENCE, 1)
        checks += beside.checks
    if scan is not None:
        checks.append(check_grid(scan[0], "scan", own, scan[1]))
        headers.append(scan)
    for called, grid in headers:
        checks += [one for one in check_header(called, grid) if one not in checks]
    yield 1.0
    return Trust(tuple(checks), compared, beside)


def foreground_of(maps: UncertaintyMaps) -> Any:
    """Probability of the foreground, where that is a single class; else None."""
    if maps.n_classes != 2 or LEAST_CONFIDENCE.name not in maps:
        return None
    doubt = np.asarray(maps[LEAST_CONFIDENCE.name])
    return np.where(np.asarray(maps.prediction) != 0, 1 - doubt, doubt)


def iter_beside(
    prediction: Any,
    n_classes: int,
    grid: Grid | None,
    labels: Segmentation,
    *,
    foreground: Any = None,
    classes: Sequence[int] = (),
) -> Generator[float, None, Compared]:
    """Compare with the file that a place comes from; yields the share done.

    Parameters
    ----------
    prediction, n_classes, grid, classes
        As of :func:`.iter_compare`.
    labels : Segmentation
        What that file holds.
    foreground : ndarray or None
        As of :func:`.explained`.

    Returns
    -------
    Compared
        What agrees in no placement is red only where the
        labels are sure to be those of the case; else they just confirm nothing.
    """
    comparing = iter_compare(
        prediction, n_classes, grid, labels, thorough=False, classes=classes
    )
    compared = yield from part(comparing, 0, 0.8)
    explaining = iter_explained(compared, prediction, foreground)
    compared = yield from part(explaining, 0.8, 1)
    if compared.confirms_or_denies:
        return compared
    if labels.of_the_case and compared.search is not None:
        return compared
    sentence = (
        f"The place was taken from '{labels.name}', and nothing confirms it: its "
        "labels are not these classes, or of something else."
    )
    checks = (Check("place", "amber", sentence, {"from": labels.name}),)
    return replace(compared, checks=checks, search=None)
