"""All checks of a case, from its maps to the images it is shown with."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..compare.orientation import RankedPlacements
from ..compare.segmentation import Compared, Segmentation, iter_compare, iter_explained
from ..engine.ensemble.ensemble_maps import EnsembleMaps
from ..engine.maps import UncertaintyMaps
from ..model.grid import Grid
from ..model.measures import LEAST_CONFIDENCE
from ..model.record import Check
from ..predictions import Predictions
from ..steps import part
from .confidence import check_members, iter_check_confidence
from .input_values import check_background, check_kind, check_no_data, check_precision
from .place import (
    check_comparison,
    check_grid,
    check_header,
    check_lent_place,
    check_unconfirmed_place,
)

# Share of the work that it takes to judge the confidence of the network.
SHARE_OF_CONFIDENCE = 0.2


@dataclass(frozen=True, eq=False)
class Trust:
    """All checks of a case, and the comparisons that they come from.

    Attributes
    ----------
    checks : tuple of Check
        One for each thing that was looked at.
    compared : Compared or None
        Result of the comparison with the segmentation.
    beside : Compared or None
        The same with the labels of the file that the place comes from, which nobody
        asked for. What agrees in no placement is told as red only where the labels are
        sure to be those of the case; else they just confirm nothing.
    """

    checks: tuple[Check, ...]
    compared: Compared | None = None
    beside: Compared | None = None

    @property
    def foreground(self) -> Any:
        """Labels on the voxels of the maps; None where only the prediction can tell."""
        return None if self.compared is None else self.compared.foreground

    @property
    def search(self) -> RankedPlacements | None:
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
        Name of the probabilities.
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
        checks.append(Check("axes", "amber", first.guess, guessed=True))
    yield 0.0
    if confidence and LEAST_CONFIDENCE.name in maps:
        checking = iter_check_confidence(maps)
        checks.append((yield from part(checking, 0, SHARE_OF_CONFIDENCE)))
    if placed and segmentation is None:
        checks.append(check_lent_place(placed))
    headers = [(name, own)]
    yield SHARE_OF_CONFIDENCE
    compared = beside = None
    labels = segmentation or (None if placed else predictions.beside)
    if labels is not None:
        comparing = _iter_compared(
            maps,
            own,
            labels,
            thorough=segmentation is not None,
            classes=maps.classes(predictions.n_channels),
        )
        found = yield from part(comparing, SHARE_OF_CONFIDENCE, 1)
        if segmentation is not None:
            compared = found
            checks += [
                *check_comparison(found),
                check_grid(labels.name, "segmentation", own, labels.grid),
            ]
            headers.append((labels.name, labels.grid))
        elif found.confirms_or_denies or (
            labels.of_the_case and found.search is not None
        ):
            beside = found
            checks += check_comparison(found)
        else:
            beside = replace(found, search=None)
            checks.append(check_unconfirmed_place(labels.name))
    if scan is not None:
        checks.append(check_grid(scan[0], "scan", own, scan[1]))
        headers.append(scan)
    for called, grid in headers:
        checks += [one for one in check_header(called, grid) if one not in checks]
    yield 1.0
    return Trust(tuple(checks), compared, beside)


def _iter_compared(
    maps: UncertaintyMaps,
    grid: Grid | None,
    labels: Segmentation,
    *,
    thorough: bool,
    classes: Sequence[int],
) -> Generator[float, None, Compared]:
    """Compare the prediction with labels, and explain what does not agree."""
    comparing = iter_compare(
        maps.prediction,
        maps.n_classes,
        grid,
        labels,
        thorough=thorough,
        classes=classes,
    )
    compared = yield from part(comparing, 0, 0.8)
    foreground = None
    if maps.n_classes == 2 and LEAST_CONFIDENCE.name in maps:
        doubt = np.asarray(maps[LEAST_CONFIDENCE.name])
        foreground = np.where(np.asarray(maps.prediction) != 0, 1 - doubt, doubt)
    yield 0.8
    explaining = iter_explained(compared, maps.prediction, foreground)
    return (yield from part(explaining, 0.8, 1))
