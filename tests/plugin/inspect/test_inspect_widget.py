"""From the table to places, outlines, profiles and surfaces, and the widget's end."""

import re
import threading
import time
from itertools import product
from time import process_time

import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.affines import apply_affine
from qtpy.QtCore import QThreadPool, QTimer

from napari_uncertainty import Grid, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.plugin.inspect import meshes as meshes_module
from napari_uncertainty.plugin.inspect.map_views import PLACE_NAME
from napari_uncertainty.plugin.inspect.widget import InspectWidget
from napari_uncertainty.plugin.viewer import shown_map as subject_module
from napari_uncertainty.plugin.viewer.class_outlines import NAME as OUTLINES
from napari_uncertainty.plugin.viewer.class_outlines import outline_classes
from napari_uncertainty.plugin.viewer.view_planes import PLANES
from support.compute_without_window import compute
from support.generated import OBLIQUE, softmax
from support.inspect_dock import (
    NAMES,
    add,
    add_case,
    as_opened,
    callbacks,
    click_row,
    compute_as,
    found_after,
    interior,
    network,
    open_for_module,
    open_widget,
    settle,
    show_scene,
    table_of,
    wait_until_found,
)
from support.phantoms import asymmetric

SHAPE = (20, 21, 22)


def ring_place(viewer):
    """Where it is in the world."""
    layer = viewer.layers[PLACE_NAME]
    return layer.data_to_world(layer.data[0])


@pytest.fixture
def viewer():
    """Without a window."""
    return ViewerModel()


@pytest.fixture(scope="module")
def opened(request, qapp):
    yield from open_for_module(request, shape=SHAPE, scan=True)


@pytest.fixture
def case(opened):
    """For tests that leave its layers as they are, and end with the `widget`."""
    return opened[0]


@pytest.fixture
def widget(qtbot, opened):
    yield opened[1]
    as_opened(qtbot, opened[1])


@pytest.fixture
def own(viewer, rng):
    """A case whose layers change."""
    return add_case(viewer, rng, shape=SHAPE, scan=True)


# -- going to places ----------------------------------------------------------


def peak(case, label, where=interior):
    """Where the layer shows the largest value of a class, by numpy alone."""
    largest = case.entropy[where(case.labels, label)].max()
    off = np.abs(np.asarray(case.map.data) - largest)
    shown = np.unravel_index(off.argmin(), off.shape)
    return np.array(case.map.data_to_world(shown))


def test_a_double_click_goes_to_the_most_uncertain_place_inside(case, widget):
    viewer = case.viewer
    for plane, label in (("Axial", 1), ("Coronal", 2), ("Sagittal", 3)):
        widget.views.buttons.buttons[plane].click()
        place = peak(case, label)
        click_row(widget, label)
        np.testing.assert_allclose(viewer.dims.point[-3:], place, atol=1e-9)
        shown = [place[axis - 1] for axis in viewer.dims.displayed]
        np.testing.assert_allclose(viewer.scene.camera.center[-2:], shown)
        np.testing.assert_allclose(ring_place(viewer), place)
        assert NAMES[label] in widget.probe_panel.text.text()
    assert viewer.layers.selection.active == case.map


def test_a_double_click_on_a_column_asks_for_its_voxels(case, widget):
    def boundary(labels, label):
        return (labels == label) & ~interior(labels, label)

    click_row(widget, 2, "boundary_mean")
    place = peak(case, 2, boundary)
    np.testing.assert_allclose(case.viewer.dims.point[-3:], place, atol=1e-9)
    click_row(widget, 2, "mean")
    place = peak(case, 2, lambda labels, label: labels == label)
    np.testing.assert_allclose(case.viewer.dims.point[-3:], place, atol=1e-9)


def test_a_class_without_an_inside_is_gone_to_all_the_same(qtbot, viewer, rng):
    labels = np.zeros((8, 8, 8), np.uint8)
    labels[3, 3, 3:6] = 1
    net = viewer.add_image(network(labels, rng, 2), name="net")
    viewer.add_labels(labels)
    shown, _ = compute(viewer, net)
    widget = open_widget(qtbot, viewer)
    click_row(widget, 1)
    best = np.asarray(shown.data)[3, 3, 3:6].argmax() + 3
    assert viewer.dims.point[-3:] == (3, 3, best)


