"""Four views in a real window, with the mouse and keys."""

import gc
import os
import weakref
from collections import Counter

import numpy as np
import psutil
import pytest
from napari.components import ViewerModel
from napari.layers import Layer
from napari.qt import QtViewer
from nibabel.affines import apply_affine
from qtpy.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from qtpy.QtGui import QIntValidator, QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from vispy.gloo.globject import GLObject
from vispy.scene import Node

from napari_uncertainty.model.grid import Grid
from napari_uncertainty.model.images import LabelMap, Scan
from napari_uncertainty.plugin.inspect.map_views import PLACE_NAME, Ring
from napari_uncertainty.plugin.viewer.canvases import LinkedLayers
from napari_uncertainty.plugin.viewer.class_outlines import ClassOutlines
from napari_uncertainty.plugin.viewer.cut_planes import CutPlanes
from napari_uncertainty.plugin.viewer.four_views import (
    NEEDS_3D,
    SMALL_BAR,
    FourViews,
    FourViewsButton,
    toggle_four_views,
)
from napari_uncertainty.plugin.viewer.lifetime import Listening
from napari_uncertainty.plugin.viewer.panes import CrossHair
from napari_uncertainty.plugin.viewer.pointer import ras_at
from support.generated import OBLIQUE
from support.inspect_dock import add, add_case, callbacks, wait_until_found
from support.real_window import CTRL, LEFT, NONE, PLAIN, SHIFT

#: So many openings are counted after the first four. Fifty take a minute, in which
#: nothing else is found; OPENINGS=50 asks for them.
OPENINGS = int(os.environ.get("OPENINGS", "10"))

#: What each may leave behind, in MB. A canvas that is thrown away leaves 5.
LEAKED_MB = 0.75

SHAPE = (20, 21, 22)
PLANES = ("Axial", "Coronal", "Sagittal")

PRESS, RELEASE, MOVE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseButtonRelease,
    QEvent.Type.MouseMove,
)

#: Axes in another order, two of them turned round, voxels of three sizes.
PERMUTED = np.array([[0, 0, 2.5, -20], [-1, 0, 0, 15], [0, 1.5, 0, 3], [0, 0, 0, 1.0]])
CROP = (3, 2, 4)  # voxels that a segmentation lacks at the start of each axis


@pytest.fixture(autouse=True)
def small_heap():
    """Let garbage collection pass over what other tests have left.

    napari collects for each layer that a canvas loses, which takes longer the more
    objects there are.
    """
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def case(viewer, rng):
    return add_case(viewer, rng, OBLIQUE, SHAPE, scan=True)


def shown(qtbot, viewer, asked_by=None):
    views = FourViews.of(viewer)
    views.enter(asked_by)
    ready(qtbot, views)
    return views


def ready(qtbot, views):
    qtbot.waitUntil(lambda: views.ready, timeout=60_000)
    QApplication.processEvents()


def emptied(qtbot, panes):
    qtbot.waitUntil(lambda: not any(pane.viewer.layers for pane in panes))
    QApplication.processEvents()


def counted(views):
    """How many layers there are in each view."""
    return {name: len(pane.viewer.layers) for name, pane in views.panes.items()}


def objects():
    """How many there are of all kinds that views consist of.

    But for the validators that napari gives to its sliders with every change: PySide6
    keeps them with one and two views, too.
    """
    kinds = (
        Layer, ViewerModel, QtViewer, QObject, Node, GLObject, ClassOutlines, CrossHair,
        CutPlanes, LinkedLayers, Listening,
    )  # fmt: skip
    found = Counter()
    for one in gc.get_objects():
        # Not isinstance, which asks proxies of what they are proxies for.
        if not issubclass(type(one), QIntValidator):
            found.update(kind.__name__ for kind in kinds if issubclass(type(one), kind))
    return found


def mouse(pane, kind, at, button=NONE, buttons=NONE, keys=PLAIN):
    canvas = pane.canvas.canvas.native
    place = QPoint(*(round(x) for x in at))
    event = QMouseEvent(
        kind, QPointF(place), QPointF(canvas.mapToGlobal(place)), button, buttons, keys
    )
    QApplication.sendEvent(canvas, event)


