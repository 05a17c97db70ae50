"""Image files of all formats: their headers, places in space, and values."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, in_short
from ..limits import check_fits_memory
from ..model.grid import Grid, in_millimetres, millimetres_of
from ..model.stored import Bytes, StoredValues
from .byte_sources import GZIP, PackedFile, PlainFile
from .endings import READERS

Array = np.ndarray[Any, Any]

#: NIfTI's codes for displacements and for vectors (nifti1.h).
VECTOR_INTENTS = (1006, 1007)

#: Endings of FreeSurfer's images.
MGH = (".mgz", ".mgh")

#: Ends the description in the header of every map that is written here.
MADE_HERE = "napari-uncertainty"

# Errors that nibabel raises for damaged files, besides its own.
_DAMAGED: tuple[type[Exception], ...] = (
    OSError, EOFError, LookupError, ValueError, TypeError, OverflowError, struct.error,
    zlib.error,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class FileImage:
    """An image in a format that nibabel cannot read, of which the header was read.

    Attributes
    ----------
    path : Path
        The file.
    shape : tuple of int
        Length of the spatial axes, the one that runs fastest in the file first, and
        behind three of them of the axis of classes, or of another one that repeats the
        volume.
    affine : ndarray, shape (4, 4)
        From voxel index to RAS+ mm.
    dtype : dtype
        Type of the values in the file, with its byte order.
    open_bytes : callable
        Returns the values. It raises InputError where the file cannot hold them.
    class_axis : int or None
        Number in the file, counted from the slowest axis on, of the axis that repeats
        the volume, the last of `shape`. None where there is none, or nothing tells
        which it is: `shape` is then in the order of the file.
    has_place : bool
        Whether the header says where the voxels are.
    intent : int
        NIfTI's code for the meaning of the values; 0 where the header tells none.
    class_names : mapping of int to str
        Names of the labels of a segmentation.
    colors : mapping of int to tuple of float
        Red, green and blue of these labels, 0 to 1.
    note : str
        What a person should know of how the header was understood.
    """

    path: Path
    shape: tuple[int, ...]
    affine: Array
    dtype: np.dtype[Any]
    open_bytes: Callable[[], Bytes]
    class_axis: int | None = None
    has_place: bool = True
    intent: int = 0
    class_names: Mapping[int, str] = field(default_factory=dict)
    colors: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)
    note: str = ""

    def get_data_dtype(self) -> np.dtype[Any]:
        """Return the type of the values in the file, as images of nibabel do."""
        return self.dtype

    def stored_values(self, shape: tuple[int, ...]) -> StoredValues:
        """Return the values, to be read later; see :func:`stored_values`."""
        in_file, axis = list(shape[::-1]), 0
        if self.class_axis is not None:
            axis = self.class_axis
            in_file.insert(axis, in_file.pop(0))
        return StoredValues(
            self.path, self.open_bytes(), tuple(in_file), axis, self.dtype
        )


def image_errors(*further: type[Exception]) -> tuple[type[Exception], ...]:
    """Return nibabel's errors for files that are damaged or no image, and others."""
    import nibabel as nib

    return (
        nib.filebasedimages.ImageFileError,
        nib.spatialimages.HeaderDataError,
        nib.freesurfer.mghformat.MGHError,
        *further,
    )


def load(path: Path) -> Any:
    """Open an image (header only; the data follow when asked for).

    Returns
    -------
    nibabel image or FileImage
        The latter where a row of :data:`.READERS` names a module.
    """
    import nibabel as nib

    is_mgh = path.name.lower().endswith(MGH)
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a regular file.")  # a pipe may never end
    for reader in READERS:
        if reader.image and reader.module and reader.opens(path):
            return reader.header_of(path)
    try:
        with np.errstate(all="ignore"):  # absurd numbers are refused by the grid
            image: Any = _load_mgh(path) if is_mgh else nib.load(path)
    except image_errors(*_DAMAGED) as error:
        raise _unreadable(path, error) from error
    if not (is_mgh or is_nifti(image)):
        raise InputError(f"{path.name} is neither NIfTI-1, NIfTI-2 nor MGZ.")
    return image


def grid_of(image: Any, shape: tuple[int, ...] | None = None) -> Grid:
    """Return where the voxels of an image are.

    Parameters
    ----------
    image : nibabel image or FileImage
        Opened by :func:`load`.
    shape : tuple of int or None
        Its spatial axes; by default the first three.
    """
    shape = image.shape[:3] if shape is None else shape
    if not is_nifti(image):
        return Grid(shape, image.affine)
    header = image.header
    affine = in_millimetres(image.affine, header)
    return Grid(shape, affine, header, millimetres_of(header))


