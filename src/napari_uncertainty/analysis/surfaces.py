"""The boundary of a class as a smooth closed mesh, with the uncertainty around it."""

from __future__ import annotations

from collections.abc import Collection, Generator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from ..engine.blocks import cut
from ..errors import InputError
from ..steps import part

Array = np.ndarray[Any, Any]
Field = npt.NDArray[np.float32]
Values = npt.NDArray[np.float32]
Vertices = npt.NDArray[np.float32]
Faces = npt.NDArray[np.int32]


# Surface of a class, with the uncertainty around it.

# Vertices that are taken in one step, so that the work can be cancelled soon.
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
    """Return the box around the chosen labels, and the number of their voxels."""
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
    """Return the smoothed mask, float32, with a margin around it."""
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
    """Return the largest value around the voxel nearest to each vertex."""
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
    """Return each value averaged with those of vertices that share an edge with it."""
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


# Closed surface of a field that encloses a given volume, slab by slab.

# Marching cubes keep all other threads waiting, the window too: for so many voxels some
# 2 ms where a smooth surface passes through, 20 ms where there is surface everywhere.
SLAB_VOXELS = 1 << 16

# The surface encloses the volume within this share of it, if a level that does is found
# in so many attempts; most need one to three.
VOLUME_TOLERANCE = 0.005
ATTEMPTS = 8
SAMPLES = 500_000

# Values nearer to the level than this share of it count as just above. So no vertex
# falls on the centre of a voxel, where several would coincide, and what is level up to
# rounding is inside as a whole.
CLEARANCE = 2e-3


def slabs(length: int, plane: int) -> list[slice]:
    """Return runs of planes, each of `plane` voxels, that are taken in one go."""
    return cut(length, plane, SLAB_VOXELS)


def iter_enclosing(
    field: Field, target: float
) -> Generator[float, None, tuple[Vertices, Faces]]:
    """Return the surface that encloses a volume; yields the share done.

    Parameters
    ----------
    field : ndarray of float32, shape (X, Y, Z)
        Higher inside; 0 in the outermost voxels, and above 0 somewhere.
    target : float
        Volume in voxels.

    Returns
    -------
    vertices : ndarray of float32, shape (n, 3)
        Places in voxels.
    faces : ndarray of int32, shape (m, 3)
        Counter-clockwise seen from outside. Every edge is part of exactly two of them.
    """
    search = _LevelSearch(field, target)
    best: list[_Piece] = []
    smallest, done = np.inf, 0.0
    for _ in range(ATTEMPTS):
        steps = _iter_pieces(field, search.level)
        pieces, volume = yield from part(steps, done, (1 + done) / 2)
        done = (1 + done) / 2
        missing = abs(volume - target)
        if missing < smallest:
            best, smallest = pieces, missing
        if missing <= VOLUME_TOLERANCE * target:
            break
        search.learn(volume)
    return _joined(best)


@dataclass(frozen=True)
class _Piece:
    """Surface within one block; `shared` marks vertices that other blocks have, too."""

    vertices: Vertices
    faces: Faces
    shared: npt.NDArray[np.bool_]


