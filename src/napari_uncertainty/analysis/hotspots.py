"""Hotspots, places worth a reviewer's visit, and the options of their search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from ..model.grid import Grid
from .balls import Ball
from .class_statistics import unnamed

if TYPE_CHECKING:
    import pandas as pd


#: Usual radius of a hotspot in mm, in images of people.
RADIUS = 3.75

# Of images with smaller voxels, places are as many voxels wide as with voxels of 1 mm,
# or this share of the image, whichever is larger.
_SHARE = 1 / 16

#: Largest radius in mm: a larger ball is too large to be a place.
LARGEST_RADIUS = 50.0

#: How many places, by default.
COUNT = 50


@dataclass(frozen=True)
class HotspotOptions:
    """Options of the search for hotspots.

    Attributes
    ----------
    count : int
        How many, at most.
    radius_mm : float or None
        Of each; by default what :func:`usual_radius` gives.
    separation_mm : float or None
        How far two centres are apart at least; by default as far as the radius.
    classes : tuple of int or None
        Labels in and around which is looked; by default all but the background, 0.
    interior : bool
        Only voxels of these labels whose neighbours across all faces have the same.

    Raises
    ------
    InputError
        If there is nothing to be found with these.
    """

    count: int = COUNT
    radius_mm: float | None = None
    separation_mm: float | None = None
    classes: tuple[int, ...] | None = None
    interior: bool = False

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(
                f"{self.count} hotspots cannot be found; ask for 1 or more."
            )
        for name in ("radius", "separation"):
            length = self.separation if name == "separation" else self.radius_mm
            if length is None:
                continue
            if not (np.isfinite(length) and length > 0):
                raise InputError(
                    f"A {name} of {length} mm is not possible; give a length above 0."
                )
            if length > LARGEST_RADIUS:
                raise InputError(
                    f"A {name} of {length} mm is too large; give at most "
                    f"{LARGEST_RADIUS:g} mm."
                )
        if self.classes is not None and not self.classes:
            raise InputError("No class is chosen; choose one, or leave all.")

    @property
    def separation(self) -> float | None:
        """Least distance of two centres in mm; None where it follows from the image."""
        return self.radius_mm if self.separation_mm is None else self.separation_mm

    def on(self, grid: Grid | None, shape: Sequence[int]) -> HotspotOptions:
        """Return the same with a radius, which follows from the image if none is given.

        Parameters
        ----------
        grid, shape : Grid or None, sequence of int
            As for :func:`usual_radius`.
        """
        if self.radius_mm is not None:
            return self
        return replace(self, radius_mm=usual_radius(grid, shape))


def usual_radius(grid: Grid | None, shape: Sequence[int]) -> float:
    """Return the radius in mm that suits an image: 3.75 mm in images of people.

    With voxels below 1 mm, a place is 3.75 voxels in radius or a sixteenth of the
    image, whichever is larger, and never more than 3.75 mm.

    Parameters
    ----------
    grid : Grid or None
        Where the voxels are; without one, they are cubes of 1 mm.
    shape : sequence of int
        Of the image, where there is no grid.
    """
    lengths = np.array(shape if grid is None else grid.shape, np.float64)
    zooms = np.ones(len(lengths)) if grid is None else grid.zooms[: len(lengths)]
    voxel = float(np.exp(np.log(zooms).mean()))
    long = lengths > 1
    extent = float(np.exp(np.log((lengths * zooms)[long]).mean())) if long.any() else 0
    return min(RADIUS, max(RADIUS * voxel, extent * _SHARE))


@dataclass(frozen=True)
class Hotspot:
    """Ball in which many voxels may be wrong.

    Attributes
    ----------
    rank : int
        1 for the one that is worth most.
    voxel : tuple of int
        Index of its centre in the map.
    ras : tuple of float or None
        The centre in RAS mm; None where it is not known where the map is.
    mass : float
        How many of its voxels are expected to be wrong, those in balls of better rank
        left out.
    peak, mean : float
        Largest value of the map in it, and mean, in the unit of the map.
    classes : tuple of int, or None
        The two labels that compete here, the more probable one first.
    share : float
        Share of all wrong voxels that is expected in it, 0 to 1; as for `mass`.
    map_share : float
        Share of the sum of the whole map that is in it; as for `mass`.
    """

    rank: int
    voxel: tuple[int, ...]
    ras: tuple[float, float, float] | None
    mass: float
    peak: float
    mean: float
    classes: tuple[int, int] | None
    share: float
    map_share: float

    def competing(self, names: Mapping[int, str]) -> str:
        """Return the two classes in words, such as ``gray matter ↔ white matter``."""
        if self.classes is None:
            return ""
        return " ↔ ".join(names.get(label) or unnamed(label) for label in self.classes)


@dataclass(frozen=True, eq=False)
class Hotspots:
    """Hotspots of one map, the best first.

    Attributes
    ----------
    places : tuple of Hotspot
        In the order of their ranks.
    radius_mm : float
        Of each ball.
    expected_errors : float
        How many voxels are expected to be wrong, all over.
    shape : tuple of int
        Shape of the map.
    grid : Grid or None
        Grid of its voxels.
    """

    places: tuple[Hotspot, ...]
    radius_mm: float
    expected_errors: float
    shape: tuple[int, ...]
    grid: Grid | None

    @property
    def ball(self) -> Ball:
        """Voxels around the centre of each hotspot."""
        return Ball.of(self.grid, len(self.shape), self.radius_mm, self.shape)

    def table(self, names: Mapping[int, str] | None = None) -> pd.DataFrame:
        """Return one row for each place.

        Parameters
        ----------
        names : mapping of int to str, or None
            Names of labels.

        Returns
        -------
        DataFrame
            Columns ``rank``; ``x``, ``y``, ``z`` (RAS mm); ``i``, ``j``, ``k`` (voxel);
            ``mass``, ``peak``, ``mean``; ``class_a``, ``class_b`` (names); ``share``.
            What is not known, such as the third axis of a flat image, is missing.
        """
        import pandas as pd

        names = names or {}
        rows = []
        for place in self.places:
            x, y, z = place.ras or (None, None, None)
            i, j, k = (*place.voxel, None, None)[:3]
            first, second = place.classes or (None, None)
            rows.append(
                (
                    place.rank, x, y, z, i, j, k, place.mass, place.peak, place.mean,
                    _name(first, names), _name(second, names), place.share,
                )
            )  # fmt: skip
        return pd.DataFrame(rows, columns=COLUMNS)


#: Of the table.
COLUMNS = [
    "rank", "x", "y", "z", "i", "j", "k",
    "mass", "peak", "mean", "class_a", "class_b", "share",
]  # fmt: skip


def _name(label: int | None, names: Mapping[int, str]) -> str | None:
    return None if label is None else names.get(label) or unnamed(label)
