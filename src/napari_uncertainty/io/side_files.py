"""Files beside an image that tell more of it, and never keep it from being opened.

Editors write them with a byte order mark or in the code page of their system, and data
sets have links and pointers to files that nobody has fetched yet. Accents in names of
files are written in one of two ways (NFC, NFD), and both mean the same.
"""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import in_short

#: Side files hold names, so what is larger than this is something else.
LARGEST_BYTES = 1 << 24


@dataclass(frozen=True)
class Side:
    """Content of a side file.

    Attributes
    ----------
    content : dict
        The object in it; empty where there is none.
    note : str
        Why it could not be used, in a sentence for a person; usually nothing.
    """

    content: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def read_json(path: Path) -> Side:
    """Read an object from a JSON file; empty, with a note, where that fails."""
    unfetched = not_fetched(path)
    if unfetched:
        return Side(note=f"{unfetched}, so it was not read.")
    if not path.is_file():
        return Side()
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise ValueError("it is larger than any list of names")
        content = _parsed(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        told = f"{path.name} beside the image cannot be read ({in_short(error)})"
        return Side(note=f"{told}, so it was left out; repair or remove it.")
    return Side(content if isinstance(content, dict) else {})


def not_fetched(path: Path) -> str:
    """Say of a link or pointer that its file was not fetched; empty for other files."""
    if path.is_symlink() and not path.exists():
        annex = ".git/annex/" in path.readlink().as_posix()
        told = f"{path.name} is a link to a file that is not there"
        return f"{told} (fetch it with git annex get)" if annex else told
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            start = file.read(64)
    except OSError:
        return ""
    if start.startswith(b"version https://git-lfs.github.com/spec/"):
        return (
            f"{path.name} is a pointer of Git LFS and not the file itself (fetch it "
            "with git lfs pull)"
        )
    if start.startswith((b"/annex/objects/", b".git/annex/objects/")):
        return (
            f"{path.name} is a pointer of git-annex and not the file itself (fetch it "
            "with git annex get)"
        )
    return ""


def named(folder: Path, name: str) -> Path:
    """Path of a name in a folder, with accents as they are written there."""
    path = folder / name
    if name.isascii() or path.exists():
        return path
    same = unicodedata.normalize("NFC", name)
    try:
        return next(
            (
                one
                for one in sorted(folder.iterdir())
                if unicodedata.normalize("NFC", one.name) == same
            ),
            path,
        )
    except OSError:
        return path


def _parsed(content: bytes) -> Any:
    """Return what JSON says in UTF-8, -16 or -32, or else in Windows-1252."""
    try:
        return json.loads(content)
    except UnicodeDecodeError:
        return json.loads(content.decode("cp1252"))
