"""Axial, coronal, sagittal and 3D views of the same layers, with one crosshair.

The viewer itself shows the axial plane, so that docks, tools and other plugins go on as
before. Beside and below its canvas stand three more, each a ``napari.qt.QtViewer`` of a
model of its own, whose layers share their arrays with the viewer's.

The package napari-orthogonal-views has planes like these. It moves napari's canvas into
another parent, for which the graphics card has to be set up anew, reaches into private
parts of napari for crosshair and undoing, shows the sagittal plane on its side, has no
place for 3D, and needs OpenCV; so it is not built upon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import napari
import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.qt import QtViewer
from napari.utils.action_manager import action_manager
from napari.utils.notifications import show_info
from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal  # type: ignore[attr-defined]
from qtpy.QtWidgets import (
    QApplication,
    QDockWidget,
    QPushButton,
    QSplitter,
    QWidget,
)

from ..inspect.planes import PLANES, on_steps, place_of_interest, plane_of
from ..inspect.scenes import UP, VIEW_DIRECTION
from ..sources import axes_of
from .crosshair import CrossHair
from .cut_planes import CutPlanes, around, foreground
from .lifetime import Listening
from .linked_layers import LinkedLayers

Array = np.ndarray[Any, Any]

NEEDS_3D = "Four views need an image with three axes in space."
NEEDS_WINDOW = "Four views need a window of napari."

_TIP = (
    "Axial, coronal, sagittal and 3D at once. Click or drag to move the crosshair; "
    "hold Shift and drag to move the picture. What is painted in one plane shows in "
    "all."
)

SOLID = "3D"

#: What each of the four has for itself, made of its viewer; it has ``remove()``.
PARTS: tuple[Callable[[Any], Any], ...] = ()

_EQUAL = [10_000, 10_000]

# How much of a view what is looked at fills, along its tighter side.
_FILLED, _FILLED_IN_3D = 0.92, 0.95


class _Pane(NamedTuple):
    """One of the four: its name, what it shows, where, and its crosshair."""

    name: str
    viewer: Any
    canvas: Any
    crosshair: CrossHair


class _Before(NamedTuple):
    """What the viewer looked like."""

    order: tuple[int, ...]
    point: tuple[float, ...]
    center: tuple[float, ...]
    zoom: float
    grid: bool


class _At:
    """A mouse event as if it had happened at a place of the axial plane."""

    def __init__(self, event: Any, position: tuple[float, ...]) -> None:
        self._event, self.position = event, position
        self.view_direction, self.is_dragging = None, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._event, name)


class View(QtViewer):  # type: ignore[misc]
    """One more canvas, with a model of its own.

    Parameters
    ----------
    name : str
        A plane, or "3D".
    window : QtViewer
        The window's own canvas. It gets the keys that are pressed here, and the files
        that are dropped here.
    """

    def __init__(self, name: str, window: Any) -> None:
        model = ViewerModel(title=name)
        model.theme = window.viewer.theme
        model.dims.ndim = 3
        if name == SOLID:
            model.dims.ndisplay = 3
        else:
            model.dims.order = PLANES[name]
        # All keys are bound once more as they are, which concerns nobody.
        with action_manager.events.shortcut_changed.blocker():
            super().__init__(model)
        self._window = window
        self.canvas.native.installEventFilter(self)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Give keys to the window's own canvas, whose layers and tools are meant."""
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QApplication.sendEvent(self._window.canvas.native, event)
            return True
        return bool(super().eventFilter(watched, event))

    def dropEvent(self, event: Any) -> None:
        """Open files in the window's own viewer."""
        self._window.dropEvent(event)


