"""One of several independent channels, chosen in the compute widget."""

import numpy as np
import pytest
from napari.components import ViewerModel
from scipy.special import entr

from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY, record_of
from support.clicks import compute
from support.compute_without_window import names_in
from support.generated import softmax
from support.shown_widgets import widgets

SHAPE = (10, 11, 12)
NAMES = ["whole", "core"]


@pytest.fixture
def viewer(qapp):
    """Without a window."""
    return ViewerModel()


@pytest.fixture
def widget(qtbot, viewer):
    with widgets(qtbot, viewer) as open_one:
        yield open_one()


@pytest.fixture
def regions(viewer, widget, rng):
    """As of nnU-Net's region models, whose file says what they are."""
    info = {"role": "probabilities", "class_axis": 0, "kind": "sigmoid"}
    info |= {"class_names": NAMES, "region_order": [1, 3]}
    channels = rng.random((2, *SHAPE), np.float32)
    return viewer.add_image(
        channels, name="net", rgb=False, metadata={METADATA_KEY: info}
    )


def bits(x):
    return (entr(x) + entr(1 - x)) / np.log(2)


def offered(widget):
    items = widget.fields.channel.native
    return [items.itemText(row) for row in range(items.count())]


def test_a_map_of_each_channel_and_one_of_all(qtbot, viewer, widget, regions):
    assert widget.fields.channel.native.isVisible()
    assert offered(widget) == ["All together", *NAMES]
    x = regions.data.astype(np.float64)
    for channel, name, truth in (
        (-1, "net entropy", bits(x).sum(axis=0)),
        (0, "net entropy whole", bits(x[0])),
        (1, "net entropy core", bits(x[1])),
    ):
        widget.fields.channel.value = channel
        shown = compute(qtbot, widget)
        assert shown.name == name
        assert widget.fields.channel.value == channel  # though a layer came
        np.testing.assert_allclose(shown.data, truth, atol=1e-6)
        assert shown.contrast_limits == [0, 2 if channel < 0 else 1]
    names = ["net entropy", "net entropy whole", "net entropy core"]
    assert names_in(viewer)[1:] == names
    assert "Kind: Independent channels, as the file says; 'core' alone" in (
        widget.result.value
    )
    told = record_of(shown)
    assert (told.channel, told.n_states) == ("core", 2)
    labels = np.where(x[0] > 0.5, 1, 0)
    labels[x[1] > 0.5] = 3
    np.testing.assert_array_equal(shown.metadata[METADATA_KEY]["prediction"], labels)
    compute(qtbot, widget)  # again: the same layer
    assert names_in(viewer)[1:] == names


def test_only_independent_channels_are_offered(viewer, widget, regions, rng):
    widget.fields.channel.value = 1
    widget.kind.value = "softmax"
    assert not widget.fields.channel.native.isVisible()
    assert widget.fields.interpretation.channel is None
    widget.kind.value = "auto"
    assert widget.fields.interpretation.channel is None  # not behind anybody's back
    assert offered(widget) == ["All together", *NAMES]
    plain = viewer.add_image(softmax(rng, (3, *SHAPE)), name="plain", rgb=False)
    widget.probabilities.value = plain
    assert not widget.fields.channel.native.isVisible()
    widget.kind.value = "sigmoid"
    assert offered(widget) == ["All together", "channel 0", "channel 1", "channel 2"]
    viewer.layers.clear()
    assert not widget.fields.channel.native.isVisible()
