"""Single arrays, written by numpy."""

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from generated import OBLIQUE, softmax
from napari_uncertainty import InputError


@pytest.fixture
def values(rng):
    """Class first, then nibabel's axes."""
    return softmax(rng, (4, 6, 7, 8))


def save(path, array, twin=None):
    np.save(path, array)
    if twin is not None:
        image = nib.Nifti1Image(np.zeros(twin, np.uint8), OBLIQUE)
        image.to_filename(path.with_suffix(".nii.gz"))
    return path


def test_class_first_is_reversed(tmp_path, values):
    read = nu.read(save(tmp_path / "a.npy", values.transpose(0, 3, 2, 1)))
    np.testing.assert_array_equal(read.values, values)
    assert read.grid is None
    assert read.name == "a"


def test_class_last_is_in_nibabel_order(tmp_path, values):
    read = nu.read(save(tmp_path / "a.npy", np.moveaxis(values, 0, -1)))
    np.testing.assert_array_equal(read.values, values)


@pytest.mark.parametrize("fortran", [False, True])
@pytest.mark.parametrize("class_axis", [0, -1])
@pytest.mark.parametrize("backwards", [False, True])
def test_an_image_beside_tells_the_order(
    tmp_path, values, fortran, class_axis, backwards
):
    array = values.transpose(0, 3, 2, 1) if backwards else values
    array = np.moveaxis(array, 0, class_axis)
    if fortran:
        array = np.asfortranarray(array)
    path = save(tmp_path / "a.npy", array, twin=(6, 7, 8))
    read = nu.read(path)
    np.testing.assert_array_equal(read.values, values)
    twin = path.with_suffix(".nii.gz")
    np.testing.assert_array_equal(read.grid.affine, nib.load(twin).affine)
    assert read.geometry_source == twin
    np.testing.assert_allclose(nu.entropy(path), nu.entropy(values), atol=1e-6)


def test_an_image_beside_of_another_shape(tmp_path, values):
    path = save(tmp_path / "a.npy", values, twin=(6, 7, 5))
    with pytest.raises(InputError, match="do not belong together"):
        nu.read(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x93NUMPY", "damaged or no array"),
        (b"no array at all, but some bytes", "damaged or no array"),
    ],
)
def test_damaged(tmp_path, content, message):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        nu.read(path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([{}]), "Python objects are never loaded"),
        (np.zeros((2, 3)), "has a class axis|of shape"),
        (np.zeros((2, 0, 3, 4)), "of shape"),
        (np.arange(24.0).reshape(2, 3, 4), "label map|no probabilities|sum to 1"),
    ],
)
def test_refused(tmp_path, array, message):
    path = tmp_path / "a.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        nu.read(path)
