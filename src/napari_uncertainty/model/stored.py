"""Class probabilities in a file that was opened, and whose values are read later."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np

from ..errors import InputError
from ..limits import check_fits_memory

Array = np.ndarray[Any, Any]
Stored = TypeVar("Stored", bound="StoredValues")

#: Values that are unpacked at once.
PIECE_VALUES = 1 << 19


class Bytes(Protocol):
    """Bytes that can only be read from the first to the last."""

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield pieces of `size` bytes, the last one maybe shorter.

        Raises
        ------
        InputError
            If the file is damaged, was changed, or ends too early.
        """


@runtime_checkable
class PlainBytes(Bytes, Protocol):
    """Bytes of which any part can be read at any time, from any thread."""

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill `out` with the bytes from `start` on."""


@dataclass(frozen=True, eq=False)
class StoredValues:
    """Probabilities as a file stores them; opened by `io`, folded by `engine`.

    Attributes
    ----------
    path : Path
        The file.
    bytes : Bytes or PlainBytes
        Its values, without any header.
    file_shape : tuple of int
        Length of each axis, the slowest first.
    class_axis : int
        Number of the axis that runs over the classes.
    stored : dtype
        Type of the values in the file, with its byte order.
    slope, inter : float
        The values are slope · stored + inter, taken in float64.
    reverse : bool
        Whether the spatial axes are nibabel's in reversed order.
    scale : float
        Sum of the values of a voxel, if it is known.
    declared : bool
        Whether the file says that these are probabilities; otherwise their sums have
        to show it.
    """

    path: Path
    bytes: Bytes
    file_shape: tuple[int, ...]
    class_axis: int
    stored: np.dtype[Any]
    slope: float = 1.0
    inter: float = 0.0
    reverse: bool = True
    scale: float = 1.0
    declared: bool = True

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Shape with the classes first, then the spatial axes in nibabel's order."""
        n_classes = self.file_shape[self.class_axis]
        spatial = self._spatial_shape
        return (n_classes, *(spatial[::-1] if self.reverse else spatial))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.file_shape)

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.file_shape)

    @cached_property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values once they are read."""
        if (self.slope, self.inter) != (1, 0):
            return np.dtype(np.float32)
        return self.stored.newbyteorder("=")

    @cached_property
    def layout(self) -> tuple[int, int, int]:
        """Number of rounds over the classes, of classes, and of values in a row."""
        before = self.file_shape[: self.class_axis]
        after = self.file_shape[self.class_axis + 1 :]
        return math.prod(before), self.file_shape[self.class_axis], math.prod(after)

    def pieces(self, values: int) -> Iterator[Array]:
        """Yield all values in the order of the file, a number of them at a time."""
        for piece in self.bytes.pieces(values * self.stored.itemsize):
            yield self.scaled(np.frombuffer(piece, self.stored))

    def parts(self, values: int) -> Iterator[tuple[int, tuple[int, slice], Array]]:
        """Yield the same values in parts, as of :func:`parts_by_class`."""
        start = 0
        for piece in self.pieces(values):
            yield from parts_by_class(start, piece, self.layout)
            start += len(piece)

    def load(self) -> Array:
        """Return all values, classes first, then spatial axes in nibabel's order."""
        check_fits_memory(self.path, self.file_shape, self.dtype)
        values = np.empty(self.size, self.dtype)
        start = 0
        for piece in self.pieces(1 << 20):
            values[start : start + len(piece)] = piece
            start += len(piece)
        in_file_order = values.reshape(self.file_shape)
        return self._in_core_order(np.moveaxis(in_file_order, self.class_axis, 0))

    def require_scale(self, scale: float | None) -> float:
        """Return the sum of a voxel's values, given what nearly all sums agree on.

        Raises
        ------
        InputError
            If they agree on nothing and the file does not say what they are.
        """
        if scale is None and not self.declared:
            raise InputError(
                f"{self.path.name} does not look like class probabilities: along its "
                "last axis the values do not sum to 1. Choose the network's softmax "
                "output."
            )
        return scale or 1.0

    def restore(self, voxels: Array) -> Array:
        """Return a view in nibabel's order of an array in the file's order."""
        view: Array = self._in_core_order(voxels.reshape(1, *self._spatial_shape))[0]
        return view

    @property
    def _spatial_shape(self) -> tuple[int, ...]:
        axis = self.class_axis
        return self.file_shape[:axis] + self.file_shape[axis + 1 :]

    def _in_core_order(self, values: Array) -> Array:
        if not self.reverse:
            return values
        return values.transpose(0, *range(values.ndim - 1, 0, -1))

    def held_by(self, kind: type[Stored], **further: Any) -> Stored:
        """Return the same values as another class holds them, with further fields."""
        own = {one.name: getattr(self, one.name) for one in fields(StoredValues)}
        return kind(**own, **further)

    def scaled(self, raw: Array) -> Array:
        """Return values from stored ones, by slope and intercept."""
        if (self.slope, self.inter) == (1, 0):
            return raw
        with np.errstate(all="ignore"):  # damage shows as values that are not finite
            scaled: Array = raw * np.float64(self.slope) + np.float64(self.inter)
            return scaled.astype(np.float32)


