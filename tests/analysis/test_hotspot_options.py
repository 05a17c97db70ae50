"""What can be asked for."""

import numpy as np
import pytest

from napari_uncertainty.analysis.hotspots import HotspotOptions
from napari_uncertainty.errors import InputError


def test_unless_told_otherwise():
    wanted = HotspotOptions().on(None, (180, 220, 180))
    assert (wanted.count, wanted.radius_mm, wanted.classes) == (50, 3.75, None)
    assert wanted.separation == 3.75
    assert not wanted.interior
    assert HotspotOptions(radius_mm=5).separation == 5
    assert HotspotOptions(radius_mm=5, separation_mm=2).separation == 2


@pytest.mark.parametrize("count", [0, -3])
def test_no_number(count):
    with pytest.raises(InputError) as caught:
        HotspotOptions(count)
    assert str(caught.value) == (
        f"{count} is no number of hotspots; ask for 1 or more."
    )


@pytest.mark.parametrize("length", [0, -1.5, np.nan, np.inf])
def test_no_length(length):
    for name in ("radius", "separation"):
        with pytest.raises(InputError) as caught:
            HotspotOptions(**{f"{name}_mm": length})
        assert str(caught.value) == (
            f"{length} mm is no {name}; give a length above 0."
        )


def test_no_class():
    with pytest.raises(InputError) as caught:
        HotspotOptions(classes=())
    assert str(caught.value) == "No class is chosen; choose one, or leave all."


@pytest.mark.parametrize("name", ["radius", "separation"])
def test_too_large(name):
    with pytest.raises(InputError, match=f"A {name} of 51 mm is too large; give at "):
        HotspotOptions(**{f"{name}_mm": 51})
