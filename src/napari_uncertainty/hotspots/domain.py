"""Which voxels may be in a place: near the foreground, and with data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..grid import Grid
from ..matching.agreement import box_of
from ..regions.keys import interior_of
from .around import reached
from .ball import Ball, Box
from .wanted import RADIUS, Wanted, usual_radius

Array = np.ndarray[Any, Any]

#: In mm, of places as large as they usually are; nearer where these are smaller. What
#: was segmented wrongly is in the foreground or beside it; uncertainty far away from it
#: is about something else.
NEIGHBOURHOOD = 2.0


@dataclass(frozen=True, eq=False)
class Domain:
    """Voxels that may be in a place.

    Attributes
    ----------
    box : tuple of slice
        A box that holds them all.
    voxels : ndarray of bool, shape of the box
        Which they are.
    """

    box: Box
    voxels: Array

    @classmethod
    def of(
        cls,
        shape: tuple[int, ...],
        labels: Array | None,
        data: Array | None,
        wanted: Wanted,
        ball_of: Callable[[float], Ball],
        grid: Grid | None = None,
    ) -> Domain:
        """Find them.

        Parameters
        ----------
        shape : tuple of int
            Of the volume.
        labels, data : ndarray of that shape, or None
            The segmentation, and which voxels have data (without it, all).
        wanted : Wanted
            In which classes, and where in them.
        ball_of : callable
            Gives the voxels within a radius in mm.
        grid : Grid or None
            Where the voxels are; without one, they are cubes of 1 mm.
        """
        whole = tuple(slice(0, length) for length in shape)
        if labels is None:
            if wanted.classes is not None or wanted.interior:
                raise InputError(
                    "Classes and their interior are only known with a segmentation; "
                    "choose one."
                )
            voxels = np.ones(shape, bool) if data is None else np.array(data)
            return cls(whole, voxels)
        inside = labels != 0
        if wanted.classes is not None:
            inside = np.isin(labels, wanted.classes)
        beside = NEIGHBOURHOOD * usual_radius(grid, shape) / RADIUS
        near = ball_of(0.0 if wanted.interior else beside)
        box = tuple(
            slice(max(0, one.start - half), min(length, one.stop + half))
            for one, half, length in zip(
                box_of(inside), near.halves, shape, strict=True
            )
        )
        voxels = inside[box]
        if wanted.interior:
            voxels = voxels & interior_of(labels)[box]
        else:
            voxels = reached(voxels, near)
        if data is not None:
            voxels = voxels & data[box]
        return cls(box, voxels)
