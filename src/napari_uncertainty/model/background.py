"""Background of a case: the class that stands for nothing, if there is one.

It need not be the first class, and where all classes are tissues there is none. A
person names it; or the names of the classes tell it, or the convention of the tool
that wrote them, or voxels around the classes in which all of them are 0. If nothing
tells, the first class is taken for the background.

The labels of the classes follow from it. The background has the label 0, a class in
front of it has its number + 1, and a class behind it has its number. Without a
background, the labels are 1 to C, and 0 stands for voxels that no class is in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .interpretation import NO_BACKGROUND, Origin, require_class

Array = np.ndarray[Any, Any]

#: Names of a class that means nothing, the clearest first.
BACKGROUND_NAMES = (
    "background", "bg", "bkg", "bkgd", "backgrnd", "clearlabel", "nothing", "none",
    "void", "empty", "outside", "exterior", "unlabeled", "unlabelled", "unknown",
)  # fmt: skip

# A larger share of the image than this has to be empty to surround the rest.
_SURROUNDING = 0.05

# In an image with fewer voxels than this, some may be empty by chance.
_FEWEST_VOXELS = 50

# Numbers and single letters say nothing of what classes are.
_NUMBERED = re.compile(
    r"(?:class|label|channel|posterior|pve|)[ _]?\d+|[a-z]", re.IGNORECASE
)


@dataclass(frozen=True)
class Background:
    """Class that stands for nothing, and the source of this knowledge.

    Attributes
    ----------
    channel : int or None
        Number of the class along the class axis; None where no class is.
    origin : Origin
        Source of this knowledge.
    why : str
        Tool whose convention it is, or what shows it; usually empty.
    """

    channel: int | None = 0
    origin: Origin = "default"
    why: str = ""

    def labels(self, n_channels: int) -> tuple[int, ...]:
        """Return the label of each class."""
        if self.channel is None:
            return tuple(range(1, n_channels + 1))
        return tuple(
            0 if number == self.channel else number + (number < self.channel)
            for number in range(n_channels)
        )

    def name(self, names: Sequence[str]) -> str:
        """Return a name by which :func:`.require_class` finds the background again."""
        if self.channel is None:
            return NO_BACKGROUND
        name = names[self.channel]
        return name if names.index(name) == self.channel else str(self.channel)


#: The background that is assumed where nothing tells it.
FIRST_CLASS = Background()


def told_background(
    names: tuple[str, ...], *, named: str | None = None, tissues_of: str = ""
) -> Background:
    """Return the background, as far as it is known without any values.

    Parameters
    ----------
    names : tuple of str
        One for each class.
    named : str or None
        What a person says: name or number of a class, or ``"none"``.
    tissues_of : str
        As of :class:`.ProbabilityMap`.

    Raises
    ------
    InputError
        If a person names a class that is not there.
    """
    if named is not None:
        return Background(require_class(named, names), "person")
    called = class_called_background(names)
    if called is not None:
        return Background(called, "file")
    if tissues_of:
        return Background(None, "convention", tissues_of)
    return FIRST_CLASS


def class_called_background(names: Sequence[str]) -> int | None:
    """Return the class whose name means background; None where there is none."""
    plain = [re.sub(r"[\W\d_]+", "", name).lower() for name in names]
    for word in BACKGROUND_NAMES:
        if word in plain:
            return plain.index(word)
    return None


def are_names(names: Sequence[str]) -> bool:
    """Return whether names say what classes are; numbers and letters do not."""
    return any(not _NUMBERED.fullmatch(name) for name in names)


def surrounds(empty: Array) -> bool:
    """Return whether empty voxels surround all others, as they surround a brain.

    Such voxels are many, lie together and reach most corners of the image. What they
    surround is not a box: a box is a crop that was padded, which tells nothing about
    the background.

    Parameters
    ----------
    empty : ndarray of bool
        Voxels in which all classes are 0.
    """
    n_empty = int(np.count_nonzero(empty))
    n_occupied = empty.size - n_empty
    if (
        empty.size < _FEWEST_VOXELS
        or not n_occupied
        or n_empty <= _SURROUNDING * empty.size
    ):
        return False
    box = 1
    for axis in range(empty.ndim):
        others = tuple(other for other in range(empty.ndim) if other != axis)
        occupied = np.flatnonzero(~empty.all(axis=others))
        box *= int(occupied[-1] - occupied[0]) + 1
    corners = empty[np.ix_(*([0, -1],) * empty.ndim)]
    together = int(np.count_nonzero(empty[1:] & empty[:-1]))
    return bool(corners.mean() > 0.5) and box > n_occupied and 2 * together > n_empty
