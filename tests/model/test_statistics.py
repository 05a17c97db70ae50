"""Numbers that sum a map up, against plain numpy."""

import numpy as np
import pytest

from napari_uncertainty.analysis.statistics import map_statistics


@pytest.fixture
def masks(rng):
    values = rng.random((5, 6, 7)).astype(np.float32)
    no_data = rng.random(values.shape) < 0.1
    values[no_data] = 0
    return values, no_data, rng.random(values.shape) < 0.4


def test_numbers_of_a_map_leave_out_voxels_without_data(masks):
    values, no_data, foreground = masks
    numbers = map_statistics(*masks)
    with_data = values[~no_data].astype(np.float64)
    assert numbers.no_data == no_data.sum()
    assert numbers.voxels == with_data.size
    assert numbers.total == pytest.approx(with_data.sum(), rel=1e-12)
    assert numbers.mean == pytest.approx(with_data.mean(), rel=1e-12)
    assert numbers.maximum == with_data.max()
    inside = values[foreground & ~no_data].astype(np.float64)
    assert numbers.foreground_voxels == inside.size
    assert numbers.foreground_mean == pytest.approx(inside.mean(), rel=1e-12)


def test_numbers_of_the_foreground_leave_out_the_background(masks):
    values, no_data, foreground = masks
    numbers = map_statistics(*masks, foreground_only=True)
    inside = values[foreground & ~no_data].astype(np.float64)
    assert numbers.voxels == inside.size
    assert numbers.total == pytest.approx(inside.sum(), rel=1e-12)
    assert numbers.mean == pytest.approx(inside.mean(), rel=1e-12)
    assert numbers.maximum == inside.max()


def test_without_data_the_mean_is_0():
    nothing = np.zeros((2, 2), bool)
    numbers = map_statistics(np.zeros((2, 2), np.float32), ~nothing, nothing)
    assert (numbers.voxels, numbers.no_data, numbers.mean) == (0, 4, 0.0)
