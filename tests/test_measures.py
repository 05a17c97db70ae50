"""What is stated about measures."""

import math

import pytest

from napari_uncertainty.measures import (
    MEASURES,
    check_base,
    highest_entropy,
    units_per_bit,
)


def test_every_measure_states_its_source():
    for name, measure in MEASURES.items():
        assert measure.name == name
        assert all((measure.title, measure.formula, measure.meaning, measure.source))


@pytest.mark.parametrize(
    ("base", "highest"), [(2, 3.0), ("e", math.log(8)), ("classes", 1.0)]
)
def test_highest_entropy_of_eight_classes(base, highest):
    check_base(base)
    assert highest_entropy(base, 8) == highest
    assert units_per_bit(base, 8) * 3 == pytest.approx(highest)


@pytest.mark.parametrize("base", [10, 2.0, "2", None, "bits"])
def test_other_bases_are_refused(base):
    with pytest.raises(ValueError, match="base is 2"):
        check_base(base)
