"""Maps that were written, opened again: shown, inspected, reviewed and saved.

The files are written by numpy, nibabel and json alone.
"""

import json

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_uncertainty.plugin import session
from napari_uncertainty.plugin.inspect.probe import Probe
from napari_uncertainty.plugin.reader import open_path
from napari_uncertainty.plugin.viewer.arrival import receive
from napari_uncertainty.plugin.viewer.layers import preferences
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from napari_uncertainty.plugin.viewer.shown_map import ShownMap
from support.command_line import call_here
from support.compute_without_window import maps_in, names_in
from support.inspect_dock import check_table, open_widget
from support.review_dock import (
    Opened,
    begin,
    check_places,
    plain,
    redirect,
    shown_index,
    write_case,
)

PLUGIN = "napari-uncertainty"


@pytest.fixture
def files(tmp_path, rng):
    return write_case(tmp_path / "case", rng)


@pytest.fixture
def viewer():
    return ViewerModel()


def told_of(files):
    return {
        "measure": "entropy",
        "base": 2,
        "unit": "bits",
        "kind": "softmax",
        "n_states": 4,
        "n_classes": 4,
        "class_names": ["background", "left", "right", "stem"],
        "foreground_only": False,
        "foreground_from": "case.nii.gz",
        "notes": [],
        "checks": [{"name": "kind", "level": "green", "sentence": "Softmax."}],
        "statistics": {
            "voxels": files.labels.size,
            "no_data": 0,
            "total": float(files.entropy.sum()),
            "mean": float(files.entropy.mean()),
            "maximum": float(files.entropy.max()),
            "foreground_voxels": 1,
            "foreground_mean": 1.0,
        },
        "probabilities": "case",
        "source": str(files.probabilities),
        "shape": list(files.labels.shape),
        "affine": files.affine.tolist(),
        "inputs": [{"path": str(files.probabilities), "size": 1, "mtime_ns": 1}],
    }


@pytest.fixture
def written(files):
    """A map in its own folder."""
    path = files.folder.parent / "maps" / "case_entropy.nii.gz"
    path.parent.mkdir()
    image = nib.Nifti1Image(files.entropy, files.affine)
    image.header.set_intent("estimate", name="entropy")
    image.header["descrip"] = b"entropy (bits), napari-uncertainty"
    image.to_filename(path)
    sidecar = path.with_name("case_entropy.json")
    sidecar.write_text(json.dumps(told_of(files)))
    return path


def opened(viewer, *paths):
    viewer.open(list(paths), plugin=PLUGIN)
    receive(viewer)
    return maps_in(viewer)[-1]


def test_it_lies_on_the_segmentation(viewer, files, written):
    shown = opened(viewer, files.segmentation, written)
    labels = viewer.layers[0]
    assert shown.name == "case_entropy"
    np.testing.assert_allclose(shown.translate, labels.translate, atol=1e-5)
    np.testing.assert_allclose(shown.scale, labels.scale, atol=1e-6)
    assert shown.axis_labels == labels.axis_labels
    for voxel in ((0, 0, 0), (11, 12, 13), (3, 7, 4)):
        index = shown_index(shown, files, voxel)
        assert shown.data[index] == files.entropy[voxel]


def test_it_looks_like_a_map_that_was_just_computed(viewer, written):
    shown = opened(viewer, written)
    assert tuple(shown.contrast_limits) == (0, 2)
    assert shown.colormap.name == f"{preferences().colormap} (transparent)"
    assert shown.blending == "translucent_no_depth"
    assert shown.colorbar.visible == preferences().colorbar
    shown.colorbar.visible = not preferences().colorbar
    receive(viewer)  # when another file is opened
    assert shown.colorbar.visible != preferences().colorbar


def test_it_can_be_inspected(qtbot, viewer, files, written):
    opened(viewer, files.segmentation, written)
    widget = open_widget(qtbot, viewer)
    assert widget.following.subject.record.highest == 2
    check_table(widget, files.entropy, files.labels)
    names = [*widget.classes.model.table["name"]]
    assert sorted(names) == sorted(["background", "left", "right", "stem"])


def test_without_its_json_it_can_still_be_inspected(
    qtbot, viewer, files, written, told
):
    written.with_name("case_entropy.json").unlink()
    opened(viewer, files.segmentation, written)
    [message] = told()
    assert message.startswith("Beside case_entropy.nii.gz there is no")
    check_table(open_widget(qtbot, viewer), files.entropy, files.labels)


def test_it_can_be_reviewed(viewer, files, written, tmp_path, monkeypatch):
    redirect(tmp_path, monkeypatch)
    shown = opened(viewer, files.segmentation, written)
    case = Opened(viewer, files, viewer.layers[0], None, shown, None)
    review = begin(case)
    check_places(
        review.hotspots, plain(files.entropy, files.labels, affine=files.affine)
    )
    assert review.material.names[1] == "left"
    assert review.session.path.parent == files.folder


# -- beside what it was made from ---------------------------------------------


@pytest.fixture
def computed(files):
    """A map that the command line made, which keeps in mind what it has read."""
    output = files.folder.parent / "maps"
    ran = call_here("map", files.probabilities, "-o", output)
    assert ran.returncode == 0, ran.stderr
    return output / "case_entropy.nii.gz"


def bars(viewer, shown, files, voxel):
    """Probabilities that the probe reads there, by label."""
    segmentation = next(one for one in viewer.layers if isinstance(one, Labels))
    subject = ShownMap.of(viewer, shown, segmentation)
    labels = np.zeros(subject.source.values.shape, np.uint8)
    return Probe(viewer, subject, labels).read(subject.place(voxel)).probabilities


