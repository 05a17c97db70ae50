"""Names that are cut stay different from each other."""

import pytest
from qtpy.QtGui import QFont, QFontMetrics

from napari_uncertainty.plugin.viewer.widgets import ELLIPSIS, ShortNames

NAMES = [
    f"{side}-{part}"
    for side in ("left", "right")
    for part in (
        "cerebellum-white-matter",
        "cerebellum-cortex",
        "superior-temporal-gyrus-anterior-division",
        "superior-temporal-gyrus-posterior-division",
        "putamen",
    )
]


@pytest.fixture
def metrics(qapp):
    return QFontMetrics(QFont("DejaVu Sans", 9))


@pytest.mark.parametrize("letters", [20, 24, 30, 60])
def test_every_name_fits_and_differs_from_all_others(metrics, letters):
    width = metrics.horizontalAdvance("e" * letters)
    names = ShortNames(NAMES)
    shown = [names.fit(name, width, metrics) for name in NAMES]
    assert all(metrics.horizontalAdvance(one) <= width for one in shown)
    assert len(set(shown)) == len(NAMES)
    for name, one in zip(NAMES, shown, strict=True):
        start, cut, end = one.partition(ELLIPSIS)
        assert name == one or (cut and name.startswith(start) and name.endswith(end))
        fitting = [
            other
            for other in NAMES
            if other == one or (cut and other.startswith(start) and other.endswith(end))
        ]
        assert fitting == [name]


def test_a_name_that_fits_is_whole_and_one_in_no_room_is_cut_as_by_qt(metrics):
    names = ShortNames(NAMES)
    assert names.fit("left-putamen", 1000, metrics) == "left-putamen"
    width = metrics.horizontalAdvance("left…n")
    cut = names.fit(NAMES[2], width, metrics)
    assert metrics.horizontalAdvance(cut) <= width
