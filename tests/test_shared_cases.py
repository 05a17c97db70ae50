"""Promised numbers of real scans; generated data test the same code elsewhere."""

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import binary_dilation

import napari_uncertainty as nu
from napari_uncertainty.plugin.layers import to_layer

pytestmark = pytest.mark.shared_data

FETA = [
    ("feta_sub-007/fold_0/sub-007.npz", 1_066_668, 0.063578, 2.99029),
    ("feta_sub-007/fold_1/sub-007.npz", 460_690.5, 0.0274593, 2.79438),
    ("brainchop_t1/gwm3_m20_crop_probabilities_f16.npz", 665_827.2, 0.1430285, None),
]


@pytest.mark.parametrize(("name", "total", "mean", "maximum"), FETA)
def test_totals(shared_data, name, total, mean, maximum):
    entropy = nu.entropy(nu.read(shared_data / name))
    assert entropy.sum(dtype=np.float64) == pytest.approx(total, rel=1e-5)
    assert entropy.mean(dtype=np.float64) == pytest.approx(mean, rel=1e-5)
    if maximum is not None:
        assert entropy.max() == pytest.approx(maximum, rel=1e-5)


@pytest.mark.parametrize(
    ("scan", "labels", "probabilities"),
    [
        ("T1.nii.gz", "fold_0/sub-007.nii.gz", "fold_0/sub-007.npz"),
        ("T1.nii.gz", "fold_1/sub-007.nii.gz", "fold_1/sub-007.npz"),
    ],
)
def test_feta_coincides(shared_data, scan, labels, probabilities):
    folder = shared_data / "feta_sub-007"
    check_coincidence(folder / scan, folder / labels, folder / probabilities)


def test_brainchop_coincides(shared_data):
    folder = shared_data / "brainchop_t1"
    check_coincidence(
        folder / "gwm3_m20_T1_crop.nii.gz",
        folder / "gwm3_m20_seg_crop.nii.gz",
        folder / "gwm3_m20_crop_probabilities_f16.npz",
    )


def check_coincidence(scan, labels, probabilities):
    from napari_uncertainty.io import open_volume

    layers = [to_layer(open_volume(path)) for path in (scan, labels, probabilities)]
    assert [kind for _, _, kind in layers] == ["image", "labels", "image"]
    scan_options, label_options, options = (entry[1] for entry in layers)
    for name in ("scale", "translate"):
        np.testing.assert_allclose(
            scan_options[name], options[name][1:], rtol=0, atol=1e-5
        )
        np.testing.assert_allclose(
            label_options[name], options[name][1:], rtol=0, atol=1e-5
        )
    predicted = np.asarray(layers[2][0]).argmax(axis=0)
    stored = np.asarray(layers[1][0])
    # float16 storage turns a few near ties.
    assert (predicted == stored).mean() > 0.99999
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


def test_uncertainty_sits_at_the_contours(shared_data):
    """The article's observation, with numbers."""
    probabilities = nu.read(shared_data / "feta_sub-007/fold_1/sub-007.npz")
    maps = nu.uncertainty(probabilities)
    labels = maps.prediction
    boundary = np.zeros(labels.shape, bool)
    for axis in range(3):
        ahead = [slice(None)] * 3
        behind = [slice(None)] * 3
        ahead[axis], behind[axis] = slice(1, None), slice(None, -1)
        differs = labels[tuple(ahead)] != labels[tuple(behind)]
        boundary[tuple(ahead)] |= differs
        boundary[tuple(behind)] |= differs
    interior = (labels > 0) & ~boundary
    entropy = maps["entropy"]
    assert entropy[boundary].mean() > 3 * entropy[interior].mean()
    near = binary_dilation(boundary, iterations=2)
    assert entropy[near].sum(dtype=float) > 0.7 * entropy.sum(dtype=float)
