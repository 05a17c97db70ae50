"""Classes whose own colours tell the uncertainty, in the viewer and in the legend."""

import numpy as np
import pytest
from napari._qt.utils import QImg2array
from napari.components import ViewerModel
from napari.utils.colormaps import DirectLabelColormap
from napari.utils.key_bindings import coerce_keybinding
from qtpy.QtGui import QColor, QPalette
from skimage.color import rgb2lab

from napari_uncertainty.analysis.colors import MODULATIONS, N_LEVELS, shades_of
from napari_uncertainty.plugin.inspect.appearance import MOST_ROWS, ModulationLegend
from napari_uncertainty.plugin.inspect.class_shades import NAME, RESAMPLED, Legend
from napari_uncertainty.plugin.viewer.class_outlines import (
    HIDE_MAPS_KEY,
    outline_classes,
)
from napari_uncertainty.plugin.viewer.class_outlines import NAME as OUTLINES
from napari_uncertainty.plugin.viewer.layer_roles import role_of
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY, ORIGINAL
from support.inspect_dock import (
    NAMES,
    add_case,
    compute_as,
    found_after,
    open_widget,
    settle,
    show_scene,
)
from support.shown_widgets import destroy
from support.snapshots import differences, snapshot

FADED, GRAY = MODULATIONS
DARK, LIGHT = (35, 38, 41), (240, 240, 240)


@pytest.fixture
def case(rng):
    case = add_case(ViewerModel(), rng, scan=True)
    case.viewer.layers.selection.active = case.map
    return case


@pytest.fixture
def widget(qtbot, case):
    widget = open_widget(qtbot, case.viewer)
    settle(qtbot, widget)
    yield widget
    widget.stop()


def helpers(viewer):
    return [layer for layer in viewer.layers if layer.name.startswith(NAME)]


def choose(qtbot, widget, modulation):
    """Choose it, and wait for the colours."""
    widget.appearance.classes.setCurrentText(modulation)
    qtbot.waitUntil(lambda: not widget.views.modulated._jobs)
    (layer,) = helpers(widget._viewer)
    return layer


def settled(qtbot, widget):
    settle(qtbot, widget)
    qtbot.waitUntil(lambda: not widget.views.modulated._jobs)


def shade_numbers(values, labels, limits):
    """Classes 1, 2, 3 … in sixteen shades each."""
    low, high = limits
    share = np.clip((np.asarray(values, float) - low) / (high - low), 0, 1)
    level = np.floor(15 * share + 0.5).astype(int)
    return np.where(labels > 0, 1 + 16 * (np.asarray(labels, int) - 1) + level, 0)


def seen_colors(layer):
    return np.asarray(layer.colormap.map(np.asarray(layer.data)))


# -- the layer ----------------------------------------------------------------


def test_each_voxel_has_the_colour_of_its_class_and_the_level_of_its_value(
    qtbot, case, widget
):
    layer = choose(qtbot, widget, FADED)
    labels, values = np.asarray(case.segmentation.data), np.asarray(case.map.data)
    expected = shade_numbers(values, labels, (0, 2))  # bits, of four classes
    # float32 may fall on either side of the middle between two levels.
    assert (np.asarray(layer.data) != expected).mean() < 1e-3
    colors = seen_colors(layer)
    there = labels > 0
    own = case.segmentation.colormap.map(labels)[there]
    np.testing.assert_allclose(colors[there][:, :3], own[:, :3], atol=1e-6)
    certainty = 1 - np.clip(values[there] / 2, 0, 1)
    assert np.abs(colors[there][:, 3] - certainty).max() <= 1 / 30 + 1e-6
    assert (colors[~there] == 0).all()
    # It lies where the map does.
    np.testing.assert_allclose(layer.extent.world, case.map.extent.world)


