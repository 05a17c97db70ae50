"""Surfaces of the inspected map, made in the background and kept until it changes."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...analysis.surfaces import Mesh, iter_mesh, slabs
from ...steps import part
from ..viewer.jobs import Job, Steps, cancel_all

Array = np.ndarray[Any, Any]

#: Labels whose union a surface encloses; None for the whole foreground.
Enclosed = tuple[int, ...] | None

# Voxels around the box of a class that affect its surface and the values on it.
_MARGIN = 4

# Largest label for which boxes are found, for that takes a list of so many entries.
_HIGHEST = 1 << 16

# Distances from a vertex inwards, in voxels, at which the class there is looked up.
_INSIDE = (0.0, 0.5, 1.0, 1.5, 2.0)


@dataclass(frozen=True, eq=False)
class Shell:
    """A mesh in voxels, with the classes on it.

    Attributes
    ----------
    mesh : Mesh
        Mesh with the uncertainty around it.
    normals : ndarray of float32, shape (n, 3)
        Normals of the vertices, outwards and of length 1.
    labels : ndarray of int, shape (n,)
        Labels of the voxels just inside of the vertices.
    """

    mesh: Mesh
    normals: Array
    labels: Array


class Meshes:
    """Meshes of one map and its labels.

    Parameters
    ----------
    labels, values : ndarray, 3D
        Labels and values of the map, in core order.
    """

    def __init__(self, labels: Array, values: Array) -> None:
        self._labels, self._values = labels, values
        self._made: dict[Enclosed, Shell] = {}
        # Jobs for meshes that were asked for, jobs for those that are made ahead, and
        # what begins once these have ended.
        self._jobs: list[Job[Any]] = []
        self._ahead: list[Job[Any]] = []
        self._waiting: Callable[[], object] | None = None

    def __getitem__(self, enclosed: Enclosed) -> Mesh:
        return self._made[enclosed].mesh

    def shell(self, enclosed: Enclosed) -> Shell:
        """Return a mesh with its normals and classes."""
        return self._made[enclosed]

    def missing(self, surfaces: Sequence[Enclosed]) -> list[Enclosed]:
        """Return those of these surfaces that are not made."""
        return [one for one in surfaces if one not in self._made]

    def make(
        self,
        surfaces: Sequence[Enclosed],
        *,
        on_progress: Callable[[float], object],
        on_end: Callable[[], object],
        on_made: Callable[[], object],
        on_refused: Callable[[str], object],
    ) -> None:
        """Make the surfaces that are missing, and call back on the main thread."""
        self.cancel()

        def made(shells: dict[Enclosed, Shell]) -> None:
            self._made |= shells
            on_made()

        def begin() -> None:
            missing = self.missing(surfaces)
            if missing:
                steps = self._steps(missing)
                self._jobs.append(
                    Job(
                        steps,
                        on_result=made,
                        on_refused=on_refused,
                        on_progress=on_progress,
                        on_end=on_end,
                    )
                )
            else:
                on_end()
                on_made()

        if self._ahead:
            self._waiting = begin
        else:
            begin()

    def make_ahead(self, surfaces: Sequence[Enclosed]) -> None:
        """Make the surfaces that are missing before they are asked for."""

        def made(shells: dict[Enclosed, Shell]) -> None:
            self._made |= shells
            self._go_on()

        steps = self._steps(self.missing(surfaces))
        job = Job(
            steps, on_result=made, on_refused=self._go_on, on_end=self._ahead.clear
        )
        self._ahead.append(job)

    def cancel(self) -> None:
        """Stop making surfaces that were asked for."""
        self._waiting = None
        cancel_all(self._jobs)

    def stop(self) -> None:
        """Stop making any surfaces."""
        self.cancel()
        cancel_all(self._ahead)

    def _steps(self, missing: Sequence[Enclosed]) -> Steps[dict[Enclosed, Shell]]:
        return partial(_iter_shells, self._labels, self._values, missing)

    def _go_on(self, *_: object) -> None:
        """Begin what waited until the surfaces were made ahead."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting()


