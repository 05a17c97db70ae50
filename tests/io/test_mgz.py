"""FreeSurfer's images, written with nibabel: big-endian, with a header of their own."""

import gzip

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.io import open_probabilities, open_volume
from napari_uncertainty.io.image_files import load
from napari_uncertainty.io.map_files import write_map
from support.generated import OBLIQUE, softmax
from support.records import record

ENDINGS = pytest.mark.parametrize("ending", [".mgz", ".mgh"])


def save(path, data):
    nib.MGHImage(data, OBLIQUE).to_filename(path)
    return path


@ENDINGS
def test_an_mgz_with_many_values_is_a_scan(tmp_path, rng, ending):
    data = (rng.random((6, 7, 8)) * 1000).astype(np.int16)
    scan = open_volume(save(tmp_path / f"orig{ending}", data))
    assert isinstance(scan, Scan)
    np.testing.assert_array_equal(scan.data, data)
    assert scan.data.dtype == np.dtype("=i2")
    np.testing.assert_allclose(scan.grid.affine, OBLIQUE, atol=1e-5)
    assert scan.grid.nifti_header is None
    assert scan.name == "orig"


def test_an_mgz_with_patches_is_a_label_map(tmp_path):
    blocks = np.kron(np.arange(4).reshape(2, 2, 1), np.ones((5, 5, 5)))
    labels = open_volume(save(tmp_path / "aseg.mgz", blocks.astype(np.int32)))
    assert isinstance(labels, LabelMap)
    np.testing.assert_array_equal(labels.data, blocks)


@ENDINGS
def test_probabilities_are_streamed(tmp_path, rng, ending):
    values = softmax(rng, (4, 6, 7, 8))
    path = save(tmp_path / f"softmax{ending}", np.moveaxis(values, 0, -1))
    np.testing.assert_array_equal(nu.read(path).values, values)
    opened = open_probabilities(path)
    assert opened.grid.shape == (6, 7, 8)
    np.testing.assert_allclose(opened.grid.affine, OBLIQUE, atol=1e-5)
    expected = -(values * np.log2(values)).sum(axis=0)
    np.testing.assert_allclose(nu.entropy(opened), expected, atol=1e-5)
    volume = open_volume(path)
    assert isinstance(volume, ProbabilityMap)
    np.testing.assert_array_equal(volume.values, values)


def test_its_map_is_a_nifti_in_its_place(tmp_path, rng):
    values = softmax(rng, (2, 6, 7, 8))
    opened = nu.read(save(tmp_path / "softmax.mgz", np.moveaxis(values, 0, -1)))
    out = tmp_path / "map.nii.gz"
    write_map(out, nu.entropy(opened), record(), grid=opened.grid)
    written = nib.load(out)
    np.testing.assert_allclose(written.affine, OBLIQUE, atol=1e-5)


def test_it_gives_an_array_its_place(tmp_path, rng):
    values = softmax(rng, (3, 6, 7, 8))
    np.savez(tmp_path / "sub-01_probs.npz", values.transpose(0, 3, 2, 1))
    scan = save(tmp_path / "sub-01_orig.mgz", np.ones((6, 7, 8), np.uint8))
    opened = nu.read(tmp_path / "sub-01_probs.npz")
    assert opened.geometry_source == scan
    np.testing.assert_array_equal(opened.values, values)


@ENDINGS
@pytest.mark.parametrize("keep", [0, 0.001, 0.3, 0.9])
def test_an_mgz_that_is_cut_short_is_refused(tmp_path, rng, ending, keep):
    path = save(tmp_path / f"orig{ending}", rng.random((9, 9, 9)).astype("f4"))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    with pytest.raises(InputError, match=rf"orig{ending} cannot be read"):
        open_volume(path)


def test_text_in_an_mgz_is_refused(tmp_path):
    path = tmp_path / "text.mgz"
    path.write_bytes(gzip.compress(b"hello" * 400))
    with pytest.raises(InputError, match="cannot be read"):
        load(path)


@pytest.mark.parametrize("length", [-3, 0, 30000])
def test_odd_lengths_in_the_header_are_refused(tmp_path, rng, length):
    path = save(tmp_path / "odd.mgh", rng.random((3, 3, 3)).astype("f4"))
    content = bytearray(path.read_bytes())
    content[4:16] = np.array([length] * 3, ">i4").tobytes()
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"odd\.mgh|GB of memory"):
        open_volume(path)
    with pytest.raises(InputError, match=r"odd\.mgh"):
        open_probabilities(path)
