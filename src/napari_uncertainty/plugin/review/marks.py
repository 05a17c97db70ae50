"""Marks of hotspots in the viewer: all of them as points, and the one that is shown.

In 2D each is a ring, as large as its ball is in the slice. In 3D it is a small solid
sphere: what is behind a surface is hidden by it, and what is behind a cut is faint. A
click on a mark goes to its hotspot.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from napari.layers import Image

from ...review.review import VERDICTS, Stop, Verdict
from ..viewer.layers import add_helper, remove_layer
from ..viewer.lifetime import Listening
from ..viewer.pointer import pointed_at
from ..viewer.shown_map import ShownMap

# The mark around the place that is looked at.

Array = np.ndarray[Any, Any]

NAME = "review mark"

#: Colours of the ring: a bright line on a dark one stands out on any scan, and no
#: colormap for maps or labels has both.
COLORS = ("#001018", "#00E5FF")

# Widths of the two lines, and the least size of the ring, in pixels of the canvas.
WIDTHS = (7.0, 3.0)
LEAST_SIZE = 24.0

# The ring is larger than the ball by this factor, to be seen around the hotspot's own.
OUTSIDE = 1.15


class Mark:
    """A ring around a ball, as large as the ball is in the slice that is shown.

    It is seen in the slices that the ball crosses and in 3D, where it faces the eye,
    never fills what is inside, and is as thin at any zoom.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer of the layer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._layer: Any = None
        self._size = 0.0
        self._hidden = False
        self._of_camera = Listening()

    def show(self, place: Array, size: float) -> None:
        """Show the ring around a ball.

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
            # A ring that the person has hidden stays hidden.
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
        remove_layer(self._viewer, layer)

    @property
    def shown(self) -> bool:
        """Return whether the layer exists; anybody can remove it."""
        return self._layer is not None and self._layer in self._viewer.layers

    def _covered(self) -> bool:
        """Return whether an image, such as a later map, lies on it."""
        layers, grid = self._viewer.layers, self._viewer.canvas.grid
        above = list(layers)[layers.index(self._layer) + 1 :]
        # In a grid, layers are beside each other.
        return not grid.enabled and any(
            isinstance(layer, Image) and layer.visible for layer in above
        )

    def _add(self, place: Array, size: float) -> None:
        n = len(place)
        self._layer = add_helper(
            self._viewer,
            "points",
            np.zeros((2, n)),
            "place",
            editable=False,
            name=NAME,
            translate=tuple(place),
            border_color=list(COLORS),
            face_color="transparent",
            **as_balls(self._viewer, n, size),
        )
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
        """Give the line the same width at any zoom, and the ring a visible size."""
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
    """Return the options of a points layer whose points are balls of a size.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer of the layer to be.
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
    return {
        "scale": (scale,) * n,
        "size": size / scale,
        "projection_mode": "rescale_spherical",
        "symbol": "disc",
        "blending": "translucent_no_depth",
        # Where no ball is in the slice, napari draws a point of the least size.
        "canvas_size_limits": (0, 1e5),
    }


def world_per_mm(subject: ShownMap) -> float:
    """Return the length of a millimetre in the viewer's world, on the map's voxels.

    Voxels of unknown size count as 1 mm.
    """
    n = len(subject.to_world) - 1
    shown = np.linalg.norm(subject.to_world[:n, :n], axis=0)
    grid = subject.source.grid
    real = np.ones(n) if grid is None else np.linalg.norm(grid.affine[:3, :n], axis=0)
    return float(np.exp(np.mean(np.log(shown / real))))


# Marks of all hotspots of a map, in the colours of what was decided.

# Width of the line around a ball, as a share of its diameter; around the ball of the
# current hotspot it is wider.
LINE = 0.05
CURRENT_LINE = 0.15

# Diameter of a sphere in 3D, as a share of the ball's: whole balls would hide what they
# are on. No sphere is smaller than so many pixels.
SPHERE = 0.4
LEAST_PIXELS = 7

# Opacity of a sphere behind a cut.
BEHIND = 0.25

#: Pixels that the pointer may move within a click.
CLICK = 3

TEXT_SIZE = 11

# The text stands beside the ball, so many diameters up, to the left and to the front.
BESIDE = -0.5


