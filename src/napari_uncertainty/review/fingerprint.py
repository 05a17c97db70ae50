"""Images and options of a review; images are known by a digest of their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..fold.blocks import tiles
from ..grid import Grid
from ..hotspots import HotspotOptions

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
        What it is for, such as ``"map"`` or ``"segmentation"``, and what it is called.
    path : Path or None
        Its file, where it has one.
    digest : str
        Of its content, see :func:`.fingerprint`; empty for what is only told of, such
        as the scan: the places do not depend on it.
    """

    role: str
    name: str
    path: Path | None
    digest: str

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> ReviewedInput:
        """Return what :meth:`to_json` gave."""
        path = told["path"]
        return cls(
            text(told["role"]),
            text(told["name"]),
            None if path is None else Path(text(path)),
            text(told["digest"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self) | {"path": None if self.path is None else str(self.path)}


@dataclass(frozen=True)
class Options:
    """Options that, besides the images, determine the places and their order.

    Attributes
    ----------
    radius_mm, separation_mm : float
        Of each ball, and the least distance between two centres.
    classes : tuple of int, or None
        The labels that places are looked for at; None for all.
    interior : bool
        Whether voxels at the boundary of a label were left out.
    networks : int or None
        Number of networks whose probabilities were taken; 0 where only the map was.
        None, where a review is looked for, for any number.
    """

    radius_mm: float
    separation_mm: float
    classes: tuple[int, ...] | None
    interior: bool
    networks: int | None = 1

    @classmethod
    def of(cls, wanted: HotspotOptions) -> Options:
        """Return those of a search whose radius is known."""
        radius, separation = wanted.radius_mm, wanted.separation
        assert radius is not None
        assert separation is not None
        return cls(radius, separation, wanted.classes, wanted.interior)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Options:
        """Return what ``asdict`` gave."""
        return cls(**{one.name: told[one.name] for one in fields(cls)})

    def __post_init__(self) -> None:
        # Numbers may come from arrays, and go to JSON.
        classes = None if self.classes is None else tuple(int(c) for c in self.classes)
        object.__setattr__(self, "radius_mm", float(self.radius_mm))
        object.__setattr__(self, "separation_mm", float(self.separation_mm))
        object.__setattr__(self, "classes", classes)
        object.__setattr__(self, "interior", bool(self.interior))
        networks = None if self.networks is None else int(self.networks)
        object.__setattr__(self, "networks", networks)

    def fit(self, others: Options) -> bool:
        """Return whether those of a review are the same, of as many networks."""
        if self.networks is None:
            others = replace(others, networks=None)
        return self == others


def text(value: object) -> str:
    """Return a text of JSON; TypeError if it is something else."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def digests(inputs: Sequence[ReviewedInput]) -> list[tuple[str, str]]:
    """Role and digest of those that have one, in an order that is always the same."""
    return sorted((one.role, one.digest) for one in inputs if one.digest)


def fingerprint(values: Array, grid: Grid | None) -> str:
    """A digest that is the same for the same shape, values and place.

    Neither the layout in memory matters, nor the type of labels, nor whether a map is
    kept more precisely than in float32.

    Parameters
    ----------
    values : ndarray of int, bool or float
        Labels or a map, in core order; a view of any layout.
    grid : Grid or None
        Where they are; its affine counts in the precision of float32.

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
    # Adding 0 makes −0 and 0 the same.
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
    single[np.isnan(single)] = np.nan  # of which there are many, all shown alike
    return single.tobytes()
