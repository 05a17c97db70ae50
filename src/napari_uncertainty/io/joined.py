"""Bytes of several files, one after the other, as if they were one.

So one file for each class is one array with the class axis in front: the engine takes
class after class from it, and needs no copy of them all.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, cast

import numpy as np

from ..fold.sampling import sample_of
from ..probabilities import scale_of
from ..stored import Bytes, PlainBytes, StoredValues
from .byte_sources import in_pieces


@dataclass(frozen=True)
class JoinedFiles:
    """Several bytes, one after the other.

    Attributes
    ----------
    parts : tuple of Bytes
        In their order; each is read when its turn comes.
    """

    parts: tuple[Bytes, ...]

    def pieces(self, size: int) -> Iterator[bytes]:
        """Pieces of `size` bytes, the last one maybe shorter."""
        parts = (piece for part in self.parts for piece in part.pieces(size))
        return in_pieces(parts, size)


@dataclass(frozen=True)
class JoinedPlainFiles(JoinedFiles):
    """The same, where any part can be had at any time.

    Attributes
    ----------
    sizes : tuple of int
        Bytes of each part.
    """

    parts: tuple[PlainBytes, ...]
    sizes: tuple[int, ...]

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill `out` with the bytes from `start` on."""
        ends = list(accumulate(self.sizes))
        done = 0
        while done < len(out):
            number = bisect_right(ends, start + done)
            left = ends[number] - (start + done)
            piece = out[done : done + left]
            self.parts[number].read_into(self.sizes[number] - left, piece)
            done += len(piece)


@dataclass(frozen=True, eq=False)
class AsFloat32:
    """Values of a file as bytes of float32, scaled as its header says."""

    values: StoredValues

    def pieces(self, size: int) -> Iterator[bytes]:
        """Pieces of `size` bytes, all of whole values; the last one maybe shorter."""
        for piece in self.values.pieces(size // _FLOAT32.itemsize):
            yield piece.astype(_FLOAT32, copy=False).tobytes()


@dataclass(frozen=True, eq=False)
class PlainAsFloat32(AsFloat32):
    """The same, where any part can be had at any time."""

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill `out` with the bytes from `start` on; both are whole values."""
        plain = cast(PlainBytes, self.values.bytes)
        raw = np.empty(len(out) // _FLOAT32.itemsize, self.values.stored)
        first = start // _FLOAT32.itemsize * raw.itemsize
        plain.read_into(first, raw.view(np.uint8).data)
        out[:] = self.values.scaled(raw).astype(_FLOAT32, copy=False).tobytes()


_FLOAT32 = np.dtype(np.float32)


def join(parts: Sequence[StoredValues]) -> StoredValues:
    """One class after the other, each from a file of its own.

    Where the files store their values alike, these stay as they are; else they become
    float32.

    Parameters
    ----------
    parts : sequence of StoredValues
        All of the same shape, with a class axis of length 1 in front.
    """
    first = parts[0]
    alike = all(_storage(part) == _storage(first) for part in parts)
    plain = all(isinstance(part.bytes, PlainBytes) for part in parts)
    files: Any = [part.bytes for part in parts]
    stored, slope, inter = _storage(first) if alike else (_FLOAT32, 1.0, 0.0)
    if not alike:
        files = [(PlainAsFloat32 if plain else AsFloat32)(part) for part in parts]
    sizes = tuple(part.size * stored.itemsize for part in parts)
    joined = replace(
        first,
        bytes=JoinedPlainFiles(tuple(files), sizes)
        if plain
        else JoinedFiles(tuple(files)),
        file_shape=(len(parts), *first.file_shape[1:]),
        stored=stored,
        slope=slope,
        inter=inter,
        scale=1.0,
    )
    return with_scale(joined)


def with_scale(values: StoredValues) -> StoredValues:
    """Add what the values of a voxel sum to, where a look at some costs nothing."""
    if not isinstance(values.bytes, PlainBytes):
        return values
    with np.errstate(all="ignore"):  # infinity times 0 is no data, and no news
        return replace(values, scale=scale_of(sample_of(values), 0) or 1.0)


def _storage(values: StoredValues) -> tuple[np.dtype[Any], float, float]:
    return values.stored, values.slope, values.inter
