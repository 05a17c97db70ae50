"""Names of classes beside their surfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..short_names import ShortNames
from ..viewer.layers import add_helper, remove_layer

Array = np.ndarray[Any, Any]

NAMES = "names"

#: Of more classes the names would hide each other; the pointer tells them.
MOST_NAMES = 12

# Long names would hide the surfaces.
_LETTERS = 24


class SurfaceNames:
    """Names of classes beside their surfaces.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None
        self._named: tuple[str, ...] = ()

    def show(
        self, named: Sequence[tuple[str, Array]], step: float, units: Any
    ) -> list[Any]:
        """Name these surfaces; gives the layer of the names, if there are any.

        Parameters
        ----------
        named : sequence of (str, ndarray)
            Names, and the vertices of each surface in the world.
        step, units : float, tuple
            Scale and units of the surfaces' layers.
        """
        names = tuple(name for name, _ in named)
        if names == self._named and self._layer in self._viewer.layers:
            return [self._layer]
        self.remove()
        if not named:
            return []
        self._named = names
        around = np.concatenate([vertices for _, vertices in named]).mean(axis=0)
        places = [_outermost(vertices, around) for _, vertices in named]
        short = ShortNames(names)
        background = self._viewer.canvas.background_color
        self._layer = add_helper(
            self._viewer,
            "points",
            np.array(places) / step,
            "names",
            name=NAMES,
            features={
                "name": list(names),
                "shown": [short.within(name, _LETTERS) for name in names],
            },
            text={
                "string": "{shown}",
                # In 3D the canvas is behind them, white in a light theme.
                "color": "black" if np.mean(background[:3]) > 0.5 else "white",
                "size": 11,
                "anchor": "center",
                "blending": "translucent_no_depth",
            },
            size=0.01,
            scale=(step,) * 3,
            opacity=1.0,
            units=units,
            blending="translucent_no_depth",
            visible=False,
        )
        return [self._layer]

    def remove(self) -> None:
        """Take them away."""
        layer, self._layer, self._named = self._layer, None, ()
        remove_layer(self._viewer, layer)


def _outermost(vertices: Array, middle: Array) -> Array:
    """The place of a surface that is farthest to its side of the middle of all."""
    outwards = vertices.mean(axis=0) - middle
    place: Array = vertices[np.argmax(vertices @ outwards)]
    return place
