"""A scan on the voxels of a map."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from ..batch.written import Recorded
from ..errors import InputError
from ..grid import Grid
from ..matching.comparison import on_prediction
from ..resampling import iter_resample

Array = np.ndarray[Any, Any]


def iter_scan_at(recorded: Recorded, path: Path) -> Generator[float, None, Array]:
    """Read a scan and put it where the map is; yields the share done.

    Parameters
    ----------
    recorded : Recorded
        The map.
    path : Path
        Of the scan: on the same voxels, in any order, or on others around the map.

    Raises
    ------
    InputError
        If it cannot be read, or lies elsewhere.
    """
    from ..io.nifti import open_nifti

    if not path.is_file():
        raise InputError(f"There is no scan {path}.")
    volume: Any = open_nifti(path)
    # A scan may look like labels; what has classes is none.
    data, grid = getattr(volume, "data", None), recorded.grid
    if data is None:
        raise InputError(f"{path} holds probabilities and is no scan; choose one.")
    if grid is not None and not grid.overlaps(volume.grid):
        raise InputError(
            f"The scan {path} lies elsewhere: it and the map do not overlap in space; "
            "choose the scan of this case."
        )
    scan = yield from iter_values_at(data, volume.grid, recorded.values.shape, grid)
    if scan is None:
        raise InputError(
            f"It is not known where the map is, and the scan {path} has other voxels; "
            "choose a scan with the voxels of the map."
        )
    return scan


def iter_values_at(
    values: Any,
    there: Grid | None,
    shape: tuple[int, ...],
    grid: Grid | None,
) -> Generator[float, None, Array | None]:
    """A scan on the voxels of a map; yields the share done.

    Parameters
    ----------
    values : array
        The scan; of several moments, which come last, the first is taken.
    there : Grid or None
        Where its voxels are.
    shape, grid : tuple of int, Grid or None
        Of the map.

    Returns
    -------
    ndarray or None
        None where it is not known how the scan lies.
    """
    values = np.asarray(values)
    if there is not None:
        values = values.reshape(*there.shape, -1)[..., 0]
    if grid is None or there is None:
        return values if values.shape == shape else None
    placement = grid.placement_in(there)
    if placement is not None:
        return on_prediction(values, placement, shape)
    return (yield from iter_resample(values, there, grid))
