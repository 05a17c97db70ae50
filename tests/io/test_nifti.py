"""NIfTI files, written with nibabel, come back as what they are."""

import gzip

import nibabel as nib
import numpy as np
import pytest

from generated import OBLIQUE, softmax
from napari_uncertainty import InputError, LabelMap, ProbabilityMap, Scan, read
from napari_uncertainty.io import open_volume


def save(path, data, affine=OBLIQUE, **header):
    image = nib.Nifti1Image(data, affine)
    for field, value in header.items():
        image.header[field] = value
    image.to_filename(path)
    return path


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_scan(tmp_path, rng, ending):
    data = (rng.random((6, 7, 8)) * 1000).astype(np.int16)
    scan = open_volume(save(tmp_path / f"T1{ending}", data))
    assert isinstance(scan, Scan)
    np.testing.assert_array_equal(scan.data, data)
    assert scan.data.dtype == np.int16
    np.testing.assert_allclose(scan.grid.affine, OBLIQUE, atol=1e-6)
    assert (scan.name, scan.source) == ("T1", tmp_path / f"T1{ending}")


def test_labels_take_names_from_dataset_json(case_folder):
    labels = open_volume(case_folder / "case.nii.gz")
    # Random labels are no patches; the name has to say it.
    assert isinstance(labels, Scan)
    named = (case_folder / "case.nii.gz").rename(case_folder / "case_seg.nii.gz")
    blocks = np.kron(np.arange(4).reshape(2, 2, 1), np.ones((5, 5, 5), int))
    save(named, blocks.astype(np.uint8))
    labels = open_volume(named)
    assert isinstance(labels, LabelMap)
    assert labels.class_names == {0: "background", 1: "left", 2: "right", 3: "stem"}


def test_labels_stored_as_floats(tmp_path):
    blocks = np.kron(np.arange(4).reshape(2, 2, 1), np.ones((5, 5, 5)))
    labels = open_volume(save(tmp_path / "a.nii.gz", blocks.astype(np.float32)))
    assert isinstance(labels, LabelMap)
    assert labels.data.dtype == np.int32


def test_label_intent(tmp_path, rng):
    data = rng.integers(0, 9, (6, 7, 8)).astype(np.int16)
    path = save(tmp_path / "a.nii.gz", data, intent_code=1002)
    assert isinstance(open_volume(path), LabelMap)


@pytest.mark.parametrize("shape", [(6, 7, 8, 4), (6, 7, 8, 1, 4)])
def test_probabilities_class_last(tmp_path, rng, shape):
    values = softmax(rng, (4, 6, 7, 8))
    stored = np.moveaxis(values, 0, -1).reshape(shape)
    probabilities = read(save(tmp_path / "softmax.nii.gz", stored))
    assert isinstance(probabilities, ProbabilityMap)
    np.testing.assert_array_equal(probabilities.values, values)
    assert probabilities.class_names == ("class 0", "class 1", "class 2", "class 3")
    assert probabilities.grid.shape == (6, 7, 8)


def test_time_series_is_a_scan(tmp_path, rng):
    data = rng.random((6, 7, 8, 4)).astype(np.float32)
    scan = open_volume(save(tmp_path / "bold.nii.gz", data))
    assert isinstance(scan, Scan)
    assert scan.data.shape == (6, 7, 8, 4)
    assert scan.grid.shape == (6, 7, 8)


def test_scaled_integers_become_float32(tmp_path):
    image = nib.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(0.5, 3)
    image.to_filename(tmp_path / "scaled.nii.gz")
    stored = nib.load(tmp_path / "scaled.nii.gz")
    scan = open_volume(tmp_path / "scaled.nii.gz")
    assert scan.data.dtype == np.float32
    np.testing.assert_allclose(scan.data, stored.get_fdata(), rtol=1e-6)


def test_big_endian_file(tmp_path, rng):
    data = rng.random((3, 4, 5)).astype(">f4")
    nib.Nifti1Image(data, np.eye(4), nib.Nifti1Header(endianness=">")).to_filename(
        tmp_path / "big.nii"
    )
    scan = open_volume(tmp_path / "big.nii")
    assert scan.data.dtype.isnative
    np.testing.assert_array_equal(scan.data, data)


def test_flat_image(tmp_path, rng):
    scan = open_volume(save(tmp_path / "slice.nii.gz", rng.random((5, 6))))
    assert scan.grid.shape == (5, 6)


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
@pytest.mark.parametrize("keep", [0.9, 0.3, 0.001, 0])
def test_cut_short(tmp_path, rng, ending, keep):
    path = save(tmp_path / f"T1{ending}", rng.random((16, 16, 16)))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match=rf"T1{ending} cannot be read: .*cut short"):
        open_volume(path)


def test_not_nifti_at_all(tmp_path):
    path = tmp_path / "text.nii.gz"
    path.write_bytes(gzip.compress(b"hello" * 400))
    with pytest.raises(InputError, match="cannot be read"):
        open_volume(path)


def test_colour_image_is_refused(tmp_path):
    rgb = np.zeros((3, 4, 5), [("R", "u1"), ("G", "u1"), ("B", "u1")])
    with pytest.raises(InputError, match="colour"):
        open_volume(save(tmp_path / "rgb.nii.gz", rgb))


def test_header_that_promises_more_than_the_memory_holds(tmp_path):
    path = save(tmp_path / "huge.nii", np.zeros((2, 2, 2)))
    content = bytearray(path.read_bytes())
    content[40:56] = np.array([4, 30000, 30000, 30000, 300, 1, 1, 1], "<i2").tobytes()
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"GB of memory .* are free"):
        open_volume(path)


def test_singular_affine(tmp_path):
    path = save(tmp_path / "flat.nii", np.zeros((2, 2, 2)), affine=np.eye(4))
    content = bytearray(path.read_bytes())
    content[296:308] = bytes(12)  # the second row of the sform, x but its offset
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match="singular"):
        open_volume(path)


def test_a_scan_is_no_probabilities(tmp_path, rng):
    with pytest.raises(InputError, match="looks like a scan, not like class prob"):
        read(save(tmp_path / "T1.nii.gz", rng.random((3, 4, 5))))


@pytest.mark.parametrize("name", ["missing.nii.gz", "folder"])
def test_no_such_file(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="There is no file"):
        open_volume(tmp_path / name)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(InputError, match="neither NIfTI"):
        open_volume(tmp_path / "a.txt")
