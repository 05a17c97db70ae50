"""Numbers of each label of a map, at its boundary and inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .runs import Floats, counts_below, quantiles

Array = np.ndarray[Any, Any]
Integers = npt.NDArray[np.int64]

#: A label, all labels but 0, or all labels.
Which = int | Literal["foreground", "whole"]
#: Voxels of a label that touch another one by a face, the others, or both.
Part = Literal["all", "boundary", "interior"]

_PARTS = {"boundary": (0,), "interior": (1,), "all": (0, 1)}


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """Numbers of a map for each label; no-data voxels are in none of them.

    Methods take a label, ``"foreground"`` (all labels but 0) or ``"whole"``, and a
    part: ``"boundary"`` (voxels with another label at one of their faces),
    ``"interior"`` or ``"all"``. A label that no voxel has is no error: its counts and
    totals are 0, and what has no value is NaN. Values have the unit of the map.

    Attributes
    ----------
    labels : tuple of int
        Labels of the voxels with data, ascending.
    shape : tuple of int
        Of the map.
    values : ndarray, shape (voxels,)
        All values in sorted runs, one for each block, label and part.
    starts : ndarray of int, shape (blocks, 2 · labels + 1)
        Where in `values` the runs of a block begin, and where the last one ends: for
        each label its boundary, then its interior.
    totals : ndarray of float64, shape (labels, 2)
        Sums over boundary and interior.
    peaks : ndarray of int, shape (labels, 2)
        Index, in C order, of the first voxel with the largest value; -1 for none.
    slice_totals, slice_counts : tuple of ndarray, shapes (labels, length of the axis)
        Sum and number of voxels for each slice across each axis.
    """

    labels: tuple[int, ...]
    shape: tuple[int, ...]
    values: Array
    starts: Integers
    totals: Floats
    peaks: Integers
    slice_totals: tuple[Floats, ...]
    slice_counts: tuple[Integers, ...]

    def count(self, label: Which, part: Part = "all") -> int:
        """Number of voxels."""
        lengths = np.diff(self.starts).sum(axis=0)
        return int(lengths[self._groups(label, part)].sum())

    def total(self, label: Which, part: Part = "all") -> float:
        """Sum of the values, taken in float64."""
        return float(self.totals.flat[self._groups(label, part)].sum())

    def mean(self, label: Which, part: Part = "all") -> float:
        """`total` over `count`."""
        return _share(self.total(label, part), self.count(label, part))

    def maximum(self, label: Which, part: Part = "all") -> float:
        """Largest value."""
        return max((float(r[-1]) for r in self._runs(label, part)), default=np.nan)

    def quantiles(
        self, label: Which, shares: npt.ArrayLike, part: Part = "all"
    ) -> Floats:
        """Values below which these shares (0 to 1) of the voxels are.

        Exact, and linear between two values, as :func:`numpy.quantile` of them in
        float64. Shape of `shares`.
        """
        return quantiles(self._runs(label, part), shares)

    def share_above(self, label: Which, threshold: float, part: Part = "all") -> float:
        """Share (0 to 1) of the voxels whose value is above the threshold, not equal.

        Exact, and quick enough to follow a slider.
        """
        runs = self._runs(label, part)
        size = sum(map(len, runs))
        up_to = counts_below(runs, [threshold], included=True)[0]
        return _share(size - int(up_to), size)

    def histogram(
        self,
        label: Which,
        bins: int | npt.ArrayLike = 64,
        range: tuple[float, float] | None = None,
        part: Part = "all",
    ) -> tuple[Integers, Floats]:
        """Return how many values lie in each bin, and the edges of the bins.

        Exact, and quick enough to be drawn live.

        Parameters
        ----------
        label, part
            Which voxels.
        bins : int or array_like
            Number of bins, all equally wide, or their ascending edges. A bin has the
            values from its lower edge on, below its upper edge; the last one has its
            upper edge as well.
        range : (float, float) or None
            From where to where the bins go; by default over all values.

        Returns
        -------
        counts : ndarray of int, shape (bins,)
        edges : ndarray of float64, shape (bins + 1,)
        """
        runs = self._runs(label, part)
        edges = _edges(runs, bins, range)
        up_to = counts_below(runs, edges)
        up_to[-1] = counts_below(runs, edges[-1:], included=True)[0]
        return np.diff(up_to), edges

    def peak(self, label: Which, part: Part = "all") -> tuple[int, ...] | None:
        """The voxel with the largest value; the first in C order of several."""
        groups = self._groups(label, part)
        largest = self.maximum(label, part)
        runs = {g: self._runs_of([g]) for g in groups}
        found = [
            int(self.peaks.flat[group])
            for group, own in runs.items()
            if own and max(run[-1] for run in own) == largest
        ]
        if not found:
            return None
        return tuple(int(i) for i in np.unravel_index(min(found), self.shape))

    def profile(
        self, axis: int, label: Which, what: Literal["mean", "total", "count"] = "mean"
    ) -> Floats:
        """Mean, total or number of voxels for each slice across an axis.

        The mean is NaN where a slice has none of the voxels.

        Returns
        -------
        ndarray of float64, shape (shape[axis],)
        """
        rows = [group // 2 for group in self._groups(label, "boundary")]
        totals: Floats = self.slice_totals[axis][rows].sum(axis=0)
        counts: Floats = self.slice_counts[axis][rows].sum(axis=0).astype(np.float64)
        if what == "count":
            return counts
        if what == "total":
            return totals
        means: Floats = np.full(len(counts), np.nan)
        np.divide(totals, counts, out=means, where=counts > 0)
        return means

    def _groups(self, label: Which, part: Part) -> list[int]:
        """Return which runs of each block are meant."""
        if label == "whole":
            rows = [*range(len(self.labels))]
        elif label == "foreground":
            rows = [row for row, one in enumerate(self.labels) if one != 0]
        else:
            rows = [self.labels.index(label)] if label in self.labels else []
        return [2 * row + offset for row in rows for offset in _PARTS[part]]

    def _runs(self, label: Which, part: Part) -> list[Array]:
        return self._runs_of(self._groups(label, part))

    def _runs_of(self, groups: list[int]) -> list[Array]:
        starts = self.starts[:, groups]
        stops = self.starts[:, [group + 1 for group in groups]]
        there = stops > starts
        bounds = zip(starts[there].tolist(), stops[there].tolist(), strict=True)
        return [self.values[start:stop] for start, stop in bounds]


def _share(some: float, of: float) -> float:
    return some / of if of else np.nan


def _edges(
    runs: list[Array], bins: int | npt.ArrayLike, span: tuple[float, float] | None
) -> Floats:
    if not isinstance(bins, int | np.integer):
        return np.asarray(bins, np.float64)
    if span is None:
        low = min((float(run[0]) for run in runs), default=0.0)
        high = max((float(run[-1]) for run in runs), default=1.0)
        span = (low, high) if high > low else (low - 0.5, high + 0.5)
    return np.linspace(*span, int(bins) + 1)
