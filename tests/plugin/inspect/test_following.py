"""The widget shows the numbers of the selected map, whatever happens to the layers."""

import threading
from functools import partial
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.affines import from_matvec
from nibabel.orientations import apply_orientation, inv_ornt_aff
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QThreadPool
from scipy.ndimage import affine_transform

from napari_uncertainty import Grid, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.plugin.viewer import shown_map as subject_module
from napari_uncertainty.plugin.viewer.arrival import align
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.scan_space import ORIGINAL, layer_info
from napari_uncertainty.plugin.viewer.shown_map import NO_MAP, MapFollower
from support.compute_without_window import compute
from support.generated import OBLIQUE, softmax, turn
from support.inspect_dock import (
    NAMES,
    SETTLE_MS,
    SHAPE,
    add,
    add_case,
    bits,
    check_table,
    compute_as,
    found_after,
    network,
    open_for_module,
    open_widget,
    settle,
    table_of,
)
from support.phantoms import asymmetric


@pytest.fixture
def viewer():
    """Without a window."""
    return ViewerModel()


@pytest.fixture
def case(viewer, rng):
    return add_case(viewer, rng, scan=True)


@pytest.fixture(scope="module")
def early(request, qapp):
    """A widget that was opened before there was any layer."""
    widget = open_widget(QtBot(request), ViewerModel())
    yield widget
    widget.stop()
    widget.deleteLater()


@pytest.fixture
def empty(qtbot, early):
    """Its viewer, without layers, and the widget."""
    yield early._viewer, early
    early._viewer.layers.clear()
    settle(qtbot, early)


@pytest.fixture(scope="module")
def opened(request, qapp):
    yield from open_for_module(request, scan=True)


@pytest.fixture
def shown(qtbot, opened):
    """A case and its widget; labels and names are put back afterwards."""
    case, widget = opened
    labels = np.array(case.segmentation.data)
    names = [layer.name for layer in case.viewer.layers]
    yield opened
    case.segmentation.data = labels
    for layer, name in zip(case.viewer.layers, names, strict=True):
        layer.name = name
    settle(qtbot, widget)


@pytest.fixture(scope="module")
def unsegmented(request, qapp):
    yield from open_for_module(request, segmentation=False)


@pytest.fixture
def alone(qtbot, unsegmented):
    """No segmentation, and the widget; what a test adds is taken away afterwards."""
    case, widget = unsegmented
    there = list(case.viewer.layers)
    yield unsegmented
    for layer in [one for one in case.viewer.layers if one not in there]:
        case.viewer.layers.remove(layer)
    settle(qtbot, widget)


# -- numbers ------------------------------------------------------------------


def test_without_a_map_one_sentence_says_so(qtbot, viewer):
    widget = open_widget(qtbot, viewer)
    assert widget.message.text() == NO_MAP
    assert not widget.progress.isVisibleTo(widget)
    assert table_is_empty(widget)


def table_is_empty(widget):
    return widget.classes.model.rowCount() == 0


def test_numbers_are_those_of_the_segmentation(shown):
    case, widget = shown
    check_table(widget, case.entropy, case.labels)
    assert list(table_of(widget)["name"]) == list(NAMES)
    voxel_ml = abs(np.linalg.det(OBLIQUE[:3, :3])) / 1000
    np.testing.assert_allclose(
        table_of(widget)["volume_ml"], np.bincount(case.labels.ravel()) * voxel_ml
    )
    assert widget.message.text() == "Classes by 'case'"


def test_without_a_segmentation_by_the_most_probable_class(qtbot, alone):
    case, widget = alone
    assert widget.message.text() == "Classes by the most probable class"
    check_table(widget, case.entropy, case.argmax)
    alone = table_of(widget)
    labels = LabelMap(case.argmax.astype(np.uint8), Grid(SHAPE, OBLIQUE), name="argmax")
    found_after(qtbot, widget, add, case.viewer, labels)
    assert widget.message.text() == "Classes by 'argmax'"
    assert alone.equals(table_of(widget))


