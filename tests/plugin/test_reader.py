"""Opening files through napari, without a window."""

from pathlib import Path

import dask.array as da
import h5py
import nibabel as nib
import numpy as np
import pytest
import zarr
from napari.components import ViewerModel
from napari.layers import Image, Labels
from npe2 import PluginManifest

from napari_uncertainty.plugin import reader
from napari_uncertainty.plugin.reader import get_reader, read_layers
from napari_uncertainty.plugin.viewer import arrival
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from support.generated import OBLIQUE, softmax

PLUGIN = "napari-uncertainty"
SHAPE = (4, 6, 7, 8)
MANIFEST = PluginManifest.from_file(Path(__file__).parents[2] / "napari.yaml")


@pytest.mark.parametrize(
    "name",
    ["a.nii", "a.nii.gz", "A.NII.GZ", "a.mgz", "a.mgh", "a.npz", "a.npy", "a.H5"],
)
def test_files_it_reads(name):
    assert get_reader(name) is read_layers
    assert get_reader([name, name]) is read_layers


@pytest.mark.parametrize("name", ["a.gz", "a.tif", "a.zarr", "https://a/b.zarr"])
def test_files_it_leaves_to_others(name):
    assert get_reader(name) is None
    assert get_reader(["a.nii", name]) is None


@pytest.fixture
def values(rng):
    return softmax(rng, SHAPE)


@pytest.fixture
def viewer(monkeypatch):
    """A viewer without a window, for which files are opened."""
    viewer = ViewerModel()
    monkeypatch.setattr("napari.current_viewer", lambda: viewer)
    monkeypatch.setattr(arrival, "drop", arrival.Drop())
    return viewer


def opened(viewer, *paths):
    """What is added, once it is received."""
    before = len(viewer.layers)
    for path in paths:
        layers = [one for one in read_layers(str(path)) if one[0] is not None]
        for data, options, kind in layers:
            getattr(viewer, f"add_{kind}")(data, **options)
    arrival.receive(viewer)
    return viewer.layers[before:]


def save_array(path, array):
    """As numpy, h5py and zarr-python write it."""
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez_compressed(path, array)
    elif path.suffix == ".zarr":
        zarr.save_array(path, array)
    else:
        with h5py.File(path, "w") as file:
            file["exported_data"] = array
    return path


def save_classes(folder, values, name="sub_pve_{}.nii.gz"):
    """One file for each class, as FSL FAST names them."""
    paths = [folder / name.format(number) for number in range(len(values))]
    for path, one in zip(paths, values, strict=True):
        nib.Nifti1Image(one, OBLIQUE).to_filename(path)
    return paths


ARRAYS = [".npy", ".npz", ".zarr", ".h5"]


@pytest.mark.parametrize("ending", ARRAYS)
def test_arrays_of_any_kind_are_read_in_the_viewers_order(
    tmp_path, values, ending, told
):
    path = save_array(tmp_path / f"case{ending}", values.transpose(0, 3, 2, 1))
    assert get_reader(str(path)) is read_layers
    [(data, options, kind)] = read_layers(str(path))
    # z, y, x without a place in space are those of the array.
    np.testing.assert_array_equal(data, values.transpose(0, 3, 2, 1))
    assert isinstance(data, np.ndarray)
    assert kind == "image"
    assert options["name"] == "case probabilities"
    assert told()[-1].endswith("It is shown in voxels of 1 mm.")


@pytest.mark.parametrize("ending", ARRAYS)
def test_members_in_one_file_become_a_layer_each(tmp_path, values, ending):
    stacked = np.stack([values, values[::-1], values], axis=0).transpose(0, 1, 4, 3, 2)
    layers = read_layers(str(save_array(tmp_path / f"mc{ending}", stacked)))
    names = [options["name"] for _, options, _ in layers]
    assert names == [f"mc pass {n} probabilities" for n in (1, 2, 3)]
    for (data, *_), member in zip(layers, stacked, strict=True):
        np.testing.assert_array_equal(data, member)


def test_large_arrays_stay_lazy(tmp_path, values, monkeypatch):
    path = save_array(tmp_path / "a.zarr", values)
    for free, lazy in ((4 * values.nbytes - 1, True), (4 * values.nbytes, False)):
        monkeypatch.setattr(reader, "available_memory", lambda free=free: free)
        [(data, *_)] = read_layers(str(path))
        assert isinstance(data, da.Array) == lazy
        np.testing.assert_array_equal(data, values)


@pytest.mark.parametrize("ending", [".npy", ".h5"])
def test_something_else_is_not_opened(tmp_path, rng, ending, told):
    """Napari asks who is to read it, and was told that we are."""
    scan = (4000 * rng.random((3, 20, 21, 22))).astype(np.uint16)
    path = save_array(tmp_path / f"scan{ending}", scan)
    assert get_reader(str(path)) is read_layers
    assert read_layers(str(path)) == [(None,)]
    [message] = told()
    assert message.startswith(f"scan{ending} ")
    assert "whole numbers" in message or "--class-axis" in message


