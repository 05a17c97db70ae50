"""Further canvases in a window, and the layers that they share with it.

The layers of a further canvas are copies that follow those of the window. napari has
``link_layers`` for this. But it leaves out what marks need (data, sizes and colours of
points), it marks the layers as linked in the layer list, where a click would cut the
links, and it does not undo what was painted in the other view.

The canvases are made once and kept, hidden and empty, until the window closes. OpenGL
shares what it has loaded for a canvas between all canvases of the program and does not
free it, so that some megabytes would be lost with each canvas that is thrown away; and
making a canvas takes longer than filling it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points, Surface, Vectors
from napari.qt import QtViewer
from napari.utils.action_manager import action_manager
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QApplication, QSplitter, QStackedWidget, QWidget

from .layer_roles import PER_VIEW
from .layers import add_copy, arrange
from .lifetime import Listening, set_unlike, weakly
from .scan_space import layer_info
from .view_planes import PLANES, SOLID

Array = np.ndarray[Any, Any]


# Attributes with an event of their name. Those of the place come first, for sizes are
# measured in it.
_OF_ALL = (
    "name", "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels",
    "projection_mode", "opacity", "blending", "visible",
)  # fmt: skip

_OF_KIND: dict[type, tuple[str, ...]] = {
    Image: (
        "colormap", "contrast_limits", "gamma", "interpolation2d", "interpolation3d",
    ),
    Labels: (
        "colormap", "contour", "show_selected_label", "selected_label", "brush_size",
        "contiguous", "n_edit_dimensions", "preserve_labels", "editable", "mode",
    ),
    Points: (
        "symbol", "size", "border_width_is_relative", "border_width", "border_color",
        "face_color", "canvas_size_limits",
    ),
    Surface: ("colormap", "contrast_limits", "gamma", "shading"),
    Vectors: ("edge_width", "edge_color", "vector_style", "length"),
}  # fmt: skip

# Sizes of the two canvases of a column, of which Qt takes the ratio.
_EQUAL = [10_000, 10_000]


# Copies of layers in another viewer, on the same arrays.


class LinkedLayers:
    """Copies of a viewer's layers in another viewer.

    Copies share arrays with their layers and follow them, and the layers follow what is
    done to the copies. Hidden layers get a copy when they are shown.

    Parameters
    ----------
    source, target : napari.components.ViewerModel
        The viewer whose layers are copied, and the viewer that shows the copies.
    includes : callable or None
        Returns whether a layer is to be shown; None for all layers.
    """

    def __init__(
        self,
        source: Any,
        target: Any,
        includes: Callable[[Any], bool] | None = None,
    ) -> None:
        self._source, self._target, self._includes = source, target, includes
        self._links: dict[Any, _Link] = {}
        self._listening, self._of_visible = Listening(), Listening()
        events = source.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            self._listening.to(event, self._follow)
        self._listening.to(source.layers.selection.events.active, self._select)
        self._watch()

    def copy_of(self, layer: Any) -> Any:
        """Return the copy of a layer; None where it has none."""
        link = self._links.get(layer)
        return None if link is None else link.copy

    def missing(self) -> list[Any]:
        """Return the layers that should have a copy and have none, the lowest first."""
        return [
            layer
            for layer in self._source.layers
            if layer not in self._links and self._is_shown(layer)
        ]

    def add(self, layer: Any) -> None:
        """Show a copy of a layer in its place among the others."""
        if layer not in self._links:
            self._links[layer] = _Link(self._source, self._target, layer, self._renew)
            self._put(layer)

    def stop(self) -> None:
        """Let copies and layers no longer follow each other."""
        self._listening.stop()
        self._of_visible.stop()
        for link in self._links.values():
            link.stop()
        self._links.clear()

    # -- the layer list -------------------------------------------------------

    def _is_shown(self, layer: Any) -> bool:
        per_view = layer_info(layer).get("role") in PER_VIEW
        included = self._includes is None or self._includes(layer)
        return bool(layer.visible and not per_view and included)

    def _watch(self) -> None:
        self._of_visible.stop()
        for layer in self._source.layers:
            self._of_visible.to(layer.events.visible, self._follow)

    def _follow(self, *_: Any) -> None:
        """Follow the layer list: copy, remove and arrange what has changed there."""
        for layer in [one for one in self._links if one not in self._source.layers]:
            self._drop(layer)
        for layer in self.missing():
            self.add(layer)
        self._arrange()
        self._watch()

    def _drop(self, layer: Any) -> None:
        link = self._links.pop(layer)
        link.stop()
        if link.copy in self._target.layers:
            with self._camera_kept():
                self._target.layers.remove(link.copy)

    @contextmanager
    def _camera_kept(self) -> Iterator[None]:
        """Keep the camera, which napari moves when the number of axes changes."""
        camera = self._target.scene.camera
        before = camera.zoom, camera.center
        yield
        if (camera.zoom, camera.center) != before:
            camera.zoom, camera.center = before

    def _renew(self, layer: Any) -> None:
        """Copy a layer again, where its copy cannot take its new data."""
        self._drop(layer)
        self.add(layer)

    def _put(self, layer: Any) -> None:
        layers, at = self._target.layers, 0
        for one in self._source.layers:
            if one is layer:
                break
            copy = self.copy_of(one)
            at = at if copy is None else layers.index(copy) + 1
        with self._camera_kept():
            add_copy(self._target, self.copy_of(layer), at)
        self._select()

    def _arrange(self) -> None:
        """Order the copies like their layers; other layers stay in their places."""
        copies = [self.copy_of(one) for one in self._source.layers]
        arrange(self._target.layers, [one for one in copies if one is not None])

    def _select(self, *_: Any) -> None:
        """Let the tools of the selected layer act here as well."""
        active = self._source.layers.selection.active
        self._target.layers.selection.active = self.copy_of(active)


class _Link:
    """Pair of a layer in one viewer and its copy in another, which follow each other.

    `renew` is called with the layer where its copy cannot be given its new data.
    """

    def __init__(
        self, viewer: Any, target: Any, layer: Any, renew: Callable[[Any], None]
    ) -> None:
        self._viewer, self._target, self._renew = viewer, target, renew
        self.layer = layer
        self.copy = layer.create(*layer.as_layer_data_tuple())
        self._names = _attributes(layer)
        self._busy = False
        self._slice = _slice_of(viewer)
        # Corners of the boxes that strokes in the copy have covered, and the number of
        # strokes that have ended.
        self._painted: list[tuple[Array, Array]] = []
        self._strokes = 0
        self._listening = Listening()
        for name in self._names:
            set_unlike(self.copy, name, getattr(layer, name))
            for one, other in ((layer, self.copy), (self.copy, layer)):
                self._listening.to(
                    getattr(one.events, name), self._relay, name, one, other
                )
        self._listening.to(layer.events.data, self._take_data)
        self._listening.to(layer.events.set_data, self._sliced)
        if isinstance(layer, Labels):
            self._listening.to(layer.events.labels_update, self._refresh_copy)
            self._listening.to(self.copy.events.labels_update, self._paint_on)
            self._listening.to(self.copy.events.paint, self._stroke_ended)

    def stop(self) -> None:
        """Follow each other no longer."""
        self._hand_over()
        self._listening.stop()

    @contextmanager
    def _relaying(self) -> Iterator[None]:
        """Change one of the two without the other following."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    def _relay(self, name: str, one: Any, other: Any, *_: Any) -> None:
        if self._busy:
            return
        if isinstance(one, Points) and len(one.data) != len(other.data):
            self._take_data()
            return
        with self._relaying():
            setattr(other, name, getattr(one, name))

    # -- data -----------------------------------------------------------------

    def _take_data(self, *_: Any) -> None:
        if self._busy:
            return
        # The copy of any other kind of layer is made anew.
        if not any(isinstance(self.layer, kind) for kind in _OF_KIND):
            self._renew(self.layer)
            return
        with self._relaying():
            self.copy.data = self.layer.data
        self._take_look()

    def _take_look(self) -> None:
        """Take over the look of points, of which napari does not emit every change."""
        if isinstance(self.layer, Points):
            with self._relaying():
                for name in self._names:
                    set_unlike(self.copy, name, getattr(self.layer, name))

    def _sliced(self, *_: Any) -> None:
        """Draw data again that were changed in place; another slice changes none."""
        before, self._slice = self._slice, _slice_of(self._viewer)
        if before != self._slice or self._busy:
            return
        if isinstance(self.layer, Points):
            if len(self.layer.data) == len(self.copy.data):
                self._take_look()
        else:
            self._refresh_copy()

    def _refresh_copy(self, *_: Any) -> None:
        if not self._busy:
            with self._relaying():
                _draw_again(self.copy)

    # -- painting -------------------------------------------------------------

    def _paint_on(self, event: Any) -> None:
        """Show a stroke in the other views while it is drawn."""
        if self._busy:
            return
        start, stop = np.zeros(self.copy.ndim, int), np.array(self.copy.data.shape)
        more = self._target.dims.ndim - self.copy.ndim
        shown = [axis - more for axis in self._target.dims.displayed if axis >= more]
        start[shown] = event.offset
        stop[shown] = start[shown] + np.shape(event.data)
        self._painted.append((start, stop))
        with self._relaying():
            _draw_again(self.layer)

    def _stroke_ended(self, *_: Any) -> None:
        """Let the layer itself undo a stroke, once napari has written all of it."""
        self._strokes += 1
        QTimer.singleShot(0, weakly(self._hand_over))

    def _hand_over(self) -> None:
        if not self._strokes or not self._painted:
            return
        strokes, self._strokes = self._strokes, 0
        starts, stops = zip(*self._painted, strict=True)
        self._painted.clear()
        start, stop = np.min(starts, axis=0), np.max(stops, axis=0)
        box = tuple(map(slice, start, stop))
        with self._relaying():
            after = np.array(self.copy.data[box])
            for _ in range(strokes):
                self.copy.undo()
            changed = np.nonzero(np.asarray(self.layer.data[box]) != after)
            places = tuple(np.add(changed, start[:, np.newaxis]))
            self.layer.data_setitem(places, after[changed])
            _draw_again(self.copy)


