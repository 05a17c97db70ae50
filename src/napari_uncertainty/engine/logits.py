"""Softmax of logits, and probabilities in the order of labels.

The softmax is
p = exp(x / T) / Σ exp(x / T), with T the temperature: C. Guo et al., On Calibration of
Modern Neural Networks, ICML 2017, arXiv:1706.04599. A single channel stands beside a
background of 0, and becomes the probability of the foreground, 1 / (1 + exp(-x / T)).

Where a network saw only a crop, 0 is put around it in all channels. That is padding,
not a prediction: such voxels have no data.

In the order of labels, the background comes first: it has the label 0. It is one of the
classes, or what the shares of all classes leave over, or it does not occur.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..model.kinds import KINDS
from ..model.probabilities import is_lazy
from ..model.stored import (
    ChangedBlocks,
    StoredValues,
    Volumes,
    iter_volumes,
    parts_by_class,
)
from .values import float_type

Array = np.ndarray[Any, Any]

# Probabilities in the order of labels.


def in_order_of_labels(values: Any, background: int | None) -> Any:
    """Return probabilities with the background in front, even where no class is it.

    Nothing is copied before it is needed; where the first class is the background,
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
    """Volumes of classes in the order of labels; a label without a class is all 0."""

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
    """Return shares of the classes, with that of the background in front.

    The result is None for integers: their scale is not known.

    Parameters
    ----------
    values : ndarray, dask array or StoredValues, shape (classes, ...)
        From 0 to 1; those of a voxel sum to 1 at most.
    """
    if values.dtype.kind != "f":
        return None
    if isinstance(values, StoredValues):
        return _InFile(values)
    rest = (1 - values.sum(axis=0, dtype=np.float64)).clip(0, 1)
    first = rest.astype(values.dtype)[np.newaxis]
    if isinstance(values, np.ndarray):
        return np.concatenate([first, values])
    import dask.array as da

    return da.concatenate([first, values])


class _InFile:
    """Shares in a file with those of the background, for which all volumes are read."""

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


# Softmax of logits, from every source that the fold takes.


def softmax(logits: Array, temperature: float) -> Array:
    """Return probabilities of logits, shape (classes, ...), in float32 or float64."""
    # NaN, and what infinity becomes, is how a voxel without data is known.
    with np.errstate(invalid="ignore", over="ignore"):
        z = logits.astype(precision_for(logits))
        padding = ~logits.any(axis=0) if tells_padding(logits) else None
        z /= temperature
        highest = np.maximum(z[0], 0) if len(z) == 1 else z.max(axis=0)
        z -= highest
        np.exp(z, out=z)
        z /= z[0] + np.exp(-highest) if len(z) == 1 else z.sum(axis=0)
        if padding is not None:
            z[:, padding] = np.nan
    return z


def tells_padding(logits: Any) -> bool:
    """Return whether 0 in all channels can only be padding.

    The floating-point numbers that a network computes are never exactly 0 in several
    channels. Whole numbers may be, and so may a single channel.
    """
    return bool(logits.dtype.kind == "f" and logits.shape[0] > 1)


def precision_for(logits: Any) -> np.dtype[Any]:
    """Return float32, or float64 for logits with more digits than that.

    What a single channel leaves to the background is lost in float32 where the
    foreground is all but certain.
    """
    single = logits.shape[0] == 1
    return np.dtype(np.float64) if single else float_type(logits.dtype)


def softmax_of_blocks(logits: Any, temperature: float) -> ChangedBlocks:
    """Return an array of logits as one of which blocks are taken as softmax."""
    change = partial(softmax, temperature=temperature)
    return ChangedBlocks(logits, change, precision_for(logits))


