"""Views in 3D: surface, glow and cut-away; and back to 2D as it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Image, Surface
from napari.utils.colormaps import Colormap

from .changes import Changes, Wanted
from .listening import Listening
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
        self._view = Changes()
        self._flat: tuple[Any, ...] | None = None
        self._seen: tuple[Any, ...] | None = None
        self.cut: Cut | None = None

    def enter(self, corners: Array | None) -> None:
        """Go to 3D, from the left, the front and above at first.

        Parameters
        ----------
        corners : ndarray, shape (2, 3), or None
            Box to fill the view with, in world coordinates.
        """
        viewer, camera = self._viewer, self._viewer.scene.camera
        self.leave_cut()
        if self._flat is not None:
            return
        self._flat = camera.center, camera.zoom, viewer.dims.point
        # In another order of the axes the picture would be mirrored.
        self._view.set(viewer.dims, "order", tuple(range(viewer.dims.ndim)))
        viewer.dims.ndisplay = 3
        if self._seen is not None:
            camera.center, camera.zoom, camera.angles = self._seen
            return
        camera.set_view_direction(view_direction=VIEW_DIRECTION, up_direction=UP)
        if corners is not None:
            camera.center = tuple(corners.mean(axis=0))
            fit(viewer, corners)

    def show_as_they_are(self) -> None:
        """The layers as they were before."""
        self._layers.undo()

    def leave(self) -> None:
        """Back to 2D, with everything as it was."""
        viewer, camera = self._viewer, self._viewer.scene.camera
        self.leave_cut()
        self._layers.undo()
        if self._flat is None:
            return
        if viewer.dims.ndisplay == 3:
            self._seen = camera.center, camera.zoom, camera.angles
        center, zoom, point = self._flat
        self._flat = None
        viewer.dims.ndisplay = 2
        self._view.undo()
        camera.zoom = zoom
        if viewer.dims.point == point:
            camera.center = center
        else:  # somebody went to a place meanwhile
            camera.center = tuple(viewer.dims.point[a] for a in viewer.dims.displayed)

    def show_surface(self, scan: Any, surfaces: Sequence[Any]) -> None:
        """Surfaces before a faint scan."""
        wanted = self._only([scan, *surfaces])
        if scan is not None:
            wanted += _with(
                scan, depiction="volume", rendering="mip", opacity=CONTEXT_OPACITY
            )
        self._layers.become(wanted)
        _stack(self._viewer.layers, surfaces, on_top=True)

    def show_glow(self, scan: Any, shown: Any) -> None:
        """The largest values of the map along each line of sight, and a faint scan."""
        wanted = self._only([scan, shown])
        look = {
            "depiction": "volume",
            "rendering": "mip",
            "blending": "translucent_no_depth",
        }
        if scan is not None:
            wanted += _with(scan, opacity=CONTEXT_OPACITY, **look)
        self._layers.become([*wanted, *_with(shown, interpolation3d="linear", **look)])

    def show_cut(
        self, scan: Any, shown: Any, surfaces: Sequence[Any], axis: int, at: float
    ) -> None:
        """Scan and map on a plane, and the surfaces behind it.

        Parameters
        ----------
        scan, shown : Image or None, Image
            What is shown on the plane.
        surfaces : sequence of Surface, and Points
            What is cut open, in world coordinates, and its names.
        axis, at : int, float
            Across which of z, y and x, and where in the world.
        """
        wanted = self._only([scan, shown, *surfaces])
        planes = [layer for layer in (scan, shown) if layer is not None]
        for layer in planes:
            layer.plane.thickness = 1
            wanted += _with(
                layer,
                depiction="plane",
                rendering="mip",
                blending="translucent_no_depth",
                opacity=1.0,
            )
        if scan is not None:
            wanted += _with(scan, colormap=_without_background(scan.colormap))
        self._layers.become(wanted)
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
        if self.cut is not None:
            self.cut.listening.stop()

    def _only(self, shown: Sequence[Any]) -> list[Wanted]:
        return [(layer, "visible", layer in shown) for layer in self._viewer.layers]


class Cut:
    """A plane through scan, map and surfaces at once.

    It is dragged in napari's way, with the Shift key, or moved by :meth:`move`. What is
    in front of it is cut away, also when the camera goes to its other side.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it is shown.
    planes, surfaces : sequence of Image, sequence of Surface
        Layers that are shown on the plane, and that are cut by it.
    axis, at : int, float
        Across which of z, y and x, and where in the world.
    """

    def __init__(
        self,
        viewer: Any,
        planes: Sequence[Any],
        surfaces: Sequence[Any],
        axis: int,
        at: float,
    ) -> None:
        self._viewer, self._planes, self._surfaces = viewer, planes, surfaces
        self.axis, self.at = axis, at
        self._moving = False
        self.on_moved: Any = None
        self.listening = Listening()
        self.listening.to(viewer.scene.camera.events.angles, self._turned)
        for layer in planes:
            self.listening.to(layer.plane.events.position, self._dragged)
        self.move(axis, at)

    def move(self, axis: int, at: float) -> None:
        """Put the plane elsewhere: across this axis, at this place in the world."""
        self.axis, self.at = axis, at
        self._moving = True
        for layer in self._planes:
            if layer not in self._viewer.layers:
                continue
            place = np.mean(layer.extent.world, axis=0)[-3:]
            place[axis] = at
            world = np.array(self._viewer.dims.point)
            world[-3:] = place
            layer.plane.normal = tuple(np.eye(3)[axis])
            layer.plane.position = tuple(layer.world_to_data(world[-layer.ndim :])[-3:])
        self._moving = False
        self._turned()

    def stop(self) -> None:
        """Let the surfaces be whole, and call back no more."""
        self.listening.stop()
        for surface in self._surfaces:
            surface.experimental_clipping_planes = []

    def _turned(self, *_: Any) -> None:
        """Cut away what is between the camera and the plane."""
        normal, position = np.zeros(3), np.zeros(3)
        away = self._viewer.scene.camera.view_direction[self.axis]
        normal[self.axis] = 1.0 if away >= 0 else -1.0
        position[self.axis] = self.at
        for surface in self._surfaces:
            surface.experimental_clipping_planes = [
                {"position": tuple(position), "normal": tuple(normal), "enabled": True}
            ]

    def _dragged(self, event: Any) -> None:
        if self._moving:
            return
        for layer in self._planes:
            if layer.plane is event.source or layer.plane == event.source:
                data = np.zeros(layer.ndim)
                data[-3:] = layer.plane.position
                self.move(self.axis, float(layer.data_to_world(data)[-3:][self.axis]))
                if self.on_moved is not None:
                    self.on_moved(self.at)
                return


def is_context(layer: Any) -> bool:
    """Whether a layer can be shown behind others in 3D."""
    return isinstance(layer, Image) and not layer.rgb


def _with(layer: Any, **attributes: Any) -> list[Wanted]:
    return [(layer, name, value) for name, value in attributes.items()]


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
