"""Statistics of a whole map."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..engine.blocks import slabs
from ..model.record import MapStatistics


def map_statistics(
    values: np.ndarray[Any, Any],
    no_data: np.ndarray[Any, np.dtype[np.bool_]],
    foreground: Any,
    foreground_only: bool = False,
) -> MapStatistics:
    """Return the statistics of a map, computed in float64.

    Parameters
    ----------
    values : ndarray
        The map; 0 at no-data voxels, which therefore add nothing to the total.
    no_data : ndarray of bool, shape of `values`
        Voxels without data.
    foreground : array, shape of `values`
        Not 0 (or False) at voxels that are not background: a mask, or labels.
    foreground_only : bool
        Leave the background out of all numbers.
    """
    n_no_data = n_inside = 0
    total = inside_total = maximum = inside_maximum = 0.0
    for slab in slabs(values):
        part, missing = values[slab], no_data[slab]
        inside = np.asarray(foreground[slab]) != 0
        n_missing = int(np.count_nonzero(missing))
        if n_missing:
            inside &= ~missing
        n_no_data += n_missing
        n_inside += int(np.count_nonzero(inside))
        total += float(part.sum(dtype=np.float64))
        inside_total += float(part.sum(dtype=np.float64, where=inside))
        maximum = max(maximum, float(part.max(initial=0.0)))
        if foreground_only:
            here = float(part.max(initial=0.0, where=inside))
            inside_maximum = max(inside_maximum, here)
    voxels = values.size - n_no_data
    if foreground_only:
        voxels, total, maximum = n_inside, inside_total, inside_maximum
    return MapStatistics(
        voxels=voxels,
        no_data=n_no_data,
        total=total,
        mean=total / voxels if voxels else 0.0,
        maximum=maximum,
        foreground_voxels=n_inside,
        foreground_mean=inside_total / n_inside if n_inside else 0.0,
    )
