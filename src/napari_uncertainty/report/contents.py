"""Contents of a report, and a scan brought onto the voxels of its map."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.class_statistics import unnamed
from ..analysis.colors import Color, label_color
from ..analysis.hotspots import Hotspots
from ..batch.written import Recorded
from ..compare.resampling import iter_resample
from ..compare.segmentation import on_prediction
from ..errors import InputError
from ..io.nifti import open_nifti
from ..model.grid import Grid
from ..model.record import Check
from ..review.review import Stop

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class ReportCase:
    """One case: the map, what it is shown on, its numbers and its hotspots.

    Attributes
    ----------
    title : str
        Name of the case.
    values : ndarray, 2 or 3 dimensions
        The map in core order (i, j, k).
    grid : Grid or None
        Where its voxels are. Without one, the planes are those of the array.
    measure, unit : str
        Name or title of the measure, see ``ALL_MEASURES``; its unit may be empty.
    highest : float
        The largest possible value, in the unit.
    labels, scan, no_data : ndarray or None
        Segmentation (int), scan, and voxels without data (bool), shape of `values`.
    names : mapping of int to str
        Names of labels; the others are called *label 3* and so on.
    colors : mapping of int to (red, green, blue), each 0 to 255
        Colours of labels; the others have those of the viewer.
    facts : sequence of (str, str)
        Rows of the summary.
    checks : sequence of Check
        Checks of the map.
    table : DataFrame or None
        Numbers of each class, see :func:`.class_table`.
    hotspots : Hotspots
        The places, and their radius.
    stops : sequence of Stop
        Decision about each place, in the same order; empty without a review.
    progress : str
        Progress of the review, as a sentence.
    reviewed : bool
        Whether there was a review; without one there are no verdicts in the report.
    made : str
        A date for the footer; empty for none.

    Raises
    ------
    InputError
        If the map has neither two nor three axes, or something on it has another
        shape.
    ValueError
        If there are stops, but not one for each place.
    """

    title: str
    values: Array
    grid: Grid | None
    measure: str
    unit: str
    highest: float
    labels: Array | None
    scan: Array | None
    no_data: Array | None
    names: Mapping[int, str]
    colors: Mapping[int, Color]
    facts: Sequence[tuple[str, str]]
    checks: Sequence[Check]
    table: pd.DataFrame | None
    hotspots: Hotspots
    stops: Sequence[Stop]
    progress: str = ""
    reviewed: bool = False
    made: str = ""

    def __post_init__(self) -> None:
        if self.values.ndim not in (2, 3):
            raise InputError(
                f"A report shows maps of two or three axes, and this one has "
                f"{self.values.ndim}; take a volume out of it first."
            )
        for name in ("labels", "scan", "no_data", "grid"):
            other = getattr(self, name)
            if other is not None and other.shape != self.values.shape:
                raise InputError(
                    f"The map has the shape {self.values.shape}, but what is given "
                    f"as {name} has {other.shape}; bring both to the same voxels first."
                )
        places = len(self.hotspots.places)
        if self.stops and len(self.stops) != places:
            raise ValueError(f"{places} places, but {len(self.stops)} stops")

    @property
    def all_stops(self) -> tuple[Stop, ...]:
        """Return the stops, open ones where none were given."""
        return tuple(self.stops) or tuple(map(Stop, self.hotspots.places))

    def name(self, label: int) -> str:
        """Return the name of a label."""
        return self.names.get(label) or unnamed(label)

    def color(self, label: int) -> Color:
        """Return the colour of a label."""
        return self.colors.get(label) or label_color(label)


def iter_scan_at(recorded: Recorded, path: Path) -> Generator[float, None, Array]:
    """Read a scan and put it where the map is; yields the share done.

    Parameters
    ----------
    recorded : Recorded
        The map.
    path : Path
        The scan: on the same voxels, in any order, or on others around the map.

    Raises
    ------
    InputError
        If it cannot be read, or lies elsewhere.
    """
    if not path.is_file():
        raise InputError(f"There is no scan {path}.")
    volume: Any = open_nifti(path)
    # A scan may look like labels, but not like probabilities.
    data, grid = getattr(volume, "data", None), recorded.grid
    if data is None:
        raise InputError(f"{path} holds probabilities; choose a scan instead.")
    if grid is not None and not grid.overlaps(volume.grid):
        raise InputError(
            f"The scan {path} lies elsewhere: it and the map do not overlap in space; "
            "choose the scan of this case."
        )
    scan = yield from iter_values_at(data, volume.grid, recorded.values.shape, grid)
    if scan is None:
        raise InputError(
            f"It is not known where the map is, and the scan {path} has other voxels; "
            "choose a scan with the voxels of the map."
        )
    return scan


def iter_values_at(
    values: Any,
    there: Grid | None,
    shape: tuple[int, ...],
    grid: Grid | None,
) -> Generator[float, None, Array | None]:
    """Put a scan onto the voxels of a map; yields the share done.

    Parameters
    ----------
    values : array
        The scan; of a further axis, such as time, the first volume is taken.
    there : Grid or None
        Where its voxels are.
    shape, grid : tuple of int, Grid or None
        Shape of the map, and where its voxels are.

    Returns
    -------
    ndarray or None
        None where it is not known how the scan lies on the map.
    """
    values = np.asarray(values)
    if there is not None:
        values = values.reshape(*there.shape, -1)[..., 0]
    if grid is None or there is None:
        return values if values.shape == shape else None
    placement = grid.placement_in(there)
    if placement is not None:
        return on_prediction(values, placement, shape)
    return (yield from iter_resample(values, there, grid))