def drag(pane, *places, keys=PLAIN):
    """Press, go on to other places, and release; with one place it is a click."""
    mouse(pane, PRESS, places[0], LEFT, LEFT, keys)
    for at in places[1:]:
        mouse(pane, MOVE, at, NONE, LEFT, keys)
        QTest.qWait(20)  # napari takes a move every 5 ms
    mouse(pane, RELEASE, places[-1], LEFT, NONE, keys)
    QApplication.processEvents()


def middle(pane, right=0, down=0):
    """Its middle in pixels, or a place that is so far to the right and down of it."""
    canvas = pane.canvas.canvas.native
    return np.array([canvas.width() / 2 + right, canvas.height() / 2 + down])


def snapshot(viewer):
    """All that belongs to the person, and all that listens."""
    camera, dims = viewer.scene.camera, viewer.dims
    look = ("name", "visible", "opacity", "blending", "mode")
    return {
        "layers": [[getattr(layer, name) for name in look] for layer in viewer.layers],
        "bars": [
            layer.colorbar.visible
            for layer in viewer.layers
            if hasattr(layer, "colorbar")
        ],
        "selected": viewer.layers.selection.active,
        "camera": (camera.center, camera.zoom, camera.angles, camera.mouse_pan),
        "dims": (dims.order, dims.point, dims.ndisplay, dims.range),
        "grid": viewer.canvas.grid.enabled,
        "overlays": set(viewer.canvas.overlays),
        "canvas": tuple(viewer.canvas.size),
        "window": viewer.window.geometry()[2:],
        "callbacks": callbacks(viewer),
    }


def value_at(viewer, name, place):
    layer = viewer.layers[name]
    point = np.array(viewer.dims.point[-layer.ndim :])
    point[-3:] = place
    return layer.data[tuple(np.rint(layer.world_to_data(point)).astype(int))]


@pytest.mark.parametrize("affine", [OBLIQUE, PERMUTED], ids=["tilted", "permuted"])
def test_a_click_in_any_view_takes_all_views_to_one_voxel(qtbot, viewer, rng, affine):
    """Known by what two files, one of them cropped, have there."""
    image = rng.permutation(np.prod(SHAPE)).reshape(SHAPE).astype(np.float32)
    labels = (image[CROP[0] :, CROP[1] :, CROP[2] :] % 251).astype(np.uint8)
    cropped = affine.copy()
    cropped[:3, 3] = apply_affine(affine, CROP)
    add(viewer, Scan(image, Grid(SHAPE, affine), name="scan"))
    add(viewer, LabelMap(labels, Grid(labels.shape, cropped), {}, name="labels"))
    views = shown(qtbot, viewer)
    heard = []
    viewer.mouse_move_callbacks.append(lambda _, event: heard.append(event.position))
    by_value = {value: index for index, value in np.ndenumerate(image)}
    scan, seen = viewer.layers["scan"], set()
    for name in PLANES:
        pane = views.panes[name]
        at = middle(pane, 14, -17)
        drag(pane, at)
        step = max(part.step for part in viewer.dims.range)
        reach = step * pane.viewer.scene.camera.zoom / 2 + 1
        assert np.abs(pane.crosshair.crossing - at).max() <= reach
        value = value_at(viewer, "scan", views.panes.place)
        index = by_value[value]
        seen.add(index)
        for pane in views.panes.values():
            assert tuple(pane.crosshair.place) == tuple(views.panes.place)
            np.testing.assert_allclose(
                pane.crosshair.seen(views.panes.place), pane.crosshair.crossing
            )
        for other in PLANES:
            model = views.panes[other].viewer
            assert tuple(model.dims.point[-3:]) == tuple(views.panes.place)
            assert value_at(model, "scan", model.dims.point) == value
            if (np.array(index) >= CROP).all():
                assert value_at(model, "labels", model.dims.point) == value % 251
        ras = apply_affine(affine, index)
        np.testing.assert_allclose(ras_at(scan, views.panes.place), ras, atol=1e-4)
        np.testing.assert_allclose(heard[-1], views.panes.place, atol=step)
    assert len(seen) == 3
    # A click on a plane in 3D, and a drag, which only turns it.
    solid = views.panes["3D"]
    at = middle(solid, 25, 20)
    mouse(solid, MOVE, at)
    QTest.qWait(20)
    pointed_at = np.array(heard[-1])
    drag(solid, at)
    assert np.abs(solid.crosshair.seen(pointed_at) - at).max() <= 1
    assert np.abs(views.panes.place - pointed_at).max() <= step / 2 + 1e-6
    place = views.panes.place
    drag(solid, middle(solid), middle(solid, 40, 5))
    np.testing.assert_array_equal(views.panes.place, place)
    # Planes zoom and move together.
    coronal, sagittal = (views.panes[name] for name in ("Coronal", "Sagittal"))
    before = np.array(sagittal.viewer.scene.camera.center)
    drag(coronal, middle(coronal), middle(coronal, 10, 30), keys=SHIFT)
    moved = np.array(sagittal.viewer.scene.camera.center) - before
    zoom = sagittal.viewer.scene.camera.zoom
    np.testing.assert_allclose(moved, [0, -30 / zoom, 0], atol=1e-6)
    np.testing.assert_array_equal(views.panes.place, place)
    coronal.viewer.scene.camera.zoom = 3 * zoom
    assert viewer.scene.camera.zoom == sagittal.viewer.scene.camera.zoom == 3 * zoom


