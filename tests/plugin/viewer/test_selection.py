"""Which layer is what, without a window."""

import nibabel as nib
import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_uncertainty import Grid, InputError, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.plugin.viewer.layer_roles import (
    check_scan_fits,
    rank_for_map,
    rank_scan,
    rank_segmentation,
    role_of,
    same_case,
)
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from support.generated import OBLIQUE, softmax


@pytest.fixture
def net(rng):
    return Image(softmax(rng, (4, 6, 7, 8)), name="net")


def test_roles_are_told_from_values_and_metadata(net, rng):
    assert role_of(net) == "probabilities"
    assert role_of(Image(rng.random((6, 7, 8)))) == "scan"
    assert role_of(Labels(np.zeros((6, 7, 8), int))) == "segmentation"
    assert (
        role_of(Image(rng.random((6, 7)), metadata={METADATA_KEY: {"role": "map"}}))
        == "map"
    )
    pyramid = Image([rng.random((64, 64)), rng.random((32, 32))], multiscale=True)
    assert role_of(pyramid) is None


def test_labels_that_became_an_image_are_a_scan(rng):
    converted = Image(
        rng.random((6, 7, 8)), metadata={METADATA_KEY: {"role": "segmentation"}}
    )
    assert role_of(converted) == "scan"


def test_scan_with_the_same_voxels_ranks_first(net, rng):
    fits, other = Image(rng.random((6, 7, 8))), Image(rng.random((9, 9, 9)))
    assert rank_scan(fits, net) == (True,)
    assert rank_scan(other, net) is None  # no geometry to place it
    assert rank_scan(other, None) == ()
    assert rank_scan(net, net) is None  # it is no scan of itself
    check_scan_fits(net, (6, 7, 8), fits)
    check_scan_fits(net, (6, 7, 8), None)
    check_scan_fits(net, (6, 7, 8), Image(rng.random((3, 6, 7, 8))))  # over time
    with pytest.raises(InputError, match="does not lie on the other"):
        check_scan_fits(net, (6, 7, 8), other)


def placed(affine, rng, shape=(6, 7, 8)):
    scan = Scan(rng.random(shape), Grid(shape, affine), name="T1")
    values = softmax(rng, (4, *shape))
    net = ProbabilityMap(values, tuple("abcd"), Grid(shape, affine), name="net")
    return [Image(data, **options) for data, options, _ in map(to_layer, (scan, net))]


def test_crops_with_geometry_fit(rng):
    scan, _ = placed(OBLIQUE, rng)
    _, crop = placed(OBLIQUE, rng, (3, 4, 5))
    check_scan_fits(crop, (3, 4, 5), scan)
    assert rank_scan(scan, crop) == (False,)


def test_segmentation_on_the_same_voxels(net):
    labels = Labels(np.zeros((6, 7, 8), int))
    assert rank_segmentation(labels, net) == (False, True)
    other = Labels(np.zeros((6, 7, 9), int))
    assert rank_segmentation(other, net) is None


def test_companions_of_logits_and_of_one_channel(rng):
    """Their class axis is known by the shape alone, or there is none."""
    labels, scan = Labels(np.zeros((6, 7, 8), int)), Image(rng.random((6, 7, 8)))
    logits = Image(rng.normal(size=(2, 6, 7, 8)), name="logits")
    channel = Image(rng.random((6, 7, 8)), name="foreground")
    for probabilities in (logits, channel):
        assert rank_segmentation(labels, probabilities) == (False, True)
        assert rank_scan(scan, probabilities) == (True,)
        assert rank_scan(probabilities, probabilities) is None


def test_a_segmentation_fits_if_it_overlaps_in_space(rng):
    _, net = placed(OBLIQUE, rng)
    ranks = []
    for affine, shape in (
        (OBLIQUE, (6, 7, 8)),
        (OBLIQUE, (9, 9, 9)),
        (OBLIQUE @ nib.affines.from_matvec(np.eye(3), (50, 0, 0)), (6, 7, 8)),
    ):
        volume = LabelMap(np.zeros(shape, int), Grid(shape, affine))
        data, options, _ = to_layer(volume)
        ranks.append(rank_segmentation(Labels(data, **options), net))
    assert ranks == [(False, True), (False, False), None]


def test_same_name_in_the_same_folder(net):
    def sourced(path):
        return Labels(np.zeros((2, 2), int), metadata={METADATA_KEY: {"source": path}})

    net.metadata = {METADATA_KEY: {"source": "a/fold_0/case.npz"}}
    assert same_case(sourced("a/fold_0/case.nii.gz"), net)
    assert not same_case(sourced("a/fold_1/case.nii.gz"), net)
    assert not same_case(sourced(""), net)


def test_a_segmentation_of_the_same_case_fits_a_map_best(rng):
    """One of the same case is best, then one with the same voxels."""
    scan, _ = placed(OBLIQUE, rng)

    def segmentation(affine, shape=(6, 7, 8), source=""):
        volume = LabelMap(np.zeros(shape, int), Grid(shape, affine), source=source)
        data, options, _ = to_layer(volume)
        return Labels(data, **options)

    far = OBLIQUE @ nib.affines.from_matvec(np.eye(3), (50, 0, 0))
    scan.metadata[METADATA_KEY]["source"] = "a/case.npz"
    assert rank_for_map(segmentation(OBLIQUE), scan) == (False, True)
    assert rank_for_map(segmentation(OBLIQUE, (9, 9, 9)), scan) == (False, False)
    named = segmentation(OBLIQUE, (9, 9, 9), "a/case.nii.gz")
    assert rank_for_map(named, scan) == (True, False)
    assert rank_for_map(segmentation(far), scan) is None
    # Where no file tells, the shape does.
    assert rank_for_map(Labels(np.zeros(scan.data.shape, int)), scan) == (False, True)
    assert rank_for_map(Labels(np.zeros((6, 7, 9), int)), scan) is None
