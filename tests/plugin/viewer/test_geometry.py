"""Every way to store an image ends in the same place, in the viewer and on the disk."""

from functools import cache
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from napari.components import LayerList, ViewerModel
from napari.layers import Image, Layer
from nibabel.affines import apply_affine, from_matvec
from nibabel.orientations import apply_orientation, inv_ornt_aff
from scipy.special import entr

from napari_uncertainty.plugin.reader import read_layers
from napari_uncertainty.plugin.viewer.pointer import describe_pointer, ras_at, voxel_at
from napari_uncertainty.plugin.viewer.scan_space import source_of
from napari_uncertainty.plugin.writer import write_map
from support.compute_without_window import compute
from support.generated import turn

ORIENTATIONS = [
    np.stack([order, flips], axis=1)
    for order in permutations(range(3))
    for flips in product((1, -1), repeat=3)
]

SHAPE = (9, 10, 11)
MARK = (1, 2, 8)  # near the patient's left, back and top, nowhere near the middle


TILTS = {
    "upright": np.eye(3),
    "tilted": turn(11.5, 0),
    "tilted twice": turn(35, 0) @ turn(35, 2),
}
ZOOMS = {"flat": (0.5, 0.8, 3.0), "isotropic": (1.0, 1.0, 1.0)}
PROBABILITIES = ("softmax.nii.gz", "case.npz")
# An archive lies where its labels do, tilted or not: in each orientation, and at each
# tilt, either file is read.
CASES = [
    (orientation, tilt, "flat", PROBABILITIES[(row + column) % 2])
    for row, tilt in enumerate(("upright", "tilted twice"))
    for column, orientation in enumerate(ORIENTATIONS)
]
# What else there is lies between these, or shows fewer mistakes: in some orientations,
# among them every order.
CASES += [
    (orientation, tilt, zooms, PROBABILITIES[(row + column) % 2])
    for row, (tilt, zooms) in enumerate(
        (("tilted", "flat"), ("tilted", "isotropic"), ("tilted twice", "isotropic"))
    )
    for column, orientation in enumerate(ORIENTATIONS[::7])
]


@cache
def phantom():
    """Scan, labels and softmax, class axis last; the mark is like no other voxel."""
    rng = np.random.default_rng(7)
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:4, 1:8, 2:9] = 1
    labels[4:8, 1:4, 2:9] = 2
    labels[4:7, 5:9, 3:6] = 3
    scan = rng.integers(0, 1000, SHAPE).astype(np.int16)
    values = np.full((*SHAPE, 4), 0.02, np.float32)
    np.put_along_axis(values, labels[..., None].astype(int), 0.94, axis=-1)
    scan[MARK] = 4000
    values[MARK] = (0.2, 0.4, 0.2, 0.2)
    return scan, labels, values


def stored(folder, orientation, base, name="case.npz"):
    """The phantom as files whose axes have this order and direction, by nibabel."""
    affine = base @ inv_ornt_aff(orientation, SHAPE)
    scan, labels, values = (apply_orientation(one, orientation) for one in phantom())
    nib.Nifti1Image(scan, affine).to_filename(folder / "T1.nii.gz")
    nib.Nifti1Image(labels, affine).to_filename(folder / "case.nii.gz")
    if name == "case.npz":
        np.savez(folder / name, probabilities=values.transpose(3, 2, 1, 0))
    else:
        nib.Nifti1Image(values, affine).to_filename(folder / name)
    return scan, labels, values


class Shelf:
    """Layers as in a viewer, without what a viewer does when one is added.

    There are many cases here; real viewers and windows are in the other tests.
    """

    _model = ViewerModel()
    dims, scene, canvas = _model.dims, _model.scene, _model.canvas

    def __init__(self, folder, *names):
        files = [str(folder / name) for name in names]
        # Unseen: to slice them takes longer than all else.
        self.layers = LayerList(
            Layer.create(data, {**options, "visible": False}, kind)
            for data, options, kind in read_layers(files)
        )

    def add_image(self, data, **options):
        self.layers.append(Image(data, visible=False, **options))
        return self.layers[-1]


def marked(layer, value):
    """World position of the only voxel that has this value."""
    [place] = np.argwhere(np.isclose(np.asarray(layer.data), value))
    return np.array(layer.data_to_world(place))[-3:]


@pytest.mark.parametrize(("orientation", "tilt", "zooms", "name"), CASES, ids=str)
def test_the_mark_is_where_nibabel_says(tmp_path, orientation, tilt, zooms, name):
    rotation = TILTS[tilt]
    base = from_matvec(rotation * ZOOMS[zooms], (-31.5, 17.25, 4.0))
    scan, _, values = stored(tmp_path, orientation, base, name)
    image = nib.load(tmp_path / "T1.nii.gz")
    [voxel] = np.argwhere(scan == 4000)
    ras = apply_affine(image.affine, voxel)
    # Along the scan's own axes, to Inferior, Posterior and Left.
    world = -(rotation.T @ ras)[::-1]

    viewer = Shelf(tmp_path, "T1.nii.gz", "case.nii.gz", name)
    t1, labels, probabilities = viewer.layers
    places = [marked(t1, 4000), marked(probabilities, 0.4)]
    # The label's mark is told by the same index as the scan's.
    [place] = np.argwhere(np.asarray(t1.data) == 4000)
    places.append(labels.data_to_world(place))
    assert labels.data[tuple(place)] == phantom()[1][MARK]

    expected = entr(values.astype(float)).sum(axis=-1) / np.log(2)
    entropy, result = compute(viewer, probabilities, t1, labels)
    places.append(marked(entropy, expected[tuple(voxel)]))
    assert {check.level for check in result.trust.checks} == {"green"}
    write_map(str(tmp_path / "map.nii.gz"), *entropy.as_layer_data_tuple()[:2])
    written = nib.load(tmp_path / "map.nii.gz")
    np.testing.assert_array_equal(written.affine, image.affine)
    np.testing.assert_allclose(written.get_fdata(), expected, atol=1e-6)
    np.testing.assert_allclose(places, np.tile(world, (len(places), 1)), atol=1e-4)
    for layer in viewer.layers:
        np.testing.assert_allclose(ras_at(layer, (0, *world)), ras, atol=1e-4)
        found = voxel_at(source_of(layer).grid, ras_at(layer, (0, *world)))
        assert found == tuple(voxel)


def test_the_pointer_tells_ras_mm_and_the_voxel_of_the_file(tmp_path):
    stored(tmp_path, ORIENTATIONS[13], from_matvec(TILTS["tilted"], (0, 0, -60)))
    [t1] = Shelf(tmp_path, "T1.nii.gz").layers
    [place] = np.argwhere(np.asarray(t1.data) == 4000)
    image = nib.load(tmp_path / "T1.nii.gz")
    [voxel] = np.argwhere(np.asarray(image.dataobj) == 4000)
    right, anterior, superior = apply_affine(image.affine, voxel)
    told = describe_pointer(t1, t1.data_to_world(place))
    place = f"R {right:.1f}, A {anterior:.1f}, S {superior:.1f} mm".replace("-", "−")
    assert told == f"{place} · voxel ({', '.join(map(str, voxel))}) of 'T1'"
    assert "outside of 'T1'" in describe_pointer(t1, (500, 0, 0))
    assert describe_pointer(Image(np.zeros((3, 3, 3))), (0, 0, 0)) == ""
