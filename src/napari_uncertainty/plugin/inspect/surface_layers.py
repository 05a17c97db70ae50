"""Meshes as layers, in their places in the viewer and in the colours of their map.

All chosen classes are one layer, for a layer costs napari more time than many
triangles. A second layer shows the classes themselves: as edges between them on the
surface of the foreground, or as a tinted hull around chosen ones.

The vertices are world coordinates, but for one scale that is the same along all axes.
napari 0.9 cuts surfaces at planes in the world, and not in the coordinates of their
data, so these must not differ by more. With no scale at all, though, the layers would
have steps of 1 mm, and napari gives its sliders the smallest step of all layers. So the
scale is the largest step of the map's voxels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from napari.utils.colormaps import Colormap
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ...analysis.class_statistics import unnamed
from ...analysis.surfaces import Mesh
from ..viewer.layers import add_helper, remove_layer
from ..viewer.lifetime import set_unlike
from ..viewer.scan_space import RECORD
from ..viewer.shown_map import Color, ShownMap
from ..viewer.widgets import ShortNames
from .appearance import Appearance, limits_at, put_colormap
from .meshes import Enclosed, Meshes, Shell

Array = np.ndarray[Any, Any]

#: Name of the layer with the names of classes.
NAMES = "names"

#: Most classes that are named, for more names would hide each other; the pointer shows
#: the name of any class.
MOST_NAMES = 12

# Most letters of a name, for longer ones would hide the surfaces.
_LETTERS = 24

#: Opacity of the whole foreground around chosen classes.
SHELL_OPACITY = 0.1

#: Opacity of a hull in the colour of its class, which is seen twice at its edge.
TINT_OPACITY = 0.25

# Distances of a hull and of edges between classes from their surface, in voxels.
_HULL, _EDGE = 1.2, 0.25

# Least vertices of a piece of a class on a surface that gets edges around it.
_LEAST = 100

# Colour of the hull of the foreground.
_GRAY = (190, 190, 190)


# The surfaces of a map.


class SurfaceLayers:
    """The surfaces of one map in a viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that shows them.
    subject : ShownMap
        The map.
    meshes : Meshes
        Its meshes.
    """

    def __init__(self, viewer: Any, subject: ShownMap, meshes: Meshes) -> None:
        self._viewer, self._subject, self._meshes = viewer, subject, meshes
        # What each kind of layer encloses, and the layer.
        self._layers: dict[str, tuple[tuple[Enclosed, ...], Any]] = {}
        self._names = SurfaceNames(viewer)

    def show(
        self,
        enclosed: Sequence[Enclosed],
        names: Mapping[int, str],
        appearance: Appearance,
        shares: tuple[float, float] | None,
        opacity: float,
        bar: bool,
        faint: bool = False,
    ) -> list[Any]:
        """Return layers of these meshes, from the inside outwards; remove all others.

        Parameters
        ----------
        enclosed : sequence
            Labels that each mesh encloses; the last mesh is the foreground, and a faint
            hull around the others if there are any.
        names : mapping of int to str
            Names of labels.
        appearance, shares : Appearance, (float, float) or None
            Look of the map, and the shares of vertices below the two ends of the
            colours; None for the whole range.
        opacity : float
            Opacity of the surfaces, 0 to 1.
        bar : bool
            Whether a colour bar is needed beside that of the map.
        faint : bool
            Whether all are only faint hulls.
        """
        *chosen, foreground = enclosed
        inner = tuple(chosen) or (foreground,)
        parts: list[tuple[str, tuple[Enclosed, ...], Callable[[], Any]]] = []
        if not faint:
            parts.append(("surface", inner, lambda: self._surface(inner, names)))
        if chosen or not faint:
            parts.append(("tint", inner, lambda: self._tint(inner, names)))
        if chosen or faint:
            parts.append(("hull", (foreground,), self._hull))
        kinds = [kind for kind, _, _ in parts]
        for kind in [kind for kind in self._layers if kind not in kinds]:
            self._remove(kind)
        layers = [self._layer(*one) for one in parts]
        if "surface" in kinds:
            surface = layers[kinds.index("surface")]
            _color(surface, appearance, shares)
            # Without shares, the colour bar of the map has the same range.
            set_unlike(surface.colorbar, "visible", bar or shares is not None)
            set_unlike(surface, "opacity", opacity)
        if "tint" in kinds:
            tint = TINT_OPACITY if chosen else 1.0
            set_unlike(layers[kinds.index("tint")], "opacity", tint * opacity)
        named = chosen if len(chosen) <= MOST_NAMES else []
        layers += self._names.show(
            [(name_of(one, names), self._world(one).vertices) for one in named],
            self._step,
            self._subject.layer.units,
        )
        return layers

    def shown(self, enclosed: Sequence[Enclosed]) -> list[tuple[Enclosed, Any]]:
        """Return these surfaces with their layers, as far as they have one."""
        held = [self._layers.get(kind, ((), None)) for kind in ("surface", "hull")]
        return [
            (one, layer) for one in enclosed for those, layer in held if one in those
        ]

    def remove(self) -> None:
        """Remove all layers."""
        # Together, for napari collects garbage after each layer that it removes.
        with self._viewer.layers.batched_update():
            self._names.remove()
            for kind in list(self._layers):
                self._remove(kind)

    def label_at(self, place: Array) -> int | None:
        """Return the class of the surface at a place in the world; None without one."""
        those, layer = self._layers.get("surface", ((), None))
        if layer is None or layer not in self._viewer.layers:
            return None
        offset = layer.data[0] - np.asarray(place / self._step, np.float32)
        nearest = int(np.argmin(np.einsum("ij,ij->i", offset, offset)))
        for one in those:
            labels = self._meshes.shell(one).labels
            if nearest < len(labels):
                return int(labels[nearest])
            nearest -= len(labels)
        return None

    # -- layers ---------------------------------------------------------------

    @property
    def _step(self) -> float:
        """Scale of all layers: the largest step of the map's voxels."""
        return float(max(self._subject.layer.scale[-3:]))

    def _world(self, enclosed: Enclosed) -> Mesh:
        return self._meshes[enclosed].in_space(self._subject.to_world)

    def _layer(
        self, kind: str, enclosed: tuple[Enclosed, ...], make: Callable[[], Any]
    ) -> Any:
        those, layer = self._layers.get(kind, ((), None))
        if those == enclosed and layer in self._viewer.layers:
            return layer
        self._remove(kind)
        layer = make()
        self._layers[kind] = enclosed, layer
        return layer

    def _surface(self, enclosed: tuple[Enclosed, ...], names: Mapping[int, str]) -> Any:
        mesh = _joined([self._world(one) for one in enclosed])
        return self._add(
            mesh,
            name=f"{_title(enclosed, names)} surface",
            role="surface",
            shading="smooth",
            blending="translucent",
        )

    def _tint(self, enclosed: tuple[Enclosed, ...], names: Mapping[int, str]) -> Any:
        """Add edges between classes, or hulls of classes, in the colours of classes."""
        shells = [self._meshes.shell(one) for one in enclosed]
        edges = enclosed == (None,)
        if edges:
            shells = [replace(one, labels=_without_islands(one)) for one in shells]
        labels = np.concatenate([shell.labels for shell in shells])
        away = _EDGE if edges else _HULL
        parts = [
            Mesh(
                (shell.mesh.vertices + away * shell.normals).astype(np.float32),
                _between_classes(shell) if edges else shell.mesh.faces,
                shell.mesh.values,
            ).in_space(self._subject.to_world)
            for shell in shells
        ]
        return self._add(
            _joined(parts),
            name="edges of classes" if edges else f"{_title(enclosed, names)} hull",
            role="tint",
            shading="none",
            blending="translucent",
            vertex_colors=_colors(labels, self._subject.colors_of(np.unique(labels))),
        )

    def _hull(self) -> Any:
        colors = np.array([(*_GRAY, 255)] * 2) / 255
        return self._add(
            self._world(None),
            name="foreground surface",
            role="surface",
            shading="smooth",
            blending="translucent_no_depth",
            opacity=SHELL_OPACITY,
            colormap=Colormap(colors, name="hull"),
        )

    def _add(self, mesh: Mesh, *, role: str, **options: Any) -> Any:
        shown = self._subject.layer
        return add_helper(
            self._viewer,
            "surface",
            (mesh.vertices / np.float32(self._step), mesh.faces, mesh.values),
            role,
            info={"made_from": shown.unique_id, RECORD: self._subject.record},
            scale=(self._step,) * 3,
            units=shown.units,
            axis_labels=shown.axis_labels,
            visible=False,
            **options,
        )

    def _remove(self, kind: str) -> None:
        # The removal of one can have others removed, such as when a viewer is closed.
        _, layer = self._layers.pop(kind, ((), None))
        remove_layer(self._viewer, layer)


