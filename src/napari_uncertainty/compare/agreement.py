"""Agreement of a predicted segmentation with a given one, voxel by voxel."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.blocks import Box, box_of, slabs
from ..errors import InputError
from ..model.placement import Placement
from ..steps import part

Array = np.ndarray[Any, Any]

# Voxels that are compared together, so that masks stay small.
SLAB_VOXELS = 1 << 20


@dataclass(frozen=True)
class Agreement:
    """Shares of voxels that have the same class in both, 0 to 1.

    Attributes
    ----------
    overall : float
        Of all voxels of the segmentation.
    foreground : float
        Of those that are foreground in one of the two, or both: the Jaccard index [1]_
        with the classes told apart. 1 where neither has any.

    References
    ----------
    .. [1] P. Jaccard, The distribution of the flora in the alpine zone, New
       Phytologist 11 (1912), 37-50, doi:10.1111/j.1469-8137.1912.tb05611.x
    """

    overall: float
    foreground: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Prediction and segmentation that can be compared in any placement.

    Attributes
    ----------
    prediction : ndarray of unsigned int
        Most probable class of each voxel, 0 is background.
    labels : ndarray of unsigned int
        The segmentation, in the numbers of the classes.
    prediction_box, labels_box : tuple of slice
        The smallest boxes that hold all that is not background.
    foreground : tuple of int
        How many voxels these are, in the prediction and in the segmentation.
    """

    prediction: Array
    labels: Array
    prediction_box: Box
    labels_box: Box
    foreground: tuple[int, int]

    @classmethod
    def of(cls, prediction: Array, labels: Array) -> Comparison:
        """Return the comparison of two volumes, with the foreground of each."""
        boxes = box_of(prediction), box_of(labels)
        counts = (
            int(np.count_nonzero(prediction[boxes[0]])),
            int(np.count_nonzero(labels[boxes[1]])),
        )
        return cls(prediction, labels, *boxes, counts)

    def agreement(self, placement: Placement) -> Agreement:
        """Return the exact agreement with the prediction in this placement.

        Where the prediction has no voxel it counts as background, and predicted
        foreground outside of the segmentation counts as wrong.
        """
        turned = placement.turn(self.prediction)
        here, there = placement.overlap(self.prediction.shape, self.labels.shape)
        there = tuple(
            slice(max(a.start, b.start), max(a.start, b.start, min(a.stop, b.stop)))
            for a, b in zip(there, self.labels_box, strict=True)
        )
        here = tuple(
            slice(part.start - offset, part.stop - offset)
            for part, offset in zip(there, placement.offset, strict=True)
        )
        same = both = 0
        for predicted, given in pieces_of(turned[here], self.labels[there]):
            inside = given != 0
            same += int(np.count_nonzero((predicted == given) & inside))
            both += int(np.count_nonzero(inside & (predicted != 0)))
        union = sum(self.foreground) - both
        # What is neither predicted nor given as foreground is background in both.
        lost = self.foreground[0] - self._foreground_inside(turned, placement)
        background = self.labels.size - (union - lost)
        return Agreement(
            overall=(background + same) / self.labels.size if self.labels.size else 1.0,
            foreground=same / union if union else 1.0,
        )

    def _foreground_inside(self, turned: Array, placement: Placement) -> int:
        """Return the number of predicted foreground voxels in the segmentation."""
        here, _ = placement.overlap(self.prediction.shape, self.labels.shape)
        shape = placement.turned_shape(self.prediction.shape)
        if here == tuple(slice(0, length) for length in shape):
            return self.foreground[0]
        return int(np.count_nonzero(turned[here]))


