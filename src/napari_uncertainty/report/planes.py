"""Upright planes through a voxel: which axes they have, and what they cut out.

They are those of the viewer (``docs/architecture.md``, scan space): axes run to
inferior, posterior and left, so the patient's right is on the left of an axial and a
coronal plane, and anterior on the left of a sagittal one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from ..model.grid import Grid
from ..model.placement import Placement

Array = np.ndarray[Any, Any]

#: Of a picture, along each side, so that 50 places of pure noise stay below 5 MB.
#: Larger ones show every second voxel, or fewer.
MOST_PIXELS = 101

#: Width of a picture in mm, if balls are not too large for it.
WIDTH_MM = 50.0

# Cuts go on for a pixel on both sides of the picture, and its middle is the middle of
# one. So their borders, where outlines are closed, are not seen.
_BEYOND = 3

# How many times wider than the ball a picture is, at least.
_AROUND = 4.0

# Names of the upright axes by where they run to.
_AXES = {"I": "z", "P": "y", "L": "x"}

# Where the upright axes come from and run to.
_ENDS = {"z": ("S", "I"), "y": ("A", "P"), "x": ("R", "L")}

_NAMED = (("Axial", "y", "x"), ("Coronal", "z", "x"), ("Sagittal", "z", "y"))


@dataclass(frozen=True)
class Plane:
    """Two of the upright axes.

    Attributes
    ----------
    name : str
        *Axial*, *Coronal* or *Sagittal*; without a grid the axes of the array.
    rows, columns : int
        The axis that runs down, and the one that runs to the right.
    left, right, top, bottom : str
        What lies there: R, L, A, P, S or I; empty where that is not known.
    """

    name: str
    rows: int
    columns: int
    left: str = ""
    right: str = ""
    top: str = ""
    bottom: str = ""


@dataclass(frozen=True)
class PlaneCut:
    """Piece of a plane around a voxel, as far as it is in the volume.

    Attributes
    ----------
    index : tuple
        What it takes of an upright volume.
    left, top, width, height : float
        Where it is, in mm from the centre of the voxel.
    pixel : tuple of float
        Height and width of a pixel, in mm.
    """

    index: tuple[int | slice, ...]
    left: float
    top: float
    width: float
    height: float
    pixel: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Upright:
    """The upright axes of a map.

    Attributes
    ----------
    turn : Placement
        From the axes of the array, as views without a copy.
    zooms : tuple of float
        Voxel size in mm along each upright axis; 1 where no grid is known.
    axes : str
        Their names: of z, y, x, or of i, j, k without a grid.
    cosines : ndarray, shape (n, n)
        Of the angles between them: the identity, but for sheared images.
    """

    turn: Placement
    zooms: tuple[float, ...]
    axes: str
    cosines: npt.NDArray[np.float64]

    @classmethod
    def of(cls, grid: Grid | None, ndim: int) -> Upright:
        """Return the upright axes of a grid; without one, those of the array."""
        if grid is None:
            turn, zooms = Placement.as_it_is(ndim), (1.0,) * ndim
            return cls(turn, zooms, "ijk"[:ndim], np.eye(ndim))
        turn, directions = grid.turned_to("IPL")
        order = list(turn.order)
        cosines = grid.affine[:3, order] / grid.zooms[order] * turn.flips
        return cls(
            turn,
            tuple(float(zoom) for zoom in grid.zooms[order]),
            "".join(_AXES[direction] for direction in directions),
            cosines.T @ cosines,
        )

    def planes(self) -> Iterator[Plane]:
        """Yield three planes of a volume, one of a flat image."""
        for name, down, right in _NAMED:
            if down in self.axes and right in self.axes:
                rows, columns = self.axes.index(down), self.axes.index(right)
                yield Plane(name, rows, columns, *_ENDS[right], *_ENDS[down])
        if self.axes.startswith("i"):
            for rows, columns in combinations(range(len(self.axes)), 2):
                name = f"{self.axes[rows]} down, {self.axes[columns]} to the right"
                yield Plane(name, rows, columns)

    def width(self, radius_mm: float) -> float:
        """Return the width of all pictures in mm, so that they can be compared."""
        affordable = min(WIDTH_MM, (MOST_PIXELS - _BEYOND) * min(self.zooms))
        return max(2 * radius_mm * _AROUND, affordable)

    def cut(
        self, plane: Plane, at: Sequence[int], shape: Sequence[int], width: float
    ) -> PlaneCut:
        """Return the piece of a plane around a voxel.

        Parameters
        ----------
        plane : Plane
            Which.
        at, shape : sequence of int
            The voxel in the upright volume, and the shape of that.
        width : float
            How wide and high the picture is, in mm.
        """
        index: list[int | slice] = list(at)
        spans = []
        for axis in (plane.rows, plane.columns):
            index[axis], *span = _along(
                at[axis], shape[axis], self.zooms[axis], width / 2
            )
            spans.append(span)
        (top, height, row), (left, across, column) = spans
        return PlaneCut(tuple(index), left, top, across, height, (row, column))

    def ellipse(self, plane: Plane, radius_mm: float) -> tuple[float, float]:
        """Half axes of what the plane cuts of a ball, along both diagonals.

        Equal ones, a circle, unless the image is sheared.
        """
        cosine = float(self.cosines[plane.rows, plane.columns])
        return radius_mm / math.sqrt(1 + cosine), radius_mm / math.sqrt(1 - cosine)


def _along(
    at: int, length: int, zoom: float, half: float
) -> tuple[slice, float, float, float]:
    """Return voxels within half a width, and first edge, length and pixel in mm."""
    # What reaches into the picture by rounding only does not.
    step = math.ceil((2 * half / zoom + _BEYOND - 1e-6) / MOST_PIXELS)
    pixel = zoom * step
    reach = math.ceil(half / pixel - 0.5 - 1e-6) + 1
    # The voxel itself is always shown, also where only every second one is.
    before, after = min(reach, at // step), min(reach, (length - 1 - at) // step)
    voxels = slice(at - before * step, at + after * step + 1, step)
    return voxels, -(before + 0.5) * pixel, (before + after + 1) * pixel, pixel
