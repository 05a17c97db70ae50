"""Files that a case was computed from, as they were then."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ..io.endings import IMAGES, is_image, stem
from ..io.families import family_of
from ..model.record import FileState


def files_of(source: Path) -> list[Path]:
    """The probabilities, and the files by whose names others belong to them."""
    family = family_of(source) if is_image(source) else None
    files = [source] if family is None else list(family.files)
    beside = [source.with_name("dataset.json")]
    if is_image(source):
        beside.append(source.with_name(stem(source) + ".json"))
        # Of other images the JSON of the same name is not read.
        beside = beside if stem(source).endswith("probseg") else beside[:1]
    else:
        beside += [source.with_name(stem(source) + ending) for ending in IMAGES]
    return [*files, *(path for path in beside if path.is_file())]


def state(path: Path) -> FileState:
    """Return the state of a file, or of a folder that is an array."""
    found = path.stat()
    crc32 = f"{_checksum_of_listing(path):08x}" if path.is_dir() else ""
    return FileState(str(path), found.st_size, found.st_mtime_ns, crc32)


def _checksum_of_listing(folder: Path) -> int:
    checksum = 0
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            found = os.stat(os.path.join(path, name))
            inside = os.path.relpath(path, folder)
            line = f"{inside}/{name} {found.st_size} {found.st_mtime_ns}\n"
            checksum = zlib.crc32(os.fsencode(line), checksum)
    return checksum


def unchanged(inputs: Sequence[FileState], sources: Sequence[Path]) -> bool:
    """Return whether the files that were read are as they were, and none was added."""
    paths = [Path(one.path) for one in inputs]
    return (
        paths[:1] == [sources[0]]
        and {file for source in sources for file in files_of(source)} <= set(paths)
        and [state(path) for path in paths] == list(inputs)
    )


def fate(
    inputs: Sequence[FileState], path: Path
) -> Literal["unchanged", "changed", "gone", "unknown"]:
    """Return what became of a file; unknown if it is not among those that were read."""
    then = next((one for one in inputs if one.path == str(path)), None)
    if then is None:
        return "unknown"
    try:
        return "unchanged" if state(path) == then else "changed"
    except OSError:
        return "gone"
