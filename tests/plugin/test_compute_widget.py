"""The widget in a real window, driven as a user drives it."""

import threading
import time

import nibabel as nib
import numpy as np
import pytest
from qtpy.QtCore import QTimer
from scipy.special import entr

from driving import button, click, compute
from generated import softmax
from napari_uncertainty.fold.arrays import ArrayFold
from napari_uncertainty.plugin.layers import METADATA_KEY

PLUGIN = "napari-uncertainty"


@pytest.fixture
def case(viewer, case_folder):
    """The generated case, opened through the plugin's reader."""
    for name in ("T1.nii.gz", "case.npz"):
        viewer.open(case_folder / name, plugin=PLUGIN)
    labels = np.asarray(viewer.layers[-1].data).argmax(axis=0)
    viewer.add_labels(
        labels,
        name="case",
        scale=viewer.layers[0].scale,
        translate=viewer.layers[0].translate,
        units="mm",
    )
    return viewer


@pytest.fixture
def slow(monkeypatch):
    """Blocks that wait for the test, so that a run can be met in the middle."""
    go_on = threading.Event()
    fold_block = ArrayFold.fold_block

    def waiting(self, *block):
        go_on.wait(1.5)  # long enough to act, short enough for a cancelled thread
        return fold_block(self, *block)

    monkeypatch.setattr(ArrayFold, "fold_block", waiting)
    yield go_on
    go_on.set()


def bits(probabilities, axis=0):
    p = np.asarray(probabilities, np.float64)
    p = p / p.sum(axis=axis, keepdims=True)
    return entr(p).sum(axis=axis) / np.log(2)


def test_main_job(qtbot, case, open_widget):
    widget = open_widget()
    assert widget.probabilities.value.name == "case probabilities"
    assert widget.scan.value.name == "T1"
    assert widget.segmentation.value.name == "case"
    layer = compute(qtbot, widget)
    probabilities = case.layers["case probabilities"]
    assert layer.name == "case probabilities entropy"
    expected = bits(probabilities.data)
    np.testing.assert_allclose(layer.data, expected, atol=1e-6)
    for name in ("scale", "translate", "units", "axis_labels"):
        assert list(getattr(layer, name)) == list(getattr(probabilities, name))[1:]
    assert layer.colormap.name == "inferno (transparent)"
    np.testing.assert_allclose(layer.contrast_limits, (0, 2))
    assert layer.blending == "translucent_no_depth"
    assert layer.colorbar.visible
    info = layer.metadata[METADATA_KEY]
    assert (info["measure"], info["base"], info["unit"]) == ("entropy", 2, "bits")
    assert info["class_names"] == ["background", "left", "right", "stem"]
    assert info["source"].endswith("case.npz")
    assert info["foreground_from"] == "case"
    assert f"Total entropy: {expected.sum():,.1f} bits" in widget.result.value
    inside = expected[np.asarray(case.layers["case"].data) != 0].mean()
    assert f"Mean in the foreground: {inside:.4g} bits" in widget.result.value
    assert button(widget, "Compute").isEnabled()
    assert not button(widget, "Cancel").isEnabled()


def test_fields_are_read_on_the_main_thread(qtbot, case, open_widget, monkeypatch):
    from napari_uncertainty.plugin import compute_widget

    readers = []

    class Watched(dict):
        def __getitem__(self, unit):
            readers.append(threading.current_thread())
            return super().__getitem__(unit)

    watched = Watched(compute_widget.BASE_BY_UNIT)
    monkeypatch.setattr(compute_widget, "BASE_BY_UNIT", watched)
    compute(qtbot, open_widget())
    assert readers == [threading.main_thread()]


def test_second_click_updates_in_place(qtbot, case, open_widget):
    widget = open_widget()
    layer = compute(qtbot, widget)
    layer.colormap, layer.opacity = "viridis", 0.5
    before = list(case.layers)
    widget.base.value = "nats"
    assert compute(qtbot, widget) == layer
    assert list(case.layers) == before
    np.testing.assert_allclose(layer.contrast_limits, (0, np.log(4)))
    assert layer.metadata[METADATA_KEY]["base"] == "e"
    assert (layer.colormap.name, layer.opacity) == ("viridis", 0.5)
    case.layers.remove(layer)
    assert compute(qtbot, widget).name == "case probabilities entropy"


