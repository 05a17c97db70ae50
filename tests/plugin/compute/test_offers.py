"""Moving probabilities to where they belong, and back, without a window."""

import json

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

import napari_uncertainty as nu
from napari_uncertainty import InputError
from napari_uncertainty.plugin.compute.check_list import apply, can_undo, offer_of, undo
from napari_uncertainty.plugin.viewer.scan_space import layer_grid
from napari_uncertainty.steps import run
from support.compute_without_window import compute, request
from support.generated import OBLIQUE

PLUGIN = "napari-uncertainty"
SHAPE = (14, 16, 18)


def blocks():
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:9, 2:6, 3:15] = 1
    labels[2:6, 7:13, 3:9] = 2
    labels[8:11, 8:14, 10:13] = 3
    return labels


def softmax_of(labels, n_classes=4):
    """Class axis first; less certain at one voxel, so that places can be told."""
    values = np.full((n_classes, *labels.shape), 0.05, np.float32)
    np.put_along_axis(values, labels[None].astype(int), 0.85, axis=0)
    values[:, 4, 4, 5] = (0.1, 0.7, 0.1, 0.1)
    return values


@pytest.fixture
def folder(tmp_path):
    labels = blocks()
    for name in ("T1", "case"):
        data = labels if name == "case" else np.random.default_rng(1).random(SHAPE)
        nib.Nifti1Image(data, OBLIQUE).to_filename(tmp_path / f"{name}.nii.gz")
    return tmp_path


def save_npz(folder, values):
    """In nibabel's order, class first; stored as nnU-Net does."""
    np.savez(folder / "case.npz", probabilities=values.transpose(0, 3, 2, 1))


def offered(viewer, layer, scan=None, segmentation=None):
    asked = request(viewer, layer, scan, segmentation)
    return offer_of(asked, run(asked.steps(viewer)()))


def opened(viewer, folder, *names):
    return [viewer.open(folder / name, plugin=PLUGIN)[0] for name in names]


def test_a_disguise_is_taken_off_and_put_on_again(folder):
    values = softmax_of(blocks())
    save_npz(folder, values[:, ::-1].transpose(0, 3, 1, 2))
    viewer = ViewerModel()
    labels, layer = opened(viewer, folder, "case.nii.gz", "case.npz")
    assert layer_grid(layer) is None  # 18 × 14 × 16 voxels beside 14 × 16 × 18
    before = layer.data, layer.scale, layer.translate, dict(layer.metadata)
    wrong, _ = compute(viewer, layer, None, labels)
    first = np.array(wrong.data)

    offer = offered(viewer, layer, None, labels)
    [choice] = offer.choices
    assert choice == "axes in the order j, k, i, first axis flipped"
    apply(offer, choice)
    entropy, result = compute(viewer, layer, None, labels)
    assert entropy is wrong
    assert {one.level for one in result.trust.checks} == {"green"}
    assert offered(viewer, layer, None, labels) is None
    entropy.save(str(folder / "map.nii.gz"), plugin=PLUGIN)
    written = nib.load(folder / "map.nii.gz")
    source = nib.load(folder / "case.nii.gz")
    np.testing.assert_array_equal(written.affine, source.affine)
    np.testing.assert_array_equal(np.asarray(written.dataobj), nu.entropy(values))

    assert can_undo(layer)
    undo(layer)
    assert not can_undo(layer)
    after = layer.data, layer.scale, layer.translate, dict(layer.metadata)
    for one, other in zip(before[:3], after[:3], strict=True):
        np.testing.assert_array_equal(one, other)
    assert after[3] == before[3]
    np.testing.assert_array_equal(compute(viewer, layer, None, labels)[0].data, first)


