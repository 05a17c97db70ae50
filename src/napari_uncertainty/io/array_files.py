"""Arrays of numpy in files: their headers, their values, and members stacked in one.

The header is read first, and the values piece by piece when they are asked for. Format:
https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
import tokenize
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, in_short
from ..model.interpretation import Interpretation
from ..model.probabilities import find_class_axis, scale_of
from ..model.stored import Bytes, PlainBytes, StoredValues
from .axes import Order, batch_axes, change_of_flat_axis, dropped_note, given_axis
from .byte_sources import PackedFile, PlainFile, in_pieces
from .geometry import shape_of_twin

# Errors that numpy raises for a damaged header, in which it expects a Python literal.
HEADER_ERRORS = (
    ValueError, SyntaxError, TypeError, MemoryError, RecursionError,
    tokenize.TokenError,
)  # fmt: skip

#: No file has more bytes than this; in a header, numbers may have any length.
LARGEST = 1 << 63

#: No ensemble has more members than this; so many in a header are a mistake.
MOST_MEMBERS = 1000

# Bytes of a member that are read at a time where any part of a file can be read.
_PICKED = 1 << 20

# Bytes of a compressed file that are unpacked to find the class axis.
LOOK = 64 << 20

# The header that numpy writes in front of an array: type, shape and order.


@dataclass(frozen=True)
class ArrayHeader:
    """Type, shape and order of an array, as its header tells them.

    Attributes
    ----------
    shape : tuple of int
        As numpy has it.
    fortran_order : bool
        Whether the first axis, not the last, is the fastest in the file.
    dtype : dtype
        Of the values, with their byte order.
    """

    shape: tuple[int, ...]
    fortran_order: bool
    dtype: np.dtype[Any]

    @property
    def file_shape(self) -> tuple[int, ...]:
        """Length of each axis, slowest first."""
        return self.shape[::-1] if self.fortran_order else self.shape

    @property
    def n_bytes(self) -> int:
        """Size of the values."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def has_class_axis(self) -> bool:
        """Return whether one of its axes may run over classes, by shape and type."""
        plausible = len(self.shape) in (3, 4, 5) and min(self.shape) > 0
        return plausible and self.dtype.kind in "fiu"

    def file_axis(self, axis: int) -> int:
        """Place of numpy's `axis` in `file_shape`."""
        return len(self.shape) - 1 - axis if self.fortran_order else axis


