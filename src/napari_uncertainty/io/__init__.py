"""Reading files: one module for each family, chosen by the file's name."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from ..errors import InputError
from ..images import LabelMap, Scan
from ..probabilities import ProbabilityMap


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
    name = path.name.lower()
    if not path.is_file():
        raise InputError(f"There is no file {path}.")
    if name.endswith((".nii", ".nii.gz")):
        from .nifti import open_nifti

        return open_nifti(path)
    if name.endswith(".npz"):
        from .nnunet import read_npz

        return read_npz(path)
    raise InputError(f"{path.name} is neither NIfTI (.nii, .nii.gz) nor .npz.")


def read(path: str | PathLike[str]) -> ProbabilityMap:
    """Read class probabilities with their names and their place in space.

    Parameters
    ----------
    path : path-like
        A 4D NIfTI image with the class axis last, or an nnU-Net ``.npz``.

    Returns
    -------
    ProbabilityMap
        Values class first, then the NIfTI's own axes (i, j, k).

    Raises
    ------
    InputError
        If the file cannot be read or does not hold probabilities.
    """
    volume = open_volume(path)
    if isinstance(volume, ProbabilityMap):
        return volume
    found = "a label map" if isinstance(volume, LabelMap) else "a scan"
    raise InputError(
        f"{Path(path).name} looks like {found}, not like class probabilities (one "
        "value between 0 and 1 for each class, summing to 1)."
    )


def open_probabilities(path: str | PathLike[str]) -> ProbabilityMap:
    """Open class probabilities for one pass over them, as the engine makes it."""
    return read(path)