@pytest.mark.parametrize("scene", ["3D", "Cut-away"])
def test_a_double_click_in_3d(qtbot, case, widget, scene):
    show_scene(qtbot, widget, scene)
    place = peak(case, 1)
    click_row(widget, 1)
    assert case.viewer.dims.ndisplay == 3
    np.testing.assert_allclose(ring_place(case.viewer), place)
    np.testing.assert_allclose(case.viewer.scene.camera.center, place)
    if scene == "Cut-away":  # which goes through it now
        axis, at = widget.views.buttons.cut()
        assert at == pytest.approx(place[axis], abs=0.05)
        data = np.append(0, case.map.plane.position)[-3:]
        there = case.map.data_to_world(data)[axis]
        assert there == pytest.approx(place[axis])


def test_a_flat_image_is_gone_to(qtbot, viewer, rng):
    p = softmax(rng, (3, 20, 30))
    shown, _ = compute(viewer, viewer.add_image(p, scale=(1, 2, 3)))
    widget = open_widget(qtbot, viewer)
    click_row(widget, 1, "mean")
    values = np.where(p.argmax(axis=0) == 1, shown.data, -1)
    voxel = np.unravel_index(values.argmax(), values.shape)
    np.testing.assert_allclose(viewer.dims.point[-2:], shown.data_to_world(voxel))
    np.testing.assert_allclose(ring_place(viewer), (2, 3) * np.array(voxel))


# -- selecting classes --------------------------------------------------------


def test_selected_rows_are_outlined_and_told(qtbot, case, widget):
    widget.tabs.setCurrentIndex(1)
    widget.classes.select([1, 3])
    lines = case.viewer.layers[OUTLINES]
    bright = lines.edge_color[:, 3] == 1
    given = np.array([case.segmentation.colormap.map(label) for label in (1, 3)])
    own = np.isclose(lines.edge_color[:, None, :3], given[:, :3]).all(axis=-1)
    np.testing.assert_array_equal(bright, own.any(axis=1))
    assert own.any()
    assert (lines.edge_color[:, 3] < 1).any()
    assert widget.slices.of.text() == "Of left, stem"
    widget.tabs.setCurrentIndex(2)
    names = re.findall(r"<tr><td>(\w+)</td>", widget.numbers.summary.text())
    assert names == ["whole", "foreground", "left", "stem"]
    inside = case.entropy[case.labels == 3]
    assert f"&nbsp;{inside.mean():.3g}<" in widget.numbers.summary.text()
    widget.classes.select([])
    assert (case.viewer.layers[OUTLINES].edge_color[:, 3] == 1).all()
    widget.tabs.setCurrentIndex(1)
    assert widget.slices.of.text() == "Of all voxels"


def profile(widget, index):
    return widget.slices.profiles.plots[index].curve.getData()


#: The axis of the file that each plot runs along: S, A and R of `OBLIQUE`.
ALONG = (1, 0, 2)


def test_profiles_are_those_of_each_slice(case, widget):
    widget.tabs.setCurrentIndex(1)
    for what, labels in (("mean", ()), ("mean", (1, 2)), ("total", (3,))):
        widget.slices.profiles.what = what
        widget.classes.select(labels)
        mask = np.isin(case.labels, labels) if labels else np.full(SHAPE, True)
        for index, axis in enumerate(ALONG):
            check_profile(case, widget, index, axis, mask, what)


def check_profile(case, widget, index, axis, mask, what):
    across = tuple(one for one in range(3) if one != axis)
    sums = np.where(mask, case.entropy, 0).sum(axis=across)
    with np.errstate(invalid="ignore"):
        expected = sums / mask.sum(axis=across) if what == "mean" else sums
    # RAS grows to the right, and the axes of the file run the other way. Far from the
    # foreground there is nothing to see.
    there = np.flatnonzero((case.labels > 0).any(axis=across))
    inside = slice(max(0, there[0] - 5), there[-1] + 6)
    positions, values = profile(widget, index)
    np.testing.assert_allclose(values, expected[inside][::-1], rtol=1e-5)
    step = np.linalg.norm(OBLIQUE[:3, axis])
    np.testing.assert_allclose(np.diff(positions), step)


def test_the_marker_is_at_the_slice_of_the_viewer(case, widget):
    widget.tabs.setCurrentIndex(1)
    for voxel in ((3, 4, 5), (12, 13, 9)):
        place = widget.following.subject.place(voxel)
        case.viewer.dims.set_point((1, 2, 3), place)
        markers = [plot.marker.value() for plot in widget.slices.profiles.plots]
        np.testing.assert_allclose(markers, -place, atol=1e-9)