def parts_by_class(
    start: int, piece: Array, layout: tuple[int, int, int]
) -> Iterator[tuple[int, tuple[int, slice], Array]]:
    """Yield the parts of a piece that are of one class: class, voxels, and values.

    The voxels are given as round and slice of the row; the values are views.

    Parameters
    ----------
    start : int
        Number of the first value of the piece.
    piece : ndarray
        Values in the order of the file.
    layout : tuple of int
        As of :class:`StoredValues`.
    """
    _, n_classes, row = layout
    while len(piece):
        line, voxel = divmod(start, row)
        around, channel = divmod(line, n_classes)
        length = min(len(piece), row - voxel)
        yield channel, (around, slice(voxel, voxel + length)), piece[:length]
        start, piece = start + length, piece[length:]


@dataclass(frozen=True, eq=False)
class StoredBlocks:
    """Values of a plain file as an array of shape (classes, rounds, row); see `layout`.

    Only whole classes of blocks can be taken: some voxels of one row, or whole rows
    of some rounds.
    """

    values: StoredValues

    @property
    def shape(self) -> tuple[int, int, int]:
        """Classes, rounds, voxels in a row."""
        rounds, classes, row = self.values.layout
        return classes, rounds, row

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the values."""
        return self.values.dtype

    def __getitem__(self, block: tuple[Any, ...]) -> Array:
        n_rounds, n_classes, row = self.values.layout
        first, last, _ = block[1].indices(n_rounds)
        start, stop, _ = block[2].indices(row)
        if (start, stop) == (0, row):
            raw = np.empty((last - first, n_classes, row), self.values.stored)
            self._read(first * n_classes * row, raw)
            return self.values.scaled(raw).transpose(1, 0, 2)
        raw = np.empty((n_classes, stop - start), self.values.stored)
        for label, values in enumerate(raw):
            self._read((first * n_classes + label) * row + start, values)
        return self.values.scaled(raw)[:, np.newaxis]

    def _read(self, start: int, out: Array) -> None:
        """Fill `out` with the values from number `start` on."""
        plain = cast(PlainBytes, self.values.bytes)  # to ask takes longer than to read
        plain.read_into(start * out.dtype.itemsize, out.reshape(-1).view(np.uint8).data)


@dataclass(frozen=True, eq=False)
class ChangedBlocks:
    """Array whose blocks are changed as they are taken, to probabilities for example.

    Attributes
    ----------
    values : array_like, shape (classes, ...)
        Array of which blocks with all classes can be taken.
    change : callable
        Gives what a block becomes.
    dtype : dtype
        Type of what it gives.
    """

    values: Any
    change: Callable[[Array], Array]
    dtype: np.dtype[Any]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the values, class axis first."""
        return tuple(self.values.shape)

    def __getitem__(self, block: tuple[Any, ...]) -> Array:
        return self.change(np.asarray(self.values[block]))


class Volumes:
    """Volumes of channels, of which one is read after the other.

    Of a file only one is in memory, until the next is taken; where an earlier one is
    asked for, the file is read again.

    Parameters
    ----------
    values : array_like or StoredValues, shape (channels, ...)
        Volumes of all channels.
    """

    def __init__(self, values: Any) -> None:
        self._values = values
        self._coming: Iterator[Array] = iter(())
        self._next: int | None = None

    def __getitem__(self, channel: int) -> Array:
        if not isinstance(self._values, StoredValues):
            return np.asarray(self._values[channel])
        if self._next is None or channel < self._next:
            self._coming, self._next = iter_volumes(self._values), 0
        while True:
            volume = next(self._coming)
            self._next += 1
            if self._next > channel:
                return volume


def iter_volumes(values: Any) -> Iterator[Array]:
    """Yield one channel after the other; of a file, hold only one if possible."""
    if isinstance(values, StoredValues):
        rounds, _, row = values.layout
        if rounds == 1:
            volume = np.empty(row, values.dtype)
            for _, (_, voxels), part in values.parts(PIECE_VALUES):
                volume[voxels] = part
                if voxels.stop == row:
                    yield values.restore(volume)
            return
        values = values.load()
    for channel in range(values.shape[0]):
        yield np.asarray(values[channel])
