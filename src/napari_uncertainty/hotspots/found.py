"""Places worth a look, and all of them as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..grid import Grid
from ..regions.table import unnamed
from .ball import Ball

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Hotspot:
    """A ball in which many voxels may be wrong.

    Attributes
    ----------
    rank : int
        1 for the one that is worth most.
    voxel : tuple of int
        Index of its centre in the map.
    ras : tuple of float or None
        The centre in RAS mm; None where it is not known where the map is.
    mass : float
        How many of its voxels are expected to be wrong, those in balls of better rank
        left out.
    peak, mean : float
        Largest value of the map in it, and mean, in the unit of the map.
    classes : tuple of int, or None
        The two labels that compete here, the more probable one first.
    share : float
        Share of all wrong voxels that is expected in it, 0 to 1; as for `mass`.
    map_share : float
        Share of the sum of the whole map that is in it; as for `mass`.
    """

    rank: int
    voxel: tuple[int, ...]
    ras: tuple[float, float, float] | None
    mass: float
    peak: float
    mean: float
    classes: tuple[int, int] | None
    share: float
    map_share: float

    def competing(self, names: Mapping[int, str]) -> str:
        """The two classes in words, such as ``gray matter ↔ white matter``."""
        if self.classes is None:
            return ""
        return " ↔ ".join(names.get(label) or unnamed(label) for label in self.classes)


@dataclass(frozen=True, eq=False)
class Hotspots:
    """The places of one map, the best first.

    Attributes
    ----------
    places : tuple of Hotspot
        In the order of their ranks.
    radius_mm : float
        Of each ball.
    expected_errors : float
        How many voxels are expected to be wrong, all over.
    shape : tuple of int
        Of the map.
    grid : Grid or None
        Where its voxels are.
    """

    places: tuple[Hotspot, ...]
    radius_mm: float
    expected_errors: float
    shape: tuple[int, ...]
    grid: Grid | None

    @property
    def ball(self) -> Ball:
        """The voxels around each centre."""
        return Ball.of(self.grid, len(self.shape), self.radius_mm, self.shape)

    def table(self, names: Mapping[int, str] | None = None) -> pd.DataFrame:
        """One row for each place.

        Parameters
        ----------
        names : mapping of int to str, or None
            Names of labels.

        Returns
        -------
        DataFrame
            Columns ``rank``; ``x``, ``y``, ``z`` (RAS mm); ``i``, ``j``, ``k`` (voxel);
            ``mass``, ``peak``, ``mean``; ``class_a``, ``class_b`` (names); ``share``.
            What is not known, such as the third axis of a flat image, is missing.
        """
        import pandas as pd

        names = names or {}
        rows = []
        for place in self.places:
            x, y, z = place.ras or (None, None, None)
            i, j, k = (*place.voxel, None, None)[:3]
            first, second = place.classes or (None, None)
            rows.append(
                (
                    place.rank, x, y, z, i, j, k, place.mass, place.peak, place.mean,
                    _name(first, names), _name(second, names), place.share,
                )
            )  # fmt: skip
        return pd.DataFrame(rows, columns=COLUMNS)


#: Of the table.
COLUMNS = [
    "rank", "x", "y", "z", "i", "j", "k",
    "mass", "peak", "mean", "class_a", "class_b", "share",
]  # fmt: skip


def _name(label: int | None, names: Mapping[int, str]) -> str | None:
    return None if label is None else names.get(label) or unnamed(label)
