"""Labels that change during a review, against those from before."""

from pathlib import Path

import dask.array as da
import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.affines import apply_affine, from_matvec

from napari_uncertainty import Grid, InputError, LabelMap
from napari_uncertainty.analysis.hotspots import Hotspot
from napari_uncertainty.plugin.review.edited import (
    REVIEWED,
    EditedSegmentation,
    original_of,
)
from napari_uncertainty.plugin.viewer.scan_space import (
    METADATA_KEY,
    ORIGINAL,
    layer_info,
)
from support.generated import OBLIQUE
from support.inspect_dock import add
from support.phantoms import asymmetric
from support.review_dock import Files, paint, shown_index

SHAPE = (12, 13, 14)
RADIUS = 3.0


@pytest.fixture
def viewer(qapp):
    return ViewerModel()


@pytest.fixture
def labels():
    return asymmetric(SHAPE)


@pytest.fixture
def layer(viewer, labels):
    return add(viewer, LabelMap(labels.copy(), Grid(SHAPE, OBLIQUE), name="seg"))


def hotspot(voxel):
    return Hotspot(1, voxel, None, 1.0, 1.0, 1.0, None, 0.1, 0.1)


def inside(affine, shape, centre, radius=RADIUS):
    """Voxels whose centres are within the radius, in mm."""
    places = apply_affine(affine, np.stack(np.indices(shape), axis=-1))
    distance = np.linalg.norm(places - apply_affine(affine, centre), axis=-1)
    return distance <= radius + 1e-9


def test_both_are_in_the_order_of_the_file(layer, labels):
    edited = EditedSegmentation.of(layer, None)
    for array in (edited.original, edited.current):
        np.testing.assert_array_equal(array, labels)
    files = Files(None, None, labels, OBLIQUE)
    for voxel in ((6, 7, 8), (2, 11, 3)):
        paint(layer, shown_index(layer, files, voxel), 9)
        assert edited.current[voxel] == 9
        assert edited.original[voxel] == labels[voxel]


def test_a_second_look_keeps_what_was_first(layer, labels):
    first = EditedSegmentation.of(layer, None)
    layer.data[:] = 2
    second = EditedSegmentation.of(layer, None)
    np.testing.assert_array_equal(second.original, labels)
    assert second.original is first.original
    assert (second.current == 2).all()
    assert original_of(layer, second.current) is first.original


def test_of_another_shape_all_begins_anew(layer):
    first = EditedSegmentation.of(layer, None)
    layer.data = np.ones((3, 4, 5), np.uint8)
    assert not first.is_whole
    assert EditedSegmentation.of(layer, None).original.shape == (3, 4, 5)
    assert first.changed_in([hotspot((1, 1, 1))], RADIUS, Grid(SHAPE, OBLIQUE)) == [0]


def test_shown_resampled_it_is_not_whole(layer):
    """As it becomes when a scan of another tilt is opened afterwards."""
    edited = EditedSegmentation.of(layer, None)
    assert edited.is_whole
    info = {**layer_info(layer), ORIGINAL: edited.current}
    layer.metadata = {METADATA_KEY: info}
    assert not edited.is_whole
    assert EditedSegmentation.of(layer, None) is None
    assert original_of(layer, edited.current) is edited.original


def test_what_cannot_be_followed(viewer, labels):
    lazy = viewer.add_labels(da.from_array(labels))
    many = viewer.add_labels(np.ones((2, 3, 4, 5), np.uint8))
    for layer in (lazy, many):
        assert EditedSegmentation.of(layer, None) is None
        assert REVIEWED not in layer_info(layer)


@pytest.mark.parametrize("voxel", [(6, 6, 7), (0, 6, 7), (11, 12, 13)])
def test_changed_voxels_of_a_ball_are_counted(layer, labels, rng, voxel):
    edited = EditedSegmentation.of(layer, None)
    changed = rng.random(SHAPE) < 0.3
    edited.current[changed] = 5 + labels[changed]
    [number] = edited.changed_in([hotspot(voxel)], RADIUS, Grid(SHAPE, OBLIQUE))
    assert number == (inside(OBLIQUE, SHAPE, voxel) & changed).sum() > 0


@pytest.mark.parametrize("first", [(2, 1, 3), (7, 6, 7), (12, 6, 7)])
def test_changed_voxels_of_a_ball_in_a_crop(viewer, labels, first):
    """Even where only a part of the ball, or nothing of it, is in the crop."""
    crop = np.zeros((9, 9, 9), np.uint8)
    affine = OBLIQUE @ from_matvec(np.eye(3), first)
    layer = add(viewer, LabelMap(crop, Grid(crop.shape, affine), name="crop"))
    edited = EditedSegmentation.of(layer, None)
    edited.current[:] = 1
    centre = (6, 6, 7)
    whole = np.zeros(np.add(first, 9), bool)
    whole[tuple(slice(start, None) for start in first)] = True
    expected = (inside(OBLIQUE, whole.shape, centre) & whole).sum()
    [number] = edited.changed_in([hotspot(centre)], RADIUS, Grid(SHAPE, OBLIQUE))
    assert number == expected
    assert (number == 0) == (first == (12, 6, 7))


def test_without_a_place_voxels_are_the_same(viewer):
    layer = viewer.add_labels(np.zeros((8, 9), np.uint8))
    edited = EditedSegmentation.of(layer, None)
    edited.current[3:5, 4] = 1
    assert edited.changed_in([hotspot((4, 4))], 2.0, None) == [2]
    assert edited.changed_in([hotspot((4, 4, 4))], 2.0, None) == [0]


REVIEW = Path("case_review.json")


def test_labels_that_a_review_kept_are_taken_over(layer, labels):
    edited = EditedSegmentation.of(layer, None)
    kept = labels.astype(np.int32)
    kept[7, 4:7, 4] = 8
    drawn = []
    layer.events.set_data.connect(drawn.append)
    assert edited.take_over(REVIEW, kept) == 3
    np.testing.assert_array_equal(edited.current, kept)
    assert len(drawn) == 1
    assert edited.take_over(REVIEW, kept) == 0
    assert len(drawn) == 1
    too_large = kept.copy()
    too_large[0, 0, 0] = 300
    with pytest.raises(InputError, match="300"):
        edited.take_over(REVIEW, too_large)
    assert edited.current[0, 0, 0] == labels[0, 0, 0]


def test_what_was_changed_here_since_stays_when_labels_are_taken_over(layer, labels):
    edited = EditedSegmentation.of(layer, None)
    kept = labels.copy()
    kept[3, 4, 4:6] = 9
    edited.take_over(REVIEW, kept)
    edited.current[3, 4, 5] = 7  # here
    later = kept.copy()
    later[3, 4, 4], later[8, 8, 8] = labels[3, 4, 4], 6  # in another window
    assert edited.take_over(REVIEW, later) == 2
    expected = later.copy()
    expected[3, 4, 5] = 7
    np.testing.assert_array_equal(edited.current, expected)
    # That another review keeps nothing takes none of it back.
    assert edited.take_over(Path("another_review.json"), None) == 0
    np.testing.assert_array_equal(edited.current, expected)


def test_labels_that_were_all_painted_back_elsewhere_are_as_before(layer, labels):
    edited = EditedSegmentation.of(layer, None)
    kept = labels.copy()
    kept[3, 4, 4:6] = 9
    edited.take_over(REVIEW, kept)
    assert edited.take_over(REVIEW, None) == 2
    np.testing.assert_array_equal(edited.current, labels)
