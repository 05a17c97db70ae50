"""HDF5, as ilastik writes it and without any conventions.

ilastik exports to the data set ``exported_data`` [1]_ [2]_. Its attribute ``axistags``
is JSON of the library VIGRA [3]_ with one entry for each axis, in the order of the data
set; ``axis_units`` is JSON with a unit for each of them [2]_. Probabilities are float32
between 0 and 1, or whole numbers if they were renormalised.

References
----------
.. [1] https://www.ilastik.org/documentation/basics/export
.. [2] https://github.com/ilastik/ilastik/blob/main/lazyflow/operators/ioOperators/opStreamingH5N5Reader.py
.. [3] https://github.com/ukoethe/vigra/blob/master/include/vigra/axistags.hxx
"""

from __future__ import annotations

import io
import json
import struct
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..model.interpretation import Interpretation
from .axes import CLASSES, MEMBERS, SPACE, Axis
from .chunked import ChunkedArray, Slices, choose, damage_told

KEY = "exported_data"

# VIGRA's bits for what an axis is.
_ROLES = {1: CLASSES, 2: SPACE, 8: MEMBERS}

# Signature of a global heap, in which HDF5 keeps texts of any length.
_SIGNATURE = b"GCOL"

# Headers of a heap (signature, version, size) and of an object in it (index, number of
# references, size).
_HEAP, _OBJECT = struct.Struct("<4sB3xQ"), struct.Struct("<HH4xQ")

# Texts that describe an array are shorter.
_LARGEST = 1 << 24


def array_in(path: Path, how: Interpretation) -> ChunkedArray:
    """Return the data set that is meant.

    Only what the file itself holds is looked at: links to other files are not followed.
    """
    import h5py

    arrays: list[ChunkedArray] = []

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape is not None:
            arrays.append(_chunked(name, node, path))

    with (
        damage_told(path),
        SoundHeaps(path) as content,
        h5py.File(content, "r") as file,
    ):
        file.visititems(visit)
    return choose(arrays, how.array, path, "data set of its own")


def _opened(path: Path) -> Any:
    import h5py

    # Folders that cannot be written to may not allow locks either.
    return h5py.File(path, "r", locking="best-effort")


def _chunked(name: str, data_set: Any, path: Path) -> ChunkedArray:
    try:
        dtype = data_set.dtype
    except TypeError:  # a type that numpy does not have
        dtype = np.dtype(object)
    axes, note = _axes(data_set, path)
    stored = data_set.id.get_storage_size()
    return ChunkedArray(
        path,
        name,
        tuple(data_set.shape),
        dtype,
        data_set.chunks,
        read=partial(_read, path, name),
        n_stored=lambda _: int(stored),
        main=name == KEY,
        fault=_fault(name, data_set, path),
        axes=axes,
        note=note,
    )


def _read(path: Path, name: str, place: Slices) -> Any:
    # Opening the file takes a millisecond each time. Otherwise, it would stay open for
    # as long as the array exists.
    with _opened(path) as file:
        return file[name][place]


def _fault(name: str, data_set: Any, path: Path) -> str:
    """Return why the values cannot be read, or must not be; empty if they can."""
    import h5py

    if data_set.is_virtual or data_set.external:
        return (
            f'The values of "{name}" lie in other places than {path.name} itself, '
            "which are not followed; copy them into one file (h5repack does)."
        )
    made = data_set.id.get_create_plist()
    for number in range(made.get_nfilters()):
        code, _, _, called = made.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            called = called.decode("utf-8", "replace") or "unknown"
            return (
                f'"{name}" of {path.name} is packed with a filter that is not '
                f"installed here (HDF5 filter {code}, {called}); write it again with "
                "gzip (h5repack -f GZIP=1)."
            )
    return ""


def _axes(data_set: Any, path: Path) -> tuple[tuple[Axis, ...] | None, str]:
    """Return the axes by VIGRA's tags, and a note where these cannot be used."""
    tags = data_set.attrs.get("axistags")
    if tags is None:
        return None, ""
    try:
        entries = json.loads(_text(tags))["axes"]
        units = json.loads(_text(data_set.attrs.get("axis_units", "{}")))
        axes = tuple(_axis(entry, units) for entry in entries)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        axes = ()
    if len(axes) == data_set.ndim:
        return axes, ""
    return None, (
        f"The axistags of {path.name} do not say what its axes are, so these were "
        "judged by shape and values."
    )


def _axis(entry: Any, units: Any) -> Axis:
    name = str(entry["key"])
    step = float(entry.get("resolution", 0))
    # VIGRA's 0 means that the resolution is not known.
    unit = str(units.get(name, "")) if step > 0 else ""
    return Axis(name, _ROLES[int(entry["typeFlags"])], step, unit=unit)


def _text(attribute: Any) -> str:
    return attribute.decode() if isinstance(attribute, bytes) else str(attribute)


class SoundHeaps(io.FileIO):
    """A file in which the signature of an unsound global heap is blank.

    Texts of any length lie in such heaps. At an object of size 0 in one of them, the
    HDF5 library loops for ever, and nothing can interrupt it [1]_. So where a file may
    have texts, the library reads it through this class and never sees such a heap.
    Layout: [2]_, III.E.

    References
    ----------
    .. [1] https://github.com/HDFGroup/hdf5/issues/1707
    .. [2] https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
    """

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer from the file, with unsound signatures blank."""
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
        """Return whether the objects of a heap lead, one by one, to its end."""
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
