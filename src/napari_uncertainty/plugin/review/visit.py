"""A visit to a hotspot: the slices, the view, the mark and the label to paint with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QTimer

from ...analysis.hotspots import Hotspot
from ..viewer.lifetime import Changes, Listening, weakly
from ..viewer.shown_map import ShownMap, names_of
from ..viewer.view_planes import PLANES, go_to, on_steps, plane_of, show_plane
from .marks import Mark, world_per_mm

Array = np.ndarray[Any, Any]

# A ball whose diameter is less on the screen, in pixels, is too small to judge.
LEAST_BALL = 24.0

# The view then shows so many mm: a fold of the cortex and what is around it.
SEEN_MM = 60.0

#: Opacity of the map during a visit, so that the scan below it is seen as well.
FAINT = 0.6

BACKGROUND = 0


class _CameraState(NamedTuple):
    """Zoom as it was left, and what changes it without anybody zooming."""

    axes: tuple[int, ...]
    canvas: tuple[int, ...]
    zoom: float


class Visit:
    """Visits of hotspots, one after the other, as a viewer shows them.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        In 2D or in 3D.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = viewer
        self._mark = Mark(viewer)
        self._changes = Changes()
        # The map that is visited, and whether it is faint meanwhile.
        self._map: Any = None
        self._faint = True
        self._place: Array | None = None
        self._left: _CameraState | None = None
        # Numbers of axes shown, 2 or 3, in which somebody has zoomed.
        self._zoomed: set[int] = set()
        # Slices have moved without an event, see `_center`.
        self._moved_silently = False
        self._listening = Listening()

    def go_to(self, subject: ShownMap, hotspot: Hotspot, radius_mm: float) -> None:
        """Put a hotspot into the middle of the view, and mark it.

        The zoom stays, unless the ball would be too small to be judged and nobody has
        zoomed since the visit began. Sliders of further axes, such as time or classes,
        and the plane stay as well.

        Parameters
        ----------
        subject : ShownMap
            The map, and the segmentation that is corrected.
        hotspot : Hotspot
            A place of this map.
        radius_mm : float
            The radius of its ball.
        """
        if self._place is None:
            self._listen()
            # Once, for somebody may want to see more of it.
            self._map = subject.layer
            self._fade()
        self._place = subject.place(hotspot.voxel)
        mm = world_per_mm(subject)
        self._center(self._place)
        self._mark.show(self._place, 2 * radius_mm * mm)
        self._zoom(2 * radius_mm * mm, SEEN_MM * mm)
        layer: Any = subject.segmentation
        label = label_to_paint(subject, hotspot)
        if label is not None and layer in self._viewer.layers:
            layer.selected_label = label

    def fade(self, wanted: bool) -> None:
        """Let the scan be seen through the map, while the review is what is done."""
        self._faint = wanted
        self._fade()

    def _fade(self) -> None:
        if self._faint and self._map is not None:
            faint = min(FAINT, self._map.opacity)
            self._changes.set(self._map, "opacity", faint)
        else:
            self._changes.undo()

    def flip_plane(self) -> None:
        """Show the next plane through the place: axial, coronal, sagittal.

        In 3D, look along the axis of the next one, with the patient as in the plane.
        """
        if self._viewer.dims.ndim < 3:
            return
        if self._viewer.dims.ndisplay == 3:
            _look_along(self._viewer, _next(_looked_along(self._viewer)))
        else:
            self._note_zoom()
            show_plane(self._viewer, _next(plane_of(self._viewer)))
        if self._place is not None:
            self._center(self._place)
            self._left = self._view()

    def leave(self) -> None:
        """Take the mark away, and follow the viewer no longer."""
        self.pause()
        self._mark.remove()

    def pause(self) -> None:
        """Follow the viewer no longer until the next visit; the mark is hidden."""
        self._listening.stop()
        self._map = None
        self._fade()
        self._mark.hide()
        self._announce()
        self._place = self._left = None
        self._zoomed.clear()

    def _listen(self) -> None:
        dims = self._viewer.dims.events
        self._listening.to(dims.ndisplay, self._announce_in_2d)
        for event in (dims.ndisplay, dims.order):
            self._listening.to(event, self._note_zoom_soon)

    # -- the place ------------------------------------------------------------

    def _center(self, place: Array) -> None:
        place, dims = on_steps(self._viewer, place), self._viewer.dims
        if dims.ndisplay == 3:
            # napari would upload whole volumes anew, to show them just as before.
            with dims.events.blocker_all():
                go_to(self._viewer, place)
            self._moved_silently = True
        else:
            go_to(self._viewer, place)

    def _announce_in_2d(self, *_: Any) -> None:
        if self._viewer.dims.ndisplay == 2:
            self._announce()

    def _announce(self) -> None:
        """Emit the events of slices that have moved without any."""
        dims = self._viewer.dims
        if self._moved_silently:
            self._moved_silently = False
            dims.events.point(value=dims.point)
            dims.events.current_step(value=dims.current_step)

    # -- the zoom -------------------------------------------------------------

    def _zoom(self, ball: float, extent: float) -> None:
        """Zoom in on a small ball, unless somebody has zoomed; lengths in the world."""
        self._note_zoom()
        camera = self._viewer.scene.camera
        not_zoomed = self._viewer.dims.ndisplay not in self._zoomed
        if not_zoomed and ball * camera.zoom < LEAST_BALL:
            room = min(self._viewer.canvas.viewbox_size(self._viewer.layers))
            camera.zoom = float(room) / extent
        self._left = self._view()

    def _note_zoom_soon(self, *_: Any) -> None:
        # Whoever shows other axes may set the zoom afterwards.
        QTimer.singleShot(0, weakly(self._note_zoom))

    def _note_zoom(self) -> None:
        """Note whether somebody has zoomed since the last time."""
        if self._left is None:
            return
        now, left = self._view(), self._left
        same = bool(np.isclose(now.zoom, left.zoom, rtol=1e-3))
        ndisplay = now.axes[0]
        if now.axes != left.axes:
            # napari fits all into the view with other axes, and may without a word
            # have forgotten what was chosen. 3D has a zoom of its own.
            if ndisplay == left.axes[0] and not same:
                self._zoomed.discard(ndisplay)
        elif now.canvas == left.canvas and not same:
            self._zoomed.add(ndisplay)
        self._left = now

    def _view(self) -> _CameraState:
        dims = self._viewer.dims
        return _CameraState(
            (dims.ndisplay, *dims.order),
            tuple(self._viewer.canvas.size),
            float(self._viewer.scene.camera.zoom),
        )


