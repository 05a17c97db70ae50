"""Axial, coronal and sagittal views, upright, and going to places in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..sources import axes_of

Array = np.ndarray[Any, Any]

#: The axis that is sliced and those that are shown (down, right), of scan space's
#: z, y, x, which run to Inferior, Posterior and Left.
PLANES = {"Axial": (0, 1, 2), "Coronal": (1, 0, 2), "Sagittal": (2, 0, 1)}


def plane_titles(viewer: Any) -> dict[str, str]:
    """Return names of the planes: their axes, where nobody knows the patient's."""
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
    """The plane that is shown; None in 3D, and where axes lie otherwise."""
    if viewer.dims.ndisplay != 2 or viewer.dims.ndim < 3:
        return None
    order = tuple(axis - viewer.dims.ndim + 3 for axis in viewer.dims.order[-3:])
    return next((name for name, axes in PLANES.items() if axes == order), None)


def place_of_interest(viewer: Any) -> Array:
    """World coordinates of the middle of the view, in the slices that are shown."""
    place = np.array(viewer.dims.point, dtype=float)
    if viewer.dims.ndisplay == 2:
        place[list(viewer.dims.displayed)] = viewer.scene.camera.center[-2:]
    return place[-3:]


def go_to(viewer: Any, place: Sequence[float] | Array) -> None:
    """Slice through a place, and put it into the middle of the view.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where to go.
    place : sequence of float
        World coordinates of the last axes, z, y, x.
    """
    n = len(place)
    viewer.dims.set_point(range(-n, 0), tuple(float(x) for x in place))
    at = dict(zip(range(viewer.dims.ndim - n, viewer.dims.ndim), place, strict=True))
    center = [float(at.get(axis, 0.0)) for axis in viewer.dims.displayed]
    viewer.scene.camera.center = tuple(center)


def on_steps(viewer: Any, place: Array) -> Array:
    """The nearest place where all sliders are on a step.

    From any other one each slider would go there by itself, and napari would slice all
    layers again each time.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Whose sliders are meant.
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
        In 2D or in 3D.
    corners : ndarray, shape (2, n)
        Two opposite corners, in the last n of the viewer's axes.
    """
    size = np.ptp(corners, axis=0)
    room = np.array(viewer.canvas.viewbox_size(viewer.layers), dtype=float)
    if viewer.dims.ndisplay == 3:
        # Whatever the side, with room for the letters around it.
        shown = room / (1.25 * size.max())
    else:
        first = viewer.dims.ndim - len(size)
        shown = 0.9 * room / size[[axis - first for axis in viewer.dims.displayed]]
    viewer.scene.camera.zoom = float(shown.min())


#: The view that is no plane.
SOLID = "3D"
