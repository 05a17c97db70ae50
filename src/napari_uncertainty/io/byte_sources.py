"""Bytes of files, read piece by piece: plain, compressed, or of several files joined.

Inflating takes most of the time of reading a compressed file, so zlib-ng does it where
it is installed, and Python's own zlib where it is not.

Files that hold one class each are joined to one array with the class axis in front: the
engine takes class after class from it and needs no copy of them all.
"""

from __future__ import annotations

import os
import zlib as _slow
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, cast

import numpy as np

from ..engine.values import sample_of
from ..errors import InputError, in_short
from ..model.probabilities import scale_of
from ..model.stored import Bytes, PlainBytes, StoredValues

zlib: Any
try:
    from zlib_ng import zlib_ng as zlib
except ImportError:  # no wheel for this platform
    zlib = _slow

# Compressed bytes are read so many at a time.
FEED = 1 << 18

# No deflated stream grows by more (https://zlib.net/zlib_tech.html).
MOST_GROWTH = 1032

INFLATE_ERRORS: tuple[type[Exception], ...] = (zlib.error, OSError)

RAW_DEFLATE, GZIP = -15, 31

_FLOAT32 = np.dtype(np.float32)

# Bytes of one file: plain, deflated (in a zip archive), or gzipped.


@dataclass(frozen=True)
class PlainFile:
    """Bytes of a file from `offset` on, of which any part can be read at any time."""

    path: Path
    offset: int
    size: int
    _state: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        with opened(self.path) as file:
            object.__setattr__(self, "_state", _state(file))
        if self._state[0] < self.offset + self.size:
            raise cut_short(self.path)

    def pieces(self, size: int) -> Iterator[bytes]:
        """Pieces of `size` bytes, the last one maybe shorter."""
        for start in range(0, self.size, size):
            piece = bytearray(min(size, self.size - start))
            self.read_into(start, memoryview(piece))
            yield bytes(piece)

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill `out` with the bytes from `start` on."""
        with opened(self.path) as file:
            if _state(file) != self._state:
                raise InputError(
                    f"{self.path.name} was changed while it was read; run again."
                )
            file.seek(self.offset + start)
            done = 0
            while done < len(out):
                count = file.readinto(out[done:])
                if not count:
                    raise cut_short(self.path)
                done += count


@dataclass(frozen=True, eq=False)
class InMemory:
    """Bytes made from a file, such as those of numbers that it holds as text."""

    content: bytes

    def pieces(self, size: int) -> Iterator[bytes]:
        """Pieces of `size` bytes, the last one maybe shorter."""
        for start in range(0, len(self.content), size):
            yield self.content[start : start + size]

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill `out` with the bytes from `start` on."""
        out[:] = self.content[start : start + len(out)]


@dataclass(frozen=True)
class PackedFile:
    """Bytes of a compressed part of a file, from its first to its last.

    Attributes
    ----------
    path : Path
        The file.
    offset, packed : int
        Where the part begins, and how long it is.
    skip, size : int
        Unpacked bytes to leave out at its beginning, and to give from there on.
    wbits : int or None
        ``RAW_DEFLATE`` or ``GZIP``; None where nothing is compressed.
    crc : int or None
        Checksum of all its unpacked bytes, where the file has one; a gzip stream holds
        its own.
    """

    path: Path
    offset: int
    packed: int
    skip: int
    size: int
    wbits: int | None
    crc: int | None = None

    def __post_init__(self) -> None:
        growth = 1 if self.wbits is None else MOST_GROWTH
        if self.skip + self.size > growth * self.packed + FEED:
            raise InputError(
                f"{self.path.name} promises {self.size / 1e9:.3g} GB, more than its "
                f"{self.packed / 1e6:.3g} MB can hold: it is damaged or cut short."
            )

    def pieces(self, size: int) -> Iterator[bytes]:
        """Pieces of `size` bytes, the last one maybe shorter."""
        with opened(self.path) as file:
            file.seek(self.offset)
            feed = self._feed(file)
            unpack = _Unpacker(feed, self.wbits)
            try:
                left, crc = self.skip, 0
                while left:
                    piece = self._take(unpack, min(left, size))
                    crc, left = zlib.crc32(piece, crc), left - len(piece)
                left = self.size
                while left:
                    piece = self._take(unpack, min(left, size))
                    if self.crc is not None:
                        crc = zlib.crc32(piece, crc)
                    left -= len(piece)
                    yield piece
                # Reading on checks the checksum of gzip, which is behind the last byte.
                rest = unpack.take(FEED)
            except INFLATE_ERRORS as error:
                raise InputError(
                    f"{self.path.name} cannot be read: it is damaged or cut short "
                    f"({in_short(error)})."
                ) from error
        if self.crc is not None and (rest or crc != self.crc):
            raise InputError(
                f"{self.path.name} cannot be read: it is damaged (its checksum does "
                "not match)."
            )

    def _take(self, unpack: _Unpacker, size: int) -> bytes:
        piece = unpack.take(size)
        if len(piece) < size:
            raise cut_short(self.path)
        return piece

    def _feed(self, file: Any) -> Iterator[bytes]:
        left = self.packed
        while left:
            data = file.read(min(FEED, left))
            if not data:
                raise cut_short(self.path)
            left -= len(data)
            yield data


