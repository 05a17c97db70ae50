"""Threshold, colours and range of a map: what is told and what is seen."""

import re

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.colormaps import (
    AVAILABLE_COLORMAPS,
    CyclicLabelColormap,
    DirectLabelColormap,
    ensure_colormap,
)
from qtpy.QtCore import Qt
from skimage.color import rgb2lab

from napari_uncertainty.plugin.inspect.appearance import (
    Appearance,
    AppearanceControls,
    limits_at,
)
from napari_uncertainty.plugin.viewer.layers import CLASSES, transparent_where_certain
from support.inspect_dock import (
    SETTLE_MS,
    add_case,
    compute_as,
    found_after,
    open_for_module,
    open_widget,
    settle,
)


@pytest.fixture
def viewer():
    """Without a window."""
    return ViewerModel()


@pytest.fixture
def own(viewer, rng):
    """A case of which no widget knows yet."""
    return add_case(viewer, rng)


@pytest.fixture(scope="module")
def opened(request, qapp):
    yield from open_for_module(request)


@pytest.fixture
def case(opened):
    """For tests that end with the `widget`."""
    return opened[0]


@pytest.fixture
def widget(qtbot, opened):
    """Afterwards the map is shown in 2D as it was."""
    widget = opened[1]
    yield widget
    widget.views.buttons.buttons["Axial"].click()
    widget.tabs.setCurrentIndex(0)
    widget.appearance.hide_below.setChecked(False)
    widget.appearance.fade.setChecked(True)
    widget.appearance.threshold.setValue(1.0)
    widget.appearance.colormap.setCurrentText("inferno")
    widget.appearance.range.setCurrentIndex(0)
    settle(qtbot, widget)


def alpha_of(layer, values):
    """What the map's own colormap makes of values."""
    low, high = layer.contrast_limits
    return layer.colormap.map(np.clip((np.asarray(values) - low) / (high - low), 0, 1))[
        :, 3
    ]


def apart(threshold, layer):
    """Values on either side, a step of the colours away from the threshold."""
    step = np.ptp(layer.contrast_limits) / 1023
    below = np.linspace(0, threshold - step, 50)
    return below, np.linspace(threshold + step, layer.contrast_limits[1], 50)


def test_a_sentence_tells_the_shares_above_the_threshold(case, widget):
    values, inside = case.entropy.astype(np.float32), case.labels > 0
    for threshold in (0.0, 0.31, 1.0, 2.0):
        widget.appearance.threshold.setValue(threshold)
        here, there = (100 * np.mean(v > threshold) for v in (values[inside], values))
        assert widget.appearance.left.text() == (
            f"{here:.1f} % of the foreground's voxels and {there:.1f} % of all are "
            f"above {threshold:.2f} bits."
        )


@pytest.mark.parametrize("fade", [True, False])
def test_hides_what_is_not_above_the_threshold(case, widget, fade):
    widget.appearance.fade.setChecked(fade)
    widget.appearance.hide_below.setChecked(True)
    for threshold in (0.4, 1.3):
        widget.appearance.threshold.setValue(threshold)
        below, above = apart(threshold, case.map)
        assert (alpha_of(case.map, below) == 0).all()
        assert (alpha_of(case.map, above) > 0).all()
        if not fade:
            assert (alpha_of(case.map, above) == 1).all()
    widget.appearance.hide_below.setChecked(False)
    assert (alpha_of(case.map, [0.4, 1.0, 2.0]) > 0).all()


def test_a_map_fades_in_up_to_60_percent_of_its_range(case, widget):
    """From 0 at certainty to opaque at 60 % of the range; or opaque everywhere."""
    share = np.linspace(0, 1, 21)
    np.testing.assert_allclose(
        alpha_of(case.map, 2 * share), np.minimum(share / 0.6, 1), atol=1e-3
    )
    widget.appearance.fade.setChecked(False)
    assert (alpha_of(case.map, 2 * share) == 1).all()


