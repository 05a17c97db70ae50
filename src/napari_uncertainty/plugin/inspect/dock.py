"""A widget in a dock of napari's: its place at first, and its end."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize, QTimer
from qtpy.QtWidgets import QDockWidget, QFrame, QMainWindow, QScrollArea, QWidget


class Docked(QWidget):
    """A widget that shares the place of other docks, and notices when it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self._was_docked = self._placed = False

    def stop(self) -> None:
        """Called when the dock was closed."""

    def minimumSizeHint(self) -> QSize:
        """Hardly any height until it is in its place, or the window would grow."""
        hint: QSize = super().minimumSizeHint()
        return hint if self._placed else QSize(hint.width(), 1)

    def showEvent(self, event: Any) -> None:
        """Share the place of other docks at first: below them there is no room."""
        super().showEvent(event)
        if not self._placed:
            self._placed = True
            _tabify(self.parentWidget())
            self.updateGeometry()

    def event(self, event: QEvent | None) -> bool:
        """Notice the end: napari takes the widget out of its dock, and keeps it."""
        if event is not None and event.type() == QEvent.Type.ParentChange:
            if self.parent() is None and self._was_docked:
                self.stop()
            self._was_docked = self.parent() is not None
        return bool(super().event(event))


def scrolled(tab: QWidget) -> QWidget:
    """A tab that needs no height of its own, for the window would grow with it."""
    area = QScrollArea()
    area.setWidget(tab)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    return area


def _tabify(dock: Any) -> None:
    """Put a dock onto those beside it, as a tab in front of them."""
    window = None if dock is None else dock.window()
    if not isinstance(window, QMainWindow) or not isinstance(dock, QDockWidget):
        return
    area = window.dockWidgetArea(dock)
    for other in window.findChildren(QDockWidget):
        if (
            other is not dock
            and window.dockWidgetArea(other) == area
            and other.isVisible()
            and not other.isFloating()
        ):
            window.tabifyDockWidget(other, dock)
            QTimer.singleShot(0, dock.raise_)
            return
