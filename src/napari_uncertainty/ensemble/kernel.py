"""The arithmetic of members: running numbers of a voxel, class by class.

With the probabilities p_m(c) of M members, their mean q(c), and f(p) = p·log p:

    predictive entropy         -Σ_c f(q)
    expected entropy           -Σ_c mean_m f(p_m)
    mutual information          Σ_c (mean_m f(p_m) - f(q))
    variance                    mean over c of mean_m (p_m - q)²
    expected pairwise KL        Σ_c mean_m (p_m - q)·log p_m

The last one is the mean over all ordered pairs of members, each with itself included,
of KL(p_m ‖ p_k) = Σ_c p_m·log(p_m / p_k): in the double sum all else cancels. All is
taken relative to the first member, so identical members give exactly 0. Of independent
channels, each channel is a distribution over p and 1 - p, and its terms are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kinds import SIGMOID, SOFTMAX
from ..measures import (
    ALL_MEASURES,
    EXPECTED_ENTROPY,
    EXPECTED_PAIRWISE_KL,
    LEAST_CONFIDENCE,
    MUTUAL_INFORMATION,
    PREDICTIVE_ENTROPY,
    SMALLEST_PROBABILITY,
    VARIANCE,
    VARIATION_RATIO,
    Base,
    largest_value,
    units_per_bit,
)
from .numbers import EnsembleResults, EnsembleRunning

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class EnsembleKernel:
    """What is asked, and of what.

    Attributes
    ----------
    measures : tuple of str
        Keys of :data:`.ENSEMBLE_MEASURES`, or ``"least_confidence"`` of the mean.
    base : 2, "e" or "classes"
        Of the logarithm.
    channels : bool
        Whether classes are independent channels.
    n_channels, n_classes, n_states : int
        Of the input, of the prediction, and outcomes; see :mod:`.kinds`.
    region_order : tuple of int
        Labels that independent channels write.
    channel : int or None
        The one independent channel that the measures are of; None for all together.
    precision : dtype
        Of all that is computed.
    """

    measures: tuple[str, ...]
    base: Base
    channels: bool
    n_channels: int
    n_classes: int
    n_states: int
    region_order: tuple[int, ...]
    channel: int | None
    precision: np.dtype[Any]

    @property
    def label_type(self) -> np.dtype[Any]:
        """The smallest that holds all labels."""
        return np.min_scalar_type(max(self.n_classes - 1, 1))

    def asks(self, *names: str) -> bool:
        """Return whether one of these measures is asked for."""
        return bool({*names} & {*self.measures})

    def running(self, shape: tuple[int, ...]) -> EnsembleRunning:
        """Running numbers of voxels that have seen no class yet."""

        def zeros(asked: bool) -> Any:
            return np.zeros(shape, self.precision) if asked else None

        return EnsembleRunning(
            expected=zeros(True),
            mutual=zeros(self.asks(PREDICTIVE_ENTROPY.name, MUTUAL_INFORMATION.name)),
            variance=zeros(self.asks(VARIANCE.name)),
            pairwise=zeros(self.asks(EXPECTED_PAIRWISE_KL.name)),
            best=np.full(shape, 1 if self.channels else 0, self.precision),
            winner=np.zeros(shape, self.label_type),
            votes=np.zeros(shape, np.uint16)
            if self.channel is not None and self.asks(VARIATION_RATIO.name)
            else None,
        )

    def results_in_place(self, running: EnsembleRunning) -> EnsembleResults:
        """Where the maps go: in the memory of the numbers that they follow from."""
        places = {
            EXPECTED_ENTROPY.name: running.expected,
            MUTUAL_INFORMATION.name: running.mutual,
            VARIANCE.name: running.variance,
            EXPECTED_PAIRWISE_KL.name: running.pairwise,
            LEAST_CONFIDENCE.name: running.best,
        }
        if not self.asks(EXPECTED_ENTROPY.name):
            places[PREDICTIVE_ENTROPY.name] = running.expected
        elif not self.asks(MUTUAL_INFORMATION.name):
            places[PREDICTIVE_ENTROPY.name] = running.mutual
        shape = running.winner.shape

        def place(name: str) -> Array:
            free = places.get(name)
            return np.zeros(shape, self.precision) if free is None else free

        return EnsembleResults(
            {name: place(name) for name in self.measures},
            np.zeros(shape, np.bool_),
            running.winner,
        )

    def add(
        self, running: EnsembleRunning, label: int, members: Sequence[Array]
    ) -> None:
        """Add one class.

        Parameters
        ----------
        running : EnsembleRunning
            Of some voxels; changed in place.
        label : int
            Number of the class or channel.
        members : sequence of ndarray
            The probability of it according to each member, of the same voxels; not
            changed. What is not finite spoils its voxel.
        """
        flat = [one.reshape(-1) for one in members]
        first = flat[0]
        # Where all are sure of the same, nothing but exact zeros is added, and most of
        # an image is like that.
        open_ = (first != 0) & (first != 1)
        for one in flat[1:]:
            open_ |= one != first
        running = running.flat()
        if running.votes is not None and label == self.channel:
            for one in flat:
                running.votes[...] += one > 0.5
        where = np.flatnonzero(open_)
        if len(where) == len(first):
            self._add_open(running, label, flat, slice(None))
            return
        if len(where):
            self._add_open(running, label, [one[where] for one in flat], where)
        self._rank(running, label, np.where(open_, 0, first), slice(None))

    def _add_open(
        self,
        running: EnsembleRunning,
        label: int,
        members: Sequence[Array],
        where: Any,
    ) -> None:
        """Add what is not certain; `where` says which voxels these are."""
        first = members[0]
        apart = np.stack([one - first for one in members])
        mean = first + apart.mean(axis=0)
        self._rank(running, label, mean, where)
        if not self._measures(label):
            return
        apart -= apart.mean(axis=0)  # from the mean now; of equal members still 0
        if running.variance is not None:
            running.variance[where] += np.einsum("mv,mv->v", apart, apart)
        self._add_terms(running, members, mean, apart, where)
        if self.channels:
            others = [1 - one for one in members]
            self._add_terms(running, others, 1 - mean, -apart, where)

    def _add_terms(
        self,
        running: EnsembleRunning,
        members: Sequence[Array],
        mean: Array,
        apart: Array,
        where: Any,
    ) -> None:
        own = _plogp(members[0])
        expected = own + sum(_plogp(one) - own for one in members) / len(members)
        running.expected[where] -= expected
        if running.mutual is not None:
            gap = expected - _plogp(mean)
            np.maximum(gap, 0, out=gap)  # f is convex
            running.mutual[where] += gap
        if running.pairwise is not None:
            smallest = self.precision.type(SMALLEST_PROBABILITY)
            terms = np.zeros_like(mean)
            for one, away in zip(members, apart, strict=True):
                terms += away * np.log2(np.maximum(one, smallest))
            running.pairwise[where] += terms

    def _rank(
        self, running: EnsembleRunning, label: int, mean: Array, where: Any
    ) -> None:
        best, winner = running.best[where], running.winner[where]
        if self.channels:
            np.copyto(winner, self.region_order[label], where=mean > 0.5)
            if self._measures(label):
                best *= np.maximum(mean, 1 - mean)
        else:
            np.copyto(winner, label, where=mean > best)
            np.maximum(best, mean, out=best)
        running.best[where], running.winner[where] = best, winner

    def _measures(self, label: int) -> bool:
        """Whether the measures are of this channel, too, and not the label alone."""
        return self.channel in (None, label)

    def finish(
        self,
        running: EnsembleRunning,
        results: EnsembleResults,
        labels: Sequence[Array],
        known: Array,
    ) -> None:
        """Fill the results once all classes were added; `running` is used up.

        Parameters
        ----------
        running : EnsembleRunning
            Of some voxels; maps may lie in its memory.
        results : EnsembleResults
            Of the same; overwritten.
        labels : sequence of ndarray of int
            What each member says of them.
        known : ndarray of bool
            Where all members have data.
        """
        n_members, maps = len(labels), results.maps
        np.logical_not(known, out=results.no_data)
        factor = units_per_bit(self.base, self.n_states)
        measured = self.n_channels if self.channel is None else 1
        sources = [
            (EXPECTED_ENTROPY.name, running.expected, factor),
            (MUTUAL_INFORMATION.name, running.mutual, factor),
            (EXPECTED_PAIRWISE_KL.name, running.pairwise, factor / n_members),
            (VARIANCE.name, running.variance, 1 / (n_members * measured)),
        ]
        if PREDICTIVE_ENTROPY.name in maps:
            both = running.expected + running.mutual
            sources.append((PREDICTIVE_ENTROPY.name, both, factor))
        for name, numbers, by in sources:
            if name in maps:
                np.multiply(numbers, self.precision.type(by), out=maps[name])
        if LEAST_CONFIDENCE.name in maps:
            np.subtract(1, running.best, out=maps[LEAST_CONFIDENCE.name])
        if VARIATION_RATIO.name in maps:
            maps[VARIATION_RATIO.name][...] = (
                _variation(labels, self.precision)
                if running.votes is None
                else np.minimum(running.votes, n_members - running.votes) / n_members
            )
        for name, values in maps.items():
            values[results.no_data] = 0
            # Into the range that rounding may have left.
            measure = ALL_MEASURES[name]
            kind = SIGMOID.name if self.channels else SOFTMAX.name
            highest = largest_value(name, self.base, self.n_states, kind, n_members)
            np.clip(values, 0, highest if measure.bounded else None, out=values)
        results.prediction[results.no_data] = 0


def _plogp(p: Array) -> Array:
    """p·log₂ p, exactly 0 for 0 and 1; NaN for NaN."""
    terms: Array = np.log2(p + np.finfo(p.dtype).tiny)
    terms *= p
    return terms


def _variation(labels: Sequence[Array], precision: np.dtype[Any]) -> Array:
    """Share of the members that do not say what most of them say."""
    most = np.zeros(labels[0].shape, np.uint16)
    for one in labels:  # the most frequent label is what some member says
        votes = np.zeros_like(most)
        for other in labels:
            votes += other == one
        np.maximum(most, votes, out=most)
    share: Array = 1 - most.astype(precision) / len(labels)
    return share
