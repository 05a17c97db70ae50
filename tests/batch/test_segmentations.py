"""Which segmentation belongs to which case."""

from pathlib import Path

import pytest

from napari_uncertainty import InputError
from napari_uncertainty.batch.inputs import find_segmentations

CASES = ["a", "b", "c.01"]


def touch(folder, *names):
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_one_file_is_for_all(tmp_path):
    touch(tmp_path, "seg.nii.gz")
    found = find_segmentations(tmp_path / "seg.nii.gz", CASES)
    assert found == [tmp_path / "seg.nii.gz"] * 3


def test_a_folder_has_one_named_like_each_input(tmp_path):
    touch(tmp_path, "a.nii.gz", "b.nii", "c.01.nii.gz", "c.nii.gz")
    assert find_segmentations(tmp_path, CASES) == [
        tmp_path / "a.nii.gz",
        tmp_path / "b.nii",
        tmp_path / "c.01.nii.gz",
    ]


def test_of_two_segmentations_the_compressed_one_is_taken(tmp_path):
    touch(tmp_path, "a.nii", "a.nii.gz")
    assert find_segmentations(tmp_path, CASES[:1]) == [tmp_path / "a.nii.gz"]


def test_one_that_is_missing_stops_nothing(tmp_path):
    touch(tmp_path, "b.nii")
    found = find_segmentations(tmp_path, CASES)
    assert [path.is_file() for path in found] == [False, True, False]
    assert found[0].name == "a.nii.gz"


def test_subfolders_are_not_searched(tmp_path):
    touch(tmp_path / "below", "a.nii.gz")
    [found] = find_segmentations(tmp_path, CASES[:1])
    assert not found.is_file()


def test_one_path_however_it_is_written(tmp_path, monkeypatch):
    """Else a case would be computed anew for the way in which its file is named."""
    touch(tmp_path / "labels", "a.nii.gz")
    expected = [tmp_path / "labels" / "a.nii.gz"]
    monkeypatch.chdir(tmp_path / "labels")
    for given in (".", "../labels", "a.nii.gz", "../labels/./a.nii.gz"):
        assert find_segmentations(Path(given), CASES[:1]) == expected


def test_a_path_that_is_neither_file_nor_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"There is no segmentation and no folder"):
        find_segmentations(tmp_path / "none", CASES)
