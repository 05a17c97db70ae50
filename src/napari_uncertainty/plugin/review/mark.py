"""The mark around the place that is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.layers import Image

from ..inspect.subject import ShownMap
from ..layers import METADATA_KEY
from ..viewer.lifetime import Listening

Array = np.ndarray[Any, Any]

NAME = "review mark"

#: A bright line on a dark one stands out on white matter and on black, and no colormap
#: for maps or labels has both.
COLORS = ("#001018", "#00E5FF")

# Widths of the two lines, and the least size of the ring, in pixels of the canvas.
WIDTHS = (7.0, 3.0)
LEAST_SIZE = 24.0

# The ring is so much larger than the ball, or it would be under the hotspot's own.
OUTSIDE = 1.15


class Mark:
    """A ring around a ball, as large as the ball is in the slice that is shown.

    It is seen in the slices that the ball crosses and in 3D, where it faces the eye,
    never fills what is inside, and is as thin at any zoom.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where it is shown.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None
        self._size = 0.0
        self._hidden = False
        self._of_camera = Listening()

    def show(self, place: Array, size: float) -> None:
        """Put it there.

        Parameters
        ----------
        place : ndarray, shape (n,)
            Centre of the ball: world coordinates of the viewer's last axes.
        size : float
            Diameter of the ball in the world.
        """
        fits = self.shown and len(self._layer.translate) == len(place)
        if not fits or self._covered():
            self.remove()
            self._add(place, size)
        else:
            self._move(place, size)
        if self._hidden:
            # Who hides it later wants it so.
            self._layer.visible, self._hidden = True, False

    def hide(self) -> None:
        """Hide it until it is shown again; napari is slow to take a layer away."""
        if self.shown and self._layer.visible:
            self._layer.visible, self._hidden = False, True

    def remove(self) -> None:
        """Take it away."""
        self._hidden = False
        self._of_camera.stop()
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    @property
    def shown(self) -> bool:
        """Return whether it is there; anybody can remove a layer."""
        return self._layer is not None and self._layer in self._viewer.layers

    def _covered(self) -> bool:
        """Return whether an image, such as a later map, lies on it."""
        layers, grid = self._viewer.layers, self._viewer.canvas.grid
        above = list(layers)[layers.index(self._layer) + 1 :]
        # In a grid nothing lies on each other.
        return not grid.enabled and any(
            isinstance(layer, Image) and layer.visible for layer in above
        )

    def _add(self, place: Array, size: float) -> None:
        n = len(place)
        with selection_as_it_was(self._viewer):
            self._layer = self._viewer.add_points(
                np.zeros((2, n)),
                name=NAME,
                translate=tuple(place),
                border_color=list(COLORS),
                face_color="transparent",
                metadata={METADATA_KEY: {"role": "place"}},
                **as_balls(self._viewer, n, size),
            )
        self._layer.editable = False
        self._of_camera.to(self._viewer.scene.camera.events.zoom, self._draw)
        self._size = size
        self._draw()

    def _move(self, place: Array, size: float) -> None:
        wanted = as_balls(self._viewer, len(place), size)
        if not np.allclose(self._layer.scale, wanted["scale"]):
            self._layer.scale = wanted["scale"]
        self._size = size
        self._draw()
        if not np.array_equal(self._layer.translate, place):
            self._layer.translate = tuple(place)

    def _draw(self, *_: Any) -> None:
        """A line of the same width, and a ring of a size to be seen, at any zoom."""
        if not self.shown:
            self._of_camera.stop()
            return
        zoom = float(self._viewer.scene.camera.zoom)
        size = max(LEAST_SIZE, OUTSIDE * self._size * zoom)
        # napari draws anew even where nothing changes.
        in_data = size / zoom / float(self._layer.scale[-1])
        if not np.allclose(self._layer.size, in_data):
            self._layer.size = in_data
        widths = [width / size for width in WIDTHS]
        if not np.allclose(self._layer.border_width, widths):
            self._layer.border_width = widths


def as_balls(viewer: Any, n: int, size: float) -> dict[str, Any]:
    """Options of a points layer that shows its points as the balls that they are.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the layer will be.
    n : int
        Number of its axes.
    size : float
        Diameter of the balls in the world.

    Returns
    -------
    dict
        With a ``scale`` to divide places by.
    """
    # napari shows a point in slices that are within half a step of its layer, and
    # sliders get the smallest step of all layers.
    steps = [part.step for part in viewer.dims.range[-n:]]
    scale = max(size, *steps)
    # In other units than the layers, it would take theirs from the viewer.
    units = (viewer.layers.units or ())[-n:]
    return {
        "scale": (scale,) * n,
        "size": size / scale,
        "projection_mode": "rescale_spherical",
        "symbol": "disc",
        "blending": "translucent_no_depth",
        # Where no ball is in the slice, napari draws a point of the least size.
        "canvas_size_limits": (0, 1e5),
        "units": units or None,
    }


def world_per_mm(subject: ShownMap) -> float:
    """Return how long a millimetre is in the viewer's world, on the map's voxels.

    Where it is not known how large these are, they count as 1 mm.
    """
    n = len(subject.to_world) - 1
    shown = np.linalg.norm(subject.to_world[:n, :n], axis=0)
    grid = subject.source.grid
    real = np.ones(n) if grid is None else np.linalg.norm(grid.affine[:3, :n], axis=0)
    return float(np.exp(np.mean(np.log(shown / real))))


@contextmanager
def selection_as_it_was(viewer: Any) -> Iterator[None]:
    """Add layers without selecting them, whatever was selected before."""
    selection = viewer.layers.selection
    before = set(selection)
    yield
    selection.update(before)
    selection.intersection_update(before)
