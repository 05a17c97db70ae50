"""How far a review is."""

import pytest
from qtpy.QtGui import QColor

from napari_uncertainty.plugin.review.review_tabs import (
    BAR_HEIGHT,
    DECIDED_COLOR,
    ProgressLine,
)

WIDTH = 200


@pytest.fixture
def line(qtbot):
    line = ProgressLine()
    qtbot.addWidget(line)
    line.resize(WIDTH, 60)
    line.show()
    qtbot.waitExposed(line)
    return line


def lengths(line):
    """How long each colour is, as shares of the bar, from left to right."""
    image = line.bar.grab().toImage()
    row = [image.pixelColor(x, 3).name() for x in range(image.width())]
    colors = list(dict.fromkeys(row))
    return colors, [row.count(color) / len(row) for color in colors]


def test_the_bar_shows_decided_seen_and_the_rest(line):
    line.show_progress(30, 20, 40, "30 of 40 seen.")
    colors, shares = lengths(line)
    assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.02)
    assert colors[0] == QColor(*DECIDED_COLOR).name()
    assert line.bar.height() == BAR_HEIGHT
    assert line.label.text() == "30 of 40 seen."
    assert line.toolTip() == "30 of 40 seen, 20 decided"


def test_all_is_decided(line):
    line.show_progress(7, 7, 7, "Done.")
    assert lengths(line)[1] == [1.0]


def test_nothing_to_review_has_no_bar(line):
    assert not line.bar.isVisible()
    assert not line.label.isVisible()
    line.show_progress(0, 0, 0, "No hotspots yet.")
    assert not line.bar.isVisible()
    assert line.label.isVisible()
    line.show_progress(0, 0, 3, "None of 3 seen.")
    assert line.bar.isVisible()
    assert lengths(line)[1] == [1.0]


def test_a_long_sentence_wraps(line, qtbot):
    line.show_progress(1, 1, 9, "Some more words about it. " * 6)
    lines = line.label.heightForWidth(WIDTH) / line.label.fontMetrics().lineSpacing()
    assert lines > 3
    assert line.minimumSizeHint().width() < WIDTH