def _attributes(layer: Any) -> tuple[str, ...]:
    own = next(
        (names for kind, names in _OF_KIND.items() if isinstance(layer, kind)), ()
    )
    return (*_OF_ALL, *own)


def _slice_of(viewer: Any) -> tuple[Any, ...]:
    """Return what identifies the slice that a viewer shows."""
    dims = viewer.dims
    at = tuple(dims.point[axis] for axis in dims.not_displayed)
    return dims.order, dims.ndisplay, at, dims.margin_left, dims.margin_right


def _draw_again(layer: Any) -> None:
    layer.refresh(thumbnail=False, highlight=False, extent=False)


# Three more canvases in a window, beside and below its own.


class View(QtViewer):  # type: ignore[misc]
    """Canvas of a further view, with a model of its own.

    Parameters
    ----------
    name : str
        A plane, or "3D".
    window : QtViewer
        The window's own canvas, which gets the keys that are pressed in this one, and
        the files that are dropped onto it.
    """

    def __init__(self, name: str, window: Any) -> None:
        model = ViewerModel(title=name)
        model.dims.ndim, model.dims.ndisplay = 3, 3 if name == SOLID else 2
        # napari binds all keys once more as they are, of which nothing need hear.
        with action_manager.events.shortcut_changed.blocker():
            super().__init__(model)
        self._window = window
        self.canvas.native.installEventFilter(self)
        self.dims.setVisible(False)
        small(self, self.dims)

    def begin(self) -> None:
        """Take over the theme of the window, and show three axes from this side."""
        model, name = self.viewer, self.viewer.title
        model.theme = self._window.viewer.theme
        model.dims.ndim = 3
        if name in PLANES:
            model.dims.order = PLANES[name]

    def end(self) -> None:
        """Remove all layers, and forget the one that was selected last."""
        self.viewer.layers.clear()
        self.viewer.layers.selection.clear()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Pass keys on to the window's own canvas, whose tools are meant."""
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QApplication.sendEvent(self._window.canvas.native, event)
            return True
        return bool(super().eventFilter(watched, event))

    def dropEvent(self, event: Any) -> None:
        """Open files in the window's own viewer."""
        self._window.dropEvent(event)


