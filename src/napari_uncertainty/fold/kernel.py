"""The arithmetic of the fold: running numbers of a voxel, and what follows from them.

Each measure follows from a few numbers of a voxel, with S = Σ x over its classes and
p = x / S: entropy from S and A = Σ x·log x, for one,

    H = log S - A / S        (x >= 0, 0·log 0 = 0).

So classes can be added in groups, in their order, and be forgotten. What a measure
needs and how it follows is in its row of :data:`.MEASURES`. Logarithms are to base 2,
which numpy takes fastest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..kinds import KINDS
from ..measures import Numbers
from ..probabilities import NEGATIVE_TOLERANCE
from .fitted import BeyondError
from .numbers import Results, Running
from .plan import FEW, Plan

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Kernel(Plan):
    """Arithmetic of a softmax: running numbers grow, and maps follow from them."""

    @property
    def sums_matter(self) -> bool:
        """Return whether voxels are divided by their sums; no data where that is 0."""
        return KINDS[self.kind].sums_matter

    def label_of(self, channel: int) -> int:
        """Return the label of a channel."""
        return channel

    def check(self, x: Array) -> None:
        """Raise InputError where values are below what rounding explains."""
        lowest = float(x.min(where=np.isfinite(x), initial=0))
        if lowest < -NEGATIVE_TOLERANCE:
            raise BeyondError(
                f"Probabilities cannot be negative, these go down to {lowest:.3g}; "
                "if they are logits, choose that kind (kind logits)."
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
        """Add a group of consecutive classes.

        Parameters
        ----------
        running : Running
            Of the same voxels; changed in place.
        first : int
            Number of the first class of the group.
        x : ndarray, shape (classes of the group, voxels)
            Values >= 0 in the kernel's precision; those that are not finite spoil
            their voxel's sum, by which :meth:`finish` knows them.
        scratch : ndarray, shape (at least classes of the group + 1, voxels)
            Overwritten.
        fresh : bool
            Nothing was added so far, and what `running` holds is overwritten.
        binary : bool
            All values are 0 or 1, whose x·log x is 0.
        """
        if len(x) > FEW:
            for start in range(0, len(x), FEW):
                group = x[start : start + FEW]
                self.add(running, first + start, group, scratch, fresh=fresh)
                fresh = False
            return
        terms, total = scratch[: len(x)], scratch[len(x)]
        one = len(x) == 1
        sums = x[0] if one else np.add.reduce(x, axis=0, out=total)
        _grow(running.sums, sums, fresh)
        if running.logs is not None and not binary:
            # 0·log(tiny) is 0, so zeros add exactly nothing and no log(0) is taken;
            # to all that counts, adding tiny changes no bit.
            np.add(x, np.finfo(x.dtype).tiny, out=terms)
            np.log2(terms, out=terms)
            if one:
                np.multiply(x[0], terms[0], out=total)
            else:
                np.einsum("cv,cv->v", x, terms, out=total)
            _grow(running.logs, total, fresh)
        if running.squares is not None:
            np.einsum("cv,cv->v", x, x, out=total)
            _grow(running.squares, total, fresh)
        if running.best is not None:
            self._rank(running, first, x, total, fresh)

    def _rank(
        self, running: Running, first: int, x: Array, lesser: Array, fresh: bool
    ) -> None:
        """The two largest values, and whose the largest is: the first of equals."""
        best, second, winner = running.best, running.second, running.winner
        assert best is not None
        rows = [(self.label_of(channel), row) for channel, row in enumerate(x, first)]
        if fresh:
            label, row = rows.pop(0)
            np.copyto(best, row)
            if second is not None:
                second.fill(0)
            if winner is not None:
                winner.fill(label)
        for label, row in rows:
            if winner is not None:
                # Labels rise, so the larger one is the later one; without a branch,
                # which a masked copy would take wrongly again and again.
                np.maximum(winner, (row > best) * winner.dtype.type(label), out=winner)
            if second is not None:
                np.minimum(best, row, out=lesser)
                np.maximum(second, lesser, out=second)
            np.maximum(best, row, out=best)

    def finish(
        self, running: Running, results: Results, scratch: Array, unit_sum: float = 1.0
    ) -> float:
        """Fill the results once all classes were added; `running` is used up.

        Parameters
        ----------
        running : Running
            A map of `results` may lie in its memory: see :meth:`results_in_place`.
        results : Results
            Overwritten.
        scratch : ndarray of `sum_type`, shape (at least 2, voxels)
            Overwritten.
        unit_sum : float
            What the sums should be.

        Returns
        -------
        float
            Largest deviation of the sums from `unit_sum`, as a share of it.
        """
        sums = running.sums
        lowest, highest = float(sums.min()), float(sums.max())
        has_data = None
        if not (lowest > 0 and highest < np.inf):  # NaN too
            has_data = np.isfinite(sums) & (sums > 0)
            sums[~has_data] = 1
            lowest = float(sums.min(where=has_data, initial=np.inf))
            highest = float(sums.max(where=has_data, initial=0))
        if highest > np.sqrt(np.finfo(self.precision).max) / 1e3:
            # Σ x² and Σ x·log x may have overflown where Σ x did not.
            for numbers in (running.logs, running.squares):
                if numbers is not None:
                    finite = np.isfinite(numbers)
                    has_data = finite if has_data is None else has_data & finite
        if has_data is not None:
            results.no_data[...] = ~has_data.reshape(results.no_data.shape)
        if results.prediction is not None:
            assert running.winner is not None
            results.prediction[...] = running.winner.reshape(results.prediction.shape)
        self._measure(running, results, scratch)
        if has_data is not None:
            for values in (*results.maps.values(), results.prediction):
                if values is not None:
                    np.copyto(values, 0, where=results.no_data)
        if lowest > highest:  # no data at all
            return 0.0
        return max(highest / unit_sum - 1, 1 - lowest / unit_sum)

    def _measure(self, numbers: Numbers, results: Results, scratch: Array) -> None:
        """Fill the maps, which may lie in the memory of the numbers."""
        result, spare = scratch[:2]
        for row in self.rows:
            row.finish(numbers, result, spare)
            if row.has_base and self.factor != 1:
                result *= self.factor
            # Into the range that rounding may have left.
            out = results.maps[row.name]
            flat = result.reshape(out.shape)
            np.clip(flat, 0, self.highest[row.name], out=out, casting="same_kind")


def _grow(numbers: Array, more: Array, fresh: bool) -> None:
    if fresh:
        np.copyto(numbers, more)
    else:
        np.add(numbers, more, out=numbers)
