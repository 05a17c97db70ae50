"""Outlines of the selected classes, and the ring around a place."""

import numpy as np
import pytest
from napari.components import ViewerModel

from generated import OBLIQUE
from in_viewer import compute
from napari_uncertainty import Grid, LabelMap, ProbabilityMap
from napari_uncertainty.plugin.inspect.highlight import Highlight, Ring
from napari_uncertainty.plugin.inspect.scenes import Scenes
from napari_uncertainty.plugin.inspect.subject import Subject
from napari_uncertainty.plugin.layers import to_layer
from phantoms import asymmetric, softmax_of

SHAPE = (12, 14, 16)
COLORS = {1: (255, 0, 0), 3: (0, 51, 255)}


class Case:
    def __init__(self, segmented=True):
        self.viewer = ViewerModel()
        grid, classes = Grid(SHAPE, OBLIQUE), asymmetric(SHAPE)
        data, options, _ = to_layer(
            ProbabilityMap(softmax_of(classes), tuple("abcd"), grid, name="case")
        )
        softmax = self.viewer.add_image(data, **options)
        self.labels = None
        if segmented:
            data, options, _ = to_layer(LabelMap(classes, grid, name="labels"))
            self.labels = self.viewer.add_labels(data, **options)
        self.map, _ = compute(self.viewer, softmax)
        self.classes = np.asarray(to_layer(LabelMap(classes, grid))[0])
        self.highlight = Highlight(self.viewer)
        self.go_on()

    def go_on(self):
        self.subject = Subject.of(self.viewer, self.map, self.labels)

    def show(self, *labels):
        colors = {label: COLORS[label] for label in labels}
        self.highlight.show(self.subject, colors)

    @property
    def layer(self):
        found = [one for one in self.viewer.layers if one.name == "selected class"]
        return found[0] if found else None


@pytest.fixture
def case():
    case = Case()
    case.viewer.dims.set_point(range(-3, 0), case.subject.place((6, 7, 8)))
    return case


@pytest.mark.parametrize("segmented", [True, False])
def test_only_the_selected_classes_show_in_their_colours(segmented):
    """Of the segmentation, or of the most probable class."""
    case = Case(segmented)
    for labels in ((1, 3), (3,), (1,)):
        case.show(*labels)
        colors = case.layer.colormap.map(np.arange(6))
        assert {*np.flatnonzero(colors[:, 3])} == set(labels)
        for label in labels:
            np.testing.assert_allclose(colors[label, :3] * 255, COLORS[label])
    np.testing.assert_array_equal(case.layer.data, case.classes)
    place = (3, 4, 5)
    np.testing.assert_allclose(
        case.layer.data_to_world(place), case.map.data_to_world(place)
    )
    assert case.layer.contour > 0
    case.show()
    assert case.layer is None


def test_the_users_segmentation_stays_as_it_is(case):
    def look():
        labels = case.labels
        colors = labels.colormap.map(np.arange(6))
        return colors.tolist(), labels.opacity, labels.contour, labels.visible

    before, data = look(), np.array(case.labels.data)
    case.viewer.layers.selection.active = case.labels
    case.show(1)
    assert look() == before
    np.testing.assert_array_equal(case.labels.data, data)
    assert case.labels.editable
    assert not case.layer.editable
    assert case.viewer.layers.selection.active == case.labels


def test_it_follows_painting_and_what_is_undone(case):
    case.show(3)
    before = np.array(case.layer._slice.image.view)
    where = np.argwhere(case.labels._slice.image.raw == 2)[0]
    place = (round(case.labels.world_to_data(case.viewer.dims.point[-3:])[0]), *where)
    case.labels.selected_label = 3
    case.labels.paint(place, 3)
    assert (np.asarray(case.layer._slice.image.view) != before).any()
    case.labels.undo()
    np.testing.assert_array_equal(case.layer._slice.image.view, before)
    case.labels.fill(place, 3)
    assert (np.asarray(case.layer._slice.image.view) != before).any()


def test_other_labels_are_shown_anew(case):
    case.show(1)
    case.labels.data = np.where(case.classes == 1, 3, 0)
    case.go_on()
    case.show(1)
    assert case.layer.data is case.labels.data
    assert len([one for one in case.viewer.layers if "selected" in one.name]) == 1


def test_taken_away_by_hand_it_can_come_again(case):
    case.show(1)
    case.viewer.layers.remove(case.layer)
    case.show(3)
    assert case.layer is not None
    case.show()
    heard = case.labels.events.labels_update.callbacks
    assert not any("_refresh" in str(callback) for callback in heard)


def test_only_in_2d_and_without_a_warning_of_naparis(case, told):
    case.show(1)
    scenes = Scenes(case.viewer)
    case.highlight.hide()  # what the buttons do before
    scenes.show_as_they_are()
    assert case.layer is None
    case.show(3)
    assert case.layer is None
    assert told() == []
    scenes.leave()
    colors = case.layer.colormap.map(np.arange(6))
    assert {*np.flatnonzero(colors[:, 3])} == {3}
    case.highlight.hide()
    case.viewer.dims.ndisplay = 3
    case.show()
    case.viewer.dims.ndisplay = 2
    assert case.layer is None


def test_the_ring_goes_from_place_to_place(case):
    ring = Ring(case.viewer)
    units = case.viewer.layers.units
    for active in (case.map, None):
        case.viewer.layers.selection.active = active
        for place in ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)):
            ring.show(np.array(place), 7.0)
            layer = case.viewer.layers["place"]
            assert layer.data_to_world(layer.data[0]) == place
            assert layer.size[0] * layer.scale[0] == 7.0
            assert layer.visible
            # In other units the viewer would have none at all.
            assert case.viewer.layers.units == units
        assert case.viewer.layers.selection.active == active or active is None
        ring.remove()
        assert "place" not in case.viewer.layers
    assert units is not None
