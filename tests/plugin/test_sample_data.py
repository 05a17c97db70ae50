"""The sample: a four-class softmax on the template's own grid."""

import numpy as np
import pytest

pytest.importorskip("nilearn")

from napari_uncertainty.plugin.sample_data import mni152
from napari_uncertainty.sample import mni152_case


@pytest.fixture(scope="module")
def coarse():
    return mni152_case(resolution=4)


def test_softmax_and_its_argmax(coarse):
    scan, labels, probabilities = coarse
    sums = probabilities.values.sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(sums, 1, atol=1e-6)
    assert probabilities.values.min() >= 0
    np.testing.assert_array_equal(labels.data, probabilities.values.argmax(axis=0))
    assert set(np.unique(labels.data)) == {0, 1, 2, 3}
    assert scan.grid.same_place(probabilities.grid)
    np.testing.assert_allclose(scan.grid.zooms, 4)


def test_layers():
    kinds = [(kind, options["name"]) for _, options, kind in mni152()]
    assert kinds == [
        ("image", "MNI152 T1"),
        ("labels", "MNI152 labels"),
        ("image", "MNI152 probabilities"),
    ]


def test_without_nilearn_it_says_what_to_install(monkeypatch):
    import sys

    from napari.utils.notifications import notification_manager

    monkeypatch.setitem(sys.modules, "nilearn", None)
    before = len(notification_manager.records)
    assert mni152() == [(None,)]
    assert "[sample]" in str(notification_manager.records[before].message)
