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
        if grid is None:
            placement = Placement.as_it_is(len(shape))
        else:
            placement, _ = grid.turned_to("RAS")
        return cls(placement, placement.turned_shape(shape), grid)

    def view(self, volume: Array) -> Array:
        """Return a volume of the map's shape as a turned view."""
        return self.placement.turn(volume)

    def ball(self, radius_mm: float) -> Ball:
        """Return the ball of voxels around a turned voxel."""
        if self.grid is None:
            return Ball.of(None, len(self.shape), radius_mm, self.shape)
        grid = self.grid.turned(self.placement)
        return Ball.of(grid, len(self.shape), radius_mm, self.shape)

    def own_voxel(self, turned: Sequence[int]) -> tuple[int, ...]:
        """Return the index in the map as it was."""
        return self.placement.inverse().voxel(turned, self.shape)

    def ras(self, voxel: Sequence[int]) -> tuple[float, float, float] | None:
        """Return the place in mm of a voxel of the original map, None without grid."""
        if self.grid is None:
            return None
        x, y, z = (float(mm) for mm in self.grid.to_ras([voxel])[0])
        return x, y, z
