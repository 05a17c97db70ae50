"""Keys of voxels, which tell the label, and boundary from interior."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..fold.blocks import Box, widened

Array = np.ndarray[Any, Any]


def keyed(labels: Array, box: Box) -> tuple[list[int], Array]:
    """Number the labels of a box, and tell boundary from interior.

    Parameters
    ----------
    labels : ndarray of int or bool
        Of the whole volume: what lies around the box decides, too.
    box : tuple of slice
        Which part of it.

    Returns
    -------
    labels : list of int
        Ascending; at least those in and around the box.
    keys : ndarray of unsigned int, shape of the box
        Twice the index of the label, and one more for an interior voxel.
    """
    wider, within = widened(box, (1,) * labels.ndim, labels.shape)
    there, numbers = _numbered(np.ascontiguousarray(labels[wider]))
    keys = numbers[within] * numbers.dtype.type(2)
    keys += interior_of(numbers)[within]
    return there, keys


def _numbered(labels: Array) -> tuple[list[int], Array]:
    """Labels, ascending, and for each voxel which of them it has, in few bytes."""
    if labels.dtype == bool:
        labels = labels.view(np.uint8)
    low, high = int(labels.min()), int(labels.max())
    # Twice the number and one has to fit into a byte.
    if low >= 0 and high < 128:
        return [*range(high + 1)], labels.astype(np.uint8, copy=False)
    if high - low < 128:
        return [*range(low, high + 1)], (labels - low).astype(np.uint8)
    # Labels come in patches: only where one follows another there is something to see.
    flat = labels.reshape(-1)
    begins = np.flatnonzero(np.append(True, flat[1:] != flat[:-1]))
    lengths = np.diff(np.append(begins, flat.size))
    there, numbers = np.unique(flat[begins], return_inverse=True)
    small: npt.DTypeLike = np.min_scalar_type(2 * len(there))
    numbers = np.repeat(numbers.astype(small), lengths)
    return there.tolist(), numbers.reshape(labels.shape)


def interior_of(numbers: Array) -> Array:
    """Return whether all neighbours across faces are equal; outside there is none."""
    interior = np.ones(numbers.shape, bool)
    for axis in range(numbers.ndim):
        along, inside = np.moveaxis(numbers, axis, 0), np.moveaxis(interior, axis, 0)
        equal = along[1:] == along[:-1]
        inside[1:] &= equal
        inside[:-1] &= equal
    return interior