def test_gray_keeps_the_lightness_of_classes(qtbot, case, widget):
    layer = choose(qtbot, widget, GRAY)
    labels = np.asarray(case.segmentation.data)
    there = labels > 0
    own = rgb2lab(case.segmentation.colormap.map(labels)[there][:, :3])
    seen = rgb2lab(seen_colors(layer)[there][:, :3])
    np.testing.assert_allclose(seen[:, 0], own[:, 0], atol=0.6)
    certainty = 1 - np.clip(np.asarray(case.map.data)[there] / 2, 0, 1)
    chroma = np.hypot(*own[:, 1:].T) * certainty
    assert np.abs(np.hypot(*seen[:, 1:].T) - chroma).max() < 90 / 30 + 1
    assert (seen_colors(layer)[there][:, 3] == 1).all()


def test_the_map_is_hidden_below_outlines_and_all_comes_back(qtbot, case, widget):
    viewer = case.viewer
    before = snapshot(viewer)
    for modulation in (FADED, GRAY):
        layer = choose(qtbot, widget, modulation)
        assert not case.map.visible
        assert layer.visible
        order = [one.name for one in viewer.layers]
        assert order[-3:] == [case.map.name, NAME, OUTLINES]
        assert viewer.layers.selection.active == case.map
    widget.appearance.classes.setCurrentIndex(0)
    assert differences(before, snapshot(viewer)) == []
    assert helpers(viewer) == []


@pytest.mark.parametrize("modulation", [FADED, GRAY])
def test_closing_the_dock_leaves_all_as_before(qtbot, case, modulation):
    viewer = case.viewer
    before = snapshot(viewer)
    for ndisplay in (2, 3):
        widget = open_widget(qtbot, viewer)
        settle(qtbot, widget)
        choose(qtbot, widget, modulation)
        viewer.dims.ndisplay = ndisplay
        assert len(helpers(viewer)) == 1
        widget.stop()
        assert helpers(viewer) == []
        viewer.dims.ndisplay = 2
        assert differences(before, snapshot(viewer)) == []


def test_a_dock_that_is_deleted_with_its_window_leaves_no_layer(qtbot, case):
    widget = open_widget(qtbot, case.viewer)
    settle(qtbot, widget)
    choose(qtbot, widget, FADED)
    destroy(widget)
    assert helpers(case.viewer) == []
    assert case.map.visible


def test_a_choice_that_is_taken_back_at_once_shows_nothing(qtbot, case, widget):
    widget.appearance.classes.setCurrentText(FADED)
    widget.appearance.classes.setCurrentIndex(0)
    qtbot.wait(100)
    assert helpers(case.viewer) == []
    assert case.map.visible


def test_the_key_that_hides_maps_hides_the_shades_of_classes(qtbot, case, widget):
    layer = choose(qtbot, widget, FADED)
    held = case.viewer.keymap[coerce_keybinding(HIDE_MAPS_KEY)](case.viewer)
    next(held)
    assert not layer.visible
    assert next(held, None) is None
    assert layer.visible
    assert not case.map.visible


@pytest.mark.parametrize("view", ["Surface", "Glow", "Cut-away", "Side by side"])
def test_other_views_show_the_map_and_slices_the_classes_again(
    qtbot, case, widget, view
):
    viewer = case.viewer
    plain = snapshot(viewer)
    choose(qtbot, widget, FADED)
    before = snapshot(viewer)
    for _ in range(2):
        if view == "Side by side":
            widget.views.buttons.buttons[view].click()
        else:
            show_scene(qtbot, widget, view)
        assert helpers(viewer) == []
        assert case.map.visible == (view != "Surface")
        if view == "Side by side":
            widget.views.buttons.buttons[view].click()
        else:
            viewer.dims.ndisplay = 2
        (layer,) = helpers(viewer)
        after = snapshot(viewer)
        for shot in (before, after):  # the layer is another one
            for state in shot["layers"]:
                if state["name"] == NAME:
                    state["layer"] = 0
        assert differences(before, after) == []
        assert layer.visible
    if view != "Side by side":
        show_scene(qtbot, widget, view)
    widget.appearance.classes.setCurrentIndex(0)
    viewer.dims.ndisplay = 2
    assert differences(plain, snapshot(viewer)) == []