def test_a_stroke_in_one_view_shows_in_all_and_is_undone_by_a_key_in_another(
    qtbot, case
):
    viewer, labels = case.viewer, case.segmentation
    views = shown(qtbot, viewer)
    viewer.layers.selection.active = labels
    sagittal, coronal = views.panes["Sagittal"], views.panes["Coronal"]
    QTest.keyClick(coronal.canvas.canvas.native, "p")
    assert labels.mode == "paint"
    labels.selected_label, labels.brush_size = 3, 2
    before, place = labels.data.copy(), views.panes.place
    drag(sagittal, middle(sagittal), middle(sagittal, 0, 20))
    QTest.qWait(20)
    np.testing.assert_array_equal(views.panes.place, place)  # the brush has the mouse
    changed = np.argwhere(labels.data != before)
    assert len(changed)
    assert (labels.data[tuple(changed.T)] == 3).all()
    x = labels.world_to_data(views.panes.place)[2]
    assert set(changed[:, 2]) == {round(x)}
    for name in PLANES[1:]:
        copy = views.panes[name].viewer.layers[labels.name]
        assert np.shares_memory(copy.data, labels.data)
    QTest.keyClick(coronal.canvas.canvas.native, Qt.Key.Key_Z, CTRL)
    np.testing.assert_array_equal(labels.data, before)
    # A ring around a place is in all views.
    ring = Ring(viewer)
    ring.show(views.panes.place, 4.0)
    for name in ("Coronal", "Sagittal", "3D"):
        assert PLACE_NAME in views.panes[name].viewer.layers
    ring.remove()
    assert PLACE_NAME not in coronal.viewer.layers


