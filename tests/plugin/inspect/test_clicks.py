"""Clicks in 3D, classes under the pointer, and surfaces of many classes."""

from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtWidgets import QToolTip

from napari_uncertainty.plugin.inspect import map_views as stage_module
from support.generated import OBLIQUE
from support.inspect_dock import as_opened, open_for_module, show_scene


@pytest.fixture(scope="module")
def opened(request, qapp):
    yield from open_for_module(request, affine=OBLIQUE, scan=True)


@pytest.fixture
def case(opened, qtbot):
    as_opened(qtbot, opened[1])
    return opened[0]


@pytest.fixture
def widget(opened):
    return opened[1]


def looking_at(viewer, place):
    """A pointer in 3D that is before a place in the world."""
    direction = np.array(viewer.scene.camera.view_direction)
    position = np.array(viewer.dims.point)
    position[-3:] = place - 200 * direction
    along = np.zeros(len(position))
    along[-3:] = direction
    return position, along


def press(viewer, place, moves=()):
    """A button that goes down before a place, and up where it was or is dragged to."""
    position, direction = looking_at(viewer, place)
    event = SimpleNamespace(
        type="mouse_press", modifiers=(), button=1, pos=(50, 60),
        position=position, view_direction=direction,
    )  # fmt: skip
    running = [call(viewer, event) for call in list(viewer.mouse_drag_callbacks)[-1:]]
    for one in running:
        next(one, None)
    for pos in moves:
        event.type, event.pos = "mouse_move", pos
        for one in running:
            next(one, None)
    event.type = "mouse_release"
    for one in running:
        next(one, None)


def test_a_click_on_a_surface_or_a_cut_goes_to_its_place(qtbot, case, widget):
    viewer = case.viewer
    for view in ("Cut-away", "Surface"):
        show_scene(qtbot, widget, view)
        if view == "Cut-away":
            shown = case.map
            data = np.array(shown.plane.position)
            place = np.array(shown.data_to_world(data))
        else:
            _, surface = widget.views._surfaces.shown([None])[0]
            vertices = surface.data[0] * surface.scale
            depth = vertices @ viewer.scene.camera.view_direction
            place = vertices[np.argmin(depth)]
        seen = viewer.scene.camera.center, viewer.scene.camera.zoom
        widget.probe_panel.clear()
        before = viewer.dims.point
        press(viewer, place, moves=[(60, 70), (80, 90)])  # which turns the view
        assert viewer.dims.point == before
        press(viewer, place, moves=[(51, 60)])
        step = max(part.step for part in viewer.dims.range[-3:])
        np.testing.assert_allclose(viewer.dims.point[-3:], place, atol=step)
        assert (viewer.scene.camera.center, viewer.scene.camera.zoom) == seen
        [ring] = [one for one in viewer.layers if one.name == "place"]
        ring_at = ring.data_to_world(ring.data[0])
        np.testing.assert_allclose(ring_at[-3:], place, atol=step)
        press(viewer, place + 500)  # beside everything
        np.testing.assert_allclose(viewer.dims.point[-3:], place, atol=step)


def test_the_pointer_tells_the_class_of_a_surface(qtbot, case, widget, monkeypatch):
    told = []
    monkeypatch.setattr(QToolTip, "showText", lambda _at, text: told.append(text))
    widget.classes.select([1])
    show_scene(qtbot, widget, "Surface")
    _, surface = widget.views._surfaces.shown([(1,)])[0]
    vertices = surface.data[0] * surface.scale
    depth = vertices @ case.viewer.scene.camera.view_direction
    for place in (vertices[np.argmin(depth)], vertices[0] + 500):
        position, direction = looking_at(case.viewer, place)
        event = SimpleNamespace(position=position, view_direction=direction)
        widget._pointed(case.viewer, event)
    assert told == ["left", ""]


def test_many_surfaces_are_made_only_if_the_person_says_so(
    qtbot, case, widget, monkeypatch
):
    monkeypatch.setattr(stage_module, "MOST_UNASKED", 2)
    waiting = widget.views.waiting
    widget.views._meshes._made.clear()
    widget.classes.select([1, 2, 3])
    widget.views.buttons.buttons["Surface"].click()
    assert waiting.question.isVisibleTo(widget)
    assert waiting.question.text().startswith("4 surfaces have to be made")
    assert case.viewer.dims.ndisplay == 2
    waiting.cancel.click()
    assert not waiting.isVisibleTo(widget)
    assert not widget.views.buttons.buttons["Surface"].isChecked()
    widget.views.buttons.buttons["Surface"].click()
    waiting.go_on.click()
    assert not waiting.question.isVisibleTo(widget)
    qtbot.waitUntil(lambda: not waiting.isVisibleTo(widget))
    assert case.viewer.dims.ndisplay == 3
    # One layer for all of them.
    shown = widget.views._surfaces.shown([(1,), (2,), (3,)])
    assert len({id(layer) for _, layer in shown}) == 1
    assert len(shown) == 3
