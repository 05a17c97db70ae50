"""Meshes as layers: where they are in the viewer, coloured like their map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.utils.colormaps import Colormap

from ...surfaces import Mesh
from ..layers import METADATA_KEY, layer_info
from .appearance import Appearance, limits_at, put_colormap
from .changes import selection_kept
from .meshes import Enclosed, Meshes
from .subject import Subject
from .surface_names import SurfaceNames

#: Opacity of the whole foreground around chosen classes.
SHELL_OPACITY = 0.1

_GRAY = (190, 190, 190)


class SurfaceLayers:
    """The surfaces of one map in a viewer.

    They are in world coordinates, but for a scale that is the same along all axes.
    napari cuts surfaces in the world, and not in the coordinates of their data.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown.
    subject : Subject
        The map.
    meshes : Meshes
        Where its meshes come from.
    """

    def __init__(self, viewer: Any, subject: Subject, meshes: Meshes) -> None:
        self._viewer, self._subject, self._meshes = viewer, subject, meshes
        self._layers: dict[Enclosed, Any] = {}
        self._names = SurfaceNames(viewer)

    def show(
        self,
        enclosed: Sequence[Enclosed],
        names: Mapping[int, str],
        appearance: Appearance,
        shares: tuple[float, float] | None,
        opacity: float,
        shell: bool,
        bar: bool,
        faint: bool = False,
    ) -> list[Any]:
        """Layers of these meshes, in this order; others are taken away.

        Parameters
        ----------
        enclosed : sequence
            Labels that are enclosed by each.
        names : mapping of int to str
            Names of labels.
        appearance, shares : Appearance, (float, float) or None
            How the map is shown, and the shares of the vertices at the two ends of the
            colours; None for the whole range.
        opacity : float
            Of the surfaces, 0 to 1.
        shell : bool
            Whether the last one is only a faint hull around the others.
        bar : bool
            Whether a colour bar is needed beside that of the map.
        faint : bool
            Whether all are only faint hulls.
        """
        for one in [one for one in self._layers if one not in enclosed]:
            self._remove(one)
        layers = []
        for place, one in enumerate(enclosed):
            layer = self._layer(one, names)
            is_shell = faint or (shell and place == len(enclosed) - 1)
            if is_shell:
                look = {"opacity": SHELL_OPACITY, "blending": "translucent_no_depth"}
                colormap = self._of_hull(one)
                if layer.colormap.name != colormap.name:
                    layer.colormap = colormap
            else:
                look = {"opacity": opacity, "blending": "translucent"}
                self._color(one, layer, appearance, shares)
            for name, value in look.items():
                if getattr(layer, name) != value:
                    setattr(layer, name, value)
            # Of one range for all, the map has the colour bar.
            alone = bar and place == 0
            wanted = not is_shell and (alone or shares is not None)
            if layer.colorbar.visible != wanted:
                layer.colorbar.visible = wanted
            layers.append(layer)
        named = [(one, layer) for one, layer in zip(enclosed, layers, strict=True)]
        layers += self._names.show(
            [(_name(one, names), layer) for one, layer in named if one is not None]
        )
        return layers

    def shown(self, enclosed: Sequence[Enclosed]) -> list[tuple[Enclosed, Any]]:
        """Those of these surfaces that are layers."""
        return [(one, self._layers[one]) for one in enclosed if one in self._layers]

    def remove(self) -> None:
        """Take all away."""
        self._names.remove()
        for one in list(self._layers):
            self._remove(one)

    def _layer(self, enclosed: Enclosed, names: Mapping[int, str]) -> Any:
        layer = self._layers.get(enclosed)
        if layer is not None and layer in self._viewer.layers:
            return layer
        mesh = self._meshes[enclosed].in_space(self._subject.to_world)
        shown = self._subject.layer
        # As large a step as the map's, or the sliders would have steps of 1 mm. The
        # same along all axes, for napari lights surfaces by their data.
        step = float(max(shown.scale[-3:]))
        with selection_kept(self._viewer):
            layer = self._viewer.add_surface(
                (mesh.vertices / np.float32(step), mesh.faces, mesh.values),
                scale=(step,) * 3,
                name=f"{_name(enclosed, names)} surface",
                units=shown.units,
                axis_labels=shown.axis_labels,
                shading="smooth",
                visible=False,
                metadata={
                    METADATA_KEY: {
                        "role": "surface",
                        "made_from": shown.unique_id,
                        "measure": layer_info(shown)["measure"],
                        "unit": self._subject.unit,
                    }
                },
            )
        self._layers[enclosed] = layer
        return layer

    def _of_hull(self, enclosed: Enclosed) -> Colormap:
        """One colour: that of the class, or gray for the whole foreground."""
        color = _GRAY
        if enclosed is not None and len(enclosed) == 1:
            color = self._subject.colors_of(enclosed)[enclosed[0]]
        colors = np.array([(*color, 255)] * 2) / 255
        return Colormap(colors, name=f"hull #{bytes(color).hex()}")

    def _color(
        self,
        enclosed: Enclosed,
        layer: Any,
        appearance: Appearance,
        shares: tuple[float, float] | None,
    ) -> None:
        values = self._meshes[enclosed].values
        limits = limits_at(
            lambda at: np.quantile(values, at), shares, appearance.limits
        )
        colormap = appearance.of_surface(limits)
        if tuple(layer.contrast_limits) != limits:
            layer.contrast_limits = limits
        put_colormap(layer, colormap)

    def _remove(self, enclosed: Enclosed) -> None:
        # Taking one away can have others taken away, such as when a viewer is closed.
        layer = self._layers.pop(enclosed, None)
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)


def in_ras(subject: Subject, mesh: Mesh) -> Mesh | None:
    """A mesh in RAS mm; None where no file tells where the map is."""
    grid = subject.source.grid
    return None if grid is None or grid.ndim != 3 else mesh.in_space(grid.affine)


def _name(enclosed: Enclosed, names: Mapping[int, str]) -> str:
    if enclosed is None:
        return "foreground"
    return ", ".join(names.get(label, f"label {label}") for label in enclosed)
