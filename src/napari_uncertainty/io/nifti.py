"""NIfTI images: scans, label maps, and 4D probabilities with the class axis last."""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError

from ..errors import InputError
from ..grid import Grid
from ..images import LabelMap, Scan, are_whole_numbers, looks_like_labels
from ..limits import check_fits_memory
from ..probabilities import (
    ProbabilityMap,
    find_class_axis,
    lines_along,
    refuse_label_map,
    scale_of,
)
from ..stored import StoredValues
from .byte_sources import GZIP, PackedFile, PlainFile
from .dataset_json import class_names_for, label_names_beside

Array = np.ndarray[Any, Any]

SUFFIXES = (".nii.gz", ".nii")


def stem(path: PurePath) -> str:
    """File name without ``.nii`` or ``.nii.gz``."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem


def open_nifti(path: Path) -> Scan | LabelMap | ProbabilityMap:
    """Read a NIfTI image and decide from its values what it is.

    A fourth axis along which the values sum to 1 is a class axis; any other further
    axis (time, echoes) is left at the end of a scan.
    """
    image = load(path)
    data = _read_data(image, path)
    data = data.reshape(_squeezed_shape(data.shape))
    grid = Grid(data.shape[:3], image.affine, image.header)
    if data.ndim == 4:
        values = np.moveaxis(data, -1, 0)
        if find_class_axis(values) == 0:
            class_names = class_names_for(path, len(values))
            return ProbabilityMap(
                values, class_names, grid, source=path, name=stem(path)
            )
    elif looks_like_labels(
        data, name=path.name, intent=int(image.header["intent_code"])
    ):
        labels = data if data.dtype.kind in "iu" else data.astype(np.int32)
        return LabelMap(labels, grid, label_names_beside(path), path, stem(path))
    return Scan(data, grid, path, stem(path))


def open_segmentation(path: Path) -> LabelMap:
    """Read a NIfTI image as labels, whatever it looks like.

    Raises
    ------
    InputError
        If there is none, or its values are no labels.
    """
    if not path.is_file():
        raise InputError(f"There is no segmentation {path}.")
    volume = open_nifti(path)
    if isinstance(volume, LabelMap):
        return volume
    if (
        isinstance(volume, Scan)
        and volume.data.ndim <= 3
        and are_whole_numbers(volume.data)
    ):
        labels = volume.data.astype(np.int32)
        return LabelMap(labels, volume.grid, {}, path, volume.name)
    raise InputError(
        f"{path.name} is no segmentation, which has one whole number for each voxel."
    )


def open_nifti_probabilities(path: Path) -> ProbabilityMap:
    """Open a NIfTI image with the class axis last, by its header alone.

    Raises
    ------
    InputError
        If the header cannot be read or there is no further axis. Whether the values
        are probabilities shows only when they are read.
    """
    image = load(path)
    _check_header(image, path)
    shape = _squeezed_shape(image.shape)
    if len(shape) != 4:
        raise InputError(
            f"{path.name} has {len(shape)} axes: a scan or a label map, not class "
            "probabilities (one value between 0 and 1 for each class, summing to 1)."
        )
    stored = image.get_data_dtype()
    size = math.prod(shape) * stored.itemsize
    offset = int(image.dataobj.offset)
    gzipped = path.name.lower().endswith(".gz")
    values = StoredValues(
        path,
        PackedFile(path, 0, path.stat().st_size, skip=offset, size=size, wbits=GZIP)
        if gzipped
        else PlainFile(path, offset, size),
        file_shape=shape[::-1],
        class_axis=0,
        stored=stored,
        slope=float(image.dataobj.slope),
        inter=float(image.dataobj.inter),
        declared=False,
    )
    if not gzipped:  # a look at some values costs nothing
        some = lines_along(np.memmap(path, stored, "r", offset, shape[::-1]), 0)
        refuse_label_map(values.scaled(some), 0)
        scale = values.require_scale(scale_of(values.scaled(some), 0))
        values = replace(values, scale=scale)
    return ProbabilityMap(
        values,
        class_names_for(path, shape[-1]),
        Grid(shape[:3], image.affine, image.header),
        source=path,
        name=stem(path),
    )


def load(path: Path) -> Any:
    """Open a NIfTI file (header only; the data follow when asked for)."""
    try:
        image = nib.load(path)
    except (ImageFileError, HeaderDataError, OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, error) from error
    if not isinstance(image, nib.Nifti1Image | nib.Nifti2Image):
        raise InputError(f"{path.name} is not a NIfTI-1 or NIfTI-2 image.")
    return image


def _read_data(image: Any, path: Path) -> Array:
    """Voxel values: as stored where nothing is scaled, else float32."""
    _check_header(image, path)
    stored = image.get_data_dtype()
    scaled = image.dataobj.slope != 1 or image.dataobj.inter != 0
    in_memory = np.dtype(np.float32) if scaled else stored
    check_fits_memory(path, image.shape, in_memory)
    try:
        if scaled:
            return np.asarray(image.get_fdata(dtype=np.float32, caching="unchanged"))
        data: Array = np.asanyarray(image.dataobj)
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _unreadable(path, error) from error
    # Viewers and compiled code expect the machine's own byte order.
    return data if data.dtype.isnative else data.astype(data.dtype.newbyteorder("="))


def _check_header(image: Any, path: Path) -> None:
    """Raise InputError where there is no image of real numbers."""
    stored = image.get_data_dtype()
    if stored.names is not None or stored.kind not in "iuf":
        raise InputError(
            f"{path.name} stores colour or complex values; a scan, labels or "
            "probabilities have one real number for each voxel."
        )
    if image.ndim < 2 or 0 in image.shape:
        raise InputError(f"{path.name} has shape {image.shape}: no image to show.")


def _squeezed_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without axes of length 1 behind the third, as ITK writes vector images."""
    return shape[:3] + tuple(n for n in shape[3:] if n > 1)


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path.name} cannot be read: it is damaged, cut short or not NIfTI ({error})."
    )