def test_another_measure(qtbot, case, open_widget):
    widget = open_widget()
    entropy = compute(qtbot, widget)
    widget.measure.value = "margin"
    assert not widget.base.enabled
    margin = compute(qtbot, widget)
    assert margin.name == "case probabilities margin"
    assert entropy in case.layers
    ranked = np.sort(np.asarray(margin.data), axis=None)
    assert ranked[0] >= 0
    assert ranked[-1] <= 1
    np.testing.assert_allclose(margin.contrast_limits, (0, 1))
    assert f"Total margin: {margin.data.sum(dtype=float):,.1f}\n" in widget.result.value
    assert margin.metadata[METADATA_KEY]["unit"] == ""
    widget.measure.value = "entropy"
    assert widget.base.enabled
    assert compute(qtbot, widget) == entropy


def test_foreground_only(qtbot, case, open_widget):
    widget = open_widget()
    widget.foreground_only.value = True
    layer = compute(qtbot, widget)
    background = np.asarray(case.layers["case"].data) == 0
    assert (layer.data[background] == 0).all()
    assert (layer.data[~background] > 0).any()
    assert "Total entropy in the foreground" in widget.result.value


def test_progress_and_cancel(qtbot, case, open_widget, slow):
    widget = open_widget()
    click(qtbot, widget, "Compute")
    qtbot.waitUntil(lambda: widget.progress.native.isVisible())
    assert "Computing entropy of 'case probabilities'" in widget.result.value
    assert not button(widget, "Compute").isEnabled()
    click(qtbot, widget, "Cancel")
    assert widget.result.value == "Cancelled."
    qtbot.waitUntil(lambda: not folding(), timeout=5000)
    assert not widget.progress.native.isVisible()
    qtbot.wait(100)
    assert "case probabilities entropy" not in case.layers
    slow.set()
    assert compute(qtbot, widget) is not None


def folding():
    return [one for one in threading.enumerate() if one.name.startswith("fold")]


def test_progress_moves(qtbot, viewer, open_widget, rng):
    values = np.tile(softmax(rng, (3, 16, 128, 128)), (1, 8, 1, 1))
    viewer.add_image(values, name="p")
    widget = open_widget()
    seen = []
    widget.progress.changed.connect(seen.append)
    compute(qtbot, widget)
    assert max(seen) > 0


def test_layer_removed_meanwhile(qtbot, case, open_widget, slow, told):
    widget = open_widget()
    click(qtbot, widget, "Compute")
    qtbot.waitUntil(lambda: bool(folding()))
    case.layers.remove("case probabilities")
    slow.set()
    qtbot.waitUntil(lambda: "was removed or changed" in widget.result.value)
    assert [layer.name for layer in case.layers] == ["T1", "case"]
    assert any("was removed or changed" in message for message in told())


def test_data_replaced_meanwhile(qtbot, case, open_widget, slow):
    widget = open_widget()
    click(qtbot, widget, "Compute")
    qtbot.waitUntil(lambda: bool(folding()))
    layer = case.layers["case probabilities"]
    layer.data = np.array(layer.data)
    slow.set()
    qtbot.waitUntil(lambda: "was removed or changed" in widget.result.value)
    assert "case probabilities entropy" not in case.layers


def test_renamed_meanwhile(qtbot, case, open_widget, slow):
    widget = open_widget()
    click(qtbot, widget, "Compute")
    qtbot.waitUntil(lambda: bool(folding()))
    case.layers["case probabilities"].name = "softmax"
    slow.set()
    qtbot.waitUntil(lambda: "softmax entropy" in case.layers)


def test_dock_closed_meanwhile(qtbot, case, open_widget, slow):
    """The map still comes: the viewer that asked for it is there."""
    widget = open_widget()
    click(qtbot, widget, "Compute")
    qtbot.waitUntil(lambda: bool(folding()))
    case.window.remove_dock_widget("all")
    slow.set()
    qtbot.waitUntil(lambda: "case probabilities entropy" in case.layers)
    widget.native.deleteLater()


