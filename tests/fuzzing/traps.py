"""Files that would run code if they were believed, or unpack to more than there is."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numcodecs import Zstd

from .fields import zipped

#: Makes it from the content of the file in whose place it comes, and the folder that
#: it would make.
Trap = Callable[[bytes, Path], bytes]


class Executed:
    """Unpickling this makes a folder."""

    def __init__(self, marker: Path) -> None:
        self._marker = str(marker)

    def __reduce__(self) -> Any:
        return os.mkdir, (self._marker,)


def a_pickle(content: bytes, marker: Path) -> bytes:
    return pickle.dumps(Executed(marker))


def objects(content: bytes, marker: Path) -> bytes:
    made = io.BytesIO()
    one = np.empty((2, 2, 2, 2), object)
    one[...] = Executed(marker)
    np.save(made, one, allow_pickle=True)
    return made.getvalue()


def objects_in_archive(content: bytes, marker: Path) -> bytes:
    array = objects(content, marker)
    return zipped({"probabilities.npy": array, "b.npy": array})


def pickled_under_a_type(content: bytes, marker: Path) -> bytes:
    """Real numbers by the header, a pickle behind it."""
    made = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (2, 2, 2, 2)}
    np.lib.format.write_array_header_1_0(made, header)
    return made.getvalue() + pickle.dumps(Executed(marker)).ljust(64, b"\0")


def bomb_npz(content: bytes, marker: Path) -> bytes:
    """16 MB of zeros that promise 4 TB."""
    made = io.BytesIO()
    header = {"descr": "<f4", "fortran_order": False, "shape": (1 << 10,) * 4}
    np.lib.format.write_array_header_1_0(made, header)
    return zipped({"probabilities.npy": made.getvalue() + bytes(1 << 24)})


def honest_bomb_npz(content: bytes, marker: Path) -> bytes:
    """As many zeros as are promised, 64 MB."""
    made = io.BytesIO()
    header = {"descr": "|u1", "fortran_order": False, "shape": (32, 128, 128, 128)}
    np.lib.format.write_array_header_1_0(made, header)
    return zipped({"probabilities.npy": made.getvalue() + bytes(1 << 26)})


def bomb_npy(content: bytes, marker: Path) -> bytes:
    made = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": True, "shape": (8, 9000, 9000, 9000)}
    np.lib.format.write_array_header_1_0(made, header)
    return made.getvalue() + bytes(4096)


def bomb_gzip(content: bytes, marker: Path) -> bytes:
    """The same header, which promises gigabytes, and 16 MB behind it."""
    with gzip.open(io.BytesIO(content)) as file:
        head = bytearray(file.read(540))
    if head[:4] == (348).to_bytes(4, "little"):
        struct.pack_into("<8h", head, 40, 4, 2000, 2000, 2000, 8, 1, 1, 1)
    elif head[:4] == (540).to_bytes(4, "little"):
        struct.pack_into("<8q", head, 16, 4, 2000, 2000, 2000, 8, 1, 1, 1)
    else:
        struct.pack_into(">4i", head, 4, 2000, 2000, 2000, 8)
    return gzip.compress(bytes(head) + bytes(1 << 24), mtime=0)


def bomb_chunk(content: bytes, marker: Path) -> bytes:
    """4 kB that unpack to 128 MB."""
    packed: bytes = Zstd().encode(bytes(1 << 27))
    return packed


def pickling_array(content: bytes, marker: Path) -> bytes:
    """Metadata of an array that Zarr 2 would unpickle."""
    told = json.loads(content)
    told |= {"dtype": "|O", "filters": [{"id": "pickle"}], "compressor": None}
    return json.dumps(told).encode()


def pickling_codec(content: bytes, marker: Path) -> bytes:
    told = json.loads(content)
    told["codecs"] = [{"name": "numcodecs.pickle", "configuration": {"id": "pickle"}}]
    return json.dumps(told).encode()


def traps(name: str) -> list[Trap]:
    """What fits a file of that name."""
    for ending, fitting in _TRAPS.items():
        if name.endswith(ending):
            return [a_pickle, *fitting]
    return [a_pickle, bomb_chunk]


_TRAPS: dict[str, list[Trap]] = {
    ".npz": [objects, objects_in_archive, bomb_npz, honest_bomb_npz],
    ".npy": [objects, pickled_under_a_type, bomb_npy],
    ".nii": [objects],
    ".gz": [bomb_gzip],
    ".mgz": [bomb_gzip],
    ".zarray": [pickling_array],
    "zarr.json": [pickling_codec],
    ".json": [],
}
