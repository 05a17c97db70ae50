"""The numbers of each label as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..grid import Grid
from ..steps import run
from .numbers import Part, Regions
from .steps import iter_regions

if TYPE_CHECKING:
    import pandas as pd

MM3_PER_ML = 1000.0


def summarize(
    values: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    no_data: npt.ArrayLike | None = None,
    class_names: Mapping[int, str] | Sequence[str] | None = None,
    grid: Grid | None = None,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Numbers of an uncertainty map for each label, at its boundary and inside.

    Parameters
    ----------
    values : array_like of float, 1 to 3 dimensions
        The map.
    labels : array_like of int or bool, shape of `values`
        What each voxel belongs to; 0 is background.
    no_data : array_like of bool, shape of `values`, or None
        Voxels that are in no number.
    class_names : mapping of int to str, sequence of str, or None
        Names of labels; of a sequence, the first is that of label 0. A label that has
        a name has a row, even if no voxel has it.
    grid : Grid or None
        Where the voxels are, for their volume; without one, or of a flat image,
        volumes are NaN.
    threshold : float or None
        For the shares of voxels above it; without it there are no such columns.

    Returns
    -------
    DataFrame
        One row for each label, ascending, as of :meth:`.Regions.table`.

    Raises
    ------
    InputError
        If the shapes differ, or the labels are no whole numbers.

    Examples
    --------
    >>> import napari_uncertainty as nu
    >>> table = nu.summarize([0.0, 0.2, 0.8, 0.6], [0, 0, 1, 1], threshold=0.5)
    >>> table[["name", "voxels", "mean", "share_above"]]
             name  voxels  mean  share_above
    0  background       2   0.1          0.0
    1     label 1       2   0.7          1.0
    """
    regions = run(
        iter_regions(
            np.asarray(values),
            np.asarray(labels),
            None if no_data is None else np.asarray(no_data),
        )
    )
    if class_names is not None and not isinstance(class_names, Mapping):
        class_names = dict(enumerate(class_names))
    return regions.table(
        class_names=class_names,
        voxel_volume_mm3=voxel_volume(grid),
        threshold=threshold,
    )


def voxel_volume(grid: Grid | None) -> float | None:
    """Volume of a voxel in mm³, tilted and sheared ones too; None for a flat image."""
    if grid is None or grid.ndim != 3:
        return None
    return float(abs(np.linalg.det(grid.affine[:3, :3])))


def table_of(
    regions: Regions,
    class_names: Mapping[int, str],
    voxel_volume_mm3: float | None,
    threshold: float | None,
) -> pd.DataFrame:
    """See :meth:`.Regions.table`."""
    import pandas as pd

    per_voxel = np.nan if voxel_volume_mm3 is None else voxel_volume_mm3 / MM3_PER_ML
    rows = []
    for label in sorted({*regions.labels, *class_names}):
        row: dict[str, Any] = {
            "label": label,
            "name": class_names.get(label, unnamed(label)),
            "volume_ml": regions.count(label) * per_voxel,
        }
        row |= _numbers(regions, label, "all", threshold)
        for part in ("boundary", "interior"):
            of_part = _numbers(regions, label, part, threshold)
            row |= {f"{part}_{key}": value for key, value in of_part.items()}
        rows.append(row)
    return pd.DataFrame(rows, columns=_columns(threshold is not None))


def _columns(shares: bool) -> list[str]:
    """Also of a table without rows."""
    further = ["total", "mean", "median", "p95", *(["share_above"] if shares else [])]
    columns = ["label", "name", "voxels", "volume_ml", *further]
    for part in ("boundary", "interior"):
        columns += [f"{part}_{name}" for name in ("voxels", *further)]
    return columns


def unnamed(label: int) -> str:
    """Return what a label is called that has no name."""
    return "background" if label == 0 else f"label {label}"


def _numbers(
    regions: Regions, label: int, part: Part, threshold: float | None
) -> dict[str, Any]:
    median, p95 = regions.quantiles(label, (0.5, 0.95), part)
    numbers = {
        "voxels": regions.count(label, part),
        "total": regions.total(label, part),
        "mean": regions.mean(label, part),
        "median": median,
        "p95": p95,
    }
    if threshold is not None:
        numbers["share_above"] = regions.share_above(label, threshold, part)
    return numbers
