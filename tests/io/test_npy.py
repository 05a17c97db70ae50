"""Single arrays, written by numpy."""

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError
from support.generated import OBLIQUE, softmax


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
def test_a_damaged_array_is_refused(tmp_path, content, message):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        nu.read(path)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([{}]), "Python objects are never loaded"),
        (np.zeros((2, 3)), "of shape"),
        (np.zeros((2, 0, 3, 4)), "of shape"),
        (np.zeros((2, 3, 4)), "no values but 0, NaN or infinity"),
        (np.arange(24.0).reshape(2, 3, 4), "looks like a label map"),
        (np.linspace(-3, 4, 60).reshape(3, 4, 5), "Nothing tells which axis"),
        (np.full((3, 2, 8, 8, 8), 0.5), "seems to hold 3 members"),
        (np.array([[["a"]]]), "not real numbers"),
    ],
)
def test_arrays_that_cannot_be_probabilities_are_refused(tmp_path, array, message):
    path = tmp_path / "a.npy"
    np.save(path, array, allow_pickle=True)
    with pytest.raises(InputError, match=message):
        nu.read(path)


@pytest.mark.parametrize("stored", ["<f2", ">f4", "<f8", "u1", ">u2"])
@pytest.mark.parametrize("fortran", [False, True])
def test_every_type_and_byte_order_is_read(tmp_path, values, stored, fortran):
    scale = {"u1": 255, ">u2": 65535}.get(stored, 1)
    array = np.moveaxis(values * scale, 0, -1)
    if scale > 1:  # whole numbers that still sum to the scale
        array = np.floor(array)
        array[..., 0] += scale - array.sum(axis=-1)
    array = array.astype(stored, order="F" if fortran else "C")
    read = nu.read(save(tmp_path / "a.npy", array))
    np.testing.assert_array_equal(read.values, np.moveaxis(array, -1, 0))
    expected = nu.entropy(np.moveaxis(array, -1, 0) / np.float64(scale))
    np.testing.assert_allclose(nu.entropy(tmp_path / "a.npy"), expected, atol=1e-5)


@pytest.mark.parametrize("axis", [0, 3])
def test_without_sums_the_shortest_axis_is_taken_and_told(tmp_path, rng, axis):
    """Logits: nothing sums to 1."""
    logits = rng.normal(size=(2, 6, 7, 8)).astype(np.float32)
    path = save(tmp_path / "a.npy", np.moveaxis(logits, 0, axis))
    read = nu.read(path)
    expected = logits if axis else logits.transpose(0, 3, 2, 1)
    np.testing.assert_array_equal(read.values, expected)
    assert f"axis {axis} of shape" in read.note


@pytest.mark.parametrize("shape", [(6, 2, 7, 8), (3, 6, 7, 8), (6, 7, 2, 8)])
def test_an_axis_in_the_middle_or_hardly_shorter_is_not_taken(tmp_path, rng, shape):
    path = save(tmp_path / "a.npy", rng.normal(size=shape))
    with pytest.raises(InputError, match="Nothing tells which axis"):
        nu.read(path)
    assert nu.read(path, class_axis=1).values.shape[0] == shape[1]


@pytest.mark.parametrize(("class_axis", "n"), [(0, 3), (1, 4), (-1, 5), (2, 5)])
def test_a_named_class_axis_is_believed(tmp_path, class_axis, n):
    labels = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    path = save(tmp_path / "a.npy", labels)
    read = nu.read(path, class_axis=class_axis)
    assert read.values.shape[0] == n
    np.testing.assert_array_equal(
        read.values[1].sum(), labels.take(1, class_axis).sum()
    )
    assert not read.note


@pytest.mark.parametrize("class_axis", [3, -4])
def test_a_class_axis_that_does_not_exist_is_refused(tmp_path, class_axis):
    path = save(tmp_path / "a.npy", np.full((3, 4, 5), 0.2))
    with pytest.raises(InputError, match=f"There is no class axis {class_axis}"):
        nu.read(path, class_axis=class_axis)


@pytest.mark.parametrize("backwards", [False, True])
def test_an_array_like_the_image_beside_it_is_one_channel(tmp_path, rng, backwards):
    foreground = rng.random((6, 7, 8)).astype(np.float32)
    array = foreground.transpose(2, 1, 0) if backwards else foreground
    read = nu.read(save(tmp_path / "a.npy", array, twin=(6, 7, 8)))
    np.testing.assert_array_equal(read.values, foreground[np.newaxis])
    assert read.grid.shape == (6, 7, 8)
    assert "single channel" in read.note


def test_a_softmax_like_the_image_beside_it_has_classes(tmp_path, rng):
    """Two dimensions: that values sum to 1 says more than the shape."""
    array = softmax(rng, (6, 7, 8))
    path = save(tmp_path / "a.npy", array)
    image = nib.Nifti1Image(np.zeros((8, 7), np.uint8), OBLIQUE)
    image.to_filename(tmp_path / "a.nii.gz")
    read = nu.read(path)
    np.testing.assert_array_equal(read.values, array.transpose(0, 2, 1))
    assert read.grid.shape == (8, 7)


@pytest.mark.parametrize("class_axis", [0, -1])
def test_a_flat_image_beside_with_three_axes_gives_the_array_a_third_one(
    tmp_path, rng, class_axis
):
    values = softmax(rng, (3, 6, 7))
    array = values.transpose(0, 2, 1) if class_axis == 0 else np.moveaxis(values, 0, -1)
    read = nu.read(save(tmp_path / "a.npy", array, twin=(6, 7, 1)))
    np.testing.assert_array_equal(read.values, values[..., np.newaxis])
    assert read.grid.shape == (6, 7, 1)


def test_a_class_axis_in_second_place_is_told(tmp_path, values):
    read = nu.read(save(tmp_path / "a.npy", np.moveaxis(values, 0, 1)))
    assert read.values.shape == values.shape
    assert "runs over members" in read.note


def test_an_original_of_other_voxels_gives_no_place_and_stops_nothing(tmp_path, values):
    image = nib.Nifti1Image(np.zeros((9, 9, 9, 4), np.float32), OBLIQUE)
    image.to_filename(tmp_path / "a.nii.gz")
    read = nu.read(save(tmp_path / "a.npy", values))
    assert read.grid is None
    assert "9 × 9 × 9 × 4" in read.place_note
