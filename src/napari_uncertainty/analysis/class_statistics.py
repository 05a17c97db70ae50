"""Statistics of each class of a map, at its boundary and inside, and their table.

A row of :data:`COLUMNS` defines a column: the data frame, the ``.tsv`` files, the dock
and the report take title, unit, value and wording from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from ..model.grid import Grid
from ..text import count, number, share

if TYPE_CHECKING:
    import pandas as pd


Array = np.ndarray[Any, Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: A label, all labels but 0, or all labels.
Which = int | Literal["foreground", "whole"]
#: Voxels of a label that touch another one by a face, the others, or both.
Part = Literal["all", "boundary", "interior"]

_PARTS = {"boundary": (0,), "interior": (1,), "all": (0, 1)}


# Statistics of each label of a map, at its boundary and inside.


@dataclass(frozen=True, eq=False)
class ClassStatistics:
    """Statistics of a map for each label, without voxels that have no data.

    Methods take a label, ``"foreground"`` (all labels but 0) or ``"whole"``, and a
    part: ``"boundary"`` (voxels with another label at one of their faces),
    ``"interior"`` or ``"all"``. A label that no voxel has is no error: its counts and
    totals are 0, and what has no value is NaN. Values have the unit of the map.

    Attributes
    ----------
    labels : tuple of int
        Labels of the voxels with data, ascending.
    shape : tuple of int
        Shape of the map.
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
        """Return the number of voxels."""
        lengths = np.diff(self.starts).sum(axis=0)
        return int(lengths[self._groups(label, part)].sum())

    def total(self, label: Which, part: Part = "all") -> float:
        """Return the sum of the values, taken in float64."""
        return float(self.totals.flat[self._groups(label, part)].sum())

    def mean(self, label: Which, part: Part = "all") -> float:
        """Return the mean of the values: `total` over `count`."""
        return _share(self.total(label, part), self.count(label, part))

    def maximum(self, label: Which, part: Part = "all") -> float:
        """Return the largest value."""
        return max((float(r[-1]) for r in self._runs(label, part)), default=np.nan)

    def quantiles(
        self, label: Which, shares: npt.ArrayLike, part: Part = "all"
    ) -> Floats:
        """Return values below which these shares (0 to 1) of the voxels are.

        Exact, and linear between two values, as :func:`numpy.quantile` of them in
        float64. Shape of `shares`.
        """
        return quantiles(self._runs(label, part), shares)

    def share_above(self, label: Which, threshold: float, part: Part = "all") -> float:
        """Return the share (0 to 1) of the voxels above the threshold, not equal to it.

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
        """Return the number of values in each bin, and the edges of the bins.

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
        """Return the voxel with the largest value; the first in C order of several."""
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
        """Return mean, total or number of voxels for each slice across an axis.

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
        """Return the indices of the runs of each block."""
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


# Table of the statistics, and its columns.

MM3_PER_ML = 1000.0


def voxel_volume(grid: Grid | None) -> float | None:
    """Return the volume of a voxel in mm³, even if sheared; None for a flat image."""
    if grid is None or grid.ndim != 3:
        return None
    return float(abs(np.linalg.det(grid.affine[:3, :3])))


@dataclass(frozen=True)
class PartOfLabel:
    """Voxels of one label that a row of the table is about.

    Attributes
    ----------
    statistics : ClassStatistics
        Numbers of all labels.
    label : int
        Number of the label.
    name : str
        Its name.
    part : "all", "boundary" or "interior"
        Which of its voxels.
    ml_per_voxel, threshold : float
        NaN where they are not known.
    """

    statistics: ClassStatistics
    label: int
    name: str
    part: Part
    ml_per_voxel: float
    threshold: float

    @property
    def voxels(self) -> int:
        """Number of these voxels."""
        return self.statistics.count(self.label, self.part)

    @cached_property
    def median_and_p95(self) -> npt.NDArray[np.float64]:
        """Median and 95 % quantile, which are computed together."""
        return self.statistics.quantiles(self.label, (0.5, 0.95), self.part)


@dataclass(frozen=True)
class Column:
    """Column of the table of classes.

    Attributes
    ----------
    key : str
        Its name in data frames and files.
    title : str
        Its header, without the part and the unit.
    tip : str
        What the values are, in a sentence, with places for ``unit`` (that of the
        measure), ``voxels`` (of which they are) and ``threshold``.
    value : callable
        Gives it of a :class:`PartOfLabel`.
    text : callable
        What a value is shown as.
    unit : str
        Where it is always the same.
    part : "all", "boundary" or "interior"
        The voxels that it is of.
    visits : "all", "boundary", "interior" or None
        The voxels that a double click on it asks for, if not the same.
    of_threshold : bool
        Whether it is there with a threshold alone.
    widest : str
        A text that it has room for in the dock.
    """

    key: str
    title: str
    tip: str
    value: Callable[[PartOfLabel], Any]
    text: Callable[[Any], str] = number
    unit: str = ""
    part: Part = "all"
    visits: Part | None = None
    of_threshold: bool = False
    widest: str = "0.000000"

    def heading(self, between: str = " ") -> str:
        """Return the header; `between` is what is between its parts."""
        words = [_PART_TITLES[self.part], self.title, self.unit and f"({self.unit})"]
        text = between.join(filter(None, words))
        return text[0].upper() + text[1:]

    def explain(self, unit: str, threshold: str) -> str:
        """Return the explanation of the values, with the unit of the measure."""
        text = self.tip.format(
            unit=unit, threshold=threshold, voxels=_PART_VOXELS[self.part]
        )
        return text if self.part == "all" else text + _WHERE


_PART_TITLES: Mapping[Part, str] = {
    "all": "", "boundary": "Boundary", "interior": "Inside",
}  # fmt: skip
_PART_VOXELS: Mapping[Part, str] = {
    "all": "all voxels of the class",
    "boundary": "the voxels at the boundary of the class",
    "interior": "the voxels inside the class",
}
_WHERE = (
    "\nInside: voxels with no face neighbour of another class."
    "\nBoundary: voxels next to another class."
    "\nUncertainty inside is the more alarming kind."
)

# Columns that boundary and interior have as well.
_OF_PARTS = (
    Column(
        "voxels",
        "voxels",
        "How many there are: {voxels}.",
        lambda of: of.voxels,
        count,
        widest="1,000,000",
    ),
    Column(
        "total",
        "total",
        "Sum of the uncertainty{unit} over {voxels}.",
        lambda of: of.statistics.total(of.label, of.part),
        widest="1,000,000",
    ),
    Column(
        "mean",
        "mean",
        "Mean uncertainty{unit} of {voxels}.",
        lambda of: of.statistics.mean(of.label, of.part),
    ),
    Column(
        "median",
        "median",
        "Half of {voxels} are less uncertain than this{unit}.",
        lambda of: of.median_and_p95[0],
    ),
    Column(
        "p95",
        "95 %",
        "95 % of {voxels} are less uncertain than this{unit}.",
        lambda of: of.median_and_p95[1],
    ),
    Column(
        "share_above",
        "above",
        "Share of {voxels} whose uncertainty is above {threshold}.",
        lambda of: of.statistics.share_above(of.label, of.threshold, of.part),
        share,
        of_threshold=True,
        widest="100.0 %",
    ),
)

#: All columns, in the order of data frames and files.
COLUMNS = (
    Column("label", "label", "Number of the class.", lambda of: of.label, str),
    Column(
        "name",
        "class",
        "Name of the class, with its colour in the viewer.",
        lambda of: of.name,
        str,
        visits="interior",
        widest="left hemisphere a",
    ),
    _OF_PARTS[0],
    Column(
        "volume_ml",
        "volume",
        "Volume of the class in millilitres.",
        lambda of: of.voxels * of.ml_per_voxel,
        unit="mL",
        widest="1,000",
    ),
    *_OF_PARTS[1:],
    *(replace(one, key=f"boundary_{one.key}", part="boundary") for one in _OF_PARTS),
    *(replace(one, key=f"interior_{one.key}", part="interior") for one in _OF_PARTS),
)

#: Columns in the dock and in the report, from left to right.
IN_DOCK = (
    "name", "interior_mean", "boundary_mean", "mean", "median", "p95", "share_above",
    "interior_share_above", "total", "volume_ml",
)  # fmt: skip
IN_REPORT = (
    "voxels", "volume_ml", "mean", "median", "p95", "boundary_mean", "interior_mean",
)  # fmt: skip


def columns_of(keys: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns with these keys, in this order; KeyError if there is none."""
    by_key = {one.key: one for one in COLUMNS}
    return tuple(by_key[key] for key in keys)


