"""Fixtures of tests that open a window."""

import pytest


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer(show=True)


@pytest.fixture
def open_widget(viewer):
    def opened():
        _, widget = viewer.window.add_plugin_dock_widget(
            "napari-uncertainty", "Compute uncertainty"
        )
        return widget

    return opened
