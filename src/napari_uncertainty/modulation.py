"""Classes whose own colours tell how uncertain they are.

The uncertainty of each voxel is one of a few levels, from certain to uncertain, and
each class has a shade of its colour for each level. A volume of whole numbers, one for
each shade, then shows class and uncertainty at once, however it is sliced.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from .colors import from_lab, lab
from .errors import InputError
from .fold.blocks import cut
from .regions.layout import Layout

Array = np.ndarray[Any, Any]

#: So many shades has the colour of a class.
N_LEVELS = 16

#: More shades than 16 bits can number would not be told apart anyway.
MOST_CLASSES = (2**16 - 1) // N_LEVELS

# Voxels that are looked at in one step.
_BLOCK_VOXELS = 1 << 18


def _faded(color: Array, certainty: Array) -> Array:
    """Return the colours with their opacity multiplied by the certainty."""
    shades = np.broadcast_to(color, (*certainty.shape[:-1], 4)).copy()
    shades[..., 3:] *= certainty
    return shades


def _grayed(color: Array, certainty: Array) -> Array:
    """Return the colours with their chroma multiplied by the certainty, as light."""
    shades = np.broadcast_to(color, (*certainty.shape[:-1], 4)).copy()
    own = lab(255 * shades[..., :3])
    own[..., 1:] *= certainty
    shades[..., :3] = from_lab(own) / 255
    return shades


#: How a colour tells the uncertainty, by the name that people choose it by.
MODULATIONS: Mapping[str, Callable[[Array, Array], Array]] = MappingProxyType(
    {"Faded where uncertain": _faded, "Gray where uncertain": _grayed}
)


def shades_of(colors: npt.ArrayLike, modulation: str) -> npt.NDArray[np.float64]:
    """Return the shades of colours, from certain to uncertain.

    Parameters
    ----------
    colors : array_like, shape (n, 4)
        Red, green, blue and opacity of each class, 0 to 1.
    modulation : str
        One of `MODULATIONS`: the opacity falls from that of the class to 0; or the
        chroma in CIELAB does, while the lightness is kept.

    Returns
    -------
    ndarray, shape (n, N_LEVELS, 4)
        The first shade of each class is its own colour.
    """
    own = np.asarray(colors, float).reshape(-1, 1, 4)
    certainty = np.linspace(1, 0, N_LEVELS)[:, np.newaxis]
    certainty = np.broadcast_to(certainty, (len(own), N_LEVELS, 1))
    return MODULATIONS[modulation](own, certainty)


def iter_shade_numbers(
    values: Array,
    labels: Array,
    classes: Sequence[int],
    limits: tuple[float, float],
    no_data: Array | None = None,
) -> Generator[float, None, Array]:
    """Number the shade of each voxel, block by block; yields the share done.

    Parameters
    ----------
    values : ndarray
        The uncertainty.
    labels : ndarray of int, shape of `values`
        The class of each voxel.
    classes : sequence of int
        Labels that have colours, ascending.
    limits : (float, float)
        What counts as certain and as uncertain; levels between them are equally wide,
        but for the first and the last, which are centred on the limits.
    no_data : ndarray of bool, shape of `values`, or None
        Voxels without data.

    Returns
    -------
    ndarray of uint8 or uint16, shape of `values`
        ``1 + place * N_LEVELS + level``, where `place` is that of the label among
        `classes`; 0 for other labels, for voxels without data and where the value is
        not finite.

    Raises
    ------
    InputError
        If there are more than `MOST_CLASSES`.
    """
    if len(classes) > MOST_CLASSES:
        raise InputError(
            f"There are {len(classes)} classes; of {MOST_CLASSES} at most the colours "
            "can tell the uncertainty."
        )
    values, labels = np.asarray(values), np.asarray(labels)
    numbers = np.zeros_like(
        values, dtype=np.min_scalar_type(len(classes) * N_LEVELS), subok=False
    )
    layout = Layout.of(values)
    known = [values, labels, numbers, *([] if no_data is None else [no_data])]
    parts = [layout.in_memory(one) for one in known]
    own, low = np.asarray(classes, dtype=np.int64), float(limits[0])
    per_unit = (N_LEVELS - 1) / (float(limits[1]) - low)
    n = len(parts[0]) if len(own) else 0
    for rows in cut(n, parts[0][:1].size, _BLOCK_VOXELS):
        block, label, number, *without = (part[rows] for part in parts)
        place = np.searchsorted(own, label)
        place[place == len(own)] = 0
        shown = (own[place] == label) & np.isfinite(block)
        for one in without:
            shown &= ~one
        level = np.clip((block[shown] - low) * per_unit, 0, N_LEVELS - 1)
        number[shown] = 1 + place[shown] * N_LEVELS + np.rint(level).astype(np.int64)
        yield rows.stop / n
    return numbers
