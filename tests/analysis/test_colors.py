"""Colours, against napari and scikit-image."""

import numpy as np
import pytest
from napari.utils.colormaps import ensure_colormap
from skimage.color import lab2rgb, rgb2lab

from napari_uncertainty.analysis import colors
from napari_uncertainty.analysis.colors import OPAQUE_FROM
from napari_uncertainty.plugin.viewer.layers import (
    label_colormap,
    map_colors,
    transparent_where_certain,
)


def test_labels_look_as_in_the_viewer():
    labels = np.array([1, 2, 10, 19, 20, 45])
    expected = np.rint(255 * label_colormap().map(labels))[:, :3]
    np.testing.assert_array_equal([colors.label_color(n) for n in labels], expected)


def test_cielab_is_that_of_scikit_image(rng):
    some = rng.integers(0, 256, (500, 3))
    np.testing.assert_allclose(colors.lab(some), rgb2lab(some / 255), atol=0.01)


def test_colours_come_back_from_cielab(rng):
    some = rng.integers(0, 256, (500, 3))
    np.testing.assert_allclose(colors.from_lab(colors.lab(some)), some, atol=0.01)
    light = [[50.0, 0.0, 0.0], [3.0, 2.0, -1.0]]
    np.testing.assert_allclose(
        colors.from_lab(light), 255 * lab2rgb(np.array(light)), atol=0.1
    )
    # No screen is so green: nothing is below 0 or above 255.
    np.testing.assert_array_equal(colors.from_lab([80.0, -200.0, 100.0])[[0, 2]], 0)


def test_a_colour_blind_person_sees_gray_as_gray_and_red_nearer_to_green():
    gray = np.repeat(np.arange(0, 256, 15)[:, None], 3, axis=1)
    for seen in colors.as_seen(gray):
        np.testing.assert_allclose(seen, rgb2lab(gray / 255), atol=0.01)
    red_and_green = colors.as_seen(np.array([(200, 60, 40), (90, 120, 40)]))
    normal, *blind = np.linalg.norm(np.diff(red_and_green, axis=1)[:, 0], axis=-1)
    assert max(blind) < 0.6 * normal


@pytest.mark.parametrize("name", ["inferno", "magma", "plasma", "viridis"])
def test_no_class_has_a_colour_of_the_map_or_a_gray_of_the_scan(name):
    palette = rgb2lab(colors.class_palette(map_colors(name)) / 255)
    of_map = rgb2lab(ensure_colormap(name).map(np.linspace(0, 1, 512))[:, :3])
    apart = np.linalg.norm(palette[:, None] - of_map, axis=-1)
    assert apart.min() > colors.FROM_MAP - 1.5
    assert np.hypot(*palette[:, 1:].T).min() >= 29.5


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("inferno", {7: (26, 18), 12: (17, 12), 33: (9, 6), 118: (4, 2.5)}),
        ("gray", {7: (26, 18), 12: (17, 12), 33: (9, 6), 118: (4, 2.5)}),
        # Red and violet are all that these leave, which colour-blind people hardly see.
        ("viridis", {7: (26, 15), 12: (17, 10), 33: (9, 5), 118: (4, 2.5)}),
        ("turbo", {7: (17, 11), 12: (12, 8), 33: (7, 4), 118: (3, 2)}),
    ],
)
def test_classes_are_told_apart_with_and_without_colour_blindness(name, least):
    for n, (normal, color_blind) in least.items():
        palette = colors.class_palette(map_colors(name))[:n]
        others = ~np.eye(n, dtype=bool)
        for seen, bound in zip(
            colors.as_seen(palette), (normal, color_blind, color_blind), strict=True
        ):
            apart = np.linalg.norm(seen[:, None] - seen, axis=-1)
            assert apart[others].min() > bound


def test_map_looks_as_in_the_viewer():
    assert colors.OPAQUE_FROM == OPAQUE_FROM
    share = np.linspace(0, 1, 256)
    expected = 255 * transparent_where_certain("inferno").map(share)
    palette = colors.map_palette().astype(float)
    assert np.abs(palette - expected).max() < 2
    assert np.abs(palette[:, :3] - 255 * ensure_colormap("inferno").map(share)[:, :3]
                  ).max() < 2  # fmt: skip
    assert palette[0, 3] == 0
    assert (palette[np.ceil(0.6 * 255).astype(int) :, 3] == 255).all()


def test_a_colour_for_css_has_three_numbers_of_two_digits():
    assert colors.as_hex((0, 128, 255)) == "#0080ff"
    assert colors.as_hex((0, 128, 300, 7)) == "#0080ff"
