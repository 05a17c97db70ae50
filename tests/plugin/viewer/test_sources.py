"""Layers of scripts and other readers: any order of axes, with a place or without."""

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels
from nibabel.affines import apply_affine
from nibabel.orientations import inv_ornt_aff
from scipy.special import entr

from napari_uncertainty import Grid, InputError, LabelMap, Scan
from napari_uncertainty.compare.segmentation import iter_labels_at
from napari_uncertainty.plugin.compute.check_list import report_lines
from napari_uncertainty.plugin.viewer.class_axis import class_axis_of
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.scan_space import (
    METADATA_KEY,
    ORIGINAL,
    axes_of,
    segmentation_on,
    source_of,
    voxel_to_world,
)
from napari_uncertainty.steps import run
from support.compute_without_window import compute, request
from support.generated import OBLIQUE, softmax
from support.phantoms import ORIENTATIONS


def bits(values, axis):
    return entr(np.asarray(values, float)).sum(axis=axis) / np.log(2)


def add(viewer, volume):
    data, options, kind = to_layer(volume)
    return getattr(viewer, f"add_{kind}")(data, **options)


def levels(result, *names):
    return [one.level for one in result.trust.checks if one.name in names]


@pytest.mark.parametrize("class_axis", [0, 1, 2, 3])
@pytest.mark.parametrize("scale", [None, (2.0, 3.0, 4.0)])
def test_class_axis_anywhere_with_and_without_scale(rng, class_axis, scale):
    values = np.moveaxis(softmax(rng, (5, 6, 7, 8)), 0, class_axis)
    transform = {}
    if scale is not None:
        transform = {
            "scale": np.insert(scale, class_axis, 1.0),
            "translate": np.insert((5.0, 6.0, 7.0), class_axis, 0.0),
        }
    viewer = ViewerModel()
    layer = viewer.add_image(np.ascontiguousarray(values), rgb=False, **transform)
    assert class_axis_of(layer) == class_axis
    entropy, _ = compute(viewer, layer)
    np.testing.assert_allclose(entropy.data, bits(values, class_axis), atol=1e-6)
    np.testing.assert_array_equal(entropy.scale, scale or (1, 1, 1))
    np.testing.assert_array_equal(entropy.translate, (5, 6, 7) if scale else (0, 0, 0))


@pytest.mark.parametrize("class_axis", [0, 1, 4])
def test_time_is_kept(rng, class_axis):
    values = np.moveaxis(softmax(rng, (3, 2, 6, 7, 8)), 0, class_axis)
    labels = values.argmax(axis=class_axis)
    viewer = ViewerModel()
    layer = viewer.add_image(np.ascontiguousarray(values), rgb=False)
    segmentation = viewer.add_labels(labels)
    entropy, result = compute(viewer, layer, None, segmentation)
    assert entropy.data.shape == (2, 6, 7, 8)
    np.testing.assert_allclose(entropy.data, bits(values, class_axis), atol=1e-6)
    assert levels(result, "agreement") == ["green"]
    assert result.trust.search is None


def test_seen_together_is_compared_together(rng):
    """Labels of a script that lie elsewhere are compared where they are seen."""
    values = softmax(rng, (4, 10, 11, 12))
    labels = values.argmax(axis=0)
    viewer = ViewerModel()
    layer = viewer.add_image(values, scale=(1, 2, 2, 2))
    here = viewer.add_labels(labels, scale=(2, 2, 2))
    shifted = viewer.add_labels(labels, scale=(2, 2, 2), translate=(4, 0, 0))
    part = viewer.add_labels(labels[2:], scale=(2, 2, 2), translate=(4, 0, 0))
    for segmentation, level in ((here, "green"), (shifted, "red")):
        _, result = compute(viewer, layer, None, segmentation)
        assert levels(result, "agreement") == [level]
    _, result = compute(viewer, layer, None, part)
    agreement = result.trust.search.as_loaded.agreement
    inside = labels[2:] > 0
    assert agreement.overall == 1
    # What is predicted beside the labels counts as wrong.
    assert agreement.foreground == inside.sum() / (labels > 0).sum()


