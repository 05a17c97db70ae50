"""Scan, segmentation and uncertainty next to each other, in 2D or in 3D, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.components.overlays import TextOverlay
from napari.utils.colormaps import Colormap

from ..layers import layer_info
from ..viewer.in_3d import in_3d
from ..viewer.layers import arrange
from .appearance import PANEL, instead
from .changes import Changes, Wanted
from .planes import fit

#: Where titles stand if there are two panels, or three.
_EDGES = {2: ("left", "right"), 3: ("left", "center", "right")}

_TITLE_SIZE = 11

# A title stands above the letter below the middle panel, and above that of a colour
# bar, which in a grid is at the bottom, too.
_RAISED = "{}\n "


class PanelGrid:
    """The panels of a case in napari's grid, with linked slices, camera and zoom.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._in_3d = in_3d(viewer)
        self._changes, self._of_display = Changes(), Changes()
        # Order of the layers, before and after.
        self._order: list[Any] = []
        self._arranged: list[Any] = []
        self._panels: list[Any] = []
        self._titles: list[str] = []
        self._glow: Mapping[str, Any] = {}
        self.shown = False

    def show(
        self,
        panels: Mapping[str, Any],
        corners: Any = None,
        glow: Mapping[str, Any] | None = None,
    ) -> None:
        """Show these layers from left to right, and no others.

        Parameters
        ----------
        panels : mapping of str to Layer
            From left to right, with their titles.
        corners : ndarray, shape (2, n), or None
            Two opposite corners of what is to fill each panel.
        glow : mapping of str to object, or None
            Attributes of the map in 3D, where one sees through it.
        """
        self.hide()
        viewer, changes = self._viewer, self._changes
        self._panels, self._glow = list(panels.values()), dict(glow or {})
        self._order = list(viewer.layers)
        arrange(viewer.layers, self._panels)
        self._arranged = list(viewer.layers)
        for layer in viewer.layers:
            if layer_info(layer).get("role") != "outline":
                changes.set(layer, "visible", layer in self._panels)
        camera, grid = viewer.scene.camera, viewer.canvas.grid
        changes.set(grid, "stride", 1)
        changes.set(grid, "shape", (1, len(panels)))
        changes.set(grid, "spacing", 4.0)
        changes.set(grid, "enabled", True)
        # Afterwards: outlines of classes, which no grid has, give back the opacity.
        for layer in self._panels:
            changes.set(layer, "opacity", 1.0)
        if corners is not None:
            middle = np.array(viewer.dims.point)
            middle[-corners.shape[1] :] = corners.mean(axis=0)
            center = tuple(middle[list(viewer.dims.displayed)])
            changes.set(camera, "center", center)
            zoom = camera.zoom
            fit(viewer, corners)
            fitting, camera.zoom = camera.zoom, zoom
            changes.set(camera, "zoom", fitting)
        if corners is not None and corners.shape[1] == 3:
            self._in_3d.corners = corners
        self._write(list(panels))
        self.shown = True
        self._in_3d.take()
        self._show_display()

    def turn(self, ndisplay: int) -> None:
        """Show the panels in 3D (3), or slices again (2)."""
        if ndisplay == 3:
            self._in_3d.enter()
        else:
            self._in_3d.leave()
        self._in_3d.take()
        self._show_display()

    def hide(self) -> None:
        """Back to one view, with everything as it was."""
        if not self.shown:
            return
        self.shown = False
        for key in self._titles:
            self._viewer.canvas.overlays.pop(key, None)
        self._titles = []
        self._in_3d.leave()
        self._of_display.undo()
        self._changes.undo()
        layers = self._viewer.layers
        left = [layer for layer in layers if layer in self._arranged]
        if left == [layer for layer in self._arranged if layer in layers]:
            arrange(layers, [layer for layer in self._order if layer in layers])
        self._order, self._arranged, self._panels = [], [], []

    def _show_display(self) -> None:
        """Colours of the map with nothing below it, or as it is seen through in 3D."""
        solid = self._viewer.dims.ndisplay == 3
        wanted: list[Wanted] = []
        for layer in self._panels:
            if layer_info(layer).get("role") != "map":
                continue
            before = self._of_display.before(layer, "colormap")
            look = {"colormap": _opaque(before), **(self._glow if solid else {})}
            wanted += [(layer, name, value) for name, value in look.items()]
        self._of_display.become(wanted)

    def _write(self, titles: Sequence[str]) -> None:
        for edge, title in zip(_EDGES.get(len(titles), ()), titles, strict=False):
            key = f"panel at the {edge}"
            self._titles.append(key)
            self._viewer.canvas.overlays[key] = TextOverlay(
                text=title if edge == "right" else _RAISED.format(title),
                position=f"bottom_{edge}",
                font_size=_TITLE_SIZE,
                box=False,
                visible=True,
            )


def _opaque(colormap: Colormap) -> Colormap:
    """The same colours without transparency; hidden ones stay hidden."""
    colors = np.array(colormap.colors)
    colors[colors[:, 3] > 0, 3] = 1.0
    name = f"{colormap.name}{PANEL}"
    return instead(Colormap(colors, name=name, controls=colormap.controls))
