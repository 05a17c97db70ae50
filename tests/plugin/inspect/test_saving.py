"""Pictures and surfaces as files, read back by other programs' libraries."""

from pathlib import Path

import imageio.v3 as iio
import nibabel as nib
import numpy as np
import pytest
import trimesh
from napari.components import ViewerModel
from nibabel.affines import apply_affine
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_uncertainty import Grid, InputError, LabelMap, ProbabilityMap
from napari_uncertainty.plugin.inspect.tabs import files_for, save_picture
from support.compute_without_window import compute
from support.generated import OBLIQUE
from support.inspect_dock import (
    NAMES,
    add,
    add_case,
    as_opened,
    network,
    open_for_module,
    open_widget,
)
from support.phantoms import asymmetric

SHAPE = (20, 21, 22)


@pytest.fixture
def viewer():
    """Without a window."""
    return ViewerModel()


@pytest.fixture(scope="module")
def opened(request, qapp):
    yield from open_for_module(request, shape=SHAPE)


@pytest.fixture
def case(opened):
    """For tests that end with the `widget`."""
    return opened[0]


@pytest.fixture
def widget(qtbot, opened):
    yield opened[1]
    as_opened(qtbot, opened[1])


@pytest.fixture
def save_as(monkeypatch):
    """Answers the dialogs: where to, and that files may be replaced."""

    def answered(path, replace=True):
        monkeypatch.setattr(
            QFileDialog, "getSaveFileName", lambda *args: (str(path or ""), "")
        )
        yes, no = QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No
        asked = []
        monkeypatch.setattr(
            QMessageBox,
            "question",
            lambda _, title, text: (asked.append(text), yes if replace else no)[1],
        )
        return asked

    return answered


def show_surfaces(qtbot, widget, labels=()):
    widget.classes.select(labels)
    widget.views.buttons.buttons["Surface"].click()
    qtbot.waitUntil(lambda: len(widget.views.shown_surfaces()) == len(labels) + 1)


def save(qtbot, widget, told):
    before = len(told())
    widget.saving.surface_button.click()
    qtbot.waitUntil(lambda: len(told()) > before)
    return told()[before:]


def check_box(vertices, mask, affine):
    """The box around a surface is that around the voxels, up to one voxel."""
    voxels = apply_affine(affine, np.argwhere(mask))
    size = np.linalg.norm(affine[:3, :3], axis=0).max()
    for end in (np.min, np.max):
        np.testing.assert_allclose(end(vertices, 0), end(voxels, 0), atol=size)


def read_gifti(path):
    vertices, faces, values = nib.load(path).darrays
    return vertices.data, faces.data, values.data


@pytest.mark.parametrize("ending", [".surf.gii", ".ply"])
def test_the_surface_of_the_foreground_is_saved_in_ras(
    qtbot, case, widget, tmp_path, save_as, told, ending
):
    show_surfaces(qtbot, widget)
    path = tmp_path / f"surface{ending}"
    save_as(path)
    assert save(qtbot, widget, told) == [f"Saved: {path}"]
    if ending == ".ply":
        mesh = trimesh.load(path, process=False)
        vertices, faces = mesh.vertices, mesh.faces
        assert "comment foreground: entropy in bits" in path.read_bytes().decode(
            "ascii", "replace"
        )
        # Colours are those of the viewer, opaque.
        shown = case.viewer.layers["foreground surface"]
        low, high = shown.contrast_limits
        share = np.clip((shown.data[2] - low) / (high - low), 0, 1)
        np.testing.assert_allclose(
            mesh.visual.vertex_colors, 255 * shown.colormap.map(share), atol=0.6
        )
    else:
        vertices, faces, values = read_gifti(path)
        assert 0 <= values.min() < values.max() <= 2
    check_box(vertices, case.labels > 0, case.affine)
    solid = trimesh.Trimesh(vertices, faces, process=False)
    assert solid.is_watertight
    volume = (case.labels > 0).sum() * abs(np.linalg.det(case.affine[:3, :3]))
    assert solid.volume == pytest.approx(volume, rel=0.05)  # and not inside out


def test_classes_become_files_with_their_names(
    qtbot, case, widget, tmp_path, save_as, told
):
    show_surfaces(qtbot, widget, [1, 3])
    save_as(tmp_path / "sub-01.T1.surf.gii")
    save(qtbot, widget, told)
    masks = {"left": case.labels == 1, "stem": case.labels == 3}
    masks["foreground"] = case.labels > 0
    assert {path.name for path in tmp_path.iterdir()} == {
        f"sub-01.T1_{name}.surf.gii" for name in masks
    }
    for name, mask in masks.items():
        vertices, _, _ = read_gifti(tmp_path / f"sub-01.T1_{name}.surf.gii")
        check_box(vertices, mask, case.affine)


