"""Docks on a small screen: they share one place, in any order, and fit in it."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QPushButton

from driving import compute
from inspecting import wait_until_found
from napari_uncertainty import Grid, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.plugin.layers import to_layer
from reviewing import wait_for_review

SCREEN = (1280, 720)
SHAPE = (18, 20, 22)
N = 33
DOCKS = ("Compute", "Inspect", "Review")
NAMES = (
    "background",
    *(
        f"{side}-cerebral-cortex-parcellation-region-{number}"
        for number in range(N // 2 + 1)
        for side in ("left", "right")
    ),
)[: N + 1]


@pytest.fixture
def crowded(viewer, rng):
    """A window with 33 classes of long names, and two members."""
    viewer.window.resize(*SCREEN)
    labels = rng.integers(0, N + 1, [n // 2 for n in SHAPE])
    labels = labels.repeat(2, 0).repeat(2, 1).repeat(2, 2).astype(np.uint8)
    grid = Grid(SHAPE, np.diag([2.0, 2.0, 2.0, 1.0]))
    volumes = [
        Scan(labels.astype(np.float32), grid, name="T1"),
        LabelMap(labels, grid, dict(enumerate(NAMES)), name="structures"),
    ]
    for member in ("fold 0", "fold 1"):
        p = rng.random((N + 1, *SHAPE), np.float32)
        np.put_along_axis(p, labels[np.newaxis], 5.0, axis=0)
        p /= p.sum(axis=0)
        volumes.append(ProbabilityMap(p, NAMES, grid, name=member))
    for volume in volumes:
        data, options, kind = to_layer(volume)
        getattr(viewer, f"add_{kind}")(data, **options)
    return viewer


def open_dock(viewer, name):
    return viewer.window.add_plugin_dock_widget(
        "napari-uncertainty", f"{name} uncertainty"
    )


def compute_of_members(qtbot, widget):
    widget.measure.value = "mutual_information"
    for row in range(widget.members.list.count()):
        widget.members.list.item(row).setCheckState(Qt.CheckState.Checked)
    assert compute(qtbot, widget) is not None


def check_window(window):
    for _ in range(3):
        QApplication.processEvents()
    assert window.width() <= SCREEN[0]
    assert window.height() <= SCREEN[1]


@pytest.mark.parametrize("order", [DOCKS, DOCKS[::-1], DOCKS[1:] + DOCKS[:1]])
def test_in_any_order_they_share_one_place_of_a_small_screen(qtbot, crowded, order):
    compute_of_members(qtbot, open_dock(crowded, "Compute")[1])
    crowded.window.remove_dock_widget("all")
    docks = []
    for name in order:
        dock, widget = open_dock(crowded, name)
        docks.append(dock)
        if name == "Compute":
            compute_of_members(qtbot, widget)
        elif name == "Inspect":
            wait_until_found(qtbot, widget)
        else:
            wait_for_review(qtbot, widget.desk)
        check_window(widget.window())
    window = widget.window()
    for dock in docks:
        dock.raise_()
        check_window(window)
        together = {dock, *window.tabifiedDockWidgets(dock)}
        assert together >= set(docks)
        shown = [one for one in docks if not one.visibleRegion().isEmpty()]
        assert shown == [dock]
        for button in dock.findChildren(QPushButton):
            if button.isVisible() and button.text():
                assert button.width() >= button.minimumSizeHint().width(), button.text()
    assert all(isinstance(dock, QDockWidget) for dock in docks)
