"""Images, NIfTI and MGZ: scans, label maps, and probabilities.

Probabilities are 4D with the class axis last, or one of several files with a class each
(:mod:`.families`), or a single channel.
"""

from __future__ import annotations

import math
import struct
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
from ..probabilities import ProbabilityMap, find_class_axis
from ..stored import StoredValues
from .byte_sources import GZIP, PackedFile, PlainFile
from .dataset_json import channels_for, label_names_beside
from .families import Family, check_same_grid, family_of, label_of
from .joined import join, with_scale
from .label_tables import declared
from .options import Options

Array = np.ndarray[Any, Any]

#: Endings of NIfTI, which is what is written.
SUFFIXES = (".nii.gz", ".nii")

#: Endings that are left out of a name as a whole, and not only from the last dot on.
_DOUBLE_ENDINGS = (".nii.gz", ".ome.zarr")

# What nibabel raises for damaged files, besides its own errors.
_DAMAGED = (
    ImageFileError, HeaderDataError, OSError, EOFError, ValueError, TypeError,
    OverflowError, struct.error, zlib.error,
)  # fmt: skip


def stem(path: PurePath) -> str:
    """File name without its ending, such as ``.nii.gz``, ``.mgz`` or ``.npz``."""
    for ending in _DOUBLE_ENDINGS:
        if path.name.lower().endswith(ending):
            return path.name[: -len(ending)]
    return path.stem


def open_nifti(path: Path) -> Scan | LabelMap | ProbabilityMap:
    """Read an image and decide from its values what it is.

    A fourth axis along which the values sum to 1 is a class axis, as is one that the
    name or the JSON beside declares to be; any other further axis (time, echoes) is
    left at the end of a scan. One of several files with a class each is opened with the
    others, unless it holds labels.
    """
    image = load(path)
    data = _read_data(image, path)
    data = data.reshape(_squeezed_shape(data.shape))
    grid = grid_of(image)
    if data.ndim == 4:
        values = np.moveaxis(data, -1, 0)
        told = declared(path, stem(path), len(values))
        if told.is_probabilities or find_class_axis(values) == 0:
            return _with_names(values, path, grid)
        return Scan(data, grid, path, stem(path))
    intent = int(image.header["intent_code"]) if _is_nifti(image) else 0
    is_labels = looks_like_labels(data, name=path.name, intent=intent)
    if data.ndim < 4 and (not is_labels or _are_shares(data)):
        family = family_of(path)
        if family is not None:
            opened = _open_family(family, path)
            return replace(opened, values=opened.values.load())
    if is_labels:
        labels = data if data.dtype.kind in "iu" else data.astype(np.int32)
        return LabelMap(labels, grid, label_names_beside(path), path, stem(path))
    return Scan(data, grid, path, stem(path))