@pytest.mark.usefixtures("slow")
def test_widget_destroyed_meanwhile(qtbot, case, open_widget):
    widget = open_widget()
    click(qtbot, widget, "Compute")
    qtbot.waitUntil(lambda: bool(folding()))
    case.window.remove_dock_widget("all")
    widget.native.deleteLater()
    del widget
    qtbot.waitUntil(lambda: not folding(), timeout=5000)
    assert "case probabilities entropy" not in case.layers


@pytest.mark.usefixtures("slow")
def test_viewer_closed_meanwhile(qtbot, case, open_widget):
    widget = open_widget()
    click(qtbot, widget, "Compute")
    qtbot.waitUntil(lambda: bool(folding()))
    case.close()
    qtbot.waitUntil(lambda: not folding(), timeout=5000)


def test_an_unexpected_error_is_not_swallowed(qtbot, case, open_widget, monkeypatch):
    def broken(self, *block):
        raise RuntimeError("a bug")

    monkeypatch.setattr(ArrayFold, "fold_block", broken)
    widget = open_widget()
    with qtbot.captureExceptions() as raised:
        click(qtbot, widget, "Compute")
        qtbot.waitUntil(lambda: bool(raised), timeout=5000)
    assert "a bug" in str(raised[0][1])
    assert button(widget, "Compute").isEnabled()


def test_nothing_open(qtbot, open_widget, told):
    widget = open_widget()
    assert compute(qtbot, widget) is None
    assert "No layer with class probabilities is chosen" in told()[0]


def test_choices_follow_the_layers(qtbot, viewer, case_folder, open_widget):
    widget = open_widget()
    assert widget.probabilities.value is None
    for name in ("case.npz", "T1.nii.gz"):
        viewer.open(case_folder / name, plugin=PLUGIN)
    assert widget.probabilities.value.name == "case probabilities"
    assert widget.scan.value.name == "T1"
    assert widget.segmentation.value is None
    compute(qtbot, widget)
    names = [str(layer) for layer in widget.probabilities.choices]
    assert "case probabilities entropy" not in names
    viewer.layers["T1"].name = "brain"
    assert widget.scan.value.name == "brain"
    viewer.layers.remove("brain")
    assert widget.scan.value is None


def test_a_pick_of_the_user_stays(viewer, case_folder, open_widget):
    widget = open_widget()
    viewer.open(case_folder / "case.npz", plugin=PLUGIN)
    viewer.open(case_folder / "T1.nii.gz", plugin=PLUGIN)
    widget.scan.native.setCurrentIndex(0)  # none
    assert widget.scan.value is None
    viewer.open(case_folder / "T1.nii.gz", plugin=PLUGIN)
    assert widget.scan.value is None


def test_two_dimensions_beside_a_photograph(qtbot, viewer, open_widget, rng):
    values = softmax(rng, (3, 40, 50))
    photograph = rng.integers(0, 255, (40, 50, 3)).astype(np.uint8)
    viewer.add_image(photograph, name="photo", rgb=True)
    viewer.add_image(values, name="softmax")
    viewer.add_labels(values.argmax(axis=0), name="labels")
    widget = open_widget()
    assert widget.probabilities.value.name == "softmax"
    assert widget.scan.value.name == "photo"
    assert widget.segmentation.value.name == "labels"
    layer = compute(qtbot, widget)
    np.testing.assert_allclose(layer.data, bits(values), atol=1e-6)
    assert layer.ndim == 2
    assert not viewer.layers["softmax"].visible  # it would cover the photograph
    viewer.layers["softmax"].visible = True
    compute(qtbot, widget)
    assert viewer.layers["softmax"].visible  # the user wants to see it


