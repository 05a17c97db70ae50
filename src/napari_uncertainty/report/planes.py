"""Upright planes through a voxel: their axes, and the piece of a volume that they cut.

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

#: Most pixels along each side of a picture, so that 50 places of pure noise stay below
#: 5 MB. Larger pieces show every second voxel, or fewer.
MOST_PIXELS = 101

#: Width of a picture in mm, unless balls are too large for it.
WIDTH_MM = 50.0

# Pixels of a cut beyond the picture: one on each side, and one because the middle of
# the picture is that of a pixel. So its borders, where outlines close, are not seen.
_BEYOND = 3

# Width of a picture at least, as a multiple of the ball's diameter.
_AROUND = 4.0

# Names of the upright axes by their directions.
_AXES = {"I": "z", "P": "y", "L": "x"}

# Directions at both ends of the upright axes.
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
        Direction at that edge: R, L, A, P, S or I; empty where that is not known.
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
        Index of the piece in an upright volume.
    left, top, width, height : float
        Its left and upper edge, in mm from the centre of the voxel, and its size.
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
        Turn of the array onto these axes, as a view without a copy.
    zooms : tuple of float
        Voxel size in mm along each upright axis; 1 where no grid is known.
    axes : str
        Their names: of z, y, x, or of i, j, k without a grid.
    cosines : ndarray, shape (n, n)
        Cosines of the angles between them: the identity, unless the image is sheared.
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
            The plane.
        at, shape : sequence of int
            The voxel in the upright volume, and the shape of that volume.
        width : float
            Width and height of the picture in mm.
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
        """Return the half axes, along both diagonals, of the cut through a ball.

        They are equal, and the cut is a circle, unless the image is sheared.
        """
        cosine = float(self.cosines[plane.rows, plane.columns])
        return radius_mm / math.sqrt(1 + cosine), radius_mm / math.sqrt(1 - cosine)


def _along(
    at: int, length: int, zoom: float, half: float
) -> tuple[slice, float, float, float]:
    """Return voxels within half a width, and first edge, length and pixel in mm."""
    # Pixels that reach into the picture by rounding errors alone do not count.
    step = math.ceil((2 * half / zoom + _BEYOND - 1e-6) / MOST_PIXELS)
    pixel = zoom * step
    reach = math.ceil(half / pixel - 0.5 - 1e-6) + 1
    # The voxel itself is always shown, also where only every second one is.
    before, after = min(reach, at // step), min(reach, (length - 1 - at) // step)
    voxels = slice(at - before * step, at + after * step + 1, step)
    return voxels, -(before + 0.5) * pixel, (before + after + 1) * pixel, pixel
