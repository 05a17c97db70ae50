"""One name for each case."""

from pathlib import Path

import pytest

from napari_uncertainty.batch.inputs import case_names
from napari_uncertainty.io.endings import ending as ending_of
from napari_uncertainty.io.endings import stem


def names(*paths, measures=("entropy",)):
    return case_names([Path("/data", path) for path in paths], measures)


def test_a_case_is_called_like_its_file():
    assert names("sub-007.npz", "a.b.nii.gz", "c.NII", "d.npy") == [
        "sub-007",
        "a.b",
        "c",
        "d",
    ]


def test_every_ending_is_taken_off():
    endings = "a.mgz", "b.h5", "c.zarr", "d.ome.zarr", "e.hdf5", "f.MGH", "g.x.zarr"
    assert names(*endings) == ["a", "b", "c", "d", "e", "f", "g.x"]
    assert names("s.mgz", "s.ome.zarr", "s.h5") == ["s_mgz", "s_zarr", "s_h5"]


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (("sub_pve_0.nii.gz", "sub_pve_1.nii.gz"), "sub"),
        (("c1sub-01.nii", "c2sub-01.nii"), "sub-01"),
        (("xSegmentationPosteriors1.nii", "xSegmentationPosteriors2.nii"),
         "xSegmentation"),
        (("s_label-GM_probseg.nii", "s_label-WM_probseg.nii"), "s"),
        (("sub_pve_0.nii.gz",), "sub_pve_0"),
    ],
)  # fmt: skip
def test_files_of_one_class_each_are_called_by_what_they_share(tmp_path, files, name):
    for file in files:
        (tmp_path / file).touch()
    assert case_names([tmp_path / files[0]], ["entropy"]) == [name]


def test_files_of_one_name_get_the_names_of_their_folders():
    assert names("fold_0/sub-007.npz", "fold_1/sub-007.npz", "fold_1/sub-8.npz") == [
        "fold_0_sub-007",
        "fold_1_sub-007",
        "sub-8",
    ]


def test_only_folders_that_differ_are_put_in_front():
    assert names("a/validation/s.npz", "b/validation/s.npz") == ["a_s", "b_s"]
    assert names("a/x/s.npz", "b/x/s.npz", "b/y/s.npz") == ["a_x_s", "b_x_s", "b_y_s"]


def test_a_file_beside_folders_gets_the_name_of_its_own_folder():
    assert names("fold_0/s.npz", "s.npz") == ["fold_0_s", "data_s"]


def test_files_of_one_name_in_a_folder_get_their_endings():
    assert names("s.nii.gz", "s.npy", "s.npz") == ["s_nii_gz", "s_npy", "s_npz"]
    assert names("a/s.npy", "a/s.npz", "b/s.npz") == ["a_s_npy", "a_s_npz", "b_s"]


def test_names_differ_in_more_than_upper_case_and_composed_letters():
    assert names("Sub.npz", "sub.npz") == ["Sub_npz", "sub_npz_2"]
    # The same letters, composed and not.
    first, second = names("é.npz", "e\u0301.npz")
    assert first != second


def test_a_name_that_another_file_has_gets_a_number():
    assert names("a/s.npz", "a_s.npz", "b/s.npz") == ["a_s", "a_s_2", "b_s"]


def test_names_with_measures_differ_from_each_other():
    measures = ("predictive_entropy", "entropy")
    assert names("s.npz", "s_predictive.npz", measures=measures) == [
        "s",
        "s_predictive_2",
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ('a:b*c?"d"<e>|f', "a_b_c__d__e__f"),
        ("tab\tand\nline", "tab_and_line"),
        ("...", "case"),
        (" . x . ", "x"),
        ("caf\udce9", "caf_"),
        ("größe", "größe"),
        ("ß" * 300, "ß" * 90),
    ],
)
def test_signs_that_a_file_system_refuses_are_replaced(given, name):
    assert names(f"{given}.npz") == [name]


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("a.npz", ".npz"),
        ("a.b.NPZ", ".NPZ"),
        ("a.nii.gz", ".nii.gz"),
        ("....npz", ".npz"),
        ("..npz", ".npz"),
        (".npz", ""),
        ("a.", ""),
        ("a", ""),
    ],
)
def test_a_name_between_dots_has_the_same_stem_with_every_python(name, ending):
    """Pathlib has changed its mind on dots in front and at the end."""
    assert ending_of(Path(name)) == ending
    assert stem(Path(name)) == name.removesuffix(ending)


def test_long_names_stay_different():
    first, second = names(f"{'x' * 300}1.npz", f"{'x' * 300}2.npz")
    assert first != second
    assert max(len(first), len(second)) < 200
