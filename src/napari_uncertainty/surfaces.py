"""The boundary of a class as a smooth closed mesh, with the uncertainty around it."""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .isosurface import Faces, Vertices, iter_enclosing, slabs
from .steps import part

Array = np.ndarray[Any, Any]
Values = npt.NDArray[np.float32]

# Taken in one go, so that it can be closed soon.
TOGETHER = 1 << 16

AVERAGING_ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles, and a value at each of their corners.

    Attributes
    ----------
    vertices : ndarray of float32, shape (n, 3)
        Places; from :func:`iter_mesh` in voxels, as indices (i, j, k) of the array.
    faces : ndarray of int32, shape (m, 3)
        Which vertices make a triangle, counter-clockwise seen from outside where the
        three axes are right-handed.
    values : ndarray of float32, shape (n,)
        The map just around each vertex, in its own unit.
    """

    vertices: Vertices
    faces: Faces
    values: Values

    def in_space(self, affine: npt.ArrayLike) -> Mesh:
        """Return the mesh elsewhere, such as in RAS+ mm; what was outside stays so.

        Parameters
        ----------
        affine : array-like, shape (4, 4)
            From the places of the vertices to the new ones. Where it mirrors, the
            faces are turned over.
        """
        matrix = np.asarray(affine, np.float64)
        moved = self.vertices @ matrix[:3, :3].T + matrix[:3, 3]
        mirrors = np.linalg.det(matrix[:3, :3]) < 0
        faces = np.ascontiguousarray(self.faces[:, ::-1]) if mirrors else self.faces
        return Mesh(moved.astype(np.float32), faces, self.values)


def iter_mesh(
    labels: Array,
    values: Array,
    chosen: Collection[int] | None = None,
    *,
    smoothing: float = 1.2,
) -> Generator[float, None, Mesh]:
    """Make the surface of a class step by step; yields the share done.

    The mask of the class is smoothed by a Gaussian, and the surface runs where it has
    the one level at which as much volume is enclosed as the class has voxels, within
    half a percent. For large compact shapes that is close to 0.5; a sheet or a rod one
    voxel thick, which nowhere reaches 0.5, is kept by it. The surface is cut off
    nowhere: where the class reaches the edge of the volume, it is closed half a voxel
    beyond the outermost centres.

    A part that is much thinner than the rest of the class may vanish, and a gap close.
    Where no level gives the volume, as in a pattern finer than the smoothing, the one
    that comes nearest is taken.

    A vertex gets the largest value of the map in the 3 × 3 × 3 voxels around the one
    nearest to it, as far as they are inside of the volume and hold a value. These are
    then averaged along the mesh, three times: each vertex with those that an edge
    joins it to, all with equal weight. A constant map stays exactly as it is.

    Parameters
    ----------
    labels : ndarray of int or bool, shape (X, Y, Z)
        Which class each voxel has.
    values : ndarray of float32, shape (X, Y, Z)
        The map; NaN where there is no value.
    chosen : collection of int or None
        The labels whose union is meant; None for all but 0.
    smoothing : float
        Standard deviation of the Gaussian, in voxels.

    Returns
    -------
    Mesh
        Vertices in voxels; every edge is part of exactly two faces.

    Raises
    ------
    InputError
        If no voxel has one of the labels, or the arrays are not 3D or differ in shape.
    """
    _check(labels, values)
    box, count = yield from part(_iter_box(labels, chosen), 0.0, 0.1)
    if not count:
        raise InputError(
            "No voxel has the chosen labels, so there is no surface; choose others."
        )
    # Beyond the reach of the Gaussian, at 4 standard deviations, the field is 0.
    margin = int(4 * smoothing + 0.5) + 1
    field = yield from part(
        _iter_smoothed(labels[box], chosen, smoothing, margin), 0.1, 0.4
    )
    vertices, faces = yield from part(iter_enclosing(field, count), 0.4, 0.8)
    vertices += np.array([side.start - margin for side in box], np.float32)
    around = yield from part(_iter_around(values, vertices), 0.8, 0.9)
    averaged = yield from part(_iter_averaged(around, faces), 0.9, 1.0)
    return Mesh(vertices, faces, averaged)


def _check(labels: Array, values: Array) -> None:
    if labels.ndim != 3:
        raise InputError(
            f"A surface needs a volume with three axes; the labels have {labels.ndim}."
        )
    if labels.shape != values.shape:
        raise InputError(
            f"The labels have shape {labels.shape} and the map {values.shape}; choose "
            "two that lie on the same voxels."
        )


def _is_chosen(labels: Array, chosen: Collection[int] | None) -> npt.NDArray[np.bool_]:
    mask: npt.NDArray[np.bool_]
    mask = labels != 0 if chosen is None else np.isin(labels, list(chosen))
    return mask


def _iter_box(
    labels: Array, chosen: Collection[int] | None
) -> Generator[float, None, tuple[tuple[slice, ...], int]]:
    """The box around the chosen labels, and the number of their voxels."""
    # Plane by plane as they lie in memory.
    slow = int(np.argmax(np.abs(labels.strides)))
    ordered = np.moveaxis(labels, slow, 0)
    occupied = [np.zeros(length, bool) for length in ordered.shape]
    count = 0
    for slab in slabs(len(ordered), ordered[:1].size):
        mask = _is_chosen(ordered[slab], chosen)
        count += int(np.count_nonzero(mask))
        occupied[0][slab] = mask.any(axis=(1, 2))
        occupied[1] |= mask.any(axis=(0, 2))
        occupied[2] |= mask.any(axis=(0, 1))
        yield slab.stop / len(ordered)
    if not count:
        return (), 0
    occupied.insert(slow, occupied.pop(0))
    ends = [np.flatnonzero(along)[[0, -1]] for along in occupied]
    return tuple(slice(int(low), int(high) + 1) for low, high in ends), count


def _iter_smoothed(
    labels: Array, chosen: Collection[int] | None, smoothing: float, margin: int
) -> Generator[float, None, Array]:
    """The smoothed mask, float32, with a margin around it."""
    from scipy.ndimage import gaussian_filter

    field = np.zeros([length + 2 * margin for length in labels.shape], np.float32)
    within = (slice(margin, -margin),) * 3
    mask = field[within]
    for slab in slabs(len(labels), field[0].size):
        mask[slab] = _is_chosen(labels[slab], chosen)
        planes = field[margin + slab.start : margin + slab.stop]
        gaussian_filter(planes, smoothing, output=planes, axes=(1, 2), mode="constant")
        yield 0.6 * slab.stop / len(labels)
    for slab in slabs(field.shape[1], field[:, 0].size):
        planes = field[:, slab]
        gaussian_filter(planes, smoothing, output=planes, axes=(0,), mode="constant")
        yield 0.6 + 0.4 * slab.stop / field.shape[1]
    return field


def _iter_around(values: Array, vertices: Vertices) -> Generator[float, None, Values]:
    """The largest value within a voxel of the one nearest to each vertex."""
    found = np.full(len(vertices), np.nan, np.float32)
    last = np.array(values.shape) - 1
    for start in range(0, len(vertices), TOGETHER):
        some = slice(start, start + TOGETHER)
        nearest = np.rint(vertices[some]).astype(np.intp).clip(0, last)
        # Clipped, a voxel comes twice, which does not change the maximum.
        beside = [(nearest + shift).clip(0, last).T for shift in (-1, 0, 1)]
        for i, j, k in product(range(3), repeat=3):
            there = values[beside[i][0], beside[j][1], beside[k][2]]
            np.fmax(found[some], there, out=found[some])  # passes NaN over
        yield min(some.stop, len(found)) / len(found)
    return np.nan_to_num(found, copy=False, nan=0.0)


def _iter_averaged(values: Values, faces: Faces) -> Generator[float, None, Values]:
    """Each value averaged with those of the vertices that an edge joins it to."""
    from scipy.sparse import coo_array

    # On a closed mesh an edge is part of two faces, which run along it in opposite
    # directions; so each pair of neighbours comes once in each direction.
    ends = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    n = len(values)
    joined = coo_array((np.ones(len(ends[0])), ends), shape=(n, n)).tocsr()
    together = 1.0 + np.diff(joined.indptr)
    yield 0.5
    # In float64 the sum of a few equal float32 numbers is exact, and so is its mean.
    averaged = values.astype(np.float64)
    for _ in range(AVERAGING_ROUNDS):
        averaged = (averaged + joined @ averaged) / together
    yield 1.0
    return averaged.astype(np.float32)
