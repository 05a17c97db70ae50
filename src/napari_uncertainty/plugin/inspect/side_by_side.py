"""Scan, segmentation and uncertainty next to each other, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.utils.colormaps import Colormap

from ..layers import layer_info
from .appearance import PANEL, instead
from .changes import Changes
from .planes import fit

#: Narrower panels have no room for the names of their layers, in pixels.
ROOM_FOR_NAMES = 560


class SideBySide:
    """The panels of a case in napari's grid, with linked slices and zoom.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._changes = Changes()
        # Order of the layers, before and after.
        self._order: list[Any] = []
        self._arranged: list[Any] = []
        self.shown = False

    def show(self, panels: Sequence[Any], corners: Any = None) -> None:
        """Show these layers from left to right, and no others.

        Parameters
        ----------
        panels : sequence of Layer
            From left to right.
        corners : ndarray, shape (2, n), or None
            Two opposite corners of what is to fill each panel.
        """
        self.hide()
        viewer, changes = self._viewer, self._changes
        self._order = list(viewer.layers)
        _arrange(viewer.layers, panels)
        self._arranged = list(viewer.layers)
        for layer in viewer.layers:
            changes.set(layer, "visible", layer in panels)
        named = viewer.canvas.size[1] / len(panels) >= ROOM_FOR_NAMES
        for layer in panels:
            changes.set(layer.name_overlay, "visible", named)
            changes.set(layer, "opacity", 1.0)
            if layer_info(layer).get("role") == "map":
                # Nothing is below it that could show through.
                changes.set(layer, "colormap", _opaque(layer.colormap))
        camera, grid = viewer.scene.camera, viewer.canvas.grid
        changes.set(grid, "stride", 1)
        changes.set(grid, "shape", (1, len(panels)))
        changes.set(grid, "spacing", 4.0)
        changes.set(grid, "enabled", True)
        if corners is not None:
            middle = np.array(viewer.dims.point)
            middle[-corners.shape[1] :] = corners.mean(axis=0)
            center = tuple(middle[list(viewer.dims.displayed)])
            changes.set(camera, "center", center)
            zoom = camera.zoom
            fit(viewer, corners)
            fitting, camera.zoom = camera.zoom, zoom
            changes.set(camera, "zoom", fitting)
        self.shown = True

    def hide(self) -> None:
        """Back to one view, with everything as it was."""
        if not self.shown:
            return
        self.shown = False
        self._changes.undo()
        layers = self._viewer.layers
        left = [layer for layer in layers if layer in self._arranged]
        if left == [layer for layer in self._arranged if layer in layers]:
            _arrange(layers, [layer for layer in self._order if layer in layers])
        self._order, self._arranged = [], []


def _opaque(colormap: Colormap) -> Colormap:
    """The same colours without transparency; hidden ones stay hidden."""
    colors = np.array(colormap.colors)
    colors[colors[:, 3] > 0, 3] = 1.0
    name = f"{colormap.name}{PANEL}"
    return instead(Colormap(colors, name=name, controls=colormap.controls))


def _arrange(layers: Any, wanted: Sequence[Any]) -> None:
    """Put layers into this order, where they are not; others stay around them."""
    places = sorted(layers.index(layer) for layer in wanted)
    for place, layer in zip(places, wanted, strict=True):
        if layers.index(layer) != place:
            layers.move(layers.index(layer), place)
