"""The closed surface of a field that encloses a wanted volume, slab by slab."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .fold.blocks import cut
from .steps import part

Field = npt.NDArray[np.float32]
Vertices = npt.NDArray[np.float32]
Faces = npt.NDArray[np.int32]

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
    field: Field, wanted: float
) -> Generator[float, None, tuple[Vertices, Faces]]:
    """Return the surface that encloses a volume; yields the share done.

    Parameters
    ----------
    field : ndarray of float32, shape (X, Y, Z)
        Higher inside; 0 in the outermost voxels, and above 0 somewhere.
    wanted : float
        Volume in voxels.

    Returns
    -------
    vertices : ndarray of float32, shape (n, 3)
        Places in voxels.
    faces : ndarray of int32, shape (m, 3)
        Counter-clockwise seen from outside. Every edge is part of exactly two of them.
    """
    search = _LevelSearch(field, wanted)
    best: list[_Piece] = []
    smallest, done = np.inf, 0.0
    for _ in range(ATTEMPTS):
        steps = _iter_pieces(field, search.level)
        pieces, volume = yield from part(steps, done, (1 + done) / 2)
        done = (1 + done) / 2
        missing = abs(volume - wanted)
        if missing < smallest:
            best, smallest = pieces, missing
        if missing <= VOLUME_TOLERANCE * wanted:
            break
        search.learn(volume)
    return _joined(best)


@dataclass(frozen=True)
class _Piece:
    """The surface within one block; `shared` tells which vertices others have, too."""

    vertices: Vertices
    faces: Faces
    shared: npt.NDArray[np.bool_]


class _LevelSearch:
    """Looks for the level between one too low and one too high.

    The first guess is the level above which as many voxels lie as are wanted. Where
    the surface is strongly curved, or a sheet is thin, it encloses another volume than
    that; between two known ends, the next guess takes the volume to fall exponentially.
    """

    def __init__(self, field: Field, wanted: float) -> None:
        sample = np.sort(field.ravel()[:: max(1, field.size // SAMPLES)])
        self._sample = sample
        self._wanted = wanted
        self._voxels_each = field.size / len(sample)
        peak = float(field.max())
        self._low, self._above = 0.0, np.inf
        self._high, self._below = peak, 0.0
        self.level = self._inside(self._exceeded_by(wanted))

    def learn(self, volume: float) -> None:
        """Take another level, given the volume that the present one encloses."""
        if volume > self._wanted:
            self._low, self._above = self.level, volume
        else:
            self._high, self._below = self.level, volume
        if np.isfinite(self._above) and self._below:
            share = np.log(self._above / self._wanted)
            share /= np.log(self._above / self._below)
            share = min(max(float(share), 0.1), 0.9)  # or one end might never move
            self.level = self._low + share * (self._high - self._low)
        else:
            voxels = self._wanted * self._wanted / max(volume, 1.0)
            self.level = self._inside(self._exceeded_by(voxels))

    def _exceeded_by(self, voxels: float) -> float:
        """The level that so many voxels exceed, about."""
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
    """The surface in pieces, block by block, and the volume that it encloses.

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
    """Blocks of whole rows; each begins with the last voxels of the one before."""
    rows = slabs(shape[1] - 1, 2 * shape[2])
    planes = slabs(shape[0] - 1, rows[0].stop * shape[2])
    return [
        (slice(i.start, i.stop + 1), slice(j.start, j.stop + 1))
        for i in planes
        for j in rows
    ]


def _enclosed(vertices: Vertices, faces: Faces) -> float:
    """Return what faces add to the volume: that between them and the plane i = 0.

    By the divergence theorem: the mean of i over the face times the area of its
    projection along i, which is negative where the face looks towards smaller i.
    """
    i, j, k = (vertices[:, axis].astype(np.float64)[faces.T] for axis in range(3))
    doubled = (j[1] - j[0]) * (k[2] - k[0]) - (j[2] - j[0]) * (k[1] - k[0])
    return float(i.sum(axis=0) @ doubled / 6)


def _joined(pieces: list[_Piece]) -> tuple[Vertices, Faces]:
    """One mesh; the vertices that blocks have in common become one."""
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
    """A number for the edge between two voxels that each vertex is on."""
    # Even along an axis where the vertex is at a voxel, odd where it is between two.
    at = (np.floor(vertices) + np.ceil(vertices)).astype(np.int64)
    edges: npt.NDArray[np.int64] = (at[:, 0] << 42) + (at[:, 1] << 21) + at[:, 2]
    return edges
