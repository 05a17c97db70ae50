"""Overlap of the labels of members, pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


class Overlap:
    """Counts of labels, from which the overlap of each pair follows.

    Parameters
    ----------
    n_members, n_classes : int
        How many there are.
    """

    def __init__(self, n_members: int, n_classes: int) -> None:
        self.pairs = list(combinations(range(n_members), 2))
        self._sizes = np.zeros((n_members, n_classes), np.int64)
        self._shared = np.zeros((len(self.pairs), n_classes), np.int64)

    def add(self, labels: Sequence[Array], known: Array) -> None:
        """Count some voxels.

        Parameters
        ----------
        labels : sequence of ndarray of int
            What each member says of them.
        known : ndarray of bool
            Which of them count.
        """
        n_classes = self._sizes.shape[1]
        there = [one[known] for one in labels]
        for sizes, one in zip(self._sizes, there, strict=True):
            sizes += np.bincount(one, minlength=n_classes)
        for shared, (first, second) in zip(self._shared, self.pairs, strict=True):
            same = there[first][there[first] == there[second]]
            shared += np.bincount(same, minlength=n_classes)

    def dice(self) -> Array:
        """2 |A ∩ B| / (|A| + |B|), shape (pairs, n_classes); NaN where both are empty.

        L. R. Dice, Measures of the Amount of Ecologic Association Between Species,
        Ecology 26 (1945), 297-302, doi:10.2307/1932409.
        """
        if not self.pairs:
            return np.empty((0, self._sizes.shape[1]))
        first, second = np.array(self.pairs).T
        sizes = self._sizes[first] + self._sizes[second]
        return np.where(sizes > 0, 2 * self._shared / np.maximum(sizes, 1), np.nan)
