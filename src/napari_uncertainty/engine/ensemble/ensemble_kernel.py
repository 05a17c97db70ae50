"""Arithmetic of members: running numbers of a voxel, class by class.

The numbers are those of :class:`.MemberNumbers`; what follows from them is in the rows
of :data:`.ENSEMBLE_MEASURES`. The expected pairwise KL divergence follows from one sum
over members: it is the mean over all ordered pairs of members, each with itself
included, of KL(p_m ‖ p_k) = Σ_c p_m·log(p_m / p_k), and in the double sum all else
cancels. All is taken relative to the first member, so identical members give exactly 0.
Of independent channels, each channel is a distribution over p and 1 - p, and its terms
are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...model.kinds import KINDS
from ...model.measures import (
    ALL_MEASURES,
    SMALLEST_PROBABILITY,
    Base,
    EnsembleMeasure,
    Measure,
    MemberNumbers,
    Numbers,
    largest_value,
    units_per_bit,
)
from ..softmax import Results, each_of, in_order, maps_in_place

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class EnsembleRunning:
    """Running numbers of some voxels, in bits; None where no measure asks for them.

    Attributes
    ----------
    expected, mutual, variance, pairwise, squares : ndarray
        Sums over the classes, see :class:`.MemberNumbers`; of independent channels,
        `squares` is a product.
    best, second : ndarray
        The two largest means; of independent channels how probable the likeliest
        outcome is, and the next one as a share of it.
    winner : ndarray of unsigned int
        The label of the largest.
    votes : ndarray of unsigned int
        How many members say that one channel is there.
    """

    expected: Any
    mutual: Any
    variance: Any
    pairwise: Any
    squares: Any
    best: Any
    second: Any
    winner: Any
    votes: Any

    def __getitem__(self, part: Any) -> EnsembleRunning:
        return each_of(self, lambda numbers: numbers[part])

    def flat(self) -> EnsembleRunning:
        """Return the same numbers along one axis, as views."""
        return each_of(self, lambda numbers: numbers.reshape(-1))


@dataclass(frozen=True, eq=False)
class EnsembleKernel:
    """Arithmetic of members for the measures that are asked for.

    Attributes
    ----------
    measures : tuple of str
        Keys of :data:`.ENSEMBLE_MEASURES`, or of :data:`.MEASURES` for those of the
        mean.
    base : 2, "e" or "classes"
        Base of the logarithm.
    kind : str
        A key of :data:`.KINDS`: what the probabilities are.
    n_channels, n_classes, n_states : int
        Of the input, of the prediction, and outcomes; see :mod:`.model.kinds`.
    region_order : tuple of int
        Labels that independent channels write.
    channel : int or None
        The one independent channel that the measures are of; None for all together.
    precision : dtype
        Type of the arithmetic.
    """

    measures: tuple[str, ...]
    base: Base
    kind: str
    n_channels: int
    n_classes: int
    n_states: int
    region_order: tuple[int, ...]
    channel: int | None
    precision: np.dtype[Any]

    @property
    def channels(self) -> bool:
        """Return whether classes are independent channels."""
        return KINDS[self.kind].independent

    @property
    def label_type(self) -> np.dtype[Any]:
        """Smallest type that holds all labels."""
        return np.min_scalar_type(max(self.n_classes - 1, 1))

    @property
    def rows(self) -> list[Measure]:
        """Return the asked measures, in the order in which they are finished."""
        return in_order([ALL_MEASURES[name] for name in self.measures])

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """Return the running numbers that each measure follows from."""
        return {row.name: _needs(row) for row in self.rows}

    def running(self, shape: tuple[int, ...]) -> EnsembleRunning:
        """Return running numbers of voxels that have seen no class yet."""
        needs = {name for names in self.needs.values() for name in names}

        def zeros(name: str) -> Any:
            return np.zeros(shape, self.precision) if name in needs else None

        def start() -> Array:
            # Of independent channels products are taken.
            return np.full(shape, 1 if self.channels else 0, self.precision)

        return EnsembleRunning(
            expected=np.zeros(shape, self.precision),
            mutual=zeros("mutual"),
            variance=zeros("variance"),
            pairwise=zeros("pairwise"),
            squares=start() if "squares" in needs else None,
            best=start(),
            second=zeros("second"),
            winner=np.zeros(shape, self.label_type),
            votes=np.zeros(shape, np.uint16)
            if self.channel is not None and "dissent" in needs
            else None,
        )

    def results_in_place(self, running: EnsembleRunning) -> Results:
        """Return maps in the memory of the numbers they follow from, where they fit."""
        free = {
            name: numbers
            for name, numbers in vars(running).items()
            if name not in ("winner", "votes") and numbers is not None
        }
        shape = running.winner.shape
        return Results(
            maps_in_place(self.needs, free, shape, self.precision),
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
                larger = np.maximum(mean, 1 - mean)
                best *= larger
                if running.second is not None:
                    running.second[where] = np.maximum(
                        running.second[where], (1 - larger) / larger
                    )
                if running.squares is not None:
                    running.squares[where] *= mean**2 + (1 - mean) ** 2
        else:
            if running.second is not None:
                running.second[where] = np.maximum(
                    running.second[where], np.minimum(best, mean)
                )
            if running.squares is not None:
                running.squares[where] += mean**2
            np.copyto(winner, label, where=mean > best)
            np.maximum(best, mean, out=best)
        running.best[where], running.winner[where] = best, winner

    def _measures(self, label: int) -> bool:
        """Return whether the measures are of this channel, and not the label alone."""
        return self.channel in (None, label)

    def finish(
        self,
        running: EnsembleRunning,
        results: Results,
        labels: Sequence[Array],
        known: Array,
    ) -> None:
        """Fill the results once all classes were added; `running` is used up.

        Parameters
        ----------
        running : EnsembleRunning
            Of some voxels; maps may lie in its memory.
        results : Results
            Of the same; overwritten.
        labels : sequence of ndarray of int
            What each member says of them.
        known : ndarray of bool
            Where all members have data.
        """
        n_members = len(labels)
        np.logical_not(known, out=results.no_data)
        factor = self.precision.type(units_per_bit(self.base, self.n_states))
        out, spare = np.empty((2, *running.winner.shape), self.precision)
        members, mean = self._numbers(running, labels)
        for row in self.rows:
            of_members = isinstance(row, EnsembleMeasure)
            row.finish(members if of_members else mean, out, spare)
            if row.has_base and factor != 1:
                out *= factor
            out[results.no_data] = 0
            # Into the range that rounding may have left.
            highest = largest_value(
                row.name, self.base, self.n_states, self.kind, n_members
            )
            np.clip(
                out, 0, highest if row.bounded else None, out=results.maps[row.name]
            )
        results.prediction[results.no_data] = 0

    def _numbers(
        self, running: EnsembleRunning, labels: Sequence[Array]
    ) -> tuple[MemberNumbers, Numbers]:
        """Return the numbers of the members and of their mean, for the measures."""
        needs = {name for names in self.needs.values() for name in names}
        dissent = logs = None
        if "dissent" in needs:
            dissent = _dissent(labels)
            if running.votes is not None:
                dissent = np.minimum(running.votes, len(labels) - running.votes)
        if running.second is not None and self.channels:
            running.second[...] *= running.best
        if any("logs" in row.needs for row in self.rows):
            logs = -(running.expected + running.mutual)
        members = MemberNumbers(
            len(labels),
            self.n_channels if self.channel is None else 1,
            running.expected,
            running.mutual,
            running.variance,
            running.pairwise,
            running.squares,
            running.best,
            running.second,
            dissent,
        )
        return members, Numbers(
            1.0, logs, running.squares, running.best, running.second
        )


def _needs(row: Measure) -> tuple[str, ...]:
    """Return the running numbers that a measure follows from."""
    if isinstance(row, EnsembleMeasure):
        return row.needs
    # Σ q·log q of the mean is not kept: the sum of these two is -1 times that.
    derived = {"logs": ("expected", "mutual")}
    return tuple(kept for name in row.needs for kept in derived.get(name, (name,)))


def _plogp(p: Array) -> Array:
    """Return p·log₂ p, exactly 0 for 0 and 1; NaN for NaN."""
    terms: Array = np.log2(p + np.finfo(p.dtype).tiny)
    terms *= p
    return terms


def _dissent(labels: Sequence[Array]) -> Array:
    """Return the number of members that differ from the most frequent label."""
    most = np.zeros(labels[0].shape, np.uint16)
    for one in labels:  # the most frequent label is what some member says
        votes = np.zeros_like(most)
        for other in labels:
            votes += other == one
        np.maximum(most, votes, out=most)
    fewer: Array = len(labels) - most
    return fewer
