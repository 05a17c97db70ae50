"""Real cases in every disguise; generated data test the same code elsewhere."""

import time
from importlib.util import find_spec
from itertools import permutations, product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel

import napari_uncertainty as nu
from napari_uncertainty.checks.place import check_comparison
from napari_uncertainty.compare.agreement import Comparison
from napari_uncertainty.compare.orientation import iter_search
from napari_uncertainty.compare.segmentation import Segmentation, iter_compare
from napari_uncertainty.model.placement import Placement
from napari_uncertainty.plugin.compute.check_list import apply, offer_of
from napari_uncertainty.plugin.viewer.scan_space import layer_grid
from napari_uncertainty.steps import run
from support.compute_without_window import compute, request

pytestmark = pytest.mark.shared_data

DISGUISES = list(product(permutations(range(3)), product((1, -1), repeat=3)))
SMALL = np.arange(24).reshape(2, 3, 4)

# Every fourth voxel along each axis, for time's sake, where the size proves nothing.
SOME = (slice(None, None, 4),) * 3
CASES = [
    ("feta_sub-007/fold_0/sub-007.npz", "feta_sub-007/fold_0/sub-007.nii.gz"),
    (
        "brainchop_t1/gwm3_m20_crop_probabilities_f16.npz",
        "brainchop_t1/gwm3_m20_seg_crop.nii.gz",
    ),
]


def labels_of(path):
    return np.asarray(nib.load(path).dataobj).astype(np.uint8)


def disguised(prediction, disguise):
    order, flips = disguise
    return prediction.transpose(order)[tuple(slice(None, None, f) for f in flips)]


@pytest.fixture(scope="module")
def predictions():
    """The most probable class of each case, as numpy finds it in the file."""
    return {}


def predicted(shared_data, name, cache):
    if name not in cache:
        with np.load(shared_data / name) as archive:
            values = archive["probabilities"]
        # Class after class: numpy's argmax is slow along the first axis.
        best, classes = values[0].copy(), np.zeros(values.shape[1:], np.uint8)
        for label, value in enumerate(values[1:], 1):
            np.copyto(classes, label, where=value > best)
            np.maximum(best, value, out=best)
        cache[name] = classes.T  # (z, y, x) as (x, y, z)
    return cache[name]


def search_all(prediction, labels, disguises):
    """Look for each disguise, which has to be found; the longest search.

    In seconds of processor time.
    """
    longest = 0.0
    for disguise in disguises:
        array = disguised(prediction, disguise)
        as_loaded = Placement.as_it_is(3) if array.shape == labels.shape else None
        start = time.process_time()
        search = run(iter_search(Comparison.of(array, labels), as_loaded))
        longest = max(longest, time.process_time() - start)
        found = search.best.placement.turn(disguised(SMALL, disguise))
        np.testing.assert_array_equal(found, SMALL)
        assert search.best.placement.offset == (0, 0, 0)
        assert search.best.agreement.foreground > 0.9999
        assert not search.ties
        assert all(search.best.beats(other) for other in search.ranked[1:])
    return longest


@pytest.mark.parametrize(("name", "segmentation"), CASES, ids=["feta", "brainchop"])
def test_every_disguise_is_seen_through(shared_data, predictions, name, segmentation):
    prediction = predicted(shared_data, name, predictions)
    labels = labels_of(shared_data / segmentation)
    search_all(prediction[SOME].copy(), labels[SOME].copy(), DISGUISES)


@pytest.mark.parametrize(("name", "segmentation"), CASES, ids=["feta", "brainchop"])
def test_whole_volumes_are_searched_quickly(
    shared_data, predictions, name, segmentation, record_property
):
    prediction = predicted(shared_data, name, predictions)
    labels = labels_of(shared_data / segmentation)
    longest = search_all(prediction, labels, DISGUISES[::11])
    record_property("longest search in s", round(float(longest), 2))
    print(f"longest search: {longest:.2f} s")
    assert longest < 3


@pytest.mark.parametrize("disguise", DISGUISES[::19])
def test_the_segmentation_of_another_subject_is_red(shared_data, predictions, disguise):
    prediction = predicted(shared_data, CASES[0][0], predictions)[SOME]
    other = labels_of(shared_data / "brainchop_t1/gwm3_m20_seg.nii.gz")[SOME]
    compared = run(
        iter_compare(disguised(prediction, disguise), 8, None, Segmentation(other))
    )
    assert [check.level for check in check_comparison(compared)] == ["red", "red"]
    assert compared.search.better is None


def test_classes_of_another_network_are_red(shared_data, predictions):
    prediction = predicted(shared_data, CASES[1][0], predictions)
    other = labels_of(shared_data / CASES[0][1])
    compared = run(iter_compare(prediction, 3, None, Segmentation(other)))
    assert [check.level for check in check_comparison(compared)] == ["red"]


def test_two_heads_in_one_place_are_red(shared_data):
    """Both adult, both along the same axes, with the same classes."""
    # The maps that nilearn comes with; itself it takes seconds to import.
    nilearn = find_spec("nilearn") or pytest.skip("nilearn is not installed")
    folder = Path(nilearn.origin).parent / "datasets" / "data"
    gray, white = (
        nib.load(folder / f"mni_icbm152_{tissue}_tal_nlin_sym_09a_converted.nii.gz")
        for tissue in ("gm", "wm")
    )
    template = nu.Grid(gray.shape, gray.affine)
    gray, white = (np.asarray(one.dataobj).astype(np.int16) for one in (gray, white))
    tissue = np.where(gray > white, 2, 3).astype(np.uint8)
    tissue[np.maximum(gray, white) < 255 - gray - white] = 0
    image = nib.load(shared_data / "brainchop_t1/gwm3_m20_seg.nii.gz")
    other = np.array([0, 3, 2], np.uint8)[labels_of(image.get_filename())]
    grid = nu.Grid(image.shape, image.affine)
    compared = run(iter_compare(tissue, 4, template, Segmentation(other, grid)))
    assert [check.level for check in check_comparison(compared)] == ["red", "red"]


def test_the_crop_lands_on_its_voxel(shared_data, tmp_path):
    """The npz alone, without the crop's own headers, against the whole scan."""
    source = shared_data / "brainchop_t1"
    npz = source / "gwm3_m20_crop_probabilities_f16.npz"
    (tmp_path / "case.npz").symlink_to(npz)
    (tmp_path / "case.nii.gz").symlink_to(source / "gwm3_m20_seg.nii.gz")
    viewer = ViewerModel()
    scan, labels, layer = (
        viewer.open(path, plugin="napari-uncertainty")[0]
        for path in (
            source / "T1.nii.gz",
            tmp_path / "case.nii.gz",
            tmp_path / "case.npz",
        )
    )
    assert layer_grid(layer) is None
    asked = request(viewer, layer, scan, labels)
    offer = offer_of(asked, run(asked.steps(viewer)()))
    assert list(offer.choices) == ["at voxel (54, 57, 17)"]
    apply(offer, "at voxel (54, 57, 17)")
    entropy, result = compute(viewer, layer, scan, labels)
    assert {check.level for check in result.trust.checks} == {"green"}
    crop = nib.load(source / "gwm3_m20_T1_crop.nii.gz")
    np.testing.assert_array_equal(layer_grid(entropy).affine, crop.affine)
    entropy.save(str(tmp_path / "map.nii"), plugin="napari-uncertainty")
    written = nib.load(tmp_path / "map.nii")
    np.testing.assert_array_equal(written.affine, crop.affine)
    np.testing.assert_array_equal(np.asarray(written.dataobj), nu.entropy(npz))
