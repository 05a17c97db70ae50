"""The numbers of each label as a table, and the columns that it has.

A row of :data:`COLUMNS` is all that a column takes: the data frame, the ``.tsv`` files,
the dock and the report take title, unit, value and wording from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..grid import Grid
from ..text import count, number, share
from .numbers import ClassStatistics, Part

if TYPE_CHECKING:
    import pandas as pd

MM3_PER_ML = 1000.0


def voxel_volume(grid: Grid | None) -> float | None:
    """Volume of a voxel in mm³, tilted and sheared ones too; None for a flat image."""
    if grid is None or grid.ndim != 3:
        return None
    return float(abs(np.linalg.det(grid.affine[:3, :3])))


@dataclass(frozen=True)
class PartOfLabel:
    """Voxels of one label, of which numbers are asked for.

    Attributes
    ----------
    statistics : ClassStatistics
        Numbers of all labels.
    label : int
        Which.
    name : str
        What it is called.
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
        """Return how many there are."""
        return self.statistics.count(self.label, self.part)

    @cached_property
    def median_and_p95(self) -> npt.NDArray[np.float64]:
        """Return both at once, for values are looked through for them."""
        return self.statistics.quantiles(self.label, (0.5, 0.95), self.part)


@dataclass(frozen=True)
class Column:
    """A column of the table of classes.

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
        told = between.join(filter(None, words))
        return told[0].upper() + told[1:]

    def explain(self, unit: str, threshold: str) -> str:
        """Return what the values are, with the unit of the measure in its place."""
        told = self.tip.format(
            unit=unit, threshold=threshold, voxels=_PART_VOXELS[self.part]
        )
        return told if self.part == "all" else told + _WHERE


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

# Those that boundary and interior have as well.
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

#: What the dock and the report have room for, from left to right.
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
        Columns are those of :data:`COLUMNS`: ``label``, ``name``, ``voxels``,
        ``volume_ml`` (in millilitres), ``total``, ``mean``, ``median``, ``p95``,
        ``share_above``; then the same but for the volume of the boundary
        (``boundary_voxels`` …) and of the interior (``interior_voxels`` …).
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
    """Return what a label is called that has no name."""
    return "background" if label == 0 else f"label {label}"
