"""The arithmetic of the fold, on one block of voxels.

Entropy needs two sums over the classes of a voxel, S = Σ x and A = Σ x·log x::

    H = log S - A / S        (x >= 0, 0·log 0 = 0)

which is the entropy of the normalised probabilities x / S. Logarithms are to base 2,
which numpy takes fastest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .blocks import Block
from .errors import InputError
from .measures import Base, highest_entropy, units_per_bit
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
    entropy : ndarray of float32
        Filled block by block, like the next two.
    no_data : ndarray of bool
        True where the probabilities sum to 0 or are not finite.
    prediction : ndarray of unsigned int or None
        The most probable class; None where it is not asked for.
    factor : float
        From bits to the asked unit.
    highest : float32
        Largest possible entropy in that unit.
    scale : float
        What the values of a voxel sum to; 1, or more for scaled integers.
    sum_tolerance : float
        By how much rounding may move the sums from 1.
    """

    source: Array
    entropy: Array
    no_data: npt.NDArray[np.bool_]
    prediction: Array | None
    factor: float
    highest: np.floating[Any]
    scale: float
    sum_tolerance: float

    @classmethod
    def allocate(cls, source: Array, base: Base, predict: bool) -> Kernel:
        """Make the arrays for one fold over `source`."""
        n_classes, shape = source.shape[0], source.shape[1:]
        label_type = np.min_scalar_type(max(n_classes - 1, 1))
        scale = scale_of(source, 0) or 1.0
        return cls(
            source=source,
            entropy=np.empty(shape, np.float32),
            no_data=np.zeros(shape, np.bool_),
            prediction=np.zeros(shape, label_type) if predict else None,
            factor=units_per_bit(base, n_classes),
            highest=_float32_not_above(highest_entropy(base, n_classes)),
            scale=scale,
            sum_tolerance=SUM_TOLERANCE if scale == 1 else n_classes / scale,
        )

    @property
    def block_voxels(self) -> int:
        """Voxels in a block."""
        return max(1, BLOCK_VALUES // len(self.source))

    def buffers(self) -> Array:
        """Memory for :meth:`fold_block`, a set for each thread.

        Values, their logarithms, and three rows that the classes are summed into.
        """
        # float64 input is worth float64 arithmetic; all else fits float32.
        wide = self.source.dtype.kind == "f" and self.source.dtype.itemsize >= 8
        precision = np.float64 if wide else np.float32
        return np.empty((2 * len(self.source) + 3, self.block_voxels), precision)

    def fold_block(self, block: Block, buffers: Array) -> float:
        """Fill one block; returns the largest deviation of its sums from 1."""
        out = self.entropy[block]
        n_classes = len(self.source)
        rows = buffers[:, : out.size]
        x = self._load(block, rows[:n_classes])
        # Most classes are nowhere near: only those from the first to the last count.
        high = x.max(axis=1)
        live = [c for c in range(n_classes) if high[c] != 0 or x[c].min() != 0]
        if not live:
            out.fill(0)
            self.no_data[block] = True
            return 0.0
        first, x = live[0], x[live[0] : live[-1] + 1]
        if self.prediction is not None:
            self._keep_best(first, x, rows[-1], self.prediction[block])
        if len(x) == 1 and high[first] == x.min() == 1:
            out.fill(0)  # far from everything, as most of a scan is
            return 0.0
        sums, products, logs = rows[-2], rows[-3], rows[n_classes : n_classes + len(x)]
        np.add.reduce(x, axis=0, out=sums)
        # 0·log(tiny) is 0, so zeros add exactly nothing and no log(0) is taken; to all
        # that counts, adding tiny changes no bit. Negative values and NaN become NaN,
        # infinity becomes infinity.
        np.add(x, np.finfo(x.dtype).tiny, out=logs)
        np.log2(logs, out=logs)
        np.einsum("cv,cv->v", x, logs, out=products)
        has_data = None if sums.min() > 0 else sums != 0
        deviation = _largest_deviation(sums, has_data)
        # Either may be NaN, which no comparison holds for.
        if not (deviation <= self.sum_tolerance and products.max() < np.inf):
            return self._fold_with_care(block, out)
        if has_data is not None:
            self.no_data[block] = ~has_data.reshape(out.shape)
            sums[~has_data] = 1
        products /= sums
        np.log2(sums, out=sums)
        sums -= products
        self._finish(sums.reshape(out.shape), out)
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

    def _fold_with_care(self, block: Block, out: Array) -> float:
        """The same in float64, normalised first: no cancellation, any scale, gaps."""
        x = self.source[(slice(None), *block)].astype(np.float64)
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
        logs = np.log2(np.maximum(x, np.finfo(np.float64).tiny))
        self._finish(-(x * logs).sum(axis=0), out)
        self.no_data[block] = ~has_data
        if self.prediction is not None:
            self.prediction[block] = x.argmax(axis=0)
        return _largest_deviation(sums / self.scale, has_data)

    def _keep_best(self, first: int, x: Array, best: Array, labels: Array) -> None:
        """Running maximum: the first of equal classes wins, as with argmax."""
        winners = np.full(best.shape, first, labels.dtype)
        np.copyto(best, x[0])
        for label, row in enumerate(x[1:], first + 1):
            np.copyto(winners, label, where=row > best)
            np.maximum(best, row, out=best)
        winners[best == 0] = 0  # no data
        labels[...] = winners.reshape(labels.shape)

    def _finish(self, bits: Array, out: Array) -> None:
        """Into the asked unit, and into the range that rounding may have left."""
        if self.factor != 1:
            bits *= self.factor
        np.clip(bits, 0, self.highest, out=out, casting="same_kind")


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