def test_in_3d_the_classes_are_on_the_plane_and_nothing_fills_them_below(
    qtbot, case, widget
):
    viewer = case.viewer
    before = snapshot(viewer)
    layer = choose(qtbot, widget, FADED)
    viewer.dims.ndisplay = 3
    assert layer.depiction == "plane"
    np.testing.assert_array_equal(layer.plane.normal, case.scan.plane.normal)
    assert not case.segmentation.visible
    assert not case.map.visible
    viewer.dims.ndisplay = 2
    assert case.segmentation.visible
    widget.appearance.classes.setCurrentIndex(0)
    assert differences(before, snapshot(viewer)) == []


def test_classes_that_were_filled_are_so_again(qtbot, case, widget):
    outlines = outline_classes(case.viewer)
    outlines.fill(True)
    opacity = case.segmentation.opacity
    assert opacity > 0
    choose(qtbot, widget, FADED)
    assert case.segmentation.opacity == 0
    widget.appearance.classes.setCurrentIndex(0)
    assert case.segmentation.opacity == opacity


def test_outlines_that_somebody_has_removed_do_not_come_back(qtbot, case, widget):
    case.viewer.layers.remove(OUTLINES)
    assert case.segmentation.opacity > 0
    choose(qtbot, widget, FADED)
    assert not case.segmentation.visible
    widget.appearance.classes.setCurrentIndex(0)
    assert case.segmentation.visible
    assert OUTLINES not in case.viewer.layers


def test_without_a_segmentation_the_most_probable_classes_tell_it(qtbot, rng):
    case = add_case(ViewerModel(), rng, segmentation=False)
    widget = open_widget(qtbot, case.viewer)
    settle(qtbot, widget)
    layer = choose(qtbot, widget, FADED)
    argmax = widget.following.subject.source.turn.turn(case.argmax)
    expected = shade_numbers(case.map.data, argmax, (0, 2))
    assert (np.asarray(layer.data) != expected).mean() < 1e-3
    (outlines,) = (one for one in case.viewer.layers if one.name == OUTLINES)
    assert len(outlines.data) > 10
    widget.stop()
    assert case.map.visible


def test_it_is_no_segmentation_and_no_map(qtbot, case, widget):
    layer = choose(qtbot, widget, FADED)
    assert role_of(layer) is None
    assert widget.following.segmentation.value == case.segmentation
    assert widget.following.segmentation.choices == (None, case.segmentation)
    assert outline_classes(case.viewer).outlined == case.segmentation


# -- what changes it ----------------------------------------------------------


def test_painted_labels_other_limits_and_other_colours_are_followed(
    qtbot, case, widget
):
    layer = choose(qtbot, widget, FADED)
    labels = case.segmentation
    free = tuple(np.argwhere(np.asarray(labels.data) == 0)[5])
    found_after(qtbot, widget, labels.data_setitem, free, 2)
    settled(qtbot, widget)
    value = float(case.map.data[free])
    assert layer.data[free] == 1 + 16 + np.floor(15 * value / 2 + 0.5)

    case.map.contrast_limits = (0.5, 1.0)
    settled(qtbot, widget)
    expected = shade_numbers(case.map.data, labels.data, (0.5, 1.0))
    assert (np.asarray(layer.data) != expected).mean() < 1e-3

    def recolor():
        colors = {None: (0, 0, 0, 0), 1: "red", 2: (0, 0, 1, 0.5), 3: (0, 0, 0, 0)}
        labels.colormap = DirectLabelColormap(color_dict=colors)

    found_after(qtbot, widget, recolor)
    settled(qtbot, widget)
    shades = layer.colormap.colors[1:].reshape(3, N_LEVELS, 4)
    np.testing.assert_allclose(shades[:2, 0], [(1, 0, 0, 1), (0, 0, 1, 0.5)], atol=1e-6)
    assert (shades[2, :, 3] == 0).all()  # hidden by a person
    assert helpers(case.viewer) == [layer]


