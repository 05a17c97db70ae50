"""Members that lie in one array: the part of a file's bytes that is one of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..stored import Bytes, PlainBytes
from .array_headers import ArrayHeader
from .byte_sources import PackedFile, PlainFile, in_pieces

#: More members than anybody has; so many in a header are a mistake.
MOST_MEMBERS = 1000

# Bytes of a member that are picked at a time where any part can be read.
_PICKED = 1 << 20


@dataclass(frozen=True)
class EveryNth:
    """Every n-th value of some bytes.

    Attributes
    ----------
    whole : Bytes
        All of them.
    itemsize : int
        Bytes of a value.
    first, step : int
        Which values are taken.
    """

    whole: Bytes
    itemsize: int
    first: int
    step: int

    def pieces(self, size: int) -> Iterator[bytes]:
        """Pieces of `size` bytes, the last one maybe shorter."""
        values = max(1, size // self.itemsize // self.step)
        whole = self.whole.pieces(values * self.step * self.itemsize)
        return in_pieces(map(self._picked, whole), size)

    def _picked(self, piece: bytes | bytearray) -> bytes:
        values = np.frombuffer(piece, f"V{self.itemsize}").reshape(-1, self.step)
        return values[:, self.first].tobytes()


@dataclass(frozen=True)
class EveryNthPlain(EveryNth):
    """The same, where any part can be had at any time."""

    def read_into(self, start: int, out: memoryview) -> None:
        """Fill `out` with the bytes from `start` on; both are whole values."""
        assert isinstance(self.whole, PlainBytes)
        length = max(1, _PICKED // self.itemsize) * self.itemsize
        for at in range(0, len(out), length):
            part = out[at : at + length]
            piece = bytearray(len(part) * self.step)
            self.whole.read_into((start + at) * self.step, memoryview(piece))
            part[:] = self._picked(piece)


def bytes_of_member(whole: Bytes, header: ArrayHeader, member: int) -> Bytes:
    """Bytes of one member of an array with the members along its first axis.

    In the order of C they are together; in that of Fortran the members come round with
    each value. A checksum is of the whole array: in the order of C only the last
    member, for which all others are unpacked, can be held against it.
    """
    n_members = header.shape[0]
    if header.fortran_order:
        kind = EveryNthPlain if isinstance(whole, PlainBytes) else EveryNth
        return kind(whole, header.dtype.itemsize, member, n_members)
    size = header.n_bytes // n_members
    if isinstance(whole, PackedFile):
        last = member == n_members - 1
        skip = whole.skip + member * size
        crc = whole.crc if last else None
        return replace(whole, skip=skip, size=size, crc=crc)
    assert isinstance(whole, PlainFile)
    return PlainFile(whole.path, whole.offset + member * size, size)