def test_a_script_s_layer_on_the_same_place_as_a_file(rng):
    """Given the scan layer's own scale and translate, it is placed like the scan."""
    shape = (8, 9, 10)
    data = rng.random(shape).astype(np.float32)
    labels = np.zeros(shape, np.uint8)
    labels[2:6, 2:7, 1:5], labels[2:5, 2:5, 5:9] = 1, 2
    viewer = ViewerModel()
    scan = add(viewer, Scan(data, Grid(shape, OBLIQUE), name="T1"))
    segmentation = add(viewer, LabelMap(labels, Grid(shape, OBLIQUE), name="seg"))
    values = np.full((3, *shape), 0.1, np.float32)
    np.put_along_axis(values, labels[None].astype(int), 0.8, axis=0)
    turn = source_of(scan).turn
    layer = viewer.add_image(
        turn.turn(values),
        scale=(1, *scan.scale),
        translate=(0, *scan.translate),
        units=("pixel", *scan.units),
    )
    source = source_of(layer, 0, axes_of(viewer.layers))
    assert source.grid.same_voxels(Grid(shape, OBLIQUE))
    for voxel in ((0, 0, 0), (3, 4, 5)):
        there = source.grid.to_ras([voxel])[0]
        world = layer.data_to_world((0, *voxel))[1:]
        directions = Grid(shape, OBLIQUE).directions
        np.testing.assert_allclose(there, -directions @ world[::-1], atol=1e-9)
    _, result = compute(viewer, layer, scan, segmentation)
    names = ("agreement", "orientation", "scan_grid", "segmentation_grid")
    assert levels(result, *names) == ["green"] * 4


def test_beside_a_file_an_unplaced_layer_has_no_place(rng):
    viewer = ViewerModel()
    scan = add(viewer, Scan(rng.random((6, 7, 8)), Grid((6, 7, 8), OBLIQUE)))
    layer = viewer.add_image(softmax(rng, (4, 6, 7, 8)))
    assert request(viewer, layer, scan).source.grid is None
    _, result = compute(viewer, layer, scan)
    [check] = [one for one in result.trust.checks if one.name == "scan_grid"]
    assert check.level == "amber"
    assert "place in space of the probabilities is unknown" in check.sentence


def test_flat_images_of_any_source_are_compared_and_saved(tmp_path, rng):
    """A flat NIfTI, one with a single slice, and a layer of a script."""
    labels = np.zeros((20, 24), np.uint8)
    labels[2:12, 3:20], labels[14:19, 3:9] = 1, 2
    values = np.full((20, 24, 3), 0.1, np.float32)
    np.put_along_axis(values, labels[..., None].astype(int), 0.8, axis=-1)
    expected = bits(values, -1)
    for name, single in (("flat", ()), ("slice", (1,))):
        shape = (20, 24, *single)
        nib.Nifti1Image(labels.reshape(shape), OBLIQUE).to_filename(
            tmp_path / f"{name}.nii.gz"
        )
        np.savez(
            tmp_path / f"{name}.npz",
            probabilities=values.reshape(*shape, 3).T,
        )
        viewer = ViewerModel()
        segmentation, layer = (
            viewer.open(tmp_path / f"{name}{ending}", plugin="napari-uncertainty")[0]
            for ending in (".nii.gz", ".npz")
        )
        assert layer.ndim == len(shape) + 1
        entropy, result = compute(viewer, layer, None, segmentation)
        assert {one.level for one in result.trust.checks} == {"green"}
        entropy.save(str(tmp_path / "map.nii.gz"), plugin="napari-uncertainty")
        written = nib.load(tmp_path / "map.nii.gz")
        np.testing.assert_allclose(
            written.get_fdata().reshape(20, 24), expected, atol=1e-6
        )
        np.testing.assert_allclose(written.affine, OBLIQUE, atol=1e-6)