def test_it_knows_the_probabilities_that_are_open(
    viewer, files, computed, tmp_path, monkeypatch
):
    redirect(tmp_path, monkeypatch)
    monkeypatch.chdir(files.folder)
    paths = (files.segmentation.name, files.probabilities.name, computed)
    shown = opened(viewer, *paths)
    for voxel in ((0, 0, 0), (3, 7, 4)):
        found = bars(viewer, shown, files, voxel)
        np.testing.assert_allclose(found, files.p[(slice(None), *voxel)], atol=1e-6)
    review = begin(Opened(viewer, files, viewer.layers[0], None, shown, None))
    expected = plain(
        files.entropy, files.labels, members=[files.p], affine=files.affine
    )
    check_places(review.hotspots, expected)


def test_it_does_not_take_others(viewer, files, computed):
    """Neither those that are gone, nor copies, nor where they were placed by hand."""
    sidecar, probabilities = (
        computed.with_name("case_entropy.json"),
        files.probabilities,
    )
    told = sidecar.read_text()

    def found(*paths):
        viewer.layers.clear()
        shown = opened(viewer, files.segmentation, *paths, computed)
        return bars(viewer, shown, files, (3, 7, 4))

    assert found(probabilities) is not None
    assert found() is None
    other = files.folder / "other.npz"
    other.write_bytes(probabilities.read_bytes())
    assert found(other) is None
    sidecar.write_text(json.dumps(json.loads(told) | {"placed": "axes 1 0 2"}))
    assert found(probabilities) is None
    sidecar.write_text(told)
    np.savez(probabilities, probabilities=files.p[::-1].transpose(0, 3, 2, 1))
    assert found(probabilities) is None


def test_of_members_all_have_to_be_open(viewer, files):
    folders = [files.folder, files.folder.parent / "fold_1"]
    folders[1].mkdir()
    for path in files.folder.iterdir():
        (folders[1] / path.name).write_bytes(path.read_bytes())
    np.savez(folders[1] / "case.npz", probabilities=files.p[::-1].transpose(0, 3, 2, 1))
    output = files.folder.parent / "maps"
    inputs = [folder / "case.npz" for folder in folders]
    ran = call_here("map", "--ensemble", *inputs, "-o", output)
    assert ran.returncode == 0, ran.stderr
    [path] = output.glob("*mutual_information.nii.gz")
    shown = opened(viewer, files.segmentation, inputs[0], path)
    assert bars(viewer, shown, files, (3, 7, 4)) is None
    opened(viewer, inputs[1])
    found = bars(viewer, shown, files, (3, 7, 4))
    mean = (files.p + files.p[::-1])[:, 3, 7, 4] / 2
    np.testing.assert_allclose(found, mean, atol=1e-6)


def test_saved_again_it_is_the_same(viewer, files, written):
    shown = opened(viewer, written)
    path = files.folder / "again.nii.gz"
    shown.save(str(path), plugin=PLUGIN)
    before, after = nib.load(written), nib.load(path)
    np.testing.assert_array_equal(after.affine, before.affine)
    np.testing.assert_array_equal(np.asarray(after.dataobj), files.entropy)
    saved = json.loads(path.with_name("again.json").read_text())
    expected = told_of(files) | {"affine": before.affine.tolist()}
    assert {key: saved[key] for key in expected} == expected


def test_a_map_without_a_place_is_saved_again_with_its_voxel_size(
    viewer, files, written
):
    told = told_of(files)
    del told["affine"], told["shape"]
    written.with_name("case_entropy.json").write_text(json.dumps(told))
    image = nib.Nifti1Image(files.entropy, None)
    image.header.set_zooms((1, 2, 3))
    image.header["descrip"] = b"entropy (bits), napari-uncertainty"
    image.to_filename(written)
    shown = opened(viewer, written)
    np.testing.assert_array_equal(shown.data, files.entropy.T)
    assert tuple(shown.scale) == (3, 2, 1)
    path = files.folder / "again.nii.gz"
    shown.save(str(path), plugin=PLUGIN)
    assert nib.load(path).header.get_zooms() == (1, 2, 3)
    np.testing.assert_array_equal(np.asarray(nib.load(path).dataobj), files.entropy)


def test_maps_of_two_folders_are_told_apart(viewer, files, written):
    other = files.folder.parent / "others"
    other.mkdir()
    for path in written.parent.iterdir():
        (other / path.name).write_bytes(path.read_bytes())
    opened(viewer, written, other / written.name)
    assert names_in(viewer) == ["maps/case_entropy", "others/case_entropy"]
    sources = [one.metadata[METADATA_KEY]["source"] for one in maps_in(viewer)]
    assert sources == [str(files.probabilities)] * 2


def test_from_the_command_line_it_is_shown_as_it_is(
    viewer, files, written, monkeypatch
):
    """Nothing is computed anew."""
    monkeypatch.setattr(session.napari, "Viewer", lambda: viewer)
    monkeypatch.setattr(session.napari, "run", lambda: None)
    monkeypatch.setattr(session, "compute", None)
    paths = (written, files.segmentation, files.scan)
    volumes = [volume for path in paths for volume in open_path(path)]
    assert session.run_case(volumes) is None
    assert names_in(viewer) == ["T1", "case", "case_entropy"]
    assert maps_in(viewer)[0].colorbar.visible == preferences().colorbar
