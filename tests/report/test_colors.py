"""Colours and PNG, against napari's colours and imageio's reader."""

import imageio.v3 as iio
import numpy as np
import pytest
from napari.utils.colormaps import ensure_colormap

from napari_uncertainty.plugin.colors import (
    OPAQUE_FROM,
    label_colormap,
    transparent_where_certain,
)
from napari_uncertainty.report import colors
from napari_uncertainty.report.png import gray_png, palette_png


def test_labels_look_as_in_the_viewer():
    labels = np.array([1, 2, 10, 19, 20, 45])
    expected = np.rint(255 * label_colormap().map(labels))[:, :3]
    np.testing.assert_array_equal([colors.label_color(n) for n in labels], expected)


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


def test_css_color():
    assert colors.as_hex((0, 128, 255)) == "#0080ff"
    assert colors.as_hex((0, 128, 300, 7)) == "#0080ff"


@pytest.mark.parametrize("smooth", [False, True])
def test_gray_png_is_read_back(rng, smooth):
    pixels = rng.integers(0, 256, (37, 52)).astype(np.uint8)
    if smooth:
        pixels = np.add.outer(np.arange(200), np.arange(180)).astype(np.uint8)
    content = gray_png(pixels)
    read = iio.imread(content, extension=".png")
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, pixels)
    if smooth:
        assert len(content) < pixels.size / 20


def test_palette_png_is_read_back(rng):
    pixels = rng.integers(0, 256, (19, 8)).astype(np.uint8)
    palette = rng.integers(0, 256, (256, 4)).astype(np.uint8)
    read = iio.imread(palette_png(pixels, palette), extension=".png", mode="RGBA")
    np.testing.assert_array_equal(read, palette[pixels])
