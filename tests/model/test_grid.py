"""Affine arithmetic, against nibabel and trigonometry."""

from itertools import product

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nibabel.affines import apply_affine
from nibabel.orientations import (
    apply_orientation,
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)

from napari_uncertainty import Grid, InputError
from napari_uncertainty.model.placement import Placement
from support.generated import OBLIQUE
from support.phantoms import ORIENTATIONS, disguised

SHAPE = (6, 7, 8)

# The last axis leans by 10 degrees towards the first one.
LEAN = np.radians(10)
SHEARED = np.array(
    [
        [0.5, 0, 3 * np.sin(LEAN), -20],
        [0, 0.8, 0, 30],
        [0, 0, 3 * np.cos(LEAN), 5],
        [0, 0, 0, 1.0],
    ]
)
ANISOTROPIC = np.diag([0.5, 0.8, 3, 1.0])


def turned(degrees, axis=2):
    """A rotation about one of the patient's axes, as an affine."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = (i for i in range(3) if i != axis)
    affine = np.eye(4)
    affine[[first, first, second, second], [first, second, first, second]] = c, -s, s, c
    return affine


def test_a_grid_knows_voxel_size_and_orientation():
    grid = Grid((6, 7, 8), OBLIQUE)
    np.testing.assert_allclose(grid.zooms, (1, 1.5, 2))
    assert grid.axcodes == nib.aff2axcodes(OBLIQUE)


def test_upright_image_has_upright_directions():
    flipped = np.array([[0, -2, 0, 5], [0, 0, 3, 5], [-1, 0, 0, 5], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(Grid((3, 4, 5), flipped).directions, np.eye(3))


@pytest.mark.parametrize("degrees", [1e-3, 11.5, 30])
def test_tilt_is_the_angle_between_two_images(degrees):
    upright, tilted = Grid((3,) * 3, np.eye(4)), Grid((3,) * 3, turned(degrees))
    assert upright.tilt_against(tilted) == pytest.approx(degrees, rel=1e-6)
    assert tilted.tilt_against(tilted) < 1e-6


def test_directions_do_not_depend_on_voxel_order():
    swap = OBLIQUE[:, [2, 0, 1, 3]] * [-1, 1, -1, 1]
    np.testing.assert_allclose(
        Grid((8, 6, 7), swap).directions, Grid((6, 7, 8), OBLIQUE).directions
    )


def test_same_place_allows_for_rounding():
    grid = Grid((256, 256, 256), turned(11.5))
    rounded = Grid(grid.shape, grid.affine.astype(np.float32))
    assert grid.same_place(rounded)
    shifted = grid.affine.copy()
    shifted[0, 3] += 0.1
    assert not grid.same_place(Grid(grid.shape, shifted))
    apart = grid.difference(Grid(grid.shape, shifted))
    assert apart.origin_mm == pytest.approx(0.1)
    assert not grid.same_place(Grid((256, 256, 255), grid.affine))


@pytest.mark.parametrize(
    "affine",
    [np.diag([1, 0, 1, 1]), np.full((4, 4), np.nan), np.zeros((4, 4)), np.eye(3)],
)
def test_impossible_affines_are_refused(affine):
    with pytest.raises(InputError, match="affine"):
        Grid((2, 2, 2), affine)


def test_as_plain_lists():
    assert Grid((2, 3), np.eye(4)).to_dict() == {
        "shape": [2, 3],
        "affine": np.eye(4).tolist(),
    }


def rotated_about(axis, degrees):
    """Rodrigues' formula, as an affine."""
    x, y, z = np.array(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(degrees)
    affine = np.eye(4)
    affine[:3, :3] += np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return affine


def shifted(affine, voxels):
    """The affine of an image that begins at another voxel."""
    moved = affine.copy()
    moved[:3, 3] = apply_affine(affine, voxels)
    return moved


def stored_otherwise(affine, data, order, flips):
    """Affine and data of the same image with other axes, by nibabel."""
    orientation = np.array(list(zip(order, flips, strict=True)))
    return (
        affine @ inv_ornt_aff(orientation, data.shape),
        apply_orientation(data, orientation),
    )


numbered = np.arange(np.prod(SHAPE), dtype=np.int16).reshape(SHAPE)


def corners_of(shape, beyond=0.0):
    return np.array(list(product(*((-beyond, n - 1 + beyond) for n in shape))))


@pytest.mark.parametrize("affine", [OBLIQUE, SHEARED, ANISOTROPIC])
@pytest.mark.parametrize("n", [2, 3])
def test_to_ras_is_the_affine_applied(rng, affine, n):
    voxels = rng.normal(0, 50, (20, n))
    filled = np.column_stack([voxels, np.zeros((20, 3 - n))])
    np.testing.assert_allclose(
        Grid(SHAPE[:n], affine).to_ras(voxels), apply_affine(affine, filled)
    )


@pytest.mark.parametrize("affine", [OBLIQUE, SHEARED], ids=["oblique", "sheared"])
@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::5], ids=str)
@pytest.mark.parametrize("directions", ["RAS", "IPL"])
def test_a_grid_is_turned_to_directions_as_nibabel_reorients_images(
    rng, affine, order, flips, directions
):
    image = nib.Nifti1Image(rng.random(SHAPE), affine)
    stored = image.as_reoriented(np.column_stack([order, flips]))
    change = ornt_transform(
        io_orientation(stored.affine), axcodes2ornt(tuple(directions))
    )
    expected = stored.as_reoriented(change)
    grid = Grid(stored.shape, stored.affine)
    turn, reached = grid.turned_to(directions)
    assert reached == directions
    np.testing.assert_array_equal(turn.turn(stored.get_fdata()), expected.get_fdata())
    turned_grid = grid.turned(turn)
    assert turned_grid.shape == expected.shape
    np.testing.assert_allclose(turned_grid.affine, expected.affine, atol=1e-12)


