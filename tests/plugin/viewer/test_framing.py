"""The first view: the slice and the zoom at which there is something to see."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from napari_uncertainty.plugin.viewer.view_planes import (
    box_of_interest,
    frame_case,
    frame_unless_moved,
)

SHAPE = (40, 50, 60)
#: First and last voxel of the segmented box.
FIRST, LAST = (22, 5, 30), (31, 44, 49)
SCALE, TRANSLATE = (2.0, 1.0, 0.5), (-10.0, 3.0, 7.0)
BOX = np.array([FIRST, LAST]) * SCALE + TRANSLATE


def mask():
    inside = np.zeros(SHAPE, np.uint8)
    inside[tuple(slice(a, b + 1) for a, b in zip(FIRST, LAST, strict=True))] = 3
    return inside


def place():
    return {"scale": SCALE, "translate": TRANSLATE}


@pytest.fixture
def viewer(qapp):
    viewer = ViewerModel()
    viewer.canvas.size = (600, 800)
    viewer.add_image(np.ones(SHAPE), name="scan", **place())
    return viewer


@pytest.fixture
def segmented(viewer):
    viewer.add_labels(mask(), **place())
    return viewer


def add_probabilities(viewer):
    """With an axis for classes, so that napari fits everything into the view."""
    viewer.add_image(
        np.zeros((2, *SHAPE)), scale=(1, *SCALE), translate=(0, *TRANSLATE)
    )


def check_framed(viewer):
    np.testing.assert_allclose(viewer.dims.point[-3:], BOX.mean(axis=0), atol=2)
    camera = viewer.scene.camera
    np.testing.assert_allclose(camera.center[-2:], BOX.mean(axis=0)[1:], atol=1)
    shares = camera.zoom * np.ptp(BOX, axis=0)[1:] / viewer.canvas.size
    assert 0.8 < shares.max() < 0.95


@pytest.mark.parametrize("of_map", [False, True])
def test_what_is_segmented_or_uncertain_fills_the_view(viewer, of_map):
    if of_map:
        role = {METADATA_KEY: {"role": "map"}}
        viewer.add_image(mask() / 3, contrast_limits=(0, 1.5), metadata=role, **place())
    else:
        viewer.add_labels(mask(), **place())
    np.testing.assert_allclose(box_of_interest(viewer), BOX)
    assert frame_case(viewer)
    check_framed(viewer)


def test_other_planes_are_filled_too(segmented):
    segmented.dims.order = (2, 0, 1)
    assert frame_case(segmented)
    camera = segmented.scene.camera
    np.testing.assert_allclose(camera.center[-2:], BOX.mean(axis=0)[:2], atol=1)
    shares = camera.zoom * np.ptp(BOX, axis=0)[:2] / segmented.canvas.size
    assert 0.8 < shares.max() < 0.95


def test_a_scan_alone_is_left_as_it_is(viewer):
    before = viewer.dims.point, viewer.scene.camera.zoom
    assert box_of_interest(viewer) is None
    assert not frame_case(viewer)
    assert (viewer.dims.point, viewer.scene.camera.zoom) == before


def test_an_axis_of_classes_that_comes_later_is_no_move_of_a_person(segmented):
    frame_unless_moved(segmented)
    check_framed(segmented)
    add_probabilities(segmented)
    segmented.fit_to_view()  # as napari does in a window
    frame_unless_moved(segmented)
    check_framed(segmented)


# At first only the slice tells a person from napari.
@pytest.mark.parametrize(
    ("moved", "later"),
    [("slice", False), *((name, True) for name in ("slice", "zoom", "pan", "plane"))],
)
def test_who_has_gone_elsewhere_stays_there(segmented, moved, later):
    if later:
        frame_unless_moved(segmented)
    camera, dims = segmented.scene.camera, segmented.dims
    if moved == "slice":
        dims.set_point(0, TRANSLATE[0] + 4)
    elif moved == "zoom":
        camera.zoom *= 3
    elif moved == "pan":
        camera.center = (0, 20, 20)
    else:
        dims.order = (1, 0, 2)
    before = dims.point, dims.order, camera.center, camera.zoom
    frame_unless_moved(segmented)
    assert (dims.point, dims.order, camera.center, camera.zoom) == before
