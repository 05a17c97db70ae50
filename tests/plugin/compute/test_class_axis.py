"""Along which axis the classes of a layer are, and which layers have none."""

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image

from napari_uncertainty import InputError
from napari_uncertainty.plugin.viewer.class_axis import (
    assumed_class_axis,
    class_axis_of,
    class_first,
    is_guess,
    required_class_axis,
)
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY
from support.generated import softmax

VOLUME = (12, 13, 14)


def normal(*shape):
    return np.random.default_rng(5).normal(size=shape).astype(np.float32)


def uniform(*shape):
    return np.random.default_rng(5).random(shape, np.float32)


def image(values, **info):
    return Image(values, name="net", metadata={METADATA_KEY: info}, rgb=False)


def test_what_is_recorded_comes_before_what_is_found(rng):
    layer = image(softmax(rng, (4, *VOLUME)), class_axis=2)
    assert class_axis_of(layer) == required_class_axis(layer) == 2


@pytest.mark.parametrize("axis", range(4))
def test_found_by_the_sums(rng, axis):
    layer = image(np.moveaxis(softmax(rng, (4, *VOLUME)), 0, axis))
    for kind in (None, "softmax", "logits"):
        assert required_class_axis(layer, kind) == axis
    assert not is_guess(layer, axis)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [
        ((4, *VOLUME), 0),
        ((*VOLUME, 4), 3),
        ((11, *VOLUME), 0),  # no axis is clearly shorter: the one with a slider
        ((12, 4, 13, 14), 0),  # classes are at an end
        ((3, 40, 50), 0),
        ((40, 50, 3), 2),
        ((10, 4, *VOLUME), 1),  # ten members
        ((10, *VOLUME, 4), 4),
    ],
)
@pytest.mark.parametrize("kind", ["logits", "sigmoid", "fractions", "softmax"])
def test_found_by_the_shape_where_the_kind_is_named(shape, axis, kind):
    layer = image(normal(*shape))
    assert required_class_axis(layer, kind) == axis
    assert is_guess(layer, axis)
    assert class_first(layer, axis).values.shape[0] == shape[axis]


def test_by_the_shape_where_the_values_are_to_tell_the_kind():
    """Of four axes; a volume may be anything."""
    assert required_class_axis(image(normal(4, *VOLUME))) == 0
    for shape in (VOLUME, (3, 40, 50)):
        with pytest.raises(InputError, match="choose that under Kind"):
            required_class_axis(image(uniform(*shape)))


@pytest.mark.parametrize("kind", ["foreground", "logits", "sigmoid", "fractions"])
def test_a_volume_is_a_single_channel(kind):
    values = uniform(*VOLUME)
    layer = image(values)
    assert required_class_axis(layer, kind) is None
    np.testing.assert_array_equal(class_first(layer, None).values, values[np.newaxis])
    assert class_first(image(da.from_array(values)), None).values.shape == (1, *VOLUME)


def test_a_single_channel_that_has_an_axis():
    assert required_class_axis(image(uniform(1, *VOLUME)), "foreground") == 0
    assert required_class_axis(image(uniform(*VOLUME, 1)), "foreground") == 3
    recorded = image(uniform(1, 40, 50), class_axis=0)
    assert required_class_axis(recorded, "foreground") == 0


@pytest.mark.parametrize("kind", ["softmax", "scaled"])
def test_a_volume_is_no_softmax(kind):
    with pytest.raises(InputError, match="does not look like a softmax"):
        required_class_axis(image(uniform(*VOLUME)), kind)


@pytest.mark.parametrize("kind", [None, "foreground", "sigmoid"])
def test_labels_are_refused(kind):
    labels = (9 * uniform(*VOLUME)).astype(np.uint8)
    with pytest.raises(InputError, match="label map"):
        required_class_axis(image(labels), kind)


def test_labels_in_channels_are_refused():
    labels = (9 * uniform(4, *VOLUME)).astype(np.uint8)
    with pytest.raises(InputError, match="label map"):
        required_class_axis(image(labels))


def test_nothing_is_refused():
    with pytest.raises(InputError, match="no values but 0, NaN"):
        required_class_axis(image(np.full((4, *VOLUME), np.nan)))


@pytest.mark.parametrize("kind", [None, "sigmoid", "foreground"])
def test_a_photograph_has_no_class_axis(rng, kind):
    photograph = Image(rng.integers(0, 255, (9, 9, 3)).astype(np.uint8), rgb=True)
    assert class_axis_of(photograph) is None
    assert assumed_class_axis(photograph, kind) is None
    with pytest.raises(InputError, match="colour image"):
        required_class_axis(photograph, kind)


def test_a_pyramid_is_refused(rng):
    pyramid = Image([rng.random((64, 64)), rng.random((32, 32))], multiscale=True)
    with pytest.raises(InputError, match="multiscale"):
        required_class_axis(pyramid, "foreground")