def test_classes_that_napari_took_for_colours(qtbot, viewer, open_widget, rng, told):
    values = np.ascontiguousarray(np.moveaxis(softmax(rng, (3, 40, 50)), 0, -1))
    viewer.add_image(values, name="net", rgb=True, scale=(2, 3))
    viewer.add_labels(values.argmax(axis=-1), name="labels", scale=(2, 3))
    widget = open_widget()
    assert widget.segmentation.value.name == "labels"
    layer = compute(qtbot, widget)
    np.testing.assert_allclose(layer.data, bits(values, -1), atol=1e-6)
    np.testing.assert_allclose(layer.scale, (2, 3))
    assert "shows 'net' in colour; its last axis was read as 3 classes" in told()[0]


def test_what_is_no_softmax(qtbot, viewer, open_widget, rng, told):
    softmax_values = softmax(rng, (4, 12, 13, 14))
    widget = open_widget()
    for make, sentence in (
        (lambda p: p.argmax(axis=0), "look like a label map"),
        (lambda p: np.log(p), "negative values"),
        (lambda p: np.full_like(p, np.nan), "no values but 0, NaN"),
        (lambda p: p * 7, "along no axis do the values sum to 1"),
    ):
        viewer.layers.clear()
        layer = viewer.add_image(make(softmax_values), contrast_limits=(0, 1))
        widget.probabilities.value = layer
        assert compute(qtbot, widget) is None
        message = told()[-1]
        assert sentence in message
        assert widget.result.value == message
        assert len(viewer.layers) == 1
    assert len(told()) == 4


def test_scan_of_another_shape(qtbot, viewer, open_widget, rng, told):
    viewer.add_image(rng.random((9, 9, 9)), name="scan")
    viewer.add_image(softmax(rng, (4, 6, 7, 8)), name="net")
    widget = open_widget()
    assert widget.scan.value is None
    widget.scan.value = viewer.layers["scan"]
    assert compute(qtbot, widget) is None
    assert "'net' has 6 × 7 × 8 voxels and the scan 'scan' 9 × 9 × 9" in told()[0]


def test_segmentation_on_other_voxels(qtbot, case, open_widget, told):
    shifted = case.add_labels(
        np.asarray(case.layers["case"].data),
        name="shifted",
        scale=case.layers["case"].scale,
        translate=np.asarray(case.layers["case"].translate) + 5,
        units="mm",
    )
    widget = open_widget()
    assert widget.segmentation.value.name == "case"
    widget.segmentation.value = shifted
    layer = compute(qtbot, widget)
    assert layer.metadata[METADATA_KEY]["foreground_from"] == "shifted"
    agreement, orientation, grid = (
        one for one in layer.metadata[METADATA_KEY]["checks"] if one["level"] != "green"
    )
    assert "as they lie, they do not belong together" in agreement["sentence"]
    # The voxels are the same, only not the place.
    assert "Another placement agrees far better" in orientation["sentence"]
    assert "Other voxels than those of 'shifted'" in grid["sentence"]
    assert agreement["sentence"] in told()


def longest_silence(qtbot, viewer, widget):
    """Of a 5 ms timer, in seconds, from the click until the map is added."""
    ticks, added = [], []
    qtbot.wait(300)
    viewer.layers.events.inserting.connect(lambda: added.append(time.perf_counter()))
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start(5)
    qtbot.wait(50)
    compute(qtbot, widget)
    timer.stop()
    during = [tick for tick in ticks if tick < added[0]]
    assert len(during) > 10
    return max(np.diff(during))


def test_window_stays_alive(qtbot, viewer, open_widget, rng):
    values = softmax(rng, (8, 8, 128, 128)).astype(np.float16)
    viewer.add_image(
        np.tile(values, (1, 16, 1, 1)), contrast_limits=(0, 1), visible=False
    )
    # Generous: 50 ms are promised, on a machine that does nothing else.
    assert longest_silence(qtbot, viewer, open_widget()) < 0.2


@pytest.mark.shared_data
def test_window_stays_alive_on_a_whole_scan(
    shared_data, qtbot, viewer, open_widget, record_property
):
    # (The data come first: a viewer that a skip finds open is reported as leaked.)
    folder = shared_data / "feta_sub-007"
    for name in ("T1.nii.gz", "fold_0/sub-007.nii.gz", "fold_0/sub-007.npz"):
        viewer.open(folder / name, plugin=PLUGIN)
    silence = longest_silence(qtbot, viewer, open_widget())
    record_property("longest silence in ms", round(1000 * float(silence), 1))
    print(f"longest silence: {1000 * silence:.1f} ms")
    assert silence < 0.2