MEASURES = {
    ("entropy", 2): (bits, "bits"),
    ("entropy", "e"): (lambda p: bits(p) * np.log(2), "nats"),
    ("entropy", "classes"): (lambda p: bits(p) / np.log2(4), "normalised"),
    ("least_confidence", 2): (lambda p: 1 - p.max(axis=0), ""),
    ("margin", 2): (lambda p: 1 - np.diff(np.sort(p, axis=0)[-2:], axis=0)[0], ""),
    ("gini", 2): (lambda p: 1 - (p.astype(float) ** 2).sum(axis=0), ""),
}


def test_every_measure(qtbot, empty, rng):
    """As new maps, and in another base in place."""
    viewer, widget = empty
    p = softmax(rng, (4, 8, 9, 10))
    net = viewer.add_image(p)
    for (measure, base), (values, unit) in MEASURES.items():
        asked = partial(compute_as, viewer, net, measure=measure, base=base)
        found_after(qtbot, widget, asked)
        check_table(widget, values(p), p.argmax(axis=0))
        subject = widget.following.subject
        assert subject.record.unit == unit
        evenly = np.full((4, 1), 0.25)
        assert subject.record.highest == pytest.approx(values(evenly)[0])
        half = np.array([[0.5], [0.5], [0], [0]])
        assert subject.record.undecided == pytest.approx(values(half)[0])


@pytest.mark.parametrize("placed", [True, False], ids=["with a place", "without"])
@pytest.mark.parametrize("shape", [SHAPE, (20, 30)], ids=str)
def test_layers_of_other_readers_are_inspected(qtbot, empty, rng, placed, shape):
    viewer, widget = empty
    labels = asymmetric(shape)
    p = network(labels, rng)
    scale = (2.0, 3.0, 4.0)[: len(shape)] if placed else (1,) * len(shape)
    net = viewer.add_image(p, scale=(1, *scale), name="net")
    viewer.add_labels(labels, scale=scale, name="labels")
    compute(viewer, net)
    settle(qtbot, widget)
    assert widget.message.text() == "Classes by 'labels'"
    check_table(widget, bits(p), labels)


def test_a_flat_image_has_no_planes_and_no_3d(qtbot, empty, rng):
    viewer, widget = empty
    labels = asymmetric((20, 30))
    net = viewer.add_image(network(labels, rng), name="net")
    compute(viewer, net)
    settle(qtbot, widget)
    enabled = {
        name for name, one in widget.views.buttons.buttons.items() if one.isEnabled()
    }
    assert enabled == set()
    assert table_of(widget)["volume_ml"].isna().all()
    viewer.add_labels(labels, name="labels")
    qtbot.waitUntil(widget.views.buttons.buttons["Side by side"].isEnabled)


def test_a_map_without_a_place_is_inspected(qtbot, empty, rng):
    """As of an .npz without a NIfTI beside it."""
    viewer, widget = empty
    p = softmax(rng, (4, 8, 9, 10))
    compute(viewer, add(viewer, ProbabilityMap(p, NAMES, name="net")))
    settle(qtbot, widget)
    check_table(widget, bits(p), p.argmax(axis=0))
    assert list(table_of(widget)["name"]) == list(NAMES)


def crop(labels):
    return labels[2:10, 1:, 3:], OBLIQUE @ from_matvec(np.eye(3), (2, 1, 3))


def finer(labels):
    fine = asymmetric(tuple(2 * n for n in SHAPE))
    return fine, OBLIQUE @ from_matvec(np.eye(3) / 2, (-0.2, -0.3, -0.1))


def reordered(labels):
    orientation = np.array([(2, -1), (0, 1), (1, -1)])
    stored = np.ascontiguousarray(apply_orientation(labels, orientation))
    return stored, OBLIQUE @ inv_ornt_aff(orientation, labels.shape)


def tilted(labels):
    other = asymmetric((16, 16, 16))
    return other, OBLIQUE @ from_matvec(turn(14, 1), (-1.3, -2.1, 0.4))


def aside(labels):
    return labels, OBLIQUE @ from_matvec(np.eye(3), (4, -2, 0))


