"""The place under the pointer: in RAS mm, as a voxel, and on surfaces in 3D."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...model.grid import Grid
from ...text import ras_place, voxel_place
from .lifetime import Listening
from .scan_space import layer_grid, layer_info, shown_grid, to_ras

Array = np.ndarray[Any, Any]

# A surface is hit where one of its vertices is so near to the line of sight, as a share
# of the surface's size, or of its longest edge: no place in a triangle is farther from
# all of its corners.
HIT = 0.012

FARTHEST = 0.6


def ras_at(layer: Any, world: Any) -> Array | None:
    """RAS mm of a place in the viewer's world; None if the layer knows no patient.

    Parameters
    ----------
    layer : Layer
        An image that this plugin placed; the viewer shows it along the axes of its
        grid, or of the one that it is resampled onto.
    world : sequence of float
        As many numbers as the viewer has axes, the last of them z, y, x.
    """
    shown = shown_grid(layer)
    if shown is None or shown.ndim != 3 or len(world) < 3:
        return None
    return to_ras(shown, world[-3:])


def voxel_at(grid: Grid, ras: Array) -> tuple[int, ...] | None:
    """Index (i, j, k) of the voxel of the file at a place; None outside of it."""
    inverse = np.linalg.inv(grid.affine)
    index = np.rint(inverse[:3, :3] @ ras + inverse[:3, 3]).astype(int)
    if ((index < 0) | (index >= grid.shape)).any():
        return None
    return tuple(int(number) for number in index)


def describe_pointer(layer: Any, world: Any) -> str:
    """Return what to show of a place: RAS mm, and the voxel of the layer's file."""
    ras, grid = ras_at(layer, world), layer_grid(layer)
    if ras is None or grid is None:
        return ""
    place, voxel = ras_place(ras.tolist()), voxel_at(grid, ras)
    if voxel is None:
        return f"{place} · outside of '{layer.name}'"
    return f"{place} · voxel {voxel_place(voxel)} of '{layer.name}'"


class Pointer:
    """Tells where the pointer is whenever it moves over a viewer in 2D.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose pointer is watched.
    scan : callable
        Gives the layer to speak of where the selected one knows no patient.
    tell : callable
        Gets the text, empty where there is nothing to tell.
    """

    def __init__(
        self, viewer: Any, scan: Callable[[], Any], tell: Callable[[str], None]
    ) -> None:
        self._viewer, self._scan, self._tell = viewer, scan, tell
        self._listening = Listening()
        self._listening.to(viewer.cursor.events.position, self._moved)

    def stop(self) -> None:
        """Watch no longer."""
        self._listening.stop()

    def _moved(self, *_: Any) -> None:
        layer = self._layer()
        # In 3D a point on the screen is no place in space.
        if layer is None or self._viewer.dims.ndisplay != 2:
            self._tell("")
            return
        self._tell(describe_pointer(layer, self._viewer.cursor.position))

    def _layer(self) -> Any:
        chosen = self._viewer.layers.selection.active
        for layer in (chosen, self._scan(), *self._viewer.layers):
            if layer is not None and layer_grid(layer) is not None:
                return layer
        return None


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
    """Return how near to a line a vertex is where the line meets the surface."""
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