def test_a_flat_grid_is_turned_within_its_plane():
    coronal = np.array([[0, 2.0, 0, 1], [0, 0, -1.0, 2], [3.0, 0, 0, 3], [0, 0, 0, 1]])
    turn, reached = Grid((4, 5), coronal).turned_to("IPL")
    assert reached == "IL"
    assert (turn.order, turn.flips, turn.offset) == ((0, 1), (-1, -1), (0, 0))


@pytest.mark.parametrize("affine", [OBLIQUE, SHEARED], ids=["oblique", "sheared"])
@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS, ids=str)
def test_same_image_with_other_axes_is_placed_voxel_on_voxel(affine, order, flips):
    other_affine, data = stored_otherwise(affine, numbered, order, flips)
    grid, other = Grid(SHAPE, affine), Grid(data.shape, other_affine)
    placement = other.placement_in(grid)
    np.testing.assert_array_equal(placement.turn(data), numbered)
    assert placement.offset == (0, 0, 0)
    np.testing.assert_array_equal(grid.placement_in(other).turn(numbered), data)
    assert other.same_voxels(grid)
    upright = (order, flips) == ((0, 1, 2), (1, 1, 1))
    assert other.same_place(grid) is upright
    apart = other.difference(grid)
    assert apart.same_shape
    assert max(apart.zooms_mm, apart.origin_mm, apart.direction_mm) < 1e-6


@pytest.mark.parametrize("affine", [OBLIQUE, SHEARED], ids=["oblique", "sheared"])
@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::5], ids=str)
def test_crop_is_placed_where_it_was_cut_out(affine, order, flips):
    box = (slice(1, 5), slice(2, 7), slice(3, 5))
    crop_affine, crop = stored_otherwise(
        shifted(affine, (1, 2, 3)), numbered[box], order, flips
    )
    grid, other = Grid(SHAPE, affine), Grid(crop.shape, crop_affine)
    placement = other.placement_in(grid)
    assert placement.offset == (1, 2, 3)
    np.testing.assert_array_equal(placement.turn(crop), numbered[box])
    assert not other.same_voxels(grid)
    # The other way round it begins before the crop does.
    around = grid.placement_in(other)
    here, there = around.overlap(SHAPE, crop.shape)
    assert crop[there].size == crop.size
    np.testing.assert_array_equal(around.turn(numbered)[here], crop)


