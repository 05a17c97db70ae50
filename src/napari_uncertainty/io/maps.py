"""Uncertainty maps as NIfTI, on the grid they were computed on, with a JSON beside."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from ..errors import InputError
from ..grid import Grid
from .nifti import SUFFIXES, stem


def write_map(
    path: str | PathLike[str],
    values: np.ndarray[Any, Any],
    provenance: Mapping[str, Any],
    *,
    grid: Grid | None,
    zooms: Sequence[float] | None = None,
) -> list[Path]:
    """Write a map as float32 NIfTI and what it is as JSON of the same name.

    Both files are written under a temporary name and renamed when complete.

    Parameters
    ----------
    path : path-like
        Ends in ``.nii.gz`` or ``.nii``.
    values : ndarray
        The map in the grid's own axis order (i, j, k).
    provenance : mapping
        Measure, unit, sources and so on; anything that JSON can hold.
    grid : Grid or None
        Where the voxels sit. The written image has this affine bit for bit, and the
        sform and qform codes of the header it came from. None where no place in space
        is known: both codes are then 0.
    zooms : sequence of float or None
        Voxel size to note down where there is no grid.

    Returns
    -------
    list of Path
        The two files.

    Raises
    ------
    InputError
        If the name has another ending, the shape is not the grid's, or the folder
        cannot be written to.
    """
    path = Path(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise InputError(f"{path.name}: a map is saved as .nii.gz or .nii.")
    if grid is not None and grid.shape != values.shape:
        raise InputError(
            f"The map has shape {values.shape} and its grid {grid.shape}; it was "
            "changed since it was computed, so it cannot be placed on the scan."
        )
    image = _nifti_image(np.asarray(values, dtype=np.float32), grid, zooms)
    measure, unit = provenance.get("measure", "map"), provenance.get("unit")
    image.header.set_intent("none", name=str(measure)[:15])
    image.header["descrip"] = (
        f"{measure}{f' ({unit})' if unit else ''}, napari-uncertainty"[:79].encode()
    )
    sidecar = path.with_name(stem(path) + ".json")
    text = json.dumps(dict(provenance), indent=2, ensure_ascii=False) + "\n"
    ending = next(end for end in SUFFIXES if path.name.lower().endswith(end))
    _write_complete(path, ending, image.to_filename)
    _write_complete(
        sidecar, ".json", lambda file: Path(file).write_text(text, encoding="utf-8")
    )
    return [path, sidecar]


def _nifti_image(
    values: np.ndarray[Any, Any], grid: Grid | None, zooms: Sequence[float] | None
) -> Any:
    if grid is None:
        image = nib.Nifti1Image(values, None)
        if zooms is not None:
            image.header.set_zooms(tuple(zooms))
        return image
    header = None if grid.nifti_header is None else grid.nifti_header.copy()
    image_class: Any = (
        nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    )
    if header is not None:
        header.extensions.clear()  # they describe the source, not this map
        header.set_slope_inter(1, 0)
        header["cal_min"] = header["cal_max"] = 0
    image = image_class(values, grid.affine, header)
    image.set_data_dtype(np.float32)
    if header is None:
        image.header.set_xyzt_units("mm")
    return image


def _write_complete(path: Path, ending: str, write: Callable[[str], object]) -> None:
    """Write under a temporary name in the same folder, then rename."""
    temporary = path.with_name(f".{uuid.uuid4().hex}{ending}")
    try:
        try:
            write(str(temporary))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror or error}); choose another "
            "folder or make room."
        ) from error
