"""Segmentations that were made from the probabilities and do not hold all of them.

Small structures are left out of a list of labels, small components are removed, lesions
are cut at another threshold than the most probable class. Such a segmentation is not of
another image: where it says something, it agrees, and what it lacks can be told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..checks import Check, percent
from ..checks.match import AGREES

Array = np.ndarray[Any, Any]

#: Where a segmentation has a label, so many of the voxels agree if it was cleaned up.
WHERE_LABELLED = 0.99

#: What is lacking counts from this share of the predicted foreground on.
LACKING = 0.005

#: Above it, the foreground is the most probable class of two.
HALF = 0.5

# Between 0 and 1, thresholds are looked for in so many steps.
_STEPS = 1 << 12


@dataclass(frozen=True, eq=False)
class Pair:
    """A prediction and labels on the same voxels.

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

    def explained(self, name: str) -> Check | None:
        """Agreement with a changed segmentation; None where nothing explains it.

        Parameters
        ----------
        name : str
            Of the segmentation.
        """
        return (
            self._lacking_classes(name)
            or self._cut(name, exactly=True)
            or self._cleaned(name)
            or self._cut(name)
        )

    def _lacking_classes(self, name: str) -> Check | None:
        there = np.bincount(self.prediction.ravel())
        given = np.bincount(self.labels.ravel(), minlength=len(there))
        lacking = [n for n in range(1, len(there)) if there[n] and not given[n]]
        voxels, foreground = int(there[lacking].sum()), int(there[1:].sum())
        if not voxels or not given[1:].any() or voxels < LACKING * foreground:
            return None
        kept = ~np.isin(self.prediction, lacking)
        same = (self.prediction == self.labels) & kept
        union = ((self.prediction != 0) | (self.labels != 0)) & kept
        agrees = _share(same & union, union)
        if agrees < AGREES:
            return None
        listed = ", ".join(map(str, lacking[:6])) + (" …" if len(lacking) > 6 else "")
        several = "classes" if len(lacking) > 1 else "class"
        sentence = (
            f"'{name}' lacks the {several} {listed}, which "
            f"{percent(voxels / foreground)} of the predicted foreground have. "
            f"Elsewhere, {percent(agrees)} of the foreground agree."
        )
        numbers = {
            "overall": _share(same, kept),
            "foreground": agrees,
            "lacking_classes": lacking,
            "lacking": voxels / foreground,
        }
        return Check("agreement", "amber", sentence, numbers)

    def _cleaned(self, name: str) -> Check | None:
        given, predicted = self.labels != 0, self.prediction != 0
        same = int(np.count_nonzero((self.prediction == self.labels) & given))
        labelled = int(np.count_nonzero(given))
        foreground = int(np.count_nonzero(predicted))
        lost = int(np.count_nonzero(predicted & ~given))
        if not labelled or same < WHERE_LABELLED * labelled:
            return None
        if lost < LACKING * foreground:
            return None
        sentence = (
            f"Where '{name}' has a label, {percent(same / labelled)} of the voxels "
            f"agree; it lacks {percent(lost / foreground)} of the predicted "
            "foreground, as where small components were removed."
        )
        numbers = {
            "overall": float(np.mean(self.prediction == self.labels)),
            "foreground": same / (labelled + lost),
            "where_labelled": same / labelled,
            "lacking": lost / foreground,
        }
        return Check("agreement", "amber", sentence, numbers)

    def _cut(self, name: str, *, exactly: bool = False) -> Check | None:
        if self.foreground is None:
            return None
        given = self.labels != 0
        if not given.any():
            return None
        found = _threshold(self.foreground, given)
        if found is None:
            return None
        threshold, agrees = found
        if exactly and (agrees < 1 - LACKING or threshold == HALF):
            return None
        overall = float(np.mean((self.foreground > threshold) == given))
        sentence = (
            f"The labels of '{name}' are the voxels above {threshold:g}, which agree "
            f"in {percent(agrees)} of the foreground, and not those of the most "
            "probable class (above 0.5)."
        )
        numbers = {"overall": overall, "foreground": agrees, "threshold": threshold}
        return Check("agreement", "amber", sentence, numbers)


def _threshold(p: Array, given: Array) -> tuple[float, float] | None:
    """The threshold that gives the labels, and the Jaccard index; None without one."""
    level = np.clip((p * _STEPS).astype(np.int64), 0, _STEPS - 1)
    inside = np.bincount(level[given], minlength=_STEPS)
    outside = np.bincount(level[~given], minlength=_STEPS)
    # Of thresholds at the lower end of each step.
    hit = inside[::-1].cumsum()[::-1]
    wrong = outside[::-1].cumsum()[::-1]
    best = int(np.argmax(hit / np.maximum(inside.sum() + wrong, 1)))
    low, high = best / _STEPS, (best + 1) / _STEPS
    out, within = float(p[~given].max(initial=0)), float(p[given].min())
    if out < within:  # exactly, between what is outside and what is inside
        low, high = out, within
    threshold = HALF if low <= HALF < high else _shortest(low, high)
    chosen = p > threshold
    agrees = _share(chosen & given, chosen | given)
    return (threshold, agrees) if agrees >= AGREES else None


def _share(some: Array, of: Array) -> float:
    return float(np.count_nonzero(some)) / max(1, int(np.count_nonzero(of)))


def _shortest(low: float, high: float) -> float:
    """The number with the fewest digits from one bound on, below the other."""
    middle = (low + high) / 2
    for digits in range(1, 9):
        number = round(middle, digits)
        if low <= number < high:
            return number
    return low


def classes_by_overlap(
    labels: Array, prediction: Array, n_classes: int
) -> dict[int, int] | None:
    """The class that each label stands for where some classes have no label.

    Labels stand for the classes in their order, and each for the class that most of its
    voxels are predicted to have; None where that is not so.

    Parameters
    ----------
    labels, prediction : ndarray of int
        On the same voxels.
    n_classes : int
        How many classes there are.
    """
    found, numbers = np.unique(labels, return_inverse=True)
    if not 1 < len(found) < n_classes or found[0] != 0:
        return None
    pairs = numbers.ravel() * n_classes + prediction.ravel()
    counts = np.bincount(pairs, minlength=len(found) * n_classes)
    counts = counts.reshape(len(found), n_classes)
    classes = counts.argmax(axis=1)
    sure = counts.max(axis=1) >= 0.5 * counts.sum(axis=1)
    if classes[0] != 0 or not sure.all() or (np.diff(classes) <= 0).any():
        return None
    return dict(zip(found.tolist(), classes.tolist(), strict=True))
