"""What the pointer reads: in slices as nibabel does, in 3D what one sees."""

from time import thread_time
from types import SimpleNamespace

import numpy as np
import pytest
from dask.array import from_array
from napari.components import ViewerModel
from napari.utils.interactions import mouse_move_callbacks
from nibabel.affines import apply_affine, from_matvec
from nibabel.orientations import (
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)
from pytestqt.qtbot import QtBot

from napari_uncertainty import Grid, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.plugin.inspect.probe import HINT, Probe
from napari_uncertainty.plugin.viewer.arrival import align
from napari_uncertainty.plugin.viewer.pointer import pointed_at
from napari_uncertainty.plugin.viewer.scan_space import ORIGINAL, layer_info
from napari_uncertainty.plugin.viewer.shown_map import ShownMap
from support.compute_without_window import compute
from support.generated import OBLIQUE, softmax
from support.inspect_dock import (
    NAMES,
    SHAPE,
    add,
    add_case,
    as_opened,
    compute_as,
    network,
    open_widget,
)


@pytest.fixture
def viewer():
    """Without a window."""
    return ViewerModel()


def probe_of(case):
    """Labels are those of the case, in the order of its file."""
    subject = ShownMap.of(case.viewer, case.map, case.segmentation)
    return Probe(case.viewer, subject, case.labels)


def ras_of(layer, affine, shape, world):
    """Where nibabel says that a place is, by the layer's own voxels."""
    to_shown = ornt_transform(io_orientation(affine), axcodes2ornt(tuple("IPL")))
    shown = layer.world_to_data(world)
    return apply_affine(affine @ inv_ornt_aff(to_shown, shape), shown)


def check_reading(case, probe, place, ras):
    """Value, class and probabilities of the voxel at a place in the patient."""
    voxel = tuple(np.rint(apply_affine(np.linalg.inv(case.affine), ras)).astype(int))
    reading = probe.read(place)
    if min(voxel) < 0 or (np.array(voxel) >= case.labels.shape).any():
        assert reading is None
        return False
    np.testing.assert_allclose(reading.ras, ras, atol=1e-6)
    assert reading.voxel == voxel
    assert reading.value == pytest.approx(case.entropy[voxel], abs=1e-5)
    assert reading.label == case.labels[voxel]
    np.testing.assert_allclose(reading.probabilities, case.p[:, *voxel], atol=1e-6)
    return True


def places_in(layer, rng, n):
    low, high = layer.extent.world[:, -3:]
    return rng.uniform(low, high, (n, 3))


GRIDS = {
    "tilted": OBLIQUE,
    "anisotropic": from_matvec(np.diag([0.7, 1.3, 3.1]), (-20, 30, 5)),
    "flipped": from_matvec(
        np.array([[0, 0, -2], [-1.0, 0, 0], [0, 1.5, 0]]), (9, 8, 7)
    ),
}


@pytest.mark.parametrize("name", GRIDS)
def test_the_probe_reads_what_nibabel_reads(viewer, rng, name):
    case = add_case(viewer, rng, GRIDS[name])
    probe = probe_of(case)
    for place in places_in(case.map, rng, 20):
        ras = ras_of(case.map, case.affine, SHAPE, place)
        # The class axis of the probabilities is the first of the viewer.
        assert check_reading(case, probe, (2.0, *place), ras)


def test_reads_a_crop_at_places_of_the_scan(viewer, rng):
    whole = Grid((20, 21, 22), OBLIQUE)
    scan = add(viewer, Scan(rng.random(whole.shape), whole, name="T1"))
    turned = np.array([(2, -1), (0, 1), (1, -1)])
    box = OBLIQUE @ from_matvec(np.eye(3), (3, 4, 5)) @ inv_ornt_aff(turned, SHAPE)
    case = add_case(viewer, rng, box, scan=False)
    probe = probe_of(case)
    inside = [
        check_reading(case, probe, place, ras_of(scan, OBLIQUE, whole.shape, place))
        for place in places_in(scan, rng, 40)
    ]
    assert {*inside} == {True, False}


def test_reads_the_original_of_a_map_that_is_shown_resampled(qtbot, viewer, rng):
    affine = from_matvec(np.eye(3), (0, 10, -40))
    scan = add(viewer, Scan(rng.random((30, 30, 30)), Grid((30,) * 3, affine)))
    case = add_case(viewer, rng, scan=False)
    align(viewer)
    qtbot.waitUntil(lambda: ORIGINAL in layer_info(case.map))
    probe = probe_of(case)
    inside = [
        check_reading(case, probe, place, ras_of(scan, affine, (30,) * 3, place))
        for place in places_in(case.map, rng, 40)
    ]
    assert {*inside} == {True, False}


