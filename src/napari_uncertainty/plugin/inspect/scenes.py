"""Views in 3D: surface, glow and cut-away; and back to 2D as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from napari.layers import Image, Surface
from napari.utils.colormaps import Colormap

from ..layers import layer_info
from ..viewer.lifetime import Listening
from .changes import Changes, Wanted
from .cut import Cut
from .planes import fit

Array = np.ndarray[Any, Any]

#: From the patient's left, the front and above, with the head up: in scan space z, y
#: and x run to Inferior, Posterior and Left.
VIEW_DIRECTION = (0.35, 0.6, -0.7)
UP = (-1, 0, 0)

#: Opacity of the scan behind a map or surface.
CONTEXT_OPACITY = 0.3

_NO_BACKGROUND = " (without background)"

#: Axes of scan space by what is cut along them, and how far to which side is in front.
CUTS = {"Axial": 0, "Coronal": 1, "Sagittal": 2}


class _Seen(NamedTuple):
    """Camera and slices at some moment."""

    center: tuple[float, ...]
    zoom: float
    angles: tuple[float, ...]
    order: tuple[int, ...]
    point: tuple[float, ...]

    def place(self) -> tuple[float, ...]:
        """World coordinates of the middle of a view in 2D."""
        at = dict(zip(self.order[-2:], self.center[-2:], strict=True))
        return tuple(at.get(axis, x) for axis, x in enumerate(self.point))[-3:]


class Scenes:
    """What a viewer shows in 3D.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose layers are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layers = Changes()
        # What to go back to, in 2D and in 3D, and what was the last in each.
        self._flat: _Seen | None = None
        self._solid: _Seen | None = None
        self._last: dict[int, _Seen] = {}
        self._listening = Listening()
        # All the time: where its own button changes the display, napari moves both
        # before it tells.
        dims, camera = viewer.dims.events, viewer.scene.camera.events
        for event in (
            dims.ndim, dims.order, dims.point,
            camera.center, camera.zoom, camera.angles,
        ):  # fmt: skip
            self._listening.to(event, self._remember)
        self._remember()
        self.cut: Cut | None = None
        #: Box to fill the view with, two corners in the world, shape (2, 3).
        self.corners: Array | None = None

    def enter(self) -> None:
        """Go to 3D, from the left, the front and above at first."""
        viewer, camera = self._viewer, self._viewer.scene.camera
        if self._flat is not None:
            return
        if viewer.dims.ndisplay == 2:
            self._remember()
        self._flat = self._last.get(2) or self._last[3]
        # In another order of the axes the picture would be mirrored.
        viewer.dims.order = tuple(range(viewer.dims.ndim))
        viewer.dims.ndisplay = 3
        if self._solid is not None:
            camera.center, camera.zoom, camera.angles = self._solid[:3]
            return
        camera.set_view_direction(view_direction=VIEW_DIRECTION, up_direction=UP)
        if self.corners is not None:
            camera.center = tuple(self.corners.mean(axis=0))
            fit(viewer, self.corners)
        else:
            camera.center = self._flat.place()

    def show_as_they_are(self) -> None:
        """The layers as they were before."""
        self.leave_cut()
        self.enter()
        self._layers.undo()

    def leave(self) -> None:
        """Back to 2D, with everything as it was."""
        self.leave_cut()
        if self._flat is not None:
            self._return_from_3d(self._flat)
        # Afterwards, or hidden layers would become volumes first.
        self._layers.undo()

    def _return_from_3d(self, flat: _Seen) -> None:
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        dims.ndisplay = 2
        self._flat, self._solid = None, self._last[3]
        if dims.order == tuple(range(dims.ndim)):
            dims.order = _for_axes(flat.order, dims.ndim)
        dims.point = self._solid.point
        camera.zoom = flat.zoom
        if dims.point[-3:] == flat.point[-3:]:
            camera.center = flat.center
        else:  # somebody went to a place meanwhile
            camera.center = tuple(dims.point[axis] for axis in dims.displayed)

    def _remember(self, *_: Any) -> None:
        dims, camera = self._viewer.dims, self._viewer.scene.camera
        self._last[dims.ndisplay] = _Seen(
            camera.center, camera.zoom, camera.angles, dims.order, dims.point
        )

    def show_surface(self, scan: Any, surfaces: Sequence[Any]) -> None:
        """Surfaces before a faint scan."""
        wanted = self._only([scan, *surfaces])
        if scan is not None:
            wanted += _with(
                scan, depiction="volume", rendering="mip", opacity=CONTEXT_OPACITY
            )
        self._show(wanted)
        _stack(self._viewer.layers, surfaces, on_top=True)

    def show_glow(
        self, scan: Any, shown: Any, hulls: Sequence[Any], colormap: Colormap
    ) -> None:
        """The largest values of the map along each line of sight, and a faint scan.

        Parameters
        ----------
        scan, shown : Image or None, Image
            The scan, and the map.
        hulls : sequence of Surface, and Points
            Faint surfaces of classes, and their names.
        colormap : Colormap
            Of the map.
        """
        wanted = self._only([scan, shown, *hulls])
        look = {
            "depiction": "volume",
            "rendering": "mip",
            "blending": "translucent_no_depth",
        }
        if scan is not None:
            wanted += _with(scan, opacity=CONTEXT_OPACITY, **look)
        look |= {"interpolation3d": "linear", "colormap": colormap}
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
        wanted = self._only([*planes, *surfaces])
        for layer in planes:
            wanted += _with(layer, depiction="plane", blending="translucent_no_depth")
            wanted += _with(layer.plane, thickness=1)
            if isinstance(layer, Image):
                wanted += _with(layer, rendering="mip", opacity=1.0)
        if scan is not None:
            wanted += _with(scan, colormap=_without_background(scan.colormap))
        self._show(wanted)
        cut = [layer for layer in surfaces if isinstance(layer, Surface)]
        # Drawn first, or the plane would hide them.
        _stack(self._viewer.layers, cut, on_top=False)
        self.cut = Cut(self._viewer, planes, cut, axis, at)

    def leave_cut(self) -> None:
        """Surfaces whole again."""
        if self.cut is not None:
            self.cut.stop()
            self.cut = None

    def stop(self) -> None:
        """Call back no more, and leave what is shown."""
        self._listening.stop()
        if self.cut is not None:
            self.cut.listening.stop()

    def _show(self, wanted: Sequence[Wanted]) -> None:
        self.leave_cut()
        if self._flat is None:
            # Before, or all of them would become volumes first.
            for owner, name, value in wanted:
                if name == "visible" and not value:
                    self._layers.set(owner, name, value)
        self.enter()
        self._layers.become(wanted)

    def _only(self, shown: Sequence[Any]) -> list[Wanted]:
        layers = [
            layer
            for layer in self._viewer.layers
            if layer_info(layer).get("role") != "place"
        ]
        return [(layer, "visible", layer in shown) for layer in layers]


def _with(owner: Any, **attributes: Any) -> list[Wanted]:
    return [(owner, name, value) for name, value in attributes.items()]


def _for_axes(order: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    """An order of axes where leading ones came or went since."""
    more = ndim - len(order)
    return *range(more), *(axis + more for axis in order if axis + more >= 0)


def _stack(layers: Any, moved: Sequence[Any], on_top: bool) -> None:
    """Put layers above or below all others, where they are not."""
    places = [layers.index(layer) for layer in moved]
    n = len(layers)
    wanted = list(range(n - len(moved), n) if on_top else range(len(moved)))
    if sorted(places) != wanted:
        for layer in moved:
            layers.move(layers.index(layer), n if on_top else 0)


def _without_background(colormap: Colormap) -> Colormap:
    """The same colours, transparent at the dark end, where a scan has only air."""
    if colormap.name.endswith(_NO_BACKGROUND):
        return colormap
    share = np.linspace(0, 1, 256)
    colors = np.array(colormap.map(share))
    colors[:, 3] = np.clip(share / 0.1, 0, 1)
    return Colormap(colors, name=f"{colormap.name}{_NO_BACKGROUND}")
