"""Which order, direction and shift of the axes lays a prediction on a segmentation.

All orders and directions whose shape fits are tried on a sample of the segmentation's
foreground; where the prediction is a cropped box, its shift is first estimated from the
number of voxels of each class in each plane. What comes near the best is then
evaluated exactly.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .agreement import Agreement, Comparison
from .placement import Placement, all_orientations

Array = np.ndarray[Any, Any]

#: One placement is better than another only if it is so by half a percentage point,
#: and by a quarter of what it leaves in disagreement. Else the data cannot decide.
DECISIVE_MARGIN = 0.005
DECISIVE_SHARE = 0.25

#: Two that agree in less than this share of the foreground are of different images. Two
#: networks for the same scan, or a network and a person, reach 0.8; two heads in the
#: same place hardly 0.5.
BELONGS = 0.7

# Voxels of the sample.
SAMPLE = 20_000
# Of the grid that the sample is taken from.
COARSE_VOXELS = 600_000

# So much, in the sample, may separate a candidate from the best: more than chance and
# voxels outside of the segmentation's foreground make up for.
NEAR = 0.15
# Of these at most, exactly.
EXACT = 4
# A whole that agrees in so much of the sample is not shifted.
GOOD = 0.95
# Shifts are refined for so many.
REFINED = 8
# In voxels, one after the other.
STEPS = (8, 4, 2, 1)


@dataclass(frozen=True)
class Candidate:
    """A placement, and how well the two then agree."""

    placement: Placement
    agreement: Agreement

    @property
    def belongs(self) -> bool:
        """Whether the two can be of the same image."""
        return self.agreement.foreground >= BELONGS

    def beats(self, other: Candidate) -> bool:
        """Whether the data decide for this one."""
        better, worse = self.agreement.foreground, other.agreement.foreground
        margin = max(DECISIVE_MARGIN, DECISIVE_SHARE * (1 - better))
        return better - worse >= margin


@dataclass(frozen=True)
class Search:
    """What a search found.

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
        """The best one, whether by chance or not; None where nothing fits."""
        return self.ranked[0] if self.ranked else None

    @property
    def better(self) -> Candidate | None:
        """The best one, if it belongs and beats what is as loaded, or nothing is."""
        best = self.best
        if best is None or best == self.as_loaded or not best.belongs:
            return None
        if self.as_loaded is None or best.beats(self.as_loaded):
            return best
        return None

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
    cancel: threading.Event | None = None,
) -> Generator[float, None, Search | None]:
    """Search step by step; yields the share done, returns None if cancelled.

    Parameters
    ----------
    comparison : Comparison
        The prediction and the segmentation, two or three axes each.
    as_loaded : Placement or None
        What the files claim.
    cancel : threading.Event or None
        Set it to stop.
    """
    sample = _Sample.of(comparison)
    fitting = [
        one
        for one in all_orientations(comparison.prediction.ndim)
        if _fits(comparison, one)
    ]
    scored = _scored(sample, _with_shifts(comparison, fitting))
    yield 0.2
    refined = []
    for number, (score, placement) in enumerate(scored):
        if cancel is not None and cancel.is_set():
            return None
        # Where the whole agrees, in whichever orientation, there is nothing to shift.
        whole = scored[0][0] >= GOOD and _fills(comparison, placement)
        if number < REFINED and not whole:
            score, placement = sample.climb(placement, score)
            yield 0.2 + 0.4 * number / REFINED
        refined.append((score, placement))
    refined.sort(key=_by_score)
    near = [one for score, one in refined[:EXACT] if score >= refined[0][0] - NEAR]
    if as_loaded is not None:
        near = [as_loaded, *(one for one in near if one != as_loaded)]
    candidates = []
    for number, placement in enumerate(near):
        if cancel is not None and cancel.is_set():
            return None
        candidates.append(Candidate(placement, comparison.agreement(placement)))
        yield 0.6 + 0.4 * (number + 1) / len(near)
    return Search(
        candidates[0] if as_loaded is not None else None,
        # Stable: of equals the first one, which is as loaded, stays in front.
        tuple(sorted(candidates, key=lambda one: -one.agreement.foreground)),
    )


@dataclass(frozen=True, eq=False)
class _Sample:
    """Foreground voxels of the segmentation, and the prediction to look them up in."""

    prediction: Array
    voxels: Array  # shape (axes, n)
    classes: Array  # shape (n,)

    @classmethod
    def of(cls, comparison: Comparison) -> _Sample:
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
        """Share of the sample whose class is predicted."""
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
        """Shift the box, step by step, as long as that makes it better."""
        offset = np.array(placement.offset)
        moves = np.concatenate([np.eye(len(offset), dtype=int)] * 2)
        moves[len(offset) :] *= -1
        for step in STEPS:
            improved = True
            while improved:
                tried = [
                    placement.shifted((offset + step * move).tolist()) for move in moves
                ]
                scores = [self.score(one) for one in tried]
                improved = max(scores) > score
                if improved:
                    score = max(scores)
                    offset = np.array(tried[scores.index(score)].offset)
        return score, placement.shifted(offset.tolist())


def _with_shifts(
    comparison: Comparison, orientations: Iterable[Placement]
) -> Iterable[Placement]:
    """Each orientation with the shift at which the planes hold the same classes."""
    predicted = _profiles(comparison.prediction)
    given = _profiles(comparison.labels)
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
    """Whether there is room for the turned prediction; single planes stay unflipped."""
    turned = placement.turned_shape(comparison.prediction.shape)
    sides = zip(turned, placement.flips, comparison.labels.shape, strict=True)
    return all(
        length <= room and (length > 1 or flip == 1) for length, flip, room in sides
    )


def _fills(comparison: Comparison, placement: Placement) -> bool:
    """Whether the turned prediction has the segmentation's shape, so no shift."""
    turned = placement.turned_shape(comparison.prediction.shape)
    return turned == tuple(comparison.labels.shape)


def _profiles(labels: Array) -> list[Array]:
    """For each axis: how many voxels of each class but 0 each plane has, a sample."""
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
    """Steps along the axes that leave about `COARSE_VOXELS`; short axes stay whole."""
    step = max(1, round((labels.size / COARSE_VOXELS) ** (1 / max(1, labels.ndim))))
    return [step if length >= 16 * step else 1 for length in labels.shape]


def _scored(
    sample: _Sample, placements: Iterable[Placement]
) -> list[tuple[float, Placement]]:
    return sorted(((sample.score(one), one) for one in placements), key=_by_score)


def _by_score(scored: tuple[float, Placement]) -> float:
    return -scored[0]
