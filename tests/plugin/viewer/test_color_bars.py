"""Titles of colour bars, and the life of napari after a bar."""

import subprocess
import sys

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty.plugin.viewer.legends import title_color_bars
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from support.inspect_dock import add_case, compute_as

#: An image and a map with a colour bar in a window; the map goes, the window changes.
REMOVED = """
import napari
import numpy as np
from qtpy.QtTest import QTest
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from napari_uncertainty.plugin.viewer.legends import title_color_bars

viewer = napari.Viewer()
viewer.window.resize(1000, 620)
values = np.linspace(0, 1, 60**3, dtype=np.float32).reshape(60, 60, 60)
viewer.add_image(values)
QTest.qWait(400)
info = {METADATA_KEY: {"role": "map", "measure": "entropy", "unit": "bits"}}
viewer.add_image(values, name="map", metadata=info)
viewer.layers["map"].colorbar.visible = True
title_color_bars(viewer)
QTest.qWait(400)
viewer.layers.remove("map")
QTest.qWait(400)
for width in (920, 720, 620, 820):
    viewer.window.resize(width, 600)
    QTest.qWait(150)
viewer.close()
print("alive")
"""


def test_the_window_outlives_a_map_with_a_colour_bar():
    """In a process of its own, which software OpenGL would end without a word."""
    done = subprocess.run(
        [sys.executable, "-c", REMOVED],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr


@pytest.fixture
def case(rng):
    return add_case(ViewerModel(), rng)


def title(viewer):
    return viewer.canvas.overlays["color bar title"]


def test_a_colour_bar_has_measure_and_unit_above_it(case):
    viewer = case.viewer
    assert title(viewer).text == "entropy (bits)"
    # Above: what is in that corner stands below each other.
    assert title(viewer).position == "top_right"
    assert str(viewer.canvas.overlay_tiling.top_right) == "vertical"
    margin = compute_as(viewer, case.probabilities, measure="margin")
    assert title(viewer).text == "margin\nentropy (bits)"
    case.map.visible = False
    assert title(viewer).text == "margin"
    margin.colorbar.visible = False
    # There is nothing to be seen of it, but it is drawn.
    assert title(viewer).text == " "
    # With an opacity of 0, vispy would go on to draw the box as it was.
    assert 0 < title(viewer).box_color[3] < 1 / 255
    assert title(viewer).visible
    assert str(viewer.canvas.overlay_tiling.top_right) == "horizontal"
    case.map.visible = True
    assert title(viewer).text == "entropy (bits)"
    compute_as(viewer, case.probabilities, base="e")
    assert title(viewer).text == "entropy (nats)"
    viewer.canvas.grid.enabled = True
    assert title(viewer).position == "bottom_right"
    viewer.canvas.grid.enabled = False
    viewer.layers.remove(case.map)
    assert title(viewer).text == " "


def test_a_mean_along_the_line_of_sight_is_called_so(case):
    case.viewer.dims.ndisplay = 3
    case.map.rendering = "average"
    assert title(case.viewer).text == "mean entropy along\nthe line of sight (bits)"
    case.viewer.dims.ndisplay = 2
    assert title(case.viewer).text == "entropy (bits)"


def test_a_title_leaves_the_middle_of_a_narrow_view_to_its_letter(case):
    viewer = case.viewer
    viewer.canvas.size = (380, 215)
    assert title(viewer).text == "entropy\n(bits)"
    viewer.canvas.size = (380, 600)
    assert title(viewer).text == "entropy (bits)"


def test_bars_of_others_have_no_title_of_ours():
    viewer = ViewerModel()
    title_color_bars(viewer)
    layer = viewer.add_image(np.ones((3, 4)), metadata={METADATA_KEY: {"role": "scan"}})
    layer.colorbar.visible = True
    assert title(viewer).text == " "