def test_colours_are_those_of_the_colormap(case, widget):
    share = np.linspace(0, 1, 21)
    for name in ("viridis", "turbo"):
        widget.appearance.colormap.setCurrentText(name)
        found, expected = case.map.colormap.map(share), ensure_colormap(name).map(share)
        np.testing.assert_allclose(found[:, :3], expected[:, :3], atol=0.01)


def test_range_by_percentiles_of_the_foreground(case, widget):
    appearance = widget.appearance
    assert not appearance.percentiles.isEnabled()
    appearance.range.setCurrentIndex(1)
    inside = case.entropy[case.labels > 0]
    for shares in ((2, 99.8), (10, 50)):
        appearance.percentiles.setValue(shares)
        np.testing.assert_allclose(
            case.map.contrast_limits, np.percentile(inside, shares), rtol=1e-5
        )
    appearance.range.setCurrentIndex(0)
    assert case.map.contrast_limits == [0, 2]


def test_equal_percentiles_are_no_range(case, widget):
    widget.appearance.range.setCurrentIndex(1)
    widget.appearance.percentiles.setValue((50, 50))
    assert case.map.contrast_limits == [0, 2]
    assert limits_at(lambda shares: (np.nan, np.nan), (0, 1), (0, 2)) == (0, 2)


def test_the_threshold_of_hidden_values_holds_for_any_range(case, widget):
    widget.appearance.hide_below.setChecked(True)
    widget.appearance.threshold.setValue(0.8)
    widget.appearance.range.setCurrentIndex(1)
    widget.appearance.percentiles.setValue((5, 80))
    low, high = case.map.contrast_limits
    below, above = apart(0.8, case.map)
    assert low < 0.8 < high
    assert (alpha_of(case.map, below) == 0).all()
    assert (alpha_of(case.map, above) > 0).all()


def test_table_and_numbers_follow_the_threshold(case, widget):
    widget.tabs.setCurrentIndex(2)
    widget.appearance.threshold.setValue(0.6)
    values = case.entropy.astype(np.float32)
    shares = widget.classes.model.table["share_above"]
    expected = [np.mean(values[case.labels == label] > 0.6) for label in range(4)]
    np.testing.assert_allclose(shares, expected)
    cells = re.findall(r"([\d.]+)&nbsp;%</td></tr>", widget.numbers.summary.text())
    inside = values[case.labels > 0]
    assert cells == [f"{100 * np.mean(v > 0.6):.1f}" for v in (values, inside)]
    widget.numbers.threshold_moved.emit(1.5)
    assert widget.appearance.threshold.value() == 1.5


def test_nothing_changes_on_a_map_that_is_opened(qtbot, own):
    before = own.map.colormap.colors.copy(), own.map.contrast_limits
    widget = open_widget(qtbot, own.viewer)
    np.testing.assert_array_equal(own.map.colormap.colors, before[0])
    assert own.map.contrast_limits == before[1]
    # The threshold is half of what there can be.
    assert widget.appearance.threshold.value() == 1.0
    assert widget.appearance.threshold.maximum() == 2.0


def test_an_opaque_map_stays_opaque(qtbot, own):
    own.map.colormap = "magma"
    widget = open_widget(qtbot, own.viewer)
    assert not widget.appearance.fade.isChecked()
    assert widget.appearance.colormap.currentText() == "magma"
    assert (alpha_of(own.map, [0, 1, 2]) == 1).all()


