"""Conversion of values to the precision of the arithmetic, and quick looks at them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np

from ..probabilities import SUM_TOLERANCE

Array = np.ndarray[Any, Any]

# Values that are looked at together to see whether they matter.
GRAIN = 1 << 12


def read_values(
    raw: Array, out: Array, divisor: float = 1.0, plain: bool | None = None
) -> Array:
    """Convert values to the type of `out`, which is filled and returned.

    Parameters
    ----------
    raw : ndarray
        Any real type, shape of `out`.
    out : ndarray of float32 or float64
        Overwritten.
    divisor : float
        What to divide by.
    plain : bool or None
        What :func:`is_plain` says of `raw`, where it was asked.
    """
    if divisor != 1:
        return np.divide(raw, divisor, out=out, casting="same_kind")
    halves = raw.dtype == np.float16 and out.dtype == np.float32
    if halves and (is_plain(raw) if plain is None else plain):
        # numpy converts halves one by one. All at once: their bits, moved to where
        # float32 has them, are the value but for the difference of the exponents'
        # biases.
        moved = out.view(np.uint32)
        np.copyto(moved, raw.view(np.uint16))
        np.left_shift(moved, 13, out=moved)
        return np.multiply(out, np.float32(2.0**112), out=out)
    np.copyto(out, raw, casting="same_kind")
    return out


def float_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return float32, or float64 for a type whose values have more digits than that."""
    narrow = dtype.itemsize <= (4 if dtype.kind == "f" else 2)
    return np.dtype(np.float32 if narrow else np.float64)


def is_plain(raw: Array) -> bool:
    """Return whether all values are finite and neither negative nor -0.

    The bits of such floating-point numbers, taken for whole ones, are in the same
    order as they are, and below those of infinity.
    """
    if raw.dtype.kind != "f":
        return bool(raw.min() >= 0)
    if not raw.dtype.isnative:
        return bool(np.isfinite(raw).all() and not np.signbit(raw).any())
    return bool(bits(raw).max() < bits(np.full(1, np.inf, raw.dtype))[0])


def bits(raw: Array) -> Array:
    """Return the bits of numbers as unsigned integers: quick to look through."""
    return raw.view(f"u{raw.dtype.itemsize}")


def stretches(raw: Array, one: float) -> Iterator[tuple[int, int, bool]]:
    """Yield where values are not 0: start, stop, and whether all of them are 1.

    Most of a class is 0, and most of the background 1. Looked at in grains of some
    thousand values.

    Parameters
    ----------
    raw : ndarray
        One axis.
    one : float
        What stands for 1.
    """
    starts = np.arange(0, len(raw), GRAIN)
    high = np.maximum.reduceat(bits(raw), starts)
    only_one = bits(np.full(1, one, raw.dtype))[0]
    states = (high != 0).astype(np.int8)
    if (high == only_one).any():
        low = np.minimum.reduceat(bits(raw), starts)
        states += (high == only_one) & (low == only_one)
    edges = [0, *(np.flatnonzero(np.diff(states)) + 1), len(states)]
    for first, last in pairwise(edges):
        if states[first]:
            stop = min(last * GRAIN, len(raw))
            yield first * GRAIN, stop, bool(states[first] == 2)


def sum_tolerance(scale: float, n_classes: int) -> float:
    """Return the share by which rounding may move the sums of `n_classes` values.

    Probabilities that were multiplied by `scale` and stored as whole numbers may be
    off by one unit for each class.
    """
    return SUM_TOLERANCE if scale == 1 else n_classes / scale