def test_a_crop_lands_on_its_voxel(folder):
    values = softmax_of(blocks())
    save_npz(folder, values[:, 1:12, 2:15, 2:16])
    viewer = ViewerModel()
    scan, labels, layer = opened(viewer, folder, "T1.nii.gz", "case.nii.gz", "case.npz")
    offer = offered(viewer, layer, scan, labels)
    apply(offer, "at voxel (1, 2, 2)")
    entropy, result = compute(viewer, layer, scan, labels)
    assert {one.level for one in result.trust.checks} == {"green"}
    [[*here]] = np.argwhere(entropy.data == entropy.data.max())
    whole = nib.affines.apply_affine(OBLIQUE, (4, 4, 5))
    grid = layer_grid(entropy)
    expected = -(layer_grid(scan).directions.T @ whole)[::-1]
    np.testing.assert_allclose(entropy.data_to_world(here), expected, atol=1e-4)
    entropy.save(str(folder / "map.nii.gz"), plugin=PLUGIN)
    written = nib.load(folder / "map.nii.gz")
    origin = nib.affines.apply_affine(OBLIQUE, (1, 2, 2))
    np.testing.assert_allclose(written.affine[:3, 3], origin, atol=1e-4)
    assert written.shape == grid.shape == (11, 13, 14)


def test_a_scan_lends_its_place_in_both_orders_of_the_axes(folder):
    """Where no segmentation can tell, both orders of the axes are offered."""
    cube = (8, 8, 8)
    nib.Nifti1Image(np.random.default_rng(0).random(cube), OBLIQUE).to_filename(
        folder / "T1.nii.gz"
    )
    values = softmax_of(blocks()[:8, :8, :8])
    np.savez(folder / "other.npz", probabilities=values.transpose(0, 3, 2, 1))
    viewer = ViewerModel()
    scan, layer = opened(viewer, folder, "T1.nii.gz", "other.npz")
    offer = offered(viewer, layer, scan)
    assert list(offer.choices) == [
        "its axes are z, y, x, as nnU-Net writes",
        "its axes are x, y, z, as nibabel reads",
    ]
    assert "does not say where it lies" in offer.sentence
    apply(offer, "its axes are z, y, x, as nnU-Net writes")
    entropy, result = compute(viewer, layer, scan)
    np.testing.assert_array_equal(layer_grid(entropy).affine, layer_grid(scan).affine)
    np.testing.assert_allclose(entropy.scale, scan.scale)
    # A grid that was lent agrees with its lender: that is no evidence.
    [told] = [one for one in result.trust.checks if one.name == "place"]
    assert told.level == "amber"
    assert "its axes are z, y, x, as nnU-Net writes" in told.sentence
    np.testing.assert_allclose(entropy.translate, scan.translate)
    entropy.save(str(folder / "map.nii.gz"), plugin=PLUGIN)
    written = np.asarray(nib.load(folder / "map.nii.gz").dataobj)
    np.testing.assert_array_equal(written, nu.entropy(values))
    assert (
        "as nnU-Net writes" in json.loads((folder / "map.json").read_text())["placed"]
    )
    undo(layer)
    assert not [
        one
        for one in compute(viewer, layer, scan)[1].trust.checks
        if one.name == "place"
    ]
    apply(offer, "its axes are x, y, z, as nibabel reads")
    entropy, _ = compute(viewer, layer, scan)
    entropy.save(str(folder / "map.nii.gz"), plugin=PLUGIN)
    written = np.asarray(nib.load(folder / "map.nii.gz").dataobj)
    np.testing.assert_array_equal(written, nu.entropy(values.transpose(0, 3, 2, 1)))


