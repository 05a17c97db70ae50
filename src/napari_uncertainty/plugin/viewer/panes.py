"""The four views at work: their common place, zoom and crosshair, and the mouse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from qtpy.QtCore import QEvent, QLineF, QPointF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPainterPath, QPen
from qtpy.QtWidgets import QWidget

from .cut_planes import CutPlanes
from .lifetime import Listening
from .scan_space import axes_of
from .view_planes import PLANES, SOLID, has_letters, letters_of, on_steps

Array = np.ndarray[Any, Any]

# Colours and widths in pixels of a dark line and the bright one on it, as of marks.
COLORS = (QColor(0, 16, 24, 170), QColor(0, 229, 255))
WIDTHS = (3.0, 1.0)

# The edge of letters, which are white, so that they can be read on a white canvas.
EDGE = QColor(0, 16, 24)

# Sizes of the name and of letters in points, and their distance from the edge in
# pixels.
NAME_SIZE, LETTER_SIZE, MARGIN = 10, 13, 8.0

#: Gap that a line leaves open around the place, to each side, in pixels.
GAP = 9.0

# Share of a view that the foreground fills along its tighter side, in planes and in 3D.
_FILLED, _FILLED_IN_3D = 0.92, 0.95


# Views of one place.


class Pane(NamedTuple):
    """One of the four views: its name, viewer model, canvas and crosshair."""

    name: str
    viewer: Any
    canvas: Any
    crosshair: CrossHair


class _EventAtPlace:
    """Mouse event that looks as if it had happened at a place of the axial plane."""

    def __init__(self, event: Any, position: tuple[float, ...]) -> None:
        self._event, self.position = event, position
        self.view_direction, self.is_dragging = None, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._event, name)


class Panes(dict[str, Pane]):
    """Views of one viewer by their names, all at the place that the viewer is at.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer that shows the first plane; the others show copies of its layers.
    box : ndarray, shape (2, 3)
        Opposite corners of the foreground, in the world (z, y, x).
    """

    def __init__(self, viewer: Any, box: Array) -> None:
        super().__init__()
        self._viewer, self._box = viewer, box
        #: The planes of the view in 3D, once it is there.
        self.planes: CutPlanes | None = None
        # Place that is in the middle of the planes.
        self._middle = box.mean(axis=0)
        self._busy = False
        self._listening = Listening()

    def start(self) -> None:
        """Follow the viewer."""
        dims = self._viewer.dims.events
        for event in (dims.point, dims.margin_left, dims.margin_right):
            self._listening.to(event, self._moved)
        self._listening.to(self._viewer.events.reset_view, self._reset)

    def join(self, name: str, title: str, viewer: Any, canvas: Any) -> None:
        """Add a view, which shares place, zoom and mouse with the others from now on.

        Parameters
        ----------
        name, title : str
            A plane or "3D", and the title of the view.
        viewer, canvas : napari.components.ViewerModel, napari.qt.QtViewer
            Model of the view, and its canvas.
        """
        crosshair = CrossHair(viewer, canvas.canvas.native, self._box, title)
        self[name] = pane = Pane(name, viewer, canvas, crosshair)
        crosshair.show_place(self.place)
        if name != SOLID and viewer is not self._viewer:
            viewer.dims.point = self._viewer.dims.point[-viewer.dims.ndim :]
            viewer.scene.camera.zoom = self._viewer.scene.camera.zoom
            self._center(pane)
        self._listen_to(pane)

    def stop(self) -> None:
        """Let all views move by themselves, and show no crosshair."""
        self._listening.stop()
        if self.planes is not None:
            self.planes.stop()
            self.planes = None
        for pane in self.values():
            pane.crosshair.stop()
        self.clear()

    @property
    def place(self) -> Array:
        """Return the place of the crosshair in the world (z, y, x)."""
        return np.array(self._viewer.dims.point[-3:])

    def go_to(self, place: Any) -> None:
        """Move the crosshair to a place in the world (z, y, x)."""
        place = on_steps(self._viewer, np.asarray(place, dtype=float))
        self._viewer.dims.set_point(range(-3, 0), tuple(map(float, place)))

    def _flat(self) -> list[Pane]:
        """Return the views that are planes."""
        return [pane for pane in self.values() if pane.name != SOLID]

    def frame(self) -> None:
        """Let the foreground fill all views, the planes with the same zoom."""
        size = np.ptp(self._box, axis=0)
        shares = [_room(pane) / size[_axes(pane)] for pane in self._flat()]
        self._middle = self._box.mean(axis=0)
        with self._unheard():
            for pane in self._flat():
                pane.viewer.scene.camera.zoom = _FILLED * float(np.min(shares))
                self._center(pane)
        if self.planes is not None and SOLID in self:
            pane = self[SOLID]
            camera = pane.viewer.scene.camera
            camera.center = tuple(self._middle)
            ends = [pane.crosshair.seen(place) for place in self.planes.vertices]
            beside = np.abs(ends - _room(pane)[::-1] / 2).max(axis=0)
            shares = _room(pane)[::-1] / 2 / beside
            camera.zoom *= _FILLED_IN_3D * float(shares.min())

    # -- place, zoom and middle ---------------------------------------------------

    def _listen_to(self, pane: Pane) -> None:
        viewer, to = pane.viewer, self._listening.to
        camera = viewer.scene.camera.events
        for event in (camera.zoom, camera.center, camera.angles):
            to(event, pane.crosshair.follow)
        if pane.name == SOLID:
            self._listening.to_mouse(viewer.mouse_drag_callbacks, self._press_solid)
        else:
            self._listening.to_mouse(viewer.mouse_drag_callbacks, self._press)
            to(camera.zoom, self._camera_moved, pane)
            to(camera.center, self._camera_moved, pane)
            # A drag moves the crosshair, whatever layer napari selects.
            to(camera.mouse_pan, self._forbid_pan, viewer.scene.camera)
            self._forbid_pan(viewer.scene.camera)
            to(viewer.dims.events.point, self._slid, pane)
        if viewer is not self._viewer:
            self._listening.to_mouse(viewer.mouse_move_callbacks, self._point)
            to(viewer.events.status, self._show_status, pane)

    def _forbid_pan(self, camera: Any, *_: Any) -> None:
        """Keep napari from moving the picture when somebody drags in it."""
        if camera.mouse_pan:
            camera.mouse_pan = False

    @property
    def _ignoring(self) -> bool:
        """Return whether events are to be ignored: own changes, or nothing to show."""
        return self._busy or self._viewer.dims.ndim < 3

    @contextmanager
    def _unheard(self) -> Iterator[None]:
        """Change views without reacting to the events of it."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def _moved(self, *_: Any) -> None:
        """Show the place of the viewer in all views."""
        dims, place = self._viewer.dims, self.place
        if self._ignoring:
            return
        with self._unheard():
            for pane in self.values():
                pane.crosshair.show_place(place)
                own = pane.viewer.dims
                if own is not dims:
                    own.margin_left = dims.margin_left[-own.ndim :]
                    own.margin_right = dims.margin_right[-own.ndim :]
                    own.point = dims.point[-own.ndim :]
            for pane in self._flat():
                at, room = pane.crosshair.crossing, _room(pane)[::-1]
                if ((at < 0) | (at > room)).any():
                    self._middle[_axes(pane)] = place[_axes(pane)]
            for pane in self._flat():
                self._center(pane)

    def _slid(self, pane: Pane, *_: Any) -> None:
        """Follow a plane that was moved by itself, with Ctrl and the mouse wheel."""
        point = pane.viewer.dims.point
        if not self._ignoring and pane.viewer is not self._viewer:
            self._viewer.dims.set_point(range(-len(point), 0), point)

    def _camera_moved(self, pane: Pane, *_: Any) -> None:
        """Zoom and move all planes like the one that was moved."""
        if self._ignoring:
            return
        camera, axes = pane.viewer.scene.camera, _axes(pane)
        self._middle[axes] = camera.center[-2:]
        if np.allclose(self._middle[axes], self.place[axes]):
            self._middle = self.place  # it was moved to the place itself
        with self._unheard():
            for other in self._flat():
                if other is not pane:
                    other.viewer.scene.camera.zoom = camera.zoom
                    self._center(other)

    def _center(self, pane: Pane) -> None:
        center = self._middle[_axes(pane)]
        if not np.allclose(pane.viewer.scene.camera.center[-2:], center):
            pane.viewer.scene.camera.center = tuple(map(float, center))

    def _reset(self, *_: Any) -> None:
        if not self._ignoring:
            self.frame()

    # -- the mouse ------------------------------------------------------------

    def _press(self, viewer: Any, event: Any) -> Iterator[None]:
        """Move the crosshair by a click or a drag; with Shift, move the picture."""
        active = self._viewer.layers.selection.active
        with_tool = active is not None and str(active.mode) != "pan_zoom"
        held = set(event.modifiers)
        if event.button != 1 or with_tool or held - {"Shift"}:
            return
        camera = viewer.scene.camera
        start, center = np.array(event.pos), np.array(camera.center[-2:])
        while True:
            if held:
                offset = (np.array(event.pos) - start)[::-1] / camera.zoom
                camera.center = tuple(map(float, center - offset))
            else:
                self._visit(event, event.position[-3:])
            yield
            if event.type != "mouse_move":
                return

    def _press_solid(self, _viewer: Any, event: Any) -> Iterator[None]:
        """Move the crosshair to the clicked place of a plane; a drag turns the view."""
        start, position = np.array(event.pos), event.position
        along = event.view_direction
        yield
        while event.type == "mouse_move":
            yield
        hit = self._hit(position, along)
        if hit is not None and np.abs(np.array(event.pos) - start).max() <= 2:
            self._visit(event, hit)

    def _visit(self, event: Any, place: Any) -> None:
        self.go_to(place)
        self._read(event, place)

    def _point(self, viewer: Any, event: Any) -> None:
        """Pass a move of the mouse on to all who follow it in the window's viewer."""
        place: Any = event.position[-3:]
        if viewer.dims.ndisplay == 3:
            place = self._hit(event.position, event.view_direction)
        if place is not None:
            self._read(event, place)

    def _read(self, event: Any, place: Any) -> None:
        viewer = self._viewer
        at = (*viewer.dims.point[:-3], *map(float, place))
        viewer.cursor.position = at
        for callback in list(viewer.mouse_move_callbacks):
            callback(viewer, _EventAtPlace(event, at))

    def _hit(self, position: Any, along: Any) -> Array | None:
        if self.planes is None or along is None:
            return None
        return self.planes.hit(np.array(position[-3:]), np.array(along[-3:]))

    def _show_status(self, pane: Pane, *_: Any) -> None:
        self._viewer.status = pane.viewer.status


