"""The plots as widgets, driven by the pointer."""

import gc
from time import thread_time

import numpy as np
import pytest
from napari._qt.utils import QImg2array
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QHelpEvent, QMouseEvent, QPalette, QWheelEvent
from qtpy.QtWidgets import QApplication, QScrollArea, QToolTip, QVBoxLayout, QWidget

from napari_uncertainty.plugin.inspect.plots import (
    Curve,
    Histogram,
    Plot,
    Profile,
    Profiles,
)
from napari_uncertainty.plugin.inspect.probe import Bar, ProbabilityBars, number

WIDTH = 340
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
NOWHERE = QPointF(0, 0)
PRESS, MOVE, RELEASE = (
    QEvent.Type.MouseButtonPress,
    QEvent.Type.MouseMove,
    QEvent.Type.MouseButtonRelease,
)


@pytest.fixture
def shown(qtbot):
    # qtbot forgets widgets, and Python would delete them where they are shown.
    kept = []

    def show(widget, height=500):
        kept.append(widget)
        qtbot.addWidget(widget)
        widget.resize(WIDTH, height)
        with qtbot.waitExposed(widget):
            widget.show()
        return widget

    return show


def profile(positions, values=None, title="Axial slices"):
    positions = np.asarray(positions, float)
    values = np.ones(len(positions)) if values is None else np.asarray(values, float)
    return Profile(title, positions, values, "Inferior", "Superior")


def pixel(plot, x, y=None):
    """Where a place in the plot is on the screen; halfway up without y."""
    low, high = plot.getViewBox().viewRange()[1]
    y = (low + high) / 2 if y is None else y
    place = plot.getViewBox().mapViewToScene(QPointF(x, y))
    return QPointF(plot.mapFromScene(place))


