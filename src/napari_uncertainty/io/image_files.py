"""Image files, NIfTI and MGZ: header, place and values, whatever they hold."""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, in_short
from ..grid import Grid, in_millimetres, millimetres_of
from ..limits import check_fits_memory
from ..stored import StoredValues
from .byte_sources import GZIP, PackedFile, PlainFile

Array = np.ndarray[Any, Any]

#: Endings of FreeSurfer's images.
MGH = (".mgz", ".mgh")

#: Ends the description in the header of every map that is written here.
MADE_HERE = "napari-uncertainty"

# Errors that nibabel raises for damaged files, besides its own.
_DAMAGED: tuple[type[Exception], ...] = (
    OSError, EOFError, LookupError, ValueError, TypeError, OverflowError, struct.error,
    zlib.error,
)  # fmt: skip


def image_errors(*further: type[Exception]) -> tuple[type[Exception], ...]:
    """Return nibabel's own errors for what is no image or a damaged one, and others."""
    import nibabel as nib

    return (
        nib.filebasedimages.ImageFileError,
        nib.spatialimages.HeaderDataError,
        nib.freesurfer.mghformat.MGHError,
        *further,
    )


def load(path: Path) -> Any:
    """Open a NIfTI or MGZ file (header only; the data follow when asked for)."""
    import nibabel as nib

    is_mgh = path.name.lower().endswith(MGH)
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is no file.")  # of a pipe, nobody sees the end
    try:
        with np.errstate(all="ignore"):  # absurd numbers are refused by the grid
            image: Any = _load_mgh(path) if is_mgh else nib.load(path)
    except image_errors(*_DAMAGED) as error:
        raise _unreadable(path, error) from error
    if not (is_mgh or is_nifti(image)):
        raise InputError(f"{path.name} is neither NIfTI-1, NIfTI-2 nor MGZ.")
    return image


def grid_of(image: Any, shape: tuple[int, ...] | None = None) -> Grid:
    """Return where the voxels of an image that was opened by :func:`load` are.

    Parameters
    ----------
    image : nibabel image
        NIfTI or MGZ.
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
    """Voxel values: as stored where nothing is scaled, else float32."""
    check_header(image, path)
    stored = image.get_data_dtype()
    scaled = image.dataobj.slope != 1 or image.dataobj.inter != 0
    in_memory = np.dtype(np.float32) if scaled else stored
    check_fits_memory(path, image.shape, in_memory)
    stored_values(image, path, image.shape)  # refuses what the file cannot hold
    try:
        with np.errstate(all="ignore"):  # what is not finite, is seen for itself
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
    """The values of an image, to be read later.

    Parameters
    ----------
    image : nibabel image
        Whose header was checked.
    path : Path
        Its file.
    shape : tuple of int
        Its axes, the last of which is that of the classes.

    Raises
    ------
    InputError
        If the file cannot hold what its header promises.
    """
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


def check_header(image: Any, path: Path) -> None:
    """Raise InputError where there is no image of real numbers."""
    stored = image.get_data_dtype()
    if stored.names is not None or stored.kind not in "iuf":
        raise InputError(
            f"{path.name} stores colour or complex values; a scan, labels or "
            "probabilities have one real number for each voxel."
        )
    if len(image.shape) < 2 or min(image.shape) < 1:
        raise InputError(f"{path.name} has shape {image.shape}: no image to show.")


def squeezed_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Without axes of length 1 behind the third, as ITK writes vector images."""
    spatial = tuple(int(length) for length in shape[:3])
    return spatial + tuple(int(length) for length in shape[3:] if length > 1)


def is_nifti(image: Any) -> bool:
    """Return whether an image has NIfTI's header, with its codes and intent."""
    import nibabel as nib

    return isinstance(image, nib.Nifti1Image | nib.Nifti2Image)


def is_map(image: Any) -> bool:
    """Return whether an image, opened by nibabel, is a map that this program wrote."""
    if not is_nifti(image):  # FreeSurfer's headers have no description
        return False
    return bytes(image.header["descrip"].item()).endswith(MADE_HERE.encode())


def _load_mgh(path: Path) -> Any:
    """As nibabel does, which would leave the file open that it read the header from."""
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