@dataclass(frozen=True, eq=False)
class SoftmaxStream(StoredValues):
    """Softmax of logits in a file that is read from its beginning to its end.

    Where whole classes follow each other, the file is read twice: what the exponentials
    of a voxel sum to has to be known before the first class is.
    """

    logits: Any = None
    temperature: float = 1.0

    @classmethod
    def of(cls, stored: StoredValues, temperature: float) -> SoftmaxStream:
        """Return the softmax of logits in a file."""
        return stored.held_by(cls, logits=stored, temperature=temperature)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the softmax."""
        return precision_for(self.logits)

    def pieces(self, values: int) -> Iterator[Array]:
        """Yield all values in file order; empty pieces during a first reading."""
        _, n_classes, row = self.layout
        whole = n_classes * row
        if whole > values:
            return self._read_twice(values)
        return _cut(self._of_whole_voxels(values // whole * whole), values)

    def _of_whole_voxels(self, values: int) -> Iterator[Array]:
        _, n_classes, row = self.layout
        for raw in self.logits.pieces(values):
            block = raw.reshape(-1, n_classes, row).swapaxes(0, 1)
            yield softmax(block, self.temperature).swapaxes(0, 1).reshape(-1)

    def _read_twice(self, values: int) -> Iterator[Array]:
        rounds, n_classes, row = self.layout
        start = 0.0 if n_classes == 1 else -np.inf
        sums = np.full((rounds, row), start, self.dtype)  # logarithms of them
        looks_for_padding = tells_padding(self.logits)
        padding = np.full((rounds, row), looks_for_padding, np.bool_)
        for at, piece in self._scaled_pieces(values):
            with np.errstate(invalid="ignore"):
                for _, voxels, part in parts_by_class(at, piece, self.layout):
                    here = sums[voxels]
                    np.logaddexp(here, part, out=here)
                    if looks_for_padding:
                        padding[voxels] &= part == 0
            yield piece[:0]
        sums[padding] = np.nan
        for at, piece in self._scaled_pieces(values):
            with np.errstate(invalid="ignore", over="ignore"):
                for _, voxels, part in parts_by_class(at, piece, self.layout):
                    part -= sums[voxels]
                    np.exp(part, out=part)
            yield piece

    def _scaled_pieces(self, values: int) -> Iterator[tuple[int, Array]]:
        at = 0
        for raw in self.logits.pieces(values):
            with np.errstate(invalid="ignore", over="ignore"):
                piece = raw.astype(self.dtype)
                piece /= self.temperature
            yield at, piece
            at += len(piece)


def softmax_of_dask(logits: Any, temperature: float) -> Any:
    """Return the softmax of a dask array of logits, not computed yet."""
    return logits.rechunk({0: -1}).map_blocks(
        softmax, temperature, dtype=precision_for(logits)
    )


def as_members(
    values: Any, kind: str, temperature: float, background: int | None = 0
) -> list[Any]:
    """Return the probabilities of classes that exclude each other, in a list.

    They are in the order of labels, of which 0 is the background. The list is empty
    for kinds whose classes do not exclude each other.

    Parameters
    ----------
    values : ndarray, dask array or StoredValues, shape (classes, ...)
        Values of a softmax, scaled or not, are returned as they are; fractions get the
        background in front.
    kind : str
        A key of :data:`.KINDS`.
    temperature : float
        Temperature of logits.
    background : int or None
        Number of the class that is the background; None where no class is.
    """
    if KINDS[kind].sums_matter:
        return [in_order_of_labels(values, background)]
    if KINDS[kind].adds_background and not KINDS[kind].single:
        whole = with_left_over(values)
        return [] if whole is None else [whole]
    if not KINDS[kind].exclusive_scores or values.shape[0] == 1:
        return []
    if isinstance(values, StoredValues):
        whole = SoftmaxStream.of(values, temperature)
    elif isinstance(values, np.ndarray):
        whole = softmax(values, temperature)
    else:
        whole = softmax_of_dask(values, temperature)
    return [in_order_of_labels(whole, background)]


def _cut(pieces: Iterator[Array], values: int) -> Iterator[Array]:
    """Yield the same values in pieces of that many `values`, the last one shorter."""
    rest = next(pieces)
    for piece in pieces:
        while len(rest) >= values:
            yield rest[:values]
            rest = rest[values:]
        rest = np.concatenate([rest, piece]) if len(rest) else piece
    for start in range(0, len(rest), values):
        yield rest[start : start + values]
