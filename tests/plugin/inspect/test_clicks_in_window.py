"""Clicks and drags of a real mouse in 3D, on surfaces, cuts and marks."""

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QLabel

from napari_uncertainty.analysis.hotspots import Hotspot
from napari_uncertainty.plugin.review.marks import HotspotPoints
from napari_uncertainty.review.review import Stop
from support.generated import OBLIQUE
from support.inspect_dock import add_case, show_scene, wait_until_found
from support.review_dock import redirect

SHAPE = (20, 21, 22)
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


@pytest.fixture
def case(viewer, rng, tmp_path, monkeypatch):
    redirect(tmp_path, monkeypatch)
    return add_case(viewer, rng, OBLIQUE, SHAPE, scan=True)


def open_dock(viewer, name):
    _, widget = viewer.window.add_plugin_dock_widget(
        "napari-uncertainty", f"{name} uncertainty"
    )
    return widget


@pytest.fixture
def inspect(qtbot, viewer, case):
    viewer.window.resize(1000, 700)
    widget = open_dock(viewer, "Inspect")
    wait_until_found(qtbot, widget)
    return widget


def pixel_of(viewer, place):
    """Where a place of the world is on the canvas, by camera and zoom alone."""
    camera = viewer.scene.camera
    forward = np.array(camera.view_direction)
    up = np.array(camera.up_direction)
    right = np.cross(forward, up)
    offset = np.array(place)[-3:] - np.array(camera.center)
    height, width = viewer.canvas.size
    x = width / 2 + camera.zoom * (offset @ right)
    y = height / 2 - camera.zoom * (offset @ up)
    return QPoint(round(x), round(y))


def send(viewer, kind, at, button, buttons):
    native = viewer.window._qt_viewer.canvas.native
    there = QPointF(native.mapToGlobal(at))
    event = QMouseEvent(
        kind, QPointF(at), there, button, buttons, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(native, event)
    QApplication.processEvents()


def click(viewer, at, by=()):
    """Press, drag by these pixels, and release."""
    send(viewer, QEvent.Type.MouseMove, at, NONE, NONE)
    send(viewer, QEvent.Type.MouseButtonPress, at, LEFT, LEFT)
    for x, y in by:
        at = at + QPoint(x, y)
        send(viewer, QEvent.Type.MouseMove, at, NONE, LEFT)
    send(viewer, QEvent.Type.MouseButtonRelease, at, LEFT, NONE)


def nearest_vertex(viewer, inspect):
    """The place of the surface that is nearest to the eye."""
    _, surface = inspect.views._surfaces.shown([None])[0]
    vertices = surface.data[0] * surface.scale
    return vertices[np.argmin(vertices @ viewer.scene.camera.view_direction)]


@pytest.mark.parametrize("view", ["Surface", "Cut-away", "napari's own"])
def test_a_click_goes_to_a_place_and_a_drag_turns(qtbot, viewer, case, inspect, view):
    if view == "napari's own":
        viewer.window._qt_viewer.viewerButtons.ndisplayButton.click()
    else:
        show_scene(qtbot, inspect, view)
    qtbot.wait(100)
    shown = case.map
    if view == "Surface":
        place = nearest_vertex(viewer, inspect)
    else:
        assert shown.depiction == "plane"
        normal = np.array(shown.plane.normal)
        place = np.array(shown.data_to_world(shown.plane.position))
        # Elsewhere on the plane than where the slices are.
        place = place + 3 * (1 - normal) * np.array([1, -1, 1])
    at = pixel_of(viewer, place)
    angles, before = viewer.scene.camera.angles, viewer.dims.point
    click(viewer, at, by=[(30, 5), (40, 10)])
    assert viewer.dims.point == before
    assert not np.allclose(viewer.scene.camera.angles, angles)
    viewer.scene.camera.angles = angles
    inspect.probe_panel.clear()
    click(viewer, at)
    step = max(part.step for part in viewer.dims.range[-3:])
    np.testing.assert_allclose(viewer.dims.point[-3:], place, atol=step)
    assert viewer.scene.camera.angles == angles
    [ring] = [one for one in viewer.layers if one.name == "place"]
    ring_at = ring.data_to_world(ring.data[0])[-3:]
    np.testing.assert_allclose(ring_at, place, atol=step)
    voxel = inspect.following.subject.voxel(np.array(viewer.dims.point))
    assert f"voxel ({', '.join(map(str, voxel))})" in told_by(inspect.probe_panel)


def told_by(panel):
    return " ".join(one.text() for one in panel.findChildren(QLabel))


def test_a_click_on_a_mark_goes_to_its_hotspot(qtbot, viewer, case, inspect):
    review = open_dock(viewer, "Review")
    qtbot.waitUntil(lambda: review.table.current == 1)
    review.marks.click()
    subject, stops = review.desk.subject, review.desk.stops
    viewer.dims.ndisplay = 3
    qtbot.wait(100)
    camera = viewer.scene.camera
    places = [subject.place(stop.hotspot.voxel) for stop in stops]
    depth = [place[-3:] @ camera.view_direction for place in places]
    nearest = int(np.argmin(depth))
    click(viewer, pixel_of(viewer, places[nearest]))
    assert review.table.current == stops[nearest].rank
    np.testing.assert_allclose(viewer.dims.point[-3:], places[nearest], atol=0.6)


def test_a_surface_hides_the_mark_behind_it_and_not_that_before_it(
    qtbot, viewer, case, inspect
):
    show_scene(qtbot, inspect, "Surface")
    subject = inspect.following.subject
    vertices = nearest_vertex(viewer, inspect)
    camera = viewer.scene.camera
    # One in the middle of the image, and one of a corner between it and the eye.
    inside = tuple(n // 2 for n in SHAPE)
    corners = [(i, j, k) for i in (0, 19) for j in (0, 20) for k in (0, 21)]
    depth = [subject.place(one) @ camera.view_direction for one in corners]
    before = corners[int(np.argmin(depth))]
    assert min(depth) < vertices @ camera.view_direction
    stops = [
        Stop(Hotspot(rank, voxel, None, 1.0, 1, 0.5, None, 0.1, 0.1), "fixed")
        for rank, voxel in enumerate((inside, before), start=1)
    ]

    def colors():
        qtbot.wait(100)
        picture = viewer.screenshot(canvas_only=True, flash=False, scale=1)
        found = []
        for voxel in (inside, before):
            at = pixel_of(viewer, subject.place(voxel))
            found.append(picture[at.y(), at.x(), :3].astype(int))
        return np.array(found)

    without = colors()
    points = HotspotPoints(viewer)
    points.show(subject, stops, subject.names, 4.0)
    inspect.views.show_scene("Surface")
    change = np.abs(colors() - without).max(axis=1)
    assert change[0] < 8
    assert change[1] > 50
    points.remove()
