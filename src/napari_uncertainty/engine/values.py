"""Conversion of values to the precision of the arithmetic, and samples of voxels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from ..model.probabilities import SUM_TOLERANCE, lines_along
from ..model.stored import PlainBytes, StoredBlocks, StoredValues

Array = np.ndarray[Any, Any]

# Conversion of values to the precision of the arithmetic, and quick looks at them.

# Number of values in a grain: it is skipped as a whole where all values are 0.
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
        Number to divide by.
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
        Value that stands for 1.
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


def sampled_sums(
    sums: Array, divisor: float, dtype: np.dtype[Any]
) -> tuple[Array, bool]:
    """Return sums of some voxels in units of the file, and whether values are whole.

    Parameters
    ----------
    sums : ndarray
        Sums of all voxels, of values that were divided by `divisor`.
    divisor : float
        As of :func:`.divisor_of`.
    dtype : dtype
        Type of the values in the file.
    """
    flat = sums.reshape(-1)
    sample = flat[:: max(1, flat.size // 100_003)] * np.float64(divisor)
    whole = dtype.kind in "ui" or bool((sample == np.rint(sample)).all())
    return sample, whole


# Samples of voxels with all their values, which show of what kind the values are.

#: Voxels that are enough to tell one kind from another.
VOXELS = 2000

# Number of runs of voxels that a sample of a plain file consists of.
_RUNS = 250

# Multiples of this, less whole numbers, spread evenly however many there are.
_GOLDEN = 0.618034


class Sampler:
    """Sample of voxels that is taken from a file while it is read.

    Parameters
    ----------
    stored : StoredValues
        Values of the file.
    """

    def __init__(self, stored: StoredValues) -> None:
        rounds, n_channels, row = stored.layout
        n_voxels = rounds * row
        voxels = np.linspace(0, n_voxels - 1, min(VOXELS, n_voxels)).astype(np.int64)
        around, place = np.divmod(voxels, row)
        channels = np.arange(n_channels)[:, np.newaxis]
        flat = ((around * n_channels + channels) * row + place).ravel()
        self._order = np.argsort(flat, kind="stable")
        self._places = flat[self._order]
        self._taken = 0
        #: Lowest and highest value of a single channel, 0 included; else None, for many
        #: voxels with several values tell enough.
        self.limits = (0.0, 0.0) if n_channels == 1 else None
        self._values = np.zeros((n_channels, len(voxels)), stored.dtype)

    def take(self, start: int, piece: Array) -> None:
        """Take values of a piece that begins with value `start`; called in order."""
        if self.limits is not None:
            self.limits = wider(self.limits, piece)
        stop = int(np.searchsorted(self._places, start + len(piece)))
        here = slice(self._taken, stop)
        flat = self._values.reshape(-1)
        flat[self._order[here]] = piece[self._places[here] - start]
        self._taken = stop

    @property
    def sample(self) -> Array | None:
        """Values, shape (channels, voxels); None before all have passed."""
        return self._values if self._taken == len(self._places) else None


@dataclass(frozen=True, eq=False)
class WatchedStream(StoredValues):
    """Values in a file, of which a sample is taken while they are read."""

    sampler: Any = field(default=None)

    @classmethod
    def of(cls, stored: StoredValues) -> WatchedStream:
        """Return the values with a new sampler."""
        return stored.held_by(cls, sampler=Sampler(stored))

    def pieces(self, values: int) -> Iterator[Array]:
        """Yield pieces of the file, looking at them on the way."""
        if self.sampler.sample is not None:  # seen already
            yield from super().pieces(values)
            return
        start = 0
        for piece in super().pieces(values):
            self.sampler.take(start, piece)
            start += len(piece)
            yield piece


def wider(limits: tuple[float, float], values: Array) -> tuple[float, float]:
    """Return limits that hold all finite values, too."""
    lowest, highest = float(values.min(initial=0)), float(values.max(initial=0))
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        known = values[np.isfinite(values)]
        lowest, highest = float(known.min(initial=0)), float(known.max(initial=0))
    return min(limits[0], lowest), max(limits[1], highest)


def limits_of(values: Any) -> tuple[float, float] | None:
    """Return the lowest and the highest value of a single channel, 0 included.

    Parameters
    ----------
    values : ndarray, dask array or StoredValues, shape (channels, ...)
        The result is None for several channels, whose sample tells enough, and for dask
        arrays.
    """
    if values.shape[0] > 1:
        return None
    limits = (0.0, 0.0)
    if isinstance(values, StoredValues):
        for piece in values.pieces(1 << 20):
            limits = wider(limits, piece)
        return limits
    return wider(limits, values) if isinstance(values, np.ndarray) else None


def sample_of(values: Any) -> Array:
    """Return a sample of voxels, shape (channels, voxels).

    Parameters
    ----------
    values : ndarray, dask array or StoredValues, shape (channels, ...)
        Of a dask array the chunk in the middle is computed.
    """
    if not isinstance(values, StoredValues):
        some = lines_along(values, 0)
        return some.reshape(len(some), -1)
    assert isinstance(values.bytes, PlainBytes)
    blocks = StoredBlocks(values)
    n_channels, rounds, row = blocks.shape
    # Runs of voxels from everywhere, and in no step with the planes of the volume.
    n_runs = min(_RUNS, rounds * row)
    length = min(row, VOXELS // n_runs)
    together = VOXELS // n_runs // length  # rounds, where these are shorter than a run
    places = []
    for number in range(n_runs):
        around = number * rounds // n_runs
        start = round(number * _GOLDEN % 1 * (row - length))
        places.append((slice(around, around + together), slice(start, start + length)))
    return np.concatenate(
        [blocks[(slice(None), *place)].reshape(n_channels, -1) for place in places],
        axis=1,
    )
