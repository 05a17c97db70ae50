"""Bytes of a file as they come: plain, deflated (in a zip archive), or gzipped.

Inflating is what takes longest of reading a compressed file, so zlib-ng does it where
it is installed, and Python's own zlib where it is not.
"""

from __future__ import annotations

import os
import zlib as _slow
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError, in_short

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
    """Bytes that had to be made from a file, such as of numbers that it has as text."""

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
        Checksum of all its unpacked bytes, where the file tells; a gzip stream brings
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
                # What follows belongs to nothing, but the checksum is behind it.
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
    """The error for a file that ends too early."""
    return InputError(
        f"{path.name} cannot be read: it is cut short or promises more than it holds."
    )


def _state(file: Any) -> tuple[int, int]:
    found = os.fstat(file.fileno())
    return found.st_size, found.st_mtime_ns
