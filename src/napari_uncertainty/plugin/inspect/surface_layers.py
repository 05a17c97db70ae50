"""Meshes as layers: where they are in the viewer, coloured like their map.

All chosen classes are one layer, for napari takes longer for each layer than for many
triangles. What class it is is told by a second one: the edges between classes on the
surface of the foreground, or a tinted hull around chosen classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from napari.utils.colormaps import Colormap
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from ...analysis.surfaces import Mesh
from ..viewer.layers import add_helper, remove_layer
from ..viewer.scan_space import RECORD
from ..viewer.shown_map import Color, ShownMap
from ..viewer.widgets import ShortNames
from .appearance import Appearance, limits_at, put_colormap
from .meshes import Enclosed, Meshes, Shell

Array = np.ndarray[Any, Any]

NAMES = "names"

#: Of more classes the names would hide each other; the pointer tells them.
MOST_NAMES = 12

# Long names would hide the surfaces.
_LETTERS = 24

#: Opacity of the whole foreground around chosen classes.
SHELL_OPACITY = 0.1

#: Opacity of a hull in the colour of its class, which is seen twice at its edge.
TINT_OPACITY = 0.25

# How far a hull is from its surface, and edges between classes from theirs, in voxels.
_HULL, _EDGE = 1.2, 0.25

# Pieces of a class on a surface with fewer vertices have no edges.
_LEAST = 100

_GRAY = (190, 190, 190)


# Meshes as layers: where they are in the viewer, coloured like their map.


class SurfaceLayers:
    """The surfaces of one map in a viewer.

    They are in world coordinates, but for a scale that is the same along all axes.
    napari cuts surfaces in the world, and not in the coordinates of their data.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown.
    subject : ShownMap
        The map.
    meshes : Meshes
        Where its meshes come from.
    """

    def __init__(self, viewer: Any, subject: ShownMap, meshes: Meshes) -> None:
        self._viewer, self._subject, self._meshes = viewer, subject, meshes
        # By what they are, with what they enclose.
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
        """Layers of these meshes, from the inside outwards; others are taken away.

        Parameters
        ----------
        enclosed : sequence
            Labels that are enclosed by each; the last one is the foreground, and a
            faint hull around the others where there are any.
        names : mapping of int to str
            Names of labels.
        appearance, shares : Appearance, (float, float) or None
            How the map is shown, and the shares of the vertices at the two ends of the
            colours; None for the whole range.
        opacity : float
            Of the surfaces, 0 to 1.
        bar : bool
            Whether a colour bar is needed beside that of the map.
        faint : bool
            Whether all are only faint hulls.
        """
        *chosen, foreground = enclosed
        inner = tuple(chosen) or (foreground,)
        wanted: list[tuple[str, tuple[Enclosed, ...], Callable[[], Any]]] = []
        if not faint:
            wanted.append(("surface", inner, lambda: self._surface(inner, names)))
        if chosen or not faint:
            wanted.append(("tint", inner, lambda: self._tint(inner, names)))
        if chosen or faint:
            wanted.append(("hull", (foreground,), self._hull))
        kinds = [kind for kind, _, _ in wanted]
        for kind in [kind for kind in self._layers if kind not in kinds]:
            self._remove(kind)
        layers = [self._layer(*one) for one in wanted]
        if "surface" in kinds:
            surface = layers[kinds.index("surface")]
            self._color(inner, surface, appearance, shares)
            # Of one range for all, the map has the colour bar.
            looks = {"opacity": opacity}
            _set(surface.colorbar, visible=bar or shares is not None)
            _set(surface, **looks)
        if "tint" in kinds:
            shown = TINT_OPACITY if chosen else 1.0
            _set(layers[kinds.index("tint")], opacity=shown * opacity)
        named = chosen if len(chosen) <= MOST_NAMES else []
        layers += self._names.show(
            [(name_of(one, names), self._world(one).vertices) for one in named],
            self._step,
            self._subject.layer.units,
        )
        return layers

    def shown(self, enclosed: Sequence[Enclosed]) -> list[tuple[Enclosed, Any]]:
        """Return those of these surfaces that are in a layer, with it."""
        held = [self._layers.get(kind, ((), None)) for kind in ("surface", "hull")]
        return [
            (one, layer) for one in enclosed for those, layer in held if one in those
        ]

    def remove(self) -> None:
        """Take all away."""
        # Together, for napari collects garbage after each layer that it removes.
        with self._viewer.layers.batched_update():
            self._names.remove()
            for kind in list(self._layers):
                self._remove(kind)

    def label_at(self, place: Array) -> int | None:
        """The class of the surface at a place in the world; None without one."""
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
        """Return the map's step, or the sliders would have steps of 1 mm.

        The same along all axes, for napari lights surfaces by their data.
        """
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
        """Edges between classes, or hulls of classes, in the colours of the classes."""
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

    def _color(
        self,
        enclosed: tuple[Enclosed, ...],
        layer: Any,
        appearance: Appearance,
        shares: tuple[float, float] | None,
    ) -> None:
        values = layer.data[2]
        limits = limits_at(
            lambda at: np.quantile(values, at), shares, appearance.limits
        )
        colormap = appearance.of_surface(limits)
        _set(layer, contrast_limits=limits)
        put_colormap(layer, colormap)

    def _remove(self, kind: str) -> None:
        # Taking one away can have others taken away, such as when a viewer is closed.
        _, layer = self._layers.pop(kind, ((), None))
        remove_layer(self._viewer, layer)


def in_ras(subject: ShownMap, mesh: Mesh) -> Mesh | None:
    """A mesh in RAS mm; None where no file tells where the map is."""
    grid = subject.source.grid
    return None if grid is None or grid.ndim != 3 else mesh.in_space(grid.affine)


def name_of(enclosed: Enclosed, names: Mapping[int, str]) -> str:
    """Return what a surface is called."""
    if enclosed is None:
        return "foreground"
    return ", ".join(names.get(label, f"label {label}") for label in enclosed)


def _title(enclosed: Sequence[Enclosed], names: Mapping[int, str]) -> str:
    if len(enclosed) == 1:
        return name_of(enclosed[0], names)
    return f"{len(enclosed)} classes'"


def _set(owner: Any, **attributes: Any) -> None:
    """Set what is different; napari does a lot of work even where nothing changes."""
    for name, value in attributes.items():
        now = getattr(owner, name)
        if (tuple(now) if isinstance(value, tuple) else now) != value:
            setattr(owner, name, value)


def _joined(meshes: Sequence[Mesh]) -> Mesh:
    """All meshes as one."""
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
    """Return the labels of a mesh, where small islands have that of what is around.

    A class that shines through here and there would cover the surface with edges.
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
    """Faces where classes meet, and those beside them."""
    faces = shell.mesh.faces
    labels = shell.labels[faces]
    near = np.zeros(len(shell.labels), bool)
    near[faces[(labels != labels[:, :1]).any(axis=1)]] = True
    chosen: Array = faces[near[faces].any(axis=1)]
    # One at least, for napari draws no surface without any.
    return chosen if len(chosen) else faces[:1, [0, 0, 0]]


def _colors(labels: Array, colors: Mapping[int, Color]) -> Array:
    """Red, green, blue and opacity of each vertex."""
    known, place = np.unique(labels, return_inverse=True)
    table = np.array([(*colors[int(label)], 255) for label in known], np.float32)
    found: Array = table[place.ravel()] / np.float32(255)
    return found


# Names of classes beside their surfaces.


class SurfaceNames:
    """Names of classes beside their surfaces.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None
        self._named: tuple[str, ...] = ()

    def show(
        self, named: Sequence[tuple[str, Array]], step: float, units: Any
    ) -> list[Any]:
        """Name these surfaces; gives the layer of the names, if there are any.

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
                # In 3D the canvas is behind them, white in a light theme.
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
        """Take them away."""
        layer, self._layer, self._named = self._layer, None, ()
        remove_layer(self._viewer, layer)


def _outermost(vertices: Array, middle: Array) -> Array:
    """The place of a surface that is farthest to its side of the middle of all."""
    outwards = vertices.mean(axis=0) - middle
    place: Array = vertices[np.argmax(vertices @ outwards)]
    return place