def test_classes_shown_as_colours_lie_on_their_labels(rng):
    values = np.ascontiguousarray(np.moveaxis(softmax(rng, (3, 20, 24)), 0, -1))
    viewer = ViewerModel()
    layer = viewer.add_image(values, rgb=True, scale=(2, 3), translate=(4, 5))
    labels = viewer.add_labels(values.argmax(-1), scale=(2, 3), translate=(4, 5))
    source = source_of(layer, 2)
    assert source.values.shape == (3, 20, 24)
    assert source.grid.same_voxels(source_of(labels).grid)
    _, result = compute(viewer, layer, None, labels)
    assert levels(result, "agreement", "segmentation_grid") == ["green", "green"]


def test_a_layer_that_was_cropped_in_the_viewer_has_its_own_place(rng):
    """Its data no longer fit the file's grid, so that cannot be used."""
    data, options, _ = to_layer(Scan(rng.random((6, 7, 8)), Grid((6, 7, 8), OBLIQUE)))
    layer = Image(data, **options)
    assert source_of(layer).grid.same_place(Grid((6, 7, 8), OBLIQUE))
    layer.data = np.asarray(layer.data)[1:]
    cropped = source_of(layer, axes=Grid((6, 7, 8), OBLIQUE)).grid
    assert cropped.shape == layer.data.shape


# Within the slice: napari warns of any other when it draws it.
ROTATION = np.array([[1, 0, 0], [0, 0.8, -0.6], [0, 0.6, 0.8]])


def test_the_whole_transform_is_inherited(rng):
    rotate = np.eye(4)
    rotate[1:, 1:] = ROTATION
    viewer = ViewerModel()
    layer = viewer.add_image(
        softmax(rng, (3, 5, 6, 7)),
        scale=(1, 2, 3, 4),
        translate=(0, 5, 6, 7),
        rotate=rotate,
        shear=(0, 0, 0, 0, 0, 0.3),
        affine=np.diag([1, 2, 2, 2, 1]),
        axis_labels=("c", "p", "q", "r"),
    )
    entropy, _ = compute(viewer, layer)
    for voxel in ((0, 0, 0), (4, 5, 6), (1, 3, 2)):
        np.testing.assert_allclose(
            entropy.data_to_world(voxel), layer.data_to_world((0, *voxel))[1:]
        )
    assert entropy.axis_labels == ("p", "q", "r")
    np.testing.assert_allclose(entropy.rotate, ROTATION, atol=1e-12)
    np.testing.assert_allclose(entropy.shear, (0, 0, 0.3))
    np.testing.assert_allclose(entropy.scale, (2, 3, 4))


def test_one_negative_voxel_is_found_and_refused(rng):
    """In a place that the quick look at the layer does not see."""
    values = softmax(rng, (4, 40, 41, 42))
    values[0, 0, 0, 0] = -0.5
    viewer = ViewerModel()
    layer = viewer.add_image(values, contrast_limits=(0, 1))
    with pytest.raises(InputError, match=r"go down to -0\.5"):
        compute(viewer, layer)


def test_voxels_without_data_are_counted(rng):
    values = softmax(rng, (4, 12, 13, 14))
    values[:, :2] = 0
    values[1, 5, 5, 5] = np.nan
    viewer = ViewerModel()
    layer = viewer.add_image(values, contrast_limits=(0, 1))
    asked = request(viewer, layer)
    result = run(asked.steps(viewer)())
    assert np.isfinite(result.values("entropy")).all()
    assert f"Voxels without data: {2 * 13 * 14 + 1}" in report_lines(result, asked)


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::3], ids=str)
def test_voxels_are_where_the_viewer_shows_them(rng, order, flips):
    shape = (4, 5, 6)
    values = rng.permutation(120).reshape(shape)
    orientation = np.array(list(zip(order, flips, strict=True)))
    grid = Grid(shape, OBLIQUE @ inv_ornt_aff(orientation, shape))
    data, options, _ = to_layer(Scan(values, grid))
    layer = Image(data, **options)
    affine = voxel_to_world(layer, source_of(layer), grid)
    for voxel in np.ndindex(shape):
        [shown] = np.argwhere(layer.data == values[voxel])
        there = layer.data_to_world(shown)
        np.testing.assert_allclose(apply_affine(affine, voxel), there, atol=1e-9)


