"""Probability that each voxel is wrong, and classes that compete in a place.

Each member m gives a voxel the probabilities p_m. Their normalised geometric mean,

    q(c) = Π_m p_m(c)^(1/M) / Σ_k Π_m p_m(k)^(1/M),

is the logarithmic opinion pool [1]_. A voxel with the label l is taken to be wrong with
the probability

    max(1 - Σ_c q(c)², 1 - q(l)).

The first is the probability that two independent opinions differ (Gini-Simpson index
[2]_), as the network's label is no more certain than any other opinion; the second
counts where the label is not what q says. ``docs/benchmarks.md`` compares with others.

References
----------
.. [1] C. Genest, J. V. Zidek, Combining probability distributions, Statistical
   Science 1(1), 1986, doi:10.1214/ss/1177013825
.. [2] E. H. Simpson, Measurement of diversity, Nature 163, 1949, doi:10.1038/163688a0
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..engine.blocks import Box, iter_each, slabs
from ..model.stored import iter_volumes
from ..steps import part

Array = np.ndarray[Any, Any]

#: Gives of a volume the part that is looked at, as a view.
View = Callable[[Any], Any]

#: Steps between 0 and 1. With whole numbers, sums are exact whatever their order, so
#: that no rounding decides which of two places comes first.
LEVELS = 1 << 12

# Voxels that are worked on together.
_TOGETHER = 1 << 18


@dataclass(frozen=True, eq=False)
class Expected:
    """Probability that each voxel of a box is wrong.

    Attributes
    ----------
    levels : ndarray of int32
        The probability times `LEVELS`, rounded; 0 without data.
    labels : ndarray of int
        What was taken to be right: the given labels, or the most probable class.
    known : ndarray of bool
        Which voxels have probabilities: their sum is above 0 and finite.
    """

    levels: Array
    labels: Array
    known: Array


def iter_expected(
    members: Sequence[Any],
    view: View,
    labels: Array | None,
    threads: int = 1,
) -> Generator[float, None, Expected]:
    """Compute the probability that voxels are wrong; yields the share done.

    Parameters
    ----------
    members : sequence of array, shape (classes, ...)
        Probabilities, which need not sum to 1; all of one shape.
    view : callable
        Gives of the volume of a class the part that is looked at.
    labels : ndarray of int, shape of that part, or None
        Class of each voxel; without, the most probable one.
    threads : int
        How many compute; the result does not depend on it.
    """
    n_classes = len_of(members[0])
    running: _Running | None = None
    for label, volumes in enumerate(_class_by_class(members, view)):
        running = running or _Running.of(volumes[0], n_classes, labels)
        yield label / (n_classes + 1)
        add = partial(running.add, label, volumes)
        yield from part(
            iter_each(add, running.pieces, threads=threads),
            label / (n_classes + 1),
            (label + 1) / (n_classes + 1),
        )
    assert running is not None
    finished = iter_each(running.finish, running.pieces, threads=threads)
    yield from part(finished, n_classes / (n_classes + 1), 1)
    return Expected(running.levels, running.labels, running.known)


@dataclass(frozen=True, eq=False)
class _Running:
    """Running numbers of all voxels, to which one class after the other is added."""

    sums: Array
    squares: Array
    of_label: Array
    levels: Array
    known: Array
    labels: Array
    given: bool
    pieces: Sequence[Box]

    @classmethod
    def of(cls, like: Array, n_classes: int, labels: Array | None) -> _Running:
        """Return zeros, for a volume like this one."""
        shape = like.shape
        given = labels is not None
        if labels is None:
            labels = np.zeros(shape, np.min_scalar_type(n_classes))
        sums, squares, of_label = (np.zeros(shape, np.float32) for _ in range(3))
        return cls(
            sums,
            squares,
            of_label,
            np.zeros(shape, np.int32),
            np.zeros(shape, bool),
            labels,
            given,
            slabs(like, _TOGETHER) if like.size else [],
        )

    def add(self, label: int, volumes: Sequence[Array], piece: Box) -> None:
        """Add a class, in some voxels."""
        pooled = _pooled([volume[piece] for volume in volumes])
        of_label = self.of_label[piece]
        self.sums[piece] += pooled
        if self.given:
            np.copyto(of_label, pooled, where=self.labels[piece] == label)
        else:
            larger = pooled > of_label
            np.copyto(of_label, pooled, where=larger)
            np.copyto(self.labels[piece], label, where=larger)
        pooled *= pooled
        self.squares[piece] += pooled

    def finish(self, piece: Box) -> None:
        """Set how likely some voxels are to be wrong, once all classes were added."""
        sums, of_label = self.sums[piece], self.of_label[piece]
        self.known[piece] = (sums > 0) & (sums < np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            squares = self.squares[piece] / sums
            # The larger of the two is 1 less the smaller of Σ q² and q(l).
            np.minimum(squares, of_label, out=of_label)
            of_label /= sums
        np.subtract(1, of_label, out=of_label)
        self.levels[piece] = to_levels(of_label)


def to_levels(probabilities: Array) -> Array:
    """Return probabilities in whole steps, int32; 0 where they are not finite."""
    levels = np.nan_to_num(probabilities * np.float32(LEVELS), posinf=0, neginf=0)
    np.clip(levels, 0, LEVELS, out=levels)
    whole: Array = np.rint(levels, out=levels).astype(np.int32)
    return whole


def iter_sums_at(
    members: Sequence[Any],
    view: View,
    weights: Sequence[tuple[Box, Array]],
) -> Generator[float, None, Array]:
    """Return weighted sums of each class in some places; yields the share done.

    Parameters
    ----------
    members : sequence of array, shape (classes, ...)
        Probabilities, of which the mean is taken.
    view : callable
        Gives of the volume of a class the part that is looked at.
    weights : sequence of (tuple of slice, ndarray)
        For each place a box in that part, and the weights in it.

    Returns
    -------
    ndarray of float64, shape (places, classes)
    """
    n_classes = len_of(members[0])
    sums = np.zeros((len(weights), n_classes))
    for label, volumes in enumerate(_class_by_class(members, view)):
        for place, (box, weight) in enumerate(weights):
            for volume in volumes:
                values = np.asarray(volume[box], np.float64)
                sums[place, label] += (np.nan_to_num(values) * weight).sum()
        yield (label + 1) / n_classes
    return sums


def len_of(member: Any) -> int:
    """Return the number of classes."""
    return int(member.shape[0])


def _pooled(volumes: Sequence[Array]) -> Array:
    """Return the geometric mean, as float32; a copy in C order.

    Only operations that are rounded in the same way everywhere, wherever that goes.
    """
    if len(volumes) == 1:
        return np.array(volumes[0], np.float32, order="C")
    product = np.array(volumes[0], np.float64, order="C")
    for volume in volumes[1:]:
        product *= volume
    np.maximum(product, 0, out=product)
    if len(volumes) == 2:
        np.sqrt(product, out=product)
    else:
        np.power(product, 1 / len(volumes), out=product)
    return product.astype(np.float32)


def _class_by_class(members: Sequence[Any], view: View) -> Iterator[tuple[Array, ...]]:
    """Yield the volumes of the first class in all members, then of the next ones."""
    yield from zip(*(_volumes(member, view) for member in members), strict=True)


def _volumes(member: Any, view: View) -> Iterator[Array]:
    """Yield one class after the other; of a file only one is in memory."""
    for volume in iter_volumes(member):
        yield view(volume)
