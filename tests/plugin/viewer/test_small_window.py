"""The docks of a case with many classes of long names, in a small window."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QLabel, QPushButton, QSpinBox

from napari_uncertainty import Grid, LabelMap, ProbabilityMap, Scan
from napari_uncertainty.plugin.viewer.layers import to_layer
from napari_uncertainty.plugin.viewer.widgets import ShortNames
from support.clicks import compute
from support.inspect_dock import wait_until_found
from support.review_dock import redirect, wait_for_review, write_case

SIZE = 1280, 720
SHAPE = (18, 20, 22)
DOCKS = ("Compute", "Inspect", "Review")
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


@pytest.fixture
def crowded(viewer, rng):
    """A window with 33 classes of long names, and two members."""
    viewer.window.resize(*SIZE)
    labels = rng.integers(0, len(NAMES), [n // 2 for n in SHAPE])
    labels = labels.repeat(2, 0).repeat(2, 1).repeat(2, 2).astype(np.uint8)
    grid = Grid(SHAPE, np.diag([2.0, 2.0, 2.0, 1.0]))
    volumes = [
        Scan(labels.astype(np.float32), grid, name="T1"),
        LabelMap(labels, grid, dict(enumerate(NAMES)), name="structures"),
    ]
    for member in ("fold 0", "fold 1"):
        p = rng.random((len(NAMES), *SHAPE), np.float32)
        np.put_along_axis(p, labels[np.newaxis], 5.0, axis=0)
        p /= p.sum(axis=0)
        volumes.append(ProbabilityMap(p, NAMES, grid, name=member))
    for volume in volumes:
        data, options, kind = to_layer(volume)
        getattr(viewer, f"add_{kind}")(data, **options)
    return viewer


def open_dock(viewer, name):
    return viewer.window.add_plugin_dock_widget(
        "napari-uncertainty", f"{name} uncertainty"
    )


def compute_of_members(qtbot, widget):
    widget.measure.value = "mutual_information"
    for row in range(widget.members.list.count()):
        widget.members.list.item(row).setCheckState(Qt.CheckState.Checked)
    assert compute(qtbot, widget) is not None


def check_window(window):
    for _ in range(3):
        QApplication.processEvents()
    assert window.width() <= SIZE[0]
    assert window.height() <= SIZE[1]


@pytest.mark.parametrize("order", [DOCKS, DOCKS[::-1], DOCKS[1:] + DOCKS[:1]])
def test_in_any_order_they_share_one_place_of_a_small_screen(qtbot, crowded, order):
    compute_of_members(qtbot, open_dock(crowded, "Compute")[1])
    crowded.window.remove_dock_widget("all")
    docks = []
    for name in order:
        dock, widget = open_dock(crowded, name)
        docks.append(dock)
        if name == "Compute":
            compute_of_members(qtbot, widget)
        elif name == "Inspect":
            wait_until_found(qtbot, widget)
        else:
            wait_for_review(qtbot, widget.desk)
        check_window(widget.window())
    window = widget.window()
    for dock in docks:
        dock.raise_()
        check_window(window)
        together = {dock, *window.tabifiedDockWidgets(dock)}
        assert together >= set(docks)
        shown = [one for one in docks if not one.visibleRegion().isEmpty()]
        assert shown == [dock]
        for button in dock.findChildren(QPushButton):
            if button.isVisible() and button.text():
                assert button.width() >= button.minimumSizeHint().width(), button.text()
