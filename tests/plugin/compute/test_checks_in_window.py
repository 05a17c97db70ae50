"""Checks, offers and the pointer; in a real window where it takes one."""

import nibabel as nib
import numpy as np
import pytest
from napari.components import ViewerModel
from nibabel.affines import apply_affine
from nibabel.orientations import inv_ornt_aff
from qtpy.QtWidgets import QTextEdit

from napari_uncertainty.plugin.compute.widget import ComputeWidget
from napari_uncertainty.plugin.viewer.scan_space import layer_grid
from support.clicks import compute
from support.generated import OBLIQUE
from support.shown_widgets import widgets

PLUGIN = "napari-uncertainty"
SHAPE = (14, 16, 18)


@pytest.fixture
def model(qapp):
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def open_alone(qtbot, model):
    with widgets(qtbot, model) as open_one:
        yield open_one


def write(folder, turned=lambda values: values, affine=OBLIQUE):
    """A case whose probabilities, class first in nibabel's order, are turned."""
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:9, 2:6, 3:15] = 1
    labels[2:6, 7:13, 3:9] = 2
    labels[8:11, 8:14, 10:13] = 3
    values = np.random.default_rng(3).random((4, *SHAPE)).astype(np.float32)
    np.put_along_axis(values, labels[None].astype(int), 5, axis=0)
    values /= values.sum(axis=0)
    scan = np.random.default_rng(1).random(SHAPE).astype(np.float32)
    nib.Nifti1Image(scan, affine).to_filename(folder / "T1.nii.gz")
    nib.Nifti1Image(labels, affine).to_filename(folder / "case.nii.gz")
    np.savez(folder / "case.npz", probabilities=turned(values).transpose(0, 3, 2, 1))
    return values


def opened(viewer, folder, names=("T1.nii.gz", "case.nii.gz", "case.npz")):
    for name in names:
        viewer.open(folder / name, plugin=PLUGIN)


def listed(widget):
    [shown] = widget.findChildren(QTextEdit)
    assert shown.isVisible()
    return shown.toPlainText().replace("\xa0", " ").splitlines()


def test_the_segmentation_that_gives_the_place_is_compared_unasked(
    qtbot, model, tmp_path, open_alone
):
    write(tmp_path, lambda values: values[:, ::-1])
    opened(model, tmp_path, ["case.npz"])
    widget = open_alone()
    compute(qtbot, widget)
    lines = listed(widget)
    assert any("do not belong together" in line for line in lines)
    assert any("agrees far better" in line and "100 %" in line for line in lines)


def test_the_first_of_some_tissues_is_foreground(qtbot, model, tmp_path, open_alone):
    """There is no class for what surrounds the brain."""
    brain = np.zeros(SHAPE, bool)
    brain[3:11, 3:12, 4:14] = True
    for number, share in enumerate((0.75, 0.25)):
        tissue = (share * brain).astype(np.float32)
        name = f"T1_pve_{number}.nii.gz"
        nib.Nifti1Image(tissue, OBLIQUE).to_filename(tmp_path / name)
    model.open(tmp_path / "T1_pve_1.nii.gz", plugin=PLUGIN)
    widget = open_alone()
    compute(qtbot, widget)
    assert any("No class is the background (FSL FAST)" in one for one in listed(widget))
    [shown] = [layer for layer in model.layers if "entropy" in layer.name]
    prediction = shown.metadata["napari_uncertainty"]["prediction"]
    assert np.count_nonzero(prediction) == np.count_nonzero(brain)


def test_all_is_well_and_the_pointer_is_told(qtbot, model, tmp_path, told):
    write(tmp_path)
    opened(model, tmp_path)
    listening = len(model.cursor.events.position.callbacks)
    widget = ComputeWidget(model)
    widget.show()
    assert len(model.cursor.events.position.callbacks) == listening + 1
    compute(qtbot, widget)
    lines = listed(widget)
    assert all(line.startswith("✓") for line in lines)
    assert any("100 % of the foreground" in line for line in lines)
    assert any(
        "The voxels are those of 'T1' (voxel size differs by 0 mm" in line
        for line in lines
    )
    assert not widget.checks.apply_button.visible
    assert not widget.checks.undo_button.visible
    check_pointer(model, widget)
    assert told() == []
    widget.deleteLater()
    qtbot.waitUntil(lambda: len(model.cursor.events.position.callbacks) == listening)