@pytest.mark.parametrize("elsewhere", [crop, finer, reordered, tilted, aside])
def test_a_segmentation_on_other_voxels_is_taken_at_the_nearest_ones(
    qtbot, alone, elsewhere
):
    case, widget = alone
    stored, affine = elsewhere(case.labels)
    other = LabelMap(stored, Grid(stored.shape, affine), name="other")
    found_after(qtbot, widget, add, case.viewer, other)
    to_stored = np.round(np.linalg.inv(affine) @ OBLIQUE, 9)
    expected = affine_transform(
        stored, to_stored[:3, :3], to_stored[:3, 3], SHAPE, order=0, mode="constant"
    )
    assert widget.following.subject.segmentation == case.viewer.layers["other"]
    assert len(np.unique(expected)) == 4
    check_table(widget, case.entropy, expected)


def test_a_map_that_is_shown_resampled_is_measured_as_it_was(qtbot, viewer, rng):
    upright = Grid((30, 30, 30), from_matvec(np.eye(3), (0, 0, -40)))
    add(viewer, Scan(rng.random((30, 30, 30)).astype(np.float32), upright, name="T1"))
    case = add_case(viewer, rng, scan=False)
    widget = open_widget(qtbot, viewer)
    align(viewer)
    qtbot.waitUntil(lambda: ORIGINAL in layer_info(case.map))
    qtbot.waitUntil(lambda: ORIGINAL in layer_info(case.segmentation))
    settle(qtbot, widget)
    check_table(widget, case.entropy, case.labels)
    # Where it is shown, a voxel has the tilt between the two.
    subject = widget.following.subject
    for voxel in ((0, 0, 0), (3, 11, 7)):
        ras = subject.ras(subject.place(voxel))
        np.testing.assert_allclose(ras, (OBLIQUE @ (*voxel, 1))[:3], atol=1e-9)


def test_voxels_without_data_are_in_no_class(qtbot, empty, rng):
    viewer, widget = empty
    p = softmax(rng, (4, 8, 9, 10))
    p[:, :2], p[1, 5, 5, 5] = 0, np.nan
    compute(viewer, viewer.add_image(p, contrast_limits=(0, 1)))
    settle(qtbot, widget)
    there = np.isfinite(p).all(axis=0) & (p.sum(axis=0) > 0)
    check_table(widget, bits(np.nan_to_num(p)), np.argmax(p, axis=0), there)
    assert table_of(widget)["voxels"].sum() == there.sum()


def test_labels_of_an_atlas_keep_their_large_numbers(qtbot, alone):
    """Large numbers, as of FreeSurfer."""
    case, widget = alone
    atlas = np.array([0, 17, 1_000_012, 2**31 - 1], np.int32)[case.labels]
    labels = LabelMap(atlas, Grid(SHAPE, OBLIQUE), name="atlas")
    found_after(qtbot, widget, add, case.viewer, labels)
    check_table(widget, case.entropy, atlas)
    assert list(table_of(widget).index) == [0, 17, 1_000_012, 2**31 - 1]


def test_lazy_labels_are_computed(qtbot, empty, rng):
    viewer, widget = empty
    from dask.array import from_array

    labels = asymmetric(SHAPE)
    p = network(labels, rng)
    net = viewer.add_image(p, scale=(1, 2, 2, 2))
    viewer.add_labels(from_array(labels, chunks=5), scale=(2, 2, 2))
    compute(viewer, net)
    settle(qtbot, widget)
    check_table(widget, bits(p), labels)


def test_a_map_of_the_foreground_alone_is_0_in_the_background(qtbot, empty, rng):
    viewer, widget = empty
    case = add_case(viewer, rng)
    viewer.layers.remove(case.map)
    compute_as(viewer, case.probabilities, case.segmentation, foreground_only=True)
    settle(qtbot, widget)
    check_table(widget, np.where(case.labels, case.entropy, 0), case.labels)


# -- which map ----------------------------------------------------------------


@pytest.fixture
def two_maps(case):
    """Entropy, and margin on top of it."""
    return case, compute_as(case.viewer, case.probabilities, measure="margin")


