"""Place under the pointer: in RAS mm, as a voxel, and on surfaces and planes in 3D."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...model.grid import Grid
from ...text import ras_place, voxel_place
from .lifetime import Listening
from .scan_space import layer_grid, layer_info, shown_grid, to_ras

Array = np.ndarray[Any, Any]

# The line of sight hits a surface where a vertex is nearer to it than the larger of
# this share of the surface's size, and that share of its longest edge: no place in a
# triangle is farther than that from all of its corners.
HIT, FARTHEST = 0.012, 0.6


def ras_at(layer: Any, world: Any) -> Array | None:
    """Return RAS mm of a place in the viewer; None if the layer's place is unknown.

    Parameters
    ----------
    layer : Layer
        An image that this plugin placed; the viewer shows it along the axes of its
        grid, or of the grid that it is resampled onto.
    world : sequence of float
        World coordinates along all axes of the viewer, the last of them z, y, x.
    """
    shown = shown_grid(layer)
    if shown is None or shown.ndim != 3 or len(world) < 3:
        return None
    return to_ras(shown, world[-3:])


def voxel_at(grid: Grid, ras: Array) -> tuple[int, ...] | None:
    """Return the index (i, j, k) of a file's voxel at a place; None outside of it."""
    inverse = np.linalg.inv(grid.affine)
    index = np.rint(inverse[:3, :3] @ ras + inverse[:3, 3]).astype(int)
    if ((index < 0) | (index >= grid.shape)).any():
        return None
    return tuple(int(number) for number in index)


def describe_pointer(layer: Any, world: Any) -> str:
    """Return a place in words: RAS mm, and the voxel of the layer's file."""
    ras, grid = ras_at(layer, world), layer_grid(layer)
    if ras is None or grid is None:
        return ""
    place, voxel = ras_place(ras.tolist()), voxel_at(grid, ras)
    if voxel is None:
        return f"{place} · outside of '{layer.name}'"
    return f"{place} · voxel {voxel_place(voxel)} of '{layer.name}'"


class Pointer:
    """Describes the place under the pointer whenever it moves over a viewer in 2D.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer whose pointer is watched.
    scan : callable
        Returns the layer to describe where the place of the selected one is unknown.
    tell : callable
        Called with the text, which is empty where there is nothing to describe.
    """

    def __init__(
        self, viewer: Any, scan: Callable[[], Any], tell: Callable[[str], None]
    ) -> None:
        self._viewer, self._scan, self._tell = viewer, scan, tell
        self._listening = Listening()
        self._listening.to(viewer.cursor.events.position, self._moved)

    def stop(self) -> None:
        """Watch the pointer no longer."""
        self._listening.stop()

    def _moved(self, *_: Any) -> None:
        layer = self._layer()
        # In 3D, a point on the screen is a whole line in space.
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
    """Return the place in the world under the pointer; None where there is nothing.

    In 3D it is on the surface or plane that is nearest to the eye.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that the pointer is over.
    position, direction : sequence of float
        World coordinates of the pointer, and the direction of view in 3D.
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
    """Return where the line of sight meets a surface, without parts that are cut away.

    The place is that of the nearest vertex. napari's own search tests each triangle,
    which takes 30 ms for a brain.
    """
    vertices = layer.data[0] * np.float32(layer.scale)
    faces = layer.data[1]
    if layer.opacity < 0.2:
        return None  # a hull that is looked through
    offset = vertices - start.astype(np.float32)
    depth = offset @ along.astype(np.float32)
    distance = np.einsum("ij,ij->i", offset, offset) - depth**2
    reach = _reach(vertices, faces)
    near = distance < reach**2
    for plane in layer.experimental_clipping_planes:
        near &= (vertices - np.float32(plane.position)) @ np.float32(plane.normal) >= 0
    candidates = np.flatnonzero(near)
    if not len(candidates):
        return None
    front = candidates[depth[candidates] < depth[candidates].min() + reach]
    hit: Array = start + along * float(depth[front[np.argmin(distance[front])]])
    return hit


def _reach(vertices: Array, faces: Array) -> float:
    """Return the distance to a line within which a vertex is if the line hits."""
    size = np.ptp(vertices[:: len(vertices) // 500 + 1], axis=0).max()
    corners = vertices[faces[:: len(faces) // 200 + 1]]
    edges = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=-1)
    return float(max(HIT * size, FARTHEST * edges.max()))


def _plane_hit(layer: Any, start: Array, along: Array) -> Array | None:
    data = np.zeros(layer.ndim)
    data[-3:] = layer.plane.position
    position = layer.data_to_world(data)[-3:]
    # In scan space no layer is rotated, so the normal is the same in the world.
    normal = np.array(layer.plane.normal)
    facing = float(normal @ along)
    if abs(facing) < 1e-3:
        return None
    hit: Array = start + along * float(normal @ (position - start)) / facing
    low, high = layer.extent.world[:, -3:]
    return hit if ((hit >= low) & (hit <= high)).all() else None
