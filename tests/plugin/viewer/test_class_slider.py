"""The class slider names the class that it is at."""

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty import Grid, ProbabilityMap, Scan
from napari_uncertainty.plugin.viewer.arrival import receive
from napari_uncertainty.plugin.viewer.layers import to_layer
from support.generated import OBLIQUE, softmax

NAMES = ("background", "gray matter", "white matter")
GRID = Grid((6, 7, 8), OBLIQUE)


def add(viewer, volume):
    data, options, kind = to_layer(volume)
    layer = getattr(viewer, f"add_{kind}")(data, **options)
    receive(viewer)
    return layer


def add_probabilities(viewer, rng, names=NAMES, name="net"):
    values = softmax(rng, (len(names), *GRID.shape))
    return add(viewer, ProbabilityMap(values, names, GRID, name=name))


@pytest.fixture
def viewer():
    return ViewerModel()


def test_it_follows_the_slider(viewer, rng):
    add_probabilities(viewer, rng)
    for number, name in enumerate(NAMES):
        viewer.dims.set_current_step(0, number)
        assert viewer.dims.axis_labels == (f"class: {name}", "z", "y", "x")


def test_numbered_classes_are_called_so_once(viewer, rng):
    add_probabilities(viewer, rng, ("class 0", "class 1"))
    for number in (0, 1, 0):
        viewer.dims.set_current_step(0, number)
        assert viewer.dims.axis_labels[0] == f"class {number}"


def test_it_does_whatever_is_opened_and_shown(viewer, rng):
    net = add_probabilities(viewer, rng)
    viewer.dims.set_current_step(0, 1)
    scan = add(viewer, Scan(rng.random(GRID.shape), GRID))
    assert viewer.dims.axis_labels[0] == "class: gray matter"
    viewer.dims.ndisplay = 3
    viewer.dims.order = (0, 2, 1, 3)
    assert viewer.dims.axis_labels[0] == "class: gray matter"
    scan.scale = (2, 2, 2)
    assert viewer.dims.axis_labels[0] == "class: gray matter"
    assert net.axis_labels[0] == "class"
    viewer.layers.remove(net)
    assert viewer.dims.axis_labels == ("z", "y", "x")
    add_probabilities(viewer, rng, ("air", "head"))
    assert viewer.dims.axis_labels[0] in ("class: air", "class: head")
    viewer.layers.clear()


def test_the_class_slider_keeps_its_name_when_an_axis_goes(viewer, rng):
    """A layer with more axes is there for a while."""
    viewer.add_image(rng.random((2, 3, *GRID.shape)))
    net = add_probabilities(viewer, rng)
    viewer.dims.set_current_step(1, 2)
    assert viewer.dims.axis_labels[1] == "class: white matter"
    assert viewer.dims.axis_labels[0] == "-5"
    viewer.layers.remove(viewer.layers[0])
    assert viewer.dims.axis_labels[0].startswith("class: ")
    viewer.layers.remove(net)
    assert not any("class" in label for label in viewer.dims.axis_labels)


def test_of_several_the_selected_or_visible_counts(viewer, rng):
    first = add_probabilities(viewer, rng, ("a", "b", "c"), "one")
    second = add_probabilities(viewer, rng, ("d", "e"), "other")
    viewer.layers.selection = {first}
    viewer.dims.set_current_step(0, 1)
    assert viewer.dims.axis_labels[0] == "class: b"
    viewer.layers.selection = {second}
    assert viewer.dims.axis_labels[0] == "class: e"
    # It ends where the other one goes on.
    viewer.dims.set_current_step(0, 2)
    assert viewer.dims.axis_labels[0] == "class"
    viewer.layers.selection = set()
    first.visible = True
    viewer.dims.set_current_step(0, 0)
    assert viewer.dims.axis_labels[0] == "class: a"


def test_a_name_that_the_user_gave_stays(viewer, rng):
    add_probabilities(viewer, rng)
    viewer.dims.axis_labels = ("tissue", "z", "y", "x")
    viewer.dims.set_current_step(0, 1)
    assert viewer.dims.axis_labels[0] == "tissue"


def test_every_viewer_has_its_own(viewer, rng):
    other = ViewerModel()
    for one in (viewer, other):
        add_probabilities(one, rng)
    viewer.dims.set_current_step(0, 0)
    other.dims.set_current_step(0, 2)
    assert viewer.dims.axis_labels[0] == "class: background"
    assert other.dims.axis_labels[0] == "class: white matter"


def test_layers_of_others_have_no_names(viewer, rng):
    viewer.add_image(softmax(rng, (3, *GRID.shape)))
    add_probabilities(viewer, rng)
    viewer.layers.pop()
    viewer.dims.set_current_step(0, 1)
    assert not any(label.startswith("class:") for label in viewer.dims.axis_labels)


def test_it_keeps_no_viewer_alive(rng):
    viewer = ViewerModel()
    add_probabilities(viewer, rng)
    gone = weakref.ref(viewer)
    del viewer
    gc.collect()
    assert gone() is None


def test_the_class_slider_of_flat_images_names_its_class(viewer, rng):
    grid = Grid((6, 7), np.eye(4))
    values = softmax(rng, (3, 6, 7))
    add(viewer, ProbabilityMap(values, NAMES, grid))
    viewer.dims.set_current_step(0, 2)
    assert viewer.dims.axis_labels == ("class: white matter", "y", "x")
