"""Where a written map lies, by every way in which a header can say where voxels are.

What is expected is what nibabel reads from the source, or its slicer cuts out of it.
"""

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import Grid
from napari_uncertainty.io.image_files import load
from napari_uncertainty.io.map_files import write_map
from support.generated import OBLIQUE
from support.records import record

# The same voxel sizes with another tilt, at another place.
TURN = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1]])
ELSEWHERE = nib.affines.from_matvec(TURN @ OBLIQUE[:3, :3], (3, -5, 7))

BOX = (slice(1, 4), slice(2, 7), slice(3, 8))

HEADERS = {
    "sform only": (1, 0, OBLIQUE),
    "qform only": (0, 3, OBLIQUE),
    "both": (4, 2, OBLIQUE),
    "both disagreeing": (1, 2, ELSEWHERE),
}


@pytest.fixture(params=[nib.Nifti1Image, nib.Nifti2Image], ids=["NIfTI-1", "NIfTI-2"])
def image_class(request):
    return request.param


@pytest.fixture
def write_source(tmp_path, image_class):
    """Write a scan with such codes, and open it as the program does."""

    def write(sform, qform, qform_affine=OBLIQUE):
        image = image_class(np.zeros((6, 7, 8), np.int16), None)
        image.header.set_zooms((1, 1.5, 2))
        if sform:
            image.set_sform(OBLIQUE, sform)
        if qform:
            image.set_qform(qform_affine, qform)
        image.to_filename(tmp_path / "scan.nii.gz")
        return load(tmp_path / "scan.nii.gz")

    return write


def grid_of(source):
    return Grid(source.shape, source.affine, source.header)


def written(grid, folder, measure="entropy"):
    values = np.arange(np.prod(grid.shape), dtype=np.float64).reshape(grid.shape)
    write_map(folder / "map.nii.gz", values, record(measure), grid=grid)
    image = nib.load(folder / "map.nii.gz")
    np.testing.assert_array_equal(np.asarray(image.dataobj), values)
    return image


def codes(image):
    return int(image.header["sform_code"]), int(image.header["qform_code"])


@pytest.mark.parametrize("how", HEADERS)
def test_codes_and_places_are_the_source_s(write_source, tmp_path, image_class, how):
    sform, qform, qform_affine = HEADERS[how]
    source = write_source(sform, qform, qform_affine)
    image = written(grid_of(source), tmp_path)
    assert isinstance(image, image_class)
    assert codes(image) == (sform, qform)
    np.testing.assert_array_equal(image.affine, source.affine)
    for kind in ("get_sform", "get_qform"):
        here, there = (getattr(one, kind)(coded=True)[0] for one in (image, source))
        assert (here is None) == (there is None)
        if there is not None:
            np.testing.assert_array_equal(here, there)


def test_without_codes_there_are_none_in_the_map(write_source, tmp_path):
    source = write_source(0, 0)
    image = written(grid_of(source), tmp_path)
    assert codes(image) == (0, 0)
    # nibabel makes up the same place for both, from shape and voxel size.
    np.testing.assert_array_equal(image.affine, source.affine)
    assert image.header.get_zooms() == (1, 1.5, 2)


@pytest.mark.parametrize("how", HEADERS)
def test_a_box_keeps_the_codes(write_source, tmp_path, how):
    sform, qform, qform_affine = HEADERS[how]
    source = write_source(sform, qform, qform_affine)
    grid = grid_of(source).box((1, 2, 3), (3, 5, 5))
    image = written(grid, tmp_path)
    assert codes(image) == (sform, qform)
    np.testing.assert_allclose(
        image.affine, source.slicer[BOX].affine, rtol=1e-6, atol=1e-5
    )
    # Only the origin changes.
    np.testing.assert_array_equal(image.affine[:3, :3], source.affine[:3, :3])


def test_the_two_places_of_a_box_disagree_as_those_of_its_source(
    write_source, tmp_path
):
    source = write_source(1, 2, ELSEWHERE)
    image = written(grid_of(source).box((1, 2, 3), (3, 5, 5)), tmp_path)
    for kind in ("get_sform", "get_qform"):
        whole = getattr(source, kind)()
        expected = whole.copy()
        expected[:3, 3] = nib.affines.apply_affine(whole, (1, 2, 3))
        np.testing.assert_allclose(
            getattr(image, kind)(), expected, rtol=1e-6, atol=1e-5
        )


def test_a_box_without_codes_says_where_it_is(write_source, tmp_path):
    """It has to: by its shape alone, nibabel would centre it on the origin."""
    source = write_source(0, 0)
    image = written(grid_of(source).box((1, 2, 3), (3, 5, 5)), tmp_path)
    assert codes(image) == (2, 0)
    np.testing.assert_allclose(image.affine, source.slicer[BOX].affine, atol=1e-6)


def test_a_box_at_the_first_voxel_has_the_affine_bit_for_bit(write_source, tmp_path):
    source = write_source(1, 2)
    image = written(grid_of(source).box((0, 0, 0), (3, 5, 5)), tmp_path)
    assert codes(image) == (1, 2)
    np.testing.assert_array_equal(image.affine, source.affine)


def test_a_qform_that_is_no_rotation_stays_as_it_is(write_source, tmp_path):
    source = write_source(1, 2)
    for name in "bcd":
        source.header[f"quatern_{name}"] = 2.0
    image = written(grid_of(source).box((1, 2, 3), (3, 5, 5)), tmp_path)
    assert codes(image) == (1, 2)
    assert image.header["quatern_b"] == 2
    np.testing.assert_allclose(image.affine, source.slicer[BOX].affine, atol=1e-5)


@pytest.mark.parametrize("sform", [0, 1])
def test_what_the_header_says_of_the_values(write_source, tmp_path, sform):
    image = written(grid_of(write_source(sform, 0)), tmp_path, "margin")
    assert image.get_data_dtype() == np.float32
    assert image.header["intent_code"] == 1001  # NIFTI_INTENT_ESTIMATE, nifti1.h
    assert image.header.get_intent() == ("estimate", (), "margin")
    assert image.header["descrip"].item() == b"margin, napari-uncertainty"
    raw = image.dataobj.get_unscaled()
    np.testing.assert_array_equal(raw, np.asarray(image.dataobj))


def test_a_long_name_leaves_room_for_the_zero_that_ends_it(write_source, tmp_path):
    image = written(grid_of(write_source(1, 0)), tmp_path, "least_confidence")
    assert image.header["intent_name"].item() == b"least_confidenc"