def read_data(image: Any, path: Path) -> Array:
    """Return voxel values: as stored where nothing is scaled, else as float32."""
    check_header(image, path)
    if isinstance(image, FileImage):
        values = image.stored_values((*image.shape, 1)[: max(4, len(image.shape))])
        in_file_order = values.load()
        return np.moveaxis(in_file_order, 0, -1).reshape(image.shape)
    stored = image.get_data_dtype()
    scaled = scale_of(image) != (1, 0)
    in_memory = np.dtype(np.float32) if scaled else stored
    check_fits_memory(path, image.shape, in_memory)
    stored_values(image, path, image.shape)  # refuses what the file cannot hold
    try:
        with np.errstate(all="ignore"):  # values that are not finite are seen later
            if scaled:
                data = image.get_fdata(dtype=np.float32, caching="unchanged")
                return np.asarray(data)
            data = np.asanyarray(image.dataobj)
    except image_errors(*_DAMAGED) as error:
        raise _unreadable(path, error) from error
    # Viewers and compiled code expect the machine's own byte order.
    native: Array = data.astype(data.dtype.newbyteorder("="), copy=False)
    return native


def stored_values(image: Any, path: Path, shape: tuple[int, ...]) -> StoredValues:
    """Return the values of an image, to be read later.

    Parameters
    ----------
    image : nibabel image or FileImage
        An image whose header was checked.
    path : Path
        Its file.
    shape : tuple of int
        Length of its axes, the last of which is that of the classes.

    Raises
    ------
    InputError
        If the file cannot hold what its header promises.
    """
    if isinstance(image, FileImage):
        return image.stored_values(shape)
    stored = image.get_data_dtype()
    size = math.prod(shape) * stored.itemsize
    offset = int(image.dataobj.offset)
    slope, inter = scale_of(image)
    gzipped = path.name.lower().endswith((".gz", ".mgz"))
    return StoredValues(
        path,
        PackedFile(path, 0, path.stat().st_size, skip=offset, size=size, wbits=GZIP)
        if gzipped
        else PlainFile(path, offset, size),
        file_shape=shape[::-1],
        class_axis=0,
        stored=stored,
        slope=slope,
        inter=inter,
    )


def scale_of(image: Any) -> tuple[float, float]:
    """Return slope and intercept by which stored values become those that are meant."""
    if isinstance(image, FileImage):
        return 1.0, 0.0
    return float(image.dataobj.slope), float(image.dataobj.inter)


def middle_plane(image: Any, path: Path) -> Array:
    """Return the values in the middle of the third axis, all of a flat image.

    Raises
    ------
    InputError
        If the file cannot hold what its header promises.
    """
    middle: Any = ...
    if len(image.shape) > 2:
        middle = (slice(None), slice(None), image.shape[2] // 2)
    if isinstance(image, FileImage):
        plane: Array = read_data(image, path)[middle]
        return plane
    stored_values(image, path, image.shape)  # refuses what the file cannot hold
    with np.errstate(all="ignore"):
        return np.asarray(image.dataobj[middle])


def intent_of(image: Any) -> int:
    """Return NIfTI's code for the meaning of the values; 0 where there is none."""
    if isinstance(image, FileImage):
        return image.intent
    return int(image.header["intent_code"]) if is_nifti(image) else 0


def note_of(image: Any) -> str:
    """Return what a person should know of how the header was understood."""
    return image.note if isinstance(image, FileImage) else ""


def tells_its_place(image: Any) -> bool:
    """Return whether the header of an image says where its voxels are.

    The place of a map that was written here does not count: it is that of another file.
    """
    if isinstance(image, FileImage):
        return image.has_place
    header = image.header
    if not is_nifti(image):
        return bool(header["goodRASFlag"] > 0)
    return bool(header["sform_code"] or header["qform_code"]) and not is_map(image)


def check_header(image: Any, path: Path) -> None:
    """Raise InputError where an image does not hold real numbers along two axes."""
    stored = image.get_data_dtype()
    if stored.names is not None or stored.kind not in "iuf":
        raise InputError(
            f"{path.name} stores colour or complex values; a scan, labels or "
            "probabilities have one real number for each voxel."
        )
    if len(image.shape) < 2 or min(image.shape) < 1:
        raise InputError(f"{path.name} has shape {image.shape}: no image to show.")


def squeezed_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without axes of length 1 behind the third, which ITK writes."""
    spatial = tuple(int(length) for length in shape[:3])
    return spatial + tuple(int(length) for length in shape[3:] if length > 1)


def is_nifti(image: Any) -> bool:
    """Return whether an image has a header of NIfTI, with its codes and intent."""
    import nibabel as nib

    return isinstance(image, nib.Nifti1Image | nib.Nifti2Image)


def is_map(image: Any) -> bool:
    """Return whether an image, opened by nibabel, is a map that this program wrote."""
    if not is_nifti(image):  # FreeSurfer's headers have no description
        return False
    return bytes(image.header["descrip"].item()).endswith(MADE_HERE.encode())


def _load_mgh(path: Path) -> Any:
    """Load MGH without nibabel's own way, which would leave the file open."""
    import nibabel as nib

    with nib.openers.ImageOpener(str(path)) as file:
        header = nib.freesurfer.mghformat.MGHHeader.from_fileobj(file)
        affine = header.get_affine()
    return nib.MGHImage(
        nib.arrayproxy.ArrayProxy(str(path), header.copy()), affine, header
    )


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(
        f"{path.name} cannot be read: it is damaged, cut short or no image "
        f"({in_short(error)})."
    )