def test_a_click_on_a_profile_shows_that_slice(case, widget):
    """In RAS mm along the scan's own axes, tilt left out."""
    widget.tabs.setCurrentIndex(1)
    directions = OBLIQUE[:3, :3] / np.linalg.norm(OBLIQUE[:3, :3], axis=0)
    own = np.stack([-directions[:, axis] for axis in ALONG])
    for index in range(3):
        positions, _ = profile(widget, index)
        widget.slices.profiles.plots[index].pointed.emit(positions[7] + 0.1)
        world = case.viewer.dims.point[-3:]
        assert world[index] == pytest.approx(-positions[7])
        voxel = widget.following.subject.voxel(np.array(world))
        along = own @ apply_affine(OBLIQUE, voxel)
        assert along[index] == pytest.approx(positions[7])
        # That slice is not shown in this plane: the middle of the view goes there.
        if 1 + index in case.viewer.dims.displayed:
            shown = list(case.viewer.dims.displayed).index(1 + index)
            center = case.viewer.scene.camera.center[-2:]
            assert center[shown] == pytest.approx(-positions[7])


def test_profiles_of_no_patient_name_no_sides(qtbot, viewer, rng):
    compute(viewer, viewer.add_image(softmax(rng, (3, 20, 30)), name="net"))
    widget = open_widget(qtbot, viewer)
    widget.tabs.setCurrentIndex(1)
    plots = widget.slices.profiles.plots
    assert [plot.isVisibleTo(widget) for plot in plots] == [True, True, False]
    positions, values = profile(widget, 0)
    entropy = np.asarray(viewer.layers["net entropy"].data)
    np.testing.assert_allclose(values, entropy.mean(axis=1)[::-1], rtol=1e-5)
    np.testing.assert_array_equal(positions, -np.arange(20)[::-1])
    assert plots[0]._title == "Slices across axis 0"


def test_planes_of_no_patient_are_named_by_their_axes(qtbot, viewer, rng):
    compute(viewer, viewer.add_image(softmax(rng, (3, 8, 9, 10)), name="net"))
    widget = open_widget(qtbot, viewer)
    buttons = widget.views.buttons
    names = [buttons.buttons[plane].text() for plane in PLANES]
    assert names == ["Axis 0", "Axis 1", "Axis 2"]
    cuts = [buttons.cut_axis.itemText(place) for place in range(3)]
    assert cuts == names
    for place in range(3):
        buttons.cut_axis.setCurrentIndex(place)
        assert buttons.cut()[0] == place
    # As soon as one layer knows its place, it is known.
    add(viewer, Scan(np.zeros((8, 9, 10)), Grid((8, 9, 10), OBLIQUE), name="T1"))
    assert [buttons.buttons[plane].text() for plane in PLANES] == list(PLANES)
    assert buttons.cut_axis.itemText(2) == "Sagittal"


# -- surfaces while layers change ---------------------------------------------


@pytest.fixture
def slow(monkeypatch):
    """Meshes that wait for the test; gives the event, those left, and those begun."""
    go_on, ended, begun = threading.Event(), [], []
    iter_mesh = meshes_module.iter_mesh

    def waiting(*args):
        begun.append(True)
        try:
            yield 0.1
            while not go_on.wait(0.005):
                yield 0.1
            return (yield from iter_mesh(*args))
        finally:
            ended.append(True)

    monkeypatch.setattr(meshes_module, "iter_mesh", waiting)
    yield go_on, ended, begun
    go_on.set()


def surfaces(viewer):
    return [layer for layer in viewer.layers if layer.name.endswith(" surface")]


def begin_surface(qtbot, widget):
    widget.views.buttons.buttons["Surface"].click()
    assert widget.views.waiting.isVisibleTo(widget)


def test_cancelled_meshes_are_not_shown(qtbot, case, widget, slow):
    begin_surface(qtbot, widget)
    qtbot.waitUntil(lambda: bool(slow[2]))
    widget.views.waiting.cancel.click()
    qtbot.waitUntil(lambda: bool(slow[1]))  # which else waits for the test for ever
    slow[0].set()
    qtbot.wait(50)
    assert not widget.views.waiting.isVisibleTo(widget)
    assert case.viewer.dims.ndisplay == 2
    assert surfaces(case.viewer) == []
    assert not widget.views.buttons.buttons["Surface"].isChecked()
    show_scene(qtbot, widget, "Surface")
    assert len(surfaces(case.viewer)) == 1


