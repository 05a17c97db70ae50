"""Affine arithmetic, against nibabel and trigonometry."""

import nibabel as nib
import numpy as np
import pytest

from generated import OBLIQUE
from napari_uncertainty import Grid, InputError


def turned(degrees, axis=2):
    """A rotation about one of the patient's axes, as an affine."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = (i for i in range(3) if i != axis)
    affine = np.eye(4)
    affine[[first, first, second, second], [first, second, first, second]] = c, -s, s, c
    return affine


def test_zooms_and_orientation():
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