@pytest.mark.parametrize(
    "other",
    [
        OBLIQUE @ np.diag([2, 1, 1, 1.0]),
        OBLIQUE @ np.diag([1, 1, 1.01, 1.0]),
        turned(0.5) @ OBLIQUE,
        shifted(OBLIQUE, (0.5, 0, 0)),
        shifted(OBLIQUE, (0, 0.02, 0)),
        SHEARED,
    ],
    ids=["larger", "a little larger", "turned", "half", "a little aside", "sheared"],
)
def test_other_voxels_have_no_placement(other):
    grid = Grid(SHAPE, OBLIQUE)
    assert Grid(SHAPE, other).placement_in(grid) is None
    assert not Grid(SHAPE, other).same_voxels(grid)
    assert not Grid(SHAPE, other).same_place(grid)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_an_image_that_begins_a_voxel_later_is_placed_but_has_other_voxels(axis):
    offset = tuple(np.eye(3, dtype=int)[axis].tolist())
    grid, later = Grid(SHAPE, OBLIQUE), Grid(SHAPE, shifted(OBLIQUE, offset))
    assert later.placement_in(grid) == Placement.as_it_is(3).shifted(offset)
    assert not later.same_voxels(grid)
    assert not later.same_place(grid)


@pytest.mark.parametrize("affine", [ANISOTROPIC, OBLIQUE @ ANISOTROPIC])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize(("missed", "same"), [(0.009, True), (0.011, False)])
def test_tolerance_is_a_hundredth_of_the_voxel_along_each_axis(
    affine, axis, missed, same
):
    aside = shifted(affine, missed * np.eye(3)[axis])
    grid, other = Grid(SHAPE, affine), Grid(SHAPE, aside)
    assert (other.placement_in(grid) is not None) is same
    assert other.same_place(grid) is same
    assert other.same_voxels(grid) is same


def test_single_slice_of_larger_voxels_has_no_placement():
    thin = Grid((1, 5, 6), np.diag([0.4, 2, 1, 1]))
    assert thin.placement_in(Grid((9, 9, 9), np.eye(4))) is None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_single_plane_has_no_direction(axis):
    """Seen from behind, it has the same voxels in the same places."""
    shape = tuple(1 if other == axis else n for other, n in enumerate(SHAPE))
    behind = OBLIQUE.copy()
    behind[:3, axis] *= -1
    front, back = Grid(shape, OBLIQUE), Grid(shape, behind)
    assert back.placement_in(front) == Placement.as_it_is(3)
    assert back.same_place(front)


@pytest.mark.parametrize("flips", list(product((1, -1), repeat=2)), ids=str)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_flat_images_are_placed_within_their_plane(order, flips):
    image = numbered[:, :, 0]
    stored = disguised(image, order, flips)
    # Columns and origin of the affine that disguised axes have.
    affine = OBLIQUE.copy()
    origin = [
        n - 1 if flip < 0 else 0 for n, flip in zip(image.shape, flips, strict=True)
    ]
    affine[:3, 3] = apply_affine(OBLIQUE, [*origin, 0])
    affine[:3, :2] = (OBLIQUE[:3, :2] * flips)[:, np.argsort(order)]
    grid, other = Grid(image.shape, OBLIQUE), Grid(stored.shape, affine)
    placement = other.placement_in(grid)
    np.testing.assert_array_equal(placement.turn(stored), image)
    assert placement.offset == (0, 0)
    assert other.same_voxels(grid)


@pytest.mark.parametrize(
    "other",
    [
        Grid((6, 7), shifted(OBLIQUE, (0, 0, 0.5))),
        Grid((6, 7), shifted(OBLIQUE, (0, 0, 2))),
        Grid((6, 7), OBLIQUE @ rotated_about((1, 0, 0), 1)),
        Grid((6, 7, 1), OBLIQUE),
    ],
    ids=["half a slice off", "two slices off", "leaning out", "a volume"],
)
def test_flat_image_has_no_placement_outside_its_plane(other):
    assert Grid((6, 7), OBLIQUE).placement_in(other) is None
    assert other.placement_in(Grid((6, 7), OBLIQUE)) is None


def test_flat_crop_is_placed_where_it_was_cut_out():
    crop = Grid((2, 3), shifted(OBLIQUE, (3, 1, 0)))
    assert crop.placement_in(Grid((6, 7), OBLIQUE)) == Placement((0, 1), (1, 1), (3, 1))


@pytest.mark.parametrize("affine", [OBLIQUE, ANISOTROPIC])
@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize(("apart", "overlaps"), [(-0.1, True), (0.1, False)])
def test_grids_overlap_until_one_begins_where_the_other_ends(
    affine, axis, side, apart, overlaps
):
    length = SHAPE[axis]
    beside = shifted(affine, side * (length + apart) * np.eye(3)[axis])
    grid, other = Grid(SHAPE, affine), Grid(SHAPE, beside)
    assert grid.overlaps(other) is overlaps
    assert other.overlaps(grid) is overlaps