def send(plot, kind, place, button=LEFT):
    held = NONE if kind == RELEASE else button
    changed = NONE if kind == MOVE else button
    viewport = plot.viewport()
    where = QPointF(viewport.mapToGlobal(place.toPoint()))
    event = QMouseEvent(
        kind, place, where, changed, held, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(viewport, event)


def click(plot, x, button=LEFT):
    send(plot, PRESS, pixel(plot, x), button)
    send(plot, RELEASE, pixel(plot, x), button)


def drag(qtbot, plot, start, end, beside=NOWHERE):
    send(plot, MOVE, pixel(plot, start) + beside, NONE)
    send(plot, PRESS, pixel(plot, start) + beside)
    for x in np.linspace(start, end, 4):
        # pyqtgraph skips moves that follow each other too fast.
        qtbot.wait(20)
        send(plot, MOVE, pixel(plot, x) + beside)
    send(plot, RELEASE, pixel(plot, end) + beside)


def listened(signal):
    heard = []
    signal.connect(lambda *values: heard.append(values))
    return heard


def drawn(widget):
    """The colours of all pixels."""
    pixels = QImg2array(widget.grab().toImage())[..., :3].reshape(-1, 3)
    codes = np.unique(pixels @ np.array([1 << 16, 1 << 8, 1]))
    return {f"#{code:06x}" for code in codes}


@pytest.mark.parametrize("direction", [1, -1])
def test_a_click_goes_to_the_nearest_slice(shown, direction):
    widget = shown(Profiles())
    heard = listened(widget.moved)
    widget.set_profiles(
        [
            profile(np.arange(-50, 50, 4)[::direction], np.arange(25)),
            profile([0, 10, 20, 30][::direction], title="Coronal slices"),
        ]
    )
    plot = widget.plots[1]
    for x, nearest in ((9, 10), (16, 20), (24, 20), (29.9, 30)):
        click(plot, x)
        assert heard.pop() == (1, nearest)
    click(widget.plots[0], 11)
    assert heard == [(0, 10)]
    # Low positions are at the left whatever the order of the slices.
    assert pixel(plot, 0).x() < pixel(plot, 30).x()
    assert widget.plots[0].getAxis("bottom").labelText == "Inferior → Superior (mm)"
    assert not widget.plots[2].isVisible()


def test_other_buttons_and_clicks_beside_the_axes_do_nothing(shown):
    widget = shown(Profiles())
    heard = listened(widget.moved)
    widget.set_profiles([profile([0, 10, 20])])
    plot = widget.plots[0]
    click(plot, 10, Qt.MouseButton.RightButton)
    for place in (QPointF(3, 60), QPointF(150, plot.height() - 3)):
        send(plot, PRESS, place)
        send(plot, RELEASE, place)
    send(plot, MOVE, pixel(plot, 20), NONE)
    assert heard == []
    assert not QApplication.activePopupWidget()


def test_dragging_tells_each_slice_once(shown):
    widget = shown(Profiles())
    widget.set_profiles([profile([0, 10, 20, 30])])
    plot = widget.plots[0]
    heard = listened(widget.moved)
    send(plot, PRESS, pixel(plot, 1))
    for x in (2, 4, 6, 8, 12, 17, 25.5, 99):
        send(plot, MOVE, pixel(plot, x))
    send(plot, RELEASE, pixel(plot, 30))
    send(plot, MOVE, pixel(plot, 0), NONE)
    assert [mm for _, mm in heard] == [0, 10, 20, 30]


def test_the_marker_follows_the_viewer_only(shown):
    widget = shown(Profiles())
    widget.set_profiles([profile(np.arange(200))])
    marker = widget.plots[0].marker
    assert not marker.isVisible()
    heard = listened(widget.moved)
    widget.set_marker(0, 12.5)
    assert marker.isVisible()
    assert marker.value() == 12.5
    click(widget.plots[0], 100)
    assert heard == [(0, 100)]
    assert marker.value() == 12.5
    widget.set_marker(0, np.nan)
    assert not marker.isVisible()
    started = thread_time()
    for position in range(100):
        widget.set_marker(0, position)
    assert (thread_time() - started) / 100 < 2e-3


def test_slices_without_a_number_are_not_drawn(shown):
    widget = shown(Profiles())
    gap = [1, 2, np.nan, np.nan, 3, np.nan, 0, 1]
    widget.set_profiles([profile(np.arange(8), gap)])
    plot = widget.plots[0]
    image = plot.grab().toImage()
    top = int(pixel(plot, 0, 3.1).y())
    foot = int(pixel(plot, 0, 0).y()) - 2

    def is_drawn(x):
        column = int(pixel(plot, x).x())
        return len({image.pixel(column, y) for y in range(top, foot)}) > 1

    assert [is_drawn(x) for x in (0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5)] == (
        [True] + [False] * 5 + [True]
    )
    # One slice between two gaps is a dot.
    np.testing.assert_array_equal(plot.dots.getData(), [[4], [3]])
    widget.grab()
    low, high = plot.getViewBox().viewRange()[1]
    assert low <= 0
    assert 3 <= high < 4
    heard = listened(widget.moved)
    click(plot, 2.2)  # the viewer may go there all the same
    assert heard == [(0, 2)]


@pytest.mark.parametrize(
    ("positions", "values"),
    [([], []), ([5], [1]), ([5], [np.nan]), ([0, 1], [np.nan] * 2), ([0, 1], [0, 0])],
)
def test_profiles_of_next_to_nothing_are_drawn(shown, positions, values):
    widget = shown(Profiles())
    widget.set_profiles([profile(positions, values)] * 3)
    widget.grab()
    click(widget.plots[2], 5)
    assert all(plot.isVisible() for plot in widget.plots)


def test_no_profiles_show_nothing(shown):
    widget = shown(Profiles())
    assert len(drawn(widget)) == 1
    widget.set_profiles([profile([0, 1])] * 3)
    assert len(drawn(widget)) > 1
    widget.set_profiles([])
    assert len(drawn(widget)) == 1
    with pytest.raises(ValueError, match="4 profiles"):
        widget.set_profiles([profile([0, 1])] * 4)


def test_mean_or_total_can_be_chosen(shown):
    widget = shown(Profiles())
    widget.set_profiles([profile([0, 1])])
    widget.set_unit("bits")
    assert widget.unit.text() == "bits"
    assert widget.what == "mean"
    heard = listened(widget.what_changed)
    widget.choice.setCurrentText("Total")
    assert widget.what == "total"
    widget.what = "mean"
    assert widget.choice.currentText() == "Mean"
    assert heard == [("total",), ("mean",)]


def test_three_plots_are_aligned(shown):
    widget = shown(Profiles())
    widget.set_profiles([profile([0, 1], [0, top]) for top in (1e-4, 1, 3e7)])
    widget.grab()
    lefts = {plot.getViewBox().sceneBoundingRect().left() for plot in widget.plots}
    assert len(lefts) == 1
    axis = widget.plots[2].getAxis("left")
    assert axis.tickStrings([0, 1e7, 3e7], 1, 1e7) == ["0", "10M", "30M"]
    axis = widget.plots[1].getAxis("left")
    assert axis.tickStrings([0, 0.5], 1, 0.5) == ["0", "0.5"]


def test_the_wheel_scrolls_the_dock(shown):
    widget = Profiles()
    widget.set_profiles([profile(np.arange(9))] * 3)
    area = QScrollArea()
    area.setWidgetResizable(True)
    area.setWidget(widget)
    shown(area, 200)
    plot = widget.plots[0]
    before = plot.getViewBox().viewRange()
    place = QPointF(150, 60)
    event = QWheelEvent(
        place,
        QPointF(plot.viewport().mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, -120),
        NONE,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(plot.viewport(), event)
    assert not event.isAccepted()
    assert plot.getViewBox().viewRange() == before


def curve(counts, name="All", color=(200, 60, 20), top=1.0):
    return Curve(name, np.linspace(0, top, len(counts) + 1), np.array(counts), color)


def test_a_histogram_with_zeros_and_odd_names_is_drawn(shown):
    widget = shown(Histogram())
    widget.set_curves(
        [curve([1000, 0, 10, 0]), curve([0] * 4, "None & <b>", (1, 2, 3))], "bits"
    )
    assert "#c83c14" in drawn(widget)
    assert "All" in widget.legend.text()
    assert "None &amp; &lt;b&gt;" in widget.legend.text()
    assert widget.plot.getAxis("bottom").labelText == "bits"
    first, second = widget._curves
    np.testing.assert_allclose(10**first.yData, [1000, 5, 10, 5])
    np.testing.assert_allclose(10**second.yData, 5)
    low, high = 10 ** np.array(widget.plot.getViewBox().viewRange()[1])
    assert low <= 5
    assert high > 1000
    widget.set_curves([curve([0, 0])], "bits")
    assert len(widget._curves) == 1
    widget.grab()
    widget.set_curves([], "")
    widget.grab()
    assert widget._curves == []
    assert widget.legend.text() == ""


def test_the_threshold_is_dragged(qtbot, shown):
    widget = shown(Histogram())
    widget.set_curves([curve([5, 4, 3])], "bits")
    heard = listened(widget.threshold_moved)
    assert not widget.line.isVisible()
    widget.set_threshold(0.5)
    assert widget.line.isVisible()
    assert heard == []
    # A few pixels beside the line.
    drag(qtbot, widget.plot, 0.5, 0.8, QPointF(3, 0))
    assert heard[-1][0] == pytest.approx(0.8, abs=0.01)
    assert widget.line.value() == heard[-1][0]
    # Elsewhere there is nothing to take hold of.
    heard.clear()
    drag(qtbot, widget.plot, 0.2, 0.4)
    assert heard == []
    # Not out of sight either.
    drag(qtbot, widget.plot, widget.line.value(), 3)
    assert heard[-1] == (1,)


def test_the_threshold_stays_within_the_axis(shown):
    widget = shown(Histogram())
    widget.set_threshold(1.5)
    widget.set_curves([curve([5, 4, 3])], "bits")
    assert widget.line.value() == 1
    widget.set_curves([curve([5, 4, 3], top=2.0)], "bits")
    assert widget.line.value() == 1.5
    widget.set_threshold(np.nan)
    assert not widget.line.isVisible()
    widget.set_curves([curve([1, 2])], "bits")
    assert not widget.line.isVisible()


NAMES = ("CSF", "ctx-lh-parahippocampal-caudalanteriorcingulate", "Brain-Stem")


def bars(probabilities, names=NAMES):
    return [
        Bar(names[row % len(names)], value, (250 - row, 40, 10 * row))
        for row, value in enumerate(probabilities)
    ]


def row_color(widget, row):
    """Of the bar, near its left end."""
    image = widget.grab().toImage()
    height = widget.height() // widget.limit
    x = int(WIDTH * 0.4) + 12
    return image.pixelColor(x, row * height + height // 2).getRgb()[:3]


def test_bars_keep_their_order_and_colours(shown):
    widget = shown(ProbabilityBars())
    height = widget.height()
    empty = drawn(widget)
    widget.set_bars(bars([0.6, 0.25, 0.15]))
    assert [row_color(widget, row) for row in range(3)] == [
        bar.color for bar in widget.bars
    ]
    widget.set_bars(bars(np.full(20, 0.05)))
    assert len(widget.bars) == widget.limit == 8
    assert widget.height() == height
    widget.clear()
    assert widget.bars == ()
    assert widget.height() == height
    assert drawn(widget) == empty


def test_long_names_are_told_in_full(shown):
    widget = shown(ProbabilityBars())
    widget.set_bars(bars([0.6, 0.25, 0.15]))
    height = widget.height() // widget.limit
    place = QPoint(20, height + 3)
    event = QHelpEvent(QEvent.Type.ToolTip, place, widget.mapToGlobal(place))
    QApplication.sendEvent(widget, event)
    assert QToolTip.text() == NAMES[1]
    assert widget.name_at(7 * height) == ""
    assert widget.name_at(-1) == ""
    QToolTip.hideText()
    # Elided: nothing of the name is painted where its bar begins.
    gap = widget.grab().toImage().copy(int(WIDTH * 0.4) + 1, 0, 4, widget.height())
    assert len({gap.pixel(x, y) for x in range(4) for y in range(gap.height())}) == 1


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0.93, "0.93"), (1, "1.00"), (0, "0.00"), (0.001, "<0.01"), (0.006, "0.01")],
)
def test_probabilities_are_shown_as_short_numbers(probability, text):
    assert number(probability) == text


