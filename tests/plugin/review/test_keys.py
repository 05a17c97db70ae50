"""Keys of a review: in the canvas, in the dock, and never napari's."""

from collections import Counter

import numpy as np
import pytest
from app_model.types import KeyBinding
from napari import layers
from napari._app_model import get_app_model
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy
from napari.utils.shortcuts import default_shortcuts
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_uncertainty.plugin.review.verdict_bar import KEYS, ReviewKeys

SHIFT = Qt.KeyboardModifier.ShiftModifier
NONE = Qt.KeyboardModifier.NoModifier

LAYERS = [
    layers.Image, layers.Labels, layers.Points, layers.Shapes, layers.Surface,
    layers.Tracks, layers.Vectors,
]  # fmt: skip


class Dock(QWidget):
    """What a dock may hold."""

    def __init__(self):
        super().__init__()
        layout = QVBoxLayout(self)
        self.line, self.page, self.number = QLineEdit(), QPlainTextEdit(), QSpinBox()
        self.button, self.table = QPushButton("Fine"), QTableWidget(2, 1)
        for row, text in enumerate(("gray matter", "nucleus")):
            self.table.setItem(row, 0, QTableWidgetItem(text))
        for part in (self.line, self.page, self.number, self.button, self.table):
            layout.addWidget(part)


@pytest.fixture
def done():
    return Counter()


@pytest.fixture
def actions(done):
    def action(name):
        return lambda: done.update([name])

    return {name: action(name) for name in KEYS}


@pytest.fixture
def dock(viewer):
    dock = Dock()
    viewer.window.add_dock_widget(dock)
    return dock


@pytest.fixture
def keys(viewer, dock, actions):
    # As a widget of a plugin gets it.
    keys = ReviewKeys(PublicOnlyProxy(viewer), dock, actions)
    yield keys
    keys.stop()


def press(qtbot, widget, key):
    """A key as it is written on a button."""
    modifier = SHIFT if key.startswith("Shift+") else NONE
    qtbot.keyClick(widget, getattr(Qt.Key, f"Key_{key[-1]}"), modifier)


def canvas_of(viewer):
    return viewer.window._qt_viewer.canvas.native


def binding(key):
    return KeyBinding.from_str(key)


# -- what is free -------------------------------------------------------------


def test_none_of_the_keys_is_naparis():
    taken = {str(key) for found in default_shortcuts.values() for key in found}
    for kind in (ViewerModel, *LAYERS):
        for base in kind.__mro__:
            taken |= {str(key) for key in getattr(base, "class_keymap", {})}
    assert {"V", "M", "Ctrl+Z"} <= taken  # it finds any
    assert not taken & {str(binding(key)) for key in KEYS.values()}
    assert len({*KEYS.values()}) == len(KEYS)


def test_what_others_have_bound_in_the_viewer_stays_theirs(qtbot, actions, done):
    viewer, dock = ViewerModel(), QWidget()
    qtbot.addWidget(dock)
    theirs = []
    viewer.bind_key("n", theirs.append)
    keys = ReviewKeys(viewer, dock, actions)
    viewer.keymap[binding("N")](viewer)
    assert len(theirs) == 1
    viewer.keymap[binding("G")](viewer)
    assert done == {"fine": 1}
    keys.stop()
    assert list(viewer.keymap) == [binding("N")]


def test_stopping_gives_back_what_is_ours_only(qtbot, actions):
    viewer, dock = ViewerModel(), QWidget()
    qtbot.addWidget(dock)
    keys = ReviewKeys(viewer, dock, {"next": actions["next"], "fine": actions["fine"]})
    assert set(viewer.keymap) == {binding("N"), binding("G")}
    viewer.bind_key("g", print, overwrite=True)
    keys.stop()
    assert viewer.keymap == {binding("G"): print}
    keys.stop()
    ReviewKeys(viewer, dock, actions)
    assert set(viewer.keymap) == {binding(key) for key in KEYS.values()}
    assert viewer.keymap[binding("G")] is print


# -- in a window --------------------------------------------------------------


def image(viewer):
    return viewer.add_image(np.zeros((4, 20, 20)))


def labels(viewer):
    layer = viewer.add_labels(np.zeros((4, 20, 20), int))
    layer.mode = "paint"
    return layer


def points(viewer):
    layer = viewer.add_points(np.zeros((1, 3)))
    layer.mode = "select"
    return layer


def test_in_a_window_they_act_where_nobody_types(qtbot, viewer, dock, keys, done):
    menus = {str(one.keybinding) for one in get_app_model().keybindings}
    assert "Ctrl+O" in menus  # it finds any
    assert not menus & {str(binding(key)) for key in KEYS.values()}
    check_canvas(qtbot, viewer, keys, done)
    check_dock(qtbot, viewer, dock, keys, done)
    keys.stop()
    for part in (canvas_of(viewer), dock.button):
        part.setFocus()
        for key in KEYS.values():
            press(qtbot, part, key)
    assert not done
    assert not viewer.keymap


def check_canvas(qtbot, viewer, keys, done):
    """There they act, and napari has its own."""
    canvas = canvas_of(viewer)
    for add in (image, labels, points):
        viewer.layers.clear()
        layer = add(viewer)
        assert viewer.layers.selection.active == layer
        mode = layer.mode
        for name, key in KEYS.items():
            press(qtbot, canvas, key)
            assert done == {name: 1}, add
            done.clear()
        assert layer.mode == mode
        if add is labels:
            press(qtbot, canvas, "M")
            assert layer.selected_label == 1
            press(qtbot, canvas, "E")
            assert layer.mode == "erase"
        if add is points:
            press(qtbot, canvas, "P")
            assert layer.mode == "add"
        press(qtbot, canvas, "V")
        assert not layer.visible
        assert not done


def check_dock(qtbot, viewer, dock, keys, done):
    """There they act, but where one types."""
    viewer.layers.clear()
    image(viewer)
    viewer.window._qt_window.activateWindow()
    qtbot.waitUntil(lambda: viewer.window._qt_window.isActiveWindow())
    for part in (dock.button, dock.table, dock):
        part.setFocus()
        for name, key in KEYS.items():
            press(qtbot, part, key)
            assert done == {name: 1}, (part, key)
            done.clear()
    for part in (dock.line, dock.page, dock.number):
        part.setFocus()
        for key in KEYS.values():
            press(qtbot, part, key)
    assert not done
    typed = "".join(key[-1] for key in KEYS.values())
    assert dock.line.text().upper() == typed
    assert dock.page.toPlainText().upper() == typed

    # Typing into a cell is typing.
    dock.table.setFocus()
    dock.table.editItem(dock.table.item(0, 0))
    editor = dock.table.findChild(QLineEdit)
    qtbot.waitUntil(editor.hasFocus)
    editor.selectAll()
    qtbot.keyClicks(editor, "hung")
    assert editor.text() == "hung"
    assert not done