@pytest.mark.parametrize(("height", "overlaps"), [(3, True), (-0.6, False)])
def test_slice_overlaps_the_volume_that_it_cuts(height, overlaps):
    flat = Grid((6, 7), shifted(OBLIQUE, (0, 0, height)))
    assert flat.overlaps(Grid(SHAPE, OBLIQUE)) is overlaps


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("affine", [OBLIQUE, SHEARED])
def test_box_has_its_first_voxel_where_the_whole_has_it(affine, n):
    offset, shape = (2, -1, 3)[:n], (3, 2, 4)[:n]
    whole = Grid(SHAPE[:n], affine)
    box = whole.box(offset, shape)
    assert box.shape == shape
    filled = np.zeros(3)
    filled[:n] = offset
    np.testing.assert_allclose(box.affine, shifted(affine, filled), atol=1e-12)
    assert box.placement_in(whole) == Placement.as_it_is(n).shifted(offset)


def test_box_from_the_first_voxel_on_has_the_same_affine_bit_for_bit():
    header = nib.Nifti1Header()
    whole = Grid(SHAPE, OBLIQUE, header)
    box = whole.box((0, 0, 0), (2, 3, 4))
    np.testing.assert_array_equal(box.affine, whole.affine)
    assert box.nifti_header is header


PAIRS = [
    (OBLIQUE, np.eye(4)),
    (np.eye(4), OBLIQUE),
    (ANISOTROPIC, rotated_about((1, 1, 1), 17) @ np.diag([-1, 2, 3, 1])),
    (SHEARED, OBLIQUE),
    (OBLIQUE, SHEARED),
    (rotated_about((3, -1, 2), 40) @ ANISOTROPIC, rotated_about((0, 1, 0), 3)),
]


@pytest.mark.parametrize("shape", [SHAPE, (1, 9, 4), (30, 2, 1)], ids=str)
@pytest.mark.parametrize(("affine", "axes"), PAIRS)
def test_grid_along_anothers_axes_covers_all_voxels_and_no_layer_more(
    affine, axes, shape
):
    grid, other = Grid(shape, affine), Grid((3, 3, 3), axes)
    along = grid.along(other)
    edges = apply_affine(
        np.linalg.inv(along.affine), apply_affine(affine, corners_of(shape, 0.5))
    )
    low, high = edges.min(axis=0), edges.max(axis=0)
    assert (low >= -0.5 - 1e-5).all()
    assert (high <= np.array(along.shape) - 0.5 + 1e-5).all()
    assert (np.array(along.shape) - 1 < high - low).all()
    # As much room on both sides.
    np.testing.assert_allclose(low + high, np.array(along.shape) - 1, atol=1e-6)


@pytest.mark.parametrize(("affine", "axes"), PAIRS)
def test_grid_along_anothers_axes_has_its_directions_and_own_voxels(affine, axes):
    grid, other = Grid(SHAPE, affine), Grid((3, 3, 3), axes)
    along = grid.along(other)
    np.testing.assert_allclose(along.directions, other.directions, atol=1e-12)
    assert along.axcodes == ("R", "A", "S")
    # Own voxel sizes, in the order of the patient's axes.
    upright = nib.as_closest_canonical(nib.Nifti1Image(numbered, affine)).affine
    np.testing.assert_allclose(along.zooms, nib.affines.voxel_sizes(upright))
    assert along.tilt_against(other) < 1e-6


@pytest.mark.parametrize("degrees", range(0, 45, 5))
def test_grid_along_its_own_axes_has_no_layer_more_by_rounding(degrees):
    """Whatever the numbers of its affine, it covers itself."""
    for zoom in np.linspace(0.3, 1.7, 15):
        affine = rotated_about((1, 2, -1), degrees) @ np.diag([zoom, zoom / 3, 1.1, 1])
        affine[:3, 3] = -170.3, 88.7, 12.1
        grid = Grid((61, 47, 33), affine)
        along = grid.along(grid)
        assert along.shape == grid.shape
        np.testing.assert_allclose(along.affine, affine, atol=1e-9)