def test_an_image_in_zarr_is_left_to_others(tmp_path, rng, told):
    """In OME-Zarr, channels have names, but are those of a microscope."""
    scan = (4000 * rng.random((3, 8, 9, 10))).astype(np.uint16)
    group = zarr.create_group(tmp_path / "cells.ome.zarr", zarr_format=2)
    zarr.save_array(tmp_path / "cells.ome.zarr" / "0", scan, zarr_format=2)
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space"} for name in "zyx"]
    scale = {"type": "scale", "scale": [1, 1, 1, 1]}
    level = {"path": "0", "coordinateTransformations": [scale]}
    image = {"version": "0.4", "axes": axes, "datasets": [level]}
    group.attrs["multiscales"] = [image]
    assert get_reader(str(tmp_path / "cells.ome.zarr")) is None
    assert "whole numbers" in told()[0]


def test_folders_without_a_case_are_left_to_others(tmp_path, told):
    nib.Nifti1Image(np.ones((5, 5, 5)), OBLIQUE).to_filename(tmp_path / "T1.nii")
    assert get_reader(str(tmp_path)) is None
    assert "there are no class probabilities" in told()[0]


def test_a_folder_with_one_case_is_read_and_several_are_told(case_folder, values, told):
    assert get_reader(str(case_folder)) is read_layers
    [(_, options, _)] = read_layers(str(case_folder))
    assert options["name"] == "case probabilities"
    assert told() == []
    save_array(case_folder / "other.npy", values)
    assert get_reader(str(case_folder)) is read_layers
    assert read_layers(str(case_folder)) == [(None,)]
    assert "several cases (case.npz, other.npy)" in told()[0]


def test_one_of_several_files_opens_all(tmp_path, values, told):
    paths = save_classes(tmp_path, values)
    for path in (paths[2], tmp_path):
        [(data, options, _)] = read_layers(str(path))
        layer = Image(data, **options)
        info = layer.metadata[METADATA_KEY]
        assert info["class_names"] == ["pve_0", "pve_1", "pve_2", "pve_3"]
        files = [info["source"], *info["further_sources"]]
        assert files == [str(path) for path in paths]
        assert data.shape[0] == 4
    assert told()[0].startswith("Opened with sub_pve_0.nii.gz, sub_pve_1.nii.gz")


def test_several_of_one_case_are_one_layer(tmp_path, values, viewer, told):
    paths = save_classes(tmp_path, values)
    [layer] = opened(viewer, *paths)  # one after the other, as napari hands them over
    assert len(told()) == 1
    assert read_layers([str(path) for path in paths]) == [(None,)]
    assert len(told()) == 1
    viewer.layers.clear()
    [_] = read_layers([str(path) for path in paths])
    viewer.add_layer(layer)
    viewer.layers[0].name = "mine"
    arrival.drop = arrival.Drop()  # a second later
    assert opened(viewer, paths[1]) == []
    assert told()[-1] == "sub_pve_1.nii.gz is open already, as a part of 'mine'."


@pytest.mark.parametrize("together", [True, False])
def test_members_of_one_name_are_told_apart(tmp_path, values, viewer, together):
    paths = [tmp_path / fold / "sub-007.npz" for fold in ("fold_0", "fold_1")]
    for path in paths:
        path.parent.mkdir()
        save_array(path, values)
    paths.append(tmp_path / "fold_1" / "sub-008.npz")
    save_array(paths[-1], values)
    if together:
        opened(viewer, *paths)
    else:
        for path in paths:
            opened(viewer, path)
    first, second, third = viewer.layers
    assert first.name == "fold_0/sub-007 probabilities"
    assert second.name == "fold_1/sub-007 probabilities"
    assert third.name == "sub-008 probabilities"
    second.name = "mine"
    (tmp_path / "fold_2").mkdir()
    [fourth] = opened(viewer, save_array(tmp_path / "fold_2" / "sub-007.npz", values))
    assert fourth.name == "fold_2/sub-007 probabilities"
    assert second.name == "mine"
    [again] = opened(viewer, paths[0])
    assert again.name == "fold_0/sub-007 probabilities [1]"


def test_notes_are_told_once(tmp_path, values, told):
    """Of a stack, each member would say the same."""
    stacked = np.stack([values, values])
    read_layers(str(save_array(tmp_path / "mc.npy", stacked)))
    assert len(told()) == len(set(told())) == 1


def test_logits_are_seen_from_lowest_to_highest(tmp_path, rng):
    logits = (9 * rng.standard_normal((2, 7, 8, 9))).astype(np.float32)
    [(_, options, _)] = read_layers(str(save_array(tmp_path / "a.npy", logits)))
    low, high = options["contrast_limits"]
    assert logits.min() <= low < -5
    assert 5 < high <= logits.max()


def test_scan_labels_and_probabilities_of_a_case_coincide(case_folder):
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


def test_a_bad_file_is_told_and_adds_no_layer(tmp_path, told):
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


def test_files_of_a_class_each_dropped_on_a_window_are_one_layer(
    qtbot, make_napari_viewer, case_folder, values, told
):
    """One layer of four files, and names at the slider, without further ado."""
    viewer = make_napari_viewer()
    paths = save_classes(case_folder, values, "c{}T1.nii")[1:3]
    paths.append(case_folder / "T1.nii.gz")
    viewer.open(paths, plugin=PLUGIN)
    qtbot.waitUntil(lambda: viewer.dims.axis_labels[0] == "class: white matter")
    assert [layer.name for layer in viewer.layers] == ["T1 probabilities", "T1"]
    viewer.dims.set_current_step(0, 0)
    slider = viewer.window._qt_viewer.dims.slider_widgets[0]
    assert slider.axis_label.text() == "class: gray matter"
    assert len(told()) == 2
    assert told()[1] == "Class probabilities are open."
