"""What a user does with the widget in a window."""

import threading

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton


def button(widget, text):
    [found] = [one for one in widget.findChildren(QPushButton) if one.text() == text]
    return found


def click(qtbot, widget, text):
    qtbot.mouseClick(button(widget, text), Qt.MouseButton.LeftButton)


def compute(qtbot, widget, text="Compute"):
    """Click, and wait for the map."""
    ended = []
    widget.computed.connect(ended.append)
    click(qtbot, widget, text)
    qtbot.waitUntil(lambda: bool(ended))
    widget.computed.disconnect(ended.append)
    return ended[0]


def folding():
    """Threads that compute."""
    return [one for one in threading.enumerate() if one.name.startswith("fold")]
