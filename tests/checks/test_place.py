"""What is told about places in space, for grids and NIfTI headers that are known."""

import nibabel as nib
import numpy as np
import pytest
from nibabel.affines import apply_affine

from napari_uncertainty import Grid
from napari_uncertainty.checks.place import check_grid, check_header
from support.generated import OBLIQUE

SHAPE = (6, 7, 8)
GRID = Grid(SHAPE, OBLIQUE)


def shifted(affine, voxels):
    moved = affine.copy()
    moved[:3, 3] = apply_affine(affine, voxels)
    return moved


def check(grid, other, role="scan"):
    found = check_grid("T1.nii.gz", role, grid, other)
    assert found.name == f"{role}_grid"
    assert "'T1.nii.gz'" in found.sentence or "probabilities" in found.sentence
    return found


@pytest.mark.parametrize("role", ["scan", "segmentation"])
def test_same_voxels_are_told_with_no_distance(role):
    found = check(GRID, Grid(SHAPE, OBLIQUE.astype(np.float32)), role)
    assert found.level == "green"
    assert found.numbers["same_shape"] is True
    for key in ("zooms_mm", "origin_mm", "direction_mm"):
        assert found.numbers[key] < 1e-4
    assert "0 mm" in found.sentence


def test_same_voxels_in_another_order_are_the_same():
    # Axes in the order k, i, j; i.e. columns of the affine in that order.
    permuted = Grid((8, 6, 7), OBLIQUE[:, [2, 0, 1, 3]])
    assert check(GRID, permuted).level == "green"
    assert "offset" not in check(GRID, permuted).numbers


def test_crop_is_told_with_its_first_voxel():
    crop = Grid((3, 4, 2), shifted(OBLIQUE, (2, 1, 5)))
    found = check(crop, GRID)
    assert found.level == "green"
    assert found.numbers["offset"] == [2, 1, 5]
    assert "(2, 1, 5)" in found.sentence


def test_box_that_sticks_out_is_no_crop():
    found = check(Grid((3, 4, 4), shifted(OBLIQUE, (2, 1, 5))), GRID)
    assert found.level == "amber"
    assert "offset" not in found.numbers


def test_larger_image_around_it_is_no_crop():
    found = check(GRID, Grid((3, 4, 2), shifted(OBLIQUE, (2, 1, 5))))
    assert found.level == "amber"
    assert found.numbers["same_shape"] is False


def test_shift_by_half_a_voxel_is_told_in_mm():
    # Voxels of 1 × 1.5 × 2 mm.
    found = check(GRID, Grid(SHAPE, shifted(OBLIQUE, (0, 0, 0.5))))
    assert found.level == "amber"
    assert found.numbers["origin_mm"] == pytest.approx(1)
    assert found.numbers["zooms_mm"] == pytest.approx(0, abs=1e-9)
    assert "1 mm" in found.sentence


def test_shift_by_a_whole_voxel_is_told():
    found = check(GRID, Grid(SHAPE, shifted(OBLIQUE, (1, 0, 0))))
    assert found.level == "amber"
    assert found.numbers["origin_mm"] == pytest.approx(1)


def test_other_voxel_size_is_told_in_mm():
    larger = Grid(SHAPE, OBLIQUE @ np.diag([1.25, 1, 1, 1]))
    found = check(GRID, larger)
    assert found.level == "amber"
    assert found.numbers["zooms_mm"] == pytest.approx(0.25)
    assert "0.25 mm" in found.sentence


def test_other_direction_is_told_in_mm():
    upright = Grid((11, 11, 11), np.eye(4))
    c, s = np.cos(np.radians(3)), np.sin(np.radians(3))
    turned = np.eye(4)
    turned[:2, :2] = [[c, -s], [s, c]]
    found = check(upright, Grid((11, 11, 11), turned))
    assert found.level == "amber"
    # The chord that the last voxel, 10 mm away, moves along.
    chord = 20 * np.sin(np.radians(1.5))
    assert found.numbers["direction_mm"] == pytest.approx(chord)
    assert f"{chord:.3g} mm" in found.sentence


@pytest.mark.parametrize("voxels", [(6.5, 0, 0), (0, 0, -50), (600, 0, 0)])
def test_places_that_do_not_overlap_are_not_to_be_trusted(voxels):
    found = check(GRID, Grid(SHAPE, shifted(OBLIQUE, voxels)))
    assert found.level == "red"
    assert "overlap" in found.sentence
    distance = np.linalg.norm(np.array(voxels) * (1, 1.5, 2))
    assert found.numbers["origin_mm"] == pytest.approx(distance)


@pytest.mark.parametrize(
    ("grid", "other", "unknown"),
    [
        (None, GRID, "the probabilities"),
        (GRID, None, "'T1.nii.gz'"),
        (None, None, "the probabilities"),
    ],
)
def test_unknown_place_is_told(grid, other, unknown):
    found = check(grid, other)
    assert found.level == "amber"
    assert unknown in found.sentence
    assert "unknown" in found.sentence
    assert found.numbers == {}


def test_flat_image_and_the_volume_it_cuts_have_other_voxels():
    flat = Grid(SHAPE[:2], shifted(OBLIQUE, (0, 0, 3)))
    assert check(flat, GRID).level == "amber"
    away = Grid(SHAPE[:2], shifted(OBLIQUE, (0, 0, 30)))
    assert check(away, GRID).level == "red"


