"""Voxels that may be in a hotspot: near the foreground, and with data."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..fold.blocks import Box, box_of, cut, widened
from ..grid import Grid
from ..regions.keys import interior_of
from .around import reached
from .ball import Ball
from .wanted import RADIUS, HotspotOptions, usual_radius

Array = np.ndarray[Any, Any]

#: In mm, of places as large as they usually are; nearer where these are smaller. What
#: was segmented wrongly is in the foreground or beside it; uncertainty far away from it
#: is about something else.
NEIGHBOURHOOD = 2.0

# Voxels that are looked at in one step.
SLAB_VOXELS = 1 << 21


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
    def iter_of(
        cls,
        shape: tuple[int, ...],
        labels: Array | None,
        data: Array | None,
        wanted: HotspotOptions,
        ball_of: Callable[[float], Ball],
        grid: Grid | None = None,
    ) -> Generator[float, None, Domain]:
        """Find them; yields the share done.

        Parameters
        ----------
        shape : tuple of int
            Of the volume.
        labels, data : ndarray of that shape, or None
            The segmentation, and which voxels have data (without it, all).
        wanted : HotspotOptions
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
        yield 0.1
        beside = NEIGHBOURHOOD * usual_radius(grid, shape) / RADIUS
        near = ball_of(0.0 if wanted.interior else beside)
        box, _ = widened(box_of(inside), near.halves, shape)
        voxels = np.zeros([one.stop - one.start for one in box], bool)
        for here in cut(len(voxels), voxels[:1].size, SLAB_VOXELS):
            yield 0.2 + 0.8 * here.start / len(voxels)
            part = (
                slice(here.start + box[0].start, here.stop + box[0].start),
                *box[1:],
            )
            if wanted.interior:
                around, within = widened(part, (1,) * len(shape), shape)
                voxels[here] = inside[part] & interior_of(labels[around])[within]
            else:
                around, within = widened(part, near.halves, shape)
                voxels[here] = reached(inside[around], near)[within]
            if data is not None:
                voxels[here] &= data[part]
        return cls(box, voxels)
