"""What can be asked for."""

import numpy as np
import pytest

from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.errors import InputError


def test_by_default_fifty_places_of_3_75_mm_are_asked_for():
    wanted = HotspotOptions().on(None, (180, 220, 180))
    assert (wanted.count, wanted.radius_mm, wanted.classes) == (50, 3.75, None)
    assert wanted.separation == 3.75
    assert not wanted.interior
    assert HotspotOptions(radius_mm=5).separation == 5
    assert HotspotOptions(radius_mm=5, separation_mm=2).separation == 2


@pytest.mark.parametrize("count", [0, -3])
def test_a_number_of_hotspots_below_1_is_refused(count):
    with pytest.raises(InputError) as caught:
        HotspotOptions(count)
    assert str(caught.value) == (
        f"{count} hotspots cannot be found; ask for 1 or more."
    )


@pytest.mark.parametrize("length", [0, -1.5, np.nan, np.inf])
def test_a_radius_or_separation_that_is_not_above_0_is_refused(length):
    for name in ("radius", "separation"):
        with pytest.raises(InputError) as caught:
            HotspotOptions(**{f"{name}_mm": length})
        assert str(caught.value) == (
            f"A {name} of {length} mm is not possible; give a length above 0."
        )


def test_an_empty_choice_of_classes_is_refused():
    with pytest.raises(InputError) as caught:
        HotspotOptions(classes=())
    assert str(caught.value) == "No class is chosen; choose one, or leave all."


@pytest.mark.parametrize("name", ["radius", "separation"])
def test_a_radius_or_separation_above_50_mm_is_refused(name):
    with pytest.raises(InputError, match=f"A {name} of 51 mm is too large; give at "):
        HotspotOptions(**{f"{name}_mm": 51})