def test_another_map_takes_its_place(qtbot, case, widget):
    choose(qtbot, widget, FADED)
    other = compute_as(case.viewer, case.probabilities, measure="margin")
    qtbot.wait(1)
    case.viewer.layers.selection.active = other
    qtbot.waitUntil(lambda: widget.following.findings is not None)
    settled(qtbot, widget)
    qtbot.waitUntil(lambda: len(helpers(case.viewer)) == 1)
    (layer,) = helpers(case.viewer)
    expected = shade_numbers(other.data, case.segmentation.data, other.contrast_limits)
    assert (np.asarray(layer.data) != expected).mean() < 1e-3
    assert not other.visible
    widget.appearance.classes.setCurrentIndex(0)
    assert other.visible
    assert case.map.visible


def test_it_goes_with_the_map(qtbot, case, widget):
    choose(qtbot, widget, FADED)
    case.viewer.layers.remove(case.map)
    qtbot.waitUntil(lambda: not helpers(case.viewer))
    assert case.segmentation.visible


def test_all_layers_can_be_removed_at_once(qtbot, case, widget):
    choose(qtbot, widget, FADED)
    case.viewer.layers.clear()
    qtbot.wait(50)
    assert len(case.viewer.layers) == 0


def test_whoever_removes_the_layer_gets_the_map_back(qtbot, case, widget):
    layer = choose(qtbot, widget, FADED)
    case.viewer.layers.remove(layer)
    assert case.map.visible
    assert widget.appearance.classes.currentIndex() == 0
    assert not widget.appearance.legend.isVisibleTo(widget.appearance)
    qtbot.wait(50)
    assert helpers(case.viewer) == []
    choose(qtbot, widget, GRAY)


def test_a_map_that_was_resampled_is_shown_itself_and_the_reason_is_said(
    qtbot, case, widget
):
    info = {**case.map.metadata[METADATA_KEY], ORIGINAL: np.asarray(case.map.data)}
    case.map.metadata = {**case.map.metadata, METADATA_KEY: info}
    widget.appearance.classes.setCurrentText(FADED)
    assert widget.appearance.why_not.text() == RESAMPLED
    assert case.map.visible
    assert helpers(case.viewer) == []
    widget.appearance.classes.setCurrentIndex(0)
    assert widget.appearance.why_not.text() == ""


# -- the legend ---------------------------------------------------------------


def test_the_legend_has_the_classes_of_the_slice_or_those_selected(qtbot, case, widget):
    legend = widget.appearance.legend
    assert not legend.isVisibleTo(widget.appearance)
    choose(qtbot, widget, FADED)
    assert legend.isVisibleTo(widget.appearance)
    labels = np.asarray(case.segmentation.data)
    counts = []
    for index in range(labels.shape[0]):
        place = case.map.data_to_world((index, 0, 0))
        case.viewer.dims.set_point(case.viewer.dims.ndim - 3, place[0])
        there = [label for label in np.unique(labels[index]) if label]
        assert legend.names == [NAMES[label] for label in there]
        counts.append(len(there))
    assert len({*counts}) > 1
    widget.classes.select([1, 3])
    assert legend.names == ["left", "stem"]
    widget.classes.select([])
    case.viewer.dims.ndisplay = 3
    assert legend.names == ["left", "right", "stem"]


def legend_of(n, modulation=FADED, limits=(0.0, 2.0)):
    hue = np.linspace(0, 1, n)
    colors = np.stack([hue, 1 - hue, np.full(n, 0.5), np.ones(n)], axis=1)
    shades = dict(enumerate(shades_of(colors, modulation), start=1))
    return Legend({label: f"class {label}" for label in shades}, shades, limits, "bits")


@pytest.fixture(params=[DARK, LIGHT], ids=["dark", "light"])
def shown(request, qtbot):
    """A legend as wide as the tab, and a picture of it, in the colours of a theme."""
    widget = ModulationLegend()
    qtbot.addWidget(widget)
    palette = widget.palette()
    text = (240, 241, 242) if request.param == DARK else (59, 58, 57)
    palette.setColor(QPalette.ColorRole.Window, QColor(*request.param))
    palette.setColor(QPalette.ColorRole.WindowText, QColor(*text))
    widget.setPalette(palette)

    def show(legend):
        widget.show_legend(legend)
        widget.resize(300, widget.sizeHint().height())
        return widget, QImg2array(widget.grab().toImage())[..., :3].astype(float)

    return show, np.array(request.param), np.array(text)


