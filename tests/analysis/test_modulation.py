"""Shades of classes, against numbers by hand and scikit-image."""

import numpy as np
import pytest
from skimage.color import rgb2lab

from napari_uncertainty.analysis.colors import (
    MOST_CLASSES,
    N_LEVELS,
    iter_shade_numbers,
    shades_of,
)
from napari_uncertainty.errors import InputError
from napari_uncertainty.plugin.viewer.layers import label_colormap
from napari_uncertainty.steps import run

ORANGE = (1.0, 0.5, 0.0, 0.8)


def numbers_of(values, labels, classes, limits=(0.0, 1.5), **options):
    return run(
        iter_shade_numbers(
            np.asarray(values, np.float32),
            np.asarray(labels),
            classes,
            limits,
            **options,
        )
    )


def test_there_are_sixteen_levels_and_their_ends_are_the_limits():
    values = np.array([-1, 0, 0.04, 0.06, 0.7, 1.44, 1.46, 1.5, 9], np.float32)
    # 15 steps of 0.1 from 0 to 1.5, each value at the nearest one.
    levels = [0, 0, 0, 1, 7, 14, 15, 15, 15]
    found = numbers_of(values, np.full(9, 5), [2, 5])
    np.testing.assert_array_equal(found, 1 + 16 + np.array(levels))
    assert N_LEVELS == 16


def test_other_labels_and_voxels_without_data_have_no_shade():
    labels = [[0, 1, 3], [3, 9, 1]]
    no_data = np.array([[False, True, False], [False, False, False]])
    values = [[1.5, 0.0, 1.5], [0.0, 0.0, np.nan]]
    found = numbers_of(values, labels, [1, 3], no_data=no_data)
    # Of the label 3, the second class: from 17 to 32.
    np.testing.assert_array_equal(found, [[0, 0, 32], [17, 0, 0]])


@pytest.mark.parametrize(("n", "dtype"), [(15, np.uint8), (16, np.uint16)])
def test_numbers_are_as_small_as_they_can_be(n, dtype):
    found = numbers_of(np.full(n, 1.5), np.arange(1, n + 1), [*range(1, n + 1)])
    assert found.dtype == dtype
    assert found.tolist() == [16 * place for place in range(1, n + 1)]


def test_a_volume_is_numbered_alike_however_it_lies_in_memory(rng):
    values = rng.random((70, 80, 90)).astype(np.float32)
    labels = rng.choice([0, 2, 41, 2035], values.shape)
    expected = np.zeros(values.shape, int)
    for place, label in enumerate([2, 41, 2035]):
        there = labels == label
        level = np.floor(values[there] * 15 + 0.5).astype(int)
        expected[there] = 1 + 16 * place + level
    for turned in (lambda a: a, lambda a: a.T, lambda a: a[::-1, :, ::-1]):
        found = numbers_of(turned(values), turned(labels), [2, 41, 2035], (0, 1))
        np.testing.assert_array_equal(found, turned(expected))
        laid_out = np.asfortranarray(values)
        found = numbers_of(turned(laid_out), turned(labels), [2, 41, 2035], (0, 1))
        np.testing.assert_array_equal(found, turned(expected))


def test_the_share_done_grows_block_by_block():
    values = np.zeros((10, 300, 300), np.float32)
    steps = iter_shade_numbers(values, np.ones(values.shape, int), [1], (0, 1))
    shares = list(steps)
    assert 0 < shares[0] < 0.5
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_more_classes_than_there_are_numbers_for_are_refused():
    classes = [*range(1, MOST_CLASSES + 2)]
    with pytest.raises(InputError, match="4096 classes"):
        numbers_of([0.0], [1], classes)
    assert numbers_of([1.5], [MOST_CLASSES], classes[:-1]) == [16 * MOST_CLASSES]


def test_faded_colours_lose_their_opacity_evenly():
    [shades] = shades_of([ORANGE], "Faded where uncertain")
    assert shades.shape == (16, 4)
    np.testing.assert_array_equal(shades[:, :3], np.tile(ORANGE[:3], (16, 1)))
    np.testing.assert_allclose(shades[[0, 3, 15], 3], [0.8, 0.8 * 12 / 15, 0])


def test_gray_shades_are_as_light_as_the_colour_of_the_class():
    red = (1.0, 0.0, 0.0, 0.8)
    [shades] = shades_of([red], "Gray where uncertain")
    np.testing.assert_allclose(shades[0], red, atol=1e-3)
    np.testing.assert_array_equal(shades[:, 3], 0.8)
    # Red is L 53.24, a 80.09, b 67.20; a third of the way, two thirds of a and b stay.
    third = [53.24, 80.09 * 10 / 15, 67.20 * 10 / 15]
    np.testing.assert_allclose(rgb2lab(shades[5, :3]), third, atol=0.05)
    # Red has 0.2126 of the luminance of white, and so has this gray (IEC 61966-2-1).
    gray = 1.055 * 0.2126 ** (1 / 2.4) - 0.055
    np.testing.assert_allclose(shades[15, :3], gray, atol=1e-3)


def test_the_chroma_of_every_class_falls_evenly_and_its_lightness_stays():
    colors = label_colormap().colors[1:119]
    shades = shades_of(colors, "Gray where uncertain")
    found = rgb2lab(shades[..., :3])
    own = rgb2lab(colors[:, :3])
    np.testing.assert_allclose(found[..., 0], own[:, :1] + np.zeros(16), atol=0.5)
    certainty = np.linspace(1, 0, 16)[:, None]
    expected = own[:, None, 1:] * certainty
    np.testing.assert_allclose(found[..., 1:], expected, atol=1.0)


def test_several_classes_keep_their_order():
    both = shades_of([ORANGE, (0.0, 0.0, 1.0, 1.0)], "Faded where uncertain")
    np.testing.assert_allclose(both[1, 5], (0, 0, 1, 10 / 15))
    np.testing.assert_allclose(both[0, 0], ORANGE)
