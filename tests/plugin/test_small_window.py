"""The docks of a case with many classes of long names, in a small window."""

import pytest
from qtpy.QtWidgets import QLabel, QSpinBox

from driving import compute
from inspecting import wait_until_found
from napari_uncertainty.plugin.short_names import ShortNames
from reviewing import redirect, write_case

SIZE = 1280, 720
PARTS = (
    "cerebral-white-matter", "cerebral-cortex", "lateral-ventricle",
    "inferior-lateral-ventricle", "cerebellum-white-matter", "cerebellum-cortex",
    "thalamus-proper", "caudate-nucleus", "putamen", "globus-pallidus",
    "hippocampal-formation", "amygdala-basolateral-complex",
    "amygdala-central-complex", "ventral-diencephalon",
    "superior-temporal-gyrus-anterior-division",
    "superior-temporal-gyrus-posterior-division",
)  # fmt: skip
NAMES = (
    "background",
    *(f"{side}-{part}" for side in ("left", "right") for part in PARTS),
)


def cut_lines(widget):
    """Texts that wrap and are shown lower than they are."""
    return [
        label.text()
        for label in widget.findChildren(QLabel)
        if label.isVisible()
        and label.wordWrap()
        and label.text()
        # One that is fixed to so many lines ends in an ellipsis, and has a tooltip.
        and label.minimumHeight() != label.maximumHeight()
        and label.height() < label.heightForWidth(label.width())
    ]


def tabs(widget):
    """Show each tab of a dock, one after the other."""
    for index in range(widget.tabs.count()):
        widget.tabs.setCurrentIndex(index)
        yield widget.tabs.tabText(index)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_docks_fit_and_no_line_is_cut(qtbot, viewer, tmp_path, monkeypatch, rng, theme):
    redirect(tmp_path, monkeypatch)
    files = write_case(tmp_path / "study", rng, names=NAMES)
    viewer.theme = theme
    viewer.window.resize(*SIZE)
    for path in (files.scan, files.segmentation, files.probabilities):
        viewer.open(path, plugin="napari-uncertainty")

    def dock(name):
        full = f"{name} uncertainty"
        return viewer.window.add_plugin_dock_widget("napari-uncertainty", full)[1]

    def fits(widget):
        qtbot.waitUntil(lambda: not cut_lines(widget), timeout=5000)
        window = viewer.window._qt_window
        assert (window.width(), window.height()) == SIZE

    widget = dock("Compute")
    compute(qtbot, widget)
    fits(widget)
    inspect = dock("Inspect")
    wait_until_found(qtbot, inspect)
    for tab in tabs(inspect):
        fits(inspect)
        if tab == "Save":
            # All of it without scrolling, its numbers with all their digits.
            area = inspect.tabs.currentWidget()
            assert not area.verticalScrollBar().isVisible()
            assert not area.horizontalScrollBar().isVisible()
            for box in area.findChildren(QSpinBox):
                line = box.lineEdit()
                text = line.fontMetrics().horizontalAdvance(line.text())
                assert line.width() > text
    inspect.tabs.setCurrentIndex(0)
    cells = inspect.classes.view.cells.names
    assert set(cells.names) >= {"background"}
    review = dock("Review")
    qtbot.waitUntil(lambda: review.table.current == 1)
    for tab in tabs(review):
        fits(review)
        if tab == "Save":
            assert not review.tabs.currentWidget().verticalScrollBar().isVisible()


def test_names_are_told_apart_in_the_room_that_the_docks_have(qtbot, viewer):
    metrics = viewer.window._qt_window.fontMetrics()
    names = ShortNames(NAMES)
    # Of the table of classes, the bars and the list of hotspots at their least width.
    for width in (114, 136, 140):
        shown = {names.fit(name, width, metrics) for name in NAMES}
        assert len(shown) == len(NAMES)
        assert max(map(metrics.horizontalAdvance, shown)) <= width
