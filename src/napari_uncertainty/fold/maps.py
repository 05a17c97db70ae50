"""What a fold gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..measures import Base


@dataclass(frozen=True, eq=False)
class UncertaintyMaps(Mapping[str, Any]):
    """Maps by measure name, and what was learnt on the way.

    All of them are dask arrays, not computed yet, where the input was one.

    Attributes
    ----------
    maps : dict of str to array of float32
        One map for each measure, class axis removed; 0 at no-data voxels.
    no_data : array of bool
        Voxels whose probabilities sum to 0 or are not finite.
    prediction : array of unsigned int or None
        Index of the most probable class (the first of equals); 0 at no-data voxels.
        None where it was not asked for.
    n_classes : int
        Length of the class axis.
    base : 2, "e" or "classes"
        Base of the logarithm.
    largest_sum_deviation : float
        Largest distance of a voxel's sum from 1, over voxels with data.
    sum_tolerance : float
        How much of that rounding explains.
    """

    maps: dict[str, Any]
    no_data: Any
    prediction: Any
    n_classes: int
    base: Base
    largest_sum_deviation: Any
    sum_tolerance: float

    @property
    def sums_message(self) -> str | None:
        """What to tell about sums that rounding does not explain; None if it does.

        Of dask arrays it has to be computed.
        """
        deviation = float(self.largest_sum_deviation)
        if deviation <= self.sum_tolerance:
            return None
        return (
            "The probabilities of a voxel should sum to 1, these differ by up to "
            f"{deviation:.3g}; each voxel was divided by its sum. "
            "Check that they are a softmax, not independent channels or scores."
        )

    def __getitem__(self, name: str) -> Any:
        return self.maps[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.maps)

    def __len__(self) -> int:
        return len(self.maps)