def iter_as_classes(labels: Array, n_classes: int) -> Generator[float, None, Array]:
    """Return labels in the numbers of the classes, 0 to C - 1; yields the share done.

    Labels that are class numbers stay. Other numbers, as atlases have them, stand for
    the classes in their order where there are as many of them as classes.

    Raises
    ------
    InputError
        If the numbers cannot be told to be classes.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "biu":
        raise InputError(
            f"Labels of type {labels.dtype} cannot be compared; give whole numbers."
        )
    if labels.size == 0 or (labels.min() >= 0 and labels.max() < n_classes):
        return labels
    found = yield from part(iter_numbers(labels), 0, 0.5)
    if len(found) == n_classes:
        return (yield from part(iter_ranks(labels, found), 0.5, 1))
    listed = ", ".join(map(str, found[:6])) + (" …" if len(found) > 6 else "")
    raise InputError(
        f"The segmentation has the labels {listed}, which are not the {n_classes} "
        "classes of the probabilities, so the two cannot be compared."
    )


@dataclass(frozen=True, eq=False)
class Numbering:
    """Numbers that a segmentation may use instead of labels with 0 for the background.

    Attributes
    ----------
    description : str
        How its numbers run, within a sentence.
    numbers : tuple of int
        For each label, its number; -1 where none stands for it.
    """

    description: str
    numbers: tuple[int, ...]

    def of(self, labels: Array, prediction: Array | None = None) -> Array:
        """Return a segmentation in labels; what no number stands for is background.

        Where all classes are something and a segmentation has the first one for what
        lies outside of the prediction, too, that is left out.
        """
        table = np.array(self.numbers)
        order = np.argsort(table)
        small: Array = np.empty_like(labels, np.min_scalar_type(len(table)))
        for given, out in pieces_of(labels, small):
            ranks = np.searchsorted(table[order], given).clip(0, len(table) - 1)
            out[...] = order[ranks]
            out[table[order][ranks] != given] = 0
        if self.numbers[0] >= 0 or prediction is None:
            return small
        if labels.shape == prediction.shape:
            small[(prediction == 0) & (labels == 0)] = 0
        return small


def iter_numberings(
    labels: Array, n_classes: int, classes: Sequence[int]
) -> Generator[float, None, list[Numbering]]:
    """Return other numbers that a segmentation may use; yields the share done.

    Parameters
    ----------
    labels : ndarray of int
        The segmentation.
    n_classes : int
        Number of labels that there can be.
    classes : sequence of int
        The label of each class, in the order of the input; empty where classes may
        overlap.
    """
    count = len(classes)
    if count < 2 or labels.size == 0 or labels.dtype.kind not in "biu":
        return []
    lowest, highest = int(labels.min()), int(labels.max())
    usual = tuple(classes) == tuple(range(count))
    found, behind = list[Numbering](), tuple[int, ...]()
    if 0 not in classes:
        behind = (-1,)
    order = [*behind, *(int(one) for one in np.argsort(classes))]
    if not usual and lowest >= 0 and highest < count:
        found.append(Numbering("the order of the classes, from 0", tuple(order)))
    fits = highest == count if usual else highest <= count
    if fits and 0 in classes and lowest >= 0:
        description = "the order of the classes, from 1"
        found.append(Numbering(description, tuple(one + 1 for one in order)))
    if not usual and highest >= n_classes:
        numbers_of_labels = yield from iter_numbers(labels)
        if len(numbers_of_labels) == count:
            numbers = tuple(
                int(numbers_of_labels[one]) if one >= 0 else -1 for one in order
            )
            found.append(Numbering("the order of the classes", numbers))
    return found


def iter_numbers(labels: Array) -> Generator[float, None, Array]:
    """Return the numbers that occur, ascending; yields the share done."""
    found, pieces = np.array([], labels.dtype), pieces_of(labels)
    for done, (piece,) in enumerate(pieces, 1):
        found = np.union1d(found, piece)
        yield done / len(pieces)
    return found


def iter_ranks(labels: Array, found: Array) -> Generator[float, None, Array]:
    """Return the rank of each label among some numbers; yields the share done."""
    ranks = np.empty_like(labels, np.uint16)
    pieces = pieces_of(labels, ranks)
    for done, (piece, out) in enumerate(pieces, 1):
        out[...] = np.searchsorted(found, piece)
        yield done / len(pieces)
    return ranks


def pieces_of(*arrays: Array) -> list[tuple[Array, ...]]:
    """Return equal pieces of arrays of one shape, as views; each lies together."""
    if arrays[0].size == 0:
        return []
    return [
        tuple(one[slab] for one in arrays) for slab in slabs(arrays[0], SLAB_VOXELS)
    ]
