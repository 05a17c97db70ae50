"""Pictures of a hotspot: layers with the scan, the map and outlines of labels.

Scan and map are small PNG images within the page. Outlines run along the edges of
voxels and are paths for SVG.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from ..analysis.colors import as_hex, map_palette
from ..analysis.hotspots import Hotspot
from .contents import ReportCase
from .planes import Plane, PlaneCut, Upright

Array = np.ndarray[Any, Any]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

# Voxels along each axis by which the dark and the bright values of a scan are found.
_SAMPLED = 64

# Percentiles that are black and white: few voxels (vessels, metal) are far brighter and
# would make all others dark.
_WINDOW = (0.5, 99.5)

# Lengths of a scale bar in mm.
_BARS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True)
class Outline:
    """Outline of a label: its colour for CSS, and path data in voxels of the cut."""

    label: int
    color: str
    path: str


@dataclass(frozen=True)
class Picture:
    """One plane through a hotspot; all lengths in mm, from the centre of its voxel.

    Attributes
    ----------
    plane : Plane
        The plane, and the directions at its edges.
    cut : PlaneCut
        Piece of scan and map that is shown.
    width : float
        Width of the picture, and its height.
    scan, map : str
        Addresses of both images; the first is empty without a scan.
    outlines : tuple of Outline
        Outlines of the labels in it, ascending.
    radii : tuple of float
        Half axes of the ball's outline, along the diagonals.
    bar : float
        Length of the scale bar.
    """

    plane: Plane
    cut: PlaneCut
    width: float
    scan: str
    map: str
    outlines: tuple[Outline, ...]
    radii: tuple[float, float]
    bar: float


class Pictures:
    """Makes the pictures of a case.

    Parameters
    ----------
    case : ReportCase
        Contents of the report. Its arrays are used as views, a small piece at a time.
    """

    def __init__(self, case: ReportCase) -> None:
        self._case = case
        self._upright = upright = Upright.of(case.grid, case.values.ndim)
        self._width = upright.width(case.hotspots.radius_mm)
        self._values, self._scan, self._labels, self._no_data = (
            None if array is None else upright.turn.turn(array)
            for array in (case.values, case.scan, case.labels, case.no_data)
        )
        self._window = None if case.scan is None else window_of(case.scan)
        self._palette = map_palette()

    def of(self, hotspot: Hotspot) -> list[Picture]:
        """Return three pictures of a volume, one of a flat image."""
        shape = self._case.values.shape
        at = self._upright.turn.voxel(hotspot.voxel, shape)
        planes = self._upright.planes()
        return [self._picture(plane, at) for plane in planes]

    def _picture(self, plane: Plane, at: Sequence[int]) -> Picture:
        assert self._values is not None
        upright, width = self._upright, self._width
        cut = upright.cut(plane, at, self._values.shape, width)
        return Picture(
            plane,
            cut,
            width,
            self._scan_of(cut),
            self._map_of(cut),
            tuple(self._outlines_of(cut)),
            upright.ellipse(plane, self._case.hotspots.radius_mm),
            max((bar for bar in _BARS if bar <= width / 4), default=_BARS[0]),
        )

    def _scan_of(self, cut: PlaneCut) -> str:
        if self._scan is None or self._window is None:
            return ""
        low, high = self._window
        piece = self._scan[cut.index].astype(np.float64)
        gray = _as_bytes((piece - low) / (high - low))
        return png_address(gray)

    def _map_of(self, cut: PlaneCut) -> str:
        assert self._values is not None
        piece = self._values[cut.index].astype(np.float64)
        pixels = shades(piece, self._case.highest)
        if self._no_data is not None:
            pixels[self._no_data[cut.index].astype(bool)] = 0
        return png_address(pixels, self._palette)

    def _outlines_of(self, cut: PlaneCut) -> list[Outline]:
        if self._labels is None:
            return []
        piece = self._labels[cut.index]
        return [
            Outline(
                int(label),
                as_hex(self._case.color(int(label))),
                outline(piece == label),
            )
            for label in np.unique(piece)
            if label != 0
        ]


def shades(values: Array, highest: float) -> Bytes:
    """Return the number of 256 colours for each value; that of NaN is 0."""
    return _as_bytes(values / highest if highest > 0 else np.zeros_like(values))


def window_of(scan: Array) -> tuple[float, float]:
    """Return the values that are shown black and white, from the scan's foreground.

    That is all but the darkest value, which in most scans is the air around.
    """
    few = scan[tuple(slice(None, None, max(1, n // _SAMPLED)) for n in scan.shape)]
    few = few[np.isfinite(few)].astype(np.float64)
    if few.size == 0:
        return 0.0, 1.0
    foreground = few[few > few.min()]
    if foreground.size == 0:
        return float(few[0]), float(few[0]) + 1.0
    low, high = (float(limit) for limit in np.percentile(foreground, _WINDOW))
    # There may be one value besides the background, which is then white.
    return (low, high) if high > low else (float(few.min()), high)


def _as_bytes(shares: Array) -> Bytes:
    """Return 0 to 1 as 0 to 255, and NaN as 0."""
    finite = np.nan_to_num(shares, nan=0.0, posinf=1.0, neginf=0.0)
    rounded: Bytes = np.rint(255 * np.clip(finite, 0, 1)).astype(np.uint8)
    return rounded


def png_address(pixels: Bytes, palette: Bytes | None = None) -> str:
    """Return a picture as an address that holds its whole PNG.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (height, width)
        Gray, from 0 for black to 255; or numbers of colours.
    palette : ndarray of uint8, shape (n, 4), or None
        Red, green, blue and opacity of at most 256 colours.
    """
    from PIL import Image

    image, options = Image.fromarray(np.ascontiguousarray(pixels)), {}
    if palette is not None:
        image.putpalette(palette[:, :3].tobytes())
        options["transparency"] = palette[:, 3].tobytes()
    file = BytesIO()
    image.save(file, "PNG", optimize=True, **options)
    return "data:image/png;base64," + b64encode(file.getvalue()).decode("ascii")


def outline(mask: Mask) -> str:
    """Return the edges between the inside and the outside of a mask, as closed loops.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        A voxel covers a square of 1; the first one begins at (0, 0).

    Returns
    -------
    str
        Path data, to be filled by the even-odd rule. Empty for an empty mask. The
        border of the picture counts as an edge.
    """
    return "".join(
        f"M{x} {y}{_steps(xs, ys)}z" for (x, y), xs, ys in _loops(_corners(mask))
    )


def _corners(mask: Mask) -> npt.NDArray[np.int64]:
    """Return where outlines turn, as (row, column), shape (n, 2).

    Where two voxels touch at a corner, two outlines turn, and the point comes twice.
    """
    padded = np.pad(mask, 1)
    upper = padded[:-1, :-1].astype(np.int8), padded[:-1, 1:].astype(np.int8)
    lower = padded[1:, :-1].astype(np.int8), padded[1:, 1:].astype(np.int8)
    around = sum((*upper, *lower))
    touching = (around == 2) & (upper[0] == lower[1])
    times: Any = (around % 2) + 2 * touching
    found: npt.NDArray[np.int64] = np.repeat(
        np.argwhere(times), times[times > 0], axis=0
    )
    return found


def _loops(
    corners: npt.NDArray[np.int64],
) -> Iterator[tuple[tuple[int, int], list[int], list[int]]]:
    """Yield the first point of each loop, and x and y of each further pair of edges.

    Along every line of the grid, outlines run from the first corner to the second,
    from the third to the fourth and so on. So each corner has one partner in its row
    and one in its column.
    """
    row, column = corners.T
    beside = _partners(np.lexsort((column, row)))
    below = _partners(np.lexsort((row, column)))
    rows, columns = row.tolist(), column.tolist()
    seen = [False] * len(rows)
    for start in range(len(rows)):
        if seen[start]:
            continue
        at, xs, ys = start, [], []
        while not seen[at]:
            across = beside[at]
            seen[at] = seen[across] = True
            at = below[across]
            xs.append(columns[across])
            ys.append(rows[at])
        yield (columns[start], rows[start]), xs, ys


def _partners(order: npt.NDArray[np.int64]) -> list[int]:
    partners = np.empty_like(order)
    partners[order[::2]], partners[order[1::2]] = order[1::2], order[::2]
    found: list[int] = partners.tolist()
    return found


def _steps(xs: list[int], ys: list[int]) -> str:
    # The last edge leads back to the start, and closing the path draws it.
    steps = [f"H{x}V{y}" for x, y in zip(xs[:-1], ys[:-1], strict=True)]
    return "".join(steps) + f"H{xs[-1]}"