def test_bars_keep_up_with_the_pointer(shown):
    widget = shown(ProbabilityBars())
    times = []
    for turn in range(50):
        shares = np.roll(np.arange(8) / 28, turn)
        started = thread_time()
        widget.set_bars(bars(shares, names=[NAMES[1]] * 8))
        widget.grab()
        times.append(thread_time() - started)
    assert np.median(times) < 3e-3


def themed(foreground, background):
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.WindowText, QColor(foreground))
    palette.setColor(QPalette.ColorRole.Window, QColor(background))
    return palette


def test_plots_follow_the_theme(shown):
    window = QWidget()
    column = QVBoxLayout(window)
    profiles, histogram, rows = Profiles(), Histogram(), ProbabilityBars()
    for widget in (profiles, histogram, rows):
        column.addWidget(widget)
    profiles.set_profiles([profile([0, 1])])
    profiles.set_marker(0, 0.5)
    histogram.set_curves([curve([3, 2])], "bits")
    rows.set_bars(bars([1]))
    shown(window)
    for change in (
        lambda: window.setPalette(themed("#112233", "#ddeeff")),
        lambda: window.setPalette(themed("#ffeedd", "#221100")),
        # As napari does.
        lambda: window.setStyleSheet(
            "QWidget { color: #112233; background-color: #ddeeff }"
        ),
        lambda: window.setStyleSheet(
            "QWidget { color: #ffeedd; background-color: #221100 }"
        ),
    ):
        change()
        QApplication.processEvents()
        foreground = window.palette().color(QPalette.ColorRole.WindowText)
        background = window.palette().color(QPalette.ColorRole.Window)
        for plot in (*profiles.plots, histogram.plot):
            assert plot.foreground == foreground
            assert plot.background == background
            assert plot.getAxis("left").textPen().color() == foreground
        for widget in (profiles.plots[0], histogram, rows):
            assert {foreground.name(), background.name()} <= drawn(widget)
    assert profiles.plots[0].marker.pen.color() == foreground