def test_voxels_of_a_layer_with_every_transform(rng):
    layer = Image(
        rng.random((5, 6, 7)),
        scale=(2, 3, 4),
        translate=(5, 6, 7),
        rotate=ROTATION,
        shear=(0, 0, 0.3),
        affine=np.diag([1, 2, 2, 1]),
    )
    affine = voxel_to_world(layer, source_of(layer), None)
    for voxel in ((0, 0, 0), (4, 5, 6), (1, 3, 2)):
        np.testing.assert_allclose(
            apply_affine(affine, voxel), layer.data_to_world(voxel)
        )


def test_voxels_of_a_flat_layer_lie_where_napari_draws_them(rng):
    layer = Image(rng.random((5, 6)), scale=(2, 3), translate=(4, 5))
    affine = voxel_to_world(layer, source_of(layer), None)
    np.testing.assert_array_equal(affine, [[2, 0, 4], [0, 3, 5], [0, 0, 1]])


def test_voxels_of_a_layer_that_is_shown_resampled(rng):
    """Along the axes of another scan, where the patient's places are."""
    axes = Grid((9, 9, 9), np.diag([1.0, 1, 1, 1]))
    data, options, _ = to_layer(Scan(rng.random((6, 7, 8)), Grid((6, 7, 8), OBLIQUE)))
    layer = Image(data, **options)
    source = source_of(layer)
    info = layer.metadata[METADATA_KEY]
    layer.metadata = {METADATA_KEY: info | {ORIGINAL: source.values}}
    affine = voxel_to_world(layer, source_of(layer), axes)
    for voxel in ((0, 0, 0), (5, 6, 7), (1, 3, 2)):
        # Without a tilt of its own, the world is -(S, A, R).
        ras = apply_affine(OBLIQUE, voxel)
        np.testing.assert_allclose(apply_affine(affine, voxel), -ras[::-1])


@pytest.mark.parametrize(("order", "flips"), ORIENTATIONS[::3], ids=str)
def test_labels_of_a_file_lie_on_a_layer_as_they_are_shown(rng, order, flips):
    """Whatever the order in the file, for a layer that knows no place."""
    shape = (4, 5, 6)
    labels = rng.integers(0, 200, shape).astype(np.uint8)
    orientation = np.array(list(zip(order, flips, strict=True)))
    grid = Grid(shape, OBLIQUE @ inv_ornt_aff(orientation, shape))
    data, options, _ = to_layer(LabelMap(labels, grid))
    shown, plain = Labels(data, **options), Image(rng.random(data.shape))
    source = source_of(plain, axes=grid)
    on = segmentation_on(shown, source, plain.data.shape, grid)
    np.testing.assert_array_equal(
        run(iter_labels_at(plain.data.shape, source.grid, on)), shown.data
    )


def test_labels_of_another_shape_lie_nowhere(rng):
    data, options, _ = to_layer(
        LabelMap(np.zeros((4, 5, 6), int), Grid((4, 5, 6), OBLIQUE))
    )
    plain = Image(rng.random((7, 7, 7)))
    axes = Grid((4, 5, 6), OBLIQUE)
    on = segmentation_on(
        Labels(data, **options), source_of(plain, axes=axes), (7, 7, 7), axes
    )
    assert on.claimed is None