def label_to_paint(subject: ShownMap, hotspot: Hotspot) -> int | None:
    """Return the more probable competing class, as a label of the segmentation.

    The background is left out, for it would turn the brush into an eraser; napari's X
    swaps the two. A class has the label of its name, if the segmentation has names and
    one of them is the same, and else the label of its number.

    Returns
    -------
    int or None
        None where no class competes, or the segmentation cannot hold the label.
    """
    layer = subject.segmentation
    if layer is None:
        return None
    for index in hotspot.classes or ():
        if index != BACKGROUND:
            label = _label_of(subject, layer, index)
            return label if _can_hold(layer, label) else None
    return None


def where(subject: ShownMap, hotspot: Hotspot) -> str:
    """Return a place such as ``R 3.4, A 8.9, S -4.2 mm``; its voxel if unknown.

    Parameters
    ----------
    subject : ShownMap
        The map.
    hotspot : Hotspot
        A place of this map.
    """
    ras = hotspot.ras
    if ras is None or not subject.source.anatomical:
        return f"voxel ({', '.join(map(str, hotspot.voxel))})"
    # Adding 0 turns a rounded -0.0 into 0.0.
    right, anterior, superior = np.round(ras, 1) + 0.0
    return f"R {right:.1f}, A {anterior:.1f}, S {superior:.1f} mm"


def _label_of(subject: ShownMap, layer: Labels, index: int) -> int:
    name = subject.class_names.get(index)
    named = [label for label, own in names_of(layer).items() if own == name]
    return named[0] if len(named) == 1 else index


def _can_hold(layer: Any, label: int) -> bool:
    kind = np.dtype(layer.data.dtype)
    if kind == np.bool_:
        return 0 <= label <= 1
    limits = np.iinfo(kind)
    return int(limits.min) <= label <= int(limits.max)


# Planes, and the directions in which one looks at them in 3D.


def _next(plane: str | None) -> str:
    """Return the plane after another one, the first one after None."""
    names = list(PLANES)
    return names[0 if plane is None else (names.index(plane) + 1) % len(names)]


def _directions(plane: str) -> tuple[Array, Array]:
    """Return where one looks to see a plane as it is in 2D, and what is up."""
    _, down, right = PLANES[plane]
    up, side = -np.eye(3)[down], np.eye(3)[right]
    return np.cross(up, side), up


def _look_along(viewer: Any, plane: str) -> None:
    direction, up = _directions(plane)
    viewer.scene.camera.set_view_direction(
        tuple(map(float, direction)), tuple(map(float, up))
    )


def _looked_along(viewer: Any) -> str | None:
    """Return the plane that is seen from the front; None at an angle."""
    now = np.array(viewer.scene.camera.view_direction)
    return next((name for name in PLANES if now @ _directions(name)[0] > 0.999), None)
