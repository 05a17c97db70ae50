"""A ring around a place that stands out in the view."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..layers import METADATA_KEY
from .changes import selection_kept

Array = np.ndarray[Any, Any]

PLACE_NAME = "place"

# Size of the ring around a place, as a share of the foreground's longest side.
RING = 0.06


class Ring:
    """A ring around a place that was gone to.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it is shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None

    def show(self, place: Array, size: float) -> None:
        """Put the ring there; `size` in the viewer's unit."""
        if self._layer is not None and self._layer in self._viewer.layers:
            step = float(self._layer.scale[0])
            self._layer.data = np.array([place]) / step
            self._layer.size = size / step
            return
        # In other units than the layers, it would take theirs from the viewer.
        units = (self._viewer.layers.units or ())[-len(place) :]
        # With smaller steps than the layers have, sliders would get them, too.
        step = max(part.step for part in self._viewer.dims.range[-len(place) :])
        with selection_kept(self._viewer):
            self._layer = self._viewer.add_points(
                np.array([place]) / step,
                name=PLACE_NAME,
                scale=(step,) * len(place),
                size=size / step,
                face_color="transparent",
                border_color="#00E5FF",
                border_width=0.08,
                symbol="disc",
                out_of_slice_display=False,
                blending="translucent_no_depth",
                units=units or None,
                metadata={METADATA_KEY: {"role": "place"}},
            )
        self._layer.editable = False

    def remove(self) -> None:
        """Take it away."""
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)
