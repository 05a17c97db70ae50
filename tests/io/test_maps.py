"""Written maps, read back with nibabel alone."""

import gc
import json
import sys

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import Grid, InputError
from napari_uncertainty.io.image_files import load
from napari_uncertainty.io.map_files import write_map
from support.command_line import files_up_to
from support.generated import OBLIQUE
from support.records import record


@pytest.fixture
def source(tmp_path, rng):
    """A scan with different sform and qform codes, extensions and a scale."""
    image = nib.Nifti1Image((rng.random((6, 7, 8)) * 99).astype(np.int16), OBLIQUE)
    image.set_sform(OBLIQUE, code=1)
    image.set_qform(OBLIQUE, code=2)
    image.header.set_slope_inter(2, 1)
    image.header["cal_max"] = 77
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"private"))
    image.to_filename(tmp_path / "scan.nii.gz")
    return load(tmp_path / "scan.nii.gz")


@pytest.fixture
def values(rng):
    return rng.random((6, 7, 8)).astype(np.float32)


RECORD = record(source="größe.npz")


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_map_lies_where_its_source_lies(source, values, tmp_path, ending):
    grid = Grid(source.shape, source.affine, source.header)
    files = write_map(tmp_path / f"map{ending}", values, RECORD, grid=grid)
    assert files == [tmp_path / f"map{ending}", tmp_path / "map.json"]
    written = nib.load(files[0])
    np.testing.assert_array_equal(written.affine, source.affine)
    assert written.header["sform_code"] == 1
    assert written.header["qform_code"] == 2
    np.testing.assert_array_equal(written.get_qform(), source.get_qform())
    assert written.get_data_dtype() == np.float32
    assert written.header.get_slope_inter() == (None, None)
    np.testing.assert_array_equal(np.asarray(written.dataobj), values)
    assert written.header["cal_max"] == 0
    assert len(written.header.extensions) == 0
    assert b"entropy (bits)" in written.header["descrip"].tobytes()
    assert written.header.get_intent()[2] == "entropy"
    told = json.loads(files[1].read_text(encoding="utf-8"))
    assert (told["measure"], told["unit"]) == ("entropy", "bits")
    assert told["source"] == "größe.npz"
    assert told["affine"] == source.affine.tolist()


def test_a_map_of_a_source_with_a_qform_alone_keeps_its_affine(values, tmp_path):
    """An affine that only the quaternion holds comes back bit for bit."""
    image = nib.Nifti1Image(np.zeros((6, 7, 8)), None)
    image.set_qform(OBLIQUE, code=1)
    image.to_filename(tmp_path / "scan.nii.gz")
    source = nib.load(tmp_path / "scan.nii.gz")
    grid = Grid(source.shape, source.affine, source.header)
    write_map(tmp_path / "map.nii.gz", values, record(), grid=grid)
    written = nib.load(tmp_path / "map.nii.gz")
    np.testing.assert_array_equal(written.affine, source.affine)
    assert written.header["sform_code"] == 0


def test_a_map_of_a_4d_source_has_three_axes(values, tmp_path):
    image = nib.Nifti1Image(np.zeros((6, 7, 8, 4), np.float32), OBLIQUE)
    grid = Grid((6, 7, 8), image.affine, image.header)
    write_map(tmp_path / "map.nii.gz", values, record(), grid=grid)
    written = nib.load(tmp_path / "map.nii.gz")
    assert written.shape == (6, 7, 8)


def test_a_map_without_a_place_has_no_codes_and_the_voxel_size(values, tmp_path):
    write_map(tmp_path / "map.nii.gz", values, record(), grid=None, zooms=(1, 2, 3))
    written = nib.load(tmp_path / "map.nii.gz")
    assert written.header["sform_code"] == written.header["qform_code"] == 0
    assert written.header.get_zooms() == (1, 2, 3)


def test_other_endings_are_refused(values, tmp_path):
    with pytest.raises(InputError, match=r"saved as .nii.gz or .nii"):
        write_map(tmp_path / "map.tif", values, record(), grid=None)


def test_other_shape_is_refused(values, tmp_path):
    with pytest.raises(InputError, match="cannot be placed"):
        write_map(
            tmp_path / "map.nii", values, record(), grid=Grid((6, 7, 9), np.eye(4))
        )


def test_a_folder_that_does_not_exist_is_told(values, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_map(tmp_path / "none" / "map.nii.gz", values, record(), grid=None)


def test_a_failed_write_leaves_the_old_file(values, tmp_path, monkeypatch):
    path = tmp_path / "map.nii.gz"
    write_map(path, values, record(), grid=None)
    before = path.read_bytes()

    def full_disk(image, file):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nib.Nifti1Image, "to_stream", full_disk)
    with pytest.raises(InputError, match="No space left on device"):
        write_map(path, 2 * values, record(), grid=None)
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "map.json",
        "map.nii.gz",
    ]


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_the_same_map_is_the_same_file(values, tmp_path, monkeypatch, ending):
    """Whatever the time and the folder."""
    written = []
    for name, now in (("a", 1e9), ("b", 1.5e9)):
        (tmp_path / name).mkdir()
        monkeypatch.setattr("time.time", lambda now=now: now)
        files = write_map(tmp_path / name / f"map{ending}", values, RECORD, grid=None)
        written.append([file.read_bytes() for file in files])
    assert written[0] == written[1]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_full_disk_is_one_error_with_every_python(tmp_path, rng, monkeypatch):
    """Nothing is tried again, in vain, when gzip's own buffer is freed."""
    later = []
    monkeypatch.setattr(sys, "unraisablehook", later.append)
    for side in (10, 40):
        values = rng.random((side, side, side), np.float32)
        with (
            files_up_to(2000),
            pytest.raises(InputError, match=r"cannot be written \(File too large\)"),
        ):
            write_map(tmp_path / "map.nii.gz", values, record(), grid=None)
        gc.collect()
    assert not later
    assert not list(tmp_path.iterdir())


def test_the_json_escapes_names_outside_of_utf8(values, tmp_path):
    """JSON escapes what a file name holds and UTF-8 does not."""
    told = record(source="caf\udce9.npz")
    _, sidecar = write_map(tmp_path / "map.nii", values, told, grid=None)
    assert json.loads(sidecar.read_text(encoding="utf-8"))["source"] == told.source
