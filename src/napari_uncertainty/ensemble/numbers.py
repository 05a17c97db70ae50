"""Running numbers that a fold of members keeps of each voxel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class EnsembleRunning:
    """Running numbers of some voxels, in bits; None where no measure asks for them.

    Attributes
    ----------
    expected, mutual, variance, pairwise, squares : ndarray
        Sums over the classes, see :class:`.MemberNumbers`; of independent channels,
        `squares` is a product.
    best, second : ndarray
        The two largest means; of independent channels how probable the likeliest
        outcome is, and the next one as a share of it.
    winner : ndarray of unsigned int
        The label of the largest.
    votes : ndarray of unsigned int
        How many members say that one channel is there.
    """

    expected: Any
    mutual: Any
    variance: Any
    pairwise: Any
    squares: Any
    best: Any
    second: Any
    winner: Any
    votes: Any

    def __getitem__(self, part: Any) -> EnsembleRunning:
        return self._each(lambda numbers: numbers[part])

    def flat(self) -> EnsembleRunning:
        """Return the same numbers along one axis, as views."""
        return self._each(lambda numbers: numbers.reshape(-1))

    def _each(self, change: Callable[[Array], Array]) -> EnsembleRunning:
        numbers: list[Any] = list(vars(self).values())
        return EnsembleRunning(
            *(None if one is None else change(one) for one in numbers)
        )
