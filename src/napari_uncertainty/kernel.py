"""The arithmetic of the fold, on one block of voxels.

Each measure follows from a few numbers of a voxel, with S = Σ x over its classes and
p = x / S: entropy from A = Σ x·log x,

    H = log S - A / S        (x >= 0, 0·log 0 = 0),

the Gini impurity from Σ x², least confidence and margin from the two largest x.
Logarithms are to base 2, which numpy takes fastest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .blocks import Block
from .errors import InputError
from .measures import (
    ENTROPY,
    GINI,
    LEAST_CONFIDENCE,
    MARGIN,
    MEASURES,
    Base,
    units_per_bit,
)
from .probabilities import NEGATIVE_TOLERANCE, SUM_TOLERANCE, scale_of

Array = np.ndarray[Any, Any]

# Values in a block, over all classes. A thread's two buffers of this size take 8 MB in
# float32, which stays near the processor. Smaller blocks fit closer caches, but then
# threads wait more for the interpreter lock, which they need between calls of numpy.
BLOCK_VALUES = 1 << 20


@dataclass(frozen=True, eq=False)
class Kernel:
    """What one fold reads and fills, and how it gets from one to the other.

    Attributes
    ----------
    source : ndarray, shape (classes, ...)
        Probabilities, spatial axes in memory order.
    maps : dict of str to ndarray of float32
        One for each measure; filled block by block, like the next two.
    no_data : ndarray of bool
        True where the probabilities sum to 0 or are not finite.
    prediction : ndarray of unsigned int or None
        The most probable class; None where it is not asked for.
    factor : float
        From bits to the asked unit.
    highest : dict of str to float32
        Largest possible value of each measure.
    scale : float
        What the values of a voxel sum to; 1, or more for scaled integers.
    sum_tolerance : float
        By how much rounding may move the sums from 1.
    """

    source: Array
    maps: dict[str, Array]
    no_data: npt.NDArray[np.bool_]
    prediction: Array | None
    factor: float
    highest: dict[str, np.floating[Any]]
    scale: float
    sum_tolerance: float

    @classmethod
    def allocate(
        cls, source: Array, measures: Sequence[str], base: Base, predict: bool
    ) -> Kernel:
        """Make the arrays for one fold over `source`."""
        n_classes, shape = source.shape[0], source.shape[1:]
        label_type = np.min_scalar_type(max(n_classes - 1, 1))
        scale = scale_of(source, 0) or 1.0
        return cls(
            source=source,
            maps={name: np.empty(shape, np.float32) for name in measures},
            no_data=np.zeros(shape, np.bool_),
            prediction=np.zeros(shape, label_type) if predict else None,
            factor=units_per_bit(base, n_classes),
            highest={
                name: _float32_not_above(MEASURES[name].highest(base, n_classes))
                for name in measures
            },
            scale=scale,
            sum_tolerance=SUM_TOLERANCE if scale == 1 else n_classes / scale,
        )

    @property
    def block_voxels(self) -> int:
        """Voxels in a block."""
        return max(1, BLOCK_VALUES // len(self.source))

    def buffers(self) -> Array:
        """Memory for :meth:`fold_block`, a set for each thread.

        A row for each class, for S, and for what :meth:`_fill` needs.
        """
        # float64 input is worth float64 arithmetic; all else fits float32.
        wide = self.source.dtype.kind == "f" and self.source.dtype.itemsize >= 8
        precision = np.float64 if wide else np.float32
        return np.empty((2 * len(self.source) + 4, self.block_voxels), precision)

    def fold_block(self, block: Block, buffers: Array) -> float:
        """Fill one block; returns the largest deviation of its sums from 1."""
        n_classes, n_voxels = len(self.source), self.no_data[block].size
        rows = buffers[:, :n_voxels]
        x = self._load(block, rows[:n_classes])
        # Most classes are nowhere near: only those from the first to the last count.
        high = x.max(axis=1)
        live = [c for c in range(n_classes) if high[c] != 0 or x[c].min() != 0]
        if not live:
            self.no_data[block] = True
            self._fill_certain(block, 0)
            return 0.0
        first, x = live[0], x[live[0] : live[-1] + 1]
        low = x.min()
        if len(x) == 1 and low == high[first] == 1:
            self._fill_certain(block, first)  # far from all else, as most of a scan is
            return 0.0
        sums = np.add.reduce(x, axis=0, out=rows[n_classes])
        has_data = None if sums.min() > 0 else sums != 0
        deviation = _largest_deviation(sums, has_data)
        # Either may be NaN, which no comparison holds for.
        if not (low >= 0 and deviation <= self.sum_tolerance):
            return self._fold_with_care(block)
        if has_data is not None:
            self.no_data[block] = ~has_data.reshape(self.no_data[block].shape)
            sums[~has_data] = 1
        self._fill(block, first, x, sums, rows[n_classes + 1 :])
        return deviation

    def _load(self, block: Block, buffer: Array) -> Array:
        """Values of a block, shape (classes, voxels): a view if possible."""
        x = self.source[(slice(None), *block)]
        if x.dtype == buffer.dtype and self.scale == 1 and x[0].flags.c_contiguous:
            return x.reshape(buffer.shape)
        converted = buffer.reshape(x.shape)
        if self.scale == 1:
            np.copyto(converted, x, casting="same_kind")
        else:
            np.divide(x, self.scale, out=converted, casting="same_kind")
        return buffer

    def _fold_with_care(self, block: Block) -> float:
        """The same in float64, normalised first: no cancellation, any scale, gaps."""
        shape = self.no_data[block].shape
        x = self.source[(slice(None), *block)].astype(np.float64)
        x = x.reshape(len(x), -1)
        sums = x.sum(axis=0)
        has_data = np.isfinite(sums) & np.any(x != 0, axis=0)
        x[:, ~has_data] = 0
        lowest = float(x.min())
        if lowest < -NEGATIVE_TOLERANCE:
            raise InputError(
                f"Probabilities cannot be negative, these go down to {lowest:.3g}; "
                "if they are logits, apply a softmax first."
            )
        np.maximum(x, 0, out=x)
        np.sum(x, axis=0, out=sums)
        has_data &= sums > 0
        sums[~has_data] = 1
        x /= sums
        self.no_data[block] = ~has_data.reshape(shape)
        self._fill(block, 0, x, np.ones_like(sums), np.empty((len(x) + 3, x.shape[1])))
        return _largest_deviation(sums / self.scale, has_data)

    def _fill_certain(self, block: Block, label: int) -> None:
        """All measures are 0 where one class is certain, or nothing is known."""
        for values in self.maps.values():
            values[block] = 0
        if self.prediction is not None:
            self.prediction[block] = label

    def _fill(
        self, block: Block, first: int, x: Array, sums: Array, scratch: Array
    ) -> None:
        """Fill maps and prediction from values whose sums are known and not 0.

        `x` begins with class `first`; `scratch` has a row for each of its classes
        and three more.
        """
        result, best, second = scratch[-3:]
        ranked = {LEAST_CONFIDENCE.name, MARGIN.name} & self.maps.keys()
        if ranked or self.prediction is not None:
            self._rank(block, first, x, best, second, result)
        for name in self.maps:
            if name == ENTROPY.name:
                # 0·log(tiny) is 0, so zeros add exactly nothing and no log(0) is taken;
                # to all that counts, adding tiny changes no bit.
                logs = np.add(x, np.finfo(x.dtype).tiny, out=scratch[: len(x)])
                np.log2(logs, out=logs)
                np.einsum("cv,cv->v", x, logs, out=result)
                result /= sums
                np.subtract(np.log2(sums, out=logs[0]), result, out=result)
                if self.factor != 1:
                    result *= self.factor
            elif name == GINI.name:
                np.einsum("cv,cv->v", x, x, out=result)
                result /= sums
                result /= sums
                np.subtract(1, result, out=result)
            else:
                np.subtract(best, second if name == MARGIN.name else 0, out=result)
                result /= sums
                np.subtract(1, result, out=result)
            out = self.maps[name][block]
            flat = result.reshape(out.shape)
            # Into the range that rounding may have left.
            np.clip(flat, 0, self.highest[name], out=out, casting="same_kind")
            np.copyto(out, 0, where=self.no_data[block])

    def _rank(
        self,
        block: Block,
        first: int,
        x: Array,
        best: Array,
        second: Array,
        lesser: Array,
    ) -> None:
        """The two largest values, and whose the largest is: the first of equals."""
        winners = np.full(best.shape, first, np.min_scalar_type(first + len(x)))
        np.copyto(best, x[0])
        second.fill(0)
        for label, row in enumerate(x[1:], first + 1):
            if self.prediction is not None:
                np.copyto(winners, label, where=row > best)
            if MARGIN.name in self.maps:
                np.minimum(best, row, out=lesser)
                np.maximum(second, lesser, out=second)
            np.maximum(best, row, out=best)
        if self.prediction is not None:
            winners[best == 0] = 0  # no data
            self.prediction[block] = winners.reshape(self.prediction[block].shape)


def _largest_deviation(
    sums: Array, has_data: npt.NDArray[np.bool_] | None = None
) -> float:
    if has_data is not None:
        sums = sums[has_data]
    if sums.size == 0:
        return 0.0
    return float(max(sums.max() - 1.0, 1.0 - sums.min()))


def _float32_not_above(value: float) -> np.floating[Any]:
    """The largest float32 that does not exceed `value`."""
    rounded = np.float32(value)
    below = np.nextafter(rounded, np.float32(0))
    return below if float(rounded) > value else rounded