class FourViews(QObject):
    """Shows four views of a viewer, and goes back to one.

    Parameters
    ----------
    viewer : napari.components.ViewerModel
        Whose layers are shown.
    window : QtViewer
        Its canvas in its window.
    """

    #: Whether they are shown.
    changed = Signal(bool)

    def __init__(self, viewer: Any, window: Any) -> None:
        super().__init__(window)
        self._viewer, self._window = viewer, window
        self.shown = False
        #: Who asked for them.
        self.asked_by: Any = None
        self.panes: dict[str, _Pane] = {}
        self.planes: CutPlanes | None = None
        self._links: list[LinkedLayers] = []
        self._parts: list[Any] = []
        # What stands where a canvas is or will be.
        self._rooms: dict[str, QWidget] = {}
        self._made: list[View] = []
        self._column: QSplitter | None = None
        self._before: _Before | None = None
        self._entered_at: tuple[float, ...] = ()
        self._box = np.zeros((2, 3))
        # What the planes have in the middle.
        self._middle = np.zeros(3)
        self._busy = False
        self._listening, self._of_layers = Listening(), Listening()
        self._building: Iterator[None] | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._build_on)
        window.installEventFilter(self)
        window.window().installEventFilter(self)

    @classmethod
    def of(cls, viewer: Any) -> FourViews | None:
        """Those of a viewer; None where it has no window."""
        # A plugin's widget sees a wrapper of it.
        viewer = getattr(viewer, "__wrapped__", viewer)
        for widget in QApplication.allWidgets():
            if isinstance(widget, QtViewer) and widget.viewer is viewer:
                return widget.findChild(cls) or cls(viewer, widget)
        return None

    @property
    def ready(self) -> bool:
        """Whether all four are there."""
        return self.shown and self._building is None

    @property
    def place(self) -> Array:
        """Where the crosshair is, in the world (z, y, x)."""
        return np.array(self._viewer.dims.point[-3:])

    def go_to(self, place: Any) -> None:
        """Move the crosshair to a place in the world (z, y, x)."""
        place = on_steps(self._viewer, np.asarray(place, dtype=float))
        self._viewer.dims.set_point(range(-3, 0), tuple(map(float, place)))

    # -- there and back -------------------------------------------------------

    def enter(self, asked_by: Any = None) -> None:
        """Show four views, one after the other: the window answers meanwhile."""
        if self.shown:
            return
        viewer = self._viewer
        if not has_volume(viewer):
            show_info(NEEDS_3D)
            return
        dims, camera, grid = viewer.dims, viewer.scene.camera, viewer.canvas.grid
        # Whoever shows something in 3D, or beside each other, puts it away now.
        gridded, grid.enabled, dims.ndisplay = grid.enabled, False, 2
        self.shown, self.asked_by = True, asked_by
        self._before = _Before(
            dims.order, dims.point, camera.center, camera.zoom, gridded
        )
        found = foreground(viewer.layers)
        self._box = around(found, np.array(dims.range)[-3:, :2].T)
        place = place_of_interest(viewer)
        if ((place < found[0]) | (place > found[1])).any():
            place = found.mean(axis=0)
        leading = dims.ndim - 3
        dims.order = (*range(leading), *(leading + axis for axis in PLANES["Axial"]))
        self.go_to(place)
        self._entered_at = dims.point
        self._middle = self._box.mean(axis=0)
        self._lay_out()
        self._join("Axial", viewer, self._window)
        self._listen()
        self._building = self._build()
        self._timer.start(0)
        self.changed.emit(True)

    def leave(self) -> None:
        """Back to one view, with everything as it was.

        Where the crosshair was moved, the view shows that place.
        """
        if not self.shown:
            return
        self.shown, self._building, self.asked_by = False, None, None
        self._timer.stop()
        self._listening.stop()
        self._of_layers.stop()
        if self.planes is not None:
            self.planes.stop()
        for link in self._links:
            link.stop()
        for part in self._parts:
            part.remove()
        for pane in self.panes.values():
            pane.crosshair.stop()
        self._take_down()
        self._put_back()
        self._links.clear()
        self._parts.clear()
        self.panes.clear()
        self.planes = None
        self.changed.emit(False)

    def toggle(self, asked_by: Any = None) -> None:
        """Enter or leave."""
        if self.shown:
            self.leave()
        else:
            self.enter(asked_by)

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Take the canvases down before their window goes."""
        if event.type() == QEvent.Type.Close and self.shown:
            views = list(self._made)
            self.leave()
            for view in views:
                # At once: nothing may come to it later in a window that goes.
                QApplication.sendPostedEvents(view, QEvent.Type.DeferredDelete)
        return bool(super().eventFilter(watched, event))

    def _put_back(self) -> None:
        viewer, before = self._viewer, self._before
        assert before is not None
        dims, camera = viewer.dims, viewer.scene.camera
        active = viewer.layers.selection.active
        camera.mouse_pan = True if active is None else active.mouse_pan
        if before.grid and not viewer.canvas.grid.enabled:
            viewer.canvas.grid.enabled = True
        if dims.ndisplay == 2 and plane_of(viewer) == "Axial":
            moved = dims.point != self._entered_at
            if len(before.order) == dims.ndim:
                dims.order = before.order
                if not moved:
                    dims.point = before.point
            camera.center = before.center
            if moved:
                camera.center = tuple(dims.point[axis] for axis in dims.displayed)
        # Else somebody has chosen another view.
        camera.zoom = before.zoom

    # -- canvases -------------------------------------------------------------

    def _lay_out(self) -> None:
        """Make room beside the window's canvas, which stays where it is."""
        window, column = self._window, QSplitter(Qt.Orientation.Vertical)
        layout = window.parentWidget().layout()
        layout.addWidget(column, 1)
        layout.setStretch(layout.indexOf(window), 1)
        for splitter, names in ((window, ("Coronal",)), (column, (SOLID, "Sagittal"))):
            for name in names:
                self._rooms[name] = QWidget()
                splitter.addWidget(self._rooms[name])
            splitter.setSizes(_EQUAL)
            splitter.splitterMoved.connect(self._level)
        _small(window, window.widget(0), window.dims)
        self._show_sliders()
        self._column = column

    def _level(self, *_: Any) -> None:
        """Keep both columns level where a handle is dragged."""
        assert self._column is not None
        moved = self.sender()
        other = self._column if moved is self._window else self._window
        other.setSizes(moved.sizes())  # type: ignore[union-attr]

    def _show_sliders(self, *_: Any) -> None:
        """Show sliders for time, say; for places there is the crosshair."""
        layers = self._viewer.layers
        more = any(layer.visible and layer.ndim > 3 for layer in layers)
        self._window.dims.setVisible(more)

    def _take_down(self) -> None:
        window, column = self._window, self._column
        assert column is not None
        window.splitterMoved.disconnect(self._level)
        for room in self._rooms.values():
            room.setParent(None)
            room.deleteLater()
        for view in self._made:
            view.close()
        layout = window.parentWidget().layout()
        layout.removeWidget(column)
        layout.setStretch(layout.indexOf(window), 0)
        column.setParent(None)
        column.deleteLater()
        window.dims.setVisible(True)
        for part in (window, window.widget(0), window.dims):
            part.setMinimumWidth(0)
        self._rooms.clear()
        self._made.clear()
        self._column = None

    def _build_on(self) -> None:
        if self._building is not None and next(self._building, self) is self:
            self._building = None
        if self._building is None:
            self._timer.stop()

    def _build(self) -> Iterator[None]:
        """Make the other canvases, a little at a time; show each when it is full."""
        for name in ("Coronal", "Sagittal", SOLID):
            yield
            view = View(name, self._window)
            self._made.append(view)
            link = LinkedLayers(
                self._viewer, view.viewer, _is_mark if name == SOLID else _is_any
            )
            self._links.append(link)
            for layer in link.missing():
                yield
                link.add(layer)
            yield
            self._join(name, view.viewer, view)
            self._put_in(name, view)
        yield
        self._frame()

    def _put_in(self, name: str, view: View) -> None:
        """Put a canvas into its room."""
        room = self._rooms[name]
        splitter: Any = room.parentWidget()
        _small(view, view.dims)
        view.dims.setVisible(False)
        splitter.replaceWidget(splitter.indexOf(room), view)
        splitter.setSizes(_EQUAL)
        room.deleteLater()
        self._rooms[name] = view

    def _join(self, name: str, viewer: Any, canvas: Any) -> None:
        """Let a view take part in all that is shared."""
        title = name
        if axes_of(self._viewer.layers) is None and name in PLANES:
            title = f"Axis {PLANES[name][0]}"
        own = viewer is self._viewer
        crosshair = CrossHair(viewer, canvas.canvas.native, self._box, title)
        self.panes[name] = pane = _Pane(name, viewer, canvas, crosshair)
        crosshair.show_place(self.place)
        if name == SOLID:
            self.planes = CutPlanes(self._viewer, viewer, self._box)
            self.planes.draw()
            viewer.scene.camera.set_view_direction(VIEW_DIRECTION, UP)
        elif not own:
            viewer.dims.point = self._viewer.dims.point[-viewer.dims.ndim :]
            viewer.scene.camera.zoom = self._viewer.scene.camera.zoom
            self._center(pane)
        self._parts += [part(viewer) for part in PARTS]
        self._listen_to(pane)

    def _flat(self) -> list[_Pane]:
        """The planes."""
        return [pane for pane in self.panes.values() if pane.name != SOLID]

    def _frame(self, *_: Any) -> None:
        """Let what there is to see fill all views, the planes with one zoom."""
        size = np.ptp(self._box, axis=0)
        shares = [_room(pane) / size[_axes(pane)] for pane in self._flat()]
        self._middle = self._box.mean(axis=0)
        with self._alone():
            for pane in self._flat():
                pane.viewer.scene.camera.zoom = _FILLED * float(np.min(shares))
                self._center(pane)
        if self.planes is not None:
            pane = self.panes[SOLID]
            camera = pane.viewer.scene.camera
            camera.center = tuple(self._middle)
            ends = [pane.crosshair.seen(place) for place in self.planes.vertices]
            beside = np.abs(ends - _room(pane)[::-1] / 2).max(axis=0)
            shares = _room(pane)[::-1] / 2 / beside
            camera.zoom *= _FILLED_IN_3D * float(shares.min())

    # -- what is shared -------------------------------------------------------

    def _listen(self) -> None:
        viewer, to = self._viewer, self._listening.to
        to(viewer.dims.events.point, self._moved)
        to(viewer.dims.events.margin_left, self._moved)
        to(viewer.dims.events.margin_right, self._moved)
        to(viewer.events.theme, self._show_theme)
        to(viewer.events.reset_view, self._reset)
        for event in (
            viewer.dims.events.order, viewer.dims.events.ndisplay,
            viewer.canvas.grid.events.enabled, viewer.layers.events.removed,
        ):  # fmt: skip
            to(event, self._look_soon)
        to(viewer.layers.events.inserted, self._follow_layers)
        to(viewer.layers.events.removed, self._follow_layers)
        self._follow_layers()

    def _follow_layers(self, *_: Any) -> None:
        self._of_layers.stop()
        for layer in self._viewer.layers:
            self._of_layers.to(layer.events.visible, self._show_sliders)
        self._show_sliders()

    def _listen_to(self, pane: _Pane) -> None:
        viewer, to = pane.viewer, self._listening.to
        camera = viewer.scene.camera.events
        for event in (camera.zoom, camera.center, camera.angles):
            to(event, pane.crosshair.follow)
        if pane.name == SOLID:
            self._listening.to_mouse(viewer.mouse_drag_callbacks, self._press_solid)
        else:
            self._listening.to_mouse(viewer.mouse_drag_callbacks, self._press)
            to(camera.zoom, partial(self._camera_moved, pane))
            to(camera.center, partial(self._camera_moved, pane))
            # A drag moves the crosshair, whatever layer is selected.
            stay = partial(_let_be, viewer.scene.camera)
            to(camera.mouse_pan, stay)
            stay()
        if viewer is not self._viewer:
            self._listening.to_mouse(viewer.mouse_move_callbacks, self._point)
            to(viewer.dims.events.point, partial(self._slid, pane))
            to(viewer.events.status, partial(self._tell_status, pane))

    def _look_soon(self, *_: Any) -> None:
        # Whoever shows another view is not done with it yet.
        QTimer.singleShot(0, self._look)

    def _look(self) -> None:
        """Leave where somebody chose another view, or nothing is left to show."""
        viewer = self._viewer
        if not self.shown:
            return
        if viewer.dims.ndisplay == 3:
            # As from one view, so that others remember that one.
            viewer.dims.ndisplay = 2
            self.leave()
            viewer.dims.ndisplay = 3
        elif (
            viewer.canvas.grid.enabled
            or plane_of(viewer) != "Axial"
            or not has_volume(viewer)
        ):
            self.leave()

    @property
    def _deaf(self) -> bool:
        """Whether what happens is done here, or after the last volume was removed."""
        return self._busy or self._viewer.dims.ndim < 3

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Change views without hearing of it."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    def _moved(self, *_: Any) -> None:
        """Show in all views the place that the viewer is at."""
        dims, place = self._viewer.dims, self.place
        if self._deaf:
            return
        with self._alone():
            for pane in self.panes.values():
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

    def _slid(self, pane: _Pane, *_: Any) -> None:
        """A slider of another view was moved."""
        if not self._deaf:
            point = pane.viewer.dims.point
            self._viewer.dims.set_point(range(-len(point), 0), point)

    def _camera_moved(self, pane: _Pane, *_: Any) -> None:
        """Zoom and move all planes like the one that was moved."""
        if self._deaf:
            return
        camera, axes = pane.viewer.scene.camera, _axes(pane)
        self._middle[axes] = camera.center[-2:]
        if np.allclose(self._middle[axes], self.place[axes]):
            self._middle = self.place  # somebody went there
        with self._alone():
            for other in self._flat():
                if other is not pane:
                    other.viewer.scene.camera.zoom = camera.zoom
                    self._center(other)

    def _center(self, pane: _Pane) -> None:
        center = self._middle[_axes(pane)]
        if not np.allclose(pane.viewer.scene.camera.center[-2:], center):
            pane.viewer.scene.camera.center = tuple(map(float, center))

    def _reset(self, *_: Any) -> None:
        if self.ready and not self._deaf:
            self._frame()

    def _show_theme(self, *_: Any) -> None:
        for pane in self.panes.values():
            pane.viewer.theme = self._viewer.theme

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
        """Move the crosshair to where a click meets a plane; a drag turns the view."""
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
        """Let all who watch the pointer read what is under it."""
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
            callback(viewer, _At(event, at))

    def _hit(self, position: Any, along: Any) -> Array | None:
        if self.planes is None or along is None:
            return None
        return self.planes.hit(np.array(position[-3:]), np.array(along[-3:]))

    def _tell_status(self, pane: _Pane, *_: Any) -> None:
        self._viewer.status = pane.viewer.status


