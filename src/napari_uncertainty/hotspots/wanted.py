"""Options of the search for hotspots: how many, how large, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..grid import Grid

#: In mm, of images of people.
RADIUS = 3.75

# Of images with smaller voxels, places are as many voxels wide as with voxels of 1 mm,
# or this share of the image, whichever is larger.
_SHARE = 1 / 16

#: In mm. Larger balls are no places any more.
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
                f"{self.count} is no number of hotspots; ask for 1 or more."
            )
        for name in ("radius", "separation"):
            length = self.separation if name == "separation" else self.radius_mm
            if length is None:
                continue
            if not (np.isfinite(length) and length > 0):
                raise InputError(f"{length} mm is no {name}; give a length above 0.")
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