def test_each_of_several_surfaces_has_a_file_with_its_name():
    path = Path("folder/a.ply")
    assert files_for(path, ["left"]) == [path]
    names = [file.name for file in files_for(path, ["Left a/b", "left a-b", "x", "x"])]
    assert names == ["a_Left-a-b.ply", "a_left-a-b-2.ply", "a_x.ply", "a_x-2.ply"]
    assert files_for(Path("a"), ["x", "y"]) == [Path("a_x"), Path("a_y")]


def test_no_surface_is_shown(qtbot, widget, told):
    [sentence] = save(qtbot, widget, told)
    assert "No surface with a place in the patient is shown" in sentence
    show_surfaces(qtbot, widget)
    widget.views.buttons.buttons["Axial"].click()
    assert save(qtbot, widget, told) == [sentence]


def test_a_surface_that_was_deleted_is_not_saved(qtbot, case, widget):
    show_surfaces(qtbot, widget)
    case.viewer.layers.remove("foreground surface")
    assert widget.views.shown_surfaces() == []


def test_without_a_place_there_is_no_ras(qtbot, viewer, rng, told):
    labels = asymmetric(SHAPE)
    net = ProbabilityMap(network(labels, rng), NAMES, name="net")
    compute(viewer, add(viewer, net))
    widget = open_widget(qtbot, viewer)
    widget.views.buttons.buttons["Surface"].click()
    qtbot.waitUntil(lambda: "foreground surface" in viewer.layers)
    [sentence] = save(qtbot, widget, told)
    assert "No surface with a place in the patient" in sentence


@pytest.mark.parametrize("name", ["missing/surface.surf.gii", "surface.stl"])
def test_an_error_is_told_once(qtbot, widget, tmp_path, save_as, told, name):
    show_surfaces(qtbot, widget)
    save_as(tmp_path / name)
    assert len(save(qtbot, widget, told)) == 1
    qtbot.wait(20)
    assert len(told()) == 1
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_not_replaced_unasked(qtbot, widget, tmp_path, save_as, told):
    """The dialog asks about one name, and several files are written."""
    show_surfaces(qtbot, widget, [1])
    there = tmp_path / "surface_left.ply"
    there.write_text("precious")
    asked = save_as(tmp_path / "surface.ply", replace=False)
    widget.saving.surface_button.click()
    assert asked == ["There already: surface_left.ply. Replace?"]
    assert there.read_text() == "precious"
    save_as(tmp_path / "surface.ply")
    save(qtbot, widget, told)
    assert there.read_bytes().startswith(b"ply")


def test_a_dialog_that_is_left_saves_nothing(qtbot, widget, tmp_path, save_as, told):
    show_surfaces(qtbot, widget)
    save_as(None)
    widget.saving.surface_button.click()
    widget.saving.picture_button.click()
    assert told() == []


def test_a_picture_is_a_png(tmp_path, rng):
    shot = rng.integers(0, 255, (30, 40, 4)).astype(np.uint8)
    for name, expected in (("a.PNG", "a.PNG"), ("view", "view.png")):
        assert save_picture(tmp_path / name, shot) == tmp_path / expected
        np.testing.assert_array_equal(iio.imread(tmp_path / expected), shot)
    with pytest.raises(InputError, match="missing"):
        save_picture(tmp_path / "missing" / "a.png", shot)


def test_labels_elsewhere_are_saved_at_the_map(qtbot, viewer, rng, tmp_path):
    """In the patient, whatever the grid that the labels came on."""
    case = add_case(viewer, rng, shape=SHAPE, segmentation=False)
    cut = case.labels[3:18, 3:18, 2:]
    affine = OBLIQUE @ nib.affines.from_matvec(np.eye(3), (3, 3, 2))
    add(viewer, LabelMap(cut, Grid(cut.shape, affine), name="cut"))
    widget = open_widget(qtbot, viewer)
    show_surfaces(qtbot, widget)
    [(_, mesh, _)] = widget.views.shown_surfaces()
    check_box(mesh.vertices, cut > 0, affine)


def test_the_map_is_saved_as_nifti_on_the_grid_of_its_source(
    case, widget, tmp_path, monkeypatch, told
):
    asked = []

    def answered(_parent, _title, suggested, filters):
        asked.append((suggested, filters))
        return str(tmp_path / "mine.nii.gz"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answered)
    widget.saving.map_button.click()
    # It is of layers without a file, so it is suggested without a folder.
    assert asked == [("net_probabilities_entropy.nii.gz", "NIfTI (*.nii.gz *.nii)")]
    written = nib.load(tmp_path / "mine.nii.gz")
    np.testing.assert_allclose(written.affine, case.affine, atol=1e-5)
    np.testing.assert_allclose(written.get_fdata(), case.entropy, atol=1e-5)
    assert told() == [f"mine.nii.gz and mine.json are in {tmp_path}."]


def test_without_a_map_there_is_none_to_save(qtbot, viewer, told, save_as):
    widget = open_widget(qtbot, viewer)
    save_as("never.nii.gz")
    widget.saving.map_button.click()
    assert told()[-1].startswith("There is no uncertainty map yet")
    widget.stop()