# -- what there is of the probabilities ---------------------------------------


def test_probabilities_that_are_lazy_or_of_another_shape_have_no_bars(viewer, rng):
    """Lazy ones, or of another shape."""
    case = add_case(viewer, rng)
    for other in (from_array(case.p, chunks=4), np.zeros((4, 3, 3, 3), np.float32)):
        case.probabilities.data = other
        case.probabilities.contrast_limits = (0, 1)
        reading = probe_of(case).read(np.array(case.map.extent.world[0]))
        assert reading.probabilities is None


def test_probabilities_in_whole_numbers_are_shares(viewer, rng):
    whole = np.rint(softmax(rng, (3, 6, 7, 8)) * 250).astype(np.uint8)
    whole[0] += (250 - whole.sum(axis=0)).astype(np.uint8)
    shown, _ = compute(viewer, viewer.add_image(whole))
    probe = Probe(viewer, ShownMap.of(viewer, shown, None), whole.argmax(axis=0))
    reading = probe.read(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(reading.probabilities, whole[:, 1, 2, 3] / 250)
    assert reading.ras is None


def test_a_voxel_without_data_has_no_value(qtbot, viewer, rng):
    p = softmax(rng, (3, 6, 7, 8))
    p[:, 1, 2, 3] = 0
    compute(viewer, viewer.add_image(p))
    widget = open_widget(qtbot, viewer)
    widget._read(np.array([1.0, 2.0, 3.0]))
    assert widget.probe_panel.text.text() == "voxel (1, 2, 3)\nno data"
    assert widget.probe_panel.bars.bars == ()
    widget._read(np.array([1.0, 2.0, 4.0]))
    assert "entropy" in widget.probe_panel.text.text()


def move(viewer, position, direction=None):
    event = SimpleNamespace(
        position=position,
        view_direction=direction,
        type="mouse_move",
        handled=False,
        is_dragging=False,
    )
    mouse_move_callbacks(viewer, event)


def test_the_probe_shows_words_and_bars_at_a_place(qtbot, viewer, rng):
    """Outside there is a hint, and without the probabilities there are no bars."""
    case = add_case(viewer, rng)
    widget = open_widget(qtbot, viewer)
    panel = widget.probe_panel
    assert panel.text.text() == HINT
    voxel = tuple(np.argwhere(case.labels == 2)[5])
    right, anterior, superior = apply_affine(case.affine, voxel)
    place = widget.following.subject.place(voxel)
    move(viewer, (0, *place))
    where = f"R {right:.1f}, A {anterior:.1f}, S {superior:.1f} mm".replace("-", "−")
    words = (
        f"{where} · voxel ({', '.join(map(str, voxel))})\n"
        f"entropy {case.entropy[voxel]:.3f} bits · right"
    )
    assert panel.text.text() == words
    order = np.argsort(-case.p[:, *voxel])
    assert [bar.name for bar in panel.bars.bars] == [NAMES[index] for index in order]
    move(viewer, (0, 900.0, 900.0, 900.0))
    assert panel.text.text() == HINT

    times = []
    for beside in places_in(case.map, rng, 30):
        start = thread_time()
        move(viewer, (0, *beside))
        times.append(thread_time() - start)
    # A move takes no longer than a frame, if the machine does nothing else.
    assert np.median(times) < 0.016
    assert panel.bars.bars

    viewer.layers.remove(case.probabilities)
    move(viewer, place)
    assert panel.bars.bars == ()
    assert panel.text.text() == words


def test_a_flat_map_is_read(qtbot, viewer, rng):
    p = softmax(rng, (3, 20, 30))
    compute_as(viewer, viewer.add_image(p, scale=(1, 2, 3)), measure="gini")
    widget = open_widget(qtbot, viewer)
    move(viewer, (0, 10.0, 21.0))
    gini = 1 - (p[:, 5, 7].astype(float) ** 2).sum()
    name = f"label {p[:, 5, 7].argmax()}"
    assert widget.probe_panel.text.text() == (
        f"voxel (5, 7)\nGini impurity {gini:.3f} · {name}"
    )


# -- in 3D --------------------------------------------------------------------

CENTRE = np.array([10.0, 20.0, -35.0])  # RAS mm
RADII = (5.0, 14.0)
BALLS = (22, 24, 20)


@pytest.fixture(scope="module")
def opened(request, qapp):
    """One ball within the other, tilted, in voxels of 1.5 × 2 × 2 mm."""
    qtbot, viewer, rng = QtBot(request), ViewerModel(), np.random.default_rng(1)
    matrix = OBLIQUE[:3, :3] * (1.5, 4 / 3, 1)
    affine = from_matvec(matrix, CENTRE - matrix @ (np.array(BALLS) - 1) / 2)
    at = apply_affine(affine, np.moveaxis(np.indices(BALLS), 0, -1))
    distance = np.linalg.norm(at - CENTRE, axis=-1)
    labels = (distance < RADII[0]).astype(np.uint8) + (distance < RADII[1])
    grid = Grid(BALLS, affine)
    add(viewer, Scan(rng.random(BALLS).astype(np.float32), grid, name="T1"))
    add(viewer, LabelMap(labels, grid, name="balls"))
    p = network(labels, rng, 3)
    compute(viewer, add(viewer, ProbabilityMap(p, NAMES[:3], grid, name="net")))
    widget = open_widget(qtbot, viewer)
    middle = widget.following.subject.place((np.array(BALLS) - 1) / 2)
    yield SimpleNamespace(viewer=viewer, widget=widget, middle=middle, p=p)
    widget.stop()
    widget.deleteLater()


@pytest.fixture
def balls(qtbot, opened):
    yield opened
    as_opened(qtbot, opened.widget)


def shown(qtbot, balls, name):
    balls.widget.views.buttons.buttons[name].click()
    qtbot.waitUntil(lambda: balls.viewer.dims.ndisplay == 3)
    qtbot.waitUntil(lambda: not balls.widget.views.waiting.isVisibleTo(balls.widget))


def towards(balls, direction, aside=(0, 0, 0)):
    """The place under a pointer that looks at the middle, or beside it."""
    direction = np.array(direction, float) / np.linalg.norm(direction)
    start = balls.middle + aside - 200 * direction
    return pointed_at(balls.viewer, (0.0, *start), direction)


def test_the_probe_finds_the_nearest_point_of_a_surface(qtbot, balls, rng):
    shown(qtbot, balls, "Surface")
    for direction in rng.standard_normal((30, 3)):
        direction /= np.linalg.norm(direction)
        place = towards(balls, direction)[-3:]
        expected = balls.middle - RADII[1] * direction
        assert np.linalg.norm(place - expected) < 2
    assert towards(balls, (1, 0, 0), aside=(0, 18, 0)) is None


def test_a_hull_is_looked_through(qtbot, balls, rng):
    balls.widget.classes.select([2])
    shown(qtbot, balls, "Surface")
    for direction in rng.standard_normal((10, 3)):
        direction /= np.linalg.norm(direction)
        place = towards(balls, direction)[-3:]
        assert abs(np.linalg.norm(place - balls.middle) - RADII[0]) < 2
    assert towards(balls, (1, 0, 0), aside=(0, 10, 0)) is None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_on_a_cut_and_not_on_what_is_cut_away(qtbot, balls, axis):
    shown(qtbot, balls, "Cut-away")
    views, at = balls.widget.views, balls.middle[axis] + 3
    views.buttons.cut_axis.setCurrentIndex(axis)
    views.buttons.cut_place.setValue(-at)
    along = np.eye(3)[axis]
    camera = balls.viewer.scene.camera
    camera.set_view_direction(along + 0.01, np.roll(along, 1))
    place = towards(balls, along)[-3:]
    expected = balls.middle.copy()
    expected[axis] = at
    np.testing.assert_allclose(place, expected, atol=1e-6)
    # Behind the plane the surface is whole, before it there is none.
    beside = np.roll(along, 1)
    place = towards(balls, -beside, aside=6 * along)[-3:]
    assert np.linalg.norm(place - balls.middle) == pytest.approx(RADII[1], abs=2)
    views.buttons.cut_place.setValue(-(at + 6))
    assert towards(balls, -beside, aside=-4 * along) is None


def test_what_is_pointed_at_in_3d_is_read(qtbot, balls):
    shown(qtbot, balls, "Surface")
    start = balls.middle - (200, 0, 0)
    move(balls.viewer, (0.0, *start), np.array([1.0, 0, 0]))
    assert "R 10." in balls.widget.probe_panel.text.text()
    move(balls.viewer, (0.0, *(start + 50)), np.array([1.0, 0, 0]))
    assert balls.widget.probe_panel.text.text() == HINT


def test_in_3d_without_a_surface_nothing_is_read(qtbot, balls):
    balls.viewer.dims.ndisplay = 3
    assert towards(balls, (1, 0, 0)) is None
    assert pointed_at(balls.viewer, (0.0, *balls.middle), None) is None
