"""Fixtures of tests that open a window, and of those that do without."""

import threading
from functools import partialmethod

import numpy as np
import pytest
from npe2 import PluginManager
from pytestqt.qtbot import QtBot

from napari_uncertainty.engine.arrays import ArrayFold
from support.many_cases import PATIENCE

PLUGIN = "napari-uncertainty"


@pytest.fixture(scope="session", autouse=True)
def patience():
    """Wait long for what is sure to happen; a busy machine needs more than 5 s."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("waitUntil", "waitSignal"):
            wait = partialmethod(getattr(QtBot, name), timeout=1000 * PATIENCE)
            patch.setattr(QtBot, name, wait)
        yield


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    """What Compute remembers of one test is no default of the next."""
    from napari_uncertainty.plugin.viewer.layers import preferences

    before = preferences().model_dump()
    yield
    for name, value in before.items():
        if getattr(preferences(), name) != value:
            setattr(preferences(), name, value)


@pytest.fixture(autouse=True)
def plugins_are_found_once(plugins, monkeypatch):
    """napari's own fixture has each window look through all packages again."""
    monkeypatch.setattr(PluginManager, "discover", lambda *_, **__: None)


@pytest.fixture
def viewer(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    # Small, for without a graphics card each pixel of a volume takes its time.
    viewer.window.resize(600, 500)
    return viewer


@pytest.fixture
def open_widget(viewer):
    def opened():
        _, widget = viewer.window.add_plugin_dock_widget(PLUGIN, "Compute uncertainty")
        return widget

    return opened


@pytest.fixture
def without_labels(viewer, case_folder):
    """The generated case, opened through the plugin's reader, but its labels."""
    for name in ("T1.nii.gz", "case.npz"):
        viewer.open(case_folder / name, plugin=PLUGIN)
    return viewer


@pytest.fixture
def case(without_labels):
    """The generated case."""
    viewer = without_labels
    labels = np.asarray(viewer.layers[-1].data).argmax(axis=0)
    viewer.add_labels(
        labels,
        name="case",
        scale=viewer.layers[0].scale,
        translate=viewer.layers[0].translate,
        units="mm",
    )
    return viewer


@pytest.fixture
def slow(monkeypatch):
    """Blocks that wait for the test, so that a run can be met in the middle."""
    go_on = threading.Event()
    fold_block = ArrayFold.fold_block

    def waiting(self, *block):
        go_on.wait(PATIENCE)
        return fold_block(self, *block)

    monkeypatch.setattr(ArrayFold, "fold_block", waiting)
    yield go_on
    go_on.set()
