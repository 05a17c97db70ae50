"""A ring around a place that stands out in the view."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..viewer.layers import add_helper, remove_layer

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
        # With smaller steps than the layers have, sliders would get them, too.
        step = max(part.step for part in self._viewer.dims.range[-len(place) :])
        self._layer = add_helper(
            self._viewer,
            "points",
            np.array([place]) / step,
            "place",
            editable=False,
            name=PLACE_NAME,
            scale=(step,) * len(place),
            size=size / step,
            face_color="transparent",
            border_color="#00E5FF",
            border_width=0.08,
            symbol="disc",
            out_of_slice_display=False,
            blending="translucent_no_depth",
        )

    def remove(self) -> None:
        """Take it away."""
        layer, self._layer = self._layer, None
        remove_layer(self._viewer, layer)
