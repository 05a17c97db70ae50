"""Shares without a background as an opinion on classes: with what they leave over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..stored import StoredValues

Array = np.ndarray[Any, Any]


def with_left_over(values: Any) -> Any:
    """Shares of the classes with that of the background in front; None of integers.

    Parameters
    ----------
    values : ndarray, dask array or StoredValues, shape (classes, ...)
        From 0 to 1; those of a voxel sum to 1 at most.
    """
    if values.dtype.kind != "f":
        return None  # what stands for 1 is not known
    if isinstance(values, StoredValues):
        return _InFile(values)
    rest = (1 - values.sum(axis=0, dtype=np.float64)).clip(0, 1)
    first = rest.astype(values.dtype)[np.newaxis]
    if isinstance(values, np.ndarray):
        return np.concatenate([first, values])
    import dask.array as da

    return da.concatenate([first, values])


class _InFile:
    """Shares in a file, volume by volume; for the first, all of them are read.

    Parameters
    ----------
    values : StoredValues
        The classes but the background.
    """

    def __init__(self, values: StoredValues):
        self._values = values
        self.shape = (values.shape[0] + 1, *values.shape[1:])
        self.ndim, self.dtype = len(self.shape), values.dtype
        self._volumes: Iterator[Array] = iter(())
        self._next = 0

    def __getitem__(self, label: int) -> Array:
        from ..ensemble.sources import iter_volumes

        if label == 0:
            sums = np.zeros(self.shape[1:])
            for volume in iter_volumes(self._values):
                sums += volume
            return (1 - sums).clip(0, 1).astype(self.dtype)
        if not 0 < self._next <= label:
            self._volumes, self._next = iter_volumes(self._values), 1
        while self._next <= label:
            volume = next(self._volumes)
            self._next += 1
        return volume
