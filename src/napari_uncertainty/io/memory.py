"""Refuse what does not fit before allocating it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from ..errors import InputError


def check_fits_memory(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    """Raise InputError where an array would not fit into the free memory.

    The header of a small compressed file can promise any size.
    """
    needed = math.prod(int(n) for n in shape) * dtype.itemsize
    free = psutil.virtual_memory().available
    if needed > free:
        raise InputError(
            f"{path.name} needs {needed / 1e9:.1f} GB of memory for its "
            f"{' × '.join(map(str, shape))} values, and {free / 1e9:.1f} GB are free."
        )
