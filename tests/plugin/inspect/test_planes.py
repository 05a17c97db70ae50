"""Axial, coronal and sagittal planes, and the places that they go through."""

from itertools import product

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty.plugin.viewer.in_3d import in_3d
from napari_uncertainty.plugin.viewer.view_planes import (
    PLANES,
    fit,
    go_to,
    place_of_interest,
    plane_of,
    show_plane,
)

#: What a radiologist expects to the right and down, and across the slice, as
#: directions in RAS.
LEFT, POSTERIOR, INFERIOR = (-1, 0, 0), (0, -1, 0), (0, 0, -1)
EXPECTED = {
    "Axial": (LEFT, POSTERIOR, INFERIOR),
    "Coronal": (LEFT, INFERIOR, POSTERIOR),
    "Sagittal": (POSTERIOR, INFERIOR, LEFT),
}
SHAPE, SCALE, TRANSLATE = (10, 12, 14), (3.0, 2.0, 1.5), (-10.0, 5.0, 7.0)


def scan_in(viewer, leading=()):
    """A scan on z, y, x behind axes of classes or times."""
    return viewer.add_image(
        np.zeros((*leading, *SHAPE), np.float32),
        scale=(1.0,) * len(leading) + SCALE,
        translate=(0.0,) * len(leading) + TRANSLATE,
    )


def ras(viewer, axis):
    """Where an axis of the viewer runs to: RAS is minus the world, reversed."""
    step = np.zeros(viewer.dims.ndim)
    step[axis] = 1
    return tuple(-step[-3:][::-1])


def through(viewer):
    """World coordinates that a 2D view shows in its middle, axis by axis."""
    at = dict(zip(viewer.dims.displayed, viewer.scene.camera.center[-2:], strict=True))
    return [at.get(axis, x) for axis, x in enumerate(viewer.dims.point)]


@pytest.fixture(params=[(), (4,), (2, 3)], ids=["3D", "classes", "times and classes"])
def viewer(request):
    model = ViewerModel()
    scan_in(model, request.param)
    return model


def test_planes_are_upright_and_radiological(viewer):
    assert {*PLANES} == {*EXPECTED}
    for name, (right, down, across) in EXPECTED.items():
        show_plane(viewer, name)
        assert ras(viewer, viewer.dims.displayed[1]) == right
        assert ras(viewer, viewer.dims.displayed[0]) == down
        # The slider next to the picture; others are of classes and times.
        assert ras(viewer, viewer.dims.order[-3]) == across
        assert viewer.dims.order[:-3] == tuple(range(viewer.dims.ndim - 3))
        assert plane_of(viewer) == name


def test_other_orders_of_the_axes_are_no_plane(viewer):
    viewer.dims.transpose()
    assert plane_of(viewer) is None
    show_plane(viewer, "Sagittal")
    viewer.dims.ndisplay = 3
    assert plane_of(viewer) is None


def test_other_planes_go_through_the_middle_of_the_view(viewer):
    show_plane(viewer, "Axial")
    viewer.dims.set_point(-3, 2.0)
    viewer.scene.camera.center = (9.0, 20.5)  # panned
    for name in ("Coronal", "Sagittal", "Axial", "Sagittal", "Coronal"):
        show_plane(viewer, name)
        np.testing.assert_allclose(through(viewer)[-3:], (2.0, 9.0, 20.5))
        np.testing.assert_allclose(place_of_interest(viewer), (2.0, 9.0, 20.5))


def test_from_3d_to_a_plane_through_the_slices_that_were_shown(viewer):
    go_to(viewer, (2.0, 9.0, 20.5))
    viewer.dims.ndisplay = 3
    show_plane(viewer, "Coronal")
    np.testing.assert_allclose(through(viewer)[-3:], (2.0, 9.0, 20.5))


def test_classes_and_times_stay_where_they_are():
    viewer = ViewerModel()
    scan_in(viewer, (4, 5))
    viewer.dims.set_point((0, 1), (2, 3))
    show_plane(viewer, "Coronal")
    go_to(viewer, (2.0, 9.0, 20.5))
    assert viewer.dims.point == (2, 3, 2.0, 9.0, 20.5)


def test_flat_images_have_no_planes():
    viewer = ViewerModel()
    viewer.add_image(np.zeros((12, 14)), scale=(2, 1.5))
    before = viewer.dims.order, viewer.scene.camera.center, viewer.scene.camera.zoom
    show_plane(viewer, "Coronal")
    camera = viewer.scene.camera
    assert before == (viewer.dims.order, camera.center, camera.zoom)
    assert plane_of(viewer) is None
    go_to(viewer, (8.0, 3.0))
    assert through(viewer) == [8.0, 3.0]
    assert viewer.dims.point == (8.0, 3.0)


def test_3d_never_shows_a_mirror_image(viewer):
    for name in PLANES:
        show_plane(viewer, name)
        in_3d(viewer).enter()
        assert viewer.dims.ndisplay == 3
        # The order in which the patient's axes are right-handed, and shown so.
        assert viewer.dims.order == tuple(range(viewer.dims.ndim))
        assert str(viewer.scene.camera.handedness) == "right"
        in_3d(viewer).leave()
        assert plane_of(viewer) == name


def test_a_box_fills_the_view(viewer):
    corners = np.array([[-4.0, 6.0, 8.0], [16.0, 26.0, 20.0]])
    for name, size in product(PLANES, [(300, 900), (900, 300)]):
        show_plane(viewer, name)
        viewer.canvas.size = size
        fit(viewer, corners)
        shown = [axis - viewer.dims.ndim for axis in viewer.dims.displayed]
        share = np.ptp(corners, axis=0)[shown] * viewer.scene.camera.zoom / size
        assert 0.85 < share.max() < 0.95


def test_a_box_fits_into_3d_with_room_for_letters(viewer):
    viewer.dims.ndisplay = 3
    viewer.canvas.size = (300, 900)
    fit(viewer, np.array([[-4.0, 6.0, 8.0], [16.0, 26.0, 20.0]]))
    assert 0.7 < 20 * viewer.scene.camera.zoom / 300 < 0.85
