"""Single arrays: numpy's ``.npy``, with the class axis found from the values.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..probabilities import ProbabilityMap, require_class_axis, scale_of
from ..stored import StoredValues
from .byte_sources import PlainFile, opened


@dataclass(frozen=True)
class ArrayHeader:
    """What the header of an array says.

    Attributes
    ----------
    shape : tuple of int
        As numpy has it.
    fortran_order : bool
        Whether the first axis, not the last, is the fastest in the file.
    dtype : dtype
        Real numbers.
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

    def file_axis(self, axis: int) -> int:
        """Place of numpy's `axis` in `file_shape`."""
        return len(self.shape) - 1 - axis if self.fortran_order else axis


def read_header(file: Any, path: Path) -> ArrayHeader:
    """Read type and shape, before a single value is; refuse what cannot be meant."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise InputError(f"{path.name} uses an unknown array format {version}.")
    header = ArrayHeader(*read(file))
    if header.dtype.kind not in "fiu":
        raise InputError(
            f"{path.name} holds values of type {header.dtype}, not real numbers; "
            "Python objects are never loaded."
        )
    if len(header.shape) not in (3, 4) or 0 in header.shape:
        raise InputError(
            f"{path.name} holds an array of shape {header.shape}; probabilities have a "
            "class axis and two or three spatial axes."
        )
    return header


def open_npy(path: Path) -> ProbabilityMap:
    """Open an array of probabilities, with geometry and names from files beside.

    An array with the class axis in front is taken to be in the order (z, y, x) of
    SimpleITK and nnU-Net, one with the class axis elsewhere in nibabel's (i, j, k); the
    shape of a NIfTI image of the same name overrules that.
    """
    from .geometry import find_geometry, probability_map

    try:
        with opened(path) as file:
            header = read_header(file, path)
            start = file.tell()
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{path.name} cannot be read: it is damaged or no array ({error})."
        ) from error
    plain = PlainFile(path, start, header.n_bytes)
    mapped: Any = np.memmap(path, header.dtype, "r", start, header.file_shape)
    if header.fortran_order:
        mapped = mapped.T
    class_axis = require_class_axis(mapped, path.name)
    scale = scale_of(mapped, class_axis) or 1.0
    del mapped
    likely, other = (
        StoredValues(
            path,
            plain,
            file_shape=header.file_shape,
            class_axis=header.file_axis(class_axis),
            stored=header.dtype,
            reverse=backwards != header.fortran_order,
            scale=scale,
        )
        for backwards in (class_axis == 0, class_axis != 0)
    )
    place = find_geometry(path, likely.shape[1:])
    if place.grid is None:
        otherwise = find_geometry(path, other.shape[1:])
        if otherwise.grid is not None:
            return probability_map(other, otherwise)
    return probability_map(likely, place)
