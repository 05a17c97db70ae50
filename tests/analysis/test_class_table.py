"""The table of classes has one row for each column: key, header, value, wording."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import napari_uncertainty as nu
from napari_uncertainty.analysis import class_statistics as table_module
from napari_uncertainty.analysis.class_statistics import (
    COLUMNS,
    IN_DOCK,
    IN_REPORT,
    columns_of,
)
from support.report_pages import a_case, page_of

DOCS = Path(__file__).parents[2] / "docs"


def test_keys_are_told_from_each_other():
    keys = [one.key for one in COLUMNS]
    assert len({*keys}) == len(keys)
    headings = [one.heading() for one in COLUMNS]
    assert len({*headings}) == len(headings)


def test_columns_have_headings_and_tips():
    shown = {one.key: one for one in columns_of(IN_DOCK)}
    assert shown["interior_mean"].heading("\n") == "Inside\nmean"
    assert shown["volume_ml"].heading() == "Volume (mL)"
    assert shown["p95"].explain(" (bits)", "1").startswith("95 % of all voxels of the")
    tip = shown["interior_share_above"].explain("", "1 bits")
    assert tip.startswith("Share of the voxels inside the class whose uncertainty is ")
    assert "above 1 bits.\nInside: voxels with no" in tip
    with pytest.raises(KeyError):
        columns_of(["sum"])


def test_the_docs_tell_of_every_column():
    text = (DOCS / "formats.md").read_text("utf-8")
    section = text[text.index("## Written: the table of classes") :]
    for column in COLUMNS:
        key = column.key.removeprefix(f"{column.part}_")
        assert f"`{key}`" in section or f"`{column.part}_…`" in section


def test_the_page_on_the_dock_names_every_column_that_it_shows():
    page = (DOCS / "inspect.md").read_text("utf-8").split("\n## ")
    [section] = [one for one in page if one.startswith("Classes\n")]
    for column in columns_of(IN_DOCK):
        heading = replace(column, unit="").heading()
        assert re.search(rf"(\| |, |\*){heading}(, | \||\*)", section), heading


def test_a_column_is_one_row(monkeypatch, rng):
    """In data frames, and where it is to be shown in the report."""
    smallest = replace(
        COLUMNS[-1],
        key="interior_p10",
        title="10 %",
        value=lambda of: of.statistics.quantiles(of.label, (0.1,), of.part)[0],
        of_threshold=False,
    )
    monkeypatch.setattr(table_module, "COLUMNS", (*COLUMNS, smallest))
    monkeypatch.setattr("napari_uncertainty.report.page.IN_REPORT", ("interior_p10",))
    values, labels = rng.random((9, 9, 9)), np.zeros((9, 9, 9), int)
    labels[2:8, 2:8, 2:8] = 1
    found = nu.summarize(values, labels)
    inside = values[3:7, 3:7, 3:7]
    assert list(found.columns)[-1] == "interior_p10"
    assert found["interior_p10"][1] == pytest.approx(np.quantile(inside, 0.1), rel=1e-6)
    page = page_of(a_case(values, [(4, 4, 4)], labels=labels, table=found))
    assert "Inside 10 %" in page.text
    assert all(key in {one.key for one in COLUMNS} for key in IN_REPORT)
