"""Layout of a map in memory, and the first of several voxels in C order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..fold.blocks import slowest_first

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Layout:
    """Axes as they lie in memory: slowest first, none flipped.

    Attributes
    ----------
    shape : tuple of int
        Along these axes.
    order : tuple of int
        Which axis of the array each of them is.
    flips : tuple of int
        -1 where the array runs backwards, else 1.
    steps : tuple of int
        By how much the index in C order of the array grows along each of them.
    first : int
        The index in C order of the voxel that is first in memory.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    flips: tuple[int, ...]
    steps: tuple[int, ...]
    first: int

    @classmethod
    def of(cls, array: Array) -> Layout:
        """The layout of an array."""
        order = slowest_first(array.strides)
        flips = [-1 if array.strides[axis] < 0 else 1 for axis in order]
        shape = [array.shape[axis] for axis in order]
        steps = [math.prod(array.shape[axis + 1 :]) for axis in order]
        turned = zip(shape, flips, steps, strict=True)
        first = sum((n - 1) * step for n, flip, step in turned if flip < 0)
        signed = [flip * step for flip, step in zip(flips, steps, strict=True)]
        return cls(tuple(shape), tuple(order), tuple(flips), tuple(signed), first)

    def in_memory(self, array: Array) -> Array:
        """An array of the same shape with its axes in this order; a view."""
        flips = tuple(slice(None, None, flip) for flip in self.flips)
        return array.transpose(self.order)[flips]

    def restored(self, profiles: Sequence[Array]) -> tuple[Array, ...]:
        """Profiles along each axis in memory, in the order of the axes of the array.

        They run along the last axis, in the direction of the array.
        """
        return tuple(
            profiles[axis][..., :: self.flips[axis]]
            for axis in np.argsort(self.order).tolist()
        )

    def first_of(
        self, voxels: Array, shape: tuple[int, ...], starts: Sequence[int]
    ) -> int:
        """Smallest index in C order of the array.

        Parameters
        ----------
        voxels : ndarray of int
            Ascending indices, at least one, within a box in memory.
        shape, starts
            Of the box.
        """
        falling = [(-abs(step), axis) for axis, step in enumerate(self.steps)]
        for _, axis in sorted(falling):
            if len(voxels) == 1 or self._in_c_order:
                break
            along = voxels // math.prod(shape[axis + 1 :]) % shape[axis]
            nearest = along.min() if self.steps[axis] > 0 else along.max()
            voxels = voxels[along == nearest]
        place = np.unravel_index(int(voxels[0]), shape)
        corner = zip(self.steps, starts, place, strict=True)
        return self.first + sum(step * (start + int(i)) for step, start, i in corner)

    @property
    def _in_c_order(self) -> bool:
        steps = [s for s, n in zip(self.steps, self.shape, strict=True) if n > 1]
        return steps == sorted(steps, reverse=True) and min(steps, default=1) > 0