def image_header(sform=None, qform=None, codes=(0, 0), nifti=nib.Nifti1Header):
    header = nifti()
    header.set_data_shape(SHAPE)
    header.set_zooms((1, 1.5, 2))
    if sform is not None:
        header.set_sform(sform, codes[0])
    if qform is not None:
        header.set_qform(qform, codes[1])
    return header


def told(header):
    grid = Grid(SHAPE, header.get_best_affine(), header)
    return check_header("T1.nii.gz", grid)


def test_nothing_is_told_of_what_has_no_grid_or_no_header():
    assert check_header("T1.nii.gz", None) == []
    assert check_header("T1.nii.gz", GRID) == []


@pytest.mark.parametrize("nifti", [nib.Nifti1Header, nib.Nifti2Header])
@pytest.mark.parametrize("codes", [(1, 1), (2, 1), (4, 3)])
def test_sform_and_qform_that_agree_are_fine(codes, nifti):
    assert told(image_header(OBLIQUE, OBLIQUE, codes, nifti)) == []


@pytest.mark.parametrize("codes", [(1, 0), (0, 1), (4, 0)])
def test_one_code_is_enough(codes):
    """What the other form says is nobody's business then."""
    elsewhere = shifted(OBLIQUE, (100, 0, 0))
    forms = (OBLIQUE, elsewhere) if codes[0] else (elsewhere, OBLIQUE)
    assert told(image_header(*forms, codes)) == []


def test_header_without_any_code_says_nothing():
    [found] = told(image_header())
    assert (found.name, found.level) == ("header", "amber")
    assert found.numbers == {"sform": 0, "qform": 0}
    assert "'T1.nii.gz'" in found.sentence


def test_place_without_any_code_is_as_the_sentence_says():
    """First axis to the left, around the origin; as nibabel does."""
    header = image_header()
    assert nib.aff2axcodes(header.get_best_affine()) == ("L", "A", "S")
    middle = apply_affine(header.get_best_affine(), (np.array(SHAPE) - 1) / 2)
    np.testing.assert_allclose(middle, 0, atol=1e-6)
    [found] = told(header)
    for direction in ("left", "front", "up"):
        assert direction in found.sentence


@pytest.mark.parametrize(
    ("aside", "is_told"), [(0.05, False), (0.15, True), (30, True)]
)
def test_sform_and_qform_that_disagree_are_told_in_mm(aside, is_told):
    """The tolerance is a tenth of the smallest voxel size, 1 mm here."""
    moved = OBLIQUE.copy()
    moved[1, 3] += aside
    found = told(image_header(OBLIQUE, moved, (1, 1)))
    assert bool(found) is is_told
    for one in found:
        assert (one.name, one.level) == ("header", "amber")
        assert one.numbers["qform_mm"] == pytest.approx(aside, abs=1e-4)
        assert (one.numbers["sform"], one.numbers["qform"]) == (1, 1)
        assert f"{aside:.3g} mm" in one.sentence
        assert "sform counts" in one.sentence


def test_forms_that_turn_about_the_first_voxel_differ_at_the_last():
    qform = np.diag([1, 1.5, 2, 1.0])
    c, s = np.cos(np.radians(5)), np.sin(np.radians(5))
    sform = np.array([[c, -s, 0, 0], [s, c, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]) @ qform
    [found] = told(image_header(sform, qform, (1, 1)))
    farthest = np.hypot(5 * 1, 6 * 1.5)  # in the plane of rotation
    assert found.numbers["qform_mm"] == pytest.approx(
        farthest * 2 * np.sin(np.radians(2.5)), rel=1e-4
    )


def test_qform_that_is_no_rotation_is_told():
    header = image_header(OBLIQUE, OBLIQUE, (1, 1))
    header["quatern_b"] = header["quatern_c"] = 0.9  # squares above 1
    [found] = told(header)
    assert found.level == "amber"
    assert found.numbers["qform_mm"] is None
    assert "qform cannot be used" in found.sentence


def test_qform_without_voxel_size_is_told():
    header = image_header(OBLIQUE, OBLIQUE, (1, 1))
    header["pixdim"][1] = 0
    [found] = told(header)
    assert found.numbers["qform_mm"] is None


@pytest.mark.parametrize(
    ("degrees", "is_told"), [(0, False), (0.05, False), (0.2, True), (12, True)]
)
def test_sheared_image_is_told_with_its_angle(degrees, is_told):
    lean = np.radians(degrees)
    affine = np.eye(4)
    affine[:3, 2] = 2 * np.sin(lean), 0, 2 * np.cos(lean)
    found = check_header("T1.nii.gz", Grid(SHAPE, affine))
    assert bool(found) is is_told
    for one in found:
        assert (one.name, one.level) == ("header", "amber")
        assert one.numbers["shear_degrees"] == pytest.approx(degrees)
        assert f"{degrees:.1f}°" in one.sentence


def test_sheared_sform_against_its_qform_is_told_twice():
    affine = np.eye(4)
    affine[0, 2] = 0.5
    found = told(image_header(affine, affine, (1, 1)))
    assert len(found) == 2
    assert "shear_degrees" in found[0].numbers
    # nibabel keeps of it what a qform can hold.
    assert found[1].numbers["qform_mm"] > 0.1


def test_flat_image_is_looked_at_in_its_plane():
    header = image_header(OBLIQUE, OBLIQUE, (1, 1))
    flat = Grid(SHAPE[:2], OBLIQUE, header)
    assert check_header("slice.nii", flat) == []
