"""Reading files: one module for each family, chosen by the file's name."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

from ..errors import InputError
from ..images import LabelMap, Scan
from ..probabilities import ProbabilityMap
from ..stored import StoredValues


def open_volume(path: str | PathLike[str]) -> Scan | LabelMap | ProbabilityMap:
    """Open a file as what its values say it is.

    Parameters
    ----------
    path : path-like
        ``.nii`` or ``.nii.gz`` (scan, label map or 4D probabilities), or an nnU-Net
        ``.npz``.

    Raises
    ------
    InputError
        If the file cannot be read or is of no known kind.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    if is_nifti(path):
        from .nifti import open_nifti

        return open_nifti(path)
    return read(path)


def read(path: str | PathLike[str]) -> ProbabilityMap:
    """Read class probabilities with their names and their place in space.

    Parameters
    ----------
    path : path-like
        A 4D NIfTI image with the class axis last, an nnU-Net ``.npz``, or an array
        (``.npy``) with the class axis first or last.

    Returns
    -------
    ProbabilityMap
        Values class first, then the NIfTI's own axes (i, j, k).

    Raises
    ------
    InputError
        If the file cannot be read or does not hold probabilities.
    """
    path = Path(path)
    if not (path.is_file() and is_nifti(path)):
        opened = open_probabilities(path)
        return replace(opened, values=opened.values.load())
    volume = open_volume(path)
    if isinstance(volume, ProbabilityMap):
        return volume
    found = "a label map" if isinstance(volume, LabelMap) else "a scan"
    raise InputError(
        f"{path.name} looks like {found}, not like class probabilities (one value "
        "between 0 and 1 for each class, summing to 1)."
    )


def open_probabilities(path: str | PathLike[str]) -> ProbabilityMap:
    """Open class probabilities without reading them yet.

    Parameters and errors are those of :func:`read`; damage of the values, and a NIfTI
    image that holds something else, show when the values are read.

    Returns
    -------
    ProbabilityMap
        Its values are a :class:`~napari_uncertainty.stored.StoredValues`, which the
        engine takes from the file piece by piece.
    """
    path = Path(path)
    name = path.name.lower()
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    if is_nifti(path):
        from .nifti import open_nifti_probabilities

        return open_nifti_probabilities(path)
    if name.endswith(".npz"):
        from .nnunet import open_npz

        return open_npz(path)
    if name.endswith(".npy"):
        from .npy import open_npy

        return open_npy(path)
    raise InputError(
        f"{path.name} is neither NIfTI (.nii, .nii.gz) nor an array (.npz, .npy)."
    )


def open_values(path: str | PathLike[str]) -> StoredValues:
    """As :func:`open_probabilities`, the values alone: what lies beside is not read.

    Only where it tells the order of the axes, as for ``.npy``.
    """
    path = Path(path)
    if path.name.lower().endswith(".npz") and path.is_file():
        from .nnunet import open_npz_values

        return open_npz_values(path)
    values: StoredValues = open_probabilities(path).values
    return values


def is_nifti(path: Path) -> bool:
    """Whether the name is that of a NIfTI file."""
    return path.name.lower().endswith((".nii", ".nii.gz"))
