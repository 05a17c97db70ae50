"""Images and options of a review, and the file of labels that were changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.hotspots import HotspotOptions
from ..engine.blocks import tiles
from ..errors import InputError
from ..io.byte_sources import zlib
from ..io.image_files import image_errors, load
from ..io.map_files import COMPRESSION, image_on
from ..io.writing import write_whole
from ..model.grid import Grid

# Images and options of a review; images are known by a digest of their content.

Array = np.ndarray[Any, Any]

# Values at a time. The digest depends on it, since each block of labels is hashed in
# the smallest type that holds it.
_BLOCK = 2**20

_LABEL_TYPES = ("<u1", "<i2", "<i4", "<i8", "<u8")


@dataclass(frozen=True)
class ReviewedInput:
    """An image that a review is about.

    Attributes
    ----------
    role, name : str
        Its role, such as ``"map"`` or ``"segmentation"``, and its name.
    path : Path or None
        Its file, if it has one.
    digest : str
        Digest of its content, see :func:`.fingerprint`; empty for an image that the
        places do not depend on, such as the scan.
    """

    role: str
    name: str
    path: Path | None
    digest: str

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> ReviewedInput:
        """Return the input that :meth:`to_json` was called on."""
        path = written["path"]
        return cls(
            text(written["role"]),
            text(written["name"]),
            None if path is None else Path(text(path)),
            text(written["digest"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return an object for JSON."""
        return asdict(self) | {"path": None if self.path is None else str(self.path)}


@dataclass(frozen=True)
class Options:
    """Options that, besides the images, determine the places and their order.

    Attributes
    ----------
    radius_mm, separation_mm : float
        Radius of each ball, and the least distance between two centres.
    classes : tuple of int, or None
        The labels at which places are searched for; None for all.
    interior : bool
        Whether voxels at the boundary of a label were left out.
    networks : int or None
        Number of networks whose probabilities were taken; 0 where only the map was.
        None, in the search for a review, for any number.
    """

    radius_mm: float
    separation_mm: float
    classes: tuple[int, ...] | None
    interior: bool
    networks: int | None = 1

    @classmethod
    def of(cls, wanted: HotspotOptions) -> Options:
        """Return the options of a search whose radius is known."""
        radius, separation = wanted.radius_mm, wanted.separation
        assert radius is not None
        assert separation is not None
        return cls(radius, separation, wanted.classes, wanted.interior)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Options:
        """Return the options that ``asdict`` was called on."""
        return cls(**{one.name: written[one.name] for one in fields(cls)})

    def __post_init__(self) -> None:
        # Numbers may be of numpy's types, which JSON does not know.
        classes = None if self.classes is None else tuple(int(c) for c in self.classes)
        object.__setattr__(self, "radius_mm", float(self.radius_mm))
        object.__setattr__(self, "separation_mm", float(self.separation_mm))
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "interior", bool(self.interior))
        networks = None if self.networks is None else int(self.networks)
        object.__setattr__(self, "networks", networks)

    def fit(self, others: Options) -> bool:
        """Return whether a review has the same options and as many networks."""
        if self.networks is None:
            others = replace(others, networks=None)
        return self == others


def text(value: object) -> str:
    """Return a text of JSON; raises TypeError for anything else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a text")
    return value


def digests(inputs: Sequence[ReviewedInput]) -> list[tuple[str, str]]:
    """Return role and digest of all inputs with a digest, sorted."""
    return sorted((one.role, one.digest) for one in inputs if one.digest)


def fingerprint(values: Array, grid: Grid | None) -> str:
    """Return a digest that is the same for the same shape, values and place.

    Neither the layout in memory matters, nor the type of labels, nor whether a map is
    kept more precisely than in float32.

    Parameters
    ----------
    values : ndarray of int, bool or float
        Labels or a map, in core order; a view of any layout.
    grid : Grid or None
        The place of the voxels; its affine counts in the precision of float32.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    labels = values.dtype.kind in "iub"
    digest = hashlib.blake2b(digest_size=32)
    digest.update(f"{'labels' if labels else 'map'} {values.shape} ".encode())
    digest.update(b"nowhere" if grid is None else _place(grid))
    for block in tiles(values.shape, _BLOCK):
        part = values[block]
        digest.update(_label_bytes(part) if labels else _map_bytes(part))
    return digest.hexdigest()


def _place(grid: Grid) -> bytes:
    # Adding 0 turns −0 into 0.
    return (grid.affine.astype("<f4") + np.float32(0)).tobytes()


def _label_bytes(part: Array) -> bytes:
    """Return labels in the smallest type that holds them: a quarter of the work."""
    least, largest = int(part.min()), int(part.max())
    for name in _LABEL_TYPES:
        limits = np.iinfo(name)
        if limits.min <= least and largest <= limits.max:
            break
    return name.encode() + part.astype(name).tobytes(order="C")


def _map_bytes(part: Array) -> bytes:
    single = part.astype("<f4", order="C")
    single += np.float32(0)
    single[np.isnan(single)] = np.nan  # there are many bit patterns of NaN
    return single.tobytes()


# The edited segmentation of a review: a NIfTI file beside it, whole or not at all.

# Has zlib write the header of gzip.
_GZIP = 31


@dataclass(frozen=True)
class EditsFile:
    """File of the edited segmentation, as the JSON of a review names it.

    Attributes
    ----------
    file : str
        Its name, in the folder of the review.
    digest : str
        Digest of the bytes of the file.
    voxels : int
        How many voxels have another label than before the review.
    """

    file: str
    digest: str
    voxels: int

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> EditsFile:
        """Return the entry that :meth:`to_json` was called on."""
        file = str(written["file"])
        if Path(file).name != file:
            raise ValueError(f"{file!r} is not a name in the folder of the review")
        return cls(file, str(written["digest"]), int(written["voxels"]))

    def to_json(self) -> dict[str, Any]:
        """Return an object for JSON."""
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
    review: Path, named: EditsFile, shape: tuple[int, ...]
) -> tuple[Array, bool]:
    """Return the edited segmentation, and whether it is as the review left it.

    A program that ended between writing the labels and the review leaves newer labels
    than the review names: these are what was painted last.

    Parameters
    ----------
    review, named : Path, EditsFile
        The file of the review, and the file of labels that it names.
    shape : tuple of int
        Shape of the segmentation.

    Raises
    ------
    InputError
        If the file is gone, cannot be read, or holds no labels of that shape.
    """
    path = review.with_name(named.file)
    try:
        same = _digest(path.read_bytes()) == named.digest
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


def count_different(one: Array, other: Array) -> int:
    """Return how many voxels of two arrays of the same shape differ.

    It is quickest for a :func:`copied` array and the one that it was copied from.
    """
    forward = _forward(one)
    return int(np.count_nonzero(one[forward] != other[forward]))


def copied(values: Array) -> Array:
    """Return a copy that is laid out in memory as the array is, backwards too."""
    forward = _forward(values)
    return values[forward].copy(order="K")[forward]


def _forward(values: Array) -> tuple[slice, ...]:
    """Return the slices that let all axes run forwards in memory, as numpy is fast."""
    return tuple(slice(None, None, -1 if step < 0 else 1) for step in values.strides)


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=32).hexdigest()
