"""nnU-Net's regions: independent channels, named in ``dataset.json``.

Layout: https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/region_based_training.md
"""

import json

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import InputError, read
from napari_uncertainty.io import open_members, open_probabilities, open_volume
from support.generated import OBLIQUE

# As the documentation has it, but with labels placed in another order than 1, 2, 3.
LABELS = {
    "background": 0,
    "whole_tumor": [1, 2, 3],
    "tumor_core": [2, 3],
    "enhancing_tumor": 3,
}
ORDER = [2, 1, 3]


@pytest.fixture
def folder(tmp_path, rng):
    """Three overlapping regions with the segmentation that nnU-Net makes of them."""
    channels = rng.random((3, 8, 7, 6)).astype(np.float32)
    labels = np.zeros(channels.shape[1:], np.uint8)
    for channel, label in zip(channels, ORDER, strict=True):
        labels[channel > 0.5] = label
    np.savez_compressed(tmp_path / "case.npz", probabilities=channels)
    image = nib.Nifti1Image(labels.transpose(2, 1, 0), OBLIQUE)
    image.header.set_intent("label")  # noise does not look like labels
    image.to_filename(tmp_path / "case.nii.gz")
    write(tmp_path, LABELS, ORDER)
    return tmp_path


def write(folder, labels, order=None):
    content = {"labels": labels, "file_ending": ".nii.gz"}
    if order is not None:
        content["regions_class_order"] = order
    (folder / "dataset.json").write_text(json.dumps(content))


def test_channels_are_the_regions_in_their_order(folder):
    probabilities = read(folder / "case.npz")
    assert probabilities.kind == "sigmoid"
    assert probabilities.class_names == ("whole_tumor", "tumor_core", "enhancing_tumor")
    assert probabilities.region_order == (2, 1, 3)
    assert probabilities.values.shape == (3, 6, 7, 8)
    assert probabilities.grid is not None
    assert not probabilities.note


def test_members_are_regions_too(folder):
    (member,) = open_members(folder / "case.npz")
    assert (member.kind, member.region_order) == ("sigmoid", (2, 1, 3))


def test_labels_have_the_name_of_the_region_that_writes_them(folder):
    segmentation = open_volume(folder / "case.nii.gz")
    assert segmentation.class_names == {
        0: "background", 2: "whole_tumor", 1: "tumor_core", 3: "enhancing_tumor",
    }  # fmt: skip


@pytest.mark.parametrize(
    "labels",
    [
        {**LABELS, "ignore": 4},
        {**LABELS, "background": [0]},
        {"tumor": [1, 2], "background": 0, "core": [2], "enhancing": [3, 2]},
    ],
)
def test_background_and_what_is_ignored_have_no_channel(folder, labels):
    write(folder, labels, ORDER)
    expected = tuple(name for name in labels if name not in ("background", "ignore"))
    probabilities = open_probabilities(folder / "case.npz")
    assert probabilities.class_names == expected
    assert probabilities.kind == "sigmoid"


def test_single_labels_in_lists_are_classes(folder):
    """nnU-Net takes entries for regions if one of them has several labels."""
    write(folder, {"background": 0, "a": [1], "b": [2]}, [1, 2])
    probabilities = open_probabilities(folder / "case.npz")
    assert probabilities.class_names == ("background", "a", "b")
    assert (probabilities.kind, probabilities.region_order) == (None, ())


def test_regions_of_another_number_than_the_channels_cost_a_note(folder):
    write(folder, {"background": 0, "whole": [1, 2], "core": 2}, [1, 2])
    probabilities = open_probabilities(folder / "case.npz")
    assert probabilities.class_names == ("class 0", "class 1", "class 2")
    assert (probabilities.kind, probabilities.region_order) == (None, ())
    assert "names 2 regions, and there are 3 channels" in probabilities.note


@pytest.mark.parametrize(
    "order",
    [None, [], [1, 2], [1, 2, 3, 4], "123", [1, 2, "3"], [0, 1, 2], [1, 2, 10**9],
     [1, 2, 2.5], [True, 2, 3], {"1": 1}],
)  # fmt: skip
def test_an_order_that_does_not_fit(folder, order):
    write(folder, LABELS, order)
    with pytest.raises(
        InputError, match=r"case.npz lists 3 regions, but no regions_cl"
    ):
        open_probabilities(folder / "case.npz")
    with pytest.raises(InputError, match=r"case.nii.gz lists 3 regions, but no"):
        open_volume(folder / "case.nii.gz")
