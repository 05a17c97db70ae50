"""All checks of a case, from its maps to the images it is shown with."""

from __future__ import annotations

import threading
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from .checks import Check
from .checks.confidence import check_confidence, check_members
from .checks.place import check_grid, check_header, check_lent_place
from .checks.values import check_kind, check_no_data, check_precision
from .ensemble import EnsembleMaps
from .fold import UncertaintyMaps
from .grid import Grid
from .matching.comparison import Compared, Segmentation, iter_compare
from .matching.orientation import Search
from .measures import LEAST_CONFIDENCE


@dataclass(frozen=True, eq=False)
class Case:
    """What maps were made from, and what belongs to it.

    Attributes
    ----------
    values : array or StoredValues
        The probabilities, class axis first.
    name : str
        What to call them.
    grid : Grid or None
        Where they lie; None where that is unknown.
    segmentation : Segmentation or None
        What to compare the most probable class with.
    scan : tuple of (str, Grid or None) or None
        Name of the scan, and where it lies.
    guess : str
        What was assumed when they were opened; empty where nothing was.
    placed : str
        How a person placed the probabilities; empty where they lie as loaded.
    """

    values: Any
    name: str = "probabilities"
    grid: Grid | None = None
    segmentation: Segmentation | None = None
    scan: tuple[str, Grid | None] | None = None
    placed: str = ""
    guess: str = ""


@dataclass(frozen=True, eq=False)
class Trust:
    """What was found.

    Attributes
    ----------
    checks : tuple of Check
        All that was looked at.
    compared : Compared or None
        What came of the comparison with the segmentation.
    """

    checks: tuple[Check, ...]
    compared: Compared | None = None

    @property
    def foreground(self) -> Any:
        """Labels on the voxels of the maps; None where only the prediction can tell."""
        return None if self.compared is None else self.compared.foreground

    @property
    def search(self) -> Search | None:
        """Placements in the segmentation; None where none were sought."""
        return None if self.compared is None else self.compared.search


def iter_trust(
    case: Case, maps: UncertaintyMaps, cancel: threading.Event | None = None
) -> Generator[float, None, Trust | None]:
    """Look at a case; yields the share done, returns None if cancelled."""
    checks = [
        check_kind(maps),
        check_members(maps) if isinstance(maps, EnsembleMaps) else check_no_data(maps),
        check_precision(case.values, maps),
    ]
    if case.guess:
        checks.append(Check("axes", "amber", case.guess))
    if LEAST_CONFIDENCE.name in maps:
        checks.append(check_confidence(maps))
    if case.placed and case.segmentation is None:
        checks.append(check_lent_place(case.placed))
    headers = [(case.name, case.grid)]
    compared = None
    if case.segmentation is not None:
        name, grid = case.segmentation.name, case.segmentation.grid
        compared = yield from iter_compare(
            maps.prediction, maps.n_classes, case.grid, case.segmentation, cancel
        )
        if compared is None:
            return None
        checks += [
            *compared.checks,
            check_grid(name, "segmentation", case.grid, grid),
        ]
        headers.append((name, grid))
    if case.scan is not None:
        name, grid = case.scan
        checks.append(check_grid(name, "scan", case.grid, grid))
        headers.append((name, grid))
    for name, grid in headers:
        checks += [one for one in check_header(name, grid) if one not in checks]
    return Trust(tuple(checks), compared)
