"""HDF5's global heaps, in which texts of any length lie: unsound ones are not read.

In a heap with an object that takes no room the HDF5 library turns in circles, for ever,
and nothing can interrupt it [1]_. So where a file may have texts, the library reads it
through here, and never sees such a heap. Layout: [2]_, III.E.

References
----------
.. [1] https://github.com/HDFGroup/hdf5/issues/1707
.. [2] https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import io
import struct
from typing import Any

_SIGNATURE = b"GCOL"

# Of a heap: signature, version, size; of an object in it: index, references, size.
_HEAP, _OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HH4xQ")

# Texts that describe an array are shorter.
_LARGEST = 1 << 24


class SoundHeaps(io.FileIO):
    """A file in which the signature of an unsound heap is blank."""

    def readinto(self, buffer: Any) -> int:
        """As of any file."""
        start = self.tell()
        n_read = super().readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        content = bytes(view[:n_read])
        at = content.find(_SIGNATURE)
        while at >= 0:
            if not self._is_sound(start + at):
                view[at : at + len(_SIGNATURE)] = bytes(len(_SIGNATURE))
            at = content.find(_SIGNATURE, at + 1)
        return n_read

    def _is_sound(self, start: int) -> bool:
        """Whether the objects of a heap, one after the other, come to its end."""
        self.seek(start)
        _, _, size = _HEAP.unpack(self.read(_HEAP.size).ljust(_HEAP.size, b"\0"))
        self.seek(start)
        heap = self.read(min(size, _LARGEST))
        at = _HEAP.size
        # What is left at the end may be too little for an object.
        while at + _OBJECT.size <= len(heap):
            index, _, length = _OBJECT.unpack_from(heap, at)
            # Of the room that is left, number 0, the length includes its own header.
            step = length if index == 0 else _OBJECT.size + -(-length // 8) * 8
            if not _OBJECT.size <= step <= size - at:
                return False
            at += step
        return bool(len(heap) == size)
