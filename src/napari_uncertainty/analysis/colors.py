"""Colours of classes and of maps, and shades of classes that show the uncertainty.

The uncertainty of each voxel is one of a few levels, from certain to uncertain, and
each class has a shade of its colour for each level. A volume of whole numbers, one for
each shade, then shows class and uncertainty at once, however it is sliced.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.blocks import cut
from ..errors import InputError
from .class_blocks import Layout

Array = np.ndarray[Any, Any]
Floats = npt.NDArray[np.float64]
Color = tuple[int, int, int]

# Colours of classes and of maps, for the viewer and the report.

#: A map is opaque from this share of its range on, and fades out towards 0 below.
OPAQUE_FROM = 0.6

#: Number of classes with colours of their own; from then on colours come again.
N_CLASS_COLORS = 120

#: Distance in CIELAB between a class's colour and any colour of the map.
FROM_MAP = 38.0

# Limits within which colours of classes are looked for: lightness and chroma in CIELAB.
# Gray would be taken for the scan, dark colours are not seen on air, and the lightest
# ones not on bright tissue.
_LIGHTNESS = (60.0, 92.0)
_CHROMA = (30.0, 90.0)

# Marks have this colour, from which classes keep a distance, too.
_MARK = (0, 229, 255)
_FROM_MARK = 25.0

# Degrees between the hue of a class and the hues of the map; given up where a map has
# all hues.
_HUE_GAP = 25.0

# The first class is blue; the others follow from it.
_FIRST = (77, 140, 255)

# Colours as protanopes and deuteranopes see them, in linear RGB: G. M. Machado,
# M. M. Oliveira and L. A. F. Fernandes, A physiologically-based model for simulation of
# color vision deficiency, IEEE Transactions on Visualization and Computer Graphics 15
# (2009), 1291-1298, table 1, severity 1.
_COLOR_BLIND = np.array([
    [[0.152286, 1.052583, -0.204868],
     [0.114503, 0.786281, 0.099216],
     [-0.003882, -0.048116, 1.051998]],
    [[0.367322, 0.860646, -0.227968],
     [0.280085, 0.672501, 0.047413],
     [-0.011820, 0.042940, 0.968881]],
])  # fmt: skip

# Differences that only a colour-blind person has to rely on count so much more.
_COLOR_BLIND_WEIGHT = 1.5

# From linear sRGB to CIE XYZ with the white D65 at 1: IEC 61966-2-1.
_TO_XYZ = np.array([
    [0.412453, 0.357580, 0.180423],
    [0.212671, 0.715160, 0.072169],
    [0.019334, 0.119193, 0.950227],
]) / np.array([[0.95047], [1.0], [1.08883]])  # fmt: skip

# Every fifth colour of inferno, by N. J. Smith and S. van der Walt, 2015, CC0,
# https://bids.github.io/colormap; straight lines between them miss the others by less
# than 1.5 of 255.
_INFERNO = """
000004 02020c 050417 0a0722 10092d 160b39 1e0c45 260c51 2f0a5b 380962 400a67 490b6a
510e6c 59106e 61136e 69166e 71196e 781c6d 801f6c 88226a 902568 982766 a02a63 a82e5f
b0315b b73557 bf3952 c63d4d cc4248 d34743 d94d3d df5337 e45a31 e9612b ed6925 f1711f
f47918 f78212 f98b0b fa9407 fb9d07 fca60c fcb014 fbba1f fac42a f8cd37 f6d746 f4e156
f2ea69 f2f27d f5f992 fcffa4
"""


def _parsed(colors: str) -> npt.NDArray[np.uint8]:
    joined = bytes.fromhex("".join(colors.split()))
    return np.frombuffer(joined, np.uint8).reshape(-1, 3)


def label_color(label: int) -> Color:
    """Return the colour of a label that was given none, as the viewer shows it."""
    colors = class_palette()
    red, green, blue = colors[(int(label) - 1) % len(colors)].tolist()
    return red, green, blue


def class_palette(of_map: npt.ArrayLike | None = None) -> npt.NDArray[np.uint8]:
    """Return colours for classes that are told apart from each other and from a map.

    Each colour is as far as possible from those before it, for people with and without
    colour blindness, so that the first ones differ most; and none has a hue of the map.
    Distances are Euclidean in CIELAB.

    Parameters
    ----------
    of_map : array_like, shape (n, 3) or more columns
        Colours of the map, 0 to 255; by default those of :func:`map_palette`.

    Returns
    -------
    ndarray of uint8, shape (N_CLASS_COLORS, 3)
        Red, green and blue of the labels 1, 2, 3 …
    """
    colors = map_palette() if of_map is None else np.asarray(of_map)
    return _class_palette(np.asarray(colors[:, :3], np.uint8).tobytes())


@lru_cache(maxsize=8)
def _class_palette(of_map: bytes) -> npt.NDArray[np.uint8]:
    steps = np.arange(3, 256, 12).astype(np.uint8)
    candidates = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
    map_lab = lab(np.frombuffer(of_map, np.uint8).reshape(-1, 3)[::4])
    seen = as_seen(candidates)
    own = seen[0]
    chroma, hue = np.hypot(own[:, 1], own[:, 2]), _hue(own)
    fits = (
        _between(own[:, 0], _LIGHTNESS)
        & _between(chroma, _CHROMA)
        & (_distance(own, lab(np.array([_MARK]))) >= _FROM_MARK)
    )
    vivid = np.hypot(map_lab[:, 1], map_lab[:, 2]) > _CHROMA[0]
    gap = np.abs((hue[:, None] - _hue(map_lab[vivid]) + 180) % 360 - 180)
    apart = _distance(own, map_lab)
    other_hue = (gap >= _HUE_GAP).all(axis=1)
    for conditions in (
        fits & (apart >= FROM_MAP) & other_hue,
        fits & (apart >= FROM_MAP),
        fits,  # a map of all colours
    ):
        if np.count_nonzero(conditions) >= 4 * N_CLASS_COLORS:
            break
    candidates, seen = candidates[conditions], seen[:, conditions]
    chosen = [int(_distance(seen[0], lab(np.array([_FIRST]))).argmin())]
    distance = np.full(len(candidates), np.inf)
    while len(chosen) < N_CLASS_COLORS:
        to_last = np.linalg.norm(seen - seen[:, chosen[-1:]], axis=-1)
        to_last[1:] *= _COLOR_BLIND_WEIGHT
        distance = np.minimum(distance, to_last.min(axis=0))
        chosen.append(int(distance.argmax()))
    palette = candidates[chosen]
    palette.flags.writeable = False
    return palette


def lab(colors: npt.ArrayLike) -> Floats:
    """Return colours of sRGB in CIELAB, with the white D65.

    Computed here, since to import a library for it takes longer than all palettes.

    Parameters
    ----------
    colors : array_like, shape (..., 3)
        Red, green and blue, 0 to 255.

    References
    ----------
    CIE 15:2004, Colorimetry, section 8.2.1.1.
    """
    return _lab_of_linear(_linear(colors))


def from_lab(colors: npt.ArrayLike) -> Floats:
    """Return colours in CIELAB as sRGB, 0 to 255; what no screen can show is clipped.

    The inverse of :func:`lab`.

    Parameters
    ----------
    colors : array_like, shape (..., 3)
        Lightness, a and b.
    """
    light, a, b = np.moveaxis(np.asarray(colors, float), -1, 0)
    y = (light + 16) / 116
    root = np.stack([y + a / 500, y, y - b / 200], axis=-1)
    xyz = np.where(root > 6 / 29, root**3, 3 * (6 / 29) ** 2 * (root - 4 / 29))
    linear = np.clip(xyz @ np.linalg.inv(_TO_XYZ.T), 0, 1)
    curved = 1.055 * linear ** (1 / 2.4) - 0.055
    colors = 255 * np.where(linear <= 0.0031308, 12.92 * linear, curved)
    return np.asarray(colors)


def as_seen(colors: npt.ArrayLike) -> Floats:
    """Return colours in CIELAB as they are, and as colour-blind people see them.

    Parameters
    ----------
    colors : array_like, shape (n, 3)
        Red, green and blue, 0 to 255.

    Returns
    -------
    ndarray, shape (3, n, 3)
        Without colour blindness, of protanopes, of deuteranopes.
    """
    linear = _linear(colors)
    blind = np.clip(linear @ _COLOR_BLIND.transpose(0, 2, 1), 0, 1)
    return _lab_of_linear(np.concatenate([linear[None], blind]))


def _linear(colors: npt.ArrayLike) -> Floats:
    share = np.asarray(colors) / 255
    curved = ((share + 0.055) / 1.055) ** 2.4
    linear: Floats = np.where(share <= 0.04045, share / 12.92, curved)
    return linear


def _lab_of_linear(linear: Floats) -> Floats:
    xyz = linear @ _TO_XYZ.T
    root = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz * (29 / 6) ** 2 / 3 + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def _hue(colors: Floats) -> Floats:
    hue: Floats = np.degrees(np.arctan2(colors[:, 2], colors[:, 1]))
    return hue


def _distance(colors: Floats, others: Floats) -> Floats:
    """Return the distance of each colour to the nearest of some others."""
    squares = (colors**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)
    squares -= 2 * colors @ others.T
    distance: Floats = np.sqrt(np.maximum(squares.min(axis=1), 0))
    return distance


def _between(values: Floats, limits: tuple[float, float]) -> npt.NDArray[np.bool_]:
    return (values >= limits[0]) & (values <= limits[1])


def map_palette() -> npt.NDArray[np.uint8]:
    """Return red, green, blue and opacity for 256 steps of a map's range."""
    points = _parsed(_INFERNO)
    share = np.linspace(0, 1, 256)
    at = np.linspace(0, 1, len(points))
    channels = [np.interp(share, at, points[:, channel]) for channel in range(3)]
    channels.append(255 * np.clip(share / OPAQUE_FROM, 0, 1))
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def as_hex(color: npt.ArrayLike) -> str:
    """Return a colour for CSS; numbers from 0 to 255, of which three count."""
    numbers: Any = np.clip(np.asarray(color)[:3], 0, 255)
    return "#" + "".join(f"{int(number):02x}" for number in numbers)


# Shades of the colour of a class, which show how uncertain a voxel is.

#: Number of shades that the colour of a class has.
N_LEVELS = 16

#: More shades than 16 bits can number would not be told apart anyway.
MOST_CLASSES = (2**16 - 1) // N_LEVELS

# Voxels that are numbered in one step.
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


def shades_of(colors: npt.ArrayLike, modulation: str) -> Floats:
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
