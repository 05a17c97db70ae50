"""A folder stands for the one case in it."""

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.io import open_probabilities, open_volume
from napari_uncertainty.io.map_files import write_map
from support.generated import OBLIQUE, softmax
from support.records import record


def save(path, data):
    nib.Nifti1Image(np.asarray(data, np.float32), OBLIQUE).to_filename(path)
    return path


@pytest.fixture
def folder(tmp_path, rng):
    """A scan, a segmentation, a map, and what does not count at all."""
    folder = tmp_path / "case"
    (folder / "deeper").mkdir(parents=True)
    save(folder / "T1w.nii.gz", 100 * rng.random((6, 7, 8)))
    save(folder / "seg.nii.gz", rng.integers(0, 3, (6, 7, 8)))
    write_map(
        folder / "old_entropy.nii.gz",
        rng.random((6, 7, 8)),
        record(),
        grid=None,
    )
    for name in ("notes.txt", "plans.pkl", "dataset_fingerprint.json", ".hidden.npz"):
        (folder / name).touch()
    (folder / "deeper" / "other.npz").touch()
    (folder / "folder.npz").mkdir()
    return folder


@pytest.fixture
def values(rng):
    return softmax(rng, (3, 6, 7, 8))


def test_a_folder_with_one_image_opens_it(folder, values):
    path = save(folder / "softmax.nii.gz", np.moveaxis(values, 0, -1))
    opened = open_probabilities(folder)
    assert opened.source == path
    np.testing.assert_array_equal(nu.read(folder).values, values)
    np.testing.assert_array_equal(open_volume(folder).values, values)


def test_a_folder_with_one_mgz_opens_it(folder, values):
    path = folder / "softmax.mgz"
    nib.MGHImage(np.moveaxis(values, 0, -1), OBLIQUE).to_filename(path)
    assert open_probabilities(folder).source == path


@pytest.mark.parametrize("ending", [".npz", ".npy"])
def test_a_folder_with_one_array_opens_it(folder, values, ending):
    save_array = np.savez if ending == ".npz" else np.save
    save_array(folder / f"a{ending}", values)
    assert open_probabilities(folder).source == folder / f"a{ending}"


def test_options_are_those_of_the_file(folder, values):
    np.savez(folder / "a.npz", first=values, second=np.moveaxis(values, 0, 2))
    opened = nu.read(folder, array="second", class_axis=2)
    assert opened.values.shape[0] == 3
    with pytest.raises(InputError, match="Name the one that is meant"):
        nu.read(folder)


def test_a_folder_of_nnunet_opens_its_archive_with_names(case_folder):
    opened = open_probabilities(case_folder)
    assert opened.source == case_folder / "case.npz"
    assert opened.class_names == ("background", "left", "right", "stem")


def test_a_folder_with_a_zarr_array_opens_it(folder, values):
    import zarr

    group = zarr.open_group(folder / "prediction.zarr", mode="w")
    group["probabilities"] = values
    opened = open_probabilities(folder)
    np.testing.assert_array_equal(np.asarray(opened.values).shape[0], 3)


def test_several_cases_in_a_folder_are_listed(folder, values):
    for number in range(7):
        np.save(folder / f"a{number}.npy", values)
    with pytest.raises(
        InputError, match=r"several cases \(a0\.npy, .* a4\.npy and 2 more\); open one"
    ):
        open_probabilities(folder)


def test_a_family_counts_as_one_case(folder, values):
    for number in range(3):
        save(folder / f"x_pve_{number}.nii.gz", values[number])
    assert open_probabilities(folder).name == "x"
    np.save(folder / "a.npy", values)
    with pytest.raises(InputError, match=r"several cases \(a\.npy, x_pve_0\.nii\.gz\)"):
        open_probabilities(folder)


def test_a_folder_without_probabilities_is_refused(folder):
    with pytest.raises(InputError, match="case there are no class probabilities"):
        open_probabilities(folder)


def test_a_damaged_image_is_told(folder):
    (folder / "softmax.nii.gz").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"softmax\.nii\.gz cannot be read"):
        open_probabilities(folder)
