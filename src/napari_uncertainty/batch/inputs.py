"""Which files are meant: named ones, whole folders, and wildcards."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import InputError

#: Endings of arrays, which hold probabilities as far as a name can tell.
ARRAYS = (".npz", ".npy")
IMAGES = (".nii", ".nii.gz")
WILDCARDS = frozenset("*?[")


def find_inputs(words: Sequence[str], output: Path) -> list[Path]:
    """Files to compute, absolute, each once and in the order of their names.

    A file that is named is an input, whatever it holds. A folder is searched with all
    its subfolders, and a pattern (``*``, ``?``, ``[…]``, ``**``) looked up: what they
    find is an input if it is ``.npz`` or ``.npy``, or a NIfTI image with more than
    three axes, as its header says. Three axes are a scan, a segmentation or a map. A
    NIfTI whose header cannot be read is an input, so that somebody is told, but the
    segmentation beside an ``.npz`` of the same name is not; and so is a subfolder that
    cannot be searched.

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
                f"{word} leads to no class probabilities: no .npz, no .npy and no "
                "NIfTI image with four axes."
            )
        for path in inputs:
            # The same folder by another way is no other folder. But links to files
            # are not followed: the files that belong to one lie beside the link.
            place = os.path.join(os.path.realpath(path.parent), path.name)
            found.setdefault(os.path.normcase(place), path)
    return sorted(found.values(), key=lambda path: path.parts)


def _inputs_of(word: str, output: Path) -> Iterator[Path]:
    path = Path(os.path.abspath(word))
    if path.is_dir():
        yield from _likely(_files_below(path, output))
    elif path.exists() or not WILDCARDS & set(word):
        yield path
    else:
        yield from _likely(_matching(path, output))


def _likely(files: Iterable[Path]) -> Iterator[Path]:
    for path in files:
        name = path.name.lower()
        if (
            name.endswith(ARRAYS)
            or (name.endswith(IMAGES) and _has_classes(path))
            or path.is_dir()
        ):
            yield path


def _files_below(top: Path, output: Path) -> Iterator[Path]:
    """Files in a folder and its subfolders, and subfolders that cannot be searched."""
    unreadable: list[Path] = []

    def note(error: OSError) -> None:
        unreadable.append(Path(error.filename))

    for folder, subfolders, files in os.walk(top, onerror=note):
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".") and Path(folder, name) != output
        )
        yield from (
            Path(folder, name) for name in sorted(files) if not name.startswith(".")
        )
    yield from unreadable


def _matching(pattern: Path, output: Path) -> Iterator[Path]:
    """Files that match a pattern, and those in the folders that match."""
    start = next(above for above in pattern.parents if not WILDCARDS & set(str(above)))
    searching_output = output in (start, *start.parents)
    for match in sorted(glob.glob(str(pattern), recursive=True)):
        path = Path(match)
        if output in (path, *path.parents) and not searching_output:
            continue
        if path.is_dir():
            yield from _files_below(path, output)
        else:
            yield path


def _has_classes(path: Path) -> bool:
    """Whether a NIfTI has a fourth axis, or cannot even tell."""
    from ..io.nifti import load, stem

    try:
        return sum(int(length) > 1 for length in load(path).shape) > 3
    except Exception:  # noqa: BLE001  whatever is wrong, computing it will say so
        return not path.with_name(stem(path) + ".npz").exists()
