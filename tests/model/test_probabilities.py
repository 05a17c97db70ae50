"""Finding the class axis from the values, and refusing what has none."""

import numpy as np
import pytest

from napari_uncertainty import InputError, ProbabilityMap
from napari_uncertainty.model.probabilities import (
    find_class_axis,
    refuse_label_map,
    require_class_axis,
    scale_of,
)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_the_class_axis_is_found_anywhere(probabilities, axis):
    assert find_class_axis(np.moveaxis(probabilities, 0, axis)) == axis


def test_no_data_voxels_do_not_vote(probabilities):
    values = probabilities.copy()
    values[:, :3] = 0
    values[0, 4] = np.nan
    assert find_class_axis(values) == 0


def test_float16_sums_are_close_enough(probabilities):
    assert find_class_axis(probabilities.astype(np.float16)) == 0


def test_the_scale_of_integers_is_found(probabilities):
    stored = np.rint(probabilities * 255).astype(np.uint8)
    assert find_class_axis(stored) == 0
    assert scale_of(stored, 0) == pytest.approx(255, abs=1)
    assert scale_of(probabilities, 0) == 1


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda p: p.argmax(axis=0), "label map"),
        (lambda p: (1000 * p[1]).astype(np.int16), "label map or a scan"),
        (lambda p: np.log(p), "negative"),
        (lambda p: p * 3, "along no axis"),
        (lambda p: np.full_like(p, np.nan), "no values but 0, NaN"),
        (lambda p: np.zeros_like(p), "no values but 0, NaN"),
        (lambda p: p[:, 0, 0, 0] * 2, "only one axis"),
        (lambda p: p.astype(complex), "real numbers"),
    ],
)
def test_what_is_wrong_is_said(probabilities, make, why):
    with pytest.raises(InputError, match=why):
        require_class_axis(make(probabilities), "X")


def test_one_hot_integers_are_probabilities(probabilities):
    one_hot = np.eye(4, dtype=np.uint8)[:, probabilities.argmax(axis=0)]
    refuse_label_map(one_hot, 0)
    assert require_class_axis(one_hot, "X") == 0


def test_names_and_grid_have_to_fit(probabilities):
    with pytest.raises(InputError, match="2 class names do not fit 4 classes"):
        ProbabilityMap(probabilities, ("a", "b"))
