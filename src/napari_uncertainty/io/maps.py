"""Uncertainty maps as NIfTI, on the grid they were computed on, with a JSON beside.

:mod:`.written_maps` reads them back.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..errors import InputError
from ..grid import Grid, in_millimetres
from ..model.record import Record
from .atomic import write_whole
from .endings import SUFFIXES, stem
from .image_files import MADE_HERE

#: gzip's level for .nii.gz, the one that nibabel takes.
COMPRESSION = 1


def write_map(
    path: str | PathLike[str],
    values: np.ndarray[Any, Any],
    record: Record,
    *,
    grid: Grid | None,
    zooms: Sequence[float] | None = None,
) -> list[Path]:
    """Write a map as float32 NIfTI and what it is as JSON of the same name.

    Both files are written under a temporary name and renamed when both are complete,
    the JSON last: where it is, the map is whole. The same arguments give the same
    bytes, whenever and wherever they are written.

    Parameters
    ----------
    path : path-like
        Ends in ``.nii.gz`` or ``.nii``.
    values : ndarray
        The map in the grid's own axis order (i, j, k).
    record : Record
        What the map says of itself.
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
    image = image_on(np.asarray(values, dtype=np.float32), grid, zooms)
    measure, unit = record.measure, record.unit
    # NIFTI_INTENT_ESTIMATE: each value estimates what the name says (nifti1.h).
    image.header.set_intent("estimate", name=measure[:15])
    description = f"{measure}{f' ({unit})' if unit else ''}, {MADE_HERE}"
    image.header["descrip"] = description[:79].encode()
    sidecar = path.with_name(stem(path) + ".json")
    # What is no UTF-8, as file names may have it, becomes an escape that JSON knows.
    told = record.to_json() | ({} if grid is None else grid.to_dict())
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    encoded = text.encode("utf-8", "backslashreplace")

    def write_image(file: BinaryIO) -> None:
        with packed(path, file) as target:
            image.to_stream(target)

    write_whole([(path, write_image), (sidecar, lambda file: file.write(encoded))])
    return [path, sidecar]


@contextmanager
def packed(path: Path, file: BinaryIO) -> Iterator[Any]:
    """Give a file to write an image to, gzipped on the way if its name says so.

    Without time and file name in gzip's header: the same image is the same file.
    """
    if not path.name.lower().endswith(".gz"):
        yield file
        return
    patient = _Patient(file)
    with gzip.GzipFile("", "wb", COMPRESSION, patient, mtime=0) as compressed:
        yield compressed
    if patient.error is not None:
        raise patient.error


class _Patient:
    """A file for gzip to write to, which keeps its first error for later.

    From Python 3.12 on, GzipFile has a buffer that is written again when it is freed.
    After an error that cannot succeed, and newer versions say so on stderr.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        """Write, unless that has failed before."""
        try:
            if self.error is None:
                return self.file.write(content)
        except OSError as error:
            self.error = error
        return len(content)

    def flush(self) -> None:
        """Leave it to the owner of the file, who has to close it."""


def image_on(
    values: np.ndarray[Any, Any],
    grid: Grid | None,
    zooms: Sequence[float] | None = None,
) -> Any:
    """A NIfTI image with the place, codes and units of a grid; see :func:`write_map`.

    Parameters
    ----------
    values : ndarray
        In core order; further axes come last. They are stored in their own type.
    grid : Grid or None
        Where they are. With a NIfTI header, the image has a copy without extensions.
    zooms : sequence of float or None
        Voxel size where there is no grid.

    Returns
    -------
    nibabel image
        NIfTI-2 if the grid's header is, else NIfTI-1.
    """
    import nibabel as nib

    if grid is None:
        image = nib.Nifti1Image(values, None, dtype=values.dtype)
        if zooms is not None:
            image.header.set_zooms(tuple(zooms))
        return image
    header = None if grid.nifti_header is None else grid.nifti_header.copy()
    affine = grid.affine
    image_class: Any = (
        nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    )
    if header is not None:
        header.extensions.clear()  # they describe the source, not this image
        header.set_slope_inter(1, 0)
        header["cal_min"] = header["cal_max"] = 0
        # In the unit of the header, bit for bit where the grid is the header's.
        own, unit = header.get_best_affine(), grid.unit_mm
        if unit != 1:
            per_mm = np.diag([1 / unit, 1 / unit, 1 / unit, 1])
            same = (grid.affine == in_millimetres(own, header)).all()
            affine = own if same else per_mm @ grid.affine
        # Before nibabel sees another affine, for it would set other codes.
        if (affine != own).any():
            _move_origin(header, affine)
    image = image_class(values, affine, header, dtype=values.dtype)
    if header is None:
        image.header.set_xyzt_units("mm")
    return image


def _move_origin(header: Any, affine: np.ndarray[Any, Any]) -> None:
    """Give a box of voxels its own origin; codes and axes stay as they were."""
    import nibabel as nib

    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    first = np.linalg.inv(header.get_best_affine()) @ affine[:, 3]
    if sform or not qform:
        # Without any code there would be no way to say where the box is: 2 is
        # NIFTI_XFORM_ALIGNED_ANAT, with the image that the box is part of.
        header.set_sform(affine, sform or 2)
    if qform:
        # By the qform's own axes, which are not the sform's where the two disagree.
        with suppress(
            nib.spatialimages.HeaderDataError, ValueError
        ):  # it is no rotation, and not used
            moved = header.get_qform() @ first
            for name, value in zip("xyz", moved, strict=False):
                header[f"qoffset_{name}"] = value