def test_the_dock_follows_the_map_that_is_chosen(qtbot, two_maps):
    """In the list or among the layers; before, the latest, whatever the order."""
    case, margin = two_maps
    widget, selection = open_widget(qtbot, case.viewer), case.viewer.layers.selection
    before = widget.following.findings
    case.viewer.layers.move(4, 0)
    qtbot.wait(3 * SETTLE_MS)
    assert widget.following.map.value == margin
    assert widget.following.findings is before
    found_after(qtbot, widget, setattr, widget.following.map, "value", case.map)
    check_table(widget, case.entropy, case.labels)
    expected = {
        case.map: case.entropy,
        margin: 1 - np.diff(np.sort(case.p, axis=0)[-2:], axis=0)[0],
    }
    for layer in (margin, case.map):
        selection.active = case.scan  # no map: nothing changes
        found_after(qtbot, widget, setattr, selection, "active", layer)
        assert widget.following.map.value == layer
        check_table(widget, expected[layer], case.labels)
        place = widget.following.subject.place((3, 4, 5))
        widget._read(place)
        number = f"{expected[layer][3, 4, 5]:.3f}"
        assert number in widget.probe_panel.text.text()


def test_a_segmentation_chosen_by_hand_stays(qtbot, case):
    widget = open_widget(qtbot, case.viewer)
    halves = (case.labels // 2).astype(np.uint8)
    other = add(case.viewer, LabelMap(halves, Grid(SHAPE, OBLIQUE), name="halves"))
    choice = widget.following.segmentation
    found_after(qtbot, widget, setattr, choice, "value", case.segmentation)
    add(case.viewer, LabelMap(halves, Grid(SHAPE, OBLIQUE), name="more halves"))
    found_after(qtbot, widget, compute, case.viewer, case.probabilities)
    assert choice.value == case.segmentation
    found_after(qtbot, widget, setattr, choice, "value", other)
    check_table(widget, case.entropy, halves)
    found_after(qtbot, widget, setattr, choice, "value", None)
    check_table(widget, case.entropy, case.argmax)


# -- other layers -------------------------------------------------------------


def test_one_map_of_two_is_removed(qtbot, two_maps):
    case, margin = two_maps
    widget = open_widget(qtbot, case.viewer)
    found_after(qtbot, widget, case.viewer.layers.remove, margin)
    check_table(widget, case.entropy, case.labels)


def test_one_map_that_changes_and_goes(qtbot, case, rng, told):
    """Another base and other probabilities in place, then without what it is of."""
    widget, viewer = open_widget(qtbot, case.viewer), case.viewer
    widget.appearance.threshold.setValue(0.5)
    found_after(qtbot, widget, lambda: compute_as(viewer, case.probabilities, base="e"))
    assert case.map.contrast_limits == pytest.approx((0, np.log(4)))
    assert widget.appearance.threshold.value() == pytest.approx(0.5 * np.log(2))
    check_table(widget, case.entropy * np.log(2), case.labels)

    p = network(case.labels, rng)
    other = ProbabilityMap(p, NAMES, Grid(SHAPE, OBLIQUE))
    case.probabilities.data = to_layer(other)[0]
    found_after(qtbot, widget, compute, viewer, case.probabilities)
    check_table(widget, bits(p), case.labels)

    widget.classes.select([1])
    found_after(qtbot, widget, viewer.layers.remove, case.segmentation)
    check_table(widget, bits(p), p.argmax(axis=0))

    widget.classes.select([1])
    widget._visit(1, "interior")
    viewer.layers.remove(case.map)
    assert widget.message.text() == NO_MAP
    assert table_is_empty(widget)
    assert [layer.name for layer in viewer.layers] == ["T1", "net probabilities"]
    assert told() == []


def test_painted_labels_are_counted_anew(qtbot, shown):
    case, widget = shown
    found_after(qtbot, widget, case.segmentation.fill, (5, 5, 5), 2)
    counts = np.bincount(np.asarray(case.segmentation.data).ravel())
    assert list(counts) != list(np.bincount(case.labels.ravel()))
    assert list(table_of(widget)["voxels"]) == list(counts)


def test_a_brush_stroke_is_looked_at_once_it_is_drawn(qtbot, shown):
    case, widget = shown
    found = []
    widget.following.found.connect(lambda: found.append(1))
    for column in range(5):
        case.segmentation.paint((5, 5, column), 3)
    qtbot.waitUntil(lambda: bool(found))
    qtbot.wait(3 * SETTLE_MS)
    assert found == [1]


def test_replaced_labels_are_counted_anew(qtbot, shown):
    case, widget = shown
    other = np.asarray(case.segmentation.data) // 2
    found_after(qtbot, widget, setattr, case.segmentation, "data", other)
    # Two have no voxel any more, but still a name.
    counts = np.bincount(other.ravel(), minlength=4)
    assert list(table_of(widget)["voxels"]) == list(counts)


def test_a_map_that_was_cropped_by_hand_is_refused(qtbot, case, told):
    """Cropped by hand, it has another place, and its argmax is not known."""
    widget = open_widget(qtbot, case.viewer)
    with qtbot.waitSignal(widget.following.found):
        case.map.data = np.asarray(case.map.data)[1:]
    count = table_of(widget)["voxels"].sum()
    assert count == case.map.data.size
    case.viewer.layers.remove(case.segmentation)
    assert "was replaced by hand" in widget.message.text()
    assert table_is_empty(widget)
    assert told() == []


def test_renamed_layers_are_called_by_their_new_names(shown):
    case, widget = shown
    case.segmentation.name, case.map.name = "truth", "entropy"
    assert widget.following.map.native.currentText() == "entropy"
    assert widget.message.text() == "Classes by 'truth'"


def remove(layer, case):
    case.viewer.layers.remove(layer)


def rename(layer, case):
    layer.name = "something else"


def reorder(layer, case):
    case.viewer.layers.move(case.viewer.layers.index(layer), 0)


def replace(layer, case):
    layer.data = np.array(layer.data)


@pytest.fixture
def slow(monkeypatch):
    """Tables that wait for the test in the middle."""
    go_on = threading.Event()
    steps = subject_module.iter_findings

    def waiting(*args):
        yield 0.1
        while not go_on.wait(0.01):
            yield 0.1
        return (yield from steps(*args))

    monkeypatch.setattr(subject_module, "iter_findings", waiting)
    yield go_on
    go_on.set()


def test_changed_while_the_table_is_made(qtbot, case, slow, told):
    slow.set()
    widget = open_widget(qtbot, case.viewer)
    names = ("probabilities", "scan", "segmentation", "map")
    for change, name in product((rename, reorder, replace, remove), names):
        slow.clear()
        widget.following.look()
        qtbot.wait(10)
        change(getattr(case, name), case)
        slow.set()
        settle(qtbot, widget)
        if case.map not in case.viewer.layers:
            assert table_is_empty(widget)
            continue
        by_argmax = case.segmentation not in case.viewer.layers
        check_table(widget, case.entropy, case.argmax if by_argmax else case.labels)
    assert told() == []


@pytest.fixture
def followed(case):
    """What follows the map of a case, and all that it tells of it."""
    told, found = [], SimpleNamespace(present_labels=(0, 1))

    def look_at(subject):
        def steps():
            yield 0.5
            return found

        return steps

    following = MapFollower(case.viewer, look_at)
    following._settle.setInterval(SETTLE_MS)
    following.begun.connect(lambda another: told.append("begun"))
    following.found.connect(lambda: told.append("found"))
    following.nothing.connect(told.append)
    yield following, told
    following.stop()


def test_once_it_follows_no_longer_nothing_is_found_any_more(qtbot, followed):
    following, told = followed
    following.start()
    assert QThreadPool.globalInstance().waitForDone(20_000)  # but not told yet
    assert told == ["begun"]
    following.stop()
    qtbot.wait(50)
    assert told == ["begun"]


def test_once_it_follows_no_longer_no_change_is_looked_at(qtbot, case, followed):
    """Not even one of just before."""
    following, told = followed
    following.start()
    qtbot.waitUntil(lambda: "found" in told)
    case.segmentation.paint((5, 5, 5), 3)
    following.stop()
    case.segmentation.paint((5, 5, 7), 3)
    case.viewer.layers.remove(case.segmentation)
    qtbot.wait(3 * SETTLE_MS)
    assert told == ["begun", "found"]


def test_two_viewers_do_not_disturb_each_other(qtbot, case, shown):
    widget, (other, of_other) = open_widget(qtbot, case.viewer), shown
    widget.classes.select([1, 2])
    widget.appearance.hide_below.setChecked(True)
    widget._visit(1, "interior")
    case.viewer.layers.remove(case.segmentation)
    qtbot.wait(50)
    check_table(of_other, other.entropy, other.labels)
    assert of_other.classes.selected_labels == ()
    assert len(other.viewer.layers) == 5  # with the outlines of its classes
    assert not of_other.appearance.hide_below.isChecked()
