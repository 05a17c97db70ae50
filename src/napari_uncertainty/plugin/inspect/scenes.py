"""Views in 3D: surface, glow and cut-away; and back to 2D as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Surface

from ..layers import layer_info
from ..viewer.in_3d import in_3d, on_plane, without_air
from .changes import Changes, Wanted
from .cut import CuttingPlane

Array = np.ndarray[Any, Any]

#: Opacity of the scan behind a map or surface.
CONTEXT_OPACITY = 0.3

#: Layers that mark something stay as they are: rings, hotspots, outlines of classes.
_MARKS = ("place", "outline", "hotspots")

_POINTS = ("hotspots", "place")


class Scenes:
    """Scenes in 3D: surfaces, glow and cuts.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._in_3d = in_3d(viewer)
        self._layers = Changes()
        self.cut: CuttingPlane | None = None

    def move_cut(self, axis: int, at: float) -> None:
        """Put the plane that is shown elsewhere, if there is one."""
        cut = self.cut or self._in_3d.cut
        if cut is not None:
            cut.move(axis, at)

    def show_as_they_are(self) -> None:
        """The layers as napari's own button shows them, cut open."""
        self.leave_cut()
        self._in_3d.enter()
        self._layers.undo()
        self._in_3d.show_cut()

    def leave(self) -> None:
        """Back to 2D, with everything as it was."""
        self.leave_cut()
        self._in_3d.leave()
        # Afterwards, or hidden layers would become volumes first.
        self._layers.undo()

    def show_surface(self, scan: Any, surfaces: Sequence[Any]) -> None:
        """Surfaces before a faint scan."""
        wanted = self._only([scan, *surfaces])
        if scan is not None:
            wanted += _with(
                scan, depiction="volume", rendering="mip", opacity=CONTEXT_OPACITY
            )
        self._show(wanted)
        # Marks last: a ring is always seen, a sphere where no surface is before it.
        layers = self._viewer.layers
        marks = [one for one in layers if layer_info(one).get("role") in _POINTS]
        _stack(layers, [*surfaces, *marks], on_top=True)

    def show_glow(
        self, scan: Any, shown: Any, hulls: Sequence[Any], glow: Mapping[str, Any]
    ) -> None:
        """The map as it glows along each line of sight, and a faint scan.

        Parameters
        ----------
        scan, shown : Image or None, Image
            The scan, and the map.
        hulls : sequence of Surface, and Points
            Faint surfaces of classes, and their names.
        glow : mapping of str to object
            Attributes of the map, such as its colormap.
        """
        wanted = self._only([scan, shown, *hulls])
        look = {
            "depiction": "volume",
            "rendering": "mip",
            "blending": "translucent_no_depth",
        }
        if scan is not None:
            wanted += _with(scan, opacity=CONTEXT_OPACITY, **look)
        look |= {"interpolation3d": "linear", **glow}
        self._show([*wanted, *_with(shown, **look)])
        # Drawn first, or hulls would veil what glows behind them.
        surfaces = [layer for layer in hulls if isinstance(layer, Surface)]
        names = [layer for layer in hulls if layer not in surfaces]
        _stack(self._viewer.layers, surfaces, on_top=False)
        _stack(self._viewer.layers, names, on_top=True)

    def show_cut(
        self, planes: Sequence[Any], surfaces: Sequence[Any], axis: int, at: float
    ) -> None:
        """Scan, segmentation and map on a plane, and the surfaces behind it.

        Parameters
        ----------
        planes : sequence of Image, Labels or None
            What is shown on the plane, the scan first; None for what there is not.
        surfaces : sequence of Surface, and Points
            What is cut open, in world coordinates, and its names.
        axis, at : int, float
            Across which of z, y and x, and where in the world.
        """
        scan, planes = planes[0], [layer for layer in planes if layer is not None]
        wanted = [*self._only([*planes, *surfaces]), *on_plane(planes)]
        for layer in planes:
            if isinstance(layer, Image):
                wanted += _with(layer, opacity=1.0)
        if scan is not None:
            wanted += without_air([scan])
        self._show(wanted)
        cut = [layer for layer in surfaces if isinstance(layer, Surface)]
        # Drawn first, or the plane would hide them.
        _stack(self._viewer.layers, cut, on_top=False)
        self.cut = CuttingPlane(self._viewer, planes, cut, axis, at)

    def leave_cut(self) -> None:
        """Surfaces whole again."""
        if self.cut is not None:
            self.cut.stop()
            self.cut = None

    def stop(self) -> None:
        """Call back no more, and leave what is shown."""
        if self.cut is not None:
            self.cut.listening.stop()

    def _show(self, wanted: Sequence[Wanted]) -> None:
        self.leave_cut()
        if not self._in_3d.entered:
            # Before, or all of them would become volumes first.
            for owner, name, value in wanted:
                if name == "visible" and not value:
                    self._layers.set(owner, name, value)
        self._in_3d.take()
        self._in_3d.enter()
        self._layers.become(wanted)

    def _only(self, shown: Sequence[Any]) -> list[Wanted]:
        layers = [
            layer
            for layer in self._viewer.layers
            if layer_info(layer).get("role") not in _MARKS
        ]
        return [(layer, "visible", layer in shown) for layer in layers]


def _with(owner: Any, **attributes: Any) -> list[Wanted]:
    return [(owner, name, value) for name, value in attributes.items()]


def _stack(layers: Any, moved: Sequence[Any], on_top: bool) -> None:
    """Put layers above all others in this order, or below them in any."""
    places = [layers.index(layer) for layer in moved]
    n = len(layers)
    wanted = list(range(n - len(moved), n) if on_top else range(len(moved)))
    if (places if on_top else sorted(places)) != wanted:
        for layer in moved:
            layers.move(layers.index(layer), n if on_top else 0)
