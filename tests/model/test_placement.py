"""Voxels of one volume on those of another, against nibabel and voxel by voxel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.orientations import apply_orientation

from napari_uncertainty.model.placement import Placement, all_orientations
from support.phantoms import FLAT_ORIENTATIONS, ORIENTATIONS, target_index

EVERY_WAY = [*ORIENTATIONS, *FLAT_ORIENTATIONS]
SHAPE = (2, 3, 4)
TOLERANCE = 1e-2


def unturned(order, flips):
    return Placement(order, flips, (0,) * len(order))


def numbered(n):
    """An array in which no two voxels are equal, and no two axes are as long."""
    return np.arange(np.prod(SHAPE[:n])).reshape(SHAPE[:n])


@pytest.mark.parametrize(("ndim", "expected"), [(2, 8), (3, 48)])
def test_there_are_48_orientations_and_8_of_a_flat_image(ndim, expected):
    found = list(all_orientations(ndim))
    turned = {one.turn(numbered(ndim)).tobytes() for one in found}
    assert len(found) == len(set(found)) == len(turned) == expected
    assert all(one.offset == (0,) * ndim for one in found)


@pytest.mark.parametrize("n", [2, 3])
def test_nothing_turned_and_nothing_shifted(n):
    one = Placement.as_it_is(n)
    np.testing.assert_array_equal(one.turn(numbered(n)), numbered(n))
    np.testing.assert_array_equal(one.affine(SHAPE[:n]), np.eye(n + 1))


@pytest.mark.parametrize(("order", "flips"), EVERY_WAY, ids=str)
def test_turn_is_nibabels_reorientation(order, flips):
    array = numbered(len(order))
    # nibabel says for each axis of the source where it goes, and flips it before.
    orientation = np.zeros((len(order), 2))
    for target, (axis, flip) in enumerate(zip(order, flips, strict=True)):
        orientation[axis] = target, flip
    turned = unturned(order, flips).turn(array)
    np.testing.assert_array_equal(turned, apply_orientation(array, orientation))
    assert np.shares_memory(turned, array)


@pytest.mark.parametrize(("order", "flips"), EVERY_WAY, ids=str)
def test_affine_says_where_each_voxel_goes(order, flips):
    array = numbered(len(order))
    offset = (5, 0, 2)[: len(order)]
    placement = unturned(order, flips).shifted(offset)
    affine = placement.affine(array.shape)
    turned = placement.turn(array)
    assert turned.shape == placement.turned_shape(array.shape)
    for index in np.ndindex(array.shape):
        place = (affine @ [*index, 1])[:-1]
        assert tuple(place) == target_index(index, array.shape, order, flips, offset)
        assert turned[tuple((place - offset).astype(int))] == array[index]


@pytest.mark.parametrize(("order", "flips"), EVERY_WAY, ids=str)
def test_turning_back_gives_the_source_again(order, flips):
    shape, placement = SHAPE[: len(order)], unturned(order, flips)
    for leading in ((), (2,), (2, 3)):
        array = np.arange(np.prod(leading + shape)).reshape(leading + shape)
        turned = placement.turn(array)
        assert turned.shape == leading + placement.turned_shape(shape)
        back = placement.turn_back(turned)
        np.testing.assert_array_equal(back, array)
        np.testing.assert_array_equal(placement.turn(back), turned)
        # Each of the leading places is turned like the others.
        for place in np.ndindex(leading):
            np.testing.assert_array_equal(turned[place], placement.turn(array[place]))


@pytest.mark.parametrize(("order", "flips"), EVERY_WAY, ids=str)
def test_a_placement_is_found_again_from_its_affine(order, flips):
    n = len(order)
    for offset in ((0, 0, 0), (3, -2, 7)):
        placement = Placement(order, flips, offset[:n])
        affine = placement.affine(SHAPE[:n])
        assert Placement.from_affine(affine, SHAPE[:n], TOLERANCE) == placement


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("missed", "found"), [(0.009, True), (0.011, False)])
def test_voxels_may_miss_by_the_tolerance(axis, missed, found):
    placement = Placement((2, 0, 1), (-1, 1, -1), (1, 2, 3))
    affine = placement.affine(SHAPE)
    affine[axis, 3] += missed
    expected = placement if found else None
    assert Placement.from_affine(affine, SHAPE, TOLERANCE) == expected


@pytest.mark.parametrize(("length", "found"), [(9, True), (11, False)])
def test_a_scale_counts_by_where_it_takes_the_last_voxel(length, found):
    affine = np.diag([1.001, 1, 1, 1])
    shape = (length + 1, 3, 3)
    expected = Placement.as_it_is(3) if found else None
    assert Placement.from_affine(affine, shape, TOLERANCE) == expected


def linear(rows, shift=(0, 0, 0)):
    affine = np.eye(4)
    affine[:3, :3] = rows
    affine[:3, 3] = shift
    return affine


@pytest.mark.parametrize(
    "affine",
    [
        np.diag([2, 1, 1, 1.0]),
        np.diag([0.5, 1, 1, 1.0]),
        np.diag([2, 0.5, 1, 1.0]),
        np.diag([1.3, 1.3, 1.3, 1.0]),
        linear([[1, 0.2, 0], [0, 1, 0], [0, 0, 1]]),
        linear([[1, 1, 0], [0, 1, 0], [0, 0, 1]]),
        linear([[1, 0, 0], [1, 0, 0], [0, 0, 1]]),
        linear([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]),
        linear(np.eye(3), (0.5, 0, 0)),
        linear(np.eye(3), (0, 0, -3.5)),
    ],
    ids=str,
)
def test_no_placement_where_voxels_are_not_on_voxels(affine):
    assert Placement.from_affine(affine, SHAPE, TOLERANCE) is None


@pytest.mark.parametrize(
    ("shape", "scales"), [((1, 3, 4), (0.4, 2, 1)), ((1, 4), (0.3, 2))]
)
def test_no_placement_of_a_single_slice_of_larger_voxels(shape, scales):
    affine = np.diag([*scales, 1.0])
    assert Placement.from_affine(affine, shape, TOLERANCE) is None


lengths = st.integers(1, 4)
boxes = st.tuples(lengths, lengths, lengths)


@settings(deadline=None, max_examples=150)
@given(
    way=st.sampled_from(ORIENTATIONS),
    shape=boxes,
    room=boxes,
    offset=st.tuples(*[st.integers(-6, 6)] * 3),
)
def test_overlap_is_what_both_have(way, shape, room, offset):
    source = np.arange(1, np.prod(shape) + 1).reshape(shape)
    expected = np.zeros(room, int)
    for index in np.ndindex(shape):
        place = target_index(index, shape, *way, offset)
        if all(0 <= i < n for i, n in zip(place, room, strict=True)):
            expected[place] = source[index]
    placement = Placement(*way, offset)
    here, there = placement.overlap(shape, room)
    assert all(side.start >= 0 and side.stop >= side.start for side in (*here, *there))
    pasted = np.zeros(room, int)
    pasted[there] = placement.turn(source)[here]
    np.testing.assert_array_equal(pasted, expected)


@pytest.mark.parametrize("n", [2, 3])
def test_relative_to_leads_from_one_turn_to_another(n):
    array = numbered(n)
    for one in all_orientations(n):
        for other in all_orientations(n):
            between = one.relative_to(other)
            np.testing.assert_array_equal(
                between.turn(other.turn(array)), one.turn(array)
            )


@pytest.mark.parametrize(("order", "flips"), EVERY_WAY, ids=str)
def test_inverse_turns_back(order, flips):
    array = numbered(len(order))
    placement = unturned(order, flips).shifted((4, 5, 6)[: len(order)])
    turned = placement.turn(array)
    np.testing.assert_array_equal(placement.inverse().turn(turned), array)
    assert not any(placement.inverse().offset)


def test_shifted_keeps_the_axes_and_holds_plain_numbers():
    shifted = Placement((1, 0), (1, -1), (0, 0)).shifted(np.array([3, -4]))
    assert shifted == Placement((1, 0), (1, -1), (3, -4))
    assert all(type(index) is int for index in shifted.offset)


@pytest.mark.parametrize(
    ("order", "flips", "offset", "axcodes", "sentence"),
    [
        ((0, 1, 2), (1, 1, 1), (0, 0, 0), None, "voxel on voxel"),
        ((0, 1, 2), (1, 1, 1), (0, 0, 0), "RAS", "voxel on voxel"),
        ((2, 1, 0), (1, 1, 1), (0, 0, 0), None, "axes reversed"),
        ((1, 0), (1, 1), (0, 0), None, "axes reversed"),
        ((2, 0, 1), (1, 1, 1), (0, 0, 0), None, "axes in the order k, i, j"),
        ((0, 1, 2), (-1, 1, 1), (0, 0, 0), None, "first axis flipped"),
        ((0, 1, 2), (1, -1, -1), (0, 0, 0), None, "second and third axes flipped"),
        ((0, 1, 2), (-1, 1, 1), (0, 0, 0), "RAS", "mirrored left–right"),
        ((0, 1, 2), (-1, 1, 1), (0, 0, 0), "LPS", "mirrored left–right"),
        ((0, 1, 2), (-1, 1, 1), (0, 0, 0), "PIR", "mirrored front–back"),
        ((0, 1, 2), (1, -1, 1), (0, 0, 0), "PIR", "mirrored top–bottom"),
        (
            (0, 1, 2),
            (1, -1, -1),
            (0, 0, 0),
            "PIR",
            "mirrored top–bottom and left–right",
        ),
        (
            (2, 1, 0),
            (-1, 1, 1),
            (0, 0, 0),
            "RAS",
            "axes reversed, first axis flipped",
        ),
        ((0, 1, 2), (1, 1, 1), (4, 0, -2), None, "at voxel (4, 0, -2)"),
        (
            (1, 2, 0),
            (1, 1, -1),
            (4, 0, -2),
            None,
            "axes in the order j, k, i, third axis flipped, at voxel (4, 0, -2)",
        ),
        ((1, 0), (-1, 1), (0, 0), "LP", "axes reversed, first axis flipped"),
    ],
)
def test_a_placement_is_described_in_words(order, flips, offset, axcodes, sentence):
    assert Placement(order, flips, offset).describe(axcodes) == sentence


@pytest.mark.parametrize(("order", "flips"), EVERY_WAY)
def test_a_voxel_is_where_turning_the_array_puts_it(order, flips):
    array = numbered(len(order))
    one = unturned(order, flips).shifted((5, -1, 2)[: len(order)])
    turned = one.turn(array)
    for index in np.ndindex(array.shape):
        voxel = one.voxel(index, array.shape)
        at = np.subtract(voxel, one.offset)
        assert turned[tuple(at)] == array[index]
