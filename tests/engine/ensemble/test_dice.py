"""Overlap of labels, in pieces, against counting."""

import numpy as np

from napari_uncertainty.engine.ensemble.ensemble_maps import Overlap
from support.plain_members import overlap


def test_overlap_counted_in_pieces_is_that_of_the_whole(rng):
    labels = rng.integers(0, 4, (3, 50)).astype(np.uint8)
    known = rng.random(50) > 0.2
    found = Overlap(3, 5)
    for part in (slice(0, 20), slice(20, 50)):
        found.add(list(labels[:, part]), known[part])
    np.testing.assert_allclose(found.dice(), overlap(labels[:, known], 5))


def test_one_member_has_no_pair():
    assert Overlap(1, 4).dice().shape == (0, 4)
