"""Files that a case was computed from, as they were then."""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal


def files_of(source: Path) -> list[Path]:
    """The probabilities, and the files by whose names others belong to them."""
    from ..io import IMAGES, is_image
    from ..io.families import family_of
    from ..io.nifti import stem

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


def state(path: Path) -> dict[str, Any]:
    """Path, size and time of change of a file, as JSON holds them.

    Of a folder that is an array, its own; and a checksum of the names, sizes and times
    of all that is in it.
    """
    found = path.stat()
    told = {"path": str(path), "size": found.st_size, "mtime_ns": found.st_mtime_ns}
    if path.is_dir():
        told["crc32"] = f"{_checksum_of_listing(path):08x}"
    return told


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


def unchanged(inputs: list[dict[str, Any]], sources: Sequence[Path]) -> bool:
    """Whether the files that were read are as they were, and none has been added."""
    paths = [Path(one["path"]) for one in inputs]
    return (
        paths[:1] == [sources[0]]
        and {file for source in sources for file in files_of(source)} <= set(paths)
        and [state(path) for path in paths] == inputs
    )


def fate(
    inputs: list[dict[str, Any]], path: Path
) -> Literal["unchanged", "changed", "gone", "unknown"]:
    """What became of one file; unknown if it is not among those that were read."""
    then = next((one for one in inputs if one["path"] == str(path)), None)
    if then is None:
        return "unknown"
    try:
        return "unchanged" if state(path) == then else "changed"
    except OSError:
        return "gone"
