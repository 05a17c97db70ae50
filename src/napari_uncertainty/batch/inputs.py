"""Which files are meant: named ones, whole folders, and wildcards."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import InputError
from ..io.endings import is_array_folder
from ..io.families import family_of
from ..io.folders import cases_among

WILDCARDS = frozenset("*?[")


def find_inputs(words: Sequence[str], output: Path) -> list[Path]:
    """Files to compute, absolute, each once and in the order of their names.

    A file that is named is an input, whatever it holds. A folder is searched with all
    its subfolders, and a pattern (``*``, ``?``, ``[…]``, ``**``) looked up: of what
    they find, :func:`.cases_among` chooses. A subfolder that cannot be searched is an
    input, so that somebody is told. A Zarr folder is an input and not searched. Of
    several files with a class each, the first stands for all, whichever is named.

    Hidden files and folders are left out, and so is `output`, unless it is itself where
    to search.

    Parameters
    ----------
    words : sequence of str
        Files, folders and patterns, as given by a person.
    output : Path
        Where the results go.

    Raises
    ------
    InputError
        If a folder or a pattern leads to no input.
    """
    output = Path(os.path.abspath(output))
    found: dict[str, Path] = {}
    for word in words:
        inputs = list(_inputs_of(word, output))
        if not inputs:
            raise InputError(
                f"{word} leads to no class probabilities: no array (.npz, "
                ".npy, .zarr, .h5), no image with four axes, and none of one class "
                "each."
            )
        for path in inputs:
            # The same folder by another way is no other folder. But links to files
            # are not followed: the files that belong to one lie beside the link.
            place = os.path.join(os.path.realpath(path.parent), path.name)
            found.setdefault(os.path.normcase(place), path)
    return sorted(found.values(), key=lambda path: path.parts)


def named_files(words: Sequence[str]) -> list[Path]:
    """Return files in the order in which a person names them, absolute.

    What a pattern finds comes in the order of the names, numbers by their value.

    Raises
    ------
    InputError
        If a word leads to no file.
    """
    found: list[Path] = []
    for word in words:
        path = Path(os.path.abspath(word))
        if path.exists() or not WILDCARDS & set(word):
            files = [path]
        else:
            matches = glob.glob(str(path), recursive=True)
            files = sorted(map(Path, matches), key=lambda one: _by_number(one.name))
        if not files or not all(one.is_file() for one in files):
            raise InputError(
                f"{word} leads to no file; with --case, name the files of the classes."
            )
        found += files
    return found


def _by_number(name: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", name)
    return [(int(one), "") if one.isdecimal() else (0, one) for one in parts]


def _inputs_of(word: str, output: Path) -> Iterator[Path]:
    path = Path(os.path.abspath(word))
    if path.is_dir() and not is_array_folder(path):
        yield from _likely(_files_below(path, output))
    elif path.exists() or not WILDCARDS & set(word):
        family = family_of(path)
        yield path if family is None else family.files[0]
    else:
        yield from _likely(_matching(path, output))


def _likely(found: Iterable[Path]) -> Iterator[Path]:
    """Those that may be inputs, and the folders that could not be searched."""
    paths = list(found)
    yield from cases_among(paths)
    yield from (path for path in paths if path.is_dir() and not is_array_folder(path))


def _files_below(top: Path, output: Path) -> Iterator[Path]:
    """What is in a folder and below it, and subfolders that cannot be searched."""
    unreadable: list[Path] = []

    def note(error: OSError) -> None:
        unreadable.append(Path(error.filename))

    for folder, subfolders, files in os.walk(top, onerror=note):
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".") and Path(folder, name) != output
        )
        arrays = [name for name in subfolders if is_array_folder(Path(folder, name))]
        subfolders[:] = [name for name in subfolders if name not in arrays]
        yield from (
            Path(folder, name)
            for name in sorted([*files, *arrays])
            if not name.startswith(".")
        )
    yield from unreadable


def _matching(pattern: Path, output: Path) -> Iterator[Path]:
    """What matches a pattern, and what is in the folders that match."""
    start = next(above for above in pattern.parents if not WILDCARDS & set(str(above)))
    searching_output = output in (start, *start.parents)
    for match in sorted(glob.glob(str(pattern), recursive=True)):
        path = Path(match)
        if output in (path, *path.parents) and not searching_output:
            continue
        if path.is_dir() and not is_array_folder(path):
            yield from _files_below(path, output)
        else:
            yield path
