"""The segmentation that each of many cases is compared with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from ..io.nifti import SUFFIXES, stem


def find_segmentations(given: Path, sources: Sequence[Path]) -> list[Path]:
    """A path for each input: the file itself, or that of the same name in a folder.

    Whether the file of a case exists shows when the case is computed, so that one
    missing file stops nothing.

    Raises
    ------
    InputError
        If there is neither such a file nor such a folder.
    """
    path = Path(os.path.abspath(given))
    if path.is_dir():
        return [_named_like(source, path) for source in sources]
    if not path.is_file():
        raise InputError(f"There is no segmentation and no folder {given}.")
    return [path] * len(sources)


def _named_like(source: Path, folder: Path) -> Path:
    paths = [folder / (stem(source) + ending) for ending in SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])
