"""Colours of labels and of the map, without a library for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Color = tuple[int, int, int]

# As in the viewer: a map is opaque from this share of its range on, and fades out
# towards 0 below.
OPAQUE_FROM = 0.6

# Colours of maximum contrast after K. L. Kelly, Twenty-two colors of maximum contrast,
# Color Engineering 3 (1965), 26-27; without white, black and grey, which scans have.
# The viewer shows labels in the same order.
_KELLY = (
    "F3C300 875692 F38400 A1CAF1 BE0032 008856 E68FAC 0067A5 F99379 604E97 F6A600 "
    "B3446C DCD300 882D17 8DB600 654522 E25822 2B3D26 C2B280"
)

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
    """Colour of a label that was given none: the viewer's."""
    colors = _parsed(_KELLY)
    red, green, blue = colors[(int(label) - 1) % len(colors)].tolist()
    return red, green, blue


def map_palette() -> npt.NDArray[np.uint8]:
    """Red, green, blue and opacity for 256 steps of the map's range, shape (256, 4)."""
    points = _parsed(_INFERNO)
    share = np.linspace(0, 1, 256)
    at = np.linspace(0, 1, len(points))
    channels = [np.interp(share, at, points[:, channel]) for channel in range(3)]
    channels.append(255 * np.clip(share / OPAQUE_FROM, 0, 1))
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def as_hex(color: npt.ArrayLike) -> str:
    """A colour (0 to 255 each; more than three numbers are cut off) for CSS."""
    numbers: Any = np.clip(np.asarray(color)[:3], 0, 255)
    return "#" + "".join(f"{int(number):02x}" for number in numbers)
