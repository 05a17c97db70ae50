"""Values of one grid on another, to show or to compare images that are tilted."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from ..engine.blocks import cut
from ..model.grid import Grid

Array = np.ndarray[Any, Any]

# Voxels that are made in one go: small, so that it can be closed soon.
SLAB_VOXELS = 1 << 18


def iter_resample(
    values: Array,
    source: Grid,
    target: Grid,
    *,
    nearest: bool = False,
    fill: float = 0,
) -> Generator[float, None, Array]:
    """Resample values from one grid to another; yields the share done.

    Parameters
    ----------
    values : ndarray
        On the voxels of `source`; further axes, such as time, come last.
    source, target : Grid
        Grid that the values are on, and grid that they are computed for.
    nearest : bool
        Take the nearest voxel, as labels need it, instead of interpolating linearly.
    fill : float
        Value outside of `source`.

    Returns
    -------
    ndarray
        On the voxels of `target`; labels in their own type, others in float32.
    """
    from scipy.ndimage import affine_transform

    yield 0.0
    if source.ndim == 2:  # a flat image is a single slice of a volume
        source = Grid((*source.shape, 1), source.affine)
        values = np.expand_dims(values, 2)
    shape = target.shape + (1,) * (3 - target.ndim)
    further = values.shape[3:]
    dtype = values.dtype if nearest else np.dtype(np.float32)
    out = np.empty((*shape, *further), dtype)
    to_source = np.linalg.inv(source.affine) @ target.affine
    planes = cut(shape[0], shape[1] * shape[2], SLAB_VOXELS)
    done, total = 0, shape[0] * max(1, int(np.prod(further)))
    for extra in np.ndindex(*further):
        volume = values[(..., *extra)]
        if volume.dtype == np.float16:
            volume = volume.astype(np.float32)
        elif volume.dtype == bool:
            volume = volume.view(np.uint8)
        for run in planes:
            out[(run, ..., *extra)] = affine_transform(
                volume,
                to_source[:3, :3],
                to_source[:3, :3] @ (run.start, 0, 0) + to_source[:3, 3],
                output_shape=(run.stop - run.start, *shape[1:]),
                output=volume.dtype if nearest else np.float32,
                order=0 if nearest else 1,
                # Half a voxel beyond the outermost centres is still inside.
                mode="grid-constant",
                cval=fill,
                prefilter=False,
            )
            done += run.stop - run.start
            yield done / total
    return out[:, :, 0] if target.ndim == 2 else out
