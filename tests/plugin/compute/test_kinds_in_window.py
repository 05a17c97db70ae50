"""Every kind of values in the widget: named or found, and named wrongly."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.settings import get_plugin_settings
from scipy.special import entr, log_softmax

from napari_uncertainty.plugin.viewer.layers import preferences
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY, record_of
from support.clicks import button, compute
from support.generated import softmax
from support.shown_widgets import widgets

SHAPE = (12, 13, 14)

#: Of each kind, its title and how many labels there are.
TITLES = {
    "softmax": ("Softmax", 4),
    "logits": ("Logits", 4),
    "sigmoid": ("Independent channels", 4),
    "foreground": ("Foreground only", 2),
    "fractions": ("Fractions without background", 4),
    "scaled": ("Scaled softmax", 4),
}


@pytest.fixture
def viewer(qapp):
    """Without a window."""
    return ViewerModel()


@pytest.fixture
def open_widget(qtbot, viewer):
    with widgets(qtbot, viewer) as open_one:
        yield open_one


@pytest.fixture
def kinds(rng):
    """Values of each kind, and the entropy in bits that they have by scipy."""
    p = softmax(rng, (4, *SHAPE))
    whole = np.floor(p * 250).astype(np.uint8)
    whole[0] += 250 - whole.sum(axis=0, dtype=np.uint8)
    scores = rng.normal(0, 3, (4, *SHAPE)).astype(np.float32)
    channels = rng.random((3, *SHAPE), np.float32)
    shares = p[1:].copy()
    shares[:, :4] = 0  # much is empty, and much is full
    shares[:, 6:] /= shares[:, 6:].sum(axis=0)
    return {
        "softmax": (p, bits(p)),
        "logits": (scores, bits(np.exp(log_softmax(scores.astype(float) / 2, axis=0)))),
        "sigmoid": (channels, bits(channels) + bits(1 - channels)),
        "foreground": (channels[0], bits(np.stack([channels[0], 1 - channels[0]]))),
        "fractions": (shares, bits([1 - shares.sum(axis=0), *shares])),
        "scaled": (whole, bits(whole / 250)),
    }


def bits(p):
    return entr(np.clip(np.asarray(p, np.float64), 0, 1)).sum(axis=0) / np.log(2)


def show(viewer, widget, values):
    """One layer alone, chosen by hand where nobody would choose it unasked."""
    viewer.layers.clear()
    layer = viewer.add_image(values, name="net", contrast_limits=(0, 1), rgb=False)
    widget.probabilities.value = layer
    return layer


def check_of(layer):
    return record_of(layer).check("kind")


def test_each_kind_that_is_chosen_gives_its_map(
    qtbot, viewer, open_widget, kinds, told
):
    widget = open_widget()
    for kind, (values, expected) in kinds.items():
        show(viewer, widget, values)
        widget.kind.value = kind
        assert widget.temperature.native.isVisible() == (kind == "logits")
        widget.temperature.value = 2
        layer = compute(qtbot, widget)
        np.testing.assert_allclose(layer.data, expected, atol=2e-6)
        title, n_classes = TITLES[kind]
        record = record_of(layer)
        assert (record.kind, record.n_classes) == (kind, n_classes)
        assert record.temperature == (2 if kind == "logits" else 1)
        highest = 3 if kind == "sigmoid" else np.log2(n_classes)
        np.testing.assert_allclose(layer.contrast_limits, (0, highest))
        assert check_of(layer).level == "green", check_of(layer)
        assert f"Kind: {title}, as you chose" in widget.result.value
    assert all("Its first axis was read as" in message for message in told())
    assert len(told()) == 3  # logits, channels and fractions


def test_each_kind_is_found(qtbot, viewer, open_widget, kinds, told):
    """But of a volume, which may be anything."""
    widget = open_widget()
    for kind, (values, _) in kinds.items():
        show(viewer, widget, values[np.newaxis] if values.ndim == 3 else values)
        layer = compute(qtbot, widget)
        assert record_of(layer).kind == kind
        assert f"Kind: {TITLES[kind][0]}, found from the values" in widget.result.value
        assert check_of(layer).level == "green", check_of(layer)


@pytest.mark.parametrize(
    ("held", "named"),
    [("softmax", "logits"), ("softmax", "sigmoid"), ("sigmoid", "softmax")],
)
def test_a_wrong_kind_is_impossible_to_miss(
    qtbot, viewer, open_widget, kinds, told, held, named
):
    widget = open_widget()
    show(viewer, widget, kinds[held][0])
    widget.kind.value = named
    check = check_of(compute(qtbot, widget))
    assert check.level == "red"
    assert TITLES[held][0].lower() in check.sentence
    assert check.sentence in told()
    assert check.sentence[:40] in widget.checks.list.native.toPlainText()


def test_a_doubt_is_told(qtbot, viewer, open_widget, rng, told):
    """Channels that never sum to more than 1 may be of two kinds."""
    widget = open_widget()
    show(viewer, widget, rng.random((3, *SHAPE), np.float32) / 3)
    check = check_of(compute(qtbot, widget))
    assert check.level == "amber"
    assert "if they are independent channels, choose that kind" in check.sentence
    assert check.sentence in told()


def test_what_a_file_says_counts(qtbot, viewer, open_widget, rng):
    """Regions of nnU-Net, whose channels write labels in an order of their own."""
    widget = open_widget()
    channels = rng.random((2, *SHAPE), np.float32)
    layer = viewer.add_image(channels, name="net", rgb=False)
    info = {"role": "probabilities", "class_axis": 0, "kind": "sigmoid"}
    info |= {"class_names": ["whole", "core"], "region_order": [1, 3]}
    layer.metadata = {METADATA_KEY: info}
    widget.reset_choices()
    shown = compute(qtbot, widget)
    told = record_of(shown)
    assert (told.kind, told.n_classes, told.n_states) == ("sigmoid", 4, 4)
    assert told.class_names == ("background", "whole", "class 2", "core")
    labels = np.where(channels[0] > 0.5, 1, 0)
    labels[channels[1] > 0.5] = 3
    np.testing.assert_array_equal(shown.metadata[METADATA_KEY]["prediction"], labels)
    assert "Kind: Independent channels, as the file says" in widget.result.value


def test_what_a_measure_means_is_written_below_it(open_widget):
    widget = open_widget()
    widget.measure.value = "mutual_information"
    assert widget.meaning.native.isVisible()
    assert widget.meaning.value.startswith("Where members are sure of different things")
    assert "H(q)" in widget.measure.tooltip
    items = widget.measure.native
    listed = [items.itemText(row) for row in range(items.count())]
    assert listed[:4] == ["Entropy", "Least confidence", "Margin", "Gini impurity"]
    assert len(listed) == 10
    assert all(text.endswith(" (members)") for text in listed[4:])


def test_no_text_is_cut_off_in_a_narrow_dock(qtbot, viewer, open_widget, kinds):
    widget = open_widget()
    show(viewer, widget, kinds["logits"][0])
    widget.kind.value = "logits"
    compute(qtbot, widget)
    widget.resize(300, 100)
    for paragraph in (widget.meaning.native, widget.result.native):
        qtbot.waitUntil(
            lambda one=paragraph: one.height() >= one.heightForWidth(one.width())
        )
    assert widget.width() <= 310


# -- what is remembered -------------------------------------------------------


def test_choices_are_remembered(
    qtbot, viewer, open_widget, kinds, tmp_path, monkeypatch
):
    settings = get_plugin_settings("napari-uncertainty")
    file = tmp_path / "napari-uncertainty.yaml"
    monkeypatch.setattr(settings, "config_path", file)
    widget = open_widget()
    show(viewer, widget, kinds["logits"][0])
    widget.measure.value, widget.base.value = "gini", "nats"
    widget.kind.value, widget.temperature.value = "logits", 1.5
    widget.foreground_only.value = True
    assert preferences().measure == "entropy"  # nothing before Compute
    compute(qtbot, widget)
    again = open_widget()
    assert (again.measure.value, again.base.value) == ("gini", "nats")
    assert (again.kind.value, again.temperature.value) == ("logits", 1.5)
    assert again.foreground_only.value
    assert again.temperature.native.isVisible()
    # As napari reads them when it starts.
    read = type(settings)(config_path=file).compute
    assert (read.measure, read.base, read.kind) == ("gini", "nats", "logits")
    assert (read.temperature, read.foreground_only) == (1.5, True)


def test_settings_that_cannot_be_written(qtbot, viewer, open_widget, kinds, tmp_path):
    (tmp_path / "file").touch()
    settings = get_plugin_settings("napari-uncertainty")
    before, settings.config_path = settings.config_path, tmp_path / "file" / "no.yaml"
    try:
        with pytest.raises(OSError, match="file"):
            settings.compute.opacity = 0.5
        widget = open_widget()
        show(viewer, widget, kinds["softmax"][0])
        widget.measure.value = "margin"
        assert compute(qtbot, widget) is not None
        assert preferences().measure == "margin"
    finally:
        settings.config_path = before
    assert button(widget, "Compute").isEnabled()
