"""Small pictures as PNG within the page.

Written here, for what takes other libraries four bytes a pixel takes one here: a
palette with an opacity for each of its colours (PNG, third edition, W3C 2025).
"""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

_GRAY, _PALETTE = 0, 3


def gray_png(pixels: Bytes) -> bytes:
    """A picture in gray.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width)
        0 is black, 255 white.
    """
    return _png(pixels, _GRAY, b"", _filtered(pixels))


def palette_png(pixels: Bytes, palette: Bytes) -> bytes:
    """A picture whose pixels are numbers of colours.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width)
        Which colour each pixel has.
    palette : ndarray of uint8, shape (n, 4)
        Red, green, blue and opacity of at most 256 colours.
    """
    colors = np.ascontiguousarray(palette[:, :3]).tobytes()
    further = _chunk(b"PLTE", colors) + _chunk(b"tRNS", palette[:, 3].tobytes())
    # Neighbouring numbers have little to do with each other: no filter.
    return _png(pixels, _PALETTE, further, np.pad(pixels, ((0, 0), (1, 0))))


def data_uri(png: bytes) -> str:
    """The picture as an address that holds all of it."""
    return "data:image/png;base64," + b64encode(png).decode("ascii")


def _png(pixels: Bytes, kind: int, further: bytes, rows: Bytes) -> bytes:
    height, width = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            further,
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def _filtered(pixels: Bytes) -> Bytes:
    """Each row, and before it the number of the filter that leaves least to store."""
    own = pixels.astype(np.int16)
    left = np.pad(own, ((0, 0), (1, 0)))[:, :-1]
    above = np.pad(own, ((1, 0), (0, 0)))[:-1]
    candidates: Any = np.stack(
        [own, own - left, own - above, own - (left + above) // 2]
    ).astype(np.uint8)
    # The usual guess: differences count by their size, whichever sign they have.
    effort = np.abs(candidates.view(np.int8).astype(np.int16)).sum(axis=2)
    best = effort.argmin(axis=0)
    rows = candidates[best, np.arange(len(pixels))]
    return np.column_stack([best.astype(np.uint8), rows])
