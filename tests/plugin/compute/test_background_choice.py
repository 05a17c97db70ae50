"""The class that is the background, chosen in the compute widget."""

import numpy as np
import pytest
from napari.components import ViewerModel
from scipy.special import entr

from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.plugin.inspect.probe import Probe, by_label
from napari_uncertainty.plugin.review.begin import ReviewChoices, material_of
from napari_uncertainty.plugin.viewer.scan_space import METADATA_KEY, record_of
from napari_uncertainty.plugin.viewer.shown_map import ShownMap
from support.clicks import compute
from support.generated import softmax
from support.shown_widgets import widgets

SHAPE = (10, 11, 12)
NAMES = ["GM", "WM", "air"]


@pytest.fixture
def viewer(qapp):
    """Without a window."""
    return ViewerModel()


@pytest.fixture
def widget(qtbot, viewer):
    with widgets(qtbot, viewer) as open_one:
        yield open_one()


@pytest.fixture
def tissues(viewer, widget, rng):
    info = {"role": "probabilities", "class_axis": 0, "class_names": NAMES}
    return viewer.add_image(
        softmax(rng, (3, *SHAPE)), name="net", rgb=False, metadata={METADATA_KEY: info}
    )


def offered(widget):
    items = widget.fields.background.native
    return [items.itemText(row) for row in range(items.count())]


def checks_of(shown):
    return {one.name: one.level for one in record_of(shown).checks}


@pytest.mark.parametrize(
    ("choice", "labels", "names", "level"),
    [
        ("", [0, 1, 2], NAMES, "amber"),
        ("GM", [0, 1, 2], NAMES, "green"),
        ("WM", [1, 0, 2], ["WM", "GM", "air"], "green"),
        ("air", [1, 2, 0], ["air", "GM", "WM"], "green"),
        ("none", [1, 2, 3], ["background", *NAMES], "green"),
    ],
)
def test_the_chosen_class_is_left_out(
    qtbot, viewer, widget, tissues, choice, labels, names, level
):
    assert offered(widget) == ["Automatic", *NAMES, "None of them"]
    widget.fields.background.value = choice
    widget.foreground_only.value = True
    shown = compute(qtbot, widget)
    p = tissues.data.astype(np.float64)
    prediction = np.array(labels)[p.argmax(axis=0)]
    inside = prediction != 0
    h = entr(p).sum(axis=0) / np.log(2)
    np.testing.assert_array_equal(
        shown.metadata[METADATA_KEY]["prediction"], prediction
    )
    np.testing.assert_allclose(shown.data, np.where(inside, h, 0), atol=1e-5)
    record = record_of(shown)
    assert record.statistics.foreground_voxels == inside.sum()
    assert record.class_names == tuple(names)
    assert record.interpretation.background == (choice or "GM")
    assert record.asked.background == (choice or None)
    assert checks_of(shown)["background"] == level
    # What is under the pointer, by label.
    subject = ShownMap.of(viewer, shown, None)
    reading = Probe(viewer, subject, subject.labels.labels).read(np.array([4, 5, 6]))
    expected = np.zeros(len(names))
    at = p[:, 4, 5, 6]
    expected[labels] = at / at.sum()
    assert reading.label == prediction[4, 5, 6]
    np.testing.assert_allclose(reading.probabilities, expected, atol=1e-6)


@pytest.mark.parametrize("first", [0, 1])
def test_a_segmentation_in_the_order_of_the_classes(
    qtbot, viewer, widget, tissues, first
):
    numbers = tissues.data.argmax(axis=0) + first
    seg = viewer.add_labels(numbers.astype(np.uint8), name="seg")
    widget.segmentation.value = seg
    widget.fields.background.value = "air"
    shown = compute(qtbot, widget)
    assert checks_of(shown)["labels"] == "green"
    assert record_of(shown).check("orientation").numbers["best_foreground"] == 1
    subject = ShownMap.of(viewer, shown, seg)
    assert {n: subject.name_of(n + first) for n in range(3)} == dict(enumerate(NAMES))
    # Places are of classes under the numbers that they have there.
    taken = material_of(viewer, subject, ReviewChoices(HotspotOptions(), False, ""))
    [member] = taken.members
    for number, volume in enumerate(tissues.data):
        np.testing.assert_array_equal(member[number + first], volume)
    assert member.shape[0] == 3 + first


def test_only_classes_that_exclude_each_other_are_offered(viewer, widget, tissues, rng):
    widget.fields.background.value = "air"
    for kind in ("sigmoid", "foreground", "fractions"):
        widget.kind.value = kind
        assert not widget.fields.background.native.isVisible()
        assert widget.fields.interpretation.background is None
    widget.kind.value = "auto"
    assert widget.fields.background.native.isVisible()
    assert widget.fields.interpretation.background is None
    plain = viewer.add_image(softmax(rng, (4, *SHAPE)), name="plain", rgb=False)
    widget.probabilities.value = plain
    classes = [f"class {number}" for number in range(4)]
    assert offered(widget) == ["Automatic", *classes, "None of them"]
    viewer.layers.clear()
    assert not widget.fields.background.native.isVisible()


@pytest.mark.parametrize(
    ("background", "expected"),
    [(2, [0.5, 0.2, 0.3]), (1, [0.3, 0.2, 0.5]), (None, [0, 0.2, 0.3, 0.5])],
)
def test_probabilities_of_one_voxel_in_the_order_of_labels(background, expected):
    x = np.array([0.2, 0.3, 0.5])
    for values, kind in ((x, "softmax"), (np.log(x), "logits")):
        found = by_label(values, kind, 1.0, (), background)
        np.testing.assert_allclose(found, expected)
