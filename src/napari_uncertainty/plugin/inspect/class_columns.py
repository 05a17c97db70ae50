"""The columns of the table of classes, and numbers as they are shown in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ...regions.numbers import Part

NO_VALUE = "–"

# Smaller than this, three digits would need more zeros than anybody counts.
_SMALLEST = 1e-4

_WHERE = (
    "\nInside: voxels with no face neighbour of another class."
    "\nBoundary: voxels next to another class."
    "\nUncertainty inside is the more alarming kind."
)


def number(value: float) -> str:
    """Three significant digits, from 1000 on all before the point."""
    if value != value:
        return NO_VALUE
    if value == 0:
        return "0"
    if abs(value) < _SMALLEST:
        return f"<{_SMALLEST}" if value > 0 else f">-{_SMALLEST}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    # By way of Decimal, which keeps zeros at the end and knows no exponent here.
    return f"{Decimal(f'{value:.2e}'):,f}"


def percent(value: float) -> str:
    """A share, 0 to 1, in per cent."""
    return NO_VALUE if value != value else f"{100 * value:.1f} %"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes
    ----------
    key : str
        The column of the data frame.
    title : str
        Its header.
    tip : str
        What the numbers are, with places for ``unit`` and ``threshold``.
    widest : str
        A text that it has room for.
    text : callable
        What a value is shown as.
    part : "all", "boundary" or "interior"
        The voxels that a double click asks for.
    """

    key: str
    title: str
    tip: str
    widest: str = "0.000000"
    text: Callable[[Any], str] = number
    part: Part = "all"


COLUMNS = (
    Column(
        "name",
        "Class",
        "Name of the class, with its colour in the viewer.",
        "left hemisphere a",
        str,
        "interior",
    ),
    Column(
        "interior_mean",
        "Inside\nmean",
        "Mean uncertainty{unit} of the voxels inside the class." + _WHERE,
        part="interior",
    ),
    Column(
        "boundary_mean",
        "Boundary\nmean",
        "Mean uncertainty{unit} of the voxels at the boundary of the class." + _WHERE,
        part="boundary",
    ),
    Column("mean", "Mean", "Mean uncertainty{unit} of all voxels of the class."),
    Column(
        "median",
        "Median",
        "Half of the voxels of the class are less uncertain than this{unit}.",
    ),
    Column(
        "p95",
        "95 %",
        "95 % of the voxels of the class are less uncertain than this{unit}.",
    ),
    Column(
        "share_above",
        "Above",
        "Share of the voxels of the class whose uncertainty is above {threshold}.",
        "100.0 %",
        percent,
    ),
    Column(
        "interior_share_above",
        "Above\ninside",
        "Share of the voxels inside the class whose uncertainty is above {threshold}."
        + _WHERE,
        "100.0 %",
        percent,
        "interior",
    ),
    Column(
        "total",
        "Total",
        "Sum of the uncertainty{unit} over all voxels of the class.",
        "1,000,000",
    ),
    Column("volume_ml", "Volume\n(mL)", "Volume of the class in millilitres.", "1,000"),
)

#: Columns that are there only with a threshold.
SHARES = tuple(i for i, column in enumerate(COLUMNS) if column.text is percent)
