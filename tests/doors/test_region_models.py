"""nnU-Net's region models: overlapping channels, from the folder to the checks."""

import json

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from scipy.special import expit, xlog1py, xlogy

import napari_uncertainty as nu
from napari_uncertainty.io import open_probabilities
from support.generated import OBLIQUE

REGIONS = {
    "background": 0,
    "whole tumor": [1, 2, 3],
    "tumor core": [2, 3],
    "enhancing tumor": 3,
}
ORDER = (1, 2, 3)


def binary_entropy(p):
    """In bits."""
    return -(xlogy(p, p) + xlog1py(1 - p, -p)) / np.log(2)


def channels(labels, softness=1.5):
    """A probability for each region: soft at its border, whatever the others do."""
    regions = [labels >= label for label in ORDER]
    inside = [
        distance_transform_edt(one) - distance_transform_edt(~one) for one in regions
    ]
    return expit(np.array(inside) / softness).astype(np.float32)


def nnunet_folder(folder, values, affine):
    """As nnU-Net v2 writes a case of a region model."""
    dataset = {
        "labels": REGIONS, "regions_class_order": list(ORDER), "file_ending": ".nii.gz",
    }  # fmt: skip
    (folder / "dataset.json").write_text(json.dumps(dataset))
    np.savez_compressed(folder / "case.npz", probabilities=values.transpose(0, 3, 2, 1))
    labels = np.zeros(values.shape[1:], np.uint8)
    for label, one in zip(ORDER, values, strict=True):
        labels[one > 0.5] = label
    nib.save(nib.Nifti1Image(labels, affine), folder / "case.nii.gz")
    return labels


def balls():
    """Nested balls that are not concentric."""
    places = np.indices((20, 22, 24)).reshape(3, -1).T
    labels = np.zeros(len(places), np.uint8)
    for label, centre, radius in ((1, (9, 10, 11), 8), (2, (9, 9, 11), 5),
                                  (3, (10, 9, 12), 3)):  # fmt: skip
        labels[np.linalg.norm(places - centre, axis=1) < radius] = label
    return labels.reshape(20, 22, 24)


def brain(shared_data):
    """A brain, its white matter, and the middle of that."""
    image = nib.load(shared_data / "brainchop_t1/gwm3_m20_seg_crop.nii.gz")
    found = np.asarray(image.dataobj)[40:80, 60:100, 80:120]
    labels = (found > 0).astype(np.uint8)
    labels[found == 1] = 2
    labels[distance_transform_edt(found == 1) > 3] = 3
    return labels


@pytest.fixture(params=["balls", pytest.param("brain", marks=pytest.mark.shared_data)])
def shapes(request):
    if request.param == "balls":
        return balls()
    return brain(request.getfixturevalue("shared_data"))


def test_a_region_model_is_independent_channels_from_the_folder_to_the_checks(
    tmp_path, shapes
):
    values = channels(shapes)
    labels = nnunet_folder(tmp_path, values, OBLIQUE)
    for path in (tmp_path, tmp_path / "case.npz"):
        opened = open_probabilities(path)
        assert opened.kind == "sigmoid"
        assert opened.class_names == ("whole tumor", "tumor core", "enhancing tumor")
        maps = nu.uncertainty(opened, ("entropy", "least_confidence"))
        truth = binary_entropy(values.astype(np.float64))
        assert truth.max() > 0.9
        np.testing.assert_allclose(maps["entropy"], truth.sum(axis=0), atol=1e-6)
        np.testing.assert_array_equal(maps.prediction, labels)
        assert maps.n_classes == 4
        assert opened.names_as(maps.kind) == ("background", *opened.class_names)
        [check] = [one for one in maps.checks if one.name == "kind"]
        assert check.level == "green"
        assert "Independent channels" in check.sentence
        assert "sum to more than 1" in check.sentence


def test_the_entropy_of_one_region_is_that_of_a_foreground(shapes):
    values = channels(shapes)
    for one in values:
        found = nu.entropy(one[np.newaxis], kind="foreground")
        truth = binary_entropy(one.astype(np.float64))
        np.testing.assert_allclose(found, truth, atol=1e-6)
