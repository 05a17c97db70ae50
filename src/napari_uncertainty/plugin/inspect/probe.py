"""What is under the pointer: place, value and class probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...fold import as_dask
from ..layers import layer_info
from ..selection import class_axis_of
from ..sources import source_of
from .subject import Subject

Array = np.ndarray[Any, Any]

# A surface is hit where one of its vertices is so near to the line of sight, as a share
# of the surface's size, or of its longest edge: no place in a triangle is farther from
# all of its corners.
HIT = 0.012
FARTHEST = 0.6


@dataclass(frozen=True, eq=False)
class Reading:
    """What is known of a place.

    Attributes
    ----------
    ras : ndarray or None
        In mm, tilt included; None where no file tells.
    voxel : tuple of int
        Of the map, in the order of its file where it has one.
    value : float
        Of the map; NaN where it has no data.
    label : int
        Of the voxel.
    probabilities : ndarray or None
        Of each class, 1 together; None where they are not at hand.
    """

    ras: Array | None
    voxel: tuple[int, ...]
    value: float
    label: int
    probabilities: Array | None


def pointed_at(viewer: Any, position: Any, direction: Any) -> Array | None:
    """The place in the world under the pointer; None where there is nothing.

    In 3D it is on the surface or the plane that is nearest to the eye.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are looked at.
    position, direction : sequence of float
        World coordinates of the pointer, and where it looks in 3D.
    """
    world = np.array(position, dtype=float)
    if viewer.dims.ndisplay == 2:
        return world
    if direction is None or len(world) < 3:
        return None
    start, along = world[-3:], np.array(direction, dtype=float)[-3:]
    along /= np.linalg.norm(along)
    hits = [
        hit
        for layer in viewer.layers
        if layer.visible and (hit := _hit(layer, start, along)) is not None
    ]
    if not hits:
        return None
    world[-3:] = min(hits, key=lambda hit: float((hit - start) @ along))
    return world


def _hit(layer: Any, start: Array, along: Array) -> Array | None:
    if layer_info(layer).get("role") == "surface":
        return _surface_hit(layer, start, along)
    if getattr(layer, "depiction", "volume") == "plane":
        return _plane_hit(layer, start, along)
    return None


def _surface_hit(layer: Any, start: Array, along: Array) -> Array | None:
    """The nearest vertex along the line of sight, of what is not cut away.

    napari looks at each triangle, which takes 30 ms for a brain.
    """
    vertices = layer.data[0] * np.float32(layer.scale)
    faces = layer.data[1]
    if layer.opacity < 0.2:
        return None  # a hull that one looks through
    offset = vertices - start.astype(np.float32)
    depth = offset @ along.astype(np.float32)
    distance = np.einsum("ij,ij->i", offset, offset) - depth**2
    reach = _reach(vertices, faces)
    near = distance < reach**2
    for plane in layer.experimental_clipping_planes:
        near &= (vertices - np.float32(plane.position)) @ np.float32(plane.normal) >= 0
    found = np.flatnonzero(near)
    if not len(found):
        return None
    front = found[depth[found] < depth[found].min() + reach]
    hit: Array = start + along * float(depth[front[np.argmin(distance[front])]])
    return hit


def _reach(vertices: Array, faces: Array) -> float:
    """How near to a line one of the vertices is where the line meets the surface."""
    size = np.ptp(vertices[:: len(vertices) // 500 + 1], axis=0).max()
    corners = vertices[faces[:: len(faces) // 200 + 1]]
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)
    return float(max(HIT * size, FARTHEST * edges.max()))


def _plane_hit(layer: Any, start: Array, along: Array) -> Array | None:
    data = np.zeros(layer.ndim)
    data[-3:] = layer.plane.position
    position = layer.data_to_world(data)[-3:]
    # Layers of a scan are not rotated, so an axis is an axis.
    normal = np.array(layer.plane.normal)
    facing = float(normal @ along)
    if abs(facing) < 1e-3:
        return None
    hit: Array = start + along * float(normal @ (position - start)) / facing
    low, high = layer.extent.world[:, -3:]
    return hit if ((hit >= low) & (hit <= high)).all() else None


class Probe:
    """Reads places of one map.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the probabilities are looked for.
    subject : Subject
        The map.
    labels : ndarray
        At its voxels.
    """

    def __init__(self, viewer: Any, subject: Subject, labels: Array) -> None:
        self._viewer, self._subject, self._labels = viewer, subject, labels
        self._of: tuple[Any, Any] = (None, None)  # data of the layer, class first

    def read(self, world: Array) -> Reading | None:
        """What is at a place in the viewer; None outside of the map."""
        subject = self._subject
        voxel = subject.voxel(world)
        if voxel is None:
            return None
        ras = subject.ras(world)
        no_data = subject.no_data is not None and bool(subject.no_data[voxel])
        return Reading(
            ras,
            voxel,
            np.nan if no_data else float(subject.source.values[voxel]),
            int(self._labels[voxel]),
            None if no_data else self._probabilities(voxel),
        )

    def _probabilities(self, voxel: tuple[int, ...]) -> Array | None:
        classes = self._class_first()
        if classes is None or classes.shape[1:] != self._subject.source.values.shape:
            return None
        found: Array = np.asarray(classes[(slice(None), *voxel)], dtype=np.float32)
        total = found.sum()  # 255, say, of probabilities in integers
        return found / total if np.isfinite(total) and total > 0 else None

    def _class_first(self) -> Any:
        made_from = layer_info(self._subject.layer).get("made_from")
        for layer in self._viewer.layers:
            if layer.unique_id != made_from:
                continue
            if self._of[0] is not layer.data:
                axis = class_axis_of(layer)
                # Chunks of a lazy array would have to be read at each move.
                lazy = as_dask(layer.data) is not None
                values = (
                    None
                    if lazy or axis is None
                    else _values(layer, axis, self._subject)
                )
                self._of = layer.data, values
            return self._of[1]
        return None


def _values(layer: Any, axis: int, subject: Subject) -> Any:
    return source_of(layer, axis, subject.axes).values
