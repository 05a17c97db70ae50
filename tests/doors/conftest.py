"""Fixtures of tests that ask several doors: cases in files, and a window."""

import pytest
from napari.components import ViewerModel

from support.doors import Window
from support.shown_widgets import widgets


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    """What Compute remembers of one test is no default of the next."""
    from napari_uncertainty.plugin.viewer.layers import preferences

    before = preferences().model_dump()
    yield
    for name, value in before.items():
        if getattr(preferences(), name) != value:
            setattr(preferences(), name, value)


@pytest.fixture(scope="module")
def shared_window(qapp):
    """A viewer with our reader and *Compute uncertainty*, for all tests of a module."""
    viewer = ViewerModel()
    with widgets(None, viewer) as open_one:
        yield Window(viewer, open_one())


@pytest.fixture
def window(shared_window, qtbot):
    """The same, with who clicks in this test; without layers."""
    shared_window.qtbot = qtbot
    yield shared_window
    shared_window.viewer.layers.clear()
