"""The voxels within a few millimetres of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..fold.blocks import Box
from ..grid import Grid

Array = np.ndarray[Any, Any]

# A voxel whose centre is on the sphere belongs to it, whichever way that was rounded.
_ROUNDING = 1e-6


@dataclass(frozen=True, eq=False)
class Ball:
    """A ball in voxels: of any shape where these are not cubes.

    Attributes
    ----------
    mask : ndarray of bool
        Which voxels around the centre belong to it; each axis has an odd length, and
        the centre is in the middle.
    """

    mask: Array

    @classmethod
    def of(
        cls,
        grid: Grid | None,
        ndim: int,
        radius_mm: float,
        shape: Sequence[int] | None = None,
    ) -> Ball:
        """All voxels whose centres are at most the radius away.

        Parameters
        ----------
        grid : Grid or None
            Voxel sizes and angles; without one, voxels are cubes of 1 mm.
        ndim : int
            Number of axes, 1 to 3.
        radius_mm : float
            In mm; of a ball that would hold one voxel only, too.
        shape : sequence of int or None
            Of the volume, to leave out what is outside wherever the centre is.

        Raises
        ------
        InputError
            If the radius is negative or not finite.
        """
        if not (np.isfinite(radius_mm) and radius_mm >= 0):
            raise InputError(f"A radius of {radius_mm} mm is none; give one above 0.")
        axes = np.eye(ndim) if grid is None else grid.affine[:3, :ndim]
        # How far along its own axis the ball reaches is more than the radius where
        # axes are not at right angles.
        reach = radius_mm * np.linalg.norm(np.linalg.pinv(axes), axis=1)
        halves = np.floor(reach * (1 + _ROUNDING)).astype(int)
        if shape is not None:
            halves = np.minimum(halves, np.subtract(shape, 1))
        mask = np.zeros(2 * halves + 1, bool)
        metric = axes.T @ axes
        across = np.indices(mask.shape[1:]).reshape(ndim - 1, mask[0].size)
        across = across.T - halves[1:]
        # Plane by plane: offsets of all voxels would take far more room than the mask.
        for number in range(len(mask)):
            offsets = np.insert(across, 0, number - halves[0], axis=1)
            squared = ((offsets @ metric) * offsets).sum(axis=1)
            within = squared <= (radius_mm * (1 + _ROUNDING)) ** 2
            mask[number] = within.reshape(mask.shape[1:])
        return cls(mask)

    @property
    def halves(self) -> tuple[int, ...]:
        """Return how many voxels it reaches from its centre along each axis."""
        return tuple(length // 2 for length in self.mask.shape)

    def at(self, voxel: Sequence[int], shape: Sequence[int]) -> tuple[Box, Array]:
        """The box around a voxel, as far as it is in the volume, and the ball in it.

        Returns
        -------
        tuple of slice, ndarray of bool
            ``values[box][mask]`` are the values in the ball.
        """
        box, part = [], []
        for at, half, length in zip(voxel, self.halves, shape, strict=True):
            start, stop = max(0, at - half), min(length, at + half + 1)
            box.append(slice(start, stop))
            part.append(slice(start - at + half, stop - at + half))
        return tuple(box), self.mask[tuple(part)]