def _iter_shells(
    labels: Array,
    values: Array,
    surfaces: Sequence[Enclosed],
) -> Generator[float, None, dict[Enclosed, Shell]]:
    """Make these surfaces; yields the share done."""
    made = {}
    boxes: dict[int, tuple[slice, ...]] = {}
    if any(one is not None for one in surfaces):
        boxes = yield from part(_iter_boxes(labels), 0, 0.05)
    for done, enclosed in enumerate(surfaces):
        box = _around(boxes, enclosed, labels.shape)
        mesh = yield from part(
            iter_mesh(labels[box], values[box], enclosed),
            0.05 + 0.95 * done / len(surfaces),
            0.05 + 0.95 * (done + 1) / len(surfaces),
        )
        first = np.array([side.start or 0 for side in box], np.float32)
        mesh = Mesh(mesh.vertices + first, mesh.faces, mesh.values)
        made[enclosed] = _shell(mesh, labels, enclosed)
    return made


def _iter_boxes(labels: Array) -> Generator[float, None, dict[int, tuple[slice, ...]]]:
    """Return the box of each label; empty unless labels are small whole numbers."""
    from scipy.ndimage import find_objects

    ends: dict[int, Array] = {}
    if labels.dtype.kind not in "iu":
        return {}
    for slab in slabs(len(labels), labels[0].size):
        if labels[slab].min() < 0 or labels[slab].max() > _HIGHEST:
            return {}
        for label, box in enumerate(find_objects(labels[slab]), 1):
            if box is not None:
                now = np.array([(side.start, side.stop) for side in box])
                now[0] += slab.start
                before = ends.get(label, now)
                ends[label] = np.stack(
                    [
                        np.minimum(before[:, 0], now[:, 0]),
                        np.maximum(before[:, 1], now[:, 1]),
                    ],
                    axis=1,
                )
        yield slab.stop / len(labels)
    return {label: tuple(slice(*end) for end in box) for label, box in ends.items()}


def _around(
    boxes: dict[int, tuple[slice, ...]], enclosed: Enclosed, shape: tuple[int, ...]
) -> tuple[slice, ...]:
    """Return the box of some labels with a margin; everything if one is unknown."""
    if enclosed is None or not all(label in boxes for label in enclosed):
        return tuple(slice(0, n) for n in shape)
    sides = []
    for axis, n in enumerate(shape):
        start = min(boxes[label][axis].start for label in enclosed) - _MARGIN
        stop = max(boxes[label][axis].stop for label in enclosed) + _MARGIN
        sides.append(slice(max(start, 0), min(stop, n)))
    return tuple(sides)


def _shell(mesh: Mesh, labels: Array, enclosed: Enclosed) -> Shell:
    """Return a mesh with its normals, and with the labels just inside of it."""
    normals = _normals(mesh)
    if enclosed is not None and len(enclosed) == 1:
        return Shell(mesh, normals, np.full(len(mesh.vertices), enclosed[0]))
    of_vertices = np.zeros(len(mesh.vertices), int)
    last = np.array(labels.shape) - 1
    for depth in _INSIDE:
        at = np.rint(mesh.vertices - depth * normals).astype(int).clip(0, last)
        inside = labels[tuple(at.T)]
        if enclosed is not None:
            inside = np.where(np.isin(inside, enclosed), inside, 0)
        of_vertices = np.where(of_vertices == 0, inside, of_vertices)
    return Shell(mesh, normals, of_vertices)


def _normals(mesh: Mesh) -> Array:
    """Return outward normals of the vertices, averaged over faces by their area."""
    corners = mesh.vertices[mesh.faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    n, ends = len(mesh.vertices), mesh.faces.ravel()
    summed = np.stack(
        [np.bincount(ends, np.repeat(across[:, axis], 3), n) for axis in range(3)],
        axis=1,
    )
    length = np.linalg.norm(summed, axis=1, keepdims=True)
    normals: Array = (summed / np.maximum(length, 1e-12)).astype(np.float32)
    return normals
