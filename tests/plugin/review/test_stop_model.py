"""Rows of the table of stops, without a window."""

from dataclasses import replace
from itertools import product

import pytest
from qtpy.QtCore import QModelIndex, Qt

from napari_uncertainty.analysis.hotspots import Hotspot
from napari_uncertainty.plugin.review.stop_model import Column, StopModel, dot
from napari_uncertainty.review.review import VERDICTS, Stop

NAMES = {1: "gray matter", 2: "white matter"}
COLORS = {1: (200, 120, 90), 2: (230, 230, 220)}
SPOT = Hotspot(
    rank=1,
    voxel=(12, 30, 4),
    ras=(3.42, 8.91, -4.16),
    mass=41.25,
    peak=1.23456,
    mean=0.5,
    classes=(1, 2),
    share=0.104,
    map_share=0.05,
)
ROLE = Qt.ItemDataRole


def stops():
    return [
        Stop(SPOT),
        Stop(
            replace(SPOT, rank=2, ras=None, classes=(2, 9)),
            verdict="fixed",
            suggested=True,
            seen=True,
            changed_voxels=1320,
        ),
        Stop(
            replace(SPOT, rank=3, ras=(-0.04, 0.0, 1.0), classes=None),
            verdict="needs expert",
            note="ask\nagain",
            seen=True,
        ),
    ]


@pytest.fixture
def model(qapp):
    model = StopModel()
    model.show(stops(), NAMES, "bits", COLORS)
    return model


def data(model, row, column, role=ROLE.DisplayRole):
    return model.data(model.index(row, column), role)


def texts(model, row):
    return [data(model, row, column) for column in Column]


def header(model, column, role=ROLE.DisplayRole):
    return model.headerData(column, Qt.Orientation.Horizontal, role)


def listen(model):
    """Cells of which it is told that they changed, and how often all are new."""
    cells, resets = [], []

    def changed(first, last):
        rows = range(first.row(), last.row() + 1)
        columns = range(first.column(), last.column() + 1)
        cells.extend((row, Column(column)) for row, column in product(rows, columns))

    model.dataChanged.connect(changed)
    model.modelReset.connect(lambda: resets.append(True))
    return cells, resets


def test_cells_say_what_is_known(model):
    classes = "gray matter ↔ white matter"
    place = "R 3.4 A 8.9 S −4.2"
    assert texts(model, 0) == [
        "1", classes, "41.2", "1.23", "0.500", place, "open", "",
    ]  # fmt: skip
    assert texts(model, 1)[1] == "white matter ↔ label 9"
    assert texts(model, 1)[5:] == ["(12, 30, 4)", "fixed? (1,320 voxels)", ""]
    assert texts(model, 2)[1] == ""
    assert texts(model, 2)[5:] == ["R 0.0 A 0.0 S 1.0", "needs expert", "ask again"]


def test_one_voxel_is_no_voxels(model):
    one = Stop(SPOT, verdict="fixed", changed_voxels=1)
    none = Stop(SPOT, verdict="fixed")
    for stop, text in ((one, "fixed (1 voxel)"), (none, "fixed")):
        model.show([stop], NAMES, "bits", COLORS)
        assert data(model, 0, Column.VERDICT) == text


def test_a_hotspot_that_nobody_saw_is_bold(model):
    for column in (Column.RANK, Column.VERDICT):
        assert data(model, 0, column, ROLE.FontRole).bold()
        assert data(model, 1, column, ROLE.FontRole) is None


def test_classes_have_their_colours(model):
    image = data(model, 0, Column.CLASSES, ROLE.DecorationRole).pixmap(40, 40).toImage()
    first, second = (image.pixelColor(5, y).getRgb()[:3] for y in (5, 16))
    assert (first, second) == (COLORS[1], COLORS[2])
    # Label 9 has none.
    image = data(model, 1, Column.CLASSES, ROLE.DecorationRole).pixmap(40, 40).toImage()
    assert image.pixelColor(5, 5).getRgb()[:3] == COLORS[2]
    assert image.pixelColor(5, 16).alpha() == 0
    assert data(model, 2, Column.CLASSES, ROLE.DecorationRole) is None


def test_dots_are_full_where_a_person_decided(model):
    def middle(row):
        icon = data(model, row, Column.VERDICT, ROLE.DecorationRole)
        return icon.pixmap(12, 12).toImage().pixelColor(6, 6)

    assert [middle(row).alpha() for row in range(3)] == [0, 0, 255]


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.usefixtures("qapp")
def test_the_dot_of_a_verdict_has_its_colour(verdict):
    full, ring = (dot(verdict, hollow).pixmap(12, 12).toImage() for hollow in (0, 1))
    assert full.pixelColor(6, 6).getRgb() == (*VERDICTS[verdict].rgb, 255)
    assert ring.pixelColor(6, 6).alpha() == 0
    # A grey line around it is seen on white, too.
    assert full.pixelColor(6, 11).getRgb()[:3] == pytest.approx((128,) * 3, abs=2)