def test_leaving_puts_everything_back(qtbot, case):
    """By the button, by closing its dock, and by other views."""
    viewer = case.viewer
    case.map.colorbar.visible = True
    viewer.dims.order = (0, 2, 1, 3)
    dock, widget = viewer.window.add_plugin_dock_widget(
        "napari-uncertainty", "Inspect uncertainty"
    )
    wait_until_found(qtbot, widget)
    QTest.qWait(50)
    viewer.scene.camera.zoom, viewer.scene.camera.center = 7.5, (3, -4)
    QTest.qWait(50)
    before = snapshot(viewer)
    buttons, views = widget.views.buttons, FourViews.of(viewer)
    button = buttons.four_views
    QTest.mouseClick(button, LEFT)
    ready(qtbot, views)
    assert button.isChecked()
    assert viewer.dims.order == (0, 1, 2, 3)
    QTest.mouseClick(button, LEFT)
    QTest.qWait(50)
    assert not button.isChecked()
    assert snapshot(viewer) == before
    # Somewhere else than before, the view shows that place.
    QTest.mouseClick(button, LEFT)
    ready(qtbot, views)
    views.panes.go_to(views.panes.place + 4)
    place = views.panes.place
    QTest.mouseClick(button, LEFT)
    np.testing.assert_array_equal(viewer.dims.point[-3:], place)
    np.testing.assert_array_equal(viewer.scene.camera.center[1:], place[[0, 2]])
    assert viewer.scene.camera.zoom == before["camera"][1]
    # Other views: one plane, and 3D by napari's own button and back.
    QTest.mouseClick(button, LEFT)
    ready(qtbot, views)
    QTest.mouseClick(buttons.buttons["Sagittal"], LEFT)
    assert not views.shown
    assert viewer.dims.order[-3:] == (3, 1, 2)
    views.enter(button)
    ready(qtbot, views)
    viewer.dims.ndisplay = 3
    QTest.qWait(50)
    assert not views.shown
    assert viewer.dims.ndisplay == 3
    viewer.dims.ndisplay = 2
    assert viewer.dims.order[-3:] == (3, 1, 2)
    # The dock is closed while they are built.
    viewer.dims.order = (0, 2, 1, 3)
    views.enter(button)
    dock.close()
    viewer.window.remove_dock_widget(dock)
    QTest.qWait(100)
    assert not views.shown
    assert viewer.dims.order == (0, 2, 1, 3)
    assert viewer.canvas.size[1] > before["canvas"][1]
    QTest.qWait(50)


def test_time_is_shared_and_a_flat_image_has_one_view(qtbot, viewer, told):
    button = FourViewsButton(viewer)
    qtbot.addWidget(button)
    button.show()
    viewer.add_image(np.zeros((8, 9)), name="flat")
    assert (button.isEnabled(), button.toolTip()) == (False, NEEDS_3D)
    toggle_four_views(viewer)
    assert told()[-1] == NEEDS_3D
    moving = np.arange(3 * 4 * 5 * 6.0).reshape(3, 4, 5, 6)
    viewer.add_image(moving, name="moving", scale=(1, 2, 1, 1))
    assert button.isEnabled()
    toggle_four_views(viewer)
    views = FourViews.of(viewer)
    ready(qtbot, views)
    # Nobody knows what is up in a patient.
    names = {pane.crosshair.name for pane in views.panes.values()}
    assert names == {"Axis 0", "Axis 1", "Axis 2", "3D"}
    viewer.dims.set_point(0, 2)
    views.panes.go_to((4, 1, 3))
    model = views.panes["Sagittal"].viewer
    assert model.dims.point == (2, 4, 1, 3)
    assert value_at(model, "moving", model.dims.point[-3:]) == moving[2, 2, 1, 3]
    model.dims.set_point(0, 1)  # by the slider of another view
    assert viewer.dims.point[0] == 1
    viewer.layers.remove("moving")
    QTest.qWait(20)
    assert not views.shown
    assert not button.isEnabled()


def test_nothing_is_left_of_views_that_were_left(qtbot, case):
    """But three empty canvases, which are kept."""
    viewer = case.viewer
    first, gone, kept = None, [], []
    for _ in range(3):
        views = shown(qtbot, viewer)
        others = [pane for pane in views.panes.values() if pane.viewer is not viewer]
        kept.append({id(pane.canvas) for pane in others})
        gone += [
            weakref.ref(part)
            for pane in others
            for part in (pane.crosshair, *pane.viewer.layers)
        ]
        views.leave()
        emptied(qtbot, others)
        assert not any(pane.canvas.isVisible() for pane in others)
        del others
        first = first or snapshot(viewer)
        assert snapshot(viewer) == first
    assert kept[0] == kept[1] == kept[2]
    gc.collect()
    assert len(gone) > 20
    assert not [part for part in gone if part() is not None]


