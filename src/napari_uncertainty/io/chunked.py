"""Arrays in chunks (Zarr, HDF5): which one is meant, and its values as a dask array."""

from __future__ import annotations

import lzma
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from ..errors import InputError, in_short
from ..limits import check_room
from .named_axes import Axis, Order

Array = np.ndarray[Any, Any]
Place = tuple[slice, ...]

#: So many values are read at a time, where chunks are smaller.
BLOCK_VALUES = 1 << 20

#: More values than can be computed in any reasonable time: 500 GB of float32.
MOST_VALUES = 1 << 37

#: An array of more bytes than these that holds less than one in so many of them is
#: damaged or not written yet. Even a background of a single value takes more.
FEW_BYTES, EMPTIEST = 1 << 24, 10_000

#: How a person says which array is meant.
NAME_IT = "--array on the command line, array= in Python"

# What the libraries raise for damaged metadata, and decoders for damaged chunks.
_DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError,
    OSError, RuntimeError, TypeError, ValueError, lzma.LZMAError, zlib.error,
)  # fmt: skip


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Turn what a library raises for a damaged file into an InputError."""
    try:
        yield
    except InputError:
        raise
    except _DAMAGE as error:
        raise InputError(
            f"{path.name} cannot be read: it is damaged, cut short or not what its "
            f"name says ({in_short(error)})."
        ) from error


@dataclass(frozen=True, eq=False)
class ChunkedArray:
    """An array of which only the header was read.

    Attributes
    ----------
    path : Path
        File or folder.
    name : str
        Of the array within it; empty where it is the whole.
    shape, dtype
        Of its values.
    chunks : tuple of int or None
        What is stored together; None where the values lie in their order.
    read : callable
        Takes slices with step 1, gives their values.
    n_stored : callable
        Takes a number of bytes, tells how many the file holds, as far as that number.
    main : bool
        Whether this is the one to open where nobody names one.
    fault : str
        Why it cannot be opened; empty where it can.
    axes : tuple of Axis or None
        What the file says of each axis; None where it does not.
    class_names : tuple of str
        Of all classes, or none.
    note : str
        What a person should know of how it was understood.
    from_nnunet : bool
        As of an :class:`.ArrayFile`; never.
    """

    path: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...] | None
    read: Callable[[Place], Array]
    n_stored: Callable[[int], int]
    main: bool = False
    fault: str = ""
    axes: tuple[Axis, ...] | None = None
    class_names: tuple[str, ...] = ()
    note: str = ""
    from_nnunet: bool = False

    @property
    def may_be_meant(self) -> bool:
        """Return whether it may hold classes in space, by shape and type."""
        plausible = 3 <= len(self.shape) <= 5 and min(self.shape) > 0
        if self.axes is not None:  # a single channel may have no axis of its own
            plausible = 2 <= len(self.shape) <= 5 and min(self.shape) > 0
        return plausible and self.dtype.kind in "fiu" and self.dtype.itemsize <= 8

    def __str__(self) -> str:
        shape = " × ".join(map(str, self.shape)) or "a single value"
        return f'"{self.name}" ({shape}, {self.dtype})'

    def class_first(
        self, order: Order, member: int, twin: tuple[int, ...] | None
    ) -> Any:
        """Return one member's values, class axis first, as flat as the image beside."""
        values = order.class_first(self.some, member)
        if twin is not None and len(twin) == 2 and values.ndim == 4:
            return values[..., 0] if values.shape[-1] == 1 else values
        if twin is not None and len(twin) == 3 and values.ndim == 3:
            return values[..., None] if twin[-1] == 1 else values
        return values

    @cached_property
    def some(self) -> Any:
        """Return all values as a dask array, of which nothing is read yet.

        Raises
        ------
        InputError
            If there are more than the file or the memory can hold. Damage of the
            values shows when they are computed, and is an InputError as well.
        """
        import dask.array as da
        from dask.array.core import normalize_chunks

        block = _block(self.shape, self.chunks)
        self._check_size(block)
        native = self.dtype.newbyteorder("=")

        def load(block_info: Any) -> Array:
            place = block_info[None]["array-location"]
            return self._checked(tuple(slice(*ends) for ends in place), native)

        return da.map_blocks(
            load,
            # Without a name, dask would pickle all that is known of the file for one.
            name=f"chunks-{uuid4().hex}",
            chunks=normalize_chunks(block, self.shape),
            dtype=native,
            meta=np.empty((0,) * len(self.shape), native),
        )

    def _checked(self, place: Place, native: np.dtype[Any]) -> Array:
        with damage_told(self.path):
            values = np.asarray(self.read(place))
        if values.shape != tuple(one.stop - one.start for one in place):
            raise InputError(
                f"{self.path.name} cannot be read: it is damaged (a chunk has another "
                "shape than its header says)."
            )
        return values.astype(native, copy=False)

    def _check_size(self, block: tuple[int, ...]) -> None:
        size = math.prod(self.shape)
        promised = size * self.dtype.itemsize
        if size > MOST_VALUES:
            raise InputError(
                f"{self.path.name} holds more than can be computed here "
                f"(at most {MOST_VALUES:.3g}); cut out a part of it."
            )
        few = promised // EMPTIEST
        if promised > FEW_BYTES:
            with damage_told(self.path):
                stored = self.n_stored(few)
            if stored < few:
                raise InputError(
                    f"{self.path.name} promises {promised / 1e9:.3g} GB of values and "
                    f"holds {stored} bytes: it is damaged, or nothing was written yet."
                )
        # Read once as stored, and once in the machine's byte order or turned.
        check_room(self.path, 2 * math.prod(block) * self.dtype.itemsize, "chunks")


