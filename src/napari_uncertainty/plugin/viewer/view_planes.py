"""Planes of the patient, the letters around them, and the framing of a case."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from napari.components.overlays import TextOverlay
from napari.layers import Labels

from .layer_roles import role_of
from .lifetime import Listening, unwrapped
from .scan_space import SCAN_SPACE_AXES, ScanSpace, axes_of

Array = np.ndarray[Any, Any]

#: Of scan space's z, y and x, the axis that is sliced and those that run down and right
#: on the screen. They run to Inferior, Posterior and Left.
PLANES = {"Axial": (0, 1, 2), "Coronal": (1, 0, 2), "Sagittal": (2, 0, 1)}

#: Name of the view beside the three planes.
SOLID = "3D"

#: Letters of the sides that z, y and x come from and run to.
ENDS = {"z": ("S", "I"), "y": ("A", "P"), "x": ("R", "L")}

#: An axis is named if it makes up this part of a direction: it is within 65 degrees.
NAMED_FROM = 0.42

#: Colour behind letters, dark also in a light theme, for most scans are black at their
#: edges.
BEHIND = (0.0, 0.06, 0.09, 0.6)

_EDGES = {
    "left": "middle_left",
    "right": "middle_right",
    "top": "top_center",
    "bottom": "bottom_center",
}

# Share of the view that a case fills, with room for the letters at its edges.
_FILLED = 0.86

# State in which each viewer was left when it was last framed.
_left: WeakKeyDictionary[Any, _ViewState] = WeakKeyDictionary()


# Planes, upright, and places in them.


def plane_titles(viewer: Any) -> dict[str, str]:
    """Return the titles of the planes: just axes where the patient's are unknown."""
    if axes_of(viewer.layers) is not None:
        return {name: name for name in PLANES}
    return {name: f"Axis {axis}" for name, (axis, *_) in PLANES.items()}


def show_plane(viewer: Any, name: str) -> None:
    """Show a plane through the place that is in the middle of the view."""
    if viewer.dims.ndim < 3:
        return
    place = place_of_interest(viewer)
    viewer.dims.ndisplay = 2
    zoom = viewer.scene.camera.zoom
    leading = viewer.dims.ndim - 3
    viewer.dims.order = (
        *range(leading),
        *(leading + axis for axis in PLANES[name]),
    )
    # With another order napari fits the whole volume into the view.
    viewer.scene.camera.zoom = zoom
    go_to(viewer, place)


def plane_of(viewer: Any) -> str | None:
    """Return the plane that is shown; None in 3D, and in any other order of axes."""
    if viewer.dims.ndisplay != 2 or viewer.dims.ndim < 3:
        return None
    order = tuple(axis - viewer.dims.ndim + 3 for axis in viewer.dims.order[-3:])
    return next((name for name, axes in PLANES.items() if axes == order), None)


def place_of_interest(viewer: Any) -> Array:
    """Return world coordinates of the middle of the view, in the shown slices."""
    place = np.array(viewer.dims.point, dtype=float)
    if viewer.dims.ndisplay == 2:
        place[list(viewer.dims.displayed)] = viewer.scene.camera.center[-2:]
    return place[-3:]


def go_to(viewer: Any, place: Sequence[float] | Array) -> None:
    """Slice through a place, and put it into the middle of the view.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer to move.
    place : sequence of float
        World coordinates of the last axes, z, y, x.
    """
    n = len(place)
    viewer.dims.set_point(range(-n, 0), tuple(float(x) for x in place))
    at = dict(zip(range(viewer.dims.ndim - n, viewer.dims.ndim), place, strict=True))
    center = [float(at.get(axis, 0.0)) for axis in viewer.dims.displayed]
    viewer.scene.camera.center = tuple(center)


def on_steps(viewer: Any, place: Array) -> Array:
    """Return the nearest place at which all sliders are on a step.

    From any other place, each slider would go to its step by itself, and napari would
    slice all layers again each time.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer with the sliders.
    place : ndarray
        World coordinates of the last axes.
    """
    ranges = np.array(viewer.dims.range)[-len(place) :]
    start, _, step = ranges.T
    nearest: Array = start + np.rint((place - start) / step) * step
    return nearest


def fit(viewer: Any, corners: Array) -> None:
    """Let a box fill the view, or each view where there are several.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer, in 2D or in 3D.
    corners : ndarray, shape (2, n)
        Two opposite corners, in the last n of the viewer's axes.
    """
    size = np.ptp(corners, axis=0)
    room = np.array(viewer.canvas.viewbox_size(viewer.layers), dtype=float)
    if viewer.dims.ndisplay == 3:
        # From any side, with room for the letters around it.
        shown = room / (1.25 * size.max())
    else:
        first = viewer.dims.ndim - len(size)
        shown = 0.9 * room / size[[axis - first for axis in viewer.dims.displayed]]
    viewer.scene.camera.zoom = float(shown.min())


# Letters at the edges of the view, for the sides of the patient.


