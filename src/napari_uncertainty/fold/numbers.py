"""What a fold keeps of each voxel on its way, and what it fills in the end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Running:
    """Running numbers of some voxels; None where no measure asks for them.

    Attributes
    ----------
    sums, logs, squares : ndarray
        Σ x, Σ x·log₂ x and Σ x².
    best, second : ndarray
        The two largest x.
    winner : ndarray of unsigned int
        The class of the largest, the first of equals.
    """

    sums: Array
    # Any: a number that a measure asks for is there.
    logs: Any
    squares: Any
    best: Any
    second: Any
    winner: Any

    def __getitem__(self, part: Any) -> Running:
        return self._each(lambda numbers: numbers[part])

    def copy(self) -> Running:
        """The same numbers in memory of their own."""
        return self._each(np.ndarray.copy)

    def _each(self, change: Callable[[Array], Array]) -> Running:
        changed: list[Any] = [
            None if numbers is None else change(numbers)
            for numbers in vars(self).values()
        ]
        return Running(*changed)


@dataclass(frozen=True, eq=False)
class Results:
    """What a fold fills: views of any shape, of as many voxels as `Running` has.

    Attributes
    ----------
    maps : dict of str to ndarray of float32
        One for each measure.
    no_data : ndarray of bool
        True where the probabilities sum to 0 or are not finite.
    prediction : ndarray of unsigned int or None
        The most probable class; None where it is not asked for.
    """

    maps: dict[str, Array]
    no_data: npt.NDArray[np.bool_]
    prediction: Array | None

    def __getitem__(self, part: Any) -> Results:
        return Results(
            {name: values[part] for name, values in self.maps.items()},
            self.no_data[part],
            None if self.prediction is None else self.prediction[part],
        )


class Folded(NamedTuple):
    """A finished fold.

    Attributes
    ----------
    results : Results
        Maps and prediction.
    deviation : float
        Largest deviation of a voxel's sum from 1, over voxels with data.
    tolerance : float
        How much of that rounding explains.
    scale : float
        What stands for 1 in the input.
    """

    results: Results
    deviation: float
    tolerance: float
    scale: float = 1.0
