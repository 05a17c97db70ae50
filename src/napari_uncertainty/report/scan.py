"""A scan on the voxels of a map."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from ..batch.recorded import Recorded
from ..errors import InputError
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
    # Of several moments, the first.
    data = data.reshape(*volume.grid.shape, -1)[..., 0]
    if grid is None:
        if data.shape == recorded.values.shape:
            return np.asarray(data)
        raise InputError(
            f"It is not known where the map is, and the scan {path} has other voxels; "
            "choose a scan with the voxels of the map."
        )
    if not grid.overlaps(volume.grid):
        raise InputError(
            f"The scan {path} lies elsewhere: it and the map do not overlap in space; "
            "choose the scan of this case."
        )
    placement = grid.placement_in(volume.grid)
    if placement is not None:
        return on_prediction(data, placement, grid.shape)
    resampled = yield from iter_resample(data, volume.grid, grid)
    assert resampled is not None  # nothing cancels it
    return resampled