class Canvases:
    """Three canvases: Coronal below the window's own, 3D and Sagittal beside both.

    Parameters
    ----------
    window : QtViewer
        The window's own canvas, which stays where it is.
    """

    def __init__(self, window: Any) -> None:
        self._window = window
        self._views: dict[str, View] = {}
        # The room of each canvas, with an empty page that is shown while it is filled.
        self._cells: dict[str, QStackedWidget] = {}
        self._column: Any = None

    def show(self) -> None:
        """Make room for all; the canvases are put in one by one."""
        if self._column is None:
            self._lay_out()
        window, column = self._window, self._column
        small(window, window.widget(0), window.dims)
        layout = window.parentWidget().layout()
        layout.setStretch(layout.indexOf(window), 1)
        for cell in self._cells.values():
            cell.setCurrentIndex(0)
            cell.show()
        column.show()
        for splitter in (window, column):
            splitter.setSizes(_EQUAL)

    def hide(self) -> None:
        """Leave the window to its own canvas."""
        window = self._window
        if self._column is None:
            return
        self._column.hide()
        for cell in self._cells.values():
            cell.hide()
        layout = window.parentWidget().layout()
        layout.setStretch(layout.indexOf(window), 0)
        for part in (window, window.widget(0), window.dims):
            part.setMinimumWidth(0)
        # At once, for the next view is fitted into the canvas as it is now.
        layout.activate()
        window.refresh()

    def view(self, name: str) -> View:
        """Return a canvas, kept from before or made now, which takes a while."""
        if name not in self._views:
            self._views[name] = view = View(name, self._window)
            self._cells[name].addWidget(view)
        view = self._views[name]
        view.begin()
        return view

    def kept(self) -> list[View]:
        """Return all canvases that were made."""
        return list(self._views.values())

    def put_in(self, name: str) -> None:
        """Show a canvas in its room."""
        self._cells[name].setCurrentWidget(self._views[name])

    def remove(self) -> None:
        """Close all canvases for good, before events reach them in a closed window."""
        if self._column is None:
            return
        self.hide()
        for view in self._views.values():
            view.close()
            QApplication.sendPostedEvents(view, QEvent.Type.DeferredDelete)
        self._window.splitterMoved.disconnect(self._level_column)
        for part in (*self._cells.values(), self._column):
            part.setParent(None)
            part.deleteLater()
        self._views.clear()
        self._cells.clear()
        self._column = None

    def _lay_out(self) -> None:
        window = self._window
        self._column = column = QSplitter(Qt.Orientation.Vertical)
        window.parentWidget().layout().addWidget(column, 1)
        for splitter, names in ((window, ("Coronal",)), (column, (SOLID, "Sagittal"))):
            for name in names:
                self._cells[name] = cell = QStackedWidget()
                cell.addWidget(QWidget())
                splitter.addWidget(cell)
        window.splitterMoved.connect(self._level_column)
        column.splitterMoved.connect(self._level_window)

    def _level_column(self, *_: Any) -> None:
        """Keep both columns level where a handle is dragged."""
        if self._column is not None:
            self._column.setSizes(self._window.sizes())

    def _level_window(self, *_: Any) -> None:
        self._window.setSizes(self._column.sizes())


def small(*widgets: Any) -> None:
    """Let widgets become as narrow as their window needs."""
    for widget in widgets:
        widget.setMinimumWidth(1)
