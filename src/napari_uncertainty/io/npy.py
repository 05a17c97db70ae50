"""Single arrays: numpy's ``.npy``, with the class axis found from the values."""

from __future__ import annotations

from pathlib import Path

from ..model.interpretation import Interpretation
from ..probabilities import ProbabilityMap
from .array_headers import read_header, require_class_axis
from .arrays import ArrayFile, members_of, probabilities_of
from .byte_sources import PlainFile, opened


def open_probabilities(path: Path, how: Interpretation) -> ProbabilityMap:
    """Open an array, with geometry and names from files beside."""
    return probabilities_of(_array_in(path), how)


def open_members(path: Path, how: Interpretation) -> list[ProbabilityMap]:
    """Open one member, or several along the first axis."""
    return members_of(_array_in(path), how)


def _array_in(path: Path) -> ArrayFile:
    with opened(path) as file:
        header = read_header(file, path)
        start = file.tell()
    require_class_axis(header, path)
    return ArrayFile(path, header, PlainFile(path, start, header.n_bytes))
