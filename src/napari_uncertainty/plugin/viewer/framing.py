"""Slice and zoom at which there is something to see, as long as nobody has moved."""

from __future__ import annotations

from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels

from ..selection import role_of
from .lifetime import unwrapped

Array = np.ndarray[Any, Any]

# So much of the view a case fills; letters stand at its edges.
_FILLED = 0.86

# How each viewer was left after it had been moved from here.
_left: WeakKeyDictionary[Any, _ViewState] = WeakKeyDictionary()


class _ViewState(NamedTuple):
    """Slices, camera and axes of a viewer at some moment."""

    ndim: int
    axes: tuple[int, ...]
    point: tuple[float, ...]
    camera: tuple[float, ...]

    @classmethod
    def of(cls, viewer: Any) -> _ViewState:
        dims, camera = viewer.dims, viewer.scene.camera
        # In space, for leading axes such as that of the classes come and go.
        order = (axis - dims.ndim for axis in dims.order[-3:])
        shown = camera.center[-dims.ndisplay :]
        return cls(
            dims.ndim, (dims.ndisplay, *order), dims.point[-3:], (*shown, camera.zoom)
        )

    def moved_from(self, before: _ViewState) -> bool:
        """Return whether somebody has gone elsewhere.

        napari fits everything into the view when the number of axes changes.
        """
        return (
            self.axes != before.axes
            or not np.allclose(self.point, before.point)
            or (
                self.ndim == before.ndim and not np.allclose(self.camera, before.camera)
            )
        )


def frame_unless_moved(viewer: Any) -> None:
    """Show the middle of a case, unless the person has gone elsewhere meanwhile.

    Where nobody has, a viewer is as it was left here the last time or, the first time,
    in the middle of its sliders, where napari begins.
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
    """Go to the middle of what is segmented, or uncertain, and fill the view with it.

    Returns
    -------
    bool
        False where nothing is segmented or uncertain, and so nothing was done.
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
    for layer in sorted(layers, key=lambda one: not isinstance(one, Labels)):
        box = box_of(layer)
        if box is not None:
            return box
    return None


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
        there = np.flatnonzero(inside.any(axis=others))
        if not len(there):
            return None
        ends.append((there[0], there[-1]))
    world = [layer.data_to_world(corner) for corner in np.transpose(ends)]
    return np.sort(np.array(world), axis=0)


def _in_the_middle(viewer: Any) -> bool:
    ranges = np.array(viewer.dims.range)[-3:]
    middle = ranges[:, :2].mean(axis=1)
    return bool(
        (np.abs(np.array(viewer.dims.point)[-3:] - middle) <= ranges[:, 2]).all()
    )


def picture(viewer: Any, width: int, height: int) -> Array:
    """Return a picture of the view in another size: as much of it, with other pixels.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        In a window.
    width, height : int
        In pixels.

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
