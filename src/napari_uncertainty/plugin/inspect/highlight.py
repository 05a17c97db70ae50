"""Classes and places that stand out in the view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap

from ..layers import METADATA_KEY, layer_info
from ..map_layer import PREDICTION
from ..sources import ORIGINAL
from ..transform import TRANSFORM
from ..viewer.lifetime import Listening
from .changes import selection_kept
from .subject import Color, Subject

Array = np.ndarray[Any, Any]

CLASSES_NAME = "selected class"
PLACE_NAME = "place"

# Size of the ring around a place, as a share of the foreground's longest side.
RING = 0.06


class Highlight:
    """Outlines of the selected classes, in a layer of its own.

    The segmentation itself stays as the user has it.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where they are shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None
        self._shown: tuple[Subject, Mapping[int, Color]] | None = None
        self._of_labels = Listening()
        self.listening = Listening()
        self.listening.to(viewer.dims.events.ndisplay, self._other_display)

    def show(self, subject: Subject, colors: Mapping[int, Color]) -> None:
        """Outline these labels in their colours, or none."""
        resampled = ORIGINAL in layer_info(subject.layer)
        if not colors or (subject.segmentation is None and resampled):
            self.remove()
            return
        self._shown = subject, colors
        if self._viewer.dims.ndisplay == 2:
            self._show(subject, colors)

    def _show(self, subject: Subject, colors: Mapping[int, Color]) -> None:
        shown = subject.segmentation
        if shown is not None:
            data, like = shown.data, shown
        else:
            data, like = layer_info(subject.layer)[PREDICTION], subject.layer
        painted: dict[Any, Any] = {None: "transparent", 0: "transparent"}
        for label, rgb in colors.items():
            painted[label] = (*np.array(rgb) / 255, 1.0)
        colormap = DirectLabelColormap(color_dict=painted)
        if self._layer in self._viewer.layers and self._layer.data is data:
            self._layer.colormap = colormap
            return
        self._take_away()
        with selection_kept(self._viewer):
            self._layer = self._viewer.add_labels(
                data,
                name=CLASSES_NAME,
                colormap=colormap,
                opacity=1.0,
                metadata={METADATA_KEY: {"role": "highlight"}},
                **{name: getattr(like, name) for name in TRANSFORM},
            )
        self._layer.contour = 2
        self._layer.editable = False
        if shown is not None:
            self._of_labels.to(shown.events.labels_update, self._refresh)
            # All that is told when a stroke is undone.
            self._of_labels.to(shown.events.set_data, self._refresh)

    def remove(self) -> None:
        """Take the outlines away."""
        self._shown = None
        self._take_away()

    def hide(self) -> None:
        """Take the outlines away until 2D is back.

        Before the view goes to 3D, for napari warns that it has no outlines there.
        """
        self._take_away()

    def _other_display(self, *_: Any) -> None:
        if self._viewer.dims.ndisplay == 3:
            self.hide()
        elif self._shown is not None:
            self._show(*self._shown)

    def _take_away(self) -> None:
        self._of_labels.stop()
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _refresh(self, *_: Any) -> None:
        if self._layer is not None:
            self._layer.refresh()


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
