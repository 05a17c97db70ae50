"""A plane that cuts scan, map and surfaces open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..viewer.lifetime import Listening, unwrapped


class CuttingPlane:
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
        self._viewer, self.planes, self._surfaces = viewer, planes, surfaces
        self.axis, self.at = axis, at
        self._moving = False
        self._before = [(one.plane.normal, one.plane.position) for one in planes]
        #: Called with the place when the plane was dragged.
        self.on_moved: Callable[[float], None] = lambda at: None
        self.listening = Listening()
        self.listening.to(viewer.scene.camera.events.angles, self._turned)
        for layer in planes:
            self.listening.to(layer.plane.events.position, self._dragged)
        self.move(axis, at)

    def move(self, axis: int, at: float) -> None:
        """Put the plane elsewhere: across this axis, at this place in the world."""
        self.axis, self.at = axis, at
        self._moving = True
        for layer in self.planes:
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
        """Let the surfaces be whole and planes as before, and call back no more."""
        self.listening.stop()
        for layer, (normal, position) in zip(self.planes, self._before, strict=True):
            layer.plane.normal, layer.plane.position = normal, position
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
        for layer in self.planes:
            # A plugin's widget sees a wrapper of it.
            if unwrapped(layer.plane) is event.source:
                data = np.zeros(layer.ndim)
                data[-3:] = layer.plane.position
                self.move(self.axis, float(layer.data_to_world(data)[-3:][self.axis]))
                self.on_moved(self.at)
                return
