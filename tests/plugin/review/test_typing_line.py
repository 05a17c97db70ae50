"""Writing on while something else takes the keys."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit, QVBoxLayout, QWidget

from napari_uncertainty.plugin.review.verdict_bar import keeps_keys


class Line(QLineEdit):
    def focusOutEvent(self, event):
        if not keeps_keys(self, event):
            super().focusOutEvent(event)


@pytest.fixture
def window(qtbot):
    """A line that has the keys, and a canvas that can have them."""
    window = QWidget()
    layout = QVBoxLayout(window)
    window.line, window.canvas = Line(), QWidget()
    window.canvas.setMinimumSize(50, 50)
    window.canvas.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    layout.addWidget(window.line)
    layout.addWidget(window.canvas)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.line.setFocus()
    qtbot.waitUntil(window.line.hasFocus)
    return window


def test_who_types_goes_on(qtbot, window):
    ended = []
    window.line.editingFinished.connect(lambda: ended.append(1))
    qtbot.keyClicks(window.line, "half a ")
    # As napari does when a notification fades.
    window.canvas.setFocus()
    assert window.line.hasFocus()
    qtbot.keyClicks(window.focusWidget(), "word")
    assert window.line.text() == "half a word"
    assert not ended


@pytest.mark.parametrize("how", ["mouse", "tab", "given up"])
def test_who_leaves_has_left(qtbot, window, how):
    if how == "mouse":
        qtbot.mouseClick(window.canvas, Qt.MouseButton.LeftButton)
        window.canvas.setFocus(Qt.FocusReason.MouseFocusReason)
    elif how == "tab":
        qtbot.keyClick(window.line, Qt.Key.Key_Tab)
    else:
        window.line.clearFocus()
    assert not window.line.hasFocus()
    assert window.canvas.hasFocus() == (how != "given up")
