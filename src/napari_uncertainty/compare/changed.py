"""Segmentations that were made from the probabilities and then changed.

Small structures are left out of a list of labels, small components are removed, lesions
are cut at another threshold than the most probable class. Such a segmentation is not of
another image: it agrees where it has labels, and a check can say what it lacks.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..steps import part
from .agreement import iter_numbers, pieces_of
from .orientation import AGREES

Array = np.ndarray[Any, Any]

#: Share of the labelled voxels that agrees in a segmentation that was cleaned up.
WHERE_LABELLED = 0.99

#: A smaller share of the predicted foreground than this may lack without a message.
LACKING = 0.005

#: Above this probability, the foreground is the more probable of two classes.
HALF = 0.5

# Number of steps between 0 and 1 in which thresholds are compared.
_STEPS = 1 << 12


@dataclass(frozen=True)
class Explanation:
    """Reason why a segmentation does not agree everywhere with the prediction.

    Attributes
    ----------
    reason : "lacks classes", "was cleaned" or "was cut elsewhere"
        Some classes are missing, the labels that are missing were removed, or the
        labels are the voxels above another threshold.
    numbers : dict
        ``"overall"`` and ``"foreground"``, the agreement that is left. Of classes
        ``"lacking_classes"``, and ``"lacking"``, the share of the predicted foreground
        that has no label; of what was cleaned ``"lacking"`` and ``"where_labelled"``,
        the agreement where there is a label; of a cut ``"threshold"``.
    """

    reason: Literal["lacks classes", "was cleaned", "was cut elsewhere"]
    numbers: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Pair:
    """Prediction and labels on the same voxels.

    Attributes
    ----------
    prediction, labels : ndarray of int
        Classes, 0 is the background.
    foreground : ndarray or None
        Probability of all classes but the background; None where that is not known.
    """

    prediction: Array
    labels: Array
    foreground: Array | None = None

    def iter_explained(self) -> Generator[float, None, Explanation | None]:
        """Return the explanation of a changed segmentation; yields the share done.

        The result is None where nothing does.
        """
        attempts = (
            self._iter_lacking_classes(),
            self._iter_cut(exactly=True),
            self._iter_cleaned(),
            self._iter_cut(),
        )
        for number, steps in enumerate(attempts):
            share = number / len(attempts)
            found = yield from part(steps, share, share + 1 / len(attempts))
            if found is not None:
                return found
        return None

    def _iter_lacking_classes(self) -> Generator[float, None, Explanation | None]:
        n = 1 + int(max(self.prediction.max(initial=0), self.labels.max(initial=0)))

        def count_classes(predicted: Array, labels: Array) -> Array:
            both = (predicted, labels)
            return np.array([np.bincount(one.ravel(), minlength=n) for one in both])

        counts = _iter_sums(count_classes, self.prediction, self.labels)
        predicted, given = yield from part(counts, 0, 0.5)
        lacking = [one for one in range(1, n) if predicted[one] and not given[one]]
        voxels, foreground = int(predicted[lacking].sum()), int(predicted[1:].sum())
        if not voxels or not given[1:].any() or voxels < LACKING * foreground:
            return None

        def count_others(predicted: Array, labels: Array) -> Array:
            kept = ~np.isin(predicted, lacking)
            same = (predicted == labels) & kept
            union = ((predicted != 0) | (labels != 0)) & kept
            return _counts(same & union, union, same, kept)

        counts = _iter_sums(count_others, self.prediction, self.labels)
        agreeing, either, same, kept = yield from part(counts, 0.5, 1)
        agrees = _share(agreeing, either)
        if agrees < AGREES:
            return None
        numbers = {
            "overall": _share(same, kept),
            "foreground": agrees,
            "lacking_classes": lacking,
            "lacking": voxels / foreground,
        }
        return Explanation("lacks classes", numbers)

    def _iter_cleaned(self) -> Generator[float, None, Explanation | None]:
        def count_agreeing(prediction: Array, labels: Array) -> Array:
            given, predicted, equal = labels != 0, prediction != 0, prediction == labels
            return _counts(equal & given, given, predicted, predicted & ~given, equal)

        counts = yield from _iter_sums(count_agreeing, self.prediction, self.labels)
        same, labelled, foreground, lost, equal = map(int, counts)
        if not labelled or same < WHERE_LABELLED * labelled:
            return None
        if lost < LACKING * foreground:
            return None
        numbers = {
            "overall": equal / self.labels.size,
            "foreground": same / (labelled + lost),
            "where_labelled": same / labelled,
            "lacking": lost / foreground,
        }
        return Explanation("was cleaned", numbers)

    def _iter_cut(
        self, *, exactly: bool = False
    ) -> Generator[float, None, Explanation | None]:
        if self.foreground is None or not self.labels.any():
            return None
        threshold = yield from part(
            _iter_threshold(self.foreground, self.labels), 0, 0.7
        )

        def count_above(p: Array, labels: Array) -> Array:
            chosen, given = p > threshold, labels != 0
            return _counts(chosen & given, chosen | given, chosen == given)

        counts = _iter_sums(count_above, self.foreground, self.labels)
        both, either, equal = yield from part(counts, 0.7, 1)
        agrees = _share(both, either)
        if agrees < AGREES:
            return None
        if exactly and (agrees < 1 - LACKING or threshold == HALF):
            return None
        numbers = {
            "overall": _share(equal, self.labels.size),
            "foreground": agrees,
            "threshold": threshold,
        }
        return Explanation("was cut elsewhere", numbers)


def _iter_threshold(foreground: Array, labels: Array) -> Generator[float, None, float]:
    """Return the threshold that comes nearest to the labels, which are not all 0."""
    inside, outside = (np.zeros(_STEPS, np.int64) for _ in range(2))
    out, within = 0.0, np.inf
    pieces = pieces_of(foreground, labels)
    for done, (p, numbers) in enumerate(pieces, 1):
        given = numbers != 0
        level = np.clip((p * _STEPS).astype(np.int64), 0, _STEPS - 1)
        inside += np.bincount(level[given], minlength=_STEPS)
        outside += np.bincount(level[~given], minlength=_STEPS)
        out = max(out, float(p[~given].max(initial=0)))
        within = min(within, float(p[given].min(initial=np.inf)))
        yield done / len(pieces)
    # Of thresholds at the lower end of each step.
    hit = inside[::-1].cumsum()[::-1]
    wrong = outside[::-1].cumsum()[::-1]
    best = int(np.argmax(hit / np.maximum(inside.sum() + wrong, 1)))
    low, high = best / _STEPS, (best + 1) / _STEPS
    if out < within:  # exactly, between what is outside and what is inside
        low, high = out, within
    return HALF if low <= HALF < high else _shortest(low, high)


def _iter_sums(
    count: Callable[..., Array], *arrays: Array
) -> Generator[float, None, Array]:
    """Return numbers of each piece of arrays, summed up; yields the share done."""
    pieces = pieces_of(*arrays)
    sums = count(*(one[:0] for one in arrays))
    for done, piece in enumerate(pieces, 1):
        sums = sums + count(*piece)
        yield done / len(pieces)
    return sums


def _counts(*masks: Array) -> Array:
    return np.array([np.count_nonzero(mask) for mask in masks])


def _share(some: int, of: int) -> float:
    return float(some) / max(1, int(of))


def _shortest(low: float, high: float) -> float:
    """Return the number with the fewest digits from one bound on, below the other."""
    middle = (low + high) / 2
    for digits in range(1, 9):
        number = round(middle, digits)
        if low <= number < high:
            return number
    return low


def iter_classes_by_overlap(
    labels: Array, prediction: Array, n_classes: int
) -> Generator[float, None, dict[int, int] | None]:
    """Return the class that each label stands for where some classes have no label.

    Labels stand for the classes in their order, and each for the class that most of its
    voxels are predicted to have; None where that is not so.

    Parameters
    ----------
    labels, prediction : ndarray of int
        On the same voxels.
    n_classes : int
        How many classes there are.
    """
    found = yield from part(iter_numbers(labels), 0, 0.5)
    if not 1 < len(found) < n_classes or found[0] != 0:
        return None

    def counted(given: Array, predicted: Array) -> Array:
        pairs = np.searchsorted(found, given) * n_classes + predicted
        return np.bincount(pairs.ravel(), minlength=len(found) * n_classes)

    sums = yield from part(_iter_sums(counted, labels, prediction), 0.5, 1)
    counts = sums.reshape(len(found), n_classes)
    classes = counts.argmax(axis=1)
    sure = counts.max(axis=1) >= 0.5 * counts.sum(axis=1)
    if classes[0] != 0 or not sure.all() or (np.diff(classes) <= 0).any():
        return None
    return dict(zip(found.tolist(), classes.tolist(), strict=True))
