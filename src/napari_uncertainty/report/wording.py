"""Numbers and places as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..text import NO_VALUE, count, number, signed

__all__ = ["NO_VALUE", "count", "in_unit", "number", "ras_place", "voxel"]


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
    return signed(", ".join(parts) + " mm")


def voxel(index: Sequence[int]) -> str:
    """An index, as in (12, 34, 56)."""
    return f"({', '.join(map(str, index))})"