def test_upright_grid_along_upright_axes_stays():
    grid = Grid(SHAPE, shifted(ANISOTROPIC, (4, 5, 6)))
    along = grid.along(Grid((2, 2, 2), np.diag([-1, 2, 1, 1])))
    assert along.shape == SHAPE
    np.testing.assert_allclose(along.affine, grid.affine, atol=1e-12)


@pytest.mark.parametrize(("affine", "axes"), PAIRS)
def test_drift_is_that_of_the_voxel_that_moves_most(affine, axes):
    grid, other = Grid((3, 4, 5), affine), Grid((2, 2, 2), axes)
    voxels = apply_affine(affine, list(np.ndindex(3, 4, 5)))
    # A place is a sum of steps along the own axes; shown, along the other's.
    own, others = (np.linalg.inv(one.directions) for one in (grid, other))
    moved = [np.linalg.norm(own @ place - others @ place) for place in voxels]
    assert grid.drift_along(other) == pytest.approx(max(moved), rel=1e-9)
    assert grid.drift_along(grid) == 0


def test_drift_grows_with_the_distance_from_the_origin():
    """By the chord of the angle, for a voxel in the plane of rotation."""
    far = np.eye(4)
    far[0, 3] = 100
    tilted = rotated_about((0, 0, 1), 2)
    drift = Grid((1, 1, 1), far).drift_along(Grid((1, 1, 1), tilted))
    assert drift == pytest.approx(200 * np.sin(np.radians(1)), rel=1e-9)


@pytest.mark.parametrize("degrees", [0, 0.05, 3, 25])
@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::11], ids=str)
def test_shear_is_what_an_angle_lacks_to_90_degrees(degrees, order, flips):
    lean = np.radians(degrees)
    affine = np.diag([0.5, 2, 3, 1.0])
    affine[:3, 2] = 3 * np.array([np.sin(lean), 0, np.cos(lean)])
    affine = rotated_about((1, 2, 3), 8) @ affine
    stored, data = stored_otherwise(affine, numbered, order, flips)
    assert Grid(data.shape, stored).shear == pytest.approx(degrees, abs=1e-6)


@pytest.mark.parametrize("degrees", [1e-3, 5, 30])
@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::11], ids=str)
def test_tilt_does_not_depend_on_voxels(degrees, order, flips):
    """About (1, 1, 1) an axis a turns by arccos(1/3 + 2/3 cos), as a · axis = 1/√3."""
    tilted = rotated_about((1, 1, 1), degrees) @ ANISOTROPIC
    stored, data = stored_otherwise(tilted, numbered, order, flips)
    # 1 - cos of the angle is 2/3 (1 - cos of the rotation); by half angles it is exact.
    half = np.sin(np.radians(degrees) / 2) * np.sqrt(2 / 3)
    expected = np.degrees(2 * np.arcsin(half))
    tilt = Grid(data.shape, stored).tilt_against(Grid(SHAPE, np.eye(4)))
    assert tilt == pytest.approx(expected, rel=1e-6)


def test_difference_tells_voxel_size_origin_and_direction():
    grid = Grid((11, 21, 31), np.eye(4))
    larger = grid.difference(Grid((11, 21, 30), np.diag([1, 1.2, 0.9, 1])))
    assert not larger.same_shape
    assert larger.zooms_mm == pytest.approx(0.2)
    assert (larger.origin_mm, larger.direction_mm) == (0, 0)
    aside = grid.difference(Grid(grid.shape, shifted(np.eye(4), (3, -4, 12))))
    assert aside.same_shape
    assert aside.origin_mm == pytest.approx(13)
    assert (aside.zooms_mm, aside.direction_mm) == (0, 0)
    # About the first axis the last voxel of the third, 30 mm away, moves the most.
    tilted = grid.difference(Grid(grid.shape, rotated_about((1, 0, 0), 2)))
    assert tilted.direction_mm == pytest.approx(60 * np.sin(np.radians(1)))
    assert tilted.zooms_mm == pytest.approx(0, abs=1e-12)


