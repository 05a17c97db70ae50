"""Where the pointer is: RAS mm, tilt included, and the voxel of the file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..grid import Grid
from .layers import layer_grid, to_ras
from .sources import shown_grid
from .viewer.lifetime import Listening

Array = np.ndarray[Any, Any]


def ras_at(layer: Any, world: Any) -> Array | None:
    """RAS mm of a place in the viewer's world; None if the layer knows no patient.

    Parameters
    ----------
    layer : Layer
        An image that this plugin placed; the viewer shows it along the axes of its
        grid, or of the one that it is resampled onto.
    world : sequence of float
        As many numbers as the viewer has axes, the last of them z, y, x.
    """
    shown = shown_grid(layer)
    if shown is None or shown.ndim != 3 or len(world) < 3:
        return None
    return to_ras(shown, world[-3:])


def voxel_at(grid: Grid, ras: Array) -> tuple[int, ...] | None:
    """Index (i, j, k) of the voxel of the file at a place; None outside of it."""
    inverse = np.linalg.inv(grid.affine)
    index = np.rint(inverse[:3, :3] @ ras + inverse[:3, 3]).astype(int)
    if ((index < 0) | (index >= grid.shape)).any():
        return None
    return tuple(int(number) for number in index)


def describe_pointer(layer: Any, world: Any) -> str:
    """Return what to show of a place: RAS mm, and the voxel of the layer's file."""
    ras, grid = ras_at(layer, world), layer_grid(layer)
    if ras is None or grid is None:
        return ""
    # -0.04 is no -0.0.
    right, anterior, superior = np.round(ras, 1) + 0.0
    place = f"R {right:.1f}, A {anterior:.1f}, S {superior:.1f} mm"
    voxel = voxel_at(grid, ras)
    if voxel is None:
        return f"{place} · outside of '{layer.name}'"
    return f"{place} · voxel ({', '.join(map(str, voxel))}) of '{layer.name}'"


class Pointer:
    """Tells where the pointer is whenever it moves over a viewer in 2D.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose pointer is watched.
    scan : callable
        Gives the layer to speak of where the selected one knows no patient.
    tell : callable
        Gets the text, empty where there is nothing to tell.
    """

    def __init__(
        self, viewer: Any, scan: Callable[[], Any], tell: Callable[[str], None]
    ) -> None:
        self._viewer, self._scan, self._tell = viewer, scan, tell
        self._listening = Listening()
        self._listening.to(viewer.cursor.events.position, self._moved)

    def stop(self) -> None:
        """Watch no longer."""
        self._listening.stop()

    def _moved(self, *_: Any) -> None:
        layer = self._layer()
        # In 3D a point on the screen is no place in space.
        if layer is None or self._viewer.dims.ndisplay != 2:
            self._tell("")
            return
        self._tell(describe_pointer(layer, self._viewer.cursor.position))

    def _layer(self) -> Any:
        chosen = self._viewer.layers.selection.active
        for layer in (chosen, self._scan(), *self._viewer.layers):
            if layer is not None and layer_grid(layer) is not None:
                return layer
        return None
