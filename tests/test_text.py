"""Numbers, percentages and places in words."""

import numpy as np
import pytest

from napari_uncertainty.text import (
    count,
    counted,
    in_unit,
    number,
    percent,
    ras_place,
    share,
    voxel_place,
)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (0, "0"),
        (0.5, "0.500"),
        (0.03456, "0.0346"),
        (0.00000123, "<0.0001"),
        (-0.00000123, ">−0.0001"),
        (-2.5, "−2.50"),
        (12, "12.0"),
        (999.6, "1,000"),
        (1234567.8, "1,234,568"),
    ],
)
def test_a_number_has_three_digits_or_all_before_the_point(value, text):
    assert number(value) == text


def test_a_number_has_as_many_digits_as_are_asked_for():
    assert number(0.034567, 2) == "0.035"
    assert number(12.3456, 5) == "12.346"


def test_a_unit_follows_its_number_if_there_is_one():
    assert in_unit(2.5, "mL") == "2.50 mL"
    assert in_unit(2.5, "") == "2.50"


def test_counts_have_groups_of_three_digits():
    assert count(1234567) == "1,234,567"
    assert count(-5) == "−5"
    assert count(None) == "–"


def test_one_thing_is_not_counted_in_the_plural():
    assert counted(1, "voxel") == "1 voxel"
    assert counted(0, "voxel") == "0 voxels"
    assert counted(1234, "voxel") == "1,234 voxels"


@pytest.mark.parametrize(
    ("of_all", "shown"),
    [
        (0, "0 %"),
        (1, "100 %"),
        (0.5, "50.0 %"),
        (0.123456, "12.3 %"),
        (0.9876, "98.8 %"),
        (0.99123, "99.12 %"),
        (0.00123, "0.12 %"),
        (0.999999, "99.99 %"),
        (1e-9, "0.01 %"),
        (np.float64(1), "100 %"),
    ],
)
def test_percent_is_100_or_0_only_where_it_is(of_all, shown):
    assert percent(of_all) == shown


def test_shares_of_a_column_have_one_decimal_each():
    assert share(0.1234) == "12.3 %"
    assert share(0.9999) == "100.0 %"
    assert share(float("nan")) == "–"


@pytest.mark.parametrize(
    ("ras", "text", "short"),
    [
        ((3.41, 8.94, -4.16), "R 3.4, A 8.9, S −4.2 mm", "R 3.4 A 8.9 S −4.2"),
        ((-0.04, 0, 100), "R 0.0, A 0.0, S 100.0 mm", "R 0.0 A 0.0 S 100.0"),
        (None, "–", "–"),
    ],
)
def test_a_place_is_given_in_tenths_of_mm_without_a_negative_zero(ras, text, short):
    assert ras_place(ras) == text
    assert ras_place(ras, short=True) == short


def test_a_voxel_is_given_by_its_index():
    assert voxel_place((12, 34, 56)) == "(12, 34, 56)"