class _LevelSearch:
    """Search for the level of a surface, between one too low and one too high.

    The first guess is the level above which as many voxels lie as the target has. Where
    the surface is strongly curved, or a sheet is thin, it encloses another volume than
    that; between two known ends, the next guess takes the volume to fall exponentially.
    """

    def __init__(self, field: Field, target: float) -> None:
        sample = np.sort(field.ravel()[:: max(1, field.size // SAMPLES)])
        self._sample = sample
        self._target = target
        self._voxels_each = field.size / len(sample)
        peak = float(field.max())
        self._low, self._above = 0.0, np.inf
        self._high, self._below = peak, 0.0
        self.level = self._inside(self._exceeded_by(target))

    def learn(self, volume: float) -> None:
        """Choose the next level, given the volume that the present one encloses."""
        if volume > self._target:
            self._low, self._above = self.level, volume
        else:
            self._high, self._below = self.level, volume
        if np.isfinite(self._above) and self._below:
            share = np.log(self._above / self._target)
            share /= np.log(self._above / self._below)
            share = min(max(float(share), 0.1), 0.9)  # or one end might never move
            self.level = self._low + share * (self._high - self._low)
        else:
            voxels = self._target * self._target / max(volume, 1.0)
            self.level = self._inside(self._exceeded_by(voxels))

    def _exceeded_by(self, voxels: float) -> float:
        """Return the level that about so many voxels exceed."""
        last = len(self._sample) - 1
        at = round(len(self._sample) - voxels / self._voxels_each)
        at = min(max(at, 1), last)
        return float(self._sample[at - 1] / 2 + self._sample[at] / 2)

    def _inside(self, level: float) -> float:
        margin = 1e-3 * (self._high - self._low)
        if self._low + margin <= level <= self._high - margin:
            return level
        return (self._low + self._high) / 2


def _iter_pieces(
    field: Field, level: float
) -> Generator[float, None, tuple[list[_Piece], float]]:
    """Return the surface in pieces, block by block, and the volume that it encloses.

    Neighbouring blocks share a plane of voxels.
    """
    from skimage.measure import marching_cubes

    low, high = np.float32(level * (1 - CLEARANCE)), np.float32(level * (1 + CLEARANCE))
    pieces, volume = [], 0.0
    blocks = _blocks(field.shape)
    for number, (along_i, along_j) in enumerate(blocks, 1):
        block = field[along_i, along_j]
        if block.max() >= low:
            block = np.where((block >= low) & (block < high), high, block)
        if block.max() > level > block.min():
            # Not Lewiner's variant: in some ambiguous cells it makes edges with four
            # faces (scikit-image issue 8109). In the tables of Lorensen & Cline,
            # neighbouring cells fit together in all 4096 cases. "Ascent" is what
            # scikit-image calls faces that are counter-clockwise from outside.
            vertices, faces, _, _ = marching_cubes(
                block, level, method="lorensen", gradient_direction="ascent"
            )
            last = np.array(block.shape, np.float32) - 1
            shared = ((vertices == 0) | (vertices == last)).any(axis=1)
            vertices = vertices + np.array([along_i.start, along_j.start, 0], "f4")
            volume += _enclosed(vertices, faces)
            pieces.append(_Piece(vertices, faces, shared))
        yield number / len(blocks)
    return pieces, volume


def _blocks(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Return blocks of rows; each begins with the last voxels of the one before."""
    rows = slabs(shape[1] - 1, 2 * shape[2])
    planes = slabs(shape[0] - 1, rows[0].stop * shape[2])
    return [
        (slice(i.start, i.stop + 1), slice(j.start, j.stop + 1))
        for i in planes
        for j in rows
    ]


def _enclosed(vertices: Vertices, faces: Faces) -> float:
    """Return the volume between faces and the plane i = 0.

    By the divergence theorem: the mean of i over the face times the area of its
    projection along i, which is negative where the face looks towards smaller i.
    """
    i, j, k = (vertices[:, axis].astype(np.float64)[faces.T] for axis in range(3))
    doubled = (j[1] - j[0]) * (k[2] - k[0]) - (j[2] - j[0]) * (k[1] - k[0])
    return float(i.sum(axis=0) @ doubled / 6)


def _joined(pieces: list[_Piece]) -> tuple[Vertices, Faces]:
    """Return one mesh of all pieces; vertices that blocks share become one."""
    vertices = np.concatenate([piece.vertices for piece in pieces])
    shared = np.flatnonzero(np.concatenate([piece.shared for piece in pieces]))
    edges = _edges(vertices[shared])
    _, first, same = np.unique(edges, return_index=True, return_inverse=True)
    kept = np.ones(len(vertices), bool)
    kept[shared] = False
    kept[shared[first]] = True
    numbers = np.cumsum(kept, dtype=np.int32) - 1
    numbers[shared] = numbers[shared[first]][same]
    faces, start = [], 0
    for piece in pieces:
        faces.append(numbers[start:][piece.faces])
        start += len(piece.vertices)
    return vertices[kept], np.concatenate(faces)


def _edges(vertices: Vertices) -> npt.NDArray[np.int64]:
    """Return a number for the edge between two voxels that each vertex is on."""
    # Even along an axis where the vertex is at a voxel, odd where it is between two.
    at = (np.floor(vertices) + np.ceil(vertices)).astype(np.int64)
    edges: npt.NDArray[np.int64] = (at[:, 0] << 42) + (at[:, 1] << 21) + at[:, 2]
    return edges
