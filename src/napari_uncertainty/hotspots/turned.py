"""Volumes with their axes nearest to Right, Anterior and Superior.

So that the same places come out in the same order whatever the order and direction of
the axes in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..grid import Grid
from ..placement import Placement
from .ball import Ball

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Turned:
    """Turn of a map to Right, Anterior and Superior; without a grid it stays as it is.

    Attributes
    ----------
    placement : Placement
        How.
    shape : tuple of int
        Of the turned map.
    grid : Grid or None
        Of the map as it was.
    """

    placement: Placement
    shape: tuple[int, ...]
    grid: Grid | None

    @classmethod
    def of(cls, shape: Sequence[int], grid: Grid | None) -> Turned:
        """Turn a map of this shape."""
        placement = Placement.as_it_is(len(shape))
        if grid is not None:
            from nibabel.orientations import io_orientation

            orientation = io_orientation(grid.affine)[: len(shape)]
            order = tuple(int(axis) for axis in np.argsort(orientation[:, 0]))
            flips = tuple(int(orientation[axis, 1]) for axis in order)
            placement = Placement(order, flips, (0,) * len(shape))
        return cls(placement, placement.turned_shape(shape), grid)

    def view(self, volume: Array) -> Array:
        """Return a volume of the map's shape as a turned view."""
        return self.placement.turn(volume)

    def ball(self, radius_mm: float) -> Ball:
        """Return the ball of voxels around a turned voxel."""
        if self.grid is None:
            return Ball.of(None, len(self.shape), radius_mm, self.shape)
        affine, order = self.grid.affine.copy(), list(self.placement.order)
        affine[:3, : len(order)] = self.grid.affine[:3, order] * self.placement.flips
        return Ball.of(Grid(self.shape, affine), len(self.shape), radius_mm, self.shape)

    def own_voxel(self, turned: Sequence[int]) -> tuple[int, ...]:
        """Return the index in the map as it was."""
        voxel = [0] * len(turned)
        for axis, flip, at, length in zip(
            self.placement.order, self.placement.flips, turned, self.shape, strict=True
        ):
            voxel[axis] = at if flip == 1 else length - 1 - at
        return tuple(voxel)

    def ras(self, voxel: Sequence[int]) -> tuple[float, float, float] | None:
        """Return the place in mm of a voxel of the original map, None without grid."""
        if self.grid is None:
            return None
        x, y, z = (float(mm) for mm in self.grid.to_ras([voxel])[0])
        return x, y, z
