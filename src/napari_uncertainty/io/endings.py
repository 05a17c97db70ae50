"""Endings of file names: the readers that they stand for, and names without them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any

from ..errors import InputError
from ..model.interpretation import Interpretation


@dataclass(frozen=True)
class Reader:
    """A format of files, and the module that opens them.

    Attributes
    ----------
    module : str
        Module of this package that reads headers, imported when a file is opened. That
        of images has ``load``, which takes a path and returns a :class:`.FileImage`;
        that of arrays has ``array_in``, which takes a path and an
        :class:`.Interpretation` and returns an :class:`.ArrayFile` or a
        :class:`.ChunkedArray`. Empty for images that nibabel reads.
    endings : tuple of str
        Endings of its files that messages name, in small letters.
    further : tuple of str
        Endings that are known besides.
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

    @property
    def all_endings(self) -> tuple[str, ...]:
        """Return all endings that its files have."""
        return self.endings + self.further

    def opens(self, path: PurePath) -> bool:
        """Return whether the name is that of one of its files."""
        return path.name.lower().endswith(self.all_endings)

    def header_of(self, path: Path, *how: Interpretation) -> Any:
        """Open a file by its header alone, as its module does."""
        module = import_module(f".{self.module}", __package__)
        return module.load(path) if self.image else module.array_in(path, *how)


#: All formats.
READERS = (
    Reader("", (".nii", ".nii.gz", ".mgz"), (".mgh",), image=True),
    Reader("nrrd", (".nrrd",), (".seg.nrrd", ".nhdr"), image=True),
    Reader("npz", (".npz", ".npy")),
    Reader("zarr", (".zarr",), folder=True),
    Reader("hdf5", (".h5",), (".hdf5", ".hdf")),
)

#: Endings of images, which may as well be scans or segmentations.
IMAGES = tuple(end for one in READERS if one.image for end in one.all_endings)

#: Endings of NIfTI, the format in which images are written.
SUFFIXES = (".nii.gz", ".nii")

# Endings of folders that are one array, and not a folder of files.
_ARRAY_FOLDERS = tuple(end for one in READERS if one.folder for end in one.all_endings)

# Endings that are left out of a name as a whole, and not only from the last dot on.
_DOUBLE_ENDINGS = (
    ".ome.zarr",
    *(end for one in READERS for end in one.all_endings if end.count(".") > 1),
)


def reader_of(path: Path) -> Reader:
    """Return the reader of a file, or of a folder that is an array.

    Raises
    ------
    InputError
        If there is no such file, or no reader for it.
    """
    for one in READERS:
        if one.opens(path):
            if not one.folder:
                require_file(path)
            return one
    require_file(path)
    raise InputError(
        f"{path.name} is neither an image ({endings_told(image=True)}) nor an array "
        f"({endings_told(image=False)})."
    )


def require_file(path: Path) -> None:
    """Raise InputError where there is no file of that name."""
    if not path.is_file():
        raise InputError(f"There is no file {path}.")


def is_image(path: PurePath) -> bool:
    """Return whether the name is that of an image, such as NIfTI or MGZ."""
    return path.name.lower().endswith(IMAGES)


def is_readable(path: PurePath) -> bool:
    """Return whether the name is one that some reader opens."""
    return any(one.opens(path) for one in READERS)


def is_array_folder(path: Path) -> bool:
    """Return whether a folder is one array, as its name tells."""
    return is_readable_as_folder(path) and path.is_dir()


def is_readable_as_folder(path: PurePath) -> bool:
    """Return whether the name is that of a folder that is one array."""
    return path.name.lower().endswith(_ARRAY_FOLDERS)


def endings_told(*, image: bool) -> str:
    """Return the endings of images, or of arrays, as a message tells them."""
    named = [ending for one in READERS if one.image == image for ending in one.endings]
    return ", ".join(named)


def known_ending(path: PurePath) -> str:
    """Return the longest known ending that a name has; empty where it has none."""
    name = path.name.lower()
    known = (end for one in READERS for end in one.all_endings if name.endswith(end))
    return max(known, key=len, default="")


def stem(path: PurePath) -> str:
    """Return the file name without ending, such as ``.nii.gz``, ``.mgz``, ``.npz``."""
    return path.name[: len(path.name) - len(ending(path))]


def ending(path: PurePath) -> str:
    """Return the ending of a file name as it is spelt, from its dot on, or ``""``.

    The result does not depend on the version of Python, unlike that of pathlib for
    names that begin or end with dots: ``....npz`` ends in ``.npz``, and ``a.`` has no
    ending.
    """
    name = path.name
    for double in _DOUBLE_ENDINGS:
        if name.lower().endswith(double):
            return name[-len(double) :]
    before, dot, after = name.rpartition(".")
    return dot + after if before and after else ""