class HotspotPoints:
    """Marks of the hotspots of a review, each with its rank, as a points layer.

    The competing classes are in the features of the layer only: as texts in the canvas
    they would cover the image and each other.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer of the layer.
    on_removed : callable or None
        Called when somebody else removes the layer.
    on_clicked : callable or None
        Called with the rank of a hotspot whose mark is clicked.
    """

    def __init__(
        self,
        viewer: Any,
        on_removed: Callable[[], object] | None = None,
        on_clicked: Callable[[int], object] | None = None,
    ) -> None:
        self._viewer = viewer
        self._on_removed, self._on_clicked = on_removed, on_clicked
        self._layer: Any = None
        self._current: int | None = None
        self._places, self._diameter = np.empty((0, 3)), 0.0
        # The map, whose plane may cut the view in 3D, and the marks behind that plane.
        self._map: Any = None
        self._behind = np.empty(0, bool)
        self._listening = Listening()

    @property
    def shown(self) -> bool:
        """Return whether the layer exists."""
        return self._layer is not None

    def show(
        self,
        subject: ShownMap,
        stops: Sequence[Stop],
        names: Mapping[int, str],
        radius_mm: float,
    ) -> None:
        """Show these hotspots, instead of those before.

        Parameters
        ----------
        subject : ShownMap
            The map of the hotspots.
        stops : sequence of Stop
            The hotspots, and what was decided; an empty one removes the layer.
        names : mapping of int to str
            Names of the classes.
        radius_mm : float
            The radius of each ball.
        """
        self.remove()
        if not stops:
            return
        places = np.array([subject.place(stop.hotspot.voxel) for stop in stops])
        n = places.shape[1]
        diameter = 2 * radius_mm * world_per_mm(subject)
        options = as_balls(self._viewer, n, diameter)
        self._places, self._diameter, self._map = places, diameter, subject.layer
        self._layer = add_helper(
            self._viewer,
            "points",
            places / options["scale"],
            "hotspots",
            editable=False,
            name=f"{subject.layer.name} hotspots",
            features=_features(stops, names),
            border_width=LINE,
            text={
                "string": "{rank}",
                "size": TEXT_SIZE,
                "color": "white",
                "translation": BESIDE * options["size"] * np.ones(n),
                "blending": "translucent_no_depth",
            },
            **options,
        )
        viewer, to = self._viewer, self._listening.to
        to(viewer.dims.events.ndisplay, self._shape)
        to(viewer.scene.camera.events.angles, self._update_behind)
        to(subject.layer.plane.events.position, self._update_behind)
        to(subject.layer.events.depiction, self._update_behind)
        to(viewer.layers.events.removed, self._removed)
        self._listening.to_mouse(viewer.mouse_drag_callbacks, self._pressed)
        self._shape()

    def update(self, stops: Sequence[Stop]) -> None:
        """Show other verdicts in the layer, if it exists.

        Parameters
        ----------
        stops : sequence of Stop
            The same hotspots in the same order.
        """
        if self._layer is None:
            return
        verdicts = [stop.verdict for stop in stops]
        features = self._layer.features
        if list(features["verdict"]) == verdicts:
            return
        self._layer.features = features.assign(verdict=verdicts)
        self._color()

    def highlight(self, rank: int | None) -> None:
        """Let the mark of one hotspot stand out; None for none of them."""
        self._current = rank
        if self._layer is None:
            return
        ranks = np.array(self._layer.features["rank"])
        widths = np.where(ranks == rank, CURRENT_LINE, LINE)
        if not np.allclose(self._layer.border_width, widths):
            self._layer.border_width = widths

    def remove(self) -> None:
        """Take the layer away."""
        self._listening.stop()
        self._map = None
        layer, self._layer = self._layer, None
        remove_layer(self._viewer, layer)

    # -- in 2D and in 3D ------------------------------------------------------

    @property
    def _in_3d(self) -> bool:
        return bool(self._viewer.dims.ndisplay == 3)

    def _shape(self, *_: Any) -> None:
        """Show rings or spheres."""
        layer, solid = self._layer, self._in_3d
        layer.size = self._drawn / float(layer.scale[-1])
        layer.canvas_size_limits = (LEAST_PIXELS if solid else 0, 1e5)
        # The text of a hidden sphere would still be seen.
        layer.text.visible = not solid
        layer.shading = "spherical" if solid else "none"
        # With depth, so that anything opaque in front of a sphere hides it.
        layer.blending = "translucent" if solid else "translucent_no_depth"
        self._behind = self._behind_cut()
        self._color()
        self.highlight(self._current)

    @property
    def _drawn(self) -> float:
        """Diameter of the marks in the world."""
        return self._diameter * (SPHERE if self._in_3d else 1.0)

    def _color(self) -> None:
        # In 2D a ball is a ring, so that its voxels are seen.
        verdicts = self._layer.features["verdict"]
        colors = np.array([_rgba(verdict) for verdict in verdicts])
        if self._in_3d:
            colors[:, 3] = np.where(self._behind, BEHIND, 1.0)
        self._layer.border_color = colors
        self._layer.face_color = colors if self._in_3d else colors * (1, 1, 1, 0)

    def _update_behind(self, *_: Any) -> None:
        behind = self._behind_cut()
        if not np.array_equal(behind, self._behind):
            self._behind = behind
            self._color()

    def _behind_cut(self) -> Array:
        """Return for each mark whether a cut is in front of it."""
        shown, places = self._map, self._places
        none_behind: Array = np.zeros(len(places), bool)
        if not self._in_3d or not shown.visible or shown.depiction != "plane":
            return none_behind
        data = np.zeros(shown.ndim)
        data[-3:] = shown.plane.position
        # Layers of a scan are not rotated, so axes of data and world are parallel.
        normal = np.array(shown.plane.normal)
        away = float(normal @ self._viewer.scene.camera.view_direction)
        position = shown.data_to_world(data)[-3:]
        apart: Array = np.sign(away) * ((places - position) @ normal)
        return apart > self._drawn / 2

    # -- the pointer ----------------------------------------------------------

    def _pressed(self, _viewer: Any, event: Any) -> Iterator[None]:
        """Go to the hotspot whose mark is clicked, unless the mouse drags or draws."""
        active = self._viewer.layers.selection.active
        if event.modifiers or getattr(active, "mode", "pan_zoom") != "pan_zoom":
            return
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(np.array(event.pos) - start).max() > CLICK or self._layer is None:
            return
        at = self._marked(np.array(event.position, float), event.view_direction)
        if at is not None and self._on_clicked is not None:
            self._on_clicked(int(self._layer.features["rank"][at]))

    def _marked(self, position: Array, direction: Any) -> int | None:
        """Return the index of the nearest mark under the pointer; None without any."""
        if not self._layer.visible:
            return None
        offset = self._places - position[-self._places.shape[1] :]
        depth: Array = np.zeros(len(offset))
        if self._in_3d:
            along = np.array(direction, float)[-3:]
            along /= np.linalg.norm(along)
            depth = offset @ along
            offset = offset - depth[:, np.newaxis] * along
        aside = np.linalg.norm(offset, axis=1)
        pixel = 1 / float(self._viewer.scene.camera.zoom)
        reach = max(self._drawn / 2, LEAST_PIXELS / 2 * pixel)
        near = aside <= reach
        if self._in_3d:
            surface = pointed_at(self._viewer, position, direction)
            if surface is not None:
                near &= depth <= (surface[-3:] - position[-3:]) @ along + reach
            aside = depth
        indices = np.flatnonzero(near)
        return int(indices[np.argmin(aside[indices])]) if len(indices) else None

    # -- the end --------------------------------------------------------------

    def _removed(self, event: Any) -> None:
        if event.value == self._layer:
            self.remove()
            if self._on_removed is not None:
                self._on_removed()


def _features(stops: Sequence[Stop], names: Mapping[int, str]) -> dict[str, Any]:
    return {
        "rank": [stop.rank for stop in stops],
        "classes": [stop.hotspot.competing(names) for stop in stops],
        "verdict": [stop.verdict for stop in stops],
        "mass": [stop.hotspot.mass for stop in stops],
    }


def _rgba(verdict: Verdict) -> tuple[float, ...]:
    return (*(value / 255 for value in VERDICTS[verdict].rgb), 1.0)
