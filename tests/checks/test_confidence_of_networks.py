"""Numbers of confidence against counting, and the hint that a network is too sure."""

import numpy as np
import pytest
from scipy.ndimage import (
    gaussian_filter,
    generate_binary_structure,
    grey_dilation,
    grey_erosion,
)

import napari_uncertainty as nu
from napari_uncertainty.checks.confidence import (
    iter_check_confidence,
    iter_confidence_of,
)
from napari_uncertainty.engine import blocks
from napari_uncertainty.steps import run
from support.generated import softmax

BOTH = ("entropy", "least_confidence")


def beside_a_border(labels):
    """Voxels with another label at a face: highest and lowest in a cross differ."""
    cross = generate_binary_structure(labels.ndim, 1)
    return grey_dilation(labels, footprint=cross) != grey_erosion(
        labels, footprint=cross
    )


def blobs(rng, shape, sharpness):
    """Four classes in smooth blobs, as surely as wanted."""
    fields = [gaussian_filter(rng.standard_normal(shape), 4) for _ in range(4)]
    scores = sharpness * np.array(fields) / np.std(fields)
    exps = np.exp(scores - scores.max(axis=0))
    return exps / exps.sum(axis=0)


@pytest.mark.parametrize("slab", [1 << 20, 200])
@pytest.mark.parametrize("order", ["C", "F"])
def test_confidence_equals_plain_counting(rng, monkeypatch, slab, order):
    monkeypatch.setattr(blocks, "SLAB_VOXELS", slab)
    p = np.asarray(blobs(rng, (14, 15, 16), 8), order=order)
    p[:, 3:5, 2:9, 4:12] = 0
    maps = nu.uncertainty(p, BOTH)
    found = run(
        iter_confidence_of(maps["least_confidence"], maps.prediction, maps.no_data)
    )
    known = p.sum(axis=0) > 0
    best, labels = p.max(axis=0), p.argmax(axis=0)
    for part, which in {
        "": known,
        "foreground_": known & (labels != 0),
        "border_": known & beside_a_border(labels),
    }.items():
        assert which.any()
        mean, above = getattr(found, f"{part}mean"), getattr(found, f"{part}above")
        assert mean == pytest.approx(best[which].mean(), abs=1e-6)
        assert above == pytest.approx((best[which] > 0.99).mean(), abs=1e-6)


def test_flat_images_and_single_voxels_have_a_confidence(rng):
    flat = nu.uncertainty(softmax(rng, (3, 9, 10)), BOTH)
    found = run(
        iter_confidence_of(flat["least_confidence"], flat.prediction, flat.no_data)
    )
    assert 1 / 3 < found.border_mean < 1
    one = nu.uncertainty(np.array([0.25, 0.75]), BOTH)
    found = run(
        iter_confidence_of(one["least_confidence"], one.prediction, one.no_data)
    )
    assert (found.mean, found.foreground_mean) == (0.75, 0.75)
    assert np.isnan(found.border_mean)
    assert found.to_dict()["border_above"] is None


def test_sure_in_the_middle_and_not_at_borders_is_as_it_should_be(rng):
    check = run(
        iter_check_confidence(nu.uncertainty(blobs(rng, (30, 30, 30), 6), BOTH))
    )
    assert (check.name, check.level) == ("confidence", "green")
    assert f"{check.numbers['foreground_mean']:.3f} in the foreground" in check.sentence


def test_sure_even_at_borders_is_told(rng):
    check = run(
        iter_check_confidence(nu.uncertainty(blobs(rng, (30, 30, 30), 400), BOTH))
    )
    assert check.level == "amber"
    assert check.numbers["border_above"] > 0.5
    assert "surer than it is right" in check.sentence


def test_nothing_to_be_sure_of():
    with pytest.warns(nu.UncertaintyWarning, match="No voxel has data"):
        maps = nu.uncertainty(np.zeros((3, 4, 5, 6)), BOTH)
    check = run(iter_check_confidence(maps))
    assert check.level == "amber"
    assert check.numbers["mean"] is None