def read_header(file: Any, path: Path) -> ArrayHeader:
    """Read type and shape, before a single value is.

    Raises
    ------
    InputError
        If there is no header of an array.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise InputError(f"{path.name} uses an unknown array format {version}.")
        with warnings.catch_warnings():
            # That Python 2 wrote the file is nothing that a person could change.
            warnings.simplefilter("ignore", UserWarning)
            header = ArrayHeader(*read(file))
    except HEADER_ERRORS as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path.name} cannot be read: it is damaged or no array "
            f"({in_short(error)})."
        ) from error
    if header.n_bytes > LARGEST:
        raise InputError(
            f"{path.name} cannot be read: it promises more than any file holds."
        )
    return header


def require_class_axis(header: ArrayHeader, path: Path) -> None:
    """Raise InputError where type or shape cannot be those of probabilities."""
    if header.dtype.kind not in "fiu":
        raise InputError(
            f"{path.name} holds values of type {header.dtype}, not real numbers; "
            "Python objects are never loaded."
        )
    if not header.has_class_axis:
        raise InputError(
            f"{path.name} holds an array of shape {header.shape}; probabilities have a "
            "class axis and two or three spatial axes."
        )


# Members of an ensemble that are stacked in one array, and the bytes of each of them.


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
    """Every n-th value of bytes of which any part can be read at any time."""

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

    In the order of C, the values of a member lie together; in that of Fortran, the
    members take turns with each value. A checksum is that of the whole array: in the
    order of C it can only be checked with the last member, for which all are unpacked.
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


# Arrays of which only the header was read.


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """An array in a file of which only the header was read.

    Attributes
    ----------
    path : Path
        The file.
    header : ArrayHeader
        Shape, order and type.
    bytes : Bytes or PlainBytes
        The values.
    from_nnunet : bool
        Whether its name says that nnU-Net wrote it: class first, then (z, y, x).
    note : str
        What a person should know of how it was understood.
    axes, class_names
        None, and empty: unlike that of a :class:`.ChunkedArray`, its file names none.
    """

    path: Path
    header: ArrayHeader
    bytes: Bytes
    from_nnunet: bool = False
    note: str = ""
    axes: None = None
    class_names: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the length of each axis, as numpy has it."""
        return self.header.shape

    @cached_property
    def some(self) -> Any:
        """Return the values, in numpy's order; of a compressed file only the first."""
        shape = list(self.header.file_shape)
        if isinstance(self.bytes, PlainFile):
            seen: Any = np.memmap(
                self.path, self.header.dtype, "r", self.bytes.offset, tuple(shape)
            )
        else:
            for axis in range(len(shape)):
                row = math.prod(shape[axis + 1 :]) * self.header.dtype.itemsize
                shape[axis] = min(shape[axis], max(1, LOOK // row))
                if row <= LOOK:
                    break
            size = math.prod(shape) * self.header.dtype.itemsize
            with closing(self.bytes.pieces(size)) as pieces:  # type: ignore[type-var]
                seen = np.frombuffer(next(pieces), self.header.dtype).reshape(shape)
        return seen.T if self.header.fortran_order else seen

    def stored(self, class_axis: int | None, *, backwards: bool) -> StoredValues:
        """The values, class axis in front.

        Parameters
        ----------
        class_axis : int or None
            In numpy's order; None for one channel.
        backwards : bool
            Whether the spatial axes of the array are (z, y, x).
        """
        header = self.header
        one = (1,) if class_axis is None else ()
        stored = StoredValues(
            self.path,
            self.bytes,
            file_shape=one + header.file_shape,
            class_axis=0 if class_axis is None else header.file_axis(class_axis),
            stored=header.dtype,
            reverse=backwards != header.fortran_order,
        )
        if class_axis is None or not isinstance(self.bytes, PlainBytes):
            return stored  # what has to be unpacked is judged then
        return replace(stored, scale=scale_of(self.some, class_axis) or 1.0)

    def class_first(
        self, order: Order, member: int, twin: tuple[int, ...] | None
    ) -> StoredValues:
        """Return one member's values, class axis first, as flat as the image beside."""
        array, class_axis = self, order.classes
        if order.members is not None:
            assert class_axis is not None
            header = replace(self.header, shape=self.shape[1:])
            part = bytes_of_member(self.bytes, self.header, member)
            array, class_axis = replace(self, header=header, bytes=part), class_axis - 1
        backwards = order.space[0] > order.space[-1]
        return _as_flat_as(array.stored(class_axis, backwards=backwards), twin)


def without_batch(
    array: ArrayFile, how: Interpretation
) -> tuple[ArrayFile, Interpretation]:
    """Leave out axes of length 1 in front, with a note if there are any."""
    shape, axis, twin = array.shape, how.class_axis, shape_of_twin(array.path)
    if axis is not None:
        axis = given_axis(axis, shape, array.path.name)
    elif len(shape) == 4 and shape[0] == 1 and not array.from_nnunet:
        axis = find_class_axis(array.some)
    count = batch_axes(shape, axis)
    if twin is not None and len(shape) == 4 and len(twin) == 3:
        count = 0  # one slice of a volume
    if len(shape) == 4 and axis == 3 and 1 in shape[1:3]:
        count = 0  # without these axes it would be a single line of voxels
    if not count or (array.from_nnunet and len(shape) == 4):
        return array, how
    header = replace(array.header, shape=shape[count:])
    if how.class_axis is not None and axis is not None:
        how = replace(how, class_axis=axis - count)
    note = dropped_note(array.path.name, shape, count)
    return replace(array, header=header, note=note), how


def _as_flat_as(stored: StoredValues, twin: tuple[int, ...] | None) -> StoredValues:
    """Return the same values with the third spatial axis added or left out in the file.

    :func:`.change_of_flat_axis` says whether there is something to change.
    """
    change = change_of_flat_axis(stored.shape[1:], twin)
    shape, class_axis = list(stored.file_shape), stored.class_axis
    spatial = [axis for axis in range(len(shape)) if axis != class_axis]
    at = spatial[0] if stored.reverse else spatial[-1]
    if change < 0:
        del shape[at]
        class_axis -= at < class_axis
    elif change > 0:
        at += not stored.reverse
        shape.insert(at, 1)
        class_axis += at <= class_axis
    return replace(stored, file_shape=tuple(shape), class_axis=class_axis)
