"""The edited segmentation of a review: a NIfTI file beside it, whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..grid import Grid
from ..io.atomic import write_whole
from ..io.byte_sources import zlib
from ..io.image_files import image_errors, load
from ..io.maps import COMPRESSION, image_on

Array = np.ndarray[Any, Any]

# Of zlib: with the header of gzip.
_GZIP = 31


@dataclass(frozen=True)
class EditsFile:
    """File of the edited segmentation, as the JSON of a review names it.

    Attributes
    ----------
    file : str
        Its name, in the folder of the review.
    digest : str
        Of the bytes of the file.
    voxels : int
        How many voxels have another label than before the review.
    """

    file: str
    digest: str
    voxels: int

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> EditsFile:
        """Return what :meth:`to_json` gave."""
        file = str(told["file"])
        if Path(file).name != file:
            raise ValueError(f"{file!r} is not a name in the folder of the review")
        return cls(file, str(told["digest"]), int(told["voxels"]))

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def write_edits(
    review: Path, labels: Array, grid: Grid | None, voxels: int
) -> EditsFile:
    """Write the edited segmentation beside its review, in place of an older one.

    Parameters
    ----------
    review : Path
        The file of the review.
    labels, grid : ndarray of int, Grid or None
        The labels in the order of their file, and their place. Their type is kept.
    voxels : int
        How many of them are not what they were.

    Raises
    ------
    InputError
        If the file cannot be written; an older one is then still there.
    """
    path = review.with_name(f"{review.stem}_labels.nii.gz")
    labels = labels.astype(np.uint8) if labels.dtype == bool else labels
    content = zlib.compress(image_on(labels, grid).to_bytes(), COMPRESSION, _GZIP)
    write_whole([(path, lambda file: file.write(content))], sync=True)
    return EditsFile(path.name, _digest(content), voxels)


def read_edits(
    review: Path, told: EditsFile, shape: tuple[int, ...]
) -> tuple[Array, bool]:
    """Return the edited segmentation, and whether it is as the review left it.

    A program that ended between writing the labels and the review leaves newer labels
    than the review names: these are what was painted last.

    Parameters
    ----------
    review, told : Path, EditsFile
        The file of the review, and what it says of its labels.
    shape : tuple of int
        Of the segmentation.

    Raises
    ------
    InputError
        If the file is gone, cannot be read, or holds no labels of that shape.
    """
    path = review.with_name(told.file)
    try:
        same = _digest(path.read_bytes()) == told.digest
        image = load(path)
        if image.shape != shape:
            raise ValueError(f"it has {image.shape} voxels, not {shape}")
        labels = np.asarray(image.dataobj)
        if labels.dtype.kind not in "iu":
            raise ValueError(f"its values are {labels.dtype}")
    except image_errors(OSError, EOFError, ValueError) as error:
        raise InputError(
            f"The labels that were changed in this review cannot be taken from {path} "
            f"({error}), so they are as they were before; the verdicts are kept."
        ) from error
    return labels, same


def changed_voxels(
    original: Array, current: Array, box: tuple[slice, ...], mask: Array
) -> int:
    """Return how many voxels of a ball have another label than before.

    Parameters
    ----------
    original, current : ndarray of int, same shape
        In core order.
    box, mask : tuple of slice, ndarray of bool
        The ball, as of :meth:`.Ball.at`.
    """
    return int(np.count_nonzero((original[box] != current[box]) & mask))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32).hexdigest()