@pytest.mark.parametrize("order", ["xyz", "zyx"])
def test_a_layer_of_a_script_beside_a_scan(folder, order):
    """Its axes may be the file's or reversed; the segmentation tells which."""
    values = softmax_of(blocks())
    viewer = ViewerModel()
    scan, labels = opened(viewer, folder, "T1.nii.gz", "case.nii.gz")
    array = values if order == "xyz" else values.transpose(0, 3, 2, 1)
    layer = viewer.add_image(np.ascontiguousarray(array), name="net")
    offer = offered(viewer, layer, scan, labels)
    [choice] = offer.choices
    assert choice == ("voxel on voxel" if order == "xyz" else "axes reversed")
    apply(offer, choice)
    entropy, result = compute(viewer, layer, scan, labels)
    assert {one.level for one in result.trust.checks} == {"green"}
    entropy.save(str(folder / "map.nii.gz"), plugin=PLUGIN)
    written = nib.load(folder / "map.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), nu.entropy(values))
    np.testing.assert_array_equal(written.affine, nib.load(folder / "T1.nii.gz").affine)


@pytest.mark.parametrize("class_axis", [0, 1, 3])
def test_layers_of_a_script_are_placed_on_each_other(class_axis):
    """A cropped and mirrored softmax is put onto labels that are turned and sheared."""
    labels = blocks()
    part = np.moveaxis(softmax_of(labels)[:, 1:12, 14:1:-1, 2:16], 0, class_axis)
    viewer = ViewerModel()
    onto = viewer.add_labels(
        labels,
        scale=(2, 3, 4),
        translate=(5, 6, 7),
        rotate=[[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]],
        shear=(0, 0, 0.2),
        affine=np.diag([1, 2, 1, 1.0]),
        axis_labels=("p", "q", "r"),
    )
    layer = viewer.add_image(np.ascontiguousarray(part), rgb=False)
    offer = offered(viewer, layer, None, onto)
    [choice] = offer.choices
    assert choice == "second axis flipped, at voxel (1, 2, 2)"
    apply(offer, choice)
    entropy, result = compute(viewer, layer, None, onto)
    assert result.trust.search.best.agreement.foreground == 1
    for voxel in ((0, 0, 0), (3, 2, 3), (10, 12, 13)):
        np.testing.assert_allclose(
            entropy.data_to_world(voxel),
            onto.data_to_world(np.add(voxel, (1, 2, 2))),
            atol=1e-9,
        )
    assert entropy.axis_labels == ("p", "q", "r")
    undo(layer)
    assert layer.data.shape == part.shape


def test_a_tie_offers_both(tmp_path):
    """Nobody but the user can know."""
    labels = np.zeros((12, 10, 9), np.uint8)
    labels[1:11, 2:6, 2:7] = 1
    labels[3:9, 6:8, 3:5] = 2
    assert (labels == labels[::-1]).all()
    values = softmax_of(labels)
    nib.Nifti1Image(labels, np.eye(4)).to_filename(tmp_path / "case.nii.gz")
    save_npz(tmp_path, values[:, :, ::-1])
    viewer = ViewerModel()
    onto, layer = opened(viewer, tmp_path, "case.nii.gz", "case.npz")
    offer = offered(viewer, layer, None, onto)
    assert set(offer.choices) == {
        "mirrored front–back",
        "mirrored left–right and front–back",
    }


def test_data_that_were_replaced_are_left_alone(folder):
    save_npz(folder, softmax_of(blocks())[:, :, ::-1])
    viewer = ViewerModel()
    labels, layer = opened(viewer, folder, "case.nii.gz", "case.npz")
    offer = offered(viewer, layer, None, labels)
    [choice] = offer.choices
    first, layer.data = layer.data, np.array(layer.data)
    with pytest.raises(InputError, match="was changed since the checks were made"):
        apply(offer, choice)
    layer.data = first
    apply(offer, choice)
    assert can_undo(layer)
    layer.data = np.array(layer.data)
    assert not can_undo(layer)


def test_nothing_is_offered_among_voxels_that_no_layer_has(rng):
    """The labels of a script are coarser, so they were resampled to compare."""
    labels = blocks()
    viewer = ViewerModel()
    layer = viewer.add_image(softmax_of(labels)[:, ::-1], scale=(1, 1, 1, 1))
    coarse = viewer.add_labels(labels[::2], scale=(2, 1, 1))
    asked = request(viewer, layer, None, coarse)
    result = run(asked.steps(viewer)())
    assert result.trust.compared.resampled
    assert result.trust.search.better is not None
    assert offer_of(asked, result) is None


def test_nothing_is_offered_where_all_is_well(folder):
    save_npz(folder, softmax_of(blocks()))
    viewer = ViewerModel()
    scan, labels, layer = opened(viewer, folder, "T1.nii.gz", "case.nii.gz", "case.npz")
    assert offered(viewer, layer, scan, labels) is None
    assert offered(viewer, layer, scan) is None
    assert not can_undo(layer)
    assert not can_undo(None)


def test_colours_are_not_moved(rng):
    """napari keeps the channels of a colour image last."""
    labels = np.zeros((20, 24), np.uint8)
    labels[2:9, 3:20], labels[10:15, 3:9] = 1, 2
    values = np.full((20, 24, 3), 0.1, np.float32)
    np.put_along_axis(values, labels[..., None].astype(int), 0.8, axis=-1)
    viewer = ViewerModel()
    layer = viewer.add_image(np.ascontiguousarray(values[::-1]), rgb=True)
    assert offered(viewer, layer, None, Labels(labels)) is None
