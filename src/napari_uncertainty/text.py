"""Numbers, percentages and places in words, for docks, reports and messages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

NO_VALUE = "–"

# Smaller than this, three digits would need more zeros than anybody counts.
_SMALLEST = 1e-4


def number(value: Any, digits: int = 3) -> str:
    """Return a number with some significant digits; a dash for None, NaN and infinity.

    From 1000 on, all digits before the point are shown, in groups of three.
    """
    if value is None or not math.isfinite(value):
        return NO_VALUE
    if value == 0:
        return "0"
    if abs(value) < _SMALLEST:
        return f"<{_SMALLEST}" if value > 0 else f">−{_SMALLEST}"
    if abs(value) >= 1000:
        return signed(f"{value:,.0f}")
    # Decimal keeps zeros at the end, and writes no exponent in this range.
    return signed(f"{Decimal(f'{value:.{digits - 1}e}'):,f}")


def in_unit(value: Any, unit: str) -> str:
    """Return a number with its unit, if it has one."""
    return f"{number(value)} {unit}".rstrip()


def count(value: Any) -> str:
    """Return a whole number, in groups of three digits; a dash for None."""
    return NO_VALUE if value is None else signed(f"{int(value):,}")


def counted(value: int, noun: str) -> str:
    """Return a whole number with its noun, such as *1 voxel* and *1,234 voxels*."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def listed(names: Sequence[str], most: int) -> str:
    """Return names as a list, such as *a, b and 3 more* where there are too many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def percent(share: float) -> str:
    """Return a share (0 to 1) in per cent, as sentences give it.

    The result is *100 %* only where the share is 1, and *0 %* only where it is 0.
    """
    if share in (0, 1):
        return f"{round(100 * share)} %"
    digits = 2 if share > 0.99 or share < 0.01 else 1
    shown = min(max(round(100 * share, digits), 0.01), 99.99)
    return f"{shown:.{digits}f} %"


def share(value: float) -> str:
    """Return a share (0 to 1) in per cent with one decimal, so that columns align.

    NaN is shown as a dash.
    """
    return NO_VALUE if value != value else f"{100 * value:.1f} %"


def ras_place(ras: Sequence[float] | None, *, short: bool = False) -> str:
    """Return a place in RAS mm, to a tenth, such as *R 3.4, A 8.9, S −4.2 mm*.

    Parameters
    ----------
    ras : sequence of float, or None
        Millimetres to the right, to the front and upwards; None is shown as a dash.
    short : bool
        Leave out commas and unit, as in *R 3.4 A 8.9 S −4.2*.
    """
    if ras is None:
        return NO_VALUE
    # Adding 0.0 makes 0.0 of -0.0, which small negative numbers are rounded to.
    rounded = [round(float(mm), 1) + 0.0 for mm in ras]
    parts = [f"{end} {mm:.1f}" for end, mm in zip("RAS", rounded, strict=True)]
    return signed(" ".join(parts) if short else ", ".join(parts) + " mm")


def voxel_place(index: Sequence[int]) -> str:
    """Return the index of a voxel, such as *(12, 34, 56)*."""
    return f"({', '.join(map(str, index))})"


def signed(text: str) -> str:
    """Return a text with minus signs in place of hyphens."""
    return text.replace("-", "−")
