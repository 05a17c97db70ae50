"""Search for the placement on a segmentation in which the prediction agrees best.

Each order and direction of the axes whose shape fits is scored on a sample of the
segmentation's foreground. Where the prediction is a cropped box, its shift is first
estimated from the number of voxels of each class in each plane, and then refined.

The placements that come near the best one in this coarse search are evaluated exactly.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..model.placement import Placement, all_orientations
from ..steps import part
from .agreement import Agreement, Comparison

Array = np.ndarray[Any, Any]


# Exact agreement of the candidates, and the choice among them.

#: One placement is better than another only if it is so by half a percentage point,
#: and by a quarter of what it leaves in disagreement. Else the data cannot decide.
DECISIVE_MARGIN = 0.005
DECISIVE_SHARE = 0.25

#: Two that agree in less than this share of the foreground are of different images. Two
#: networks for the same scan, or a network and a person, reach 0.8; two heads in the
#: same place hardly 0.5.
BELONGS = 0.7

#: Share of the foreground that agrees where the segmentation was made from the
#: probabilities, give or take what clean-up afterwards changes.
AGREES = 0.95


@dataclass(frozen=True)
class Candidate:
    """Placement of the prediction, and its agreement with the segmentation."""

    placement: Placement
    agreement: Agreement

    @property
    def belongs(self) -> bool:
        """Return whether the two can be of the same image."""
        return self.agreement.foreground >= BELONGS

    def beats(self, other: Candidate) -> bool:
        """Return whether the data decide for this one."""
        better, worse = self.agreement.foreground, other.agreement.foreground
        margin = max(DECISIVE_MARGIN, DECISIVE_SHARE * (1 - better))
        return better - worse >= margin


@dataclass(frozen=True)
class RankedPlacements:
    """Placements of a prediction in a segmentation, by how well the two agree.

    Attributes
    ----------
    as_loaded : Candidate or None
        The placement that the files claim; None where they claim none.
    ranked : tuple of Candidate
        The best ones by their exact agreement, the best first; of equals the one that
        is as loaded.
    """

    as_loaded: Candidate | None
    ranked: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate | None:
        """Placement that agrees best, even if by chance; None where none fits."""
        return self.ranked[0] if self.ranked else None

    @property
    def as_loaded_is_best(self) -> bool:
        """Return whether what is as loaded agrees best, and enough to belong."""
        best = self.best
        return best is not None and best == self.as_loaded and best.belongs

    @property
    def better(self) -> Candidate | None:
        """Best placement, if it belongs and beats that of the files; else None."""
        best = self.best
        if best is None or best == self.as_loaded or not best.belongs:
            return None
        if self.as_loaded is None or best.beats(self.as_loaded):
            return best
        return None

    def describe(self, one: Candidate, axcodes: Sequence[str] | None = None) -> str:
        """Return a placement in words, relative to the one that the files claim.

        Parameters
        ----------
        one : Candidate
            One of those found.
        axcodes : sequence of str or None
            Anatomical directions of the segmentation's axes, where they are known.
        """
        loaded = self.as_loaded
        start = Placement.as_it_is(len(one.placement.order))
        if loaded is not None:
            start = loaded.placement
        relative = one.placement.relative_to(start)
        if one.placement.offset != start.offset:
            relative = relative.shifted(one.placement.offset)
        return relative.describe(axcodes)

    def beats(self, other: RankedPlacements) -> bool:
        """Return whether the best one here belongs, and the data decide for it."""
        if self.best is None or not self.best.belongs:
            return False
        return other.best is None or self.best.beats(other.best)

    @property
    def ties(self) -> tuple[Candidate, ...]:
        """Other orientations that the data cannot tell from the best one."""
        best = self.best
        if best is None or not best.belongs:
            return ()
        return tuple(
            one
            for one in self.ranked[1:]
            if not best.beats(one)
            and one.placement.shifted(best.placement.offset) != best.placement
        )


def iter_search(
    comparison: Comparison,
    as_loaded: Placement | None,
) -> Generator[float, None, RankedPlacements]:
    """Rank the placements of a prediction step by step; yields the share done.

    Parameters
    ----------
    comparison : Comparison
        The prediction and the segmentation, two or three axes each.
    as_loaded : Placement or None
        What the files claim.
    """
    near = yield from part(iter_likely(comparison), 0, 0.6)
    if as_loaded is not None:
        near = [as_loaded, *(one for one in near if one != as_loaded)]
    candidates = []
    for number, placement in enumerate(near):
        candidates.append(Candidate(placement, comparison.agreement(placement)))
        yield 0.6 + 0.4 * (number + 1) / len(near)
    return RankedPlacements(
        candidates[0] if as_loaded is not None else None,
        # Stable: of equals the first one, which is as loaded, stays in front.
        tuple(sorted(candidates, key=lambda one: -one.agreement.foreground)),
    )


# Voxels of the sample, and of the grid that it is taken from.
SAMPLE = 20_000
COARSE_VOXELS = 600_000

# A candidate may agree in so much less of the sample than the best one: more than what
# chance and voxels outside of the segmentation's foreground make up for.
NEAR = 0.15
# Number of candidates that are evaluated exactly, at most.
EXACT = 4
# A prediction of the full shape that agrees in so much of the sample is not shifted.
GOOD = 0.95
# Number of candidates whose shifts are refined.
REFINED = 8
# Steps of these shifts in voxels, one after the other; the last ones also diagonally.
STEPS = (8, 4, 2, 1)
ACROSS = 2

# Coarse search among all placements of a prediction on a segmentation.


def iter_likely(
    comparison: Comparison,
) -> Generator[float, None, list[Placement]]:
    """Return the few placements that come near the best, the best first.

    Yields the share done.
    """
    sample = Sample.of(comparison)
    yield 0.05
    orientations = all_orientations(comparison.prediction.ndim)
    fitting = [one for one in orientations if _fits(comparison, one)]
    predicted = _profiles(comparison.prediction)
    yield 0.08
    given = _profiles(comparison.labels)
    yield 0.1
    shifted = _with_shifts(comparison, fitting, predicted, given)
    scored = []
    for number, one in enumerate(shifted):
        scored.append((sample.score(one), one))
        yield 0.1 + 0.2 * number / len(fitting)
    scored.sort(key=_score, reverse=True)
    refined = []
    for number, (score, placement) in enumerate(scored):
        # Where the whole agrees, in whichever orientation, there is nothing to shift.
        whole = scored[0][0] >= GOOD and _fills(comparison, placement)
        if number < REFINED and not whole:
            score, placement = sample.climb(placement, score)
            yield 0.3 + 0.7 * number / REFINED
        refined.append((score, placement))
    refined.sort(key=_score, reverse=True)
    return [one for score, one in refined[:EXACT] if score >= refined[0][0] - NEAR]


@dataclass(frozen=True, eq=False)
class Sample:
    """Foreground voxels of the segmentation, and the prediction to compare with."""

    prediction: Array
    voxels: Array  # shape (axes, n)
    classes: Array  # shape (n,)

    @classmethod
    def of(cls, comparison: Comparison) -> Sample:
        """Return a sample of voxels that are evenly spread over the foreground."""
        box = comparison.labels_box
        part = comparison.labels[box]
        steps = _steps(part)
        coarse = part[tuple(slice(None, None, step) for step in steps)]
        found = np.array(np.nonzero(coarse))
        found = found[:, :: max(1, found.shape[1] // SAMPLE)]
        starts = np.array([[side.start] for side in box])
        return cls(
            comparison.prediction,
            found * np.array(steps)[:, np.newaxis] + starts,
            coarse[tuple(found)],
        )

    def score(self, placement: Placement) -> float:
        """Return the share of the sample whose class is predicted."""
        if not self.classes.size:
            return 0.0
        shape = placement.turned_shape(self.prediction.shape)
        turned = self.voxels - np.array(placement.offset)[:, np.newaxis]
        limits = np.array(shape)[:, np.newaxis]
        inside = ((turned >= 0) & (turned < limits)).all(axis=0)
        index = tuple(axis[inside] for axis in turned)
        same = placement.turn(self.prediction)[index] == self.classes[inside]
        return float(np.count_nonzero(same)) / self.classes.size

    def climb(self, placement: Placement, score: float) -> tuple[float, Placement]:
        """Shift the prediction step by step for as long as the score grows."""
        every = np.array(list(product((-1, 0, 1), repeat=len(placement.offset))))
        axes = np.abs(every).sum(axis=1)
        along, across = every[axes == 1], every[axes > 1]
        for step in STEPS:
            better: tuple[float, Placement] | None = score, placement
            while better is not None:
                score, placement = better
                better = self._better(placement, score, step * along)
                # Across only where no axis leads on: these are three times as many.
                if better is None and step <= ACROSS:
                    better = self._better(placement, score, step * across)
        return score, placement

    def _better(
        self, placement: Placement, score: float, moves: Array
    ) -> tuple[float, Placement] | None:
        """Return the best of some moves; None where none makes it better."""
        offsets = (np.array(placement.offset) + moves).tolist()
        tried = [placement.shifted(offset) for offset in offsets]
        best = max(((self.score(one), one) for one in tried), key=_score, default=None)
        return best if best is not None and best[0] > score else None


def _with_shifts(
    comparison: Comparison,
    orientations: Iterable[Placement],
    predicted: Sequence[Array],
    given: Sequence[Array],
) -> Iterable[Placement]:
    """Yield each orientation with the shift at which the profiles of both agree."""
    for one in orientations:
        if _fills(comparison, one):
            yield one
            continue
        offset = []
        for target, (axis, flip) in enumerate(zip(one.order, one.flips, strict=True)):
            here, there = predicted[axis][:, ::flip], given[target]
            n = max(len(here), len(there))
            match = sum(
                np.correlate(there[label], here[label], "valid")
                for label in range(min(n, len(here), len(there)))
            )
            offset.append(int(np.argmax(match)))
        yield one.shifted(offset)


def _fits(comparison: Comparison, placement: Placement) -> bool:
    """Return whether the turned prediction fits; single planes stay unflipped."""
    turned = placement.turned_shape(comparison.prediction.shape)
    sides = zip(turned, placement.flips, comparison.labels.shape, strict=True)
    return all(
        length <= room and (length > 1 or flip == 1) for length, flip, room in sides
    )


def _fills(comparison: Comparison, placement: Placement) -> bool:
    """Return whether the turned prediction has the segmentation's shape."""
    turned = placement.turned_shape(comparison.prediction.shape)
    return turned == tuple(comparison.labels.shape)


def _profiles(labels: Array) -> list[Array]:
    """Return, for each axis, how many sampled voxels of each class each plane has."""
    n_classes = int(labels.max(initial=0)) + 1
    profiles = []
    for axis, length in enumerate(labels.shape):
        steps = _steps(labels)
        steps[axis] = 1
        coarse = np.moveaxis(
            labels[tuple(slice(None, None, step) for step in steps)], axis, 0
        ).reshape(length, -1)
        planes = np.arange(length)[:, np.newaxis] * n_classes
        counts = np.bincount(
            (coarse + planes).ravel(), minlength=length * n_classes
        ).reshape(length, n_classes)
        profiles.append(counts.T[1:].astype(np.float64))
    return profiles


def _steps(labels: Array) -> list[int]:
    """Return steps along the axes that leave about `COARSE_VOXELS`.

    Short axes stay whole.
    """
    step = max(1, round((labels.size / COARSE_VOXELS) ** (1 / max(1, labels.ndim))))
    return [step if length >= 16 * step else 1 for length in labels.shape]


def _score(scored: tuple[float, Placement]) -> float:
    return scored[0]
