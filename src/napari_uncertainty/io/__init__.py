"""Reading files: one module for each family, chosen by the file's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any

from ..limits import check_fits_memory
from ..model.images import LabelMap, Scan
from ..model.interpretation import AS_FOUND, Interpretation
from ..model.probabilities import ProbabilityMap
from ..model.stored import StoredValues
from . import nifti
from .chunked import declared_frames, members_of, probabilities_of
from .endings import is_image, is_readable, reader_of, require_file
from .folders import only_case_in


def open_volume(path: str | PathLike[str]) -> Scan | LabelMap | ProbabilityMap:
    """Open a file as what its values say it is.

    Parameters
    ----------
    path : path-like
        An image (NIfTI, MGZ, NRRD: scan, label map or probabilities), or what
        :func:`read` takes.

    Raises
    ------
    InputError
        If the file cannot be read or is of no known kind.
    """
    path = Path(path)
    if path.is_dir() or not is_image(path):
        return read(path)
    require_file(path)
    return nifti.open_nifti(path)


def read(
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    array: str | None = None,
    class_axis: int | None = None,
) -> ProbabilityMap:
    """Read class probabilities with their names and their place in space.

    Parameters
    ----------
    path : path-like, or sequence of path-like
        An image (NIfTI, MGZ, NRRD) with a class axis or one of several with a class
        each, an array (``.npz``, ``.npy``, Zarr, HDF5), or a folder with one of these;
        ``docs/formats.md`` says more of each. Several images are the classes of one
        case, in this order, whatever their names.
    array : str or None
        Name of the array, in a file with several.
    class_axis : int or None
        Of an array, in the order of the file; found from the values by default.

    Returns
    -------
    ProbabilityMap
        Values class first, then the file's own axes (i, j, k).

    Raises
    ------
    InputError
        If the file cannot be read or does not hold probabilities.
    """
    how = Interpretation(array=array, class_axis=class_axis)
    opened = open_probabilities(path, how)
    return replace(opened, values=_loaded(opened))


def open_probabilities(
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    how: Interpretation = AS_FOUND,
) -> ProbabilityMap:
    """Open class probabilities without reading them yet.

    Parameters
    ----------
    path : path-like, or sequence of path-like
        As of :func:`read`, whose errors these are; damage of the values, and an image
        that holds something else, show when the values are read.
    how : Interpretation
        What a person says of the values. Of the kind, only ``"foreground"`` matters
        here: three axes are then those of space.

    Returns
    -------
    ProbabilityMap
        Its values are a :class:`~napari_uncertainty.model.stored.StoredValues`, which
        the engine takes from the file piece by piece, or a dask array.
    """
    if not isinstance(path, str | PathLike):
        paths = [Path(one) for one in path]
        for one in paths:
            require_file(one)
        return nifti.open_classes(paths, how)
    path = Path(path)
    if _is_folder_of_files(path):
        path = only_case_in(path)
    reader = reader_of(path)
    if reader.image:
        return nifti.open_probabilities(path, how)
    return probabilities_of(reader.header_of(path, how), how)


def frames_in(path: str | PathLike[str], how: Interpretation = AS_FOUND) -> int:
    """Return how many frames a file declares to hold; 0 where it is no series.

    Errors are those of :func:`open_probabilities`.
    """
    path = Path(path)
    if _is_folder_of_files(path):
        return 0
    reader = reader_of(path)
    return 0 if reader.image else declared_frames(reader.header_of(path, how))


def open_members(
    path: str | PathLike[str], how: Interpretation = AS_FOUND
) -> list[ProbabilityMap]:
    """Open one member, or several that are stacked along the first axis of an array.

    As :func:`open_probabilities`, but an array may have one axis more, such as the
    passes of Monte-Carlo dropout.
    """
    path = Path(path)
    if _is_folder_of_files(path):
        return [open_probabilities(path, how)]
    reader = reader_of(path)
    if reader.image:
        return nifti.open_members(path, how)
    return members_of(reader.header_of(path, how), how)


def _is_folder_of_files(path: Path) -> bool:
    return path.is_dir() and not is_readable(path)


def _loaded(opened: ProbabilityMap) -> Any:
    values = opened.values
    if isinstance(values, StoredValues):
        return values.load()
    if hasattr(values, "compute"):
        check_fits_memory(Path(str(opened.source)), values.shape, values.dtype)
        return values.compute()
    return values
