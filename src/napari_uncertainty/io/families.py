"""Files that hold one class each, and belong together as one case.

Their names follow the convention of a tool (:mod:`.class_names`), or a person names
them. Other names may differ in one number or in one word for a tissue, such as
``priors1`` to ``priors4`` or ``p_atlas_csf``, ``p_atlas_gm``, ``p_atlas_wm``: such
files belong together only if their values add up to 1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.grid import Grid
from ..model.probabilities import SUM_TOLERANCE
from ..text import listed
from .class_names import BIDS_LABELS, Convention, convention_of
from .endings import endings_told, is_image, known_ending
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

# No case has more files with a class each.
_MOST = 200

# Share of voxels in which values have to add up to 1.
_NEARLY_ALL = 0.99

#: Values of a class end here: at 1, with room for what rounding and resampling add.
HIGHEST = 1.1

# Words, numbers and single signs, of which names are made.
_WORDS = re.compile(r"[^\W\d_]+|\d+|[\W_]")

# A number behind one of these, or at the beginning of a name, is that of a patient, an
# image or a model, and not of a class.
_OTHER_NUMBERS = re.compile(
    r"(?:^|(?:^|[^a-z])(?:sub|subj|subject|case|patient|pat|pt|id|study|scan|img|image|"
    r"vol|volume|ses|session|run|fold|model|train|test|val|tp|time|frame|t))[-_ ]?$",
    re.IGNORECASE,
)

# Files of one class each whose names follow no convention of a tool.


def siblings_of(path: Path) -> tuple[dict[str, Path], tuple[int, int]] | None:
    """Return the files that add up to 1 with an image, and where their names differ.

    Parameters
    ----------
    path : Path
        An image of one class.

    Returns
    -------
    tuple of dict and tuple, or None
        Files by the number or word in their names, in the order of the classes, and the
        place of that in the name of the given one. None where there are no others.
    """
    for files, where in _alike(path):
        if _add_up(list(files.values())):
            return files, where
    return None


def note_of_siblings(path: Path) -> str:
    """Return a note on files that may hold further classes of the same case.

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
        others = listed([file.name for file in files.values() if file != path], 3)
        return (
            f"Beside {path.name} lie {others}, which do not add up to 1 with it. If "
            "each holds one class of this case, name all of them with --case NAME."
        )
    return ""


