"""The table of places."""

import pytest

from napari_uncertainty.analysis.hotspots import COLUMNS, Hotspot, Hotspots
from napari_uncertainty.model.grid import Grid
from support.plain_hotspots import UPRIGHT, ball

NAMES = {0: "air", 2: "white matter"}


def place(rank=1, voxel=(3, 4, 5), ras=(1.5, -2.0, 8.25), classes=(2, 7)):
    return Hotspot(rank, voxel, ras, 12.5, 0.9, 0.4, classes, 0.25, 0.125)


def hotspots(*places, shape=(9, 9, 9), grid=None):
    return Hotspots(tuple(places), 3.75, 50.0, shape, grid)


def test_the_table_has_the_numbers_and_names_of_each_place():
    table = hotspots(place(), place(2, classes=(0, 2))).table(NAMES)
    assert [*table.columns] == COLUMNS
    assert table.iloc[0].to_dict() == {
        "rank": 1, "x": 1.5, "y": -2.0, "z": 8.25, "i": 3, "j": 4, "k": 5,
        "mass": 12.5, "peak": 0.9, "mean": 0.4,
        "class_a": "white matter", "class_b": "label 7", "share": 0.25,
    }  # fmt: skip
    assert table["rank"].tolist() == [1, 2]
    assert table[["class_a", "class_b"]].iloc[1].tolist() == ["air", "white matter"]


def test_without_names():
    row = hotspots(place(classes=(0, 7))).table().iloc[0]
    assert (row["class_a"], row["class_b"]) == ("background", "label 7")


@pytest.mark.parametrize(
    ("voxel", "missing"), [((3, 4), ["k"]), ((3,), ["j", "k"]), ((3, 4, 5), [])]
)
def test_columns_of_axes_that_a_flat_image_lacks_are_empty(voxel, missing):
    table = hotspots(place(voxel=voxel)).table()
    assert [*table.columns[table.isna().all()]] == missing
    assert [*table.columns] == COLUMNS


def test_columns_of_an_unknown_place_and_classes_are_empty():
    table = hotspots(place(ras=None, classes=None)).table()
    assert [*table.columns[table.isna().all()]] == ["x", "y", "z", "class_a", "class_b"]


def test_a_table_without_places_has_its_columns():
    table = hotspots().table(NAMES)
    assert table.empty
    assert [*table.columns] == COLUMNS


def test_competing_classes_are_put_into_words():
    assert place().competing(NAMES) == "white matter ↔ label 7"
    assert place(classes=(0, 2)).competing({}) == "background ↔ label 2"
    assert place(classes=None).competing(NAMES) == ""


def test_the_ball_of_hotspots_has_their_radius():
    for ndim in (1, 2, 3):
        shape = (9,) * ndim
        found = hotspots(shape=shape, grid=Grid(shape, UPRIGHT)).ball
        assert found.mask.sum() == ball(UPRIGHT, ndim, 3.75).sum()
