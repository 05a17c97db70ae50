"""Opening files through napari, without a window."""

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from generated import OBLIQUE
from napari_uncertainty.plugin.layers import METADATA_KEY
from napari_uncertainty.plugin.reader import get_reader, read_layers

PLUGIN = "napari-uncertainty"


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ", "a.npz"])
def test_files_it_reads(name):
    assert get_reader(name) is read_layers
    assert get_reader([name, name]) is read_layers


@pytest.mark.parametrize("name", ["a.gz", "a.npy", "a.tif", "folder"])
def test_files_it_leaves_to_others(name):
    assert get_reader(name) is None
    assert get_reader(["a.nii", name]) is None


def test_a_case_coincides(case_folder):
    viewer = ViewerModel()
    for name in ("T1.nii.gz", "case.nii.gz", "case.npz"):
        viewer.open(case_folder / name, plugin=PLUGIN)
    scan, labels, probabilities = viewer.layers
    roles = [layer.metadata[METADATA_KEY]["role"] for layer in viewer.layers]
    assert roles[0] == "scan"
    assert roles[2] == "probabilities"
    assert scan.name == "T1"
    np.testing.assert_allclose(scan.translate, probabilities.translate[1:], atol=1e-5)
    np.testing.assert_allclose(scan.scale, probabilities.scale[1:], atol=1e-6)
    agreement = np.asarray(probabilities.data).argmax(axis=0) == np.asarray(labels.data)
    assert agreement.mean() > 0.99
    assert viewer.layers.extent.units is not None  # one unit for all


def test_labels_become_a_labels_layer(tmp_path):
    blocks = np.kron(np.arange(4).reshape(2, 2, 1), np.ones((5, 5, 5)))
    nib.Nifti1Image(blocks.astype(np.int16), OBLIQUE).to_filename(tmp_path / "a.nii")
    viewer = ViewerModel()
    [layer] = viewer.open(tmp_path / "a.nii", plugin=PLUGIN)
    assert isinstance(layer, Labels)


def test_a_bad_file_is_told_and_the_others_are_opened(case_folder, told):
    (case_folder / "broken.nii.gz").write_bytes(b"no image")
    layers = read_layers(
        [str(case_folder / name) for name in ("broken.nii.gz", "T1.nii.gz")]
    )
    assert [kind for _, _, kind in layers] == ["image"]
    [message] = told()
    assert message.startswith("broken.nii.gz cannot be read")


def test_nothing_but_a_bad_file(tmp_path, told):
    np.savez(tmp_path / "a.npz", other=np.ones(3))
    viewer = ViewerModel()
    viewer.open(tmp_path / "a.npz", plugin=PLUGIN)
    assert len(viewer.layers) == 0
    assert 'holds "other"' in told()[0]


def test_unknown_place_is_told(case_folder, told):
    (case_folder / "case.nii.gz").unlink()
    (case_folder / "T1.nii.gz").unlink()
    read_layers(str(case_folder / "case.npz"))
    assert "its place in space is unknown" in told()[0]


def test_converting_between_image_and_labels_keeps_the_place(tmp_path):
    """Napari's own layer menu turns one into the other."""
    from napari.layers import _layer_actions as actions

    blocks = np.kron(np.arange(4).reshape(2, 2, 1), np.ones((5, 5, 5)))
    nib.Nifti1Image(blocks.astype(np.int16), OBLIQUE).to_filename(tmp_path / "a.nii")
    viewer = ViewerModel()
    [labels] = viewer.open(tmp_path / "a.nii", plugin=PLUGIN)
    viewer.layers.selection = {labels}
    actions._convert_to_image(viewer.layers)
    [image] = viewer.layers
    assert isinstance(image, Image)
    np.testing.assert_array_equal(image.translate, labels.translate)
    assert image.metadata[METADATA_KEY]["source"].endswith("a.nii")
