"""Saving a map from the viewer, read back with nibabel alone."""

import json

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel

import napari_uncertainty as nu
from napari_uncertainty.plugin.writer import suggested_path, write_map
from support.compute_without_window import compute
from support.generated import softmax

PLUGIN = "napari-uncertainty"


def mapped(viewer, layer):
    """The entropy layer of a probabilities layer."""
    return compute(viewer, layer)[0]


def test_a_saved_map_lies_on_the_scan_bit_for_bit(case_folder):
    viewer = ViewerModel()
    [layer] = viewer.open(case_folder / "case.npz", plugin=PLUGIN)
    entropy = mapped(viewer, layer)
    entropy.save(str(case_folder / "map.nii.gz"), plugin=PLUGIN)
    written = nib.load(case_folder / "map.nii.gz")
    labels = nib.load(case_folder / "case.nii.gz")
    np.testing.assert_array_equal(written.affine, labels.affine)
    assert written.shape == labels.shape
    expected = nu.entropy(nu.read(case_folder / "case.npz"))
    np.testing.assert_array_equal(np.asarray(written.dataobj), expected)
    told = json.loads((case_folder / "map.json").read_text())
    assert told["measure"] == "entropy"
    assert told["unit"] == "bits"
    assert told["class_names"] == ["background", "left", "right", "stem"]
    assert told["source"].endswith("case.npz")
    assert told["shape"] == [6, 7, 8]
    np.testing.assert_array_equal(told["affine"], labels.affine)
    assert told["statistics"]["no_data"] == 0
    assert told["version"]
    assert "made_from" not in told


def test_a_saved_map_without_a_place_keeps_its_voxel_size(tmp_path, rng):
    viewer = ViewerModel()
    layer = viewer.add_image(softmax(rng, (3, 4, 5, 6)), scale=(1, 2, 3, 4))
    entropy = mapped(viewer, layer)
    entropy.save(str(tmp_path / "map.nii.gz"), plugin=PLUGIN)
    written = nib.load(tmp_path / "map.nii.gz")
    np.testing.assert_array_equal(np.asarray(written.dataobj), entropy.data.T)
    np.testing.assert_allclose(written.header.get_zooms(), (4, 3, 2))
    assert written.header["sform_code"] == 0


def test_other_images_are_not_maps(case_folder):
    viewer = ViewerModel()
    [scan] = viewer.open(case_folder / "T1.nii.gz", plugin=PLUGIN)
    with pytest.raises(OSError, match="'T1' is not an uncertainty map"):
        scan.save(str(case_folder / "copy.nii.gz"), plugin=PLUGIN)
    assert not (case_folder / "copy.nii.gz").exists()


def test_a_map_cropped_in_the_viewer_is_not_saved(case_folder):
    viewer = ViewerModel()
    [layer] = viewer.open(case_folder / "case.npz", plugin=PLUGIN)
    entropy = mapped(viewer, layer)
    entropy.data = entropy.data[1:]
    with pytest.raises(OSError, match="has other voxels than the image"):
        entropy.save(str(case_folder / "map.nii.gz"), plugin=PLUGIN)


@pytest.mark.parametrize("axis", [0, -1])
def test_a_map_gives_the_same_file_whatever_its_layout_in_memory(case_folder, axis):
    """The layer's memory order does not reach the file."""
    viewer = ViewerModel()
    [layer] = viewer.open(case_folder / "case.npz", plugin=PLUGIN)
    layer.data = np.moveaxis(
        np.ascontiguousarray(np.moveaxis(layer.data, 0, axis)), axis, 0
    )
    mapped(viewer, layer).save(str(case_folder / "map.nii.gz"), plugin=PLUGIN)
    expected = nu.entropy(nu.read(case_folder / "case.npz"))
    written = np.asarray(nib.load(case_folder / "map.nii.gz").dataobj)
    np.testing.assert_array_equal(written, expected)


def test_a_map_as_tiff_is_refused_with_what_it_would_lose(case_folder):
    viewer = ViewerModel()
    [layer] = viewer.open(case_folder / "case.npz", plugin=PLUGIN)
    entropy = mapped(viewer, layer)
    path = str(case_folder / "map.TIF")
    lost = "neither the place of the map in the patient nor its record"
    with pytest.raises(OSError, match=lost):
        write_map(path, *entropy.as_layer_data_tuple()[:2])
    assert not list(case_folder.glob("map*"))


def test_the_suggested_name_is_beside_the_source(case_folder):
    viewer = ViewerModel()
    [layer] = viewer.open(case_folder / "case.npz", plugin=PLUGIN)
    expected = case_folder / "case_entropy.nii.gz"
    assert suggested_path(mapped(viewer, layer)) == expected
