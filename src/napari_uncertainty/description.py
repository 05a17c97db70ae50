"""What a file holds, in words and numbers, for ``napari-uncertainty info``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .batch.interpretation import AS_FOUND, Interpretation
from .batch.predictions import Predictions
from .errors import InputError
from .grid import Grid
from .images import LabelMap, Scan


def describe(
    path: Path,
    how: Interpretation = AS_FOUND,
    labels: Path | None = None,
    scan: Path | None = None,
) -> dict[str, Any]:
    """Content, type, place and checks, for JSON.

    Parameters
    ----------
    path : Path
        A file or a folder.
    how : Interpretation
        How its values are to be taken, if they are probabilities.
    labels, scan : Path or None
        Segmentation and scan to check probabilities against.

    Raises
    ------
    InputError
        If a file cannot be read, or there are no probabilities to check.
    """
    told = _map(path)
    if told is None:
        opened = _opened(path, how)
        if isinstance(opened, Predictions):
            return _probabilities(opened, labels, scan) | _place(opened.grid)
        told = _image(opened) | _place(opened.grid)
    if labels is not None or scan is not None:
        raise InputError(
            f"{path.name} holds no probabilities, so there is nothing to check against "
            "another image."
        )
    return told


def _opened(path: Path, how: Interpretation) -> Scan | LabelMap | Predictions:
    """What is in a file; probabilities are not read as far as that can be helped."""
    from .io import is_image, open_members, open_volume

    if is_image(path) and not path.is_dir() and how == AS_FOUND:
        volume = open_volume(path)
        if isinstance(volume, Scan | LabelMap):
            return volume
        return Predictions((volume,))
    members = open_members(
        path, array=how.array, class_axis=how.class_axis, kind=how.kind
    )
    return Predictions(tuple(members), how, len(members) > 1)


def _map(path: Path) -> dict[str, Any] | None:
    """Return what a map of this program says of itself; None of other files."""
    from .batch.recorded import read_map as read_recorded
    from .io import is_image
    from .io.written_maps import read_map

    written: Any = None
    if path.name.lower().endswith(".json"):
        written = read_recorded(path)
    elif path.is_file() and is_image(path):
        written = read_map(path)
    if written is None:
        return None
    told = {"file": str(written.source), "content": "uncertainty map", **written.told}
    told["notes"] = [*told.get("notes", ()), *written.notes]
    return told


def _place(grid: Grid | None) -> dict[str, Any]:
    if grid is None:
        return {}
    return {
        "orientation": "".join(grid.axcodes),
        "zooms_mm": grid.zooms.tolist(),
        **grid.to_dict(),
    }


def _image(volume: Scan | LabelMap) -> dict[str, Any]:
    from .checks.place import check_header

    told: dict[str, Any] = {
        "file": str(volume.source),
        "content": "segmentation" if isinstance(volume, LabelMap) else "scan",
        "dtype": str(volume.data.dtype),
    }
    if isinstance(volume, LabelMap):
        told["labels"] = {
            int(label): volume.class_names.get(int(label), "")
            for label in np.unique(volume.data)
        }
    checks = check_header(volume.name, volume.grid)
    return told | {"checks": [check.to_dict() for check in checks]}


def _probabilities(
    predictions: Predictions, labels: Path | None, scan: Path | None
) -> dict[str, Any]:
    from .io.nifti import open_segmentation, stem
    from .matching.comparison import Segmentation
    from .measures import LEAST_CONFIDENCE
    from .steps import run
    from .trust import Case, iter_trust

    first = predictions.first
    segmentation = None
    if labels is not None:
        given = open_segmentation(labels)
        segmentation = Segmentation(given.data, given.grid, given.name)
    other = None if scan is None else (stem(scan), _grid_of(scan))
    maps = run(predictions.iter_maps((LEAST_CONFIDENCE.name,)))
    grid = predictions.grid
    beside = predictions.beside if segmentation is None else None
    case = Case(
        first.values,
        first.name,
        grid,
        segmentation,
        other,
        guess=first.guess,
        beside=beside,
        tissues_of=first.tissues_of,
    )
    trust = run(iter_trust(case, maps))
    told: dict[str, Any] = {"file": str(first.source), "content": "probabilities"}
    if predictions.together:
        told["members"] = list(predictions.member_names)
    told |= {
        "kind": maps.kind,
        "evidence": maps.evidence,
        "doubt": maps.contradiction or maps.doubt,
        "temperature": maps.temperature,
        "classes": list(predictions.names_as(maps.kind)),
        "dtype": str(first.values.dtype),
        "voxels": maps.no_data.size,
        "no_data": int(np.count_nonzero(maps.no_data)),
        "largest_sum_deviation": maps.largest_sum_deviation,
        "further_files": list(map(str, dict.fromkeys(predictions.files)))[1:],
        "notes": predictions.notes,
        "checks": [check.to_dict() for check in trust.checks],
        "geometry_source": None,
    }
    if grid is None:
        return told | {"place_note": first.place_note}
    return told | {"geometry_source": str(predictions.geometry_source or first.source)}


def _grid_of(path: Path) -> Grid:
    from .io.image_files import grid_of
    from .io.nifti import load

    if not path.is_file():
        raise InputError(f"There is no scan {path}.")
    return grid_of(load(path))
