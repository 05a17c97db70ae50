"""Scans and label maps, and how to tell one from the other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .grid import Grid

# Words in file names, as whole parts between separators: BIDS suffixes and what
# segmentation tools write. They shift the decision, they do not make it.
_LABEL_WORDS = re.compile(
    r"(?:^|[^a-z])(seg|dseg|aseg|aparc|labels?|labelmap|mask|parc|parcellation|"
    r"segmentation|tissue|atlas)(?:[^a-z]|$)",
    re.IGNORECASE,
)
_SCAN_WORDS = re.compile(
    r"(?:^|[^a-z])(t1w?|t2w?|pdw?|flair|bold|dwi|mri?|ct|scan|anat|brain|orig)"
    r"(?:[^a-z]|\d|$)",
    re.IGNORECASE,
)

#: Labels that a slope in the header scaled may miss whole numbers by so much.
WHOLE_TOLERANCE = 1e-3

NIFTI_INTENT_LABEL = 1002  # NIFTI_INTENT_LABEL in nifti1.h


@dataclass(frozen=True, eq=False)
class Scan:
    """Scan: an image with intensities.

    Attributes
    ----------
    data : ndarray
        Intensities in the file's own axis order (i, j, k); further axes, such as
        time, come last.
    grid : Grid
        Grid of the first two or three axes.
    source : Path or None
        The file.
    name : str
        Name.
    """

    data: np.ndarray[Any, Any]
    grid: Grid
    source: Path | None = None
    name: str = "untitled"


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Segmentation with one whole number per voxel.

    Attributes
    ----------
    data : ndarray of int
        Labels in the file's own axis order (i, j, k); 0 is background.
    grid : Grid
        Grid of the voxels.
    class_names : mapping of int to str
        Names of the labels, as far as they are known.
    source : Path or None
        The file.
    name : str
        Name.
    colors : mapping of int to tuple of float
        Red, green and blue of labels, 0 to 1, where the file has them.
    """

    data: np.ndarray[Any, Any]
    grid: Grid
    class_names: Mapping[int, str] = field(default_factory=dict)
    source: Path | None = None
    name: str = "untitled"
    colors: Mapping[int, tuple[float, float, float]] = field(default_factory=dict)


def looks_like_labels(
    data: np.ndarray[Any, Any], *, name: str = "", intent: int = 0
) -> bool:
    """Return whether an image is a label map rather than a scan.

    Storage does not tell: scans are often integers and masks often floats. A label
    map holds few different whole numbers, and they come in patches: most neighbours
    inside the foreground are equal. In a scan they rarely are.

    Parameters
    ----------
    data : ndarray
        The image, any number of axes.
    name : str
        File name; words such as ``seg`` or ``T1w`` shift the decision.
    intent : int
        NIfTI intent code; 1002 (label) decides at once.
    """
    if intent == NIFTI_INTENT_LABEL:
        return True
    if data.size == 0 or data.dtype.kind not in "buif":
        return False
    if not are_whole_numbers(data):
        return False
    needed = 0.5
    if _LABEL_WORDS.search(name):
        needed = 0.25
    elif _SCAN_WORDS.search(name):
        needed = 0.8
    return _patchiness(data, name) >= needed


def as_whole_numbers(data: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return values rounded to whole numbers if a slope moved them, or as they are.

    They are rounded where all of them are that near to whole numbers, not to 0 alone,
    and no two different values become one, as they would of near certain
    probabilities.

    Parameters
    ----------
    data : ndarray
        Of any type; what is no floating-point number is whole as it is.
    """
    if data.dtype.kind != "f" or data.size == 0:
        return data
    sample = data[tuple(slice(None, None, max(1, n // 48)) for n in data.shape)]
    for values in (sample, data):
        with np.errstate(invalid="ignore"):
            off = np.abs(values - np.rint(values)).max()
        if not off <= WHOLE_TOLERANCE:  # NaN is not, either
            return data
    if off == 0:
        return data
    whole: np.ndarray[Any, Any] = np.rint(data)
    whole += 0.0  # no -0
    values, labels = np.unique(data), np.unique(whole)
    if len(values) != len(labels) or not labels.any():
        return data
    return whole


def are_whole_numbers(data: np.ndarray[Any, Any]) -> bool:
    """Return whether all values are whole, not negative, and few enough for labels."""
    if data.dtype.kind == "f":
        sample = data[tuple(slice(None, None, max(1, n // 48)) for n in data.shape)]
        if not np.isfinite(sample).all() or (sample != np.rint(sample)).any():
            return False
        if not np.isfinite(data).all() or (data != np.rint(data)).any():
            return False
    lowest, highest = data.min(), data.max()
    return bool(lowest >= 0 and (highest < 2**31))


def _patchiness(data: np.ndarray[Any, Any], name: str) -> float:
    """Return the share of equal pairs among neighbours in the foreground, 0 to 1."""
    equal = pairs = 0
    # Every third plane along each axis is plenty, and quick on large volumes.
    for axis in range(data.ndim):
        if data.shape[axis] < 2:
            continue
        thin = tuple(
            slice(None) if other == axis else slice(None, None, 3 if n > 32 else 1)
            for other, n in enumerate(data.shape)
        )
        values = np.moveaxis(data[thin], axis, 0)
        here, there = values[:-1], values[1:]
        inside = (here != 0) & (there != 0)
        pairs += int(inside.sum())
        equal += int(((here == there) & inside).sum())
    if pairs == 0:
        # Nothing but background, or single voxels: only the name can tell.
        return 1.0 if _LABEL_WORDS.search(name) else 0.0
    return equal / pairs
