"""Promised numbers of real scans; generated data test the same code elsewhere."""

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import binary_dilation, find_objects

import napari_uncertainty as nu
from napari_uncertainty.io import open_volume
from napari_uncertainty.plugin.viewer.layers import to_layer

pytestmark = pytest.mark.shared_data

# float16 storage turns a few near ties.
ALMOST_ALL = 0.99999


@pytest.mark.parametrize(
    ("scan", "labels", "probabilities", "total", "mean", "maximum"),
    [
        (
            "feta_sub-007/T1.nii.gz",
            "feta_sub-007/fold_0/sub-007.nii.gz",
            "feta_sub-007/fold_0/sub-007.npz",
            *(1_066_668, 0.063578, 2.99029),
        ),
        (
            "feta_sub-007/T1.nii.gz",
            "feta_sub-007/fold_1/sub-007.nii.gz",
            "feta_sub-007/fold_1/sub-007.npz",
            *(460_690.5, 0.0274593, 2.79438),
        ),
        (
            "brainchop_t1/gwm3_m20_T1_crop.nii.gz",
            "brainchop_t1/gwm3_m20_seg_crop.nii.gz",
            "brainchop_t1/gwm3_m20_crop_probabilities_f16.npz",
            *(665_827.2, 0.1430285, None),
        ),
    ],
    ids=["feta fold 0", "feta fold 1", "brainchop"],
)
def test_a_real_case_has_the_known_entropy_and_lies_on_its_scan(
    shared_data, scan, labels, probabilities, total, mean, maximum
):
    """All that is promised of it at once, because reading it takes longest."""
    given = open_volume(shared_data / probabilities)
    maps = nu.uncertainty(given)
    entropy = maps["entropy"]
    assert entropy.sum(dtype=np.float64) == pytest.approx(total, rel=1e-5)
    assert entropy.mean(dtype=np.float64) == pytest.approx(mean, rel=1e-5)
    if maximum is not None:
        assert entropy.max() == pytest.approx(maximum, rel=1e-5)
    stored = open_volume(shared_data / labels)
    assert (maps.prediction == stored.data).mean() > ALMOST_ALL
    check_coincidence(shared_data / scan, stored, given)
    if "fold_1" in probabilities:
        check_contours(entropy, maps.prediction)


def check_coincidence(scan, labels, probabilities):
    layers = [to_layer(one) for one in (open_volume(scan), labels, probabilities)]
    assert [kind for _, _, kind in layers] == ["image", "labels", "image"]
    scan_options, label_options, options = (entry[1] for entry in layers)
    for name in ("scale", "translate"):
        np.testing.assert_allclose(
            scan_options[name], options[name][1:], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            label_options[name], options[name][1:], rtol=0, atol=1e-5
        )
    # Every other voxel along each axis is enough to see how the layers lie.
    some = (slice(None, None, 2),) * 3
    predicted = np.asarray(layers[2][0])[(slice(None), *some)].argmax(axis=0)
    stored = np.asarray(layers[1][0])[some]
    assert (predicted == stored).mean() > ALMOST_ALL
    # Each voxel is where nibabel says, along the scan's own axes.
    source = nib.load(scan)
    grid = nu.Grid(source.shape, source.affine)
    for corner in np.ndindex(2, 2, 2):
        voxel = np.array(corner) * (np.array(source.shape) - 1)
        ras = nib.affines.apply_affine(source.affine, voxel)
        expected = -(grid.directions.T @ ras)[::-1]
        low = np.array(scan_options["translate"])
        high = low + np.array(scan_options["scale"]) * (
            np.array(layers[0][0].shape) - 1
        )
        at_corner = np.isclose(expected, low, atol=1e-3) | np.isclose(
            expected, high, atol=1e-3
        )
        assert at_corner.all()


def check_contours(entropy, labels):
    """The article's observation, with numbers."""
    total = entropy.sum(dtype=float)
    [head] = find_objects((labels > 0).astype(np.uint8))
    around = tuple(slice(max(0, side.start - 3), side.stop + 3) for side in head)
    entropy, labels = entropy[around], labels[around]
    boundary = np.zeros(labels.shape, bool)
    for axis in range(3):
        ahead = [slice(None)] * 3
        behind = [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        differs = labels[tuple(ahead)] != labels[tuple(behind)]
        boundary[tuple(ahead)] |= differs
        boundary[tuple(behind)] |= differs
    interior = (labels > 0) & ~boundary
    assert entropy[boundary].mean() > 3 * entropy[interior].mean()
    near = binary_dilation(boundary, iterations=2)
    assert entropy[near].sum(dtype=float) > 0.7 * total
