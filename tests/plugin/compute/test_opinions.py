"""What Inspect and Review know of maps of members, and of all kinds of values."""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from scipy.special import expit
from scipy.special import softmax as softmax_of

from napari_uncertainty import Grid, ProbabilityMap
from napari_uncertainty.plugin.inspect.probe import Probe, by_label
from napari_uncertainty.plugin.viewer.layer_roles import opinions
from napari_uncertainty.plugin.viewer.scan_space import axes_of, source_of
from napari_uncertainty.plugin.viewer.shown_map import ShownMap
from support.generated import OBLIQUE, softmax
from support.inspect_dock import NAMES, add, bits, compute_as, network
from support.phantoms import asymmetric
from support.review_dock import begin, check_places, material, plain, redirect

SHAPE = (12, 13, 14)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    redirect(tmp_path, monkeypatch)


@pytest.fixture
def viewer(qapp):
    """Without a window."""
    return ViewerModel()


@pytest.fixture
def members(viewer, rng):
    """Two members in layers, and a map of their mutual information."""
    labels = asymmetric(SHAPE)
    arrays = [network(labels, rng) for _ in range(2)]
    layers = [placed(viewer, p, f"fold_{number}") for number, p in enumerate(arrays)]
    shown = compute_as(viewer, layers[0], measure="mutual_information", members=layers)
    return SimpleNamespace(arrays=arrays, layers=layers, map=shown)


def placed(viewer, p, name, affine=OBLIQUE, names=NAMES, **told):
    grid = Grid(p.shape[1:], affine)
    return add(viewer, ProbabilityMap(p, names, grid, name=name, **told))


def held(viewer, shown):
    axes = axes_of(viewer.layers)
    found = opinions(viewer.layers, shown, source_of(shown, axes=axes), axes)
    return [np.asarray(values) for _, values in found]


def read(viewer, shown, voxel):
    subject = ShownMap.of(viewer, shown, None)
    labels = np.zeros(subject.source.values.shape, np.uint8)
    return Probe(viewer, subject, labels).read(subject.place(voxel)).probabilities


# -- members ------------------------------------------------------------------


def test_the_map_holds_its_members(viewer, members):
    for found, p in zip(held(viewer, members.map), members.arrays, strict=True):
        np.testing.assert_array_equal(found, p)
    members.layers[1].visible = False
    assert len(held(viewer, members.map)) == 2


def test_crops_have_their_place_in_the_map(viewer, rng):
    whole = network(asymmetric(SHAPE), rng)
    first = placed(viewer, whole, "whole")
    affine = OBLIQUE.copy()
    affine[:3, 3] += OBLIQUE[:3, :3] @ (2, 1, 3)
    crop = network(asymmetric(SHAPE)[2:11, 1:, 3:12], rng)
    other = placed(viewer, crop, "crop", affine)
    shown = compute_as(viewer, first, measure="variance", members=[other])
    found = held(viewer, shown)
    np.testing.assert_array_equal(found[0], whole)
    expected = np.zeros_like(whole)
    expected[:, 2:11, 1:, 3:12] = crop
    np.testing.assert_array_equal(found[1], expected)
    mean = (whole[:, 4, 5, 6] + crop[:, 2, 4, 3]) / 2
    np.testing.assert_allclose(read(viewer, shown, (4, 5, 6)), mean, atol=1e-6)
    assert read(viewer, shown, (0, 0, 0)) is None  # not all have data there


def test_where_one_is_gone_none_is_held(viewer, members):
    assert read(viewer, members.map, (4, 5, 6)) is not None
    viewer.layers.remove(members.layers[1])
    assert held(viewer, members.map) == []
    assert read(viewer, members.map, (4, 5, 6)) is None


@pytest.mark.parametrize(
    ("number", "change"),
    [(0, lambda p: p[:, 1:]), (1, lambda p: p[:3]), (1, lambda p: p[..., :0])],
    ids=["first of another shape", "other of fewer classes", "other without voxels"],
)
def test_one_that_does_not_fit_any_more(viewer, members, number, change):
    layer = members.layers[number]
    layer.data = change(np.asarray(layer.data))
    assert held(viewer, members.map) == []


def test_a_stack_holds_all_of_them(viewer, rng):
    stack = np.stack([softmax(rng, (4, *SHAPE)) for _ in range(3)])
    layer = viewer.add_image(stack, name="dropout")
    shown = compute_as(viewer, layer, measure="mutual_information")
    np.testing.assert_array_equal(held(viewer, shown), stack)
    mean = stack[:, :, 1, 2, 3].mean(axis=0)
    np.testing.assert_allclose(read(viewer, shown, (1, 2, 3)), mean, atol=1e-6)


