"""Copies of layers in another viewer, without a window."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Points
from qtpy.QtWidgets import QApplication

from napari_uncertainty.plugin.viewer.canvases import LinkedLayers
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY

SHAPE = (5, 6, 7)


@pytest.fixture
def viewers(qtbot):
    source, target = ViewerModel(), ViewerModel()
    source.add_image(np.zeros(SHAPE, np.float32), name="scan", contrast_limits=(0, 1))
    source.add_labels(np.zeros(SHAPE, np.uint8), name="labels")
    target.dims.ndim = 3
    target.dims.order = (2, 0, 1)
    links = LinkedLayers(source, target)
    for layer in links.missing():
        links.add(layer)
    yield source, target, links
    links.stop()


def names(viewer):
    return [layer.name for layer in viewer.layers]


def role(name):
    return {METADATA_KEY: {"role": name}}


def test_copies_share_arrays_and_follow_their_layers(viewers):
    source, target, links = viewers
    for layer in source.layers:
        assert np.shares_memory(links.copy_of(layer).data, layer.data)
    scan, labels = source.layers
    scan.colormap, scan.contrast_limits, scan.opacity = "inferno", (0, 5), 0.4
    labels.mode, labels.brush_size, labels.contour = "paint", 3, 2
    source.layers.selection.active = labels
    copies = target.layers
    assert copies["scan"].colormap.name == "inferno"
    assert (copies["scan"].contrast_limits, copies["scan"].opacity) == ([0, 5], 0.4)
    assert (str(copies["labels"].mode), copies["labels"].contour) == ("paint", 2)
    assert copies.selection.active is copies["labels"]
    copies["labels"].brush_size = 8  # with the mouse, in the other view
    assert labels.brush_size == 8
    scan.data = np.ones(SHAPE)
    assert copies["scan"].data is scan.data
    links.stop()
    scan.opacity = 1.0
    assert copies["scan"].opacity == 0.4


def test_layers_that_come_go_and_move_do_so_in_the_other_view(viewers):
    source, target, _ = viewers
    target.add_points(np.zeros((1, 3)), name="own")
    hidden = source.add_image(np.ones(SHAPE), name="map", visible=False)
    assert names(target) == ["scan", "labels", "own"]
    hidden.visible = True
    assert names(target) == ["scan", "labels", "map", "own"]
    source.layers.move(2, 0)
    assert names(target) == ["map", "scan", "labels", "own"]
    source.layers.remove("scan")
    assert names(target) == ["map", "labels", "own"]
    for name in ("outline", "highlight"):
        source.add_labels(np.zeros(SHAPE, int), name=name, metadata=role(name))
    assert names(target) == ["map", "labels", "own"]


def test_a_mark_is_where_and_as_large_as_in_the_first_view(viewers):
    source, _, links = viewers
    mark = source.add_points(np.zeros((2, 3)), size=2, metadata=role("place"))
    copy = links.copy_of(mark)
    assert isinstance(copy, Points)
    mark.translate, mark.size, mark.border_width = (1, 2, 3), 5, 0.3
    assert list(copy.translate) == [1, 2, 3]
    assert set(copy.size) == {5}
    assert set(copy.border_width) == {0.3}
    mark.data = [[1, 2, 3], [3, 2, 1], [0, 0, 0]]
    mark.face_color = ["red", "green", "blue"]
    assert np.array_equal(copy.data, mark.data)
    assert np.array_equal(copy.face_color, mark.face_color)


def test_what_is_painted_in_one_view_shows_in_the_other_and_is_undone_in_the_layer(
    viewers,
):
    source, target, links = viewers
    labels = source.layers["labels"]
    copy = links.copy_of(labels)
    target.dims.point = (2, 3, 4)
    source.dims.point = (2, 0, 0)
    labels.selected_label, labels.brush_size = 3, 3
    drawn = []
    labels.events.set_data.connect(lambda: drawn.append(labels.data.copy()))
    with copy.block_history():  # as napari does for a stroke
        copy.paint((2, 3, 4), 3)
        assert drawn[-1][2, 3, 4] == 3  # while the stroke goes on
        copy.paint((2, 2, 4), 3)
    painted = labels.data.copy()
    # Across the sagittal slice, and only there.
    assert set(np.nonzero(painted)[2]) == {4}
    assert len(set(np.nonzero(painted)[0])) > 1
    QApplication.processEvents()
    assert np.array_equal(labels.data, painted)
    labels.undo()
    assert not labels.data.any()
    labels.redo()
    assert np.array_equal(labels.data, painted)


def test_changes_in_place_are_drawn_again_and_other_slices_are_not(viewers):
    source, _, links = viewers
    labels = source.layers["labels"]
    copy, drawn = links.copy_of(labels), []
    copy.events.set_data.connect(lambda: drawn.append(1))
    source.dims.set_point(0, 3)
    assert not drawn  # the other view has slices of its own
    labels.paint((3, 1, 1), 1)
    assert len(drawn) == 1
    labels.data[0, 0, 0] = 2
    labels.refresh()
    assert len(drawn) == 2
