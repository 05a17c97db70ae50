"""Which files a word on the command line stands for."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import InputError
from napari_uncertainty.batch.inputs import find_inputs


def nifti(path, shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.Nifti1Image(np.zeros(shape, np.uint8), np.eye(4)).to_filename(path)
    return path


def empty(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def found(folder, *words, output="out"):
    inputs = find_inputs([str(folder / word) for word in words], folder / output)
    return [str(path.relative_to(folder)) for path in inputs]


@pytest.fixture
def study(tmp_path):
    """A folder as nnU-Net leaves it, with this and that besides."""
    for name in ("sub-1.npz", "sub-1.pkl", "dataset.json", "fold_1/sub-2.npy"):
        empty(tmp_path / name)
    nifti(tmp_path / "sub-1.nii.gz", (2, 3, 4))
    nifti(tmp_path / "T1w.nii", (2, 3, 4))
    nifti(tmp_path / "T1w_4d_of_one.nii", (2, 3, 4, 1))
    nifti(tmp_path / "fold_1" / "softmax.nii.gz", (2, 3, 4, 5))
    empty(tmp_path / ".hidden.npz")
    empty(tmp_path / ".cache" / "copy.npz")
    return tmp_path


def test_a_folder_is_searched(study):
    assert found(study, ".") == [
        "fold_1/softmax.nii.gz",
        "fold_1/sub-2.npy",
        "sub-1.npz",
    ]


def test_the_output_folder_is_left_out(study):
    empty(study / "out" / "old.npz")
    empty(study / "out" / "deeper" / "old.npz")
    assert not [name for name in found(study, ".") if "out" in name]
    assert not [name for name in found(study, "**/*.npz") if "out" in name]
    assert not [name for name in found(study, "*") if "out" in name]
    # Unless that is where to search: maps have three axes and are no inputs.
    nifti(study / "out" / "old_entropy.nii.gz", (2, 3, 4))
    assert found(study, "out") == ["out/deeper/old.npz", "out/old.npz"]
    assert found(study, "out/*.n*") == ["out/old.npz"]


def test_an_unreadable_header_is_an_input_but_a_twin_is_not(study):
    (study / "damaged.nii.gz").write_bytes(b"no image")
    (study / "sub-1.nii.gz").write_bytes(b"no image")
    assert "damaged.nii.gz" in found(study, ".")
    assert "sub-1.nii.gz" not in found(study, ".")


@pytest.mark.parametrize("name", ["T1w.nii", "none.npz", "notes.txt", "sub-1.pkl"])
def test_a_named_file_is_an_input(study, name):
    assert found(study, name) == [name]


def test_patterns_find_files_and_folders(study):
    assert found(study, "*.npz") == ["sub-1.npz"]
    assert found(study, "*") == [
        "fold_1/softmax.nii.gz",
        "fold_1/sub-2.npy",
        "sub-1.npz",
    ]
    assert found(study, "**/*.np[yz]") == ["fold_1/sub-2.npy", "sub-1.npz"]
    assert found(study, "fold_?") == ["fold_1/softmax.nii.gz", "fold_1/sub-2.npy"]


def test_a_file_with_brackets_in_its_name_is_no_pattern(study):
    empty(study / "sub-[1].npz")
    assert found(study, "sub-[1].npz") == ["sub-[1].npz"]


@pytest.mark.parametrize("word", ["*.mgh", "empty", "fold_9/*"])
def test_a_word_that_leads_to_nothing_is_refused(study, word):
    (study / "empty").mkdir()
    with pytest.raises(InputError, match="leads to no class probabilities"):
        found(study, ".", word)


def test_each_file_is_found_once(study, monkeypatch):
    (study / "again").symlink_to(study / "fold_1")
    monkeypatch.chdir(study)
    inputs = find_inputs(
        ["sub-1.npz", "./fold_1/../sub-1.npz", str(study), "again/sub-2.npy"],
        Path("out"),
    )
    assert len(inputs) == 3
    assert all(path.is_absolute() for path in inputs)


def test_links_to_files_stay_where_they_are(study, tmp_path):
    """As in a data set under git-annex, where contents lie elsewhere."""
    stored = empty(tmp_path / ".annex" / "key-of-two-equal-files")
    (tmp_path / "data").mkdir()
    for name in ("a.npz", "b.npz"):
        (tmp_path / "data" / name).symlink_to(stored)
    (tmp_path / "data" / "not_fetched.npz").symlink_to(tmp_path / "nowhere")
    assert found(tmp_path, "data") == [
        "data/a.npz",
        "data/b.npz",
        "data/not_fetched.npz",
    ]


def test_a_folder_that_cannot_be_searched_is_an_input(study, monkeypatch):
    """So that it fails by name and the others go on."""
    real = os.scandir

    def refuse(folder):
        if str(folder).endswith("fold_1"):
            raise PermissionError(13, "Permission denied", folder)
        return real(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found(study, ".") == ["fold_1", "sub-1.npz"]


def one_class_each(folder, *names):
    return [nifti(folder / f"{name}.nii.gz", (2, 3, 4)) for name in names]


def test_a_family_is_one_input(tmp_path):
    nifti(tmp_path / "T1_seg.nii.gz", (2, 3, 4))
    one_class_each(tmp_path, "T1_pve_0", "T1_pve_1", "T1_pve_2", "T1_pveseg")
    one_class_each(tmp_path / "deeper", "aPosteriors1", "aPosteriors2")
    one_class_each(tmp_path / "deeper", "bPosteriors1")
    first, second = "T1_pve_0.nii.gz", "deeper/aPosteriors1.nii.gz"
    assert found(tmp_path, ".") == [first, second]
    assert found(tmp_path, "*_pve_[12]*") == [first]
    assert found(tmp_path, "T1_pve_2.nii.gz", "T1_pve_0.nii.gz") == [first]
    assert found(tmp_path, "deeper/bPosteriors1.nii.gz") == [
        "deeper/bPosteriors1.nii.gz"
    ]


def test_a_family_with_a_gap_is_an_input(tmp_path):
    """So that somebody is told."""
    one_class_each(tmp_path, "T1_pve_0", "T1_pve_2")
    assert found(tmp_path, ".") == ["T1_pve_0.nii.gz"]


def test_controls_of_a_study_are_no_tissues(tmp_path):
    """SPM's have eight bits and a slope; these are scans of two people."""
    one_class_each(tmp_path, "c1_T1", "c2_T1")
    nifti(tmp_path / "softmax.nii", (2, 3, 4, 5))
    assert found(tmp_path, ".") == ["softmax.nii"]


def test_an_mgz_is_an_input_if_it_has_classes(tmp_path):
    for name, shape in (("orig", (2, 3, 4)), ("posteriors", (2, 3, 4, 5))):
        image = nib.MGHImage(np.zeros(shape, np.float32), np.eye(4))
        image.to_filename(tmp_path / f"{name}.mgz")
    assert found(tmp_path, ".") == ["posteriors.mgz"]


def test_arrays_of_every_kind_are_inputs(tmp_path):
    for name in ("a.npz", "b.npy", "c.h5", "d.hdf5", "x.zarr/0/inside.npz"):
        empty(tmp_path / name)
    empty(tmp_path / "deeper" / "y.ome.zarr" / "0" / "0.0.0")
    expected = ["a.npz", "b.npy", "c.h5", "d.hdf5", "deeper/y.ome.zarr", "x.zarr"]
    assert found(tmp_path, ".") == expected
    assert found(tmp_path, "*.zarr", "deeper/y.ome.zarr") == [
        "deeper/y.ome.zarr",
        "x.zarr",
    ]


def test_a_flat_image_with_classes_is_an_input(tmp_path):
    nifti(tmp_path / "flat.nii", (5, 6, 1, 3))
    assert found(tmp_path, ".") == ["flat.nii"]
