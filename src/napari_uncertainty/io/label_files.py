"""Corrected segmentations as NIfTI, stored as the original is; only labels differ."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..compare.segmentation import Segmentation, iter_labels_at
from ..errors import InputError
from ..model.grid import Grid
from ..model.images import WHOLE_TOLERANCE
from ..steps import run
from .endings import SUFFIXES
from .image_files import grid_of, image_errors, load
from .map_files import image_on, packed
from .writing import write_whole

Array = np.ndarray[Any, Any]

# Fields of a header that describe the values and not the place of the voxels.
_ABOUT_THE_VALUES = (
    "intent_code", "intent_name", "intent_p1", "intent_p2", "intent_p3",
    "descrip", "aux_file", "cal_min", "cal_max",
)  # fmt: skip

_UNREADABLE: tuple[type[Exception], ...] = (OSError, EOFError, zlib.error)

# Relative error that a label may have, because slopes of headers are float32.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class Written:
    """A segmentation that was written, and what changed on the way.

    Attributes
    ----------
    path : Path
        The file.
    resampled : bool
        Whether each voxel has the label of the nearest one, because voxels of the
        segmentation do not lie on those of the scan.
    note : str
        What a person should know, in sentences; may be empty.
    """

    path: Path
    resampled: bool = False
    note: str = ""


def write_labels(
    path: str | PathLike[str],
    labels: Array,
    grid: Grid | None,
    *,
    source: str | PathLike[str] | None,
    scan: Grid | None = None,
) -> Written:
    """Write labels as NIfTI, stored as in the file that they were read from.

    All bytes in front of the data are those of that file. Where the labels go to a
    scan's voxels, place, codes and units are the scan's; type, scale, intent,
    description and extensions are the file's. Without a NIfTI file, place, codes and
    units are the scan's or the grid's, and the type is that of another source that
    nibabel can open, or else the smallest that holds all labels: unsigned, if none is
    negative. The same arguments give the same bytes.

    Parameters
    ----------
    path : path-like
        Ends in ``.nii.gz`` or ``.nii``; an older file is replaced.
    labels : ndarray of int or bool
        In the grid's own axis order (i, j, k); further axes, such as time, come last.
    grid : Grid or None
        Where they are. None where that is unknown: the codes of a new header are then
        0, and `scan` is not looked at.
    source : path-like or None
        The file that they were read from. If it is not there any more, or has other
        voxels now, it is left out, and a note says so.
    scan : Grid or None
        Where the scan's voxels are. If the labels lie on others, they are written on
        these, 0 where there are none: exactly, where voxels lie on voxels (crops,
        other orders and directions of axes), and else from the nearest voxel.

    Raises
    ------
    InputError
        If `path` is the source or has another ending, a label does not fit into the
        type, the labels do not fit the grid or lie outside of the scan, or the file
        cannot be written.
    """
    path = Path(path)
    source = None if source is None else Path(source)
    _check_name(path, source)
    labels = _checked(labels, grid)
    original = None if source is None else _original(source, labels.shape, grid)
    moved, resampled, notes = False, False, []
    if source is not None and original is None and _is_nifti(source):
        notes.append(
            f"{source.name} is not there any more or was changed, so its header and "
            "its type of numbers were not kept."
        )
    if grid is not None and scan is not None:
        moved, grid, own_grid = not grid.same_place(scan), scan, grid
        if moved:
            labels, resampled, note = _on_scan(labels, own_grid, scan)
            notes += [note] if note else []
    original = original or _Original("", _smallest(labels))
    stored = original.encode(labels, path.name)
    start = original.start
    if moved or not start:
        start, stored = _new_start(stored, grid, original)
    write_whole([(path, lambda file: _write(path, file, start, stored))], sync=True)
    return Written(path, resampled, " ".join(notes))


def _write(path: Path, file: BinaryIO, start: bytes, stored: Array) -> None:
    with packed(path, file) as target:
        target.write(start)
        for part in stored.T:  # in a file, the first axis runs fastest
            target.write(part.tobytes())


@dataclass(frozen=True)
class _Original:
    """Type, scale and header with which a file stores its segmentation.

    Labels are the stored numbers times `slope` plus `inter`. Only for NIfTI, `header`
    and `start`, all bytes in front of the data, are known.
    """

    name: str
    dtype: np.dtype[Any]
    slope: float = 1.0
    inter: float = 0.0
    header: Any = None
    start: bytes = b""

    def encode(self, labels: Array, name: str) -> Array:
        """Return labels as numbers of the file; InputError if one does not fit."""
        if (self.slope, self.inter) == (1, 0):
            stored = labels.astype(self.dtype)
            lost = stored != labels
        else:
            exact = (labels.astype(np.float64) - self.inter) / self.slope
            if self.dtype.kind in "iu":
                limits = np.iinfo(self.dtype)
                exact = np.rint(exact).clip(limits.min, limits.max)
            stored = exact.astype(self.dtype)
            back = stored * self.slope + self.inter
            lost = ~np.isclose(back, labels, rtol=_ROUNDING, atol=WHOLE_TOLERANCE)
        if lost.any():
            raise InputError(
                f"Label {labels[lost][0]} cannot be stored in {name}, whose numbers "
                f"are those of {self.name}, {self._range()}; choose another label."
            )
        return stored

    def _range(self) -> str:
        text = str(self.dtype.newbyteorder("="))
        if self.dtype.kind in "iu":
            limits = np.iinfo(self.dtype)
            text += f" from {limits.min} to {limits.max}"
        if (self.slope, self.inter) != (1, 0):
            text += f", times {self.slope:g} plus {self.inter:g}"
        return text


def _original(
    source: Path, shape: tuple[int, ...], grid: Grid | None
) -> _Original | None:
    """Return how the source stores its labels; None if its voxels are others."""
    import nibabel as nib

    if not _is_nifti(source):
        return _of_other_kind(source)
    try:
        image = load(source)
        source_grid = grid_of(image)
        offset = int(image.dataobj.offset)
        with nib.openers.ImageOpener(str(source)) as file:
            start = bytes(file.read(offset))
    except image_errors(InputError, *_UNREADABLE):
        return None
    dtype = image.get_data_dtype()
    # Axes of length 1 are left out when a file is read.
    same_shape = _without_ones(image.shape) == _without_ones(shape)
    same_place = grid is None or grid.same_place(source_grid)
    whole = len(start) == offset >= image.header.single_vox_offset
    if dtype.kind not in "iuf" or not (same_shape and same_place and whole):
        return None
    scale = float(image.dataobj.slope), float(image.dataobj.inter)
    return _Original(source.name, dtype, *scale, image.header, start)


def _of_other_kind(source: Path) -> _Original | None:
    """Return the type of numbers in a file that is not NIfTI, such as MGZ."""
    import nibabel as nib

    try:
        image: Any = nib.load(source)
        dtype: np.dtype[Any] = image.get_data_dtype()
    except image_errors(*_UNREADABLE):
        return None
    return _Original(source.name, dtype) if dtype.kind in "iuf" else None


def _on_scan(labels: Array, grid: Grid, scan: Grid) -> tuple[Array, bool, str]:
    """Return labels at the voxels of the scan, whether they are resampled, a note."""
    further = labels.shape[grid.ndim :]
    on_scan = np.empty((*scan.shape, *further), labels.dtype)
    for moment in np.ndindex(further):
        segmentation = Segmentation(labels[(..., *moment)], grid)
        labels_there = run(iter_labels_at(scan.shape, scan, segmentation))
        assert labels_there is not None  # both grids are known
        on_scan[(..., *moment)] = labels_there
    if labels.any() and not on_scan.any():
        raise InputError(
            "The segmentation lies outside of the scan, so nothing would be left of "
            "it; choose the scan that it belongs to."
        )
    if scan.placement_in(grid) is None:
        note = "Each voxel has the label of the nearest one of the segmentation."
        return on_scan, True, note
    lost = np.count_nonzero(labels) - np.count_nonzero(on_scan)
    note = f"Labels outside of the scan were left out ({lost} voxels)." if lost else ""
    return on_scan, False, note


def _new_start(
    stored: Array, where: Grid | None, original: _Original
) -> tuple[bytes, Array]:
    """Return all bytes in front of the data, and the data in their byte order."""
    header = image_on(stored, where).header
    header.set_slope_inter(original.slope, original.inter)
    header["vox_offset"] = 0  # nibabel puts the data behind the extensions
    if original.header is None:
        header["descrip"] = header["aux_file"] = b""
        header.set_intent("label", name="")
    else:
        for name in _ABOUT_THE_VALUES:
            header[name] = original.header[name]
        header.extensions.extend(original.header.extensions)
    file = BytesIO()
    header.write_to(file)
    return file.getvalue(), stored.astype(header.get_data_dtype(), copy=False)


def _check_name(path: Path, source: Path | None) -> None:
    if not _is_nifti(path):
        raise InputError(f"{path.name}: a segmentation is saved as .nii.gz or .nii.")
    if source is not None and (
        path.resolve() == source.resolve()
        or (path.exists() and source.exists() and path.samefile(source))
    ):
        raise InputError(
            f"{path.name} is the segmentation that was opened; choose another name, "
            "for the original is kept."
        )


def _checked(labels: Array, grid: Grid | None) -> Array:
    """Return labels in the machine's byte order; InputError if they are not whole."""
    labels = np.asarray(labels)
    if labels.dtype == bool:
        labels = labels.astype(np.uint8)
    if labels.dtype.kind not in "iu" or not labels.size:
        raise InputError(
            "A segmentation has one whole number for each voxel, not values of type "
            f"{labels.dtype} in shape {labels.shape}."
        )
    if grid is not None and labels.shape[: grid.ndim] != grid.shape:
        raise InputError(
            f"The segmentation has shape {labels.shape} and its grid {grid.shape}, so "
            "it cannot be placed; open it again."
        )
    return labels.astype(labels.dtype.newbyteorder("="), copy=False)


def _smallest(labels: Array) -> np.dtype[Any]:
    lowest, highest = int(labels.min()), int(labels.max())
    # A negative number −1 − n needs as many bits as n, and a sign.
    return np.min_scalar_type(min(lowest, -1 - highest) if lowest < 0 else highest)


def _without_ones(shape: tuple[int, ...]) -> list[int]:
    return [length for length in shape if length > 1]


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith(SUFFIXES)
