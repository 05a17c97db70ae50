"""Running numbers that a fold keeps of each voxel, and the results that it fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ..measures import Measure, Numbers

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Running(Numbers):
    """Running numbers of some voxels; None where no measure asks for them.

    While independent channels are added, `sums` is Σ x of the channels, and `second`
    how probable the second outcome is as a share of the first.

    Attributes
    ----------
    winner : ndarray of unsigned int
        The class of the largest x, the first of equals.
    """

    winner: Any = None

    def __getitem__(self, part: Any) -> Running:
        return self._each(lambda numbers: numbers[part])

    def copy(self) -> Running:
        """Return the same numbers in memory of their own."""
        return self._each(np.ndarray.copy)

    def _each(self, change: Callable[[Array], Array]) -> Running:
        changed: list[Any] = [
            None if numbers is None else change(numbers)
            for numbers in vars(self).values()
        ]
        return Running(*changed)


@dataclass(frozen=True, eq=False)
class Results:
    """Arrays or views that a fold fills, of as many voxels as were folded.

    Attributes
    ----------
    maps : dict of str to ndarray
        One for each measure; float64 only where members have so many digits.
    no_data : ndarray of bool
        True where the probabilities sum to 0 or are not finite.
    prediction : ndarray of unsigned int or None
        The most probable class; None where it is not asked for.
    """

    maps: dict[str, Array]
    no_data: npt.NDArray[np.bool_]
    prediction: Any

    def __getitem__(self, part: Any) -> Results:
        return Results(
            {name: values[part] for name, values in self.maps.items()},
            self.no_data[part],
            None if self.prediction is None else self.prediction[part],
        )


def in_order(measures: Sequence[Measure]) -> list[Measure]:
    """Return measures in the order in which they are finished.

    Those that follow from several numbers come first: a map may then take the place of
    a number that no later one needs, see :func:`in_place`.
    """
    return sorted(measures, key=lambda one: -len(one.needs))


def in_place(
    needs: Mapping[str, Sequence[str]], numbers: Mapping[str, Any]
) -> dict[str, str]:
    """Return whose memory maps can take.

    Parameters
    ----------
    needs : mapping of str to sequence of str
        Of each map, in the order in which they are finished, the numbers that it
        follows from, those that it should take the place of first.
    numbers : mapping of str to ndarray
        Those that are as large as a map.

    Returns
    -------
    dict of str to str
        Of the maps for which there is a place, the number that is there.
    """
    places: dict[str, str] = {}
    names = list(needs)
    for at, name in enumerate(names):
        later = {one for after in names[at + 1 :] for one in needs[after]}
        for number in (*needs[name], *numbers):
            if number in numbers and number not in {*later, *places.values()}:
                places[name] = number
                break
    return places


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
