"""Files beside an image that are written or linked in other ways."""

import codecs
import json
import unicodedata

import nibabel as nib
import numpy as np
import pytest

import napari_uncertainty as nu
from support.generated import OBLIQUE, softmax

NAMES = ("background", "tumour", "Ödem")
TEXT = json.dumps(
    {"labels": {name: label for label, name in enumerate(NAMES)}}, ensure_ascii=False
)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n"


def write(folder, name="case", twin=True):
    """A case as nnU-Net writes it; returns the file."""
    values = softmax(np.random.default_rng(5), (3, 5, 6, 7)).astype(np.float32)
    path = folder / f"{name}.npz"
    np.savez(path, probabilities=values.transpose(0, 3, 2, 1))
    if twin:
        labels = values.argmax(axis=0).astype(np.uint8)
        nib.Nifti1Image(labels, OBLIQUE).to_filename(folder / f"{name}.nii.gz")
    return path


@pytest.mark.parametrize(
    "content",
    [
        codecs.BOM_UTF8 + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("cp1252"),
        TEXT.encode(),
    ],
    ids=["byte order mark", "UTF-16", "Windows-1252", "UTF-8"],
)
def test_names_are_read_in_the_encodings_of_editors(tmp_path, content):
    path = write(tmp_path)
    (tmp_path / "dataset.json").write_bytes(content)
    opened = nu.read(path)
    assert (opened.class_names, opened.note) == (NAMES, "")
    assert opened.geometry_source == tmp_path / "case.nii.gz"


@pytest.mark.parametrize(
    ("content", "said"), [(b"{", "cannot be read"), (LFS, "git lfs pull")]
)
def test_what_cannot_be_read_costs_a_note(tmp_path, content, said):
    path = write(tmp_path)
    (tmp_path / "dataset.json").write_bytes(content)
    opened = nu.read(path)
    assert opened.class_names == ("class 0", "class 1", "class 2")
    assert said in opened.note


def test_links_that_were_not_fetched_are_named(tmp_path):
    path = write(tmp_path, twin=False)
    target = ".git/annex/objects/aa/bb/SHA256E-s3--12.nii.gz"
    (tmp_path / "case.nii.gz").symlink_to(target)
    (tmp_path / "dataset.json").symlink_to("elsewhere.json")
    opened = nu.read(path)
    assert opened.grid is None
    assert opened.place_note.startswith("case.nii.gz is a link to a file that is not")
    assert "git annex get" in opened.place_note
    assert "dataset.json is a link to a file that is not there, so" in opened.note


def test_a_pointer_of_git_lfs_gives_no_place_and_stops_nothing(tmp_path):
    path = write(tmp_path, twin=False)
    (tmp_path / "case.nii.gz").write_bytes(LFS)
    assert "case.nii.gz is a pointer of Git LFS" in nu.read(path).place_note


@pytest.mark.parametrize(("own", "other"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_are_the_same_however_they_are_written(tmp_path, own, other):
    path = write(tmp_path, unicodedata.normalize(own, "José-1"))
    twin = path.with_name(path.name.replace(".npz", ".nii.gz"))
    there = tmp_path / unicodedata.normalize(other, twin.name)
    twin.rename(there)
    assert nu.read(path).geometry_source == there