def in_ras(subject: ShownMap, mesh: Mesh) -> Mesh | None:
    """Return a mesh in RAS mm; None if the place of the map is unknown."""
    grid = subject.source.grid
    return None if grid is None or grid.ndim != 3 else mesh.in_space(grid.affine)


def name_of(enclosed: Enclosed, names: Mapping[int, str]) -> str:
    """Return the name of a surface."""
    if enclosed is None:
        return "foreground"
    return ", ".join(names.get(label, unnamed(label)) for label in enclosed)


def _title(enclosed: Sequence[Enclosed], names: Mapping[int, str]) -> str:
    if len(enclosed) == 1:
        return name_of(enclosed[0], names)
    return f"{len(enclosed)} classes'"


def _color(
    layer: Any, appearance: Appearance, shares: tuple[float, float] | None
) -> None:
    values = layer.data[2]
    limits = limits_at(partial(np.quantile, values), shares, appearance.limits)
    # As a list, as napari returns it.
    set_unlike(layer, "contrast_limits", list(limits))
    put_colormap(layer, appearance.of_surface(limits))


def _joined(meshes: Sequence[Mesh]) -> Mesh:
    """Return all meshes as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])[:-1]
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate(
            [
                mesh.faces + np.int32(start)
                for mesh, start in zip(meshes, starts, strict=True)
            ]
        ),
        np.concatenate([mesh.values for mesh in meshes]),
    )


def _without_islands(shell: Shell) -> Array:
    """Return the labels of a mesh; small islands have the label around them.

    A class that shows through here and there would cover the surface with edges.
    """
    ends = shell.mesh.faces[:, [0, 1, 1, 2, 2, 0, 1, 0, 2, 1, 0, 2]].reshape(-1, 2)
    labels, n = shell.labels.copy(), len(shell.labels)
    within = ends[labels[ends[:, 0]] == labels[ends[:, 1]]]
    graph = csr_array((np.ones(len(within), bool), within.T), (n, n))
    _, pieces = connected_components(graph, directed=False)
    small = np.bincount(pieces)[pieces] < _LEAST
    if small.all():
        return shell.labels
    while small.any():
        inwards = ends[small[ends[:, 0]] & ~small[ends[:, 1]]]
        if not len(inwards):  # a piece of the mesh on its own
            break
        labels[inwards[:, 0]] = labels[inwards[:, 1]]
        small[inwards[:, 0]] = False
    return labels


def _between_classes(shell: Shell) -> Array:
    """Return the faces where classes meet, and those beside them."""
    faces = shell.mesh.faces
    labels = shell.labels[faces]
    near = np.zeros(len(shell.labels), bool)
    near[faces[(labels != labels[:, :1]).any(axis=1)]] = True
    chosen: Array = faces[near[faces].any(axis=1)]
    # At least one face, for napari draws no surface without any.
    return chosen if len(chosen) else faces[:1, [0, 0, 0]]


def _colors(labels: Array, colors: Mapping[int, Color]) -> Array:
    """Return red, green, blue and opacity of each vertex."""
    known, place = np.unique(labels, return_inverse=True)
    table = np.array([(*colors[int(label)], 255) for label in known], np.float32)
    rgba: Array = table[place.ravel()] / np.float32(255)
    return rgba


# Names of classes beside their surfaces.


class SurfaceNames:
    """Names of classes beside their surfaces.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that shows them.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None
        self._named: tuple[str, ...] = ()

    def show(
        self, named: Sequence[tuple[str, Array]], step: float, units: Any
    ) -> list[Any]:
        """Name these surfaces; returns a list of the layer with the names, if any.

        Parameters
        ----------
        named : sequence of (str, ndarray)
            Names, and the vertices of each surface in the world.
        step, units : float, tuple
            Scale and units of the surfaces' layers.
        """
        names = tuple(name for name, _ in named)
        if names == self._named and self._layer in self._viewer.layers:
            return [self._layer]
        self.remove()
        if not named:
            return []
        self._named = names
        around = np.concatenate([vertices for _, vertices in named]).mean(axis=0)
        places = [_outermost(vertices, around) for _, vertices in named]
        short = ShortNames(names)
        background = self._viewer.canvas.background_color
        self._layer = add_helper(
            self._viewer,
            "points",
            np.array(places) / step,
            "names",
            name=NAMES,
            features={
                "name": list(names),
                "shown": [short.within(name, _LETTERS) for name in names],
            },
            text={
                "string": "{shown}",
                # In 3D the canvas is behind the names, and white in a light theme.
                "color": "black" if np.mean(background[:3]) > 0.5 else "white",
                "size": 11,
                "anchor": "center",
                "blending": "translucent_no_depth",
            },
            size=0.01,
            scale=(step,) * 3,
            opacity=1.0,
            units=units,
            blending="translucent_no_depth",
            visible=False,
        )
        return [self._layer]

    def remove(self) -> None:
        """Remove the names."""
        layer, self._layer, self._named = self._layer, None, ()
        remove_layer(self._viewer, layer)


def _outermost(vertices: Array, middle: Array) -> Array:
    """Return the place of a surface that is farthest from the middle of all."""
    outwards = vertices.mean(axis=0) - middle
    place: Array = vertices[np.argmax(vertices @ outwards)]
    return place