class FourViewsButton(QPushButton):
    """Shows four views, and one again; also when its dock is closed.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        What is shown.
    """

    def __init__(self, viewer: Any, parent: QWidget | None = None) -> None:
        super().__init__("Four views", parent)
        self._viewer, self._joined = viewer, False
        self._listening = Listening()
        self.setCheckable(True)
        self.clicked.connect(self._clicked)
        self._offer()

    def showEvent(self, event: Any) -> None:
        """Be pressed while four views are shown, whoever asked for them."""
        super().showEvent(event)
        layers, views = self._viewer.layers.events, FourViews.of(self._viewer)
        self._listening.stop()
        self._listening.to(layers.inserted, self._offer)
        self._listening.to(layers.removed, self._offer)
        self._offer()
        if views is not None:
            self.setChecked(views.shown)
            if not self._joined:
                self._joined = True
                views.changed.connect(self.setChecked)

    def hideEvent(self, event: Any) -> None:
        """Notice that the dock was closed: napari takes what is in it out of it."""
        super().hideEvent(event)
        self._listening.stop()
        QTimer.singleShot(0, self._look)

    def _offer(self, *_: Any) -> None:
        volume = has_volume(self._viewer)
        self.setEnabled(volume)
        self.setToolTip(_TIP if volume else NEEDS_3D)

    def _clicked(self) -> None:
        views = FourViews.of(self._viewer)
        if views is None:
            show_info(NEEDS_WINDOW)
        else:
            views.toggle(self)
        self.setChecked(views is not None and views.shown)

    def _look(self) -> None:
        views = FourViews.of(self._viewer)
        if views is not None and views.asked_by is self:
            part: Any = self
            while part is not None and not isinstance(part, QDockWidget):
                part = part.parentWidget()
            if part is None:
                views.leave()


