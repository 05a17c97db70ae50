"""Which places are looked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import InputError

#: In mm.
RADIUS = 3.75

#: In mm. Larger balls are no places any more, and need much memory.
LARGEST_RADIUS = 50.0

#: How many places, by default.
COUNT = 50


@dataclass(frozen=True)
class Wanted:
    """Which places are looked for.

    Attributes
    ----------
    count : int
        How many, at most.
    radius_mm : float
        Of each.
    separation_mm : float or None
        How far two centres are apart at least; by default as far as the radius.
    classes : tuple of int or None
        Labels in and around which is looked; by default all but the background, 0.
    interior : bool
        Only voxels of these labels whose neighbours across all faces have the same.

    Raises
    ------
    InputError
        If there is nothing to be found with these.
    """

    count: int = COUNT
    radius_mm: float = RADIUS
    separation_mm: float | None = None
    classes: tuple[int, ...] | None = None
    interior: bool = False

    def __post_init__(self) -> None:
        if self.count < 1:
            raise InputError(
                f"{self.count} is no number of hotspots; ask for 1 or more."
            )
        for name in ("radius", "separation"):
            length = self.separation if name == "separation" else self.radius_mm
            if not (np.isfinite(length) and length > 0):
                raise InputError(f"{length} mm is no {name}; give a length above 0.")
            if length > LARGEST_RADIUS:
                raise InputError(
                    f"A {name} of {length} mm is too large; give at most "
                    f"{LARGEST_RADIUS:g} mm."
                )
        if self.classes is not None and not self.classes:
            raise InputError("No class is chosen; choose one, or leave all.")

    @property
    def separation(self) -> float:
        """Least distance of two centres in mm."""
        return self.radius_mm if self.separation_mm is None else self.separation_mm
