"""What is opened for the viewer, without one."""

import nibabel as nib
import numpy as np
import pytest

from napari_uncertainty import ProbabilityMap, Scan
from napari_uncertainty.plugin.reader import open_path
from support.generated import OBLIQUE, softmax


@pytest.mark.parametrize("name", ["passes.nii", "passes.nii.gz"])
def test_members_along_the_fifth_axis_of_an_image(tmp_path, rng, name):
    passes = [softmax(rng, (3, 5, 6, 7)) for _ in range(4)]
    values = np.stack([np.moveaxis(one, 0, -1) for one in passes], axis=-1)
    nib.Nifti1Image(values, OBLIQUE).to_filename(tmp_path / name)
    opened = open_path(tmp_path / name)
    assert [one.name for one in opened] == [f"passes pass {n}" for n in (1, 2, 3, 4)]
    for one, expected in zip(opened, passes, strict=True):
        assert isinstance(one, ProbabilityMap)
        np.testing.assert_array_equal(one.values, expected)


def test_an_image_of_five_axes_that_do_not_sum_to_1_is_a_scan(tmp_path, rng):
    values = (1000 * rng.random((5, 6, 7, 3, 2))).astype(np.float32)
    nib.Nifti1Image(values, OBLIQUE).to_filename(tmp_path / "echoes.nii.gz")
    [scan] = open_path(tmp_path / "echoes.nii.gz")
    assert isinstance(scan, Scan)
    np.testing.assert_array_equal(scan.data, values)
