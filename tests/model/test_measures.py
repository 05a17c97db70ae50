"""What is stated about measures."""

import math
from pathlib import Path

import pytest

from napari_uncertainty.model.measures import (
    ALL_MEASURES,
    MEASURES,
    check_base,
    highest_entropy,
    units_per_bit,
)


def test_every_measure_states_its_source():
    for name, measure in ALL_MEASURES.items():
        assert measure.name == name
        assert all((measure.title, measure.formula, measure.meaning, measure.source))


def test_the_docs_say_the_same():
    page = (Path(__file__).parents[2] / "docs" / "measures.md").read_text("utf-8")
    for measure in ALL_MEASURES.values():
        for text in (measure.name, measure.formula, measure.meaning, measure.source):
            assert text in page


@pytest.mark.parametrize(
    ("base", "highest"), [(2, 3.0), ("e", math.log(8)), ("classes", 1.0)]
)
def test_highest_entropy_of_eight_classes(base, highest):
    check_base(base)
    assert highest_entropy(base, 8) == highest
    assert units_per_bit(base, 8) * 3 == pytest.approx(highest)


@pytest.mark.parametrize(
    ("name", "highest", "unit"),
    [
        ("entropy", 3, "bits"),
        ("least_confidence", 7 / 8, ""),
        ("margin", 1, ""),
        ("gini", 7 / 8, ""),
    ],
)
def test_every_measure_has_its_range_and_unit(name, highest, unit):
    assert MEASURES[name].highest(2, 8) == pytest.approx(highest)
    assert MEASURES[name].highest(2, 1) == 0
    assert MEASURES[name].unit(2) == unit


@pytest.mark.parametrize("base", [10, 2.0, "2", None, "bits"])
def test_other_bases_are_refused(base):
    with pytest.raises(ValueError, match="base is 2"):
        check_base(base)