def check_pointer(model, widget):
    """It tells the place in the patient, and of what it is."""
    t1 = model.layers["T1"]
    for voxel in ((0, 0, 0), (3, 9, 11)):
        right, anterior, superior = apply_affine(OBLIQUE, voxel)
        grid = layer_grid(t1)
        world = -(np.linalg.inv(grid.directions) @ [right, anterior, superior])[::-1]
        model.layers.selection.active = t1
        model.cursor.position = (0, *world)
        place = f"R {right:.1f}, A {anterior:.1f}, S {superior:.1f} mm"
        assert widget.pointer.value == (
            f"{place.replace('-', '−')} · voxel ({', '.join(map(str, voxel))}) of 'T1'"
        )
    model.dims.ndisplay = 3
    model.cursor.position = (0, 1, 2, 3)
    assert widget.pointer.value == ""


def test_a_mirrored_softmax_is_told_and_mended_while_it_is_there(
    qtbot, model, open_alone, tmp_path, told
):
    write(tmp_path, lambda values: values[:, :, ::-1])
    opened(model, tmp_path)
    widget = open_alone()
    layer = compute(qtbot, widget)
    wrong = np.array(layer.data)
    red = [line for line in listed(widget) if line.startswith("✗")]
    assert listed(widget)[: len(red)] == red  # the worst first
    assert any("mirrored top–bottom: 100 %" in line for line in red)
    assert any("Another placement agrees far better" in message for message in told())
    assert not widget.checks.undo_button.visible

    assert compute(qtbot, widget, "Apply this placement") == layer
    assert all(line.startswith("✓") for line in listed(widget))
    # The second of the file's axes runs to Inferior, the viewer's first.
    np.testing.assert_array_equal(layer.data, wrong[::-1])
    assert not widget.checks.apply_button.visible

    assert compute(qtbot, widget, "Undo placement") == layer
    np.testing.assert_array_equal(layer.data, wrong)
    assert any(line.startswith("✗") for line in listed(widget))

    assert widget.checks.apply_button.visible
    model.layers.clear()
    assert compute(qtbot, widget, "Apply this placement") is None
    assert "No layer with class probabilities" in widget.result.value


def test_a_place_from_the_scan_and_another_orientation(
    qtbot, viewer, open_widget, tmp_path, told
):
    """Nothing warns of tilts or units.

    Of axes that run as the scan's it is tested where the whole job is.
    """
    write(tmp_path)
    (tmp_path / "case.nii.gz").unlink()
    opened(viewer, tmp_path, ("T1.nii.gz", "case.npz"))
    assert any("its place in space is unknown" in message for message in told())
    widget = open_widget()
    layer = compute(qtbot, widget)
    assert layer_grid(layer) is None
    assert "does not say where it lies" in widget.checks.reason.value
    assert compute(qtbot, widget, "Apply this placement") == layer
    assert layer_grid(layer).same_place(layer_grid(viewer.layers["T1"]))
    np.testing.assert_allclose(layer.scale, viewer.layers["T1"].scale)
    assert not any("Incons" in message or "orthog" in message for message in told())

    viewer.layers.clear()
    before = told()
    orientation = np.stack([(2, 0, 1), (-1, 1, -1)], axis=1)
    write(tmp_path, affine=OBLIQUE @ inv_ornt_aff(orientation, SHAPE))
    opened(viewer, tmp_path)
    compute(qtbot, widget)
    for plane in ((0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2)):
        viewer.dims.order = plane
        qtbot.wait(10)
    viewer.dims.ndisplay = 3
    qtbot.wait(10)
    assert told() == before