def test_three_dimensions_are_not_mirrored(qtbot, viewer, tmp_path, rng):
    """A bright corner at the patient's left, front and top, in every view."""
    data = rng.integers(0, 20, (40, 40, 40)).astype(np.int16)
    data[:10, 30:, 30:] += 1000  # voxels run to R, A and S
    nib.Nifti1Image(data, np.eye(4)).to_filename(tmp_path / "T1.nii.gz")
    viewer.open(tmp_path / "T1.nii.gz", plugin=PLUGIN)
    left, right, top, bottom = "left", "right", "top", "bottom"

    def bright_side():
        viewer.reset_view(reset_camera_angle=False)
        qtbot.wait(50)
        picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].mean(-1)
        rows, columns = np.nonzero(picture > 0.8 * picture.max())
        height, width = picture.shape
        return (
            left if columns.mean() < width / 2 else right,
            top if rows.mean() < height / 2 else bottom,
        )

    corner = viewer.layers[0].data_to_world(np.argwhere(viewer.layers[0].data > 500)[0])
    viewer.dims.set_point(range(3), corner)
    for order in ((0, 1, 2), (1, 0, 2)):  # axial and coronal
        viewer.dims.order = order
        assert bright_side() == (right, top)
    viewer.dims.order = (2, 0, 1)  # sagittal: anterior is on the left
    assert bright_side() == (left, top)
    viewer.dims.order = (0, 1, 2)
    viewer.dims.ndisplay = 3  # from the feet, with the face up
    assert bright_side() == (right, top)
    camera = viewer.scene.camera
    # From the front: looking to Posterior (y), Superior (-z) up.
    camera.set_view_direction(view_direction=(0, 1, 0), up_direction=(-1, 0, 0))
    assert bright_side() == (right, top)
    # From behind, left and right change places.
    camera.set_view_direction(view_direction=(0, -1, 0), up_direction=(-1, 0, 0))
    assert bright_side() == (left, top)


def test_three_dimensions_are_readable(qtbot, case, open_widget):
    """Colours of the map show, and nothing saturates to white."""
    widget = open_widget()
    compute(qtbot, widget)
    case.dims.ndisplay = 3
    qtbot.wait(100)
    pixels = case.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    assert (pixels.min(axis=-1) > 250).mean() < 0.02
    assert np.ptp(pixels, axis=-1).max() > 80


def test_rolling_the_axes_skips_the_classes(qtbot, case, open_widget):
    compute(qtbot, open_widget())
    for _ in range(3):
        case.dims.roll()
        assert 0 not in case.dims.displayed


def test_no_warning_about_slicing_or_units(qtbot, case, open_widget, told):
    compute(qtbot, open_widget())
    for order in ((0, 1, 2, 3), (0, 2, 1, 3), (0, 3, 1, 2)):
        case.dims.order = order
        qtbot.wait(20)
    assert told() == []


def test_preferences_are_the_defaults(qtbot, case, open_widget):
    from napari_uncertainty.plugin.preferences import preferences

    chosen = preferences()
    before = chosen.model_dump()
    try:
        chosen.base, chosen.foreground_only = "normalised", True
        chosen.transparent, chosen.colormap, chosen.colorbar = False, "magma", False
        widget = open_widget()
        layer = compute(qtbot, widget)
    finally:
        for name, value in before.items():
            setattr(chosen, name, value)
    assert widget.foreground_only.value
    np.testing.assert_allclose(layer.contrast_limits, (0, 1))
    assert layer.colormap.name == "magma"
    assert not layer.colorbar.visible


def test_in_the_measure_menu(viewer):
    from napari._app_model import get_app_model
    from napari._app_model.constants import MenuId

    get_app_model()
    items = get_app_model().menus.get_menu(MenuId.LAYERS_MEASURE)
    assert any("napari-uncertainty" in str(item.command.id) for item in items)
