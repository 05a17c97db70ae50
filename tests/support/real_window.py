"""Keys and the mouse at a real napari window, as a person has them."""

import time

import napari
import numpy as np
from napari.settings import get_settings
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QKeyEvent, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

LIMIT = 60.0

NONE, LEFT = Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton
PLAIN = Qt.KeyboardModifier.NoModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier
CTRL = Qt.KeyboardModifier.ControlModifier


def wait(ready, why):
    """Let the window work until something is so."""
    end = time.monotonic() + LIMIT
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {why}")
        QTest.qWait(5)


class Window:
    """A napari window, its keys and its mouse."""

    def __init__(self):
        self.viewer = napari.Viewer()
        # Here a key that is pressed for long is a slow machine, not a held key, which
        # napari would take back when it is released.
        get_settings().application.hold_button_delay = LIMIT
        self.viewer.window.resize(1000, 760)
        self.main = self.viewer.window._qt_window
        self.canvas = self.viewer.window._qt_viewer.canvas.native

    def press(self, key, modifier=PLAIN):
        """A key, for whatever has the focus; a letter as it is written."""
        self.come_to_front()
        if isinstance(key, str) and key.isupper():
            modifier |= SHIFT
        QTest.keyClick(self.main.windowHandle(), key, modifier)

    def type(self, text):
        """Keys; letters that no key has come as from an input method.

        Fast, so that the window is painted once.
        """
        self.come_to_front()
        for letter in text:
            if letter.isascii():
                QTest.keyClick(QApplication.focusWidget(), letter)
                continue
            for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
                event = QKeyEvent(kind, 0, PLAIN, letter)
                QApplication.sendEvent(QApplication.focusWidget(), event)
        QApplication.processEvents()

    def come_to_front(self):
        if not self.main.isActiveWindow():
            self.main.activateWindow()
            wait(self.main.isActiveWindow, "the window to come to the front")

    def focus(self, widget):
        self.come_to_front()
        widget.setFocus()
        wait(widget.hasFocus, f"{type(widget).__name__} to have the keys")

    def click(self, view, index):
        """A cell of a table."""
        self.come_to_front()
        view.scrollTo(index)
        at = view.visualRect(index).center()
        QTest.mouseClick(view.viewport(), LEFT, PLAIN, at)

    def stroke(self, layer):
        """Paint through the middle of the view; the voxels that are others now."""
        self.viewer.layers.selection.active = layer
        self.focus(self.canvas)
        self.press("p")
        layer.brush_size = 5
        before = np.array(layer.data)
        middle = self.canvas.rect().center()
        self._mouse(QEvent.Type.MouseMove, middle, NONE, NONE)
        self._mouse(QEvent.Type.MouseButtonPress, middle, LEFT, LEFT)
        for x in range(12, 61, 12):
            at = middle + QPoint(x, x // 2)
            self._mouse(QEvent.Type.MouseMove, at, NONE, LEFT)
        self._mouse(QEvent.Type.MouseButtonRelease, at, LEFT, NONE)
        changed = np.argwhere(np.asarray(layer.data) != before)
        assert len(changed), "the brush changed nothing"
        return changed

    def _mouse(self, kind, at, button, buttons):
        there = QPointF(self.canvas.mapToGlobal(at))
        event = QMouseEvent(kind, QPointF(at), there, button, buttons, PLAIN)
        QApplication.sendEvent(self.canvas, event)
        QApplication.processEvents()
