"""Arithmetic of kinds other than a softmax, and the choice of the right one.

Of C independent channels with probabilities x, the measures are those of the 2^C
outcomes together: entropies add up, Σ h(x) with h the entropy of x and 1 - x, and the
most probable outcome has the probability Π max(x, 1 - x); the second one is the same
with the least certain channel the other way round. Where one channel is asked for, the
others only say which label is the most probable.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from ..model.kinds import KINDS
from ..model.measures import Numbers
from ..model.probabilities import NEGATIVE_TOLERANCE, SUM_TOLERANCE
from .rescaled import BeyondError
from .softmax import Kernel, Results, Running

Array = np.ndarray[Any, Any]


def arithmetic_of(kind: str, tissues: bool = False) -> type[Kernel]:
    """Return the arithmetic for values of a kind that are no scores any more.

    Of `tissues`, a rest that rounding explains is none.
    """
    if KINDS[kind].independent:
        return ChannelsKernel
    if KINDS[kind].adds_background:
        return TissuesKernel if tissues else RestKernel
    return Kernel


class RestKernel(Kernel):
    """Arithmetic of shares, where what they leave over is a class in front of them."""

    #: A rest that is no larger than this share of the whole is rounding.
    smallest_rest: ClassVar[float] = 0.0

    def label_of(self, channel: int) -> int:
        """Return the label of a channel; 0 is the background's."""
        return channel + 1

    def add(
        self,
        running: Running,
        first: int,
        x: Array,
        scratch: Array,
        *,
        fresh: bool = False,
        binary: bool = False,
    ) -> None:
        """Add channels, as :meth:`.Kernel.add` does, but one by one.

        A group would be summed up in the precision of its values, and the rest of the
        sum is told from 0 only with the digits that running sums have.
        """
        for channel, row in enumerate(x):
            super().add(
                running, first + channel, row[np.newaxis], scratch,
                fresh=fresh and channel == 0, binary=binary,
            )  # fmt: skip

    def finish(
        self, running: Running, results: Results, scratch: Array, unit_sum: float = 1.0
    ) -> float:
        """Add what is left over, and go on as with a softmax."""
        rest, terms = scratch[:2]
        np.subtract(unit_sum, running.sums, out=rest)
        np.maximum(rest, 0, out=rest)  # NaN stays
        if self.smallest_rest:
            np.copyto(rest, 0, where=rest <= self.smallest_rest * unit_sum)
        running.sums[...] += rest
        if running.logs is not None:
            np.add(rest, np.finfo(rest.dtype).tiny, out=terms)
            np.log2(terms, out=terms)
            terms *= rest
            running.logs[...] += terms
        if running.squares is not None:
            np.multiply(rest, rest, out=terms)
            running.squares[...] += terms
        if running.best is not None:
            if running.winner is not None:
                # Of equals the first, and the background comes first.
                np.copyto(running.winner, 0, where=rest >= running.best)
            if running.second is not None:
                lesser = np.minimum(running.best, rest, out=terms)
                np.maximum(
                    running.second, lesser, out=running.second, casting="same_kind"
                )
            np.maximum(running.best, rest, out=running.best, casting="same_kind")
        return super().finish(running, results, scratch, unit_sum)


class TissuesKernel(RestKernel):
    """Arithmetic of tissues that sum to 1 wherever there is one."""

    smallest_rest: ClassVar[float] = SUM_TOLERANCE


class ChannelsKernel(Kernel):
    """Arithmetic of independent channels."""

    def label_of(self, channel: int) -> int:
        """Return the label that a channel writes where it is above 0.5."""
        return self.region_order[channel]

    def check(self, x: Array) -> None:
        """Raise InputError where values cannot be probabilities."""
        lowest = float(x.min(where=np.isfinite(x), initial=0))
        highest = float(x.max(where=np.isfinite(x), initial=0))
        if lowest < -NEGATIVE_TOLERANCE or highest > 1 + SUM_TOLERANCE:
            raise BeyondError(
                "Independent channels hold probabilities from 0 to 1, and these run "
                f"from {lowest:.3g} to {highest:.3g}; if they are logits, choose that "
                "kind (channel_logits)."
            )

    def add(
        self,
        running: Running,
        first: int,
        x: Array,
        scratch: Array,
        *,
        fresh: bool = False,
        binary: bool = False,
    ) -> None:
        """Add channels, as :meth:`.Kernel.add` does; nothing is ever overwritten."""
        if fresh:
            _start(running)
        for channel, row in enumerate(x, first):
            p, term = scratch[0], scratch[1]
            np.clip(row, 0, 1, out=p)  # rounding may leave it by a little
            running.sums[...] += row  # infinity stays
            if running.winner is not None:
                label = running.winner.dtype.type(self.label_of(channel))
                np.copyto(running.winner, label, where=p > 0.5)
            if self.channel not in (None, channel):
                continue
            if running.logs is not None and not binary:
                tiny = np.finfo(p.dtype).tiny
                running.logs[...] += p * np.log2(np.add(p, tiny, out=term), out=term)
                # Near 0 and 1 this has digits that 1 - p has lost.
                np.negative(np.minimum(p, _below_one(p.dtype), out=term), out=term)
                np.log1p(term, out=term)
                term *= (1 - p) / np.log(p.dtype.type(2))
                running.logs[...] += term
            if running.squares is not None:
                np.subtract(1, p, out=term)
                running.squares[...] *= p * p + term * term
            if running.best is not None:
                other = np.subtract(1, p, out=term)
                larger = np.maximum(p, other)
                running.best[...] *= larger
                if running.second is not None:
                    ratio = np.minimum(p, other) / larger
                    np.maximum(running.second, ratio, out=running.second)

    def finish(
        self, running: Running, results: Results, scratch: Array, unit_sum: float = 1.0
    ) -> float:
        """Fill the results; no sum has to be anything, so nothing deviates."""
        if results.prediction is not None:
            assert running.winner is not None
            results.prediction[...] = running.winner.reshape(results.prediction.shape)
        if running.second is not None:
            running.second[...] *= running.best
        # The outcomes sum to 1, whatever the channels sum to.
        outcomes = Numbers(
            1.0, running.logs, running.squares, running.best, running.second
        )
        self._measure(outcomes, results, scratch)
        known = np.isfinite(running.sums)
        if not known.all():
            results.no_data[...] = ~known.reshape(results.no_data.shape)
            for values in (*results.maps.values(), results.prediction):
                if values is not None:
                    np.copyto(values, 0, where=results.no_data)
        return 0.0


def _start(running: Running) -> None:
    for numbers, value in (
        (running.sums, 0), (running.logs, 0), (running.second, 0),
        (running.winner, 0), (running.squares, 1), (running.best, 1),
    ):  # fmt: skip
        if numbers is not None:
            numbers.fill(value)


def _below_one(dtype: np.dtype[Any]) -> Any:
    return np.nextafter(dtype.type(1), dtype.type(0))