def open_segmentation(path: Path) -> LabelMap:
    """Read an image as labels, whatever it looks like.

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


def open_probabilities(path: Path, options: Options) -> ProbabilityMap:
    """Open an image that holds probabilities, by its header alone.

    With four axes, the last one runs over the classes; with three or two, the file is
    one of several with a class each, or else a single channel. What the values are
    shows when they are read.

    Of the options, a class axis can only be the last.

    Raises
    ------
    InputError
        If the header cannot be read, there are too many axes, or it is a map that was
        written here.
    """
    image = load(path)
    _check_header(image, path)
    _refuse_map(image, path)
    shape = _squeezed_shape(image.shape)
    n_axes, axis = len(image.shape), options.class_axis
    if axis is not None and axis not in (n_axes - 1, -1):
        raise InputError(
            f"The classes of an image are along its last axis, and {path.name} has "
            f"{n_axes} axes, so axis {axis} cannot be theirs; save it as .npy."
        )
    if len(shape) > 4:
        raise InputError(
            f"{path.name} has {len(shape)} axes, {shape}; class probabilities have two "
            "or three spatial axes and one of classes."
        )
    if len(shape) == 4 or (axis is not None and len(shape) == 3):
        return _with_names(
            _stored(image, path, shape), path, grid_of(image, shape[:-1])
        )
    family = family_of(path)
    if family is not None:
        return _open_family(family, path)
    name = label_of(path) or "foreground"
    values = with_scale(_stored(image, path, (*shape, 1)))
    return ProbabilityMap(values, (name,), grid_of(image), source=path, name=stem(path))


def load(path: Path) -> Any:
    """Open a NIfTI or MGZ file (header only; the data follow when asked for)."""
    try:
        image = nib.load(path)
    except _DAMAGED as error:
        raise _unreadable(path, error) from error
    if not (_is_nifti(image) or isinstance(image, nib.MGHImage)):
        raise InputError(f"{path.name} is neither NIfTI-1, NIfTI-2 nor MGZ.")
    return image


def grid_of(image: Any, shape: tuple[int, ...] | None = None) -> Grid:
    """Where the voxels of an image that was opened by :func:`load` are.

    Parameters
    ----------
    image : nibabel image
        NIfTI or MGZ.
    shape : tuple of int or None
        Its spatial axes; by default the first three.
    """
    shape = image.shape[:3] if shape is None else shape
    return Grid(shape, image.affine, image.header if _is_nifti(image) else None)


def _refuse_map(image: Any, path: Path) -> None:
    from .maps import is_map

    if _is_nifti(image) and is_map(image):
        raise InputError(
            f"{path.name} is an uncertainty map that was written here; choose the "
            "probabilities that it was made from."
        )


def _with_names(values: Any, path: Path, grid: Grid) -> ProbabilityMap:
    """Probabilities with the names and the kind that files beside them tell."""
    told = declared(path, stem(path), values.shape[0])
    channels = channels_for(path, values.shape[0])
    taken = told.names and not channels.region_order
    return ProbabilityMap(
        values,
        told.names if taken else channels.names,
        grid,
        kind=channels.kind,
        source=path,
        name=stem(path),
        region_order=channels.region_order,
        note=" ".join(filter(None, (told.note, channels.note))),
    )


def _open_family(family: Family, opened: Path) -> ProbabilityMap:
    """Open several files with a class each, one of which was asked for."""
    family.require_complete()
    parts: list[StoredValues] = []
    first: Grid | None = None
    for file in family.files:
        image = load(file)
        _check_header(image, file)
        shape = _squeezed_shape(image.shape)
        grid = grid_of(image, shape)
        first = first or grid
        check_same_grid(family.files[0], first, file, grid)
        parts.append(_stored(image, file, (*shape, 1)))
    return ProbabilityMap(
        join(parts),
        family.class_names,
        first,
        source=family.files[0],
        further_sources=family.files[1:],
        name=family.stem,
        note=family.note_for(opened),
    )


def _stored(image: Any, path: Path, shape: tuple[int, ...]) -> StoredValues:
    """The values of an image, to be read later; the last axis is that of classes."""
    stored = image.get_data_dtype()
    size = math.prod(shape) * stored.itemsize
    offset = int(image.dataobj.offset)
    gzipped = path.name.lower().endswith((".gz", ".mgz"))
    return StoredValues(
        path,
        PackedFile(path, 0, path.stat().st_size, skip=offset, size=size, wbits=GZIP)
        if gzipped
        else PlainFile(path, offset, size),
        file_shape=shape[::-1],
        class_axis=0,
        stored=stored,
        slope=float(image.dataobj.slope),
        inter=float(image.dataobj.inter),
    )


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
    except _DAMAGED as error:
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
    if len(image.shape) < 2 or min(image.shape) < 1:
        raise InputError(f"{path.name} has shape {image.shape}: no image to show.")


def _squeezed_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without axes of length 1 behind the third, as ITK writes vector images."""
    spatial = tuple(int(length) for length in shape[:3])
    return spatial + tuple(int(length) for length in shape[3:] if length > 1)


def _are_shares(data: Array) -> bool:
    """Whether all values that are there are from 0 to 1."""
    return bool(np.all(~np.isfinite(data) | ((data >= 0) & (data <= 1))))


def _is_nifti(image: Any) -> bool:
    return isinstance(image, nib.Nifti1Image | nib.Nifti2Image)


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path.name} cannot be read: it is damaged, cut short or no image ({error})."
    )
