"""One name for each case, which its files carry."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ..io.endings import ending, known_ending, stem
from ..io.families import family_of

# What some file system refuses: Windows these signs, Linux more than 255 bytes, of
# which a measure and an ending take their share.
_REFUSED = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
_LONGEST = 180


def case_names(paths: Sequence[Path], measures: Sequence[str]) -> list[str]:
    """A name for each input: that of its file, without the ending.

    Of several files with a class each, it is what their names have in common.

    Where files in several folders have the same name, the folders that tell them apart
    are put in front, ``fold_0_sub-007`` and ``fold_1_sub-007``; within one folder, the
    ending is put behind. No two names differ in upper and lower case alone, and none
    makes a file name of another with one of the `measures`.

    Parameters
    ----------
    paths : sequence of Path
        Absolute paths, each once.
    measures : sequence of str
        The measures that will be written.
    """
    alike: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        alike[_folded(case_stem(path))].append(path)
    wished = {
        path: name
        for group in alike.values()
        for path, name in zip(group, _told_apart(group), strict=True)
    }
    taken: set[str] = set()
    names = []
    for path in paths:
        base = name = valid_name(wished[path])
        number = 1
        while taken & (files := {_folded(f"{name}_{one}") for one in measures}):
            number += 1
            name = f"{base}_{number}"
        taken |= files
        names.append(name)
    return names


def case_stem(path: Path) -> str:
    """Return what an input is called by its file alone, or by its family of files."""
    family = family_of(path)
    return stem(path) if family is None else family.stem


def _told_apart(paths: list[Path]) -> list[str]:
    """File names with those of the nearest folders above that differ."""
    if len(paths) == 1:
        return [case_stem(paths[0])]
    above = [path.parts[-2::-1] for path in paths]  # nearest first
    different: set[tuple[str, ...]] = set(above)
    depth = next(
        depth
        for depth in range(max(map(len, above)) + 1)
        if len({folders[:depth] for folders in above}) == len(different)
    )
    telling = [
        level
        for level in reversed(range(depth))
        if len({folders[level : level + 1] for folders in above}) > 1
    ]
    names = []
    for path, folders in zip(paths, above, strict=True):
        words = [folders[level] for level in telling if level < len(folders)]
        words.append(case_stem(path))
        if above.count(folders) > 1:
            words.append(_ending(path))
        names.append("_".join(words))
    return names


def _ending(path: Path) -> str:
    return (known_ending(path) or ending(path)).strip(".").replace(".", "_")


def _folded(name: str) -> str:
    """Return what file systems that ignore case, or spell accents another way, see."""
    return unicodedata.normalize("NFC", name).casefold()


def valid_name(name: str) -> str:
    """Return a name without what some file system refuses."""
    name = _REFUSED.sub("_", name).strip(" .")
    while len(name.encode()) > _LONGEST:
        name = name[:-1]
    return name or "case"
