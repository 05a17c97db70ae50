"""Arrays without any word on their axes, in each format that may hold one."""

from functools import partial

import h5py
import nibabel as nib
import numpy as np
import pytest
import zarr
from scipy.stats import entropy

import napari_uncertainty as nu
from support.generated import OBLIQUE, softmax

SHAPE = (6, 7, 8)


def save_npy(path, array):
    np.save(path, array)


def save_fortran(path, array):
    np.save(path, np.asfortranarray(array))


def save_npz(path, array):
    np.savez_compressed(path, softmax_of_model=array)


def save_zarr(path, array, zarr_format=3):
    zarr.create_array(path, data=array, zarr_format=zarr_format)


def save_hdf5(path, array):
    with h5py.File(path, "w") as file:
        file.create_dataset("softmax", data=array, chunks=True)


FORMATS = pytest.mark.parametrize(
    ("name", "save"),
    [
        pytest.param("a.npy", save_npy, id="npy"),
        pytest.param("a.npy", save_fortran, id="npy-fortran"),
        pytest.param("a.npz", save_npz, id="npz"),
        pytest.param("a.zarr", partial(save_zarr, zarr_format=2), id="zarr-2"),
        pytest.param("a.zarr", save_zarr, id="zarr-3"),
        pytest.param("a.h5", save_hdf5, id="hdf5"),
    ],
)  # fmt: skip


@pytest.fixture
def values(rng):
    """Class first, then nibabel's axes."""
    return softmax(rng, (4, *SHAPE))


@FORMATS
def test_class_first_is_reversed(tmp_path, values, name, save):
    path = tmp_path / name
    save(path, values.transpose(0, 3, 2, 1))
    read = nu.read(path)
    np.testing.assert_array_equal(read.values, values)
    assert (read.name, read.source, read.grid, read.note) == ("a", path, None, "")
    assert "No NIfTI image" in read.place_note
    expected = entropy(values.astype(np.float64), base=2)
    np.testing.assert_allclose(nu.entropy(path), expected, atol=1e-6)


@FORMATS
def test_class_last_is_in_nibabel_order(tmp_path, values, name, save):
    save(tmp_path / name, np.moveaxis(values, 0, -1))
    np.testing.assert_array_equal(nu.read(tmp_path / name).values, values)


@FORMATS
@pytest.mark.parametrize("class_axis", [0, -1])
@pytest.mark.parametrize("backwards", [False, True])
def test_an_image_beside_tells_the_order(
    tmp_path, values, name, save, class_axis, backwards
):
    array = values.transpose(0, 3, 2, 1) if backwards else values
    save(tmp_path / name, np.moveaxis(array, 0, class_axis))
    twin = tmp_path / "a.nii.gz"
    nib.Nifti1Image(np.zeros(SHAPE, np.uint8), OBLIQUE).to_filename(twin)
    read = nu.read(tmp_path / name)
    np.testing.assert_array_equal(read.values, values)
    np.testing.assert_array_equal(read.grid.affine, nib.load(twin).affine)
    assert read.geometry_source == twin
    expected = entropy(values.astype(np.float64), base=2)
    np.testing.assert_allclose(nu.entropy(tmp_path / name), expected, atol=1e-6)


@FORMATS
@pytest.mark.parametrize("shape", [(6, 7, 8), (6, 7, 6), (6, 6, 6)])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("class_axis", [0, -1])
def test_a_converted_copy_lies_as_its_original(
    tmp_path, rng, name, save, shape, backwards, class_axis
):
    """Where both orders have the shape of the original, the numbers decide."""
    values = softmax(rng, (4, *shape)).astype(np.float32)
    original = tmp_path / "a.nii.gz"
    nib.Nifti1Image(np.moveaxis(values, 0, -1), OBLIQUE).to_filename(original)
    array = values.transpose(0, 3, 2, 1) if backwards else values
    save(tmp_path / name, np.moveaxis(array, 0, class_axis))
    read = nu.read(tmp_path / name)
    np.testing.assert_array_equal(read.values, values)
    assert read.geometry_source == original
    np.testing.assert_allclose(read.grid.affine, OBLIQUE, atol=1e-6)
