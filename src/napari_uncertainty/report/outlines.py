"""Outlines of labels along the edges of voxels, as paths for SVG."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]


def outline(mask: Mask) -> str:
    """The edges between what is in a mask and what is not, as closed loops.

    Parameters
    ----------
    mask : ndarray of bool, shape (height, width)
        A voxel covers a square of 1; the first one begins at (0, 0).

    Returns
    -------
    str
        Path data; to be filled by the even-odd rule. Empty where nothing is in the
        mask. The border of the picture counts as an edge.
    """
    return "".join(
        f"M{x} {y}{_steps(xs, ys)}z" for (x, y), xs, ys in _loops(_corners(mask))
    )


def _corners(mask: Mask) -> npt.NDArray[np.int64]:
    """Return where outlines turn, as (row, column), shape (n, 2).

    Where two voxels touch at a corner, two outlines turn, and it is there twice.
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
    """First point, and x and y of each further pair of edges, of each loop.

    Along every line of the grid, outlines run from the first corner to the second,
    from the third to the fourth and so on. That is all one has to know to follow them.
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