def test_layers_of_four_views_are_let_go_although_they_are_entered_at_once(qtbot, case):
    viewer = case.viewer
    views = shown(qtbot, viewer)
    before = counted(views)
    for _ in range(3):
        views.leave()
        views.enter()
        ready(qtbot, views)
    assert counted(views) == before


def test_openings_and_closings_leak_nothing(qtbot, case):
    """Neither objects, nor widgets, nor callbacks, nor memory."""
    viewer = case.viewer
    viewer.window.resize(400, 300)  # of drawing there is enough in other tests
    viewer.layers["net probabilities entropy"].colorbar.visible = True
    counts, resident = {}, {}
    first, last = 4, 4 + OPENINGS
    for opening in range(1, last + 1):
        views = shown(qtbot, viewer)
        others = [pane for pane in views.panes.values() if pane.viewer is not viewer]
        views.leave()
        emptied(qtbot, others)
        del others
        if opening in (first, last):
            QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
            gc.collect()
            counts[opening] = {
                "callbacks": callbacks(viewer),
                "keys": len(viewer.keymap),
                "widgets": len(QApplication.allWidgets()),
                **objects(),
            }
            resident[opening] = psutil.Process().memory_info().rss / 1e6
    assert counts[last] == counts[first]
    grown = resident[last] - resident[first]
    assert grown < LEAKED_MB * OPENINGS, f"{grown:.0f} MB in {OPENINGS} openings"


def test_a_window_is_closed_with_four_views(qtbot, make_napari_viewer, rng):
    viewer = make_napari_viewer(show=True)
    add_case(viewer, rng, OBLIQUE, SHAPE, scan=True)
    views = shown(qtbot, viewer)
    viewer.close()
    assert not views.shown


def test_a_window_is_closed_after_four_views(qtbot, make_napari_viewer, rng):
    viewer = make_napari_viewer(show=True)
    add_case(viewer, rng, OBLIQUE, SHAPE, scan=True)
    shown(qtbot, viewer).leave()
    viewer.close()
    assert not [w for w in QApplication.allWidgets() if type(w).__name__ == "View"]


def test_removing_all_layers_ends_four_views_without_an_error(qtbot, case):
    """napari's list would swallow the error, and stop half-way."""
    viewer = case.viewer
    views = shown(qtbot, viewer)
    while viewer.layers:
        viewer.layers.pop()
    qtbot.waitUntil(lambda: not views.shown)
    QTest.qWait(20)
    assert not viewer.layers


def test_a_small_colour_bar_stands_in_the_first_view_and_is_as_before_afterwards(
    qtbot, case
):
    bar = case.map.colorbar
    bar.visible = True
    before = bar.model_dump()
    views = shown(qtbot, case.viewer)
    assert bar.visible
    assert {name: getattr(bar, name) for name in SMALL_BAR} == SMALL_BAR
    views.leave()
    assert bar.model_dump() == before


def test_showing_classes_moves_no_view_and_their_sliders_cover_none(qtbot, case):
    """Their axis is one more, for which napari would show all there is."""
    viewer, probabilities = case.viewer, case.probabilities
    probabilities.visible = False
    views = shown(qtbot, viewer)
    looks = cameras(views)
    sliders = views.panes["Axial"].canvas.dims
    assert not sliders.isVisible()
    for visible in (True, False):
        probabilities.visible = visible
        QTest.qWait(50)
        assert cameras(views) == looks
        assert sliders.isVisible() == visible
        if visible:
            canvas = views.panes["Axial"].canvas.canvas.native
            assert sliders.height() >= sliders.minimumHeight() > 0
            assert not sliders.geometry().intersects(canvas.geometry())
            assert probabilities.name in views.panes["Coronal"].viewer.layers


def cameras(views):
    return {
        name: (pane.viewer.scene.camera.zoom, pane.viewer.scene.camera.center[-2:])
        for name, pane in views.panes.items()
    }