def _alike(path: Path) -> Iterator[tuple[dict[str, Path], tuple[int, int]]]:
    """Yield files whose names differ in one number or tissue, in order of classes."""
    if not is_image(path):
        return
    name = path.name[: -len(known_ending(path))]
    if not _PARTS.search(name):
        return
    names = names_beside(path)
    for part in _PARTS.finditer(name):
        start, end = part.span()
        of_class = str.isdecimal if part[0].isdecimal() else _is_tissue
        files = {
            own: file
            for own, file in names_differing(path, names, start, end)
            if of_class(own)
        }
        if 2 <= len(files) <= _MOST:
            order = sorted(
                files, key=lambda one: _class_order(one.lower(), TISSUE_WORDS)
            )
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
    """Yield the files whose names differ in one place, behind the word in that place.

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


def _class_order(word: str, known: Sequence[str]) -> tuple[int, str]:
    """Return what sorts classes: numbers by value, words as known, others behind."""
    if word.isdecimal():
        return int(word), word
    return known.index(word) if word in known else len(known), word


def _add_up(files: list[Path]) -> bool:
    """Return whether all values are shares, and add up to 1 in nearly all voxels."""
    total: Any = 0.0
    shape: Any = None
    whole = True
    for file in files:
        middle = _middle_of(file)
        if middle is None or (shape is not None and middle[0] != shape):
            return False
        shape, plane = middle
        whole = whole and bool((plane == np.rint(plane)).all())
        total = total + plane
    sums = total[total != 0]
    if whole or not sums.size:
        return False  # masks and labels
    return bool((np.abs(sums - 1) <= SUM_TOLERANCE).mean() >= _NEARLY_ALL)


def _middle_of(path: Path) -> tuple[Any, Array] | None:
    """Return shape and affine, and the middle plane; None where it holds no shares."""
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
    if not np.isfinite(plane).all() or plane.min() < 0 or plane.max() > HIGHEST:
        return None
    placed = tuple(np.asarray(image.affine).round(4).ravel().tolist())
    return (tuple(image.shape), placed), plane


# Families of files: by the convention of a tool, by their values, or as named.


@dataclass(frozen=True)
class Family:
    """Files that hold one class each.

    Attributes
    ----------
    files : tuple of Path
        The files, in the order of the classes.
    class_names : tuple of str
        A name for each of them.
    tool : str
        The tool that names files so; empty where only the values tell that they belong
        together.
    stem : str
        Name of the case.
    missing : str
        Name of a file that should be there and is not; usually empty.
    has_background : bool
        Whether one of them is the background, which is the first then.
    named : bool
        Whether a person said that they belong together.
    """

    files: tuple[Path, ...]
    class_names: tuple[str, ...]
    tool: str
    stem: str
    missing: str = ""
    has_background: bool = True
    named: bool = False

    def require_complete(self) -> None:
        """Raise InputError where a file is missing between the others."""
        if self.missing:
            raise InputError(
                f"{self.missing} is missing: {_listed(self.files)} seem to hold one "
                "class each, and all of them belong together. Put it back, or copy "
                "the file that you want alone to a folder of its own."
            )

    def note_for(self, opened: Path) -> str:
        """Return what a person should know who opened one of the files."""
        if self.named:
            classes = ", ".join(
                f"{file.name} ({name})"
                for file, name in zip(self.files, self.class_names, strict=True)
            )
            return f"Taken for the classes of one case, as named: {classes}."
        others = [file for file in self.files if file.name != opened.name]
        message = (
            f"Opened with {_listed(others)}, as one class each; in a folder of its "
            "own, a file opens alone."
        )
        if self.tool:
            return message
        return (
            f"{message} Their names differ in one part, and their values add up to 1."
        )


def family_of(path: Path) -> Family | None:
    """Return the files that belong together with an image; None where it is alone.

    An image with more than three axes belongs to no family, and one that is called like
    a tissue of SPM only if its values are at most 1.
    """
    named = convention_of(path)
    if named is None:
        return _of_siblings(path)
    if not _may_hold_one_class(path, named[0]):
        return None
    convention, match = named
    files = _series_of(path, convention, match)
    if len(files) < 2 or match["class"] not in files:
        return None
    order = sorted(files, key=lambda one: _class_order(one, BIDS_LABELS))
    start, end = match.span("class")
    missing = _missing(order, convention)
    # The background comes first, for it has the number 0.
    order.sort(key=lambda one: not convention.is_background(one))
    if missing:
        missing = path.name[:start] + missing + path.name[end:]
    return Family(
        tuple(files[one] for one in order),
        tuple(convention.name_of(one) for one in order),
        convention.tool,
        (match["before"] + match["behind"] or path.name[:start]).strip("_"),
        missing,
        convention.is_background(order[0]),
    )


def _of_siblings(path: Path) -> Family | None:
    """Return a family of files whose names differ in one part and which add up to 1."""
    siblings = siblings_of(path)
    if siblings is None:
        return None
    files, (start, end) = siblings
    ending_at = path.name.find(".", end)
    rest = path.name[end:ending_at] if ending_at >= 0 else ""
    name = (path.name[:start] + rest).strip("_-.")
    return Family(
        tuple(files.values()),
        tuple(f"class {one}" if one.isdecimal() else one for one in files),
        "",
        name or path.name[:end],
    )


def named_family(paths: Sequence[Path]) -> Family:
    """Return files that a person says hold the classes of one case, in this order.

    Raises
    ------
    InputError
        If there is only one, one is named twice, or one is not an image.
    """
    if len(paths) < 2:
        raise InputError(
            "The classes of one case are two files at least, one for each class; name "
            "the others, too."
        )
    for number, path in enumerate(paths):
        if path in paths[:number]:
            raise InputError(f"{path.name} is named twice; name each class once.")
        if not is_image(path):
            raise InputError(
                f"{path.name} is not an image ({endings_told(image=True)}); only "
                "images with one class each can be named as one case."
            )
    names = _differing_parts([path.name[: -len(known_ending(path))] for path in paths])
    if len(set(names)) < len(names):  # alike, in several folders
        names = _differing_parts([str(path.parent) for path in paths])
    if len(set(names)) < len(names):
        names = [path.name for path in paths]
    return Family(
        tuple(paths),
        tuple(f"class {one}" if one.isdecimal() else one for one in names),
        "",
        paths[0].name[: -len(known_ending(paths[0]))],
        named=True,
    )


def _differing_parts(names: Sequence[str]) -> list[str]:
    """Return what is left of names without the words and numbers that all share.

    Letters right before a number stay with it: ``p1`` of ``p1sub``.
    """
    words = [_WORDS.findall(name) for name in names]
    first = _in_common(words)
    behind = _in_common([one[first:][::-1] for one in words])
    parts = ["".join(one[first : len(one) - behind]) for one in words]
    before = words[0][first - 1] if first else ""
    if before.isalpha() and all(part[:1].isdigit() for part in parts):
        parts = [before + part for part in parts]
    return [part.strip("_-. ") for part in parts]


def _in_common(words: Sequence[Sequence[str]]) -> int:
    """Return how many words all begin with."""
    at_each_place = zip(*words, strict=False)
    return sum(1 for _ in takewhile(lambda found: len(set(found)) == 1, at_each_place))


def label_of(path: Path) -> str:
    """Return the class in the name of a file of BIDS; empty for other files."""
    named = convention_of(path)
    return named[1]["class"] if named and named[0].tool == "BIDS" else ""


def check_same_grid(
    path: Path, grid: Grid, other_path: Path, other: Grid, *, named: bool = False
) -> None:
    """Raise InputError where two files of a family do not lie voxel on voxel."""
    if grid.same_place(other):
        return
    seem = (
        "are named as classes of one case" if named else "seem to hold one class each"
    )
    message = f"{path.name} and {other_path.name} {seem}, but "
    if grid.shape != other.shape:
        shapes = [" × ".join(map(str, one.shape)) for one in (grid, other)]
        message += f"have {shapes[0]} and {shapes[1]} voxels"
    else:
        message += "their affines put these voxels in different places"
    if named:
        raise InputError(
            f"{message}; resample {other_path.name} onto {path.name}, or leave it out."
        )
    raise InputError(f"{message}; move files that do not belong together apart.")


def _series_of(
    path: Path, convention: Convention, found: re.Match[str]
) -> dict[str, Path]:
    """Return all files of the folder whose names differ in number or label alone."""
    files = {}
    beside = names_beside(path)
    for own, file in names_differing(path, beside, *found.span("class")):
        if _of_one_series(own, found["class"]):
            other = convention_of(file)
            if other and other[0] is convention and other[1]["class"] == own:
                files[own] = file
    return files


def _of_one_series(one: str, other: str) -> bool:
    """Return whether both are numbers written alike (1, 10; 01, 10) or labels."""
    if one.isdecimal() and other.isdecimal():
        plain = all(number == str(int(number)) for number in (one, other))
        return plain or len(one) == len(other)
    return one.isalnum() and not (one.isdecimal() or other.isdecimal())


def _missing(order: list[str], convention: Convention) -> str:
    """Return the first missing number, written as the others are; empty without one."""
    if not convention.counted:
        return ""
    numbers = {int(one) for one in order}
    first = min(numbers) if convention.first is None else convention.first
    for number in range(first, max(numbers)):
        if number not in numbers:
            padded = order[0].startswith("0") and len(order[0]) == len(order[-1])
            return f"{number:0{len(order[-1])}d}" if padded else str(number)
    return ""


def _may_hold_one_class(path: Path, convention: Convention) -> bool:
    """Return whether an image may hold one class; also true if it cannot be read."""
    try:
        image = load(path)
        if is_map(image):
            return False
        if sum(int(length) > 1 for length in image.shape) > 3:
            return False
        return not convention.may_be_scans or _ends_at_one(image, path)
    except Exception:  # noqa: BLE001  whatever is wrong, opening it will say so
        return True


def _ends_at_one(image: Any, path: Path) -> bool:
    """Return whether values are from 0 to 1, as far as type and middle plane tell."""
    stored, (slope, inter) = image.get_data_dtype(), scale_of(image)
    if stored.kind in "iu":
        return bool(np.iinfo(stored).max * slope + inter < HIGHEST)
    plane = middle_plane(image, path)
    known = plane[np.isfinite(plane)]
    return bool(known.max(initial=0) < HIGHEST and known.min(initial=0) > 1 - HIGHEST)


def _listed(files: Iterable[Path]) -> str:
    """Return names of the files, of many only the first ones and the last."""
    names = [file.name for file in files]
    if len(names) > 5:
        names = [*names[:3], "…", names[-1]]
    return ", ".join(names)
