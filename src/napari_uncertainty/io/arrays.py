"""Arrays in files of which the header is read first, and the values piece by piece."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..model.interpretation import Interpretation
from ..probabilities import find_class_axis, scale_of
from ..stored import Bytes, PlainBytes, StoredValues
from .array_headers import ArrayHeader
from .axes import batch_axes, dropped_note, given_axis
from .byte_sources import PlainFile
from .geometry import shape_of_twin
from .named_axes import Order
from .stacks import bytes_of_member

# Of a compressed file, so many bytes of values are unpacked to find the class axis.
LOOK = 64 << 20


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
        As of a :class:`.ChunkedArray`; nothing names them here.
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
        """Return values to judge by, as numpy has them; of a packed file the first."""
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
        if order.members is None:
            stored = self.stored(order.classes, backwards=_falls(order.space))
            return _as_flat_as(stored, twin)
        header = replace(self.header, shape=self.shape[1:])
        part = bytes_of_member(self.bytes, self.header, member)
        assert order.classes is not None
        array = replace(self, header=header, bytes=part)
        stored = array.stored(order.classes - 1, backwards=_falls(order.space))
        return _as_flat_as(stored, twin)


def _falls(axes: tuple[int, ...]) -> bool:
    return axes[0] > axes[-1]


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
        count = 0  # a line of voxels is no picture
    if not count or (array.from_nnunet and len(shape) == 4):
        return array, how
    header = replace(array.header, shape=shape[count:])
    if how.class_axis is not None and axis is not None:
        how = replace(how, class_axis=axis - count)
    note = dropped_note(array.path.name, shape, count)
    return replace(array, header=header, note=note), how


def _as_flat_as(stored: StoredValues, twin: tuple[int, ...] | None) -> StoredValues:
    """The same values with as many axes as the image, if the last of them is 1 long.

    A flat image has two axes or three, as its program likes; of one with two, nnU-Net
    keeps (class, 1, y, x) [1]_.

    References
    ----------
    .. [1] https://github.com/MIC-DKFZ/nnUNet/blob/master/nnunetv2/imageio/simpleitk_reader_writer.py
    """
    *before, last = stored.shape[1:]
    if twin is None or len(twin) == stored.ndim - 1:
        return stored
    shape, class_axis = list(stored.file_shape), stored.class_axis
    spatial = [axis for axis in range(len(shape)) if axis != class_axis]
    at = spatial[0] if stored.reverse else spatial[-1]
    if len(twin) == 2 and len(before) == 2 and last == 1:
        del shape[at]
        class_axis -= at < class_axis
    elif len(twin) == 3 and twin[-1] == 1:
        at += not stored.reverse
        shape.insert(at, 1)
        class_axis += at <= class_axis
    return replace(stored, file_shape=tuple(shape), class_axis=class_axis)