def test_another_map_has_its_own_display(qtbot, own):
    """And the first one gets back what was chosen for it, in numbers and on screen."""
    margin = compute_as(own.viewer, own.probabilities, measure="margin")
    widget = open_widget(qtbot, own.viewer)
    selection, appearance = own.viewer.layers.selection, widget.appearance
    appearance.threshold.setValue(0.2)
    appearance.hide_below.setChecked(True)
    appearance.colormap.setCurrentText("viridis")
    seen = margin.colormap.colors.copy()
    found_after(qtbot, widget, setattr, selection, "active", own.map)
    assert appearance.threshold.value() == 1.0
    assert not appearance.hide_below.isChecked()
    assert appearance.colormap.currentText() == "inferno"
    appearance.range.setCurrentIndex(1)
    np.testing.assert_array_equal(margin.colormap.colors, seen)
    found_after(qtbot, widget, setattr, selection, "active", margin)
    assert appearance.threshold.value() == 0.2
    assert appearance.hide_below.isChecked()
    assert appearance.colormap.currentText() == "viridis"
    assert appearance.range.currentIndex() == 0
    np.testing.assert_array_equal(margin.colormap.colors, seen)


def test_opened_again_it_shows_what_is_hidden(qtbot, own):
    """The colours of a map stay; only the user puts them back."""
    widget = open_widget(qtbot, own.viewer)
    widget.appearance.hide_below.setChecked(True)
    widget.appearance.threshold.setValue(0.7)
    widget.stop()
    seen = own.map.colormap.colors.copy()
    again = open_widget(qtbot, own.viewer)
    assert again.appearance.hide_below.isChecked()
    assert again.appearance.threshold.value() == pytest.approx(0.7, abs=0.002)
    np.testing.assert_allclose(own.map.colormap.colors, seen, atol=0.01)
    again.appearance.hide_below.setChecked(False)
    expected = transparent_where_certain("inferno").colors
    np.testing.assert_allclose(own.map.colormap.colors, expected, atol=1e-6)


def test_napari_is_not_filled_with_colormaps(case, widget):
    """Of every step of a slider it would keep one, and offer it by name."""
    widget.appearance.hide_below.setChecked(True)
    known = len(AVAILABLE_COLORMAPS)
    for threshold in (0.3, 0.5, 0.7):
        widget.appearance.threshold.setValue(threshold)
    assert len(AVAILABLE_COLORMAPS) == known
    assert case.map.colormap.name == "inferno (above threshold)"


def glow(widget, case):
    widget.views.buttons.buttons["Glow"].click()
    assert case.viewer.dims.ndisplay == 3


def test_a_glow_is_the_mean_along_each_line_of_sight(case, widget):
    """Unless what is below the threshold is hidden: then only what is above it."""
    look, limits = case.map.colormap.colors.copy(), list(case.map.contrast_limits)
    glow(widget, case)
    assert case.map.rendering == "average"
    brightest = case.map.contrast_limits[1]
    values = np.asarray(case.map.data)
    means = np.concatenate([values.mean(axis=axis).ravel() for axis in range(3)])
    # Hardly any has the last colour, but the scale is used.
    assert (means >= brightest).mean() < 0.01
    assert means.max() < 1.2 * brightest
    assert alpha_of(case.map, [0.0]) == 0
    widget.appearance.hide_below.setChecked(True)
    widget.appearance.threshold.setValue(1.4)
    assert case.map.rendering == "mip"
    assert list(case.map.contrast_limits) == limits
    assert alpha_of(case.map, [1.39]) == 0
    widget.appearance.threshold.setValue(0.6)
    assert alpha_of(case.map, [0.99]) == 0  # as every boundary has
    widget.views.buttons.buttons["Axial"].click()
    # What was chosen meanwhile is seen now.
    assert alpha_of(case.map, [0.59]) == 0
    assert alpha_of(case.map, [0.61]) > 0
    widget.appearance.hide_below.setChecked(False)
    np.testing.assert_allclose(case.map.colormap.colors, look, atol=1e-6)
    assert list(case.map.contrast_limits) == limits


def test_a_colormap_of_the_user_is_offered(qtbot):
    layer = Image(np.zeros((3, 3)), colormap="cividis", contrast_limits=(0, 1))
    controls = AppearanceControls()
    qtbot.addWidget(controls)
    told = []
    controls.changed.connect(lambda: told.append(1))
    controls.take_over(layer, 1.0)
    assert controls.appearance().colormap == "cividis"
    assert told == []


