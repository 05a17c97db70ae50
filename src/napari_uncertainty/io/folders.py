"""Files in a folder that hold class probabilities, found by their names and headers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ..errors import InputError
from ..text import listed
from .endings import endings_told, is_array_folder, is_image, is_readable, stem
from .families import family_of
from .image_files import load
from .nifti import told_vectors


def only_case_in(folder: Path) -> Path:
    """Return the one case in a folder; subfolders are not searched.

    Raises
    ------
    InputError
        If there is none or several, or if the folder cannot be searched.
    """
    cases = cases_in(folder)
    if not cases:
        raise InputError(
            f"In the folder {folder.name} there are no class probabilities: no array "
            f"({endings_told(image=False)}), no image with four axes, and no images "
            "that are called like those of one class each."
        )
    if len(cases) > 1:
        names = listed([case.name for case in cases], 5)
        raise InputError(
            f"In the folder {folder.name} there are several cases ({names}); open one "
            "of them."
        )
    return cases[0]


def cases_in(folder: Path) -> list[Path]:
    """Return the files of a folder that hold class probabilities, one for each case.

    Raises
    ------
    InputError
        If it cannot be searched.
    """
    try:
        files = sorted(folder.iterdir())
    except OSError as error:
        raise InputError(f"{folder} cannot be read ({error.strerror}).") from error
    return list(cases_among(file for file in files if not file.name.startswith(".")))


def cases_among(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield the files that hold class probabilities, one for each case.

    These are arrays, images with more than three axes, and of files with a class each
    the first one, once. An image whose header cannot be read is one of them, so that
    this is reported, but not the segmentation beside an ``.npz`` of the same name. Maps
    that were written here have three axes and are left out.
    """
    taken: set[Path] = set()
    for path in paths:
        if path in taken or path.is_dir() != is_array_folder(path):
            continue
        if is_image(path):
            family = family_of(path)
            if family is not None:
                taken.update(family.files)
                path = family.files[0]
            elif not _has_classes(path):
                continue
        elif not is_readable(path):
            continue
        taken.add(path)
        yield path


def _has_classes(path: Path) -> bool:
    """Return whether an image has a fourth axis, or has a header that cannot be read.

    Images of vectors and of spherical harmonics have one, too, but do not count.
    """
    try:
        image = load(path)
        further = any(int(length) > 1 for length in image.shape[3:])
        return further and not told_vectors(image, path)
    except Exception:  # noqa: BLE001  whatever is wrong, opening it will say so
        return not path.with_name(stem(path) + ".npz").exists()
