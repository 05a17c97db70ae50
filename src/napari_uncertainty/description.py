"""What a file holds, in words and numbers, for ``napari-uncertainty info``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .grid import Grid
from .images import LabelMap, Scan
from .probabilities import ProbabilityMap

Volume = Scan | LabelMap | ProbabilityMap


def describe(
    volume: Volume, labels: Path | None = None, scan: Path | None = None
) -> dict[str, Any]:
    """Content, type, place and checks, for JSON.

    Parameters
    ----------
    volume : Scan, LabelMap or ProbabilityMap
        What was opened; the values of probabilities may still be in their file.
    labels, scan : Path or None
        Segmentation and scan to check probabilities against.

    Raises
    ------
    InputError
        If a file cannot be read, or there are no probabilities to check.
    """
    description: dict[str, Any] = {"file": str(volume.source)}
    if isinstance(volume, ProbabilityMap):
        description |= _probabilities(volume, labels, scan)
    elif labels is not None or scan is not None:
        raise InputError(
            f"{Path(str(volume.source)).name} holds no probabilities, so there is "
            "nothing to check against another image."
        )
    elif isinstance(volume, LabelMap):
        description |= {
            "content": "segmentation",
            "dtype": str(volume.data.dtype),
            "labels": {
                int(label): volume.class_names.get(int(label), "")
                for label in np.unique(volume.data)
            },
        }
    else:
        description |= {"content": "scan", "dtype": str(volume.data.dtype)}
    if volume.grid is None:
        description["geometry_source"] = None
        if isinstance(volume, ProbabilityMap):
            description["place_note"] = volume.place_note
        return description
    if not isinstance(volume, ProbabilityMap):
        from .checks.place import check_header

        checks = check_header(volume.name, volume.grid)
        description["checks"] = [check.to_dict() for check in checks]
    return description | {
        "orientation": "".join(volume.grid.axcodes),
        "zooms_mm": volume.grid.zooms.tolist(),
        **volume.grid.to_dict(),
    }


def _probabilities(
    volume: ProbabilityMap, labels: Path | None, scan: Path | None
) -> dict[str, Any]:
    from .io.nifti import open_segmentation, stem
    from .matching.comparison import Segmentation
    from .steps import run
    from .trust import Case, iter_trust
    from .voxelwise import uncertainty

    maps = uncertainty(volume)
    segmentation = None
    if labels is not None:
        given = open_segmentation(labels)
        segmentation = Segmentation(given.data, given.grid, given.name)
    case = Case(
        volume.values,
        volume.name,
        volume.grid,
        segmentation,
        None if scan is None else (stem(scan), _grid_of(scan)),
    )
    trust = run(iter_trust(case, maps))
    assert trust is not None  # nothing cancels it
    return {
        "content": "probabilities",
        "kind": volume.kind,
        "classes": list(volume.class_names),
        "dtype": str(volume.values.dtype),
        "voxels": maps.no_data.size,
        "no_data": int(np.count_nonzero(maps.no_data)),
        "largest_sum_deviation": maps.largest_sum_deviation,
        "geometry_source": str(volume.geometry_source or volume.source),
        "checks": [check.to_dict() for check in trust.checks],
    }


def _grid_of(path: Path) -> Grid:
    from .io.nifti import load

    if not path.is_file():
        raise InputError(f"There is no scan {path}.")
    image = load(path)
    return Grid(image.shape[:3], image.affine, image.header)