class Letters:
    """Overlays with A, P, L, R, S or I at each edge, in 2D and as 3D turns.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer that shows them while a layer has a known place in the patient.
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
        # Several docks may show letters; another one takes over when one is closed.
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
        """Remove the letters."""
        self.listening.stop()
        for edge in self._shown:
            self._viewer.canvas.overlays.pop(_key(edge), None)
        self._shown.clear()

    def _show(self, *_: Any) -> None:
        """Show the letters of those edges at which no other dock shows any."""
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
    """Return the letters to the left, right, top and bottom of the view."""
    right, down = _directions(viewer)
    grid = axes_of(viewer.layers)
    names: tuple[str, ...] = SCAN_SPACE_AXES
    if grid is not None and grid.ndim == 2:
        names = ScanSpace.of(grid).axis_labels  # only two of them
    named = dict(zip(range(-len(names), 0), names, strict=True))
    axes = [named.get(axis - viewer.dims.ndim, "") for axis in viewer.dims.displayed]
    return {
        "left": _name(-right, axes),
        "right": _name(right, axes),
        "top": _name(-down, axes),
        "bottom": _name(down, axes),
    }


def _directions(viewer: Any) -> tuple[Array, Array]:
    """Return the directions right and down, along the axes that are shown."""
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
    """Return the letters of the axes of a direction, the largest part first."""
    letters = ""
    for place in np.argsort(-np.abs(direction), kind="stable"):
        axis = axes[place]
        if abs(direction[place]) >= NAMED_FROM and axis in ENDS:
            letters += ENDS[axis][int(direction[place] > 0)]
    return letters


def _key(edge: str) -> str:
    """Return the key of the overlay at an edge."""
    return f"napari-uncertainty {edge}"


# Framing of a case, as long as the user has not moved the view.


class _ViewState(NamedTuple):
    """Slices, camera and axes of a viewer at one moment."""

    ndim: int
    axes: tuple[int, ...]
    point: tuple[float, ...]
    camera: tuple[float, ...]

    @classmethod
    def of(cls, viewer: Any) -> _ViewState:
        dims, camera = viewer.dims, viewer.scene.camera
        # Only axes in space count, for that of the classes comes and goes.
        order = (axis - dims.ndim for axis in dims.order[-3:])
        shown = camera.center[-dims.ndisplay :]
        return cls(
            dims.ndim, (dims.ndisplay, *order), dims.point[-3:], (*shown, camera.zoom)
        )

    def moved_from(self, before: _ViewState) -> bool:
        """Return whether the user has moved the view since another state.

        Where the number of axes differs, the camera does not count, for napari then
        fits everything into the view.
        """
        return (
            self.axes != before.axes
            or not np.allclose(self.point, before.point)
            or (
                self.ndim == before.ndim and not np.allclose(self.camera, before.camera)
            )
        )


def frame_unless_moved(viewer: Any) -> None:
    """Show the middle of a case, unless the user has moved the view.

    A view that was not moved is as this function left it or, at first, in the middle of
    its sliders, where napari begins.
    """
    viewer = unwrapped(viewer)
    before = _left.get(viewer)
    if before is None:
        moved = not _in_the_middle(viewer)
    else:
        moved = _ViewState.of(viewer).moved_from(before)
    if not moved and frame_case(viewer):
        _left[viewer] = _ViewState.of(viewer)


def frame_case(viewer: Any) -> bool:
    """Fill the view with the foreground of a case, and go to its middle.

    Returns
    -------
    bool
        False where nothing is segmented or uncertain, so that nothing was done.
    """
    box = box_of_interest(viewer)
    if box is None:
        return False
    middle, size = box.mean(axis=0), np.maximum(np.ptp(box, axis=0), 1e-6)
    viewer.dims.set_point(range(-len(middle), 0), middle)
    viewer.scene.camera.center = tuple(middle)
    room = np.array(viewer.canvas.size)
    if viewer.dims.ndisplay == 2:
        first = viewer.dims.ndim - len(size)
        displayed = [axis - first for axis in viewer.dims.displayed]
        if min(displayed) < 0:
            return True
        viewer.scene.camera.center = tuple(middle[displayed])
        shown = room / size[displayed]
    else:
        shown = room / (1.2 * size.max())
    viewer.scene.camera.zoom = _FILLED * float(shown.min())
    return True


def box_of_interest(viewer: Any) -> Array | None:
    """Return two opposite corners in world coordinates, shape (2, n), or None.

    They enclose the foreground where there is a segmentation, else the voxels in which
    a map reaches half its range.
    """
    layers = [one for one in viewer.layers if role_of(one) in ("segmentation", "map")]
    layers.sort(key=lambda one: not isinstance(one, Labels))
    return next((box for box in map(box_of, layers) if box is not None), None)


def box_of(layer: Any) -> Array | None:
    """Return two opposite corners of the foreground in the world, shape (2, n).

    They enclose all labels, or the voxels in which a map reaches half its range; None
    where there are none.

    Parameters
    ----------
    layer : Labels or Image
        A segmentation or a map.
    """
    data = np.asarray(layer.data)
    labels = isinstance(layer, Labels)
    inside = data != 0 if labels else data > layer.contrast_limits[1] / 2
    ends = []
    for axis in range(inside.ndim):
        others = tuple(other for other in range(inside.ndim) if other != axis)
        occupied = np.flatnonzero(inside.any(axis=others))
        if not len(occupied):
            return None
        ends.append((occupied[0], occupied[-1]))
    world = [layer.data_to_world(corner) for corner in np.transpose(ends)]
    return np.sort(np.array(world), axis=0)


def _in_the_middle(viewer: Any) -> bool:
    ranges = np.array(viewer.dims.range)[-3:]
    middle = ranges[:, :2].mean(axis=1)
    return bool(
        (np.abs(np.array(viewer.dims.point)[-3:] - middle) <= ranges[:, 2]).all()
    )


def picture(viewer: Any, width: int, height: int) -> Array:
    """Return a picture of the view with another number of pixels.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        A viewer with a window.
    width, height : int
        Size in pixels; the picture shows all that the view shows.

    Returns
    -------
    ndarray of uint8, shape (height, width, 4)
    """
    camera = viewer.scene.camera
    zoom, center = camera.zoom, camera.center
    shown_height, shown_width = viewer.canvas.size
    camera.zoom = zoom * min(width / shown_width, height / shown_height)
    try:
        shot: Array = viewer.screenshot(
            size=(height, width), scale=1, canvas_only=True, flash=False
        )
    finally:
        camera.zoom, camera.center = zoom, center
    return shot
