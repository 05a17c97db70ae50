"""The files of a Zarr folder: which are read, and whether there is room for them."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from zarr.storage import LocalStore, WrapperStore

from ..errors import InputError
from ..limits import check_room

# Zarr takes so many copies of a chunk until its values are where they belong.
_COPIES = 4

# As many bytes of a packed chunk tell how large it becomes.
_HEAD = 18

_ZSTD, _BLOSC = b"\x28\xb5\x2f\xfd", 2


class PlainFiles(WrapperStore[LocalStore]):
    """A folder of which only files are read, none that needs more room than there is.

    What a link leads to is read if it is a file, as that of a data set in git-annex
    is. A device or a pipe has no end.

    Parameters
    ----------
    folder : Path
        The array or the group.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(LocalStore(folder, read_only=True))
        self._folder = folder

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """As any store; InputError for what must not be read."""
        self._check(key)
        content = await super().get(key, prototype, byte_range)
        if content is not None:
            size = unpacked_size(content[:_HEAD].to_bytes(), len(content))
            check_room(self._folder, _COPIES * size, "chunks")
        return content

    def _check(self, key: str) -> None:
        try:
            found = (self._folder / key).stat()
        except OSError:
            return  # what is missing is for Zarr to judge
        if stat.S_ISREG(found.st_mode):
            check_room(self._folder, _COPIES * found.st_size, "chunks")
        elif not stat.S_ISDIR(found.st_mode):
            raise InputError(
                f'"{key}" of {self._folder.name} is neither a file nor a folder, so it '
                "is not read; remove it, or copy the array anew."
            )


def unpacked_size(head: bytes, packed: int) -> int:
    """How large zstd [1]_ or blosc [2]_ say that a chunk becomes; 0 for any others.

    Parameters
    ----------
    head : bytes
        The first bytes of the chunk.
    packed : int
        Size of the whole of it.

    References
    ----------
    .. [1] RFC 8878, 3.1.1.1: https://datatracker.ietf.org/doc/html/rfc8878
    .. [2] https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
    """
    if head[:4] == _ZSTD and len(head) > 4:
        flags = head[4]
        whole = flags >> 5 & 1  # no window, then, and always a size
        start = 6 - whole + (0, 1, 2, 4)[flags & 3]
        length = (whole, 2, 4, 8)[flags >> 6]
        size = int.from_bytes(head[start : start + length], "little")
        return size + 256 if length == 2 else size
    blosc = len(head) >= 16 and head[0] == _BLOSC
    if blosc and int.from_bytes(head[12:16], "little") == packed:
        return int.from_bytes(head[4:8], "little")
    return 0
