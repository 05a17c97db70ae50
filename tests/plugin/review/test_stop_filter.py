"""Which stops are shown in which order, without a window."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from qtpy.QtCore import QModelIndex, Qt

from napari_uncertainty.analysis.hotspots import Hotspot
from napari_uncertainty.plugin.review.stop_model import (
    ALL_CLASSES,
    Column,
    FilterRow,
    StopFilter,
    StopModel,
)
from napari_uncertainty.review.review import VERDICTS, Stop

NAMES = {1: "gray matter", 2: "white matter", 3: "Ventricles"}
UP, DOWN = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder
VERDICT = Column.VERDICT


def made_up(n=24, seed=0):
    """Stops with many equal values, some without classes or a peak."""
    rng = np.random.default_rng(seed)
    stops = []
    for rank in range(1, n + 1):
        a, b = (int(label) for label in rng.choice(4, 2, replace=False))
        spot = Hotspot(
            rank=rank,
            voxel=(rank, 0, 0),
            # As text, 9 would come after 10, and -1 before -2.
            ras=tuple(float(x) for x in rng.integers(-3, 12, 3)),
            mass=float(rng.integers(5, 15)),
            peak=float("nan") if rank == 5 else float(rng.integers(0, 4)),
            mean=float(rng.integers(0, 1000)),
            classes=None if rank == 7 else (a, b),
            share=0.0,
            map_share=0.0,
        )
        verdict = [*VERDICTS][rng.integers(4)]
        note = ("", "", "partial volume", "Motion here", "ask")[rng.integers(5)]
        suggested = verdict == "fixed" and bool(rng.integers(2))
        stops.append(Stop(spot, verdict, suggested, note))
    return stops


@pytest.fixture
def model(qapp):
    model = StopModel()
    model.show(made_up(), NAMES, "bits", {})
    return model


@pytest.fixture
def order(model):
    order = StopFilter(model)
    order.sort(Column.RANK, UP)
    return order


def name(label):
    return {0: "background", **NAMES}[label]


def sorting_value(stop, column):
    spot = stop.hotspot
    classes = "" if spot.classes is None else " ↔ ".join(map(name, spot.classes))
    return {
        Column.RANK: spot.rank,
        Column.CLASSES: (classes == "", classes.lower()),
        Column.MASS: spot.mass,
        Column.PEAK: -1e9 if np.isnan(spot.peak) else spot.peak,
        Column.MEAN: spot.mean,
        Column.PLACE: spot.ras[::-1],
        VERDICT: ([*VERDICTS].index(stop.verdict), stop.suggested is False),
        Column.NOTE: (stop.note == "", stop.note.lower()),
    }[column]


def shown(stops, status, label, text):
    """Ranks that should be shown."""
    ranks = []
    for stop in stops:
        classes = stop.hotspot.classes or ()
        words = " ".join([*map(name, classes), stop.verdict, stop.note]).lower()
        if (
            (status is None or stop.verdict == status)
            and (label is None or label in classes)
            and all(word in words for word in text.lower().split())
        ):
            ranks.append(stop.rank)
    return ranks


def judge(model, rank, verdict, **more):
    stops = [
        replace(stop, verdict=verdict, **more) if stop.rank == rank else stop
        for stop in model.stops
    ]
    model.show(stops, NAMES, "bits", {})


def first_with(model, verdict):
    return next(stop.rank for stop in model.stops if stop.verdict == verdict)


@pytest.mark.parametrize("column", list(Column))
def test_each_column_sorts_by_value_and_equals_stay_in_order(order, model, column):
    for how in (UP, DOWN):
        order.sort(column, how)
        expected = sorted(
            model.stops,
            key=lambda stop: sorting_value(stop, column),
            reverse=how == DOWN,
        )
        assert order.ranks == [stop.rank for stop in expected]
        assert [order.following(r, +1) for r in order.ranks] == [*order.ranks[1:], None]


def test_without_a_grid_places_are_sorted_by_voxel(order, model):
    voxels = [(9, 1, 2), (10, 1, 2), (0, 5, 1)]
    spot = replace(model.stops[0].hotspot, ras=None)
    stops = [
        Stop(replace(spot, rank=rank, voxel=voxel))
        for rank, voxel in enumerate(voxels, 1)
    ]
    model.show(stops, NAMES, "bits", {})
    order.sort(Column.PLACE, UP)
    assert order.ranks == [3, 1, 2]


def test_the_title_that_is_sorted_by_has_an_arrow(order):
    def title(column):
        return order.headerData(column, Qt.Orientation.Horizontal)

    assert (title(Column.RANK), title(Column.PEAK)) == ("# ▴", "Peak\n(bits)")
    order.sort(Column.PEAK, DOWN)
    assert (title(Column.RANK), title(Column.PEAK)) == ("#", "Peak ▾\n(bits)")


@pytest.mark.parametrize("text", ["", "MATTER", "gray vol", "needs ask", "  motion "])
def test_filters_hold_together(order, model, text):
    for status, label in product((None, *VERDICTS), (None, 0, 1, 3)):
        order.show_only(status, label, text)
        assert order.ranks == shown(model.stops, status, label, text)
    order.show_only(None, None, "")
    assert len(order.ranks) == len(model.stops)


def test_words_of_other_columns_are_not_found(order, model):
    order.show_only(None, None, "bits")
    assert order.ranks == []


def test_filter_follows_what_is_decided(order, model):
    order.show_only("open", None, "")
    rank, other = first_with(model, "open"), first_with(model, "fine")
    judge(model, rank, "fine")
    assert rank not in order.ranks
    judge(model, other, "open")
    assert order.ranks == shown(model.stops, "open", None, "")


@pytest.mark.parametrize("how", [UP, DOWN])
def test_order_follows_what_is_decided(order, model, how):
    order.sort(VERDICT, how)
    for rank in (3, 20, 11, 1, 24):
        for verdict in VERDICTS:
            judge(model, rank, verdict, suggested=False)
            expected = sorted(
                model.stops,
                key=lambda stop: sorting_value(stop, VERDICT),
                reverse=how == DOWN,
            )
            assert order.ranks == [stop.rank for stop in expected]


def test_a_kept_stop_stays_until_it_is_let_go(order, model):
    order.show_only("open", None, "")
    before, rank = order.ranks, first_with(model, "open")
    order.keep(rank)
    judge(model, rank, "fixed")
    assert order.ranks == before
    order.let_go(rank)
    assert order.ranks == before
    order.let_go(before[1])
    assert order.ranks == before[1:]


def test_a_kept_stop_keeps_its_place_in_the_order(order, model):
    order.sort(VERDICT, UP)
    before = order.ranks
    order.keep(before[0])
    judge(model, before[0], "needs expert")
    assert order.ranks == before
    assert order.following(before[0], +1) == before[1]
    order.let_go()
    expected = sorted(model.stops, key=lambda stop: sorting_value(stop, VERDICT))
    assert order.ranks == [stop.rank for stop in expected] != before


def test_sorting_anew_takes_a_kept_stop_along(order, model):
    rank = first_with(model, "open")
    order.keep(rank)
    judge(model, rank, "needs expert")
    order.sort(VERDICT, DOWN)
    experts = [s.rank for s in model.stops if s.verdict == "needs expert"]
    assert rank in experts
    assert order.ranks[: len(experts)] == experts


def test_another_filter_hides_what_was_kept(order, model):
    rank = first_with(model, "open")
    order.keep(rank)
    judge(model, rank, "fine")
    order.show_only("open", None, "")
    assert rank not in order.ranks


def test_a_hidden_stop_is_shown_while_it_is_kept(order, model):
    order.show_only("open", None, "")
    before, rank = order.ranks, first_with(model, "fine")
    order.keep(rank)
    assert order.ranks == sorted([*before, rank])
    order.let_go()
    assert order.ranks == before


def test_other_places_are_not_kept(order, model):
    order.show_only("open", None, "")
    order.keep(first_with(model, "open"))
    spot = model.stops[0].hotspot
    stops = [Stop(replace(spot, rank=r, mass=0.0), "fine") for r in range(1, 9)]
    model.show(stops, NAMES, "bits", {})
    assert order.ranks == []


def test_following_goes_on_from_a_hidden_stop(order, model):
    order.sort(Column.MASS, DOWN)
    every = order.ranks
    order.show_only("open", None, "")
    visible = order.ranks
    for at, rank in enumerate(every):
        below = [r for r in every[at + 1 :] if r in visible]
        above = [r for r in every[:at][::-1] if r in visible]
        for step in (1, 2):
            expected = below[step - 1] if len(below) >= step else None
            assert order.following(rank, step) == expected
            expected = above[step - 1] if len(above) >= step else None
            assert order.following(rank, -step) == expected
    assert order.following(None, +1) == visible[0]
    assert order.following(None, -1) is None


def test_next_open_starts_again_from_the_top(order, model):
    order.sort(Column.MEAN, UP)
    opened = [r for r in order.ranks if model.stops[r - 1].verdict == "open"]
    assert len(opened) > 2
    for rank, after in zip(opened, [*opened[1:], opened[0]], strict=True):
        assert order.next_open(rank) == after
    assert order.next_open(None) == opened[0]
    for rank in opened[1:]:
        judge(model, rank, "fine")
    assert order.next_open(opened[1]) == opened[0]
    assert order.next_open(opened[0]) is None
    order.show_only("fine", None, "")
    assert order.next_open(None) is None


def test_cells_and_ranks(order, model):
    order.sort(Column.MASS, DOWN)
    for row, rank in enumerate(order.ranks):
        index = order.index_of(rank, Column.NOTE)
        assert (index.row(), index.column()) == (row, Column.NOTE)
        assert order.rank_at(index) == rank
    assert order.rank_at(QModelIndex()) is None
    assert not order.index_of(99).isValid()
    assert not order.index_of(None).isValid()


# -- the row of fields ----------------------------------------------------------


@pytest.fixture
def fields(qtbot, model):
    fields = FilterRow()
    qtbot.addWidget(fields)
    fields.offer_classes(model)
    return fields


def choices(fields):
    return [fields.classes.itemText(i) for i in range(fields.classes.count())]


def test_classes_to_choose_follow_the_stops(fields, model):
    names = ["background", "gray matter", "Ventricles", "white matter"]
    assert choices(fields) == [ALL_CLASSES, *names]
    fields.classes.setCurrentIndex(4)
    assert fields.chosen == (None, 2, "")
    told = []
    fields.changed.connect(lambda: told.append(fields.chosen))
    some = [stop for stop in model.stops if 2 in (stop.hotspot.classes or ())]
    model.show(some[:1], {**NAMES, 2: "WM"}, "bits", {2: (9, 9, 9)})
    fields.offer_classes(model)
    assert "WM" in choices(fields)
    assert len(choices(fields)) == 3
    assert fields.chosen == (None, 2, "")
    assert told == []
    # What is gone cannot stay chosen.
    model.show([], NAMES, "bits", {})
    fields.offer_classes(model)
    assert choices(fields) == [ALL_CLASSES]
    assert told == [(None, None, "")]


def test_fields_tell_what_is_chosen(fields):
    told = []
    fields.changed.connect(lambda: told.append(fields.chosen))
    fields.status.setCurrentText("Needs expert")
    fields.classes.setCurrentText("gray matter")
    fields.text.setText("ask")
    assert told[-1] == ("needs expert", 1, "ask")
    fields.status.setCurrentIndex(0)
    assert told[-1] == (None, 1, "ask")
    assert fields.text.placeholderText()
    assert fields.text.isClearButtonEnabled()