class _Unpacker:
    """A compressed stream, from which any number of bytes can be taken at a time."""

    def __init__(self, feed: Iterator[bytes], wbits: int | None) -> None:
        self._feed = feed
        self._wbits = wbits
        self._tail = b""
        self._stream = None if wbits is None else zlib.decompressobj(wbits)

    def take(self, size: int) -> bytes:
        """Return so many bytes; fewer only at the end of the stream."""
        parts: list[bytes] = []
        while size:
            part = self._plain(size) if self._stream is None else self._inflated(size)
            if part is None:
                break
            size -= len(part)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _plain(self, size: int) -> bytes | None:
        data = self._tail or next(self._feed, b"")
        self._tail = data[size:]
        return data[:size] or None

    def _inflated(self, size: int) -> bytes | None:
        stream = self._stream
        assert stream is not None
        if stream.eof:
            # Several gzip streams may follow each other; zeros may fill up the end.
            data = (stream.unused_data or next(self._feed, b"")).lstrip(b"\0")
            if self._wbits != GZIP or not data:
                return None
            self._tail = data
            self._stream = stream = zlib.decompressobj(GZIP)
        data = self._tail or next(self._feed, b"")
        part: bytes = stream.decompress(data, size)
        self._tail = stream.unconsumed_tail
        # The last bytes may be held back until there is room for them.
        return part if part or data or stream.eof else None


def in_pieces(parts: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Give the same bytes in pieces of `size`, the last one maybe shorter."""
    ready = bytearray()
    for part in parts:
        if not ready and len(part) == size:
            yield part
            continue
        ready += part
        while len(ready) >= size:
            yield bytes(ready[:size])
            del ready[:size]
    if ready:
        yield bytes(ready)


def opened(path: Path) -> Any:
    """Open a file to read it, without a buffer in between."""
    try:
        return path.open("rb", buffering=0)
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error


def cut_short(path: Path) -> InputError:
    """Return the error for a file that ends too early."""
    return InputError(
        f"{path.name} cannot be read: it is cut short or promises more than it holds."
    )


def _state(file: Any) -> tuple[int, int]:
    status = os.fstat(file.fileno())
    return status.st_size, status.st_mtime_ns


# Bytes of several files, one after the other.


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
    """Several bytes, one after the other, of which any part can be read at any time.

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
    """Values as float32, of which any part can be read at any time."""

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill `out` with the bytes from `start` on; both are whole values."""
        plain = cast(PlainBytes, self.values.bytes)
        raw = np.empty(len(out) // _FLOAT32.itemsize, self.values.stored)
        first = start // _FLOAT32.itemsize * raw.itemsize
        plain.read_into(first, raw.view(np.uint8).data)
        out[:] = self.values.scaled(raw).astype(_FLOAT32, copy=False).tobytes()


def join(parts: Sequence[StoredValues]) -> StoredValues:
    """Join classes, each from a file of its own, to one array.

    Where the files store their values alike, the values stay as they are stored; else
    they become float32.

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
    """Return values with the sum of each voxel, where some can be read at no cost."""
    if not isinstance(values.bytes, PlainBytes):
        return values
    with np.errstate(all="ignore"):  # infinity times 0 is no data, and no warning
        return replace(values, scale=scale_of(sample_of(values), 0) or 1.0)


def _storage(values: StoredValues) -> tuple[np.dtype[Any], float, float]:
    return values.stored, values.slope, values.inter