def _axes(pane: Pane) -> list[int]:
    """Return the axes of z, y, x that a plane shows, down and right."""
    return list(PLANES[pane.name][1:])


def _room(pane: Pane) -> Array:
    """Return height and width of a view in pixels."""
    canvas = pane.canvas.canvas.native
    return np.array([canvas.height(), canvas.width()])


# The crosshair of a view, its name and its letters.


class CrossHair(QWidget):
    """Two lines on a plane, or three in 3D, with a gap at their crossing.

    The lines lie on the canvas and not in it. So they are thin at any zoom and above
    all layers, no layer has to be drawn again for them, and they are in no layer list.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer that the canvas shows.
    canvas : QWidget
        The canvas.
    corners : ndarray, shape (2, 3)
        Opposite corners of the box at which lines in 3D end, in the world (z, y, x).
    name : str
        Name of the view, which is written in the corner.
    """

    def __init__(self, viewer: Any, canvas: QWidget, corners: Array, name: str) -> None:
        super().__init__(canvas)
        self._viewer, self._canvas, self._corners = viewer, canvas, corners
        self.name = name
        #: Place where the lines cross, in the world (z, y, x).
        self.place = np.zeros(3)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        canvas.installEventFilter(self)
        self.setGeometry(canvas.rect())
        self.show()

    def show_place(self, place: Array) -> None:
        """Let the lines cross at a place in the world (z, y, x)."""
        self.place = np.array(place)
        self.update()

    def follow(self, *_: Any) -> None:
        """Draw the lines again after the view has moved."""
        self.update()

    def stop(self) -> None:
        """Remove the lines."""
        self._canvas.removeEventFilter(self)
        self.hide()
        self.deleteLater()

    @property
    def crossing(self) -> Array:
        """Return the crossing of the lines in pixels from the left and the top."""
        return self.seen(self.place)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Stay as large as the canvas."""
        if event.type() == QEvent.Type.Resize:
            self.setGeometry(self._canvas.rect())
        return bool(super().eventFilter(watched, event))

    def paintEvent(self, _event: Any) -> None:
        """Draw the lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        lines = [QLineF(QPointF(*a), QPointF(*b)) for a, b in self._lines()]
        for color, width in zip(COLORS, WIDTHS, strict=True):
            painter.setPen(QPen(color, width))
            for line in lines:
                painter.drawLine(line)
        self._write(painter)
        painter.end()

    def _write(self, painter: QPainter) -> None:
        """Write the name and the letters, white with a dark edge."""
        texts = {"name": self.name}
        layers = self._viewer.layers
        if axes_of(layers) is not None and not has_letters(self._viewer):
            texts |= letters_of(self._viewer)
        path = QPainterPath()
        for where, text in texts.items():
            font = QFont(self.font())
            font.setPointSizeF(NAME_SIZE if where == "name" else LETTER_SIZE)
            path.addText(self._corner(where, text, QFontMetricsF(font)), font, text)
        painter.strokePath(path, QPen(EDGE, WIDTHS[0]))
        painter.fillPath(path, QColor("white"))

    def _corner(self, where: str, text: str, metrics: QFontMetricsF) -> QPointF:
        """Return the point on the canvas at which a text begins."""
        width, height = metrics.horizontalAdvance(text), metrics.capHeight()
        x, y = (self.width() - width) / 2, (self.height() + height) / 2
        if where in ("left", "name"):
            x = MARGIN
        elif where == "right":
            x = self.width() - MARGIN - width
        if where == "top":
            y = MARGIN + height
        elif where in ("bottom", "name"):  # classes are named above
            y = self.height() - MARGIN
        return QPointF(x, y)

    def _lines(self) -> list[tuple[Array, Array]]:
        lines = []
        for start, end in self._whole_lines():
            for edge in (start, end):
                length = float(np.linalg.norm(edge - self.crossing))
                if length > GAP:
                    near = self.crossing + (edge - self.crossing) * (GAP / length)
                    lines.append((near, edge))
        return lines

    def _whole_lines(self) -> list[tuple[Array, Array]]:
        x, y = self.crossing
        if self._viewer.dims.ndisplay == 2:
            # In the middle of a pixel, for a thin line between two pixels is pale.
            x, y = np.floor(x) + 0.5, np.floor(y) + 0.5
            right, bottom = float(self.width()), float(self.height())
            return [
                (np.array([0.0, y]), np.array([right, y])),
                (np.array([x, 0.0]), np.array([x, bottom])),
            ]
        lines = []
        for axis in range(3):
            low, high = self.place.copy(), self.place.copy()
            low[axis], high[axis] = self._corners[:, axis]
            lines.append((self.seen(low), self.seen(high)))
        return lines

    def seen(self, place: Array) -> Array:
        """Return a place of the world (z, y, x) on the canvas, in pixels."""
        return seen_at(self._viewer, self._canvas, place)


def seen_at(viewer: Any, canvas: QWidget, place: Array) -> Array:
    """Return a place of the world on a canvas, in pixels from the left and the top.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        The viewer that the canvas shows, without perspective.
    canvas : QWidget
        The canvas.
    place : ndarray, shape (3,)
        The place in the world (z, y, x).
    """
    camera, dims = viewer.scene.camera, viewer.dims
    axes = [axis - dims.ndim for axis in dims.displayed]
    offset = place[axes] - np.array(camera.center[-len(axes) :])
    _, vertical, horizontal = camera.orientation
    if dims.ndisplay == 2:
        down = offset[0] * (1 if str(vertical) == "down" else -1)
        right = offset[1] * (1 if str(horizontal) == "right" else -1)
    else:
        up = np.array(camera.up_direction)
        across = np.cross(camera.view_direction, up)
        if str(camera.handedness) != "right":
            across = -across
        down, right = -(offset @ up), offset @ across
    middle = np.array([canvas.width(), canvas.height()]) / 2
    seen: Array = middle + np.array([right, down]) * camera.zoom
    return seen
