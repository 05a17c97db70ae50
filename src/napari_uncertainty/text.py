"""Numbers as people read them, in the docks and in reports."""

from __future__ import annotations

import math
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
        return signed(f"{value:,.0f}")
    # By way of Decimal, which keeps zeros at the end and knows no exponent here.
    return signed(f"{Decimal(f'{value:.2e}'):,f}")


def count(value: Any) -> str:
    """A whole number."""
    return NO_VALUE if value is None else signed(f"{int(value):,}")


def share(value: float) -> str:
    """A share, 0 to 1, in per cent with one digit, so that those of a column align."""
    return NO_VALUE if value != value else f"{100 * value:.1f} %"


def signed(text: str) -> str:
    """The same with minus signs for hyphens."""
    return text.replace("-", "−")
