"""Reading files: one module for each family, chosen by the file's name."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..images import LabelMap, Scan
from ..probabilities import ProbabilityMap
from ..stored import StoredValues
from .options import Options

#: Which module opens which endings.
MODULES = {
    "nifti": (".nii", ".nii.gz", ".mgz", ".mgh"),
    "npz": (".npz",),
    "npy": (".npy",),
    "zarr_arrays": (".zarr",),
    "hdf5": (".h5", ".hdf5", ".hdf"),
}

#: Of these, the endings of images, which may as well be scans or segmentations.
IMAGES = MODULES["nifti"]


def open_volume(path: str | PathLike[str]) -> Scan | LabelMap | ProbabilityMap:
    """Open a file as what its values say it is.

    Parameters
    ----------
    path : path-like
        An image (``.nii``, ``.nii.gz``, ``.mgz``: scan, label map or probabilities), or
        what :func:`read` takes.

    Raises
    ------
    InputError
        If the file cannot be read or is of no known kind.
    """
    path = Path(path)
    if path.is_dir() or not is_image(path):
        return read(path)
    _require_file(path)
    from .nifti import open_nifti

    return open_nifti(path)


def read(
    path: str | PathLike[str],
    *,
    array: str | None = None,
    class_axis: int | None = None,
) -> ProbabilityMap:
    """Read class probabilities with their names and their place in space.

    Parameters
    ----------
    path : path-like
        An image (NIfTI, MGZ) with the class axis last or one of several with a class
        each, an array (``.npz``, ``.npy``, Zarr, HDF5), or a folder with one of these;
        ``docs/formats.md`` says more of each.
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
    opened = open_probabilities(path, array=array, class_axis=class_axis)
    return replace(opened, values=_loaded(opened))


def open_probabilities(
    path: str | PathLike[str],
    *,
    array: str | None = None,
    class_axis: int | None = None,
    kind: str | None = None,
    frame: int | None = None,
) -> ProbabilityMap:
    """Open class probabilities without reading them yet.

    Of the kind (a key of :data:`.KINDS`), only ``"foreground"`` matters here: three
    axes are then those of space. Of a series, `frame` is which one, from 0. Other
    parameters and errors are those of :func:`read`; damage of the values, and an image
    that holds something else, show when the values are read.

    Returns
    -------
    ProbabilityMap
        Its values are a :class:`~napari_uncertainty.stored.StoredValues`, which the
        engine takes from the file piece by piece, or a dask array.
    """
    path = Path(path)
    module = _module_of(path)
    opened: ProbabilityMap = module.open_probabilities(
        path, Options(array, class_axis, kind, frame)
    )
    return opened


def frames_in(path: str | PathLike[str], *, array: str | None = None) -> int:
    """Return how many frames a file declares to hold; 0 where it is no series.

    Errors are those of :func:`open_probabilities`.
    """
    path = Path(path)
    module = _module_of(path)
    if not hasattr(module, "frames_in"):
        return 0
    frames: int = module.frames_in(path, Options(array))
    return frames


def open_members(
    path: str | PathLike[str],
    *,
    array: str | None = None,
    class_axis: int | None = None,
    kind: str | None = None,
) -> list[ProbabilityMap]:
    """Open one member, or several that are stacked along the first axis of an array.

    As :func:`open_probabilities`, but an array may have one axis more, such as the
    passes of Monte-Carlo dropout.
    """
    path = Path(path)
    module = _module_of(path)
    options = Options(array, class_axis, kind)
    if hasattr(module, "open_members"):
        members: list[ProbabilityMap] = module.open_members(path, options)
        return members
    return [module.open_probabilities(path, options)]


def is_image(path: Path) -> bool:
    """Return whether the name is that of a NIfTI or MGZ file."""
    return path.name.lower().endswith(IMAGES)


def is_readable(path: Path) -> bool:
    """Return whether the name is one that some module opens."""
    return any(path.name.lower().endswith(ends) for ends in MODULES.values())


def _module_of(path: Path) -> Any:
    """The module that opens a file or folder; InputError where there is none."""
    name = path.name.lower()
    for module, endings in MODULES.items():
        if name.endswith(endings):
            if module != "zarr_arrays":
                _require_file(path)
            return import_module(f".{module}", __name__)
    if path.is_dir():
        return import_module(".folders", __name__)
    _require_file(path)
    raise InputError(
        f"{path.name} is neither an image (.nii, .nii.gz, .mgz) nor an array (.npz, "
        ".npy, .zarr, .h5)."
    )


def _require_file(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"There is no file {path}.")


def _loaded(opened: ProbabilityMap) -> Any:
    values = opened.values
    if isinstance(values, StoredValues):
        return values.load()
    if hasattr(values, "compute"):
        from ..limits import check_fits_memory

        check_fits_memory(Path(str(opened.source)), values.shape, values.dtype)
        return values.compute()
    return values