def toggle_four_views(viewer: napari.viewer.Viewer) -> None:
    """Show four views of a viewer, or one again."""
    views = FourViews.of(viewer)
    if views is None:
        show_info(NEEDS_WINDOW)
    else:
        views.toggle()


def leave_four_views(viewer: Any) -> None:
    """Show one view again, where there are four."""
    views = FourViews.of(viewer)
    if views is not None:
        views.leave()


def has_volume(viewer: Any) -> bool:
    """Whether a viewer shows an image or labels with three axes in space."""
    return any(
        isinstance(layer, Image | Labels) and layer.ndim >= 3 and layer.visible
        for layer in viewer.layers
    )


def _is_any(_layer: Any) -> bool:
    return True


def _is_mark(layer: Any) -> bool:
    """Whether a layer is in 3D what it is; the others are seen on planes."""
    return not isinstance(layer, Image | Labels)


def _axes(pane: _Pane) -> list[int]:
    """Axes of z, y, x that a plane shows, down and right."""
    return list(PLANES[pane.name][1:])


def _room(pane: _Pane) -> Array:
    """Height and width of a view in pixels."""
    canvas = pane.canvas.canvas.native
    return np.array([canvas.height(), canvas.width()])


def _small(*widgets: Any) -> None:
    """Let widgets be as narrow as they have to."""
    for widget in widgets:
        widget.setMinimumWidth(1)


def _let_be(camera: Any, *_: Any) -> None:
    if camera.mouse_pan:
        camera.mouse_pan = False