def test_a_review_of_members_is_by_all_of_them(viewer, members):
    """Even where one of them is bad: the map is of it, too."""
    bad = members.arrays[0][:, ::-1].copy()
    members.layers[1].data = np.asarray(members.layers[1].data)[:, ::-1]
    third = placed(viewer, bad, "fold_2")
    shown = compute_as(
        viewer, members.layers[0], measure="predictive_entropy", members=[third]
    )
    case = SimpleNamespace(viewer=viewer, map=shown, segmentation=None)
    opened = begin(case)
    pair = [members.arrays[0], bad]
    mean = np.mean(pair, axis=0, dtype=float)
    values = bits(mean).astype(np.float32)
    expected = plain(values, mean.argmax(axis=0), pair, OBLIQUE)
    check_places(opened.hotspots, expected)
    assert opened.session.options.networks == 2
    assert "by the probabilities of 2 networks" in opened.sentence


# -- kinds --------------------------------------------------------------------

X = np.array([0.2, 0.5, 0.1])


@pytest.mark.parametrize(
    ("values", "kind", "temperature", "order", "expected"),
    [
        (X, "softmax", 1, (), X / 0.8),
        (X, "logits", 2, (), softmax_of(X / 2)),
        (X[:1], "logits", 2, (), [1 - expit(0.1), expit(0.1)]),
        (X[:1], "foreground", 1, (), [0.8, 0.2]),
        (X, "fractions", 1, (), [0.2, *X]),
        (X, "sigmoid", 1, (), [0.8 * 0.5 * 0.9, *X]),
        (X[:2], "sigmoid", 1, (3, 1), [0.4, 0.5, 0, 0.2]),
        (np.array([51], np.uint8), "foreground", 1, (), [0.8, 0.2]),
        (np.array([50, 150], np.uint8), "scaled", 1, (), [0.25, 0.75]),
    ],
)
def test_probabilities_are_given_for_each_label(
    values, kind, temperature, order, expected
):
    found = by_label(values, kind, temperature, order)
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_bars_of_logits_are_those_of_their_softmax(viewer, rng):
    scores = rng.normal(0, 3, (4, *SHAPE)).astype(np.float32)
    layer = placed(viewer, scores, "net")
    shown = compute_as(viewer, layer, kind="logits", temperature=2.0)
    expected = softmax_of(scores[:, 4, 5, 6].astype(float) / 2)
    np.testing.assert_allclose(read(viewer, shown, (4, 5, 6)), expected, atol=1e-6)


def test_names_where_a_background_was_added(viewer, rng):
    shares = rng.random((3, *SHAPE), np.float32) / 3
    layer = placed(viewer, shares, "net", names=NAMES[1:])
    shown = compute_as(viewer, layer, kind="fractions")
    assert ShownMap.of(viewer, shown, None).class_names == dict(enumerate(NAMES))
    # Numbers of channels are no names of labels.
    layer = viewer.add_image(rng.random(SHAPE), name="foreground")
    shown = compute_as(viewer, layer, kind="foreground")
    assert ShownMap.of(viewer, shown, None).class_names == {}


def test_the_largest_value_counts_all_outcomes(viewer, rng):
    layer = placed(viewer, rng.random((3, *SHAPE), np.float32), "net", names=NAMES[1:])
    subject = ShownMap.of(viewer, compute_as(viewer, layer, kind="sigmoid"), None)
    assert subject.record.highest == 3  # bits of three channels
    shown = compute_as(viewer, layer, kind="sigmoid", base="classes")
    subject = ShownMap.of(viewer, shown, None)
    assert subject.record.highest == 1
    assert subject.record.undecided == pytest.approx(1 / 3)


def test_a_review_of_logits_is_by_their_softmax(viewer, rng):
    labels = asymmetric(SHAPE)
    scores = rng.normal(0, 2, (4, *SHAPE)).astype(np.float32)
    scores += 4 * (labels == np.arange(4)[:, None, None, None])
    layer = placed(viewer, scores, "net")
    shown = compute_as(viewer, layer, kind="logits", temperature=2.0)
    case = SimpleNamespace(viewer=viewer, map=shown, segmentation=None)
    p = softmax_of(scores.astype(float) / 2, axis=0).astype(np.float32)
    expected = plain(bits(p).astype(np.float32), p.argmax(axis=0), [p], OBLIQUE)
    check_places(begin(case).hotspots, expected)


def test_a_review_of_channels_is_by_the_map(viewer, rng):
    layer = placed(viewer, rng.random((3, *SHAPE), np.float32), "net", names=NAMES[1:])
    shown = compute_as(viewer, layer, kind="sigmoid")
    case = SimpleNamespace(viewer=viewer, map=shown, segmentation=None)
    assert material(case).members == ()
    assert "by the map alone" in begin(case).sentence