def test_plots_are_deleted_with_their_window(qtbot):
    window = QWidget()
    column = QVBoxLayout(window)
    profiles, histogram = Profiles(), Histogram()
    column.addWidget(profiles)
    column.addWidget(histogram)
    profiles.set_profiles([profile([0, 1])] * 3)
    histogram.set_curves([curve([3, 2])], "bits")
    gone = listened(profiles.plots[0].destroyed)
    with qtbot.waitExposed(window):
        window.show()
    window.deleteLater()
    del window, column, profiles, histogram
    qtbot.waitUntil(lambda: bool(gone))
    gc.collect()
    qtbot.wait(20)


def test_a_closed_plot_follows_no_more(shown):
    widget = shown(Profiles())
    widget.setStyleSheet("QWidget { color: #112233 }")
    widget.plots[0].close()
    widget.setStyleSheet("QWidget { color: #ffeedd }")
    QApplication.processEvents()
    assert widget.plots[1].foreground.name() == "#ffeedd"


def test_a_plot_takes_its_title_and_the_colours_of_the_theme(shown):
    plot = shown(Plot(left="Voxels"))
    plot.set_title("A & B")
    assert plot.plotItem.titleLabel.isVisible()
    plot.setPalette(themed("#112233", "#ddeeff"))
    assert (plot.foreground.name(), plot.background.name()) == ("#112233", "#ddeeff")
    assert "#ddeeff" in drawn(plot)
    plot.set_title("")
    assert not plot.plotItem.titleLabel.isVisible()