def test_another_view_is_asked_for_meanwhile(qtbot, case, widget, slow):
    """What is asked for last is shown, and not what is ready last."""
    begin_surface(qtbot, widget)
    qtbot.waitUntil(lambda: bool(slow[2]))
    widget.views.buttons.buttons["Coronal"].click()
    slow[0].set()
    qtbot.waitUntil(lambda: bool(slow[1]))
    qtbot.wait(50)
    assert case.viewer.dims.ndisplay == 2
    assert widget.views.buttons.buttons["Coronal"].isChecked()
    assert surfaces(case.viewer) == []


def test_cancelled_in_3d_the_layers_are_shown_as_they_are(qtbot, case, widget, slow):
    slow[0].set()
    show_scene(qtbot, widget, "Surface")
    slow[0].clear()
    assert not case.map.visible
    widget.classes.select([1])
    assert widget.views.waiting.isVisibleTo(widget)
    widget.views.waiting.cancel.click()
    assert widget.views.buttons.buttons["3D"].isChecked()
    assert case.map.visible
    assert not any(layer.visible for layer in surfaces(case.viewer))


def rename(layer, viewer):
    layer.name += " renamed"


def reorder(layer, viewer):
    viewer.layers.move(viewer.layers.index(layer), 0)


def replace(layer, viewer):
    layer.data = np.array(layer.data)


def remove(layer, viewer):
    viewer.layers.remove(layer)


def test_changed_while_surfaces_are_made(qtbot, own, slow, told):
    case, viewer, (go_on, *_) = own, own.viewer, slow
    widget = open_widget(qtbot, viewer)
    names = ("probabilities", "scan", "segmentation", "map")
    for change, name in product((rename, reorder, replace, remove), names):
        go_on.clear()
        begin_surface(qtbot, widget)
        qtbot.wait(10)
        change(getattr(case, name), viewer)
        go_on.set()
        settle(qtbot, widget)
        if case.map in viewer.layers:
            check_surface(case, widget)
            widget.views.buttons.buttons["Axial"].click()
            # So that they have to be made anew.
            found_after(qtbot, widget, widget.following.look)
        assert surfaces(viewer) == []
        assert viewer.dims.ndisplay == 2
    assert told() == []


def check_surface(case, widget):
    """It is shown, around the labels that there are now."""
    [surface] = surfaces(case.viewer)
    assert surface.visible
    by_argmax = case.segmentation not in case.viewer.layers
    there = np.argwhere((case.argmax if by_argmax else case.labels) > 0)
    place = widget.following.subject.place
    expected = np.sort([place(there.min(axis=0)), place(there.max(axis=0))], axis=0)
    vertices = surface.data[0] * surface.scale
    found = [vertices.min(axis=0), vertices.max(axis=0)]
    np.testing.assert_allclose(found, expected, atol=2)


def test_surfaces_follow_the_labels(qtbot, own, told):
    """Until one class, and then all, have no voxel; nor is it an error to ask."""
    widget, labels = open_widget(qtbot, own.viewer), own.segmentation.data

    def relabel(wanted):
        found_after(qtbot, widget, setattr, own.segmentation, "data", wanted)

    show_scene(qtbot, widget, "Surface")
    before = surfaces(own.viewer)[0].data[0]
    relabel(np.where(labels == 2, 0, labels))
    [after] = surfaces(own.viewer)
    assert after.visible
    assert len(after.data[0]) != len(before)

    relabel(np.minimum(labels, 2))
    assert table_of(widget)["voxels"][3] == 0
    widget.classes.select([3])
    show_scene(qtbot, widget, "Surface")
    click_row(widget, 3)
    assert [layer.name for layer in surfaces(own.viewer)] == ["foreground surface"]
    widget.views.buttons.buttons["Axial"].click()

    relabel(np.zeros_like(labels))
    assert "nan" not in widget.appearance.left.text()
    widget.appearance.range.setCurrentIndex(1)
    assert own.map.contrast_limits == [0, 2]
    assert told() == []
    widget.views.buttons.buttons["Surface"].click()
    qtbot.waitUntil(lambda: bool(told()))
    assert ["No voxel has the chosen labels" in one for one in told()] == [True]
    assert own.viewer.dims.ndisplay == 2


def test_another_map_takes_surfaces_and_marks_away(qtbot, case, widget):
    show_scene(qtbot, widget, "Surface")
    click_row(widget, 1)
    gini = compute_as(case.viewer, case.probabilities, measure="gini")
    names = {layer.name for layer in case.viewer.layers}
    assert names - {OUTLINES} == {
        "T1",
        "case",
        "net probabilities",
        "net probabilities entropy",
        "net probabilities gini",
    }
    wait_until_found(qtbot, widget)
    assert case.viewer.dims.ndisplay == 2
    assert case.map.visible
    case.viewer.layers.remove(gini)


