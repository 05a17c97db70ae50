"""Probabilities in the order of labels, whatever the order of the classes is.

Label 0 is the background: a class, what shares of the others leave over, or nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..probabilities import is_lazy
from ..stored import StoredValues, Volumes, iter_volumes

Array = np.ndarray[Any, Any]


def in_order_of_labels(values: Any, background: int | None) -> Any:
    """Return probabilities with the background in front, which nothing may be.

    Nothing is copied before it is looked at; where the first class is the background,
    the values are returned as they are.

    Parameters
    ----------
    values : ndarray, dask array or StoredValues, shape (classes, ...)
        In the order of the classes.
    background : int or None
        Number of the class that is the background; None where no class is, and label 0
        is nowhere likely.
    """
    if background == 0:
        return values
    order = [background, *(n for n in range(values.shape[0]) if n != background)]
    if not is_lazy(values):
        return _InOrder(values, order)
    if background is not None:
        return values[order]
    import dask.array as da

    return da.concatenate([da.zeros_like(values[:1]), values])


class _InOrder:
    """Volumes in another order.

    Parameters
    ----------
    values : array or StoredValues, shape (classes, ...)
        Where they are.
    order : sequence of (int or None)
        Which of them stands for each label; None for nothing but 0.
    """

    def __init__(self, values: Any, order: list[int | None]):
        self._volumes, self._order = Volumes(values), order
        self.shape = (len(order), *values.shape[1:])
        self.ndim, self.dtype = len(self.shape), values.dtype

    def __getitem__(self, index: Any) -> Array:
        labels, *place = index if isinstance(index, tuple) else (index,)
        if not isinstance(labels, slice):
            chosen: Array = self._volume(self._order[labels])[tuple(place)]
            return chosen
        # A volume of a file is there until the next one is read.
        some = [np.array(self._volume(n)[tuple(place)]) for n in self._order[labels]]
        return np.stack(some)

    def _volume(self, channel: int | None) -> Array:
        if channel is None:
            return np.zeros(self.shape[1:], self.dtype)
        return self._volumes[channel]


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
    """Shares in a file, volume by volume; for the background, all are read.

    Parameters
    ----------
    values : StoredValues
        The classes but the background.
    """

    def __init__(self, values: StoredValues):
        self._values, self._volumes = values, Volumes(values)
        self.shape = (values.shape[0] + 1, *values.shape[1:])
        self.ndim, self.dtype = len(self.shape), values.dtype

    def __getitem__(self, label: int) -> Array:
        if label:
            return self._volumes[label - 1]
        sums = np.zeros(self.shape[1:])
        for volume in iter_volumes(self._values):
            sums += volume
        return (1 - sums).clip(0, 1).astype(self.dtype)
