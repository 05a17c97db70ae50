"""The summary, read back with the standard library alone."""

import csv

import pytest

from napari_uncertainty import InputError
from napari_uncertainty.batch.summary import Row, in_order, write_summary


def row(case, foreground_mean, message=""):
    return Row(case, "written", 4, 336, 0, 1 / 3, 0.1, 2.0, foreground_mean, message)


def test_failed_cases_come_first_then_the_least_certain():
    rows = [
        row("calm", 0.1),
        row("b", 0.7),
        Row("z_broken", "failed", message="It cannot be read."),
        row("a", 0.7),
        Row("broken", "failed", message="It cannot be read."),
        row("wild", 1.5),
        row("nothing segmented", 0.0),
    ]
    assert [one.case for one in in_order(rows)] == [
        "broken",
        "z_broken",
        "wild",
        "a",
        "b",
        "calm",
        "nothing segmented",
    ]


def test_columns_stay_in_order_and_numbers_keep_their_digits(tmp_path):
    file = tmp_path / "summary.tsv"
    rows = [
        row("written", 0.1 + 0.2, "two\tsentences.\n"),
        Row("failed", "failed", message="lost\r\n\tand \udce9"),
    ]
    write_summary(file, rows)
    with file.open(encoding="utf-8", newline="") as lines:
        read = list(csv.DictReader(lines, dialect="excel-tab"))
    assert list(read[0]) == [
        "case",
        "status",
        "classes",
        "voxels",
        "no_data",
        "total",
        "mean",
        "max",
        "foreground_mean",
        "message",
        "agreement",
        "checks",
        "confidence",
        "dice",
    ]
    assert [one["status"] for one in read] == ["failed", "written"]
    assert read[0]["total"] == read[0]["classes"] == ""
    assert read[0]["message"] == "lost and \\udce9"
    assert float(read[1]["total"]) == 1 / 3
    assert float(read[1]["foreground_mean"]) == 0.1 + 0.2
    assert read[1]["voxels"] == "336"
    assert read[1]["message"] == "two sentences."


def test_nothing_is_left_where_it_cannot_be_written(tmp_path):
    (tmp_path / "summary.tsv").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_summary(tmp_path / "summary.tsv", [])
    assert [file.name for file in tmp_path.iterdir()] == ["summary.tsv"]