def test_surfaces_are_opaque_and_grey_where_the_map_is_hidden():
    look = Appearance("inferno", 1.0, True, True, (0, 2))
    share = np.linspace(0, 1, 1024)
    colors = look.of_surface((0.5, 2.5)).map(share)
    values = 0.5 + 2 * share
    assert (colors[:, 3] == 1).all()
    np.testing.assert_allclose(colors[values < 0.99, :3], 0.45)
    expected = ensure_colormap("inferno").map(share)
    np.testing.assert_allclose(
        colors[values > 1.01], expected[values > 1.01], atol=1e-2
    )


# -- colours of classes -------------------------------------------------------

DECORATION = Qt.ItemDataRole.DecorationRole


def class_colors(layer):
    return np.rint(255 * np.asarray(layer.colormap.colors)[1:, :3])


def nearest(colors, name):
    """Least distance in CIELAB between colours of classes and of a colormap."""
    of_map = rgb2lab(ensure_colormap(name).map(np.linspace(0, 1, 256))[:, :3])
    return np.linalg.norm(rgb2lab(colors / 255)[:, None] - of_map, axis=-1).min()


def test_classes_keep_apart_from_the_colormap_that_is_chosen(qtbot, viewer, own):
    widget = open_widget(qtbot, viewer)
    segmentation, first = own.segmentation, class_colors(own.segmentation)
    looked = []
    widget.following.begun.connect(looked.append)
    for name in ("viridis", "plasma"):
        widget.appearance.colormap.setCurrentText(name)
        now = class_colors(segmentation)
        assert nearest(now, name) > 36
        if name == "viridis":
            assert nearest(first, name) < 20
        table = widget.classes.model
        swatch = table.index(table.labels.index(2), 0).data(DECORATION)
        color = swatch.pixmap(12, 12).toImage().pixelColor(6, 6).getRgb()[:3]
        assert color == tuple(class_colors(segmentation)[1])
    widget.appearance.colormap.setCurrentText("inferno")
    np.testing.assert_array_equal(class_colors(segmentation), first)
    qtbot.wait(3 * SETTLE_MS)
    assert looked == []  # no number is another one
    widget.stop()


def test_a_colormap_that_is_chosen_in_napari_itself_is_followed(qtbot, viewer, own):
    widget = open_widget(qtbot, viewer)
    own.map.colormap = "viridis"
    assert widget.appearance.colormap.currentText() == "viridis"
    assert nearest(class_colors(own.segmentation), "viridis") > 36
    found_after(qtbot, widget, widget.following.look)
    share = np.linspace(0, 1, 256)
    expected = ensure_colormap("viridis").map(share)
    np.testing.assert_allclose(
        own.map.colormap.map(share)[:, :3], expected[:, :3], atol=0.01
    )
    widget.stop()


def test_colours_of_classes_that_somebody_has_chosen_are_kept(qtbot, viewer, own):
    widget = open_widget(qtbot, viewer)
    mine = np.asarray(own.segmentation.colormap.colors).copy()
    mine[3] = 1, 1, 1, 1
    chosen = [
        # Even under the name of ours.
        CyclicLabelColormap(colors=mine, name=CLASSES),
        DirectLabelColormap(color_dict={None: "red", 1: "blue"}),
    ]
    for colormap in chosen:
        own.segmentation.colormap = colormap
        for name in ("viridis", "inferno"):
            widget.appearance.colormap.setCurrentText(name)
            assert own.segmentation.colormap == colormap
    widget.stop()


def test_views_in_3d_with_colours_of_their_own_change_none_of_classes(
    qtbot, viewer, own
):
    widget = open_widget(qtbot, viewer)
    widget.appearance.colormap.setCurrentText("magma")
    before = own.segmentation.colormap
    for view in ("Glow", "Surface", "Axial"):
        widget.views.buttons.buttons[view].click()
        settle(qtbot, widget)
        assert own.segmentation.colormap == before
        assert widget.appearance.colormap.currentText() == "magma"
    widget.stop()
