"""The ring around a place."""

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_uncertainty.plugin.inspect.map_views import Ring


@pytest.fixture
def case():
    viewer = ViewerModel()
    image = viewer.add_image(np.zeros((12, 14, 16)), scale=(2, 1, 1), units="mm")
    return viewer, image


def test_the_ring_goes_from_place_to_place(case):
    viewer, image = case
    ring = Ring(viewer)
    units = viewer.layers.units
    for active in (image, None):
        viewer.layers.selection.active = active
        for place in ((1.0, 2.0, 3.0), (4.0, 5.0, 6.0)):
            ring.show(np.array(place), 7.0)
            layer = viewer.layers["place"]
            assert layer.data_to_world(layer.data[0]) == place
            assert layer.size[0] * layer.scale[0] == 7.0
            assert layer.visible
            # In other units the viewer would have none at all.
            assert viewer.layers.units == units
        assert viewer.layers.selection.active == active or active is None
        ring.remove()
        assert "place" not in viewer.layers
    assert units is not None
