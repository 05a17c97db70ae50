"""Reading files: one module for each family, chosen by the file's name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..images import LabelMap, Scan
from ..model.interpretation import AS_FOUND, Interpretation
from ..probabilities import ProbabilityMap
from ..stored import StoredValues


@dataclass(frozen=True)
class Reader:
    """A family of files, and what opens them.

    Attributes
    ----------
    module : str
        Which module of this package: imported when a file is opened. It has
        ``open_probabilities``, and ``open_members`` or ``frames_in`` where files of
        the family may hold several.
    endings : tuple of str
        How names of its files end, in small letters, as messages tell it.
    further : tuple of str
        Endings that are known as well.
    image : bool
        Whether its files may as well be scans or segmentations.
    folder : bool
        Whether a folder may be one of its files.
    """

    module: str
    endings: tuple[str, ...]
    further: tuple[str, ...] = ()
    image: bool = False
    folder: bool = False

    def opens(self, path: Path) -> bool:
        """Return whether the name is that of one of its files."""
        return path.name.lower().endswith((*self.endings, *self.further))

    def open_probabilities(self, path: Path, how: Interpretation) -> ProbabilityMap:
        """Open class probabilities, without reading them yet."""
        opened: ProbabilityMap = self._import().open_probabilities(path, how)
        return opened

    def open_members(self, path: Path, how: Interpretation) -> list[ProbabilityMap]:
        """Open those that a file holds one after the other, mostly a single one."""
        module = self._import()
        if not hasattr(module, "open_members"):
            return [module.open_probabilities(path, how)]
        members: list[ProbabilityMap] = module.open_members(path, how)
        return members

    def frames_in(self, path: Path, how: Interpretation) -> int:
        """Return how many frames a file declares to hold; 0 where it is no series."""
        module = self._import()
        return module.frames_in(path, how) if hasattr(module, "frames_in") else 0

    def _import(self) -> Any:
        return import_module(f".{self.module}", __name__)


#: All families of files.
READERS = (
    Reader("nifti", (".nii", ".nii.gz", ".mgz"), (".mgh",), image=True),
    Reader("npz", (".npz",)),
    Reader("npy", (".npy",)),
    Reader("zarr_arrays", (".zarr",), folder=True),
    Reader("hdf5", (".h5",), (".hdf5", ".hdf")),
)

#: Endings of images, which may as well be scans or segmentations.
IMAGES = tuple(
    ending for one in READERS if one.image for ending in (*one.endings, *one.further)
)

# A folder with the files of one case.
_FOLDER = Reader("folders", (), folder=True)


def endings_told(*, image: bool) -> str:
    """Return the endings of images, or of arrays, as a message tells them."""
    told = [ending for one in READERS if one.image == image for ending in one.endings]
    return ", ".join(told)


def ending_of(path: Path) -> str:
    """Return the first known ending that a name has; empty where it has none."""
    name = path.name.lower()
    known = (end for one in READERS for end in (*one.endings, *one.further))
    return next((ending for ending in known if name.endswith(ending)), "")


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
    path: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    array: str | None = None,
    class_axis: int | None = None,
) -> ProbabilityMap:
    """Read class probabilities with their names and their place in space.

    Parameters
    ----------
    path : path-like, or sequence of path-like
        An image (NIfTI, MGZ) with the class axis last or one of several with a class
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
        Its values are a :class:`~napari_uncertainty.stored.StoredValues`, which the
        engine takes from the file piece by piece, or a dask array.
    """
    if not isinstance(path, str | PathLike):
        paths = [Path(one) for one in path]
        for one in paths:
            _require_file(one)
        from .nifti import open_classes

        return open_classes(paths, how)
    path = Path(path)
    return _reader_of(path).open_probabilities(path, how)


def frames_in(path: str | PathLike[str], how: Interpretation = AS_FOUND) -> int:
    """Return how many frames a file declares to hold; 0 where it is no series.

    Errors are those of :func:`open_probabilities`.
    """
    path = Path(path)
    return _reader_of(path).frames_in(path, how)


def open_members(
    path: str | PathLike[str], how: Interpretation = AS_FOUND
) -> list[ProbabilityMap]:
    """Open one member, or several that are stacked along the first axis of an array.

    As :func:`open_probabilities`, but an array may have one axis more, such as the
    passes of Monte-Carlo dropout.
    """
    path = Path(path)
    return _reader_of(path).open_members(path, how)


def is_image(path: Path) -> bool:
    """Return whether the name is that of a NIfTI or MGZ file."""
    return any(one.opens(path) for one in READERS if one.image)


def is_readable(path: Path) -> bool:
    """Return whether the name is one that some reader opens."""
    return any(one.opens(path) for one in READERS)


def _reader_of(path: Path) -> Reader:
    """Return what opens a file or folder; InputError where there is nothing."""
    for one in READERS:
        if one.opens(path):
            if not one.folder:
                _require_file(path)
            return one
    if path.is_dir():
        return _FOLDER
    _require_file(path)
    raise InputError(
        f"{path.name} is neither an image ({endings_told(image=True)}) nor an array "
        f"({endings_told(image=False)})."
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
