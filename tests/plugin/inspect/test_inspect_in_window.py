"""The widget in a real window: its end, its place, and pictures of the view."""

import imageio.v3 as iio
import numpy as np
import pytest
from qtpy.QtCore import QThreadPool
from qtpy.QtWidgets import QFileDialog

from napari_uncertainty.plugin.viewer.view_planes import picture
from support.generated import OBLIQUE
from support.inspect_dock import (
    add_case,
    callbacks,
    click_row,
    show_scene,
    table_of,
    wait_until_found,
)
from support.shown_widgets import destroy

SHAPE = (20, 21, 22)


@pytest.fixture
def case(viewer, rng):
    return add_case(viewer, rng, OBLIQUE, SHAPE, scan=True)


def open_dock(qtbot, viewer):
    dock, widget = viewer.window.add_plugin_dock_widget(
        "napari-uncertainty", "Inspect uncertainty"
    )
    wait_until_found(qtbot, widget)
    return dock, widget


def letters(viewer):
    return [key for key in viewer.canvas.overlays if "napari-uncertainty" in key]


def idle():
    return QThreadPool.globalInstance().activeThreadCount() == 0


def ours(viewer):
    """Callbacks of this package; napari has more for each part of the canvas."""
    return sum(callbacks(viewer, of="napari_uncertainty").values())


def test_the_dock_is_closed_and_opened_again(qtbot, make_napari_viewer, rng, told):
    """In the middle of what it does; at last the widget is deleted, by a script."""
    case = add_case(make_napari_viewer(), rng, OBLIQUE, SHAPE)
    viewer, layers = case.viewer, list(case.viewer.layers)
    before = ours(viewer)
    for view in ("Surface", "Axial"):
        dock, widget = open_dock(qtbot, viewer)
        assert list(table_of(widget)["voxels"]) == list(np.bincount(case.labels.flat))
        assert len(letters(viewer)) == 4
        assert ours(viewer) > before + 10
        widget.classes.select([1])
        click_row(widget, 1)
        widget.views.buttons.buttons[view].click()
        if view == "Axial":
            destroy(widget)
        else:
            dock.destroyOnClose()
        qtbot.waitUntil(idle)
        assert ours(viewer) == before
        assert letters(viewer) == []
        assert list(viewer.layers) == layers
    viewer.dims.ndisplay = 3
    viewer.layers.remove(case.map)
    assert told() == []


def difference(one, other):
    """Of brightness, on average over fields that do not tell pixels apart."""
    return np.abs(in_fields(one) - in_fields(other)).mean()


def in_fields(shot):
    bright = shot[..., :3].mean(axis=-1)
    return np.array(
        [
            [part.mean() for part in np.array_split(rows, 16, axis=1)]
            for rows in np.array_split(bright, 12)
        ]
    )


def test_a_picture_shows_what_the_view_shows_until_the_viewer_is_closed(
    qtbot, case, viewer, tmp_path, monkeypatch, told
):
    """At last in 3D, while more surfaces are made."""
    _, widget = open_dock(qtbot, viewer)
    viewer.window.resize(900, 600)
    qtbot.wait(50)
    # Bar and letters have as many pixels in pictures of all sizes.
    case.map.colorbar.visible = False
    for overlay in viewer.canvas.overlays.values():
        overlay.visible = False
    camera = viewer.scene.camera
    camera.zoom *= 2
    camera.center = (0, camera.center[1] + 3, camera.center[2] - 2)
    seen = camera.zoom, camera.center
    height, width = viewer.canvas.size
    shot = viewer.screenshot(canvas_only=True, flash=False, scale=1)
    assert difference(shot, shot[::-1]) > 15
    for factor in (2, 0.6):
        size = round(factor * width), round(factor * height)
        other = picture(viewer, *size)
        assert other.shape == (size[1], size[0], 4)
        assert difference(other, shot) < 4
    # A wider one has as much from top to bottom, and more at the sides.
    wide = picture(viewer, 2 * width, height)
    assert wide.shape == (height, 2 * width, 4)
    middle = wide[:, width // 2 : width // 2 + width]
    assert difference(middle, shot) < 4
    assert (camera.zoom, camera.center) == seen
    path = tmp_path / "view.png"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *args: (str(path), "PNG")
    )
    widget.saving.width_box.setValue(320)
    widget.saving.height_box.setValue(200)
    widget.saving.picture_button.click()
    assert iio.imread(path).shape[:2] == (200, 320)
    assert told() == [f"The picture is in {path}."]
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda *args: (str(tmp_path / "missing" / "view.png"), "PNG"),
    )
    widget.saving.picture_button.click()
    assert len(told()) == 2
    show_scene(qtbot, widget, "Surface")
    widget.classes.select([1])
    assert widget.views.waiting.isVisibleTo(widget)
    viewer.close()
    qtbot.waitUntil(idle)
    assert len(told()) == 2
