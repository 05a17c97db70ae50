"""The segmentation that each of many cases is compared with."""

from __future__ import annotations

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
    if given.is_dir():
        return [_named_like(source, given.absolute()) for source in sources]
    if not given.is_file():
        raise InputError(f"There is no segmentation and no folder {given}.")
    return [given.absolute()] * len(sources)


def _named_like(source: Path, folder: Path) -> Path:
    paths = [folder / (stem(source) + ending) for ending in SUFFIXES]
    return next((path for path in paths if path.is_file()), paths[0])
