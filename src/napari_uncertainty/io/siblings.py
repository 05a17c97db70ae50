"""Files of one class each under names that no tool's convention has.

Such as ``priors1`` to ``priors4``, ``tpm_00`` to ``tpm_05`` or ``p_atlas_csf``,
``p_atlas_gm``, ``p_atlas_wm``: the names differ in one number or in one word for a
tissue, and the values of all add up to 1. Only the values make them one case.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..probabilities import SUM_TOLERANCE
from .endings import is_image, known_ending
from .image_files import is_map, load, middle_plane, scale_of

Array = np.ndarray[Any, Any]

#: Words for tissues, in the order in which their classes come.
TISSUE_WORDS = (
    "background", "bg", "bkg", "csf", "gm", "gray", "grey", "graymatter", "greymatter",
    "cgm", "sgm", "dgm", "wm", "white", "whitematter", "brainstem", "cerebellum",
    "bone", "skull", "skin", "scalp", "soft", "air", "vessels", "lesion", "other",
)  # fmt: skip

_PARTS = re.compile(
    rf"\d+|(?<![a-z])(?:{'|'.join(sorted(TISSUE_WORDS, key=len, reverse=True))})"
    r"(?![a-z])",
    re.IGNORECASE,
)

# More files with a class each than anybody has.
_MOST = 200

_NEARLY_ALL = 0.99

# So many files are named in a note.
_NAMED = 3

# A number behind one of these, or at the beginning of a name, is that of a patient, an
# image or a model, and not of a class.
_OTHER_NUMBERS = re.compile(
    r"(?:^|(?:^|[^a-z])(?:sub|subj|subject|case|patient|pat|pt|id|study|scan|img|image|"
    r"vol|volume|ses|session|run|fold|model|train|test|val|tp|time|frame|t))[-_ ]?$",
    re.IGNORECASE,
)


def siblings_of(path: Path) -> tuple[dict[str, Path], tuple[int, int]] | None:
    """Return the files that add up to 1 with one, and where their names differ.

    Parameters
    ----------
    path : Path
        An image of one class.

    Returns
    -------
    tuple of dict and tuple, or None
        Files by the number or word in their names, in the order of the classes, and
        where that is in the name of the given one. None where it has none.
    """
    for files, where in _alike(path):
        if _add_up(list(files.values())):
            return files, where
    return None


def note_of_siblings(path: Path) -> str:
    """Return what to tell of files that may hold further classes of the same case.

    Their names differ in one tissue, or in one number that is not that of a patient or
    an image. All lie on one grid and hold shares, which do not add up to 1 and nowhere
    to more. Empty where there are none.
    """
    for files, (start, _) in _alike(path):
        if _OTHER_NUMBERS.search(path.name[:start]):
            continue
        middles = [_middle_of(file) for file in files.values()]
        shapes = {None if one is None else one[0] for one in middles}
        if None in shapes or len(shapes) > 1:
            continue
        total = sum(one[1] for one in middles if one is not None)
        if not np.any(total) or np.max(total) > 1 + SUM_TOLERANCE:
            continue
        others = [file.name for file in files.values() if file != path]
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        return (
            f"Beside {path.name} lie {', '.join(others[:_NAMED])}{more}, which do not "
            "add up to 1 with it. If each holds one class of this case, name all of "
            "them with --case NAME."
        )
    return ""


def _alike(path: Path) -> Iterator[tuple[dict[str, Path], tuple[int, int]]]:
    """Files whose names differ in one number or tissue, in the order of the classes."""
    if not is_image(path):
        return
    name = path.name[: -len(known_ending(path))]
    if not _PARTS.search(name):
        return
    names = names_beside(path)
    for found in _PARTS.finditer(name):
        start, end = found.span()
        of_class = str.isdecimal if found[0].isdecimal() else _is_tissue
        files = {
            own: file
            for own, file in names_differing(path, names, start, end)
            if of_class(own)
        }
        if 2 <= len(files) <= _MOST:
            order = sorted(files, key=_place)
            yield {one: files[one] for one in order}, (start, end)


def names_beside(path: Path) -> list[str]:
    """Return the names of all files in the folder of one; none if it has no list."""
    try:
        return sorted(os.listdir(path.parent))
    except OSError:
        return []


def names_differing(
    path: Path, names: Sequence[str], start: int, end: int
) -> Iterator[tuple[str, Path]]:
    """Files whose names differ in one place, and what each has there.

    Parameters
    ----------
    path : Path
        One of them.
    names : sequence of str
        Names of files in its folder.
    start, end : int
        The place in its name.
    """
    before, behind = path.name[:start], path.name[end:]
    for name in names:
        own = name[len(before) : len(name) - len(behind)]
        if name == before + own + behind:
            yield own, path.with_name(name)


def _is_tissue(word: str) -> bool:
    return word.lower() in TISSUE_WORDS


def _place(found: str) -> tuple[int, str]:
    if found.isdecimal():
        return int(found), found
    return TISSUE_WORDS.index(found.lower()), found


def _add_up(files: list[Path]) -> bool:
    """Tell whether all values are shares, and add up to 1 in nearly all voxels."""
    total: Any = 0.0
    shape: Any = None
    whole = True
    for file in files:
        told = _middle_of(file)
        if told is None or (shape is not None and told[0] != shape):
            return False
        shape, plane = told
        whole = whole and bool((plane == np.rint(plane)).all())
        total = total + plane
    there = total[total != 0]
    if whole or not there.size:
        return False  # masks and labels
    return bool((np.abs(there - 1) <= SUM_TOLERANCE).mean() >= _NEARLY_ALL)


def _middle_of(path: Path) -> tuple[Any, Array] | None:
    """Shape and affine, and the middle plane; None where these are no shares."""
    try:
        state = path.stat()
    except OSError:
        return None
    return _middle(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=128)
def _middle(path: Path, _time: int, _size: int) -> tuple[Any, Array] | None:
    try:
        image = load(path)
        long = sum(int(length) > 1 for length in image.shape)
        integers = image.get_data_dtype().kind != "f"
        unscaled = integers and scale_of(image)[0] == 1
        if long > 3 or len(image.shape) < 3 or is_map(image) or unscaled:
            return None
        plane = middle_plane(image, path)
    except Exception:  # noqa: BLE001  whatever is wrong, opening it will say so
        return None
    plane = plane.astype(np.float64)
    if not np.isfinite(plane).all() or plane.min() < 0 or plane.max() > 1.1:
        return None
    placed = tuple(np.asarray(image.affine).round(4).ravel().tolist())
    return (tuple(image.shape), placed), plane
