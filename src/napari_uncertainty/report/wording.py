"""Numbers and places as people read them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

NO_VALUE = "–"

# Smaller than this, three digits would need more zeros than anybody counts.
_SMALLEST = 1e-4


def number(value: Any) -> str:
    """Three significant digits, from 1000 on all before the point; a dash for none."""
    if value is None or not math.isfinite(value):
        return NO_VALUE
    if value == 0:
        return "0"
    if abs(value) < _SMALLEST:
        return f"<{_SMALLEST}" if value > 0 else f">−{_SMALLEST}"
    if abs(value) >= 1000:
        return _signed(f"{value:,.0f}")
    # By way of Decimal, which keeps zeros at the end and knows no exponent here.
    return _signed(f"{Decimal(f'{value:.2e}'):,f}")


def count(value: Any) -> str:
    """A whole number."""
    return NO_VALUE if value is None else _signed(f"{int(value):,}")


def in_unit(value: Any, unit: str) -> str:
    """A number and its unit."""
    return f"{number(value)} {unit}".rstrip()


def ras_place(ras: Sequence[float] | None) -> str:
    """A place in RAS mm, to a tenth, such as *R 3.4, A 8.9, S −4.2 mm*."""
    if ras is None:
        return NO_VALUE
    # + 0.0: there is no minus before a zero.
    rounded = [round(float(mm), 1) + 0.0 for mm in ras]
    parts = [f"{end} {mm:.1f}" for end, mm in zip("RAS", rounded, strict=True)]
    return _signed(", ".join(parts) + " mm")


def voxel(index: Sequence[int]) -> str:
    """An index, as in (12, 34, 56)."""
    return f"({', '.join(map(str, index))})"


def _signed(text: str) -> str:
    return text.replace("-", "−")
