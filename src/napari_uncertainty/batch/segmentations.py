"""The segmentation that each of many cases is compared with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..io.endings import IMAGES, SUFFIXES
from ..io.side_files import named


def find_segmentations(given: Path, names: Sequence[str]) -> list[Path]:
    """A path for each case: the file itself, or that of the same name in a folder.

    Whether the file of a case exists shows when the case is computed, so that one
    missing file stops nothing.

    Parameters
    ----------
    given : Path
        A file or a folder.
    names : sequence of str
        What the input of each case is called, see :func:`.case_stem`.

    Raises
    ------
    InputError
        If there is neither such a file nor such a folder.
    """
    path = Path(os.path.abspath(given))
    if path.is_dir():
        return [_named(name, path) for name in names]
    if not path.is_file():
        raise InputError(f"There is no segmentation and no folder {given}.")
    return [path] * len(names)


def _named(name: str, folder: Path) -> Path:
    endings = dict.fromkeys((*SUFFIXES, *IMAGES))
    paths = [named(folder, name + ending) for ending in endings]
    return next((path for path in paths if path.is_file()), paths[0])
