"""Three more canvases in a window, beside and below its own.

They are made once and kept, hidden and empty, until the window closes. What OpenGL has
loaded for a canvas is shared between all of a program and outlives that canvas, so
that some megabytes would be lost with each that is thrown away; and making one takes
longer than filling it.
"""

from __future__ import annotations

from typing import Any

from napari.components import ViewerModel
from napari.qt import QtViewer
from napari.utils.action_manager import action_manager
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QSplitter, QStackedWidget, QWidget

from ..inspect.planes import PLANES, SOLID

# Sizes of two canvases in one column, as shares.
_EQUAL = [10_000, 10_000]


class View(QtViewer):  # type: ignore[misc]
    """Canvas of a further view, with a model of its own.

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
        model.dims.ndim, model.dims.ndisplay = 3, 3 if name == SOLID else 2
        # All keys are bound once more as they are, which concerns nobody.
        with action_manager.events.shortcut_changed.blocker():
            super().__init__(model)
        self._window = window
        self.canvas.native.installEventFilter(self)
        self.dims.setVisible(False)
        small(self, self.dims)

    def begin(self) -> None:
        """Look as the window does, from this side, at three axes without a layer."""
        model, name = self.viewer, self.viewer.title
        model.theme = self._window.viewer.theme
        model.dims.ndim = 3
        if name in PLANES:
            model.dims.order = PLANES[name]

    def end(self) -> None:
        """Let all layers go, also the one that was selected last."""
        self.viewer.layers.clear()
        self.viewer.layers.selection.clear()

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Give keys to the window's own canvas, whose layers and tools are meant."""
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            QApplication.sendEvent(self._window.canvas.native, event)
            return True
        return bool(super().eventFilter(watched, event))

    def dropEvent(self, event: Any) -> None:
        """Open files in the window's own viewer."""
        self._window.dropEvent(event)


class Canvases:
    """Coronal below the window's own canvas, 3D and Sagittal beside both.

    Parameters
    ----------
    window : QtViewer
        The window's own canvas, which stays where it is.
    """

    def __init__(self, window: Any) -> None:
        self._window = window
        self._views: dict[str, View] = {}
        # Each with an empty page, shown while its canvas is being filled.
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
        # At once, for whoever shows another view fits it into the canvas as it is.
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
        """All that were made."""
        return list(self._views.values())

    def put_in(self, name: str) -> None:
        """Show a canvas in its room."""
        self._cells[name].setCurrentWidget(self._views[name])

    def remove(self) -> None:
        """Close them for good: nothing may come to them later in a window that goes."""
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
    """Let widgets be as narrow as they have to."""
    for widget in widgets:
        widget.setMinimumWidth(1)
