"""The header that numpy writes in front of an array: type, shape and order.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
"""

from __future__ import annotations

import math
import tokenize
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, in_short

# Besides ValueError, what numpy's reading of a damaged header ends in: it takes a
# Python literal from there.
HEADER_ERRORS = (
    ValueError, SyntaxError, TypeError, MemoryError, RecursionError,
    tokenize.TokenError,
)  # fmt: skip

#: Bytes that an address can reach. In a header, numbers may have any length.
LARGEST = 1 << 63


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
        """Return whether it may be of classes, or of members with classes."""
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
    """Raise InputError where type or shape cannot be meant."""
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
