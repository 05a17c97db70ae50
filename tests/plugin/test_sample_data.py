"""The samples as napari opens them."""

import sys

import pytest
from napari.components import ViewerModel
from npe2 import DynamicPlugin

pytest.importorskip("nilearn")

from napari_uncertainty import sample
from napari_uncertainty.errors import InputError
from napari_uncertainty.plugin import sample_data
from napari_uncertainty.plugin.compute.choices import fitting, of_one_case
from napari_uncertainty.plugin.viewer.scan_space import axes_of


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Large voxels, for time's sake."""
    for name in ("mni152_case", "mni152_members"):
        make = getattr(sample, name)
        monkeypatch.setattr(sample_data, name, lambda make=make: make(6))


@pytest.fixture
def open_sample(qapp):
    """Opens a function as a sample of that name, as *File → Open Sample* does."""
    viewer = ViewerModel()
    with DynamicPlugin("some-samples") as plugin:

        def opened(key, function):
            plugin.contribute.sample_data(function, key=key, display_name=key)
            return viewer, viewer.open_sample("some-samples", key)

        yield opened


def test_the_case_becomes_three_layers(open_sample):
    _, layers = open_sample("case", sample_data.mni152)
    assert [(type(layer).__name__, layer.name) for layer in layers] == [
        ("Image", "MNI152 T1"),
        ("Labels", "MNI152 labels"),
        ("Image", "MNI152 probabilities"),
    ]


def test_models_of_one_sample_are_members(open_sample):
    viewer, [_, _, *three] = open_sample("ensemble", sample_data.mni152_ensemble)
    assert [layer.name for layer in three] == [
        "MNI152 probabilities",
        "MNI152 blurred probabilities",
        "MNI152 shaded probabilities",
    ]
    # The same from another sample, or from none, fits, and is no member unasked.
    _, [_, _, other] = open_sample("case", sample_data.mni152)
    alone = viewer.add_image(three[1].data, metadata=three[1].metadata)
    axes = axes_of(viewer.layers)
    found = fitting(viewer.layers, three[0], axes)
    assert set(found) == {*three, other, alone}
    assert of_one_case(found, axes) == three
    others_first = fitting(viewer.layers, other, axes)
    assert of_one_case(others_first, axes) == [other]


def test_without_nilearn_it_says_what_to_install(open_sample, monkeypatch):
    monkeypatch.setitem(sys.modules, "nilearn", None)
    with pytest.raises(InputError, match=r"\[sample\]"):
        open_sample("case", sample_data.mni152)
