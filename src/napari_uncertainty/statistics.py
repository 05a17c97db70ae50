"""Numbers that sum a map up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class MapStatistics:
    """Total, mean and extremes of one map.

    No-data voxels are in none of the numbers but their own count. Values carry the
    unit of the map; a mean over no voxel at all is 0.

    Attributes
    ----------
    voxels : int
        Voxels with data that were counted.
    no_data : int
        Voxels without.
    total : float
        Sum over the counted voxels.
    mean : float
        `total` over `voxels`.
    maximum : float
        Largest value.
    foreground_voxels : int
        Voxels with data that belong to the foreground.
    foreground_mean : float
        Mean over these.
    """

    voxels: int
    no_data: int
    total: float
    mean: float
    maximum: float
    foreground_voxels: int
    foreground_mean: float


def map_statistics(
    values: np.ndarray[Any, Any],
    no_data: np.ndarray[Any, np.dtype[np.bool_]],
    foreground: np.ndarray[Any, np.dtype[np.bool_]],
    foreground_only: bool = False,
) -> MapStatistics:
    """Sum up a map in float64.

    Parameters
    ----------
    values : ndarray
        The map; 0 at no-data voxels, which therefore add nothing to the total.
    no_data, foreground : ndarray of bool, shape of `values`
        Voxels without data, and voxels that are not background.
    foreground_only : bool
        Leave the background out of all numbers.
    """
    n_no_data = int(np.count_nonzero(no_data))
    inside = foreground & ~no_data if n_no_data else foreground
    n_inside = int(np.count_nonzero(inside))
    inside_total = float(values.sum(dtype=np.float64, where=inside))
    if foreground_only:
        voxels, total = n_inside, inside_total
        maximum = float(values.max(initial=0.0, where=inside))
    else:
        voxels, total = values.size - n_no_data, float(values.sum(dtype=np.float64))
        maximum = float(values.max(initial=0.0))
    return MapStatistics(
        voxels=voxels,
        no_data=n_no_data,
        total=total,
        mean=total / voxels if voxels else 0.0,
        maximum=maximum,
        foreground_voxels=n_inside,
        foreground_mean=inside_total / n_inside if n_inside else 0.0,
    )