def class_table(
    statistics: ClassStatistics,
    *,
    class_names: Mapping[int, str] | None = None,
    voxel_volume_mm3: float | None = None,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Return one row for each label that is there or has a name, ascending.

    Parameters
    ----------
    statistics : ClassStatistics
        Numbers of a map for each label.
    class_names : mapping of int to str, or None
        Names of labels. Without one, 0 is *background*, and 5 is *label 5*.
    voxel_volume_mm3 : float or None
        Volume of a voxel; without it, volumes are NaN.
    threshold : float or None
        For the shares of voxels above it; without it there are no such columns.

    Returns
    -------
    DataFrame
        Columns are those of :data:`COLUMNS`: ``label``, ``name``, the numbers of all
        voxels of the label (``voxels``, ``mean`` …), then the same but for the volume
        of its boundary (``boundary_voxels`` …) and of its interior
        (``interior_voxels`` …).
    """
    import pandas as pd

    names = class_names or {}
    per_voxel = np.nan if voxel_volume_mm3 is None else voxel_volume_mm3 / MM3_PER_ML
    # Without a threshold no column asks for it.
    limit = np.nan if threshold is None else threshold
    columns = [one for one in COLUMNS if threshold is not None or not one.of_threshold]
    rows = []
    for label in sorted({*statistics.labels, *names}):
        name = names.get(label, unnamed(label))
        parts = {
            part: PartOfLabel(statistics, label, name, part, per_voxel, limit)
            for part in _PART_TITLES
        }
        rows.append([one.value(parts[one.part]) for one in columns])
    return pd.DataFrame(rows, columns=[one.key for one in columns])


def unnamed(label: int) -> str:
    """Return a name for a label that has none."""
    return "background" if label == 0 else f"label {label}"


# Sorted runs of values: exact counts and quantiles of all, without merging the runs.

# Values of each run that narrow down where a quantile is. With more of them, fewer
# values are left to choose from, but comparing them takes longer.
SAMPLES = 64


def counts_below(
    runs: Sequence[Array], edges: npt.ArrayLike, included: bool = False
) -> npt.NDArray[np.int64]:
    """Return the number of values below each edge; with `included`, or equal to it.

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
    """Return values below which these shares of all values lie.

    As of :func:`numpy.quantile`, linear between two values; of no value at all NaN.
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
    """Return the values of this rank and of the next among the values of all runs."""
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
    """Return the nearest numbers of this type not below (or not above) the edges."""
    with np.errstate(over="ignore"):
        near = edges.astype(dtype)
    beyond = near < edges if up else near > edges
    towards = np.array(np.inf if up else -np.inf, dtype)
    return np.where(beyond, np.nextafter(near, towards), near)
