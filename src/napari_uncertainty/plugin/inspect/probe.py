"""What is under the pointer: place, value and class probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...fold import as_dask
from ...fold.labels import in_order_of_labels
from ...kinds import KINDS, divisor_of, probabilities_of
from ..class_axis import background_of, declared
from ..layers import layer_info
from ..opinions import layers_made_from, opinions
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
        Of each label, 1 together but of independent channels; None where they are not
        at hand.
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
        # Data of the layers that the map was made from, and their values at its voxels.
        self._of: tuple[Sequence[Any], Sequence[Any]] = ((), ())

    def read(self, world: Array) -> Reading | None:
        """Return what is at a place in the viewer; None outside of the map."""
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
        """Of several members, their mean."""
        record = self._subject.record
        found = []
        for values, layer in self._values():
            here = np.asarray(values[(slice(None), *voxel)])
            one = by_label(
                here,
                record.kind,
                record.temperature,
                declared(layer)["region_order"],
                background_of(layer, len(here), record.interpretation),
            )
            if not np.isfinite(one).all() or not one.any():
                return None
            found.append(one)
        return np.mean(found, axis=0) if found else None

    def _values(self) -> Sequence[Any]:
        """Arrays at the voxels of the map, and the layers that they are of."""
        subject, layers = self._subject, self._viewer.layers
        made_from = layers_made_from(layers, subject.layer)
        data = [layer.data for layer in made_from]
        same = len(data) == len(self._of[0]) and all(
            one is other for one, other in zip(data, self._of[0], strict=True)
        )
        if not same:
            # Chunks of a lazy array would have to be read at each move.
            held = (
                ()
                if any(as_dask(one) is not None for one in data)
                else opinions(layers, subject.layer, subject.source, subject.axes)
            )
            self._of = (
                data,
                [(values, layer) for layer, values in held],
            )
        return self._of[1]


def by_label(
    values: Array,
    kind: str,
    temperature: float,
    region_order: Sequence[int],
    background: int | None = 0,
) -> Array:
    """Probabilities of one voxel for each label that it may have.

    Of independent channels, that of the background is the probability of none of them.

    Parameters
    ----------
    values : ndarray, shape (channels,)
        As they are stored.
    kind, temperature : str, float
        What they were taken for.
    region_order : sequence of int
        Labels that independent channels write; by default 1, 2, 3, …
    background : int or None
        Number of the class that is the background; None where no class is.
    """
    p = probabilities_of(kind, values, temperature, divisor_of(values.dtype))
    if KINDS[kind].applied(len(values)).sums_matter:
        return np.asarray(in_order_of_labels(p, background)[:])
    if not KINDS[kind].independent:
        return p
    labels = list(region_order or range(1, len(p) + 1))
    found = np.zeros(max(labels) + 1)
    found[0] = np.prod(1 - p)
    found[labels] = p
    return found
