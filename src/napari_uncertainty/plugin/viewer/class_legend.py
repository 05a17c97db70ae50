"""Names of classes in the view, each in its colour."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from weakref import ref

import numpy as np
from napari.components.overlays import TextOverlay

from ..short_names import ShortNames
from .lifetime import Listening

#: So many classes are named at most; of others only the number.
MOST_NAMED = 14

# Share of the view that the names may cover, down and across.
_DOWN, _ACROSS = 0.45, 0.4

# Height of a line and width of a letter with that font, in pixels, and the fewest of
# both, however small the view is.
_FONT_SIZE = 8
_LINE, _LETTER = 26, 8
_FEWEST_LINES, _FEWEST_LETTERS = 3, 12

# In a narrower view, such as one of four, there is no room for names.
_NARROWEST = 280

_WHITE = (1.0, 1.0, 1.0, 1.0)

Line = tuple[str, tuple[float, ...]]


class ClassLegend:
    """Names of the classes in the shown slice, each in its colour, in the view.

    Parameters
    ----------
    viewer : ViewerModel
        It is held weakly.
    """

    def __init__(self, viewer: Any) -> None:
        self._of = ref(viewer)
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
        viewer = self._of()
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
    """Return lines that leave most of a view of this size to the picture."""
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
    """Return what cuts these names; slices come again."""
    return ShortNames(names)


def _key(number: int) -> str:
    return f"class_{number}"
