"""Titles of colour bars, which napari's have not: measure and unit, *entropy (bits)*.

They also keep napari 0.9 alive where OpenGL is done in software. A colour bar is drawn
with smooth lines, and vispy leaves the line smoothing of OpenGL switched on. If the
layer goes, and with it the program of these lines, Mesa's software renderer has no
program for smooth lines until another one is chosen; where the same program is drawn in
each frame, as with a scan alone, none ever is, and the next change of the window's size
ends the process. A text in a box is two programs, drawn after all layers in each frame.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary, ref

from napari.components.overlays import TextOverlay

from ..inspect.changes import Changes
from ..layers import record_of
from .lifetime import Listening, kept_by, one_per_viewer

_KEY = "color bar title"

#: Text of nothing that is drawn nevertheless. Of a colour without any opacity vispy
#: takes no notice, and the box would keep the one before.
_NOTHING, _UNSEEN = " ", (0, 0, 0, 0.001)

# Each is kept by the callbacks on its viewer.
_of: WeakKeyDictionary[Any, ref[ColorBarTitle]] = WeakKeyDictionary()


def title_color_bars(viewer: Any) -> None:
    """Write above colour bars what they measure, from now on.

    To be called when there is a map, or another one; the callbacks end with the viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        Whose layers have colour bars.
    """
    one_per_viewer(_of, viewer, ColorBarTitle).update()


class ColorBarTitle:
    """The title of the colour bars of maps and surfaces in one viewer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Where it is written, in an overlay that stays for as long as the viewer lives.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._overlay = TextOverlay(
            text=_NOTHING,
            position="top_right",
            font_size=10,
            box=True,
            box_color=_UNSEEN,
            visible=True,
        )
        self._tiling = Changes()
        self._of_layers = Listening()
        viewer.canvas.overlays[_KEY] = self._overlay
        layers = viewer.layers.events
        for event in (layers.inserted, layers.removed, layers.reordered):
            kept_by(event, self.update)
        for event in (viewer.canvas.grid.events.enabled, viewer.dims.events.ndisplay):
            kept_by(event, self._write)

    def update(self, *_: Any) -> None:
        """Follow the layers that there are now."""
        self._of_layers.stop()
        for layer in self._layers():
            self._of_layers.to(layer.events.visible, self._write)
            self._of_layers.to(layer.colorbar.events.visible, self._write)
            if hasattr(layer, "rendering"):
                self._of_layers.to(layer.events.rendering, self._write)
        self._write()

    def _layers(self) -> list[Any]:
        return [
            layer
            for layer in self._viewer.layers
            if record_of(layer) is not None and hasattr(layer, "colorbar")
        ]

    def _write(self, *_: Any) -> None:
        grid = bool(self._viewer.canvas.grid.enabled)
        shown = [
            title_of(layer, self._viewer.dims.ndisplay, short=grid)
            for layer in self._layers()
            if layer.visible and layer.colorbar.visible
        ]
        overlay, canvas = self._overlay, self._viewer.canvas
        overlay.text = "\n".join(dict.fromkeys(reversed(shown))) or _NOTHING
        overlay.box_color = None if shown else _UNSEEN
        # Bars in a grid are in their cells, and the title is not.
        overlay.position = "bottom_right" if grid else "top_right"
        if shown and not grid:
            self._tiling.set(canvas.overlay_tiling, "top_right", "vertical")
        else:
            self._tiling.undo()


def title_of(layer: Any, ndisplay: int = 2, short: bool = False) -> str:
    """Return measure and unit of a map or a surface: ``entropy (bits)``.

    Parameters
    ----------
    layer : Image or Surface
        A map, or a surface with its values.
    ndisplay : int
        Number of axes that are shown; in 3D a map may be shown as a mean.
    short : bool
        Whether there is little room, and of what it is a mean is not said.
    """
    record = record_of(layer)
    if record is None:
        return ""
    title, unit = record.about.title, record.unit
    if ndisplay == 3 and getattr(layer, "rendering", "") == "average":
        title = f"mean {title}" if short else f"mean {title} along\nthe line of sight"
    return f"{title} ({unit})" if unit else title
