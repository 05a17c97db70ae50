"""Tables as text, whatever pandas makes of a text that is missing."""

import csv
import io

import numpy as np
import pandas as pd
import pytest

from napari_uncertainty.io.writing import tab_separated, with_all_digits


def rows(content):
    return list(csv.reader(io.StringIO(content.decode("utf-8")), dialect="excel-tab"))


@pytest.mark.parametrize("kind", [object, "str", "string"])
@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA])
def test_a_missing_text_of_a_table_is_told_with_pandas_2_and_3(missing, kind):
    """Pandas 2 has texts as objects, pandas 3 as strings; a person may choose."""
    texts = pd.Series(["gray matter", "?", "white\tmatter"], dtype=kind)
    texts[1] = missing
    table = pd.DataFrame({"rank": [1, 2, 3], "class_b": texts})
    assert rows(tab_separated(table)) == [
        ["rank", "class_b"],
        ["1", "gray matter"],
        ["2", ""],
        ["3", "white matter"],
    ]


def test_a_column_without_any_text_is_empty():
    for nothing in (None, np.nan, pd.NA):
        content = tab_separated(pd.DataFrame({"rank": [1, 2], "name": [nothing] * 2}))
        assert content == b"rank\tname\n1\t\n2\t\n"


def test_numbers_keep_nine_digits_and_their_kind():
    table = pd.DataFrame(
        {
            "whole": pd.array([1, None], dtype="Int64"),
            "fraction": [1 / 3, np.nan],
            "either": np.array([2, "a\nb"], dtype=object),
        }
    )
    assert tab_separated(table) == (
        b"whole\tfraction\teither\n1\t0.333333333\t2\n\t\ta b\n"
    )


def test_with_all_digits_each_number_reads_back_the_same():
    rows = [["a\tb\nc", 1 / 3, 2], [None, float("nan"), 1e-300]]
    text = with_all_digits(["name", "x", "y"], rows)
    assert text == "name\tx\ty\na b c\t0.3333333333333333\t2\n\t\t1e-300\n"
    assert float(text.splitlines()[1].split("\t")[1]) == 1 / 3
