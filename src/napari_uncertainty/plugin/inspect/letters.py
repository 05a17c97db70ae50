"""Letters at the edges of the view: which side of the patient is where."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.components.overlays import TextOverlay

from ..layers import SCAN_SPACE_AXES, ScanSpace
from ..sources import axes_of
from ..viewer.lifetime import Listening

Array = np.ndarray[Any, Any]

#: Where z, y and x come from and run to.
ENDS = {"z": ("S", "I"), "y": ("A", "P"), "x": ("R", "L")}

#: An axis is named where it makes up so much of a direction: within 65 degrees.
NAMED_FROM = 0.42

#: Dark in a light theme, too, for most scans are black at their edges.
BEHIND = (0.0, 0.06, 0.09, 0.6)

_EDGES = {
    "left": "middle_left",
    "right": "middle_right",
    "top": "top_center",
    "bottom": "bottom_center",
}


class Letters:
    """Overlays that say A, P, L, R, S or I at each edge, in 2D and as 3D turns.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown, as long as a layer knows its place in the patient.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._overlays = {
            edge: TextOverlay(
                position=position,
                font_size=14,
                color="white",
                box_color=BEHIND,
                gridded=True,
            )
            for edge, position in _EDGES.items()
        }
        self._shown: set[str] = set()
        self.listening = Listening()
        # Several widgets may show letters; the next takes over from one that is closed.
        self.listening.to(viewer.canvas.overlays.events.removed, self._show)
        self._show()
        dims, layers = viewer.dims.events, viewer.layers.events
        camera = viewer.scene.camera.events
        for event in (
            dims.order, dims.ndisplay, dims.ndim, layers.inserted, layers.removed,
            camera.angles, camera.orientation,
        ):  # fmt: skip
            self.listening.to(event, self._update)
        self._update()

    def remove(self) -> None:
        """Take them away."""
        self.listening.stop()
        for edge in self._shown:
            self._viewer.canvas.overlays.pop(_key(edge), None)
        self._shown.clear()

    def _show(self, *_: Any) -> None:
        """Show those that nobody else shows."""
        overlays = self._viewer.canvas.overlays
        for edge, overlay in self._overlays.items():
            if _key(edge) not in overlays:
                self._shown.add(edge)
                overlays[_key(edge)] = overlay

    def _update(self, *_: Any) -> None:
        texts = dict.fromkeys(_EDGES, "")
        if axes_of(self._viewer.layers) is not None and self._viewer.dims.ndim > 1:
            texts = letters_of(self._viewer)
        for edge, overlay in self._overlays.items():
            overlay.text = texts[edge]
            overlay.visible = bool(texts[edge])


def has_letters(viewer: Any) -> bool:
    """Return whether a viewer shows letters already."""
    return any(_key(edge) in viewer.canvas.overlays for edge in _EDGES)


def letters_of(viewer: Any) -> dict[str, str]:
    """Return what lies to the left, right, top and bottom of the view."""
    right, down = _directions(viewer)
    grid = axes_of(viewer.layers)
    names: tuple[str, ...] = SCAN_SPACE_AXES
    if grid is not None and grid.ndim == 2:
        names = ScanSpace.of(grid).axis_labels  # not all of them
    named = dict(zip(range(-len(names), 0), names, strict=True))
    axes = [named.get(axis - viewer.dims.ndim, "") for axis in viewer.dims.displayed]
    return {
        "left": _name(-right, axes),
        "right": _name(right, axes),
        "top": _name(-down, axes),
        "bottom": _name(down, axes),
    }


def _directions(viewer: Any) -> tuple[Array, Array]:
    """Return what points to the right and down, along the axes that are shown."""
    camera = viewer.scene.camera
    _, vertical, horizontal = camera.orientation
    if viewer.dims.ndisplay == 2:
        right = np.array([0.0, 1.0 if str(horizontal) == "right" else -1.0])
        return right, np.array([1.0 if str(vertical) == "down" else -1.0, 0.0])
    up = np.array(camera.up_direction)
    # By default z, y and x, in this order, are right-handed.
    right = np.cross(camera.view_direction, up)
    return (right if str(camera.handedness) == "right" else -right), -up


def _name(direction: Array, axes: list[str]) -> str:
    """Letters of the axes that make up a direction, the most important first."""
    letters = ""
    for place in np.argsort(-np.abs(direction), kind="stable"):
        axis = axes[place]
        if abs(direction[place]) >= NAMED_FROM and axis in ENDS:
            letters += ENDS[axis][int(direction[place] > 0)]
    return letters


def _key(edge: str) -> str:
    return f"napari-uncertainty {edge}"