TWO_TILTS = (
    rotated_about((1, 0, 0), 25) @ np.diag([2, 0.5, 1.5, 1.0]),
    rotated_about((0, 0.2, 1), 30) @ np.diag([1, 3, 0.7, 1.0]),
)


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::7], ids=str)
def test_difference_in_direction_is_that_of_the_last_voxel_of_an_axis(order, flips):
    """Of the first grid's: both shown from one corner, along their own directions."""
    affine, other = TWO_TILTS
    shape = (9, 40, 23)
    stored, data = stored_otherwise(affine, np.zeros(shape, np.uint8), order, flips)
    apart = Grid(data.shape, stored).difference(Grid((5, 6, 7), other))
    own, others = (
        one[:3, :3] / np.linalg.norm(one[:3, :3], axis=0) for one in TWO_TILTS
    )
    lengths = (np.array(shape) - 1) * (2, 0.5, 1.5)
    last = [np.linalg.norm(n * own[:, a] - n * others[:, a])
            for a, n in enumerate(lengths)]  # fmt: skip
    assert apart.direction_mm == pytest.approx(max(last), rel=1e-9)
    # The rows of the two differ otherwise than the columns, which are the directions.
    rows = np.linalg.norm(own - others, axis=1) * lengths
    assert max(last) != pytest.approx(rows.max(), rel=0.05)


def test_tilt_between_two_tilted_images_is_the_largest_angle_between_their_axes():
    one, other = (Grid(SHAPE, affine) for affine in TWO_TILTS)
    cosines = [
        a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        for a, b in zip(one.affine[:3, :3].T, other.affine[:3, :3].T, strict=True)
    ]
    angle = np.degrees(np.arccos(min(cosines)))
    assert one.tilt_against(other) == pytest.approx(angle, rel=1e-9)
    assert other.tilt_against(one) == pytest.approx(angle, rel=1e-9)


def test_flat_images_differ_by_their_origin_and_shape():
    apart = Grid((6, 7), np.eye(4)).difference(
        Grid((6, 7), shifted(np.eye(4), (0, 2, 0)))
    )
    assert apart.same_shape
    assert apart.origin_mm == pytest.approx(2)
    assert not Grid((6, 7), np.eye(4)).difference(Grid((7, 6), np.eye(4))).same_shape


def with_entry(row, column, value):
    affine = np.eye(4)
    affine[row, column] = value
    return affine


NEARLY_PARALLEL = np.eye(4)
NEARLY_PARALLEL[:3, 1] = 1, 1e-4, 0


@pytest.mark.parametrize(
    ("affine", "told"),
    [
        (with_entry(0, 0, 2e4), "absurd"),
        (with_entry(2, 2, 5e-6), "absurd"),
        (with_entry(1, 3, 2e6), "absurd"),
        (with_entry(1, 3, -1e300), "absurd"),
        (with_entry(3, 3, 2), "last row"),
        (with_entry(3, 0, 0.1), "last row"),
        (with_entry(0, 3, np.inf), "singular"),
        (with_entry(0, 0, np.nan), "singular"),
        (with_entry(1, 1, 0), "singular"),
        (NEARLY_PARALLEL, "singular"),
        (np.ones((4, 4)), "singular"),
        (np.eye(3), "shape"),
    ],
)
def test_broken_headers_are_refused_in_one_sentence(affine, told):
    with pytest.raises(InputError, match=told) as refusal:
        Grid((2, 2, 2), affine)
    sentence = str(refusal.value)
    assert sentence.endswith(".")
    assert ". " not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "affine",
    [
        with_entry(0, 0, 9e3),
        with_entry(2, 2, 2e-5),
        with_entry(1, 3, -9e5),
        rotated_about((1, 1, 0), 44) @ SHEARED,
        np.diag([-1e-4, 1e3, 1, 1]),
    ],
)
def test_odd_but_possible_headers_are_taken(affine):
    np.testing.assert_array_equal(Grid((2, 2, 2), affine).affine, affine)


@settings(deadline=None, max_examples=60)
@given(
    axis=st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda a: np.linalg.norm(a) > 0.1),
    degrees=st.floats(-180, 180),
    zooms=st.tuples(*[st.floats(0.1, 8)] * 3),
    way=st.sampled_from(ORIENTATIONS),
    offset=st.tuples(*[st.integers(-400, 400)] * 3),
)
def test_any_box_of_any_image_is_placed_exactly(axis, degrees, zooms, way, offset):
    affine = rotated_about(axis, degrees) @ np.diag([*zooms, 1.0])
    crop, data = stored_otherwise(shifted(affine, offset), numbered, *way)
    # As a header stores it.
    crop = crop.astype(np.float32)
    placement = Grid(data.shape, crop).placement_in(Grid((9, 9, 9), affine))
    assert placement == Placement(*way, offset)
