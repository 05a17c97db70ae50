"""Description of a file as JSON, for ``napari-uncertainty info``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .batch.written import read_recorded
from .case import CaseInputs, iter_case
from .checks.place import check_header
from .engine.evidence import evidence_of
from .engine.values import limits_of, sample_of
from .errors import InputError
from .io import frames_in, open_members, open_volume
from .io.endings import is_image
from .io.map_files import WrittenMap, read_map
from .model.grid import Grid
from .model.images import LabelMap, Scan
from .model.interpretation import AS_FOUND, Interpretation
from .model.kinds import KINDS
from .model.measures import LEAST_CONFIDENCE
from .steps import run


def describe(
    path: Path | Sequence[Path],
    how: Interpretation = AS_FOUND,
    labels: Path | None = None,
    scan: Path | None = None,
    name: str = "",
) -> dict[str, Any]:
    """Return content, type, place and checks of a file, ready for JSON.

    Parameters
    ----------
    path : Path, or sequence of Path
        A file or a folder; several files are the classes of one case.
    how : Interpretation
        Interpretation of its values, if they are probabilities.
    labels, scan : Path or None
        Segmentation and scan to check probabilities against.
    name : str
        Name of the case; by default that of its file.

    Raises
    ------
    InputError
        If a file cannot be read, or there are no probabilities to check.
    """
    if not isinstance(path, Path):
        inputs = CaseInputs.open(path, how, labels=labels, scan=scan, name=name)
        return _probabilities(inputs) | _place(inputs.predictions.grid)
    described = _map(path)
    if described is None:
        opened = _opened(path, how, labels, scan)
        if isinstance(opened, CaseInputs):
            return _probabilities(opened) | _place(opened.predictions.grid)
        described = _image(opened) | _place(opened.grid)
    if labels is not None or scan is not None:
        raise InputError(
            f"{path.name} holds no probabilities, so there is nothing to check against "
            "another image."
        )
    return described


def _opened(
    path: Path, how: Interpretation, labels: Path | None, scan: Path | None
) -> Scan | LabelMap | CaseInputs:
    """Open a scan, labels or probabilities, and read no more than is needed."""
    if is_image(path) and not path.is_dir() and how == AS_FOUND:
        volume = open_volume(path)
        if isinstance(volume, LabelMap):
            return volume
        if isinstance(volume, Scan) and not _may_be_foreground(volume):
            return volume
    several = not frames_in(path, how) and len(open_members(path, how)) > 1
    return CaseInputs.open([path], how, together=several, labels=labels, scan=scan)


def _may_be_foreground(scan: Scan) -> bool:
    """Return whether ``map`` would take an image for the only channel of a network."""
    if scan.data.ndim != scan.grid.ndim:
        return False
    values = scan.data[np.newaxis]
    found = evidence_of(sample_of(values), limits_of(values))
    return KINDS[found.kind].adds_background and not (found.doubt or found.refusal)


def _map(path: Path) -> dict[str, Any] | None:
    """Return the record of a map that this program wrote; None for other files."""
    written: WrittenMap | None = None
    if path.name.lower().endswith(".json"):
        written = read_recorded(path)
    elif path.is_file() and is_image(path):
        written = read_map(path)
    if written is None:
        return None
    described = {"file": str(written.source), "content": "uncertainty map"}
    described |= written.record.to_json()
    if written.grid is not None:
        described |= written.grid.to_dict()
    return described | {"notes": [*written.record.notes, *written.notes]}


def _place(grid: Grid | None) -> dict[str, Any]:
    if grid is None:
        return {}
    return {
        "orientation": "".join(grid.axcodes),
        "zooms_mm": grid.zooms.tolist(),
        **grid.to_dict(),
    }


def _image(volume: Scan | LabelMap) -> dict[str, Any]:
    described: dict[str, Any] = {
        "file": str(volume.source),
        "content": "segmentation" if isinstance(volume, LabelMap) else "scan",
        "dtype": str(volume.data.dtype),
    }
    if isinstance(volume, LabelMap):
        described["labels"] = {
            int(label): volume.class_names.get(int(label), "")
            for label in np.unique(volume.data)
        }
    checks = check_header(volume.name, volume.grid)
    return described | {"checks": [check.to_dict() for check in checks]}


def _probabilities(inputs: CaseInputs) -> dict[str, Any]:
    predictions = inputs.predictions
    first = predictions.first
    result = run(iter_case(inputs, (LEAST_CONFIDENCE.name,)))
    maps = result.maps
    described: dict[str, Any] = {"file": str(first.source), "content": "probabilities"}
    if predictions.together:
        described["members"] = list(predictions.member_names)
    described |= {
        "kind": maps.kind,
        "evidence": maps.evidence,
        "doubt": maps.contradiction or maps.doubt,
        "temperature": maps.temperature,
        "interpretation": result.interpretation.to_json(),
        "classes": list(result.class_names),
        "dtype": str(first.values.dtype),
        "voxels": maps.no_data.size,
        "no_data": int(np.count_nonzero(maps.no_data)),
        "largest_sum_deviation": maps.largest_sum_deviation,
        "further_files": list(map(str, dict.fromkeys(predictions.files)))[1:],
        "notes": predictions.notes,
        "checks": [check.to_dict() for check in result.where.checks],
        "geometry_source": None,
    }
    if predictions.grid is None:
        return described | {"place_note": first.place_note}
    return described | {
        "geometry_source": str(predictions.geometry_source or first.source)
    }
