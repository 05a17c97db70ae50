"""Sorted runs of values: exact counts and quantiles of all, without merging them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = np.ndarray[Any, Any]
Floats = npt.NDArray[np.float64]

# Values that are looked at of each run before any others. With more, fewer are left
# to choose from, but the looking takes longer.
SAMPLES = 64


def counts_below(
    runs: Sequence[Array], edges: npt.ArrayLike, included: bool = False
) -> npt.NDArray[np.int64]:
    """Return how many values are below each edge; with `included`, or equal to it.

    Parameters
    ----------
    runs : sequence of ndarray
        Each sorted, all of one floating-point type.
    edges : array_like, shape (n,)
        Compared as float64, however few digits the values have.
    """
    counts = np.zeros(np.shape(edges), np.int64)
    if runs:
        # Of another type, numpy would convert each whole run instead.
        near = _in_type(np.asarray(edges, np.float64), runs[0].dtype, up=not included)
        side: Any = "right" if included else "left"
        for run in runs:
            counts += run.searchsorted(near, side)
    return counts


def quantiles(runs: Sequence[Array], shares: npt.ArrayLike) -> Floats:
    """Values below which these shares of all values lie, as :func:`numpy.quantile`.

    Between two values it is linear; of no value at all it is NaN.
    """
    wanted = np.asarray(shares, np.float64)
    size = sum(map(len, runs))
    if not size:
        return np.full(wanted.shape, np.nan)
    found = [_quantile(runs, size, float(share)) for share in wanted.flat]
    return np.array(found).reshape(wanted.shape)


def _quantile(runs: Sequence[Array], size: int, share: float) -> float:
    place = share * (size - 1)
    rank = min(int(place), size - 1)
    low, high = _neighbours(runs, size, rank)
    beyond = place - rank
    # From the nearer of the two, as numpy does, for the same rounding.
    if beyond < 0.5:
        return low + (high - low) * beyond
    return high - (high - low) * (1 - beyond)


def _neighbours(runs: Sequence[Array], size: int, rank: int) -> tuple[float, float]:
    """The values of this rank and of the next, where all are sorted together."""
    following = min(rank + 1, size - 1)
    step = max(1, size // (SAMPLES * len(runs)))
    samples = np.sort(np.concatenate([run[step - 1 :: step] for run in runs]))
    # Fewer than `step` values of each run lie between two of its samples, so that the
    # ranks of the samples are known that well.
    first = (rank - len(runs) * (step - 1)) // step
    last = -(-(following + 1) // step) - 1
    low = samples[first] if first >= 0 else np.array(-np.inf, samples.dtype)
    high = samples[last] if last < len(samples) else np.array(np.inf, samples.dtype)
    starts = [int(run.searchsorted(low, "right")) for run in runs]
    stops = [int(run.searchsorted(high, "left")) for run in runs]
    up_to_low, below_high = sum(starts), sum(stops)
    # Many values may be equal to one of the two; these are counted, not copied.
    between = np.concatenate(
        [run[a:b] for run, a, b in zip(runs, starts, stops, strict=True)]
    )
    inside = [k - up_to_low for k in (rank, following) if up_to_low <= k < below_high]
    if inside:
        between.partition(inside)

    def value(k: int) -> float:
        if k < up_to_low:
            return float(low)
        return float(high) if k >= below_high else float(between[k - up_to_low])

    return value(rank), value(following)


def _in_type(edges: Floats, dtype: np.dtype[Any], up: bool) -> Array:
    """The nearest numbers of this type that are not below (or not above) the edges."""
    with np.errstate(over="ignore"):
        near = edges.astype(dtype)
    beyond = near < edges if up else near > edges
    towards = np.array(np.inf if up else -np.inf, dtype)
    return np.where(beyond, np.nextafter(near, towards), near)