# -- speed --------------------------------------------------------------------


def longest_silence(qtbot, work):
    """Of a 5 ms timer, in seconds of processor time, while something is made.

    That of all threads of this process, so that it does not count what the machine does
    for others.
    """
    ticks = [process_time()]
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(process_time()))
    timer.start(5)
    work()
    timer.stop()
    return max(np.diff(ticks))


def test_the_window_stays_alive(qtbot, viewer, rng):
    labels = asymmetric((128,) * 3)
    grid = Grid(labels.shape, OBLIQUE)
    p = np.where(labels == np.arange(4)[:, None, None, None], 0.8, 0.1)
    p = p.astype(np.float32) + 0.2 * rng.random(labels.shape, np.float32)
    add(viewer, Scan(p[0], grid, name="T1"))
    add(viewer, LabelMap(labels, grid, name="case"))
    p /= p.sum(axis=0)
    compute(viewer, add(viewer, ProbabilityMap(p, NAMES, grid, name="net")))
    widget = InspectWidget(viewer)
    qtbot.addWidget(widget)
    assert longest_silence(qtbot, lambda: wait_until_found(qtbot, widget)) < 1.0
    begun = process_time()
    widget.views.buttons.buttons["Surface"].click()
    assert process_time() - begun < 1.0
    shown = []
    viewer.layers.events.inserting.connect(shown.append)
    silence = longest_silence(qtbot, lambda: qtbot.waitUntil(lambda: bool(shown)))
    assert silence < 1.0


# -- the end ------------------------------------------------------------------


def idle():
    return QThreadPool.globalInstance().activeThreadCount() == 0


def in_3d(qtbot, widget, slow):
    show_scene(qtbot, widget, "3D")


def in_a_cut(qtbot, widget, slow):
    slow[0].set()
    show_scene(qtbot, widget, "Cut-away")


def side_by_side(qtbot, widget, slow):
    widget.views.buttons.buttons["Side by side"].click()


def making_meshes(qtbot, widget, slow):
    begin_surface(qtbot, widget)
    qtbot.wait(10)


def at_rest(qtbot, widget, slow):
    widget.classes.select([1])
    click_row(widget, 1)


def test_no_callback_outlives_the_widget(qtbot, own, slow, told):
    viewer = own.viewer
    outline_classes(viewer)  # which belong to the map
    before, layers = callbacks(viewer), list(viewer.layers)
    for doing in (at_rest, in_3d, making_meshes, in_a_cut, side_by_side):
        slow[0].clear()
        widget = open_widget(qtbot, viewer)
        assert callbacks(viewer) != before
        doing(qtbot, widget, slow)
        widget.stop()
        qtbot.waitUntil(idle)
        after = callbacks(viewer)
        kept = {key: n for key, n in before.items() if key[0] != OUTLINES}
        assert {key: after[key] for key in kept} == kept, doing
        left = [layer for layer in viewer.layers if layer.name != OUTLINES]
        assert left == [layer for layer in layers if layer.name != OUTLINES]
        assert not viewer.canvas.overlays.keys() & {
            f"napari-uncertainty {edge}" for edge in ("left", "right", "top", "bottom")
        }
        assert viewer.dims.ndisplay == 2
    viewer.layers.remove(own.map)
    assert told() == []


def test_no_callback_outlives_a_widget_that_looks_at_a_map(
    qtbot, case, widget, monkeypatch
):
    def waiting(*args):
        while True:
            time.sleep(0.005)
            yield 0.1

    before = callbacks(case.viewer)
    with monkeypatch.context() as patched:
        patched.setattr(subject_module, "iter_findings", waiting)
        looking = InspectWidget(case.viewer)
        qtbot.addWidget(looking)
        qtbot.waitUntil(lambda: looking.progress.value() > 0)
        looking.stop()
        qtbot.waitUntil(idle)
    assert callbacks(case.viewer) == before


def test_opened_again_it_works(qtbot, own):
    widget = open_widget(qtbot, own.viewer)
    widget.classes.select([1])
    widget.stop()
    again = open_widget(qtbot, own.viewer)
    again.classes.select([2])
    click_row(again, 2)
    np.testing.assert_allclose(own.viewer.dims.point[-3:], peak(own, 2), atol=1e-9)
    names = [layer.name for layer in own.viewer.layers]
    assert names.count(OUTLINES) == names.count(PLACE_NAME) == 1