def test_tips_tell_all_of_a_stop(model):
    tip = data(model, 1, Column.MASS, ROLE.ToolTipRole)
    assert tip.splitlines() == [
        "2: white matter ↔ label 9",
        "41.2 wrong voxels expected, 10.4 % of all",
        "peak 1.23 bits, mean 0.500 bits",
        "voxel (12, 30, 4)",
        "fixed?, 1,320 voxels of the ball changed",
    ]
    assert "R 3.4 A 8.9 S −4.2 mm" in data(model, 0, Column.RANK, ROLE.ToolTipRole)
    assert data(model, 0, Column.RANK, ROLE.ToolTipRole).endswith("open, not seen yet")
    assert data(model, 2, Column.NOTE, ROLE.ToolTipRole) == "ask\nagain"


def test_headers_say_the_unit_and_what_they_mean(model):
    assert header(model, Column.PEAK) == "Peak\n(bits)"
    assert header(model, Column.MASS) == "Errors"
    tip = header(model, Column.MEAN, ROLE.ToolTipRole)
    assert tip == "Mean uncertainty (bits) in the ball."
    model.show(stops(), NAMES, "", COLORS)
    assert header(model, Column.PEAK) == "Peak"
    tip = header(model, Column.PEAK, ROLE.ToolTipRole)
    assert tip == "Largest uncertainty in the ball."
    for column in Column:
        assert len(header(model, column, ROLE.ToolTipRole).split()) > 3
    assert model.headerData(0, Qt.Orientation.Vertical) is None


def test_only_cells_that_changed_are_told(model):
    cells, resets = listen(model)
    new = stops()
    model.show(new, NAMES, "bits", COLORS)
    assert cells == []
    new[0] = replace(new[0], seen=True)
    model.show(new, NAMES, "bits", COLORS)
    assert cells == [(0, Column.RANK), (0, Column.VERDICT)]
    cells.clear()
    new[1] = replace(new[1], suggested=False, note="mended")
    model.show(new, NAMES, "bits", COLORS)
    assert cells == [(1, Column.VERDICT), (1, Column.NOTE)]
    cells.clear()
    new[1] = replace(new[1], changed_voxels=7)
    model.show(new, NAMES, "bits", COLORS)
    assert cells == [(1, Column.VERDICT)]
    assert data(model, 1, Column.VERDICT) == "fixed (7 voxels)"
    assert resets == []


def test_other_names_are_told_of_all_cells(model):
    cells, resets = listen(model)
    model.show(stops(), {1: "GM"}, "bits", COLORS)
    assert len(cells) == 3 * len(Column)
    assert data(model, 0, Column.CLASSES) == "GM ↔ label 2"
    assert resets == []


def test_other_places_are_a_new_table(model):
    cells, resets = listen(model)
    moved = [Stop(replace(SPOT, voxel=(0, 0, 0)))]
    model.show(moved, NAMES, "bits", COLORS)
    assert (cells, resets) == ([], [True])
    assert model.rowCount() == 1
    assert model.columnCount() == len(Column)
    assert model.rowCount(model.index(0, 0)) == 0
    model.show([], {}, "", {})
    assert model.rowCount() == 0


def test_a_note_is_edited_and_told_once(model):
    told = []
    model.noted.connect(lambda rank, note: told.append((rank, note)))
    at = model.index(2, Column.NOTE)
    assert model.data(at, ROLE.EditRole) == "ask\nagain"
    assert model.setData(at, "  ask Mia ")
    assert model.setData(at, "ask Mia")
    assert told == [(3, "ask Mia")]
    assert data(model, 2, Column.NOTE) == "ask Mia"
    assert model.stops[2].note == "ask Mia"
    assert not model.setData(model.index(2, Column.MASS), "7")
    assert not model.setData(at, "7", ROLE.DisplayRole)
    assert told == [(3, "ask Mia")]


def test_nothing_but_notes_is_edited(model):
    editable = [
        bool(model.flags(model.index(0, column)) & Qt.ItemFlag.ItemIsEditable)
        for column in Column
    ]
    assert editable == [column == Column.NOTE for column in Column]
    assert not model.flags(QModelIndex()) & Qt.ItemFlag.ItemIsEditable
