"""Going to a hotspot."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtWidgets import QApplication

from napari_uncertainty import Grid, LabelMap
from napari_uncertainty.analysis.hotspots import Hotspot
from napari_uncertainty.plugin.review.marks import NAME
from napari_uncertainty.plugin.review.visit import FAINT, Visit, label_to_paint, where
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.shown_map import ShownMap
from napari_uncertainty.plugin.viewer.view_planes import plane_of, show_plane
from support.inspect_dock import add_case, callbacks
from support.review_dock import settings_of

VOXELS = [(6, 7, 8), (2, 3, 4), (9, 10, 11)]
FAR, NEAR = 2.0, 30.0  # pixels for each mm: balls of 12 and 180


def hotspot(voxel=VOXELS[0], classes=(1, 2), ras=None):
    return Hotspot(1, voxel, ras, 10.0, 1.0, 0.5, classes, 0.1, 0.1)


@pytest.fixture(scope="module")
def opened(qapp):
    """Without a window, and with a slider for classes."""
    case = add_case(ViewerModel(), np.random.default_rng(20260101))
    return case, settings_of(case)


@pytest.fixture
def case(opened):
    """For those who leave its layers, and as it was opened."""
    case, settings = opened
    for owner, name, value in settings:
        setattr(owner, name, value)
    return case


@pytest.fixture
def subject(case):
    return ShownMap.of(case.viewer, case.map, case.segmentation)


@pytest.fixture
def visit(case):
    visit = Visit(case.viewer)
    yield visit
    visit.leave()
    QApplication.processEvents()  # what waits for the next turn


def check_place(case, voxel):
    """Slices and middle of the view are at this voxel of the file."""
    viewer = case.viewer
    at = np.rint(case.map.world_to_data(viewer.dims.point[-3:])).astype(int)
    # No two voxels have one value.
    assert case.map.data[tuple(at)] == pytest.approx(case.entropy[voxel], rel=1e-5)
    shown = list(viewer.dims.displayed)
    middle = viewer.scene.camera.center[-len(shown) :]
    np.testing.assert_allclose(middle, np.array(viewer.dims.point)[shown])


def marked(case):
    [layer] = [one for one in case.viewer.layers if one.name == NAME]
    return layer.extent.world[0]


@pytest.mark.parametrize("plane", ["Axial", "Coronal", "Sagittal"])
def test_the_voxel_is_in_the_middle_in_every_plane(case, subject, visit, plane):
    case.viewer.dims.set_point(0, 2)  # of the classes
    show_plane(case.viewer, plane)
    for voxel in VOXELS:
        visit.go_to(subject, hotspot(voxel), 3.0)
        check_place(case, voxel)
        assert plane_of(case.viewer) == plane
        assert case.viewer.dims.point[0] == 2
        at = np.rint(case.map.world_to_data(marked(case))).astype(int)
        assert case.map.data[tuple(at)] == pytest.approx(case.entropy[voxel], rel=1e-5)


def test_the_sliders_are_on_their_steps(case, subject, visit):
    """From where they are not, each would go there by itself."""
    visit.go_to(subject, hotspot(), 3.0)
    for at, (start, _, step) in zip(
        case.viewer.dims.point, case.viewer.dims.range, strict=True
    ):
        steps = (at - start) / step
        assert steps == pytest.approx(round(steps), abs=1e-9)


def test_in_3d_nothing_is_sliced_and_back_in_2d_all_are_told(case, subject, visit):
    viewer = case.viewer
    visit.go_to(subject, hotspot(VOXELS[1]), 3.0)
    viewer.dims.ndisplay = 3
    heard, sliced = [], []
    viewer.dims.events.current_step.connect(lambda: heard.append(viewer.dims.point))
    case.map.events.set_data.connect(sliced.append)
    visit.go_to(subject, hotspot(VOXELS[2]), 3.0)
    check_place(case, VOXELS[2])
    assert not sliced
    assert not heard
    viewer.dims.ndisplay = 2
    check_place(case, VOXELS[2])
    assert sliced
    assert heard[-1] == viewer.dims.point


def test_who_leaves_in_3d_tells_before(case, subject, visit):
    viewer, heard = case.viewer, []
    viewer.dims.ndisplay = 3
    visit.go_to(subject, hotspot(VOXELS[2]), 3.0)
    viewer.dims.events.current_step.connect(lambda: heard.append(viewer.dims.point))
    visit.leave()
    check_place(case, VOXELS[2])
    assert heard == [viewer.dims.point]


# -- the zoom -----------------------------------------------------------------


def test_a_ball_too_small_to_judge_is_zoomed_to(case, subject, visit):
    camera = case.viewer.scene.camera
    camera.zoom = FAR
    visit.go_to(subject, hotspot(), 3.0)
    assert camera.zoom == pytest.approx(min(case.viewer.canvas.size) / 60)


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_any_other_zoom_stays(case, subject, visit, ndisplay):
    case.viewer.dims.ndisplay = ndisplay
    camera = case.viewer.scene.camera
    camera.zoom = NEAR
    for voxel in VOXELS:
        visit.go_to(subject, hotspot(voxel), 3.0)
        assert camera.zoom == NEAR


def test_what_a_person_zoomed_to_stays_for_good(case, subject, visit):
    viewer, camera = case.viewer, case.viewer.scene.camera
    visit.go_to(subject, hotspot(), 3.0)
    camera.zoom = FAR
    visit.go_to(subject, hotspot(VOXELS[1]), 3.0)
    visit.flip_plane()
    visit.go_to(subject, hotspot(VOXELS[2]), 3.0)
    assert camera.zoom == FAR
    # In 3D there is a zoom of its own, as somebody chose it there.
    viewer.dims.ndisplay = 3
    visit.go_to(subject, hotspot(), 3.0)
    camera.zoom = FAR / 2
    visit.go_to(subject, hotspot(VOXELS[1]), 3.0)
    assert camera.zoom == FAR / 2
    viewer.dims.ndisplay = 2
    visit.go_to(subject, hotspot(VOXELS[2]), 3.0)
    assert camera.zoom == FAR


@pytest.mark.parametrize("settled", [True, False])
def test_what_napari_zoomed_to_is_nobodys_choice(case, subject, visit, settled):
    viewer, camera = case.viewer, case.viewer.scene.camera
    visit.go_to(subject, hotspot(), 3.0)
    viewer.dims.order = (0, 2, 1, 3)
    camera.zoom = FAR  # as if it were of a large volume
    if settled:
        QApplication.processEvents()
    visit.go_to(subject, hotspot(), 3.0)
    assert camera.zoom == pytest.approx(min(viewer.canvas.size) / 60)


def test_zooming_after_another_display_is_noticed(case, subject, visit):
    viewer, camera = case.viewer, case.viewer.scene.camera
    visit.go_to(subject, hotspot(), 3.0)
    viewer.dims.ndisplay = 3
    QApplication.processEvents()
    camera.zoom = FAR
    visit.go_to(subject, hotspot(), 3.0)
    assert camera.zoom == FAR


# -- the map ------------------------------------------------------------------


@pytest.mark.parametrize(("own", "meanwhile"), [(1.0, FAINT), (0.3, 0.3)])
def test_the_scan_is_seen_through_the_map(case, subject, visit, own, meanwhile):
    case.map.opacity = own
    visit.go_to(subject, hotspot(), 3.0)
    assert case.map.opacity == meanwhile
    visit.fade(False)  # another dock is in front
    assert case.map.opacity == own
    visit.fade(True)
    assert case.map.opacity == meanwhile
    visit.leave()
    assert case.map.opacity == own
    visit.fade(True)
    assert case.map.opacity == own


def test_a_map_that_somebody_makes_stronger_stays_so(case, subject, visit):
    visit.go_to(subject, hotspot(), 3.0)
    case.map.opacity = 0.9
    visit.go_to(subject, hotspot(VOXELS[1]), 3.0)
    visit.leave()
    assert case.map.opacity == 0.9
    case.map.opacity = 1.0


# -- labels -------------------------------------------------------------------


def test_the_label_to_paint_is_the_first_that_competes(case, subject, visit):
    layer = case.segmentation
    case.viewer.layers.selection.active = case.map
    layer.mode = "fill"
    for classes, label in (((2, 1), 2), ((3, 0), 3), ((0, 1), 1), (None, 1)):
        visit.go_to(subject, hotspot(classes=classes), 3.0)
        assert layer.selected_label == label
        assert layer.mode == "fill"
        assert case.viewer.layers.selection.active == case.map


def test_classes_have_the_labels_of_their_names(qapp, rng):
    """A segmentation may count otherwise than the network."""
    case = add_case(ViewerModel(), rng)
    named = {0: "background", 10: "stem", 20: "left", 30: "right"}
    grid = Grid(case.labels.shape, case.affine)
    own = (10 * case.labels).astype(np.uint8)
    data, options, _ = to_layer(LabelMap(own, grid, named, name="expert"))
    expert = case.viewer.add_labels(data, **options)
    subject = ShownMap.of(case.viewer, case.map, expert)
    Visit(case.viewer).go_to(subject, hotspot(classes=(1, 2)), 3.0)
    assert expert.selected_label == 20
    assert label_to_paint(subject, hotspot(classes=(3, 1))) == 10
    # One that it cannot hold, or has no name for.
    assert label_to_paint(subject, hotspot(classes=(300, 1))) is None
    assert label_to_paint(subject, hotspot(classes=(7, 1))) == 7


def test_no_segmentation_is_fine_and_neither_is_one_that_went(qapp, rng):
    case = add_case(ViewerModel(), rng)
    visit = Visit(case.viewer)
    visit.go_to(ShownMap.of(case.viewer, case.map, None), hotspot(), 3.0)
    subject = ShownMap.of(case.viewer, case.map, case.segmentation)
    case.viewer.layers.remove(case.segmentation)
    visit.go_to(subject, hotspot(classes=(3, 1)), 3.0)
    check_place(case, VOXELS[0])


# -- planes, words and the end ------------------------------------------------


def test_planes_come_in_turn_with_the_place_in_the_middle(case, subject, visit):
    viewer = case.viewer
    show_plane(viewer, "Axial")
    visit.go_to(subject, hotspot(), 3.0)
    viewer.scene.camera.zoom = NEAR
    for plane in ("Coronal", "Sagittal", "Axial"):
        viewer.scene.camera.center = (0.0, 3.0)  # looked around
        visit.flip_plane()
        assert plane_of(viewer) == plane
        check_place(case, VOXELS[0])
        assert viewer.scene.camera.zoom == NEAR


def test_in_3d_one_looks_along_the_axes(case, subject, visit):
    """z, y and x run to inferior, posterior and left."""
    viewer, camera = case.viewer, case.viewer.scene.camera
    viewer.dims.ndisplay = 3
    visit.go_to(subject, hotspot(), 3.0)
    camera.angles = (10.0, 20.0, 30.0)
    from_below, from_front, from_left = (-1, 0, 0), (0, 1, 0), (0, 0, -1)
    front_up, head_up = (0, -1, 0), (-1, 0, 0)
    for direction, up in (
        (from_below, front_up), (from_front, head_up), (from_left, head_up),
        (from_below, front_up),
    ):  # fmt: skip
        visit.flip_plane()
        np.testing.assert_allclose(camera.view_direction, direction, atol=1e-6)
        np.testing.assert_allclose(camera.up_direction, up, atol=1e-6)
        check_place(case, VOXELS[0])


def test_flat_views_have_no_other_plane(qapp):
    flat = ViewerModel()
    flat.add_image(np.zeros((5, 6)))
    Visit(flat).flip_plane()
    assert flat.dims.order == (0, 1)


def test_places_are_told_in_mm_of_the_patient_or_in_voxels(case, subject):
    ras = nib.affines.apply_affine(case.affine, VOXELS[0])
    words = "R {:.1f}, A {:.1f}, S {:.1f} mm".format(*ras)
    assert where(subject, hotspot(ras=tuple(ras))) == words
    assert where(subject, hotspot(ras=(-0.04, 2, -3.06))) == "R 0.0, A 2.0, S -3.1 mm"
    assert where(subject, hotspot(ras=None)) == "voxel (6, 7, 8)"
    of_no_patient = replace(subject.source, anatomical=False)
    shown = replace(subject, source=of_no_patient)
    assert where(shown, hotspot(ras=tuple(ras))) == "voxel (6, 7, 8)"


def test_nothing_is_left_behind(case, subject, visit):
    before = callbacks(case.viewer, "napari_uncertainty")
    for _ in range(2):
        visit.go_to(subject, hotspot(), 3.0)
        assert callbacks(case.viewer, "napari_uncertainty") != before
        visit.leave()
        assert callbacks(case.viewer, "napari_uncertainty") == before
        assert NAME not in case.viewer.layers
    QApplication.processEvents()
