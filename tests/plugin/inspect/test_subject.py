"""Places, names and colours of a map, and what can be inspected at all."""

from dataclasses import replace

import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.affines import apply_affine
from nibabel.orientations import inv_ornt_aff

from napari_uncertainty import Grid, InputError, LabelMap
from napari_uncertainty.analysis.class_blocks import iter_class_statistics
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from napari_uncertainty.plugin.viewer.shown_map import (
    Findings,
    ShownMap,
    iter_findings,
    names_of,
)
from napari_uncertainty.steps import run
from support.compute_without_window import compute
from support.generated import OBLIQUE, softmax
from support.inspect_dock import NAMES, SHAPE, add, add_case, compute_as, network
from support.phantoms import ORIENTATIONS, asymmetric


@pytest.fixture
def viewer():
    """Without a window."""
    return ViewerModel()


@pytest.fixture(scope="module")
def case():
    """For those who only read it."""
    return add_case(ViewerModel(), np.random.default_rng(20260101))


def map_of(viewer, values, affine):
    """A map layer with a place, by the quickest way."""
    from napari_uncertainty import Scan

    layer = add(viewer, Scan(values, Grid(values.shape, affine), name="map"))
    info = layer.metadata[METADATA_KEY] | {
        "role": "map",
        "measure": "entropy",
        "unit": "bits",
        "base": 2,
        "n_classes": 4,
        "prediction": np.zeros_like(layer.data, np.uint8),
    }
    layer.metadata = {METADATA_KEY: info}
    return layer


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::5], ids=str)
def test_places_and_voxels_are_converted_both_ways(viewer, rng, order, flips):
    shape = (5, 6, 7)
    values = rng.permutation(210).reshape(shape).astype(np.float32)
    orientation = np.array(list(zip(order, flips, strict=True)))
    affine = OBLIQUE @ inv_ornt_aff(orientation, shape)
    layer = map_of(viewer, values, affine)
    subject = ShownMap.of(viewer, layer, None)
    np.testing.assert_array_equal(subject.source.values, values)
    for voxel in rng.integers(0, shape, (10, 3)):
        [shown] = np.argwhere(np.asarray(layer.data) == values[tuple(voxel)])
        world = np.array(layer.data_to_world(shown))
        np.testing.assert_allclose(subject.place(voxel), world, atol=1e-9)
        beside = world + 0.45 * np.array(layer.scale) * rng.choice((-1, 1), 3)
        assert subject.voxel(beside) == tuple(voxel)
        assert subject.voxel((3.0, *beside)) == tuple(voxel)  # a class axis before
        ras = apply_affine(affine, voxel)
        np.testing.assert_allclose(subject.ras(world), ras, atol=1e-9)
    low, high = np.sort([layer.extent.world[0], layer.extent.world[1]], axis=0)
    assert subject.voxel(low - 0.6 * np.array(layer.scale)) is None
    assert subject.voxel(high + 0.6 * np.array(layer.scale)) is None
    assert subject.voxel(world[1:]) is None


def test_a_map_without_a_place_has_no_ras(viewer, rng):
    shown, _ = compute(viewer, viewer.add_image(softmax(rng, (3, 5, 6, 7))))
    subject = ShownMap.of(viewer, shown, None)
    assert subject.ras(np.array([1.0, 2.0, 3.0])) is None
    assert subject.voxel(np.array([1.0, 2.0, 3.0])) == (1, 2, 3)


def test_the_box_holds_the_foreground(case):
    subject = ShownMap.of(case.viewer, case.map, case.segmentation)
    source = subject.source
    found = run(iter_findings(source.values, source.grid, subject.labels, None))
    there = np.argwhere(case.labels > 0)
    first, last = there.min(axis=0), there.max(axis=0)
    assert found.box() == tuple(zip(first, last, strict=True))
    corners = found.corners(subject)
    ends = np.array([subject.place(first), subject.place(last)])
    np.testing.assert_allclose(corners, [ends.min(axis=0), ends.max(axis=0)])


@pytest.mark.parametrize("label", [0, 3])
def test_the_box_of_one_class_everywhere(case, label):
    subject = ShownMap.of(case.viewer, case.map, None)
    labels = np.full(SHAPE, label, np.uint8)
    found = Findings(labels, run(iter_class_statistics(subject.source.values, labels)))
    assert found.box() == (None if label == 0 else ((0, 11), (0, 12), (0, 13)))
    corners = found.corners(subject)
    size = np.abs(subject.to_world[:3, :3]) @ (np.array(SHAPE) - 1)
    np.testing.assert_allclose(np.ptp(corners, axis=0), size)


