"""Titles of colour bars, and names of classes in the view.

The titles also keep napari 0.9 alive where OpenGL is done in software. A colour bar is
drawn with smooth lines, and vispy leaves the line smoothing of OpenGL switched on. If
the layer is removed, and with it the program of these lines, Mesa's software renderer
has no program for smooth lines until another one is chosen. Where each frame is drawn
with the same program, as with a scan alone, none ever is, and the next change of the
window's size ends the process. A text in a box is two programs, which are drawn after
all layers in each frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from textwrap import fill
from typing import Any
from weakref import WeakKeyDictionary, ref

import numpy as np
from napari.components.overlays import TextOverlay

from .lifetime import Changes, Listening, kept_by, one_per_viewer
from .scan_space import record_of
from .widgets import ShortNames

_KEY = "color bar title"

# Text and colour of a box that is drawn and not seen. vispy ignores a colour without
# any opacity, and the box would keep the one before.
_NOTHING, _UNSEEN = " ", (0, 0, 0, 0.001)

# Titles of all viewers, each of which is kept by the callbacks on its viewer.
_titles: WeakKeyDictionary[Any, ref[ColorBarTitle]] = WeakKeyDictionary()

#: Most classes that are named; of all others, the legend gives the number.
MOST_NAMED = 14

# Share of the view that the names may cover, down and across.
_DOWN, _ACROSS = 0.45, 0.4

# Height of a line and width of a letter in this size, in pixels, and the fewest lines
# and letters, however small the view is.
_FONT_SIZE = 8
_LINE, _LETTER = 26, 8
_FEWEST_LINES, _FEWEST_LETTERS = 3, 12

# In a narrower view, such as one of four, there is no room for names, and titles of
# colour bars are broken, so that the letter of the upper edge stays free: half of the
# view, but for half of that letter, is theirs. A letter of theirs is this wide.
_NARROWEST = 280
_HALF_EDGE_LETTER, _TITLE_LETTER = 24, 9

_WHITE = (1.0, 1.0, 1.0, 1.0)

# Text of a line and its colour.
Line = tuple[str, tuple[float, ...]]


# Titles of colour bars, which napari does not write: measure and unit, such as
# *entropy (bits)*.


def title_color_bars(viewer: Any) -> None:
    """Write measure and unit above the colour bars of a viewer, from now on.

    To be called when a map came or changed; the callbacks end with the viewer.

    Parameters
    ----------
    viewer : napari.viewer.Viewer or ViewerModel
        The viewer whose layers have colour bars.
    """
    one_per_viewer(_titles, viewer, ColorBarTitle).update()


class ColorBarTitle:
    """The title of the colour bars of maps and surfaces in one viewer.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer that shows it, in an overlay that stays as long as the viewer lives.
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
        changes = (
            viewer.canvas.grid.events.enabled,
            viewer.canvas.events.size,
            viewer.dims.events.ndisplay,
        )
        for event in changes:
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
        if not grid:
            shown = [_broken(title, canvas.size[1]) for title in shown]
        overlay.text = "\n".join(dict.fromkeys(reversed(shown))) or _NOTHING
        overlay.box_color = None if shown else _UNSEEN
        # In a grid, bars are within their cells, and the title is not.
        overlay.position = "bottom_right" if grid else "top_right"
        if shown and not grid:
            self._tiling.set(canvas.overlay_tiling, "top_right", "vertical")
        else:
            self._tiling.undo()


def _broken(title: str, width: float) -> str:
    """Return a title with a line for each word or so in a view as narrow as this."""
    if width >= _NARROWEST:
        return title
    letters = max(1, int((width / 2 - _HALF_EDGE_LETTER) / _TITLE_LETTER))
    return fill(title, letters, break_long_words=False, break_on_hyphens=False)


def title_of(layer: Any, ndisplay: int = 2, short: bool = False) -> str:
    """Return measure and unit of a map or a surface: ``entropy (bits)``.

    Parameters
    ----------
    layer : Image or Surface
        A map, or a surface with its values.
    ndisplay : int
        Number of axes that are shown; in 3D a map may be shown as a mean.
    short : bool
        Whether there is little room, so that a mean is called just that.
    """
    record = record_of(layer)
    if record is None:
        return ""
    title, unit = record.about.title, record.unit
    if ndisplay == 3 and getattr(layer, "rendering", "") == "average":
        title = f"mean {title}" if short else f"mean {title} along\nthe line of sight"
    return f"{title} ({unit})" if unit else title


# Names of classes in the view, each in its colour.


class ClassLegend:
    """Names of the classes in the shown slice, each in its colour, in the view.

    Parameters
    ----------
    viewer : ViewerModel
        The viewer that shows them, which is held weakly.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer_ref = ref(viewer)
        self._lines: list[Line] = []
        self._shown: list[Line] = []
        self._listening = Listening()
        self._listening.to(viewer.canvas.events.size, self._write)

    def show(self, classes: Mapping[int, tuple[str, Any]]) -> None:
        """Name these classes, as many as there is room for.

        Parameters
        ----------
        classes : mapping of int to (str, array_like)
            Name and colour (0 to 1) of each label.
        """
        self._lines = [
            (name, tuple(float(part) for part in np.ravel(color)[:4]))
            for _, (name, color) in sorted(classes.items())
        ]
        self._write()

    def _write(self, *_: Any) -> None:
        viewer = self._viewer_ref()
        if viewer is None:
            return
        lines = _fitting(self._lines, *viewer.canvas.size)
        if lines == self._shown:
            return
        overlays = viewer.canvas.overlays
        for number, (text, color) in enumerate(lines):
            key = _key(number)
            if key not in overlays:
                overlays[key] = TextOverlay(
                    position="top_left",
                    font_size=_FONT_SIZE,
                    # Dark in a light theme, too: classes have light colours.
                    box_color=(0.0, 0.0, 0.0, 0.7),
                )
            line = overlays[key]
            line.text, line.color, line.visible = text, color, True
        for number in range(len(lines), len(self._shown)):
            overlays[_key(number)].visible = False
        self._shown = lines


def _fitting(lines: list[Line], height: float, width: float) -> list[Line]:
    """Return as many lines as leave most of a view of this size to the picture."""
    if width < _NARROWEST:
        return []
    most = int(np.clip(_DOWN * height / _LINE, _FEWEST_LINES, MOST_NAMED))
    letters = max(int(_ACROSS * width / _LETTER), _FEWEST_LETTERS)
    short = _short(tuple(name for name, _ in lines))
    fitting = [(f"━ {short.within(name, letters)}", color) for name, color in lines]
    if len(fitting) > most:
        more = len(fitting) - most + 1
        fitting = [*fitting[: most - 1], (f"and {more} more", _WHITE)]
    return fitting


@lru_cache(maxsize=64)
def _short(names: tuple[str, ...]) -> ShortNames:
    """Return these names to be cut, from a cache, for the same slices come again."""
    return ShortNames(names)


def _key(number: int) -> str:
    """Return the key of the overlay of a line."""
    return f"class_{number}"
