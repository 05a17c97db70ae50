"""The widget, driven as a user drives it: what it does needs no window around it."""

import threading

import numpy as np
import pytest
from napari.components import ViewerModel
from scipy.special import entr

from napari_uncertainty.engine.arrays import ArrayFold
from napari_uncertainty.plugin.viewer.scan_space import record_of
from support.clicks import button, click, compute, folding
from support.generated import softmax
from support.shown_widgets import widgets

PLUGIN = "napari-uncertainty"


@pytest.fixture
def viewer(qapp):
    return ViewerModel()


@pytest.fixture
def open_widget(qtbot, viewer):
    with widgets(qtbot, viewer) as open_one:
        yield open_one


def bits(probabilities, axis=0):
    p = np.asarray(probabilities, np.float64)
    p = p / p.sum(axis=axis, keepdims=True)
    return entr(p).sum(axis=axis) / np.log(2)


def test_second_click_updates_in_place_but_not_another_measure(
    qtbot, case, open_widget
):
    widget = open_widget()
    layer = compute(qtbot, widget)
    layer.colormap, layer.opacity = "viridis", 0.5
    before = list(case.layers)
    widget.base.value = "nats"
    assert compute(qtbot, widget) == layer
    assert list(case.layers) == before
    np.testing.assert_allclose(layer.contrast_limits, (0, np.log(4)))
    assert record_of(layer).base == "e"
    assert (layer.colormap.name, layer.opacity) == ("viridis", 0.5)
    case.layers.remove(layer)
    entropy = compute(qtbot, widget)
    assert entropy.name == "case probabilities entropy"

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
    assert record_of(margin).unit == ""
    widget.measure.value = "entropy"
    assert widget.base.enabled
    assert compute(qtbot, widget) == entropy


def test_foreground_only_and_fields_are_read_on_the_main_thread(
    qtbot, case, open_widget, monkeypatch
):
    from napari_uncertainty.plugin.compute import widget as compute_widget

    readers = []

    class Watched(dict):
        def __getitem__(self, unit):
            readers.append(threading.current_thread())
            return super().__getitem__(unit)

    watched = Watched(compute_widget.BASE_BY_UNIT)
    monkeypatch.setattr(compute_widget, "BASE_BY_UNIT", watched)
    widget = open_widget()
    widget.foreground_only.value = True
    layer = compute(qtbot, widget)
    assert readers == [threading.main_thread()]
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
    slow.set()
    qtbot.waitUntil(lambda: not folding())
    assert not widget.progress.native.isVisible()
    qtbot.wait(100)
    assert "case probabilities entropy" not in case.layers
    assert compute(qtbot, widget) is not None


def test_progress_moves(qtbot, viewer, open_widget, rng):
    values = np.tile(softmax(rng, (3, 16, 128, 128)), (1, 8, 1, 1))
    viewer.add_image(values, name="p")
    widget = open_widget()
    seen = []
    widget.progress.changed.connect(seen.append)
    compute(qtbot, widget)
    assert max(seen) > 0


def test_renamed_replaced_or_removed_meanwhile(qtbot, case, open_widget, slow, told):
    widget, layer = open_widget(), case.layers["case probabilities"]

    def computed_while(change, *args):
        slow.clear()
        click(qtbot, widget, "Compute")
        qtbot.waitUntil(lambda: bool(folding()))
        assert "Computing" in widget.result.value
        change(*args)
        slow.set()

    computed_while(setattr, layer, "name", "softmax")
    qtbot.waitUntil(lambda: "softmax entropy" in case.layers)
    case.layers.remove("softmax entropy")
    assert told() == []
    for times, (change, *args) in enumerate(
        (
            (setattr, layer, "data", np.array(layer.data)),
            (case.layers.remove, layer),
        ),
        start=1,
    ):
        computed_while(change, *args)
        qtbot.waitUntil(lambda: "was removed or changed" in widget.result.value)
        assert "softmax entropy" not in case.layers
        assert sum("was removed or changed" in one for one in told()) == times
    assert [one.name for one in case.layers] == ["T1", "case"]


def test_an_unexpected_error_is_not_swallowed(qtbot, case, open_widget, monkeypatch):
    def broken(self, *block):
        raise RuntimeError("a bug")

    monkeypatch.setattr(ArrayFold, "fold_block", broken)
    widget = open_widget()
    with qtbot.captureExceptions() as raised:
        click(qtbot, widget, "Compute")
        qtbot.waitUntil(lambda: bool(raised))
    assert "a bug" in str(raised[0][1])
    assert button(widget, "Compute").isEnabled()


def test_nothing_open(qtbot, open_widget, told):
    widget = open_widget()
    assert compute(qtbot, widget) is None
    assert "No layer with class probabilities is chosen" in told()[0]


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


def test_layers_of_no_kind_are_refused_with_a_sentence(
    qtbot, viewer, open_widget, rng, told
):
    softmax_values = softmax(rng, (4, 12, 13, 14))
    widget = open_widget()
    for make, sentence in (
        (lambda p: p.argmax(axis=0), "look like a label map"),
        (lambda p: 1000 * p**2, "this looks like a scan"),
        (lambda p: np.full_like(p, np.nan), "no values but 0, NaN"),
        (lambda p: p[0], "choose that under Kind"),
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


def test_a_scan_of_another_shape_is_refused(qtbot, viewer, open_widget, rng, told):
    viewer.add_image(rng.random((9, 9, 9)), name="scan")
    viewer.add_image(softmax(rng, (4, 6, 7, 8)), name="net")
    widget = open_widget()
    assert widget.scan.value is None
    widget.scan.value = viewer.layers["scan"]
    assert compute(qtbot, widget) is None
    assert "'net' has 6 × 7 × 8 voxels and the scan 'scan' 9 × 9 × 9" in told()[0]


def test_a_segmentation_on_other_voxels_is_compared_at_the_nearest_ones(
    qtbot, case, open_widget, told
):
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
    assert record_of(layer).foreground_from == "shifted"
    agreement, orientation, grid = (
        one for one in record_of(layer).checks if one.level != "green"
    )
    assert "as they lie, they do not belong together" in agreement.sentence
    # The voxels are the same, only not the place.
    assert "Another placement agrees far better" in orientation.sentence
    assert "Other voxels than those of 'shifted'" in grid.sentence
    assert agreement.sentence in told()


def test_rolling_the_axes_skips_the_classes(qtbot, case, open_widget):
    compute(qtbot, open_widget())
    for _ in range(3):
        case.dims.roll()
        assert 0 not in case.dims.displayed


def test_preferences_are_the_defaults(qtbot, case, open_widget):
    from napari_uncertainty.plugin.viewer.layers import preferences

    chosen = preferences()
    chosen.base, chosen.foreground_only = "normalised", True
    chosen.transparent, chosen.colormap, chosen.colorbar = False, "magma", False
    widget = open_widget()
    layer = compute(qtbot, widget)
    assert widget.foreground_only.value
    np.testing.assert_allclose(layer.contrast_limits, (0, 1))
    assert layer.colormap.name == "magma"
    assert not layer.colorbar.visible