def cells(widget, picture, row):
    """Colours in the middle of the cells of a row."""
    box = widget.colors_box(row)
    y = round(box.center().y())
    edges = np.linspace(box.left(), box.right(), N_LEVELS + 1)
    return np.array([picture[y, int(x)] for x in (edges[:-1] + edges[1:]) / 2])


def ink(picture, window, box):
    """Share of the pixels that differ a lot from the window."""
    top, left = round(box[0]), round(box[1])
    part = picture[top : round(box[2]), left : round(box[3])]
    return (np.abs(part - window).max(axis=-1) > 90).mean()


@pytest.mark.parametrize("modulation", [FADED, GRAY])
def test_rows_run_from_certain_to_uncertain(shown, modulation):
    show, window, _ = shown
    legend = legend_of(3, modulation)
    widget, picture = show(legend)
    for row, label in enumerate([1, 2, 3]):
        shades = legend.shades[label]
        expected = 255 * shades[:, :3] * shades[:, 3:] + window * (1 - shades[:, 3:])
        np.testing.assert_allclose(cells(widget, picture, row), expected, atol=4)


def test_names_and_ends_are_legible(shown):
    show, window, text = shown
    widget, picture = show(legend_of(3))
    height = picture.shape[0] / 5  # three classes and two lines
    left = widget.colors_box(0).left()
    for row in range(3):
        part = (row * height, 0, (row + 1) * height, left - 4)
        assert ink(picture, window, part) > 0.04
    for row in (3, 4):
        middle = (left + 300) / 2
        ends = (left, middle - 15), (middle + 15, 300)
        assert all(
            ink(picture, window, (row * height, first, (row + 1) * height, last)) > 0.02
            for first, last in ends
        )
        # Nothing below the names, and nothing between both ends.
        below = (row * height + 2, 0, (row + 1) * height, left - 4)
        assert ink(picture, window, below) == 0
    contrast = np.abs(picture[: int(3 * height), : int(left) - 4] - text).max(axis=-1)
    assert contrast.min() < 40


def test_of_many_classes_the_number_of_the_others_is_told(shown):
    show, window, _ = shown
    widget, picture = show(legend_of(MOST_ROWS))
    assert len(widget.names) == MOST_ROWS
    full = widget.sizeHint().height()
    widget, picture = show(legend_of(118))
    assert widget.names == [f"class {n}" for n in range(1, MOST_ROWS)]
    assert widget._more == 118 - MOST_ROWS + 1
    assert widget.sizeHint().height() == full
    height, left = full / (MOST_ROWS + 2), widget.colors_box(0).left()
    last = ((MOST_ROWS - 1) * height, 0, MOST_ROWS * height, left)
    assert ink(picture, window, last) > 0.04


def test_long_names_end_before_the_colours(shown):
    show, window, _ = shown
    legend = legend_of(1)
    long = Legend({1: "left " * 40 + "end"}, legend.shades, (0.0, 2.0), "bits")
    widget, picture = show(long)
    gap = int(widget.colors_box(0).left())
    np.testing.assert_array_equal(
        picture[2:12, gap - 4 : gap - 1], np.broadcast_to(window, (10, 3, 3))
    )
    assert widget.names == [long.names[1]]  # told in full below the pointer


def test_the_legend_fits_the_width_of_the_dock(qtbot, case, widget):
    choose(qtbot, widget, FADED)
    widget.tabs.setCurrentIndex(3)
    widget.resize(360, 900)
    with qtbot.waitExposed(widget):
        widget.show()
    area = widget.tabs.currentWidget()
    assert area.horizontalScrollBar().maximum() == 0
    legend = widget.appearance.legend
    assert legend.colors_box(0).width() > 120
    assert legend.height() == legend.sizeHint().height()
    widget.hide()