def test_names_and_colours_are_those_of_the_segmentation(case):
    subject = ShownMap.of(case.viewer, case.map, case.segmentation)
    assert subject.names == subject.class_names == dict(enumerate(NAMES))
    for label, rgb in subject.colors_of([1, 2, 3]).items():
        expected = 255 * np.array(case.segmentation.get_color(label))[:3]
        np.testing.assert_allclose(rgb, expected, atol=0.5)
    # The background is shown in no colour, and is grey.
    assert subject.colors_of([0]) == {0: (128, 128, 128)}


def test_names_of_classes_are_lent_to_labels_of_classes(viewer, rng):
    case = add_case(viewer, rng, segmentation=False)
    plain = add(viewer, LabelMap(case.labels, Grid(SHAPE, OBLIQUE), name="plain"))
    subject = ShownMap.of(viewer, case.map, plain)
    assert subject.named_for((0, 2, 3)).names == dict(enumerate(NAMES))
    assert subject.named_for((0, 2, 17)).names == {}
    own = ShownMap.of(viewer, case.map, None)
    assert own.named_for((0, 2)).names == dict(enumerate(NAMES))


def test_names_come_from_the_features_of_layers_of_others(viewer):
    layer = viewer.add_labels(
        np.zeros((4, 5), int), features={"index": [0, 7], "name": ["air", "liver"]}
    )
    assert names_of(layer) == {0: "air", 7: "liver"}
    assert names_of(viewer.add_labels(np.zeros((4, 5), int))) == {}


def test_over_time_it_cannot_be_inspected(viewer, rng):
    layer = viewer.add_image(softmax(rng, (3, 2, 4, 5, 6)), rgb=False)
    shown, _ = compute(viewer, layer)
    with pytest.raises(InputError, match="has 4 axes"):
        ShownMap.of(viewer, shown, None)


def test_replaced_by_hand_the_most_probable_class_is_unknown(viewer, rng):
    case = add_case(viewer, rng, segmentation=False)
    case.map.data = np.asarray(case.map.data)[1:]
    with pytest.raises(InputError, match="compute the map again"):
        ShownMap.of(case.viewer, case.map, None)


def test_labels_that_lie_nowhere_on_the_map_are_refused(viewer, rng):
    case = add_case(viewer, rng, segmentation=False)
    plain = viewer.add_labels(asymmetric((5, 5, 5)), name="plain")
    subject = ShownMap.of(viewer, case.map, plain)
    source = subject.source
    steps = iter_findings(source.values, source.grid, subject.labels, None)
    with pytest.raises(InputError, match="how 'plain' lies on the map"):
        run(steps)


def test_a_map_of_one_class_still_has_a_range(viewer):
    """There is nothing to be unsure of, and still a range."""
    net = viewer.add_image(np.ones((1, 4, 5, 6), np.float32))
    net.metadata = {METADATA_KEY: {"class_axis": 0, "role": "probabilities"}}
    subject = ShownMap.of(
        viewer, compute_as(viewer, net, measure="gini", kind="softmax"), None
    )
    assert subject.record.highest == 1


def test_probabilities_shown_as_colours_have_places(viewer, rng):
    labels = np.minimum(asymmetric((20, 24)), 2)
    p = np.ascontiguousarray(np.moveaxis(network(labels, rng, 3), 0, -1))
    shown, _ = compute(viewer, viewer.add_image(p, rgb=True, scale=(2, 3)))
    subject = ShownMap.of(viewer, shown, None)
    np.testing.assert_array_equal(subject.place((3, 4)), (6, 12))


@pytest.mark.parametrize(
    ("class_names", "names", "expected"),
    [
        ({}, {}, ["background", "label 1", "label 2"]),
        (dict(enumerate(NAMES)), {}, ["background", "left", "right"]),
        ({}, {1: "gray", 2: "white"}, ["background", "gray", "white"]),
        ({1: "class 1", 2: "own"}, {1: "gray"}, ["background", "gray", "own"]),
        # Numbers of an atlas are no classes.
        ({}, {17: "hippocampus", 1: "x"}, ["background", "label 1", "label 2"]),
    ],
)
def test_a_class_of_the_network_has_the_name_of_its_label(
    case, class_names, names, expected
):
    subject = replace(
        ShownMap.of(case.viewer, case.map, case.segmentation),
        names=names,
        class_names=class_names,
    )
    assert [subject.name_of_class(index, 4) for index in range(3)] == expected
    for label, name in names.items():
        assert subject.name_of(label) == name
