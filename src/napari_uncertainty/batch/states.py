"""Files that a case was computed from, as they were then."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal


def files_of(source: Path) -> list[Path]:
    """The probabilities, and the files by whose names others belong to them."""
    from ..io.nifti import SUFFIXES, stem

    beside = [source.with_name("dataset.json")]
    if not source.name.lower().endswith(SUFFIXES):
        beside += [source.with_name(stem(source) + ending) for ending in SUFFIXES]
    return [source, *(path for path in beside if path.is_file())]


def state(path: Path) -> dict[str, Any]:
    """Path, size and time of change of a file, as JSON holds them."""
    found = path.stat()
    return {"path": str(path), "size": found.st_size, "mtime_ns": found.st_mtime_ns}


def unchanged(inputs: list[dict[str, Any]], source: Path) -> bool:
    """Whether the files that were read are as they were, and none has been added."""
    paths = [Path(one["path"]) for one in inputs]
    return (
        paths[:1] == [source]
        and set(files_of(source)) <= set(paths)
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