def choose(
    arrays: Sequence[ChunkedArray], wanted: str | None, path: Path, kind: str
) -> ChunkedArray:
    """Return the array that is meant.

    Parameters
    ----------
    arrays : sequence of ChunkedArray
        All that the file holds.
    wanted : str or None
        Name of one. None for the main one, or the only one that may be meant.
    path : Path
        The file.
    kind : str
        What an array is called there.

    Raises
    ------
    InputError
        If there is none, or several, or the one is faulty.
    """
    if wanted is not None:
        chosen = [one for one in arrays if one.name == wanted.strip("/")]
        if not chosen:
            raise InputError(
                f'{path.name} holds no {kind} "{wanted}"; it holds {_listed(arrays)}.'
            )
        if not chosen[0].may_be_meant:
            raise InputError(
                f"{chosen[0]} of {path.name} cannot be probabilities, which are real "
                "numbers with a class axis and two or three spatial axes."
            )
    else:
        likely = [one for one in arrays if one.may_be_meant]
        chosen = [one for one in likely if one.main] or likely
    if not chosen:
        raise InputError(
            f"{path.name} holds no {kind} that may be probabilities, real numbers with "
            f"a class axis and two or three spatial axes; it holds {_listed(arrays)}."
        )
    if len(chosen) > 1:
        raise InputError(
            f"{path.name} holds several of them: {_listed(chosen)}. Name the one that "
            f"is meant ({NAME_IT})."
        )
    if chosen[0].fault:
        raise InputError(chosen[0].fault)
    return chosen[0]


def _listed(arrays: Sequence[ChunkedArray]) -> str:
    told = [str(one) for one in arrays[:8]]
    if len(arrays) > len(told):
        told.append(f"and {len(arrays) - len(told)} more")
    return ", ".join(told) or "none at all"


def _block(shape: tuple[int, ...], chunks: tuple[int, ...] | None) -> tuple[int, ...]:
    """Return what is read at a time: whole chunks, more along the last axes."""
    block = [
        max(1, min(chunk, length))
        for chunk, length in zip(chunks or (1,) * len(shape), shape, strict=True)
    ]
    for axis in reversed(range(len(shape))):
        more = max(1, BLOCK_VALUES // math.prod(block))
        block[axis] = min(shape[axis], block[axis] * more)
    return tuple(block)
