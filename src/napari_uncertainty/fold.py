"""The engine: classes are folded, block by block, into uncertainty maps.

Entropy needs two running sums over the classes, S = Σ x and A = Σ x·log x::

    H = log S - A / S        (x >= 0, 0·log 0 = 0)

which is the entropy of the normalised probabilities x / S; logarithms are to base 2,
which numpy takes fastest. Nothing as large as the
input is ever made: blocks of voxels that fit the processor's cache are read class by
class into small buffers, on several threads (numpy releases the interpreter lock).
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .blocks import Block, in_memory_order, tiles
from .errors import InputError
from .measures import MEASURES, Base, check_base, highest_entropy, units_per_bit
from .probabilities import (
    NEGATIVE_TOLERANCE,
    SUM_TOLERANCE,
    ProbabilityMap,
    refuse_label_map,
    scale_of,
)

Array = np.ndarray[Any, Any]

# Values in a block, over all classes. A thread's two buffers of this size take 8 MB in
# float32, which stays near the processor. Smaller blocks fit closer caches, but then
# threads wait more for the interpreter lock, which they need between calls of numpy.
BLOCK_VALUES = 1 << 20

# How often a running fold reports, and so how soon it notices a cancel, in seconds.
REPORT_INTERVAL = 0.03


@dataclass(frozen=True, eq=False)
class UncertaintyMaps(Mapping[str, Array]):
    """Maps by measure name, and what was learnt on the way.

    Attributes
    ----------
    maps : dict of str to ndarray of float32
        One map for each measure, class axis removed; 0 at no-data voxels.
    no_data : ndarray of bool
        Voxels whose probabilities sum to 0 or are not finite.
    prediction : ndarray of unsigned int or None
        Index of the most probable class (the first of equals); 0 at no-data voxels.
        None where it was not asked for.
    n_classes : int
        Length of the class axis.
    base : 2, "e" or "classes"
        Base of the logarithm.
    largest_sum_deviation : float
        Largest distance of a voxel's sum from 1, over voxels with data.
    sum_tolerance : float
        How much of that rounding explains.
    """

    maps: dict[str, Array]
    no_data: npt.NDArray[np.bool_]
    prediction: Array | None
    n_classes: int
    base: Base
    largest_sum_deviation: float
    sum_tolerance: float

    @property
    def sums_message(self) -> str | None:
        """What to tell about sums that rounding does not explain; None if it does."""
        if self.largest_sum_deviation <= self.sum_tolerance:
            return None
        return (
            "The probabilities of a voxel should sum to 1, these differ by up to "
            f"{self.largest_sum_deviation:.3g}; each voxel was divided by its sum. "
            "Check that they are a softmax, not independent channels or scores."
        )

    def __getitem__(self, name: str) -> Array:
        return self.maps[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.maps)

    def __len__(self) -> int:
        return len(self.maps)


def iter_fold(
    probabilities: npt.ArrayLike | ProbabilityMap,
    measures: Sequence[str] = ("entropy",),
    *,
    class_axis: int = 0,
    base: Base = 2,
    kind: str = "softmax",
    predict: bool = True,
    threads: int | None = None,
    cancel: threading.Event | None = None,
) -> Generator[float, None, UncertaintyMaps | None]:
    """Fold step by step: yields the share done, returns the maps.

    Parameters are those of :func:`napari_uncertainty.uncertainty`. Setting `cancel`,
    or closing the generator, stops the threads within a block; a cancelled fold
    returns None. `predict` asks for the most probable class too; `threads` is by
    default the number of processors that this process may use.
    """
    cancel = cancel or threading.Event()
    values = _class_first(probabilities, class_axis)
    _check_request(values, measures, base, kind)
    refuse_label_map(values, 0)
    source, restore = in_memory_order(values)
    run = _Run.allocate(source, base, predict, cancel)
    blocks = deque(tiles(source.shape[1:], run.block_voxels))
    n_blocks = len(blocks)
    threads = min(threads or available_processors(), n_blocks)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="fold")
    running = {pool.submit(run.work, blocks) for _ in range(threads)}
    # No more is to come: the threads end with their work, even if nobody asks this
    # generator to go on any more, as when a window is closed.
    pool.shutdown(wait=False)
    try:
        while running and not cancel.is_set():
            done, running = wait(running, REPORT_INTERVAL, FIRST_EXCEPTION)
            for future in done:
                future.result()
            yield run.n_done / n_blocks
    finally:
        blocks.clear()  # closed early: nothing left to take up
        pool.shutdown(wait=True)
    if run.n_done < n_blocks:
        return None
    return UncertaintyMaps(
        maps={"entropy": restore(run.entropy)},
        no_data=restore(run.no_data),
        prediction=None if run.prediction is None else restore(run.prediction),
        n_classes=len(source),
        base=base,
        largest_sum_deviation=run.largest_sum_deviation,
        sum_tolerance=run.sum_tolerance,
    )


def available_processors() -> int:
    """Processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def _class_first(
    probabilities: npt.ArrayLike | ProbabilityMap, class_axis: int
) -> Array:
    if isinstance(probabilities, ProbabilityMap):
        return probabilities.values
    values = np.asarray(probabilities)
    if not -values.ndim <= class_axis < values.ndim:
        raise InputError(
            f"There is no class axis {class_axis} in an array of shape {values.shape}."
        )
    return np.moveaxis(values, class_axis, 0)


def _check_request(
    values: Array, measures: Sequence[str], base: Base, kind: str
) -> None:
    check_base(base)
    unknown = [name for name in measures if name not in MEASURES]
    if unknown or not measures:
        raise ValueError(
            f"Unknown measure {', '.join(unknown) or '(none)'}; "
            f"there is {', '.join(MEASURES)}."
        )
    if kind != "softmax":
        raise ValueError(f"Values of kind {kind!r} are not supported; softmax is.")
    if values.size == 0:
        raise InputError(f"An array of shape {values.shape} holds no voxels.")


@dataclass(eq=False)
class _Run:
    """One fold: the source, the arrays that it fills, and the arithmetic."""

    source: Array
    entropy: Array
    no_data: npt.NDArray[np.bool_]
    prediction: Array | None
    factor: float
    highest: np.floating[Any]
    scale: float
    sum_tolerance: float
    cancel: threading.Event
    n_done: int = 0
    largest_sum_deviation: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def allocate(
        cls, source: Array, base: Base, predict: bool, cancel: threading.Event
    ) -> _Run:
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
            cancel=cancel,
        )

    @property
    def block_voxels(self) -> int:
        """Voxels in a block."""
        return max(1, BLOCK_VALUES // len(self.source))

    def work(self, blocks: deque[Block]) -> None:
        """Take blocks until none is left; run by every thread."""
        # float64 input is worth float64 arithmetic; all else fits float32.
        wide = self.source.dtype.kind == "f" and self.source.dtype.itemsize >= 8
        precision = np.dtype(np.float64 if wide else np.float32)
        # Values, their logarithms, and three rows that the classes are summed into.
        buffers = np.empty((2 * len(self.source) + 3, self.block_voxels), precision)
        with np.errstate(all="ignore"):
            while not self.cancel.is_set():
                try:
                    block = blocks.popleft()
                except IndexError:
                    return
                deviation = self.fold_block(block, buffers)
                with self.lock:
                    self.n_done += 1
                    self.largest_sum_deviation = max(
                        self.largest_sum_deviation, deviation
                    )

    def fold_block(self, block: Block, buffers: Array) -> float:
        """Fill one block; returns the largest deviation of its sums from 1."""
        out = self.entropy[block]
        n_classes = len(self.source)
        rows = buffers[:, : out.size]
        x = self.load(block, rows[:n_classes])
        # Most classes are nowhere near: only those from the first to the last count.
        high = x.max(axis=1)
        live = [c for c in range(n_classes) if high[c] != 0 or x[c].min() != 0]
        if not live:
            out.fill(0)
            self.no_data[block] = True
            return 0.0
        first, x = live[0], x[live[0] : live[-1] + 1]
        if self.prediction is not None:
            self.keep_best(first, x, rows[-1], self.prediction[block])
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
            return self.fold_block_with_care(block, out)
        if has_data is not None:
            self.no_data[block] = ~has_data.reshape(out.shape)
            sums[~has_data] = 1
        products /= sums
        np.log2(sums, out=sums)
        sums -= products
        self.finish(sums.reshape(out.shape), out)
        return deviation

    def load(self, block: Block, buffer: Array) -> Array:
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

    def fold_block_with_care(self, block: Block, out: Array) -> float:
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
        self.finish(-(x * logs).sum(axis=0), out)
        self.no_data[block] = ~has_data
        if self.prediction is not None:
            self.prediction[block] = x.argmax(axis=0)
        return _largest_deviation(sums / self.scale, has_data)

    def keep_best(self, first: int, x: Array, best: Array, labels: Array) -> None:
        """Running maximum: the first of equal classes wins, as with argmax."""
        winners = np.full(best.shape, first, labels.dtype)
        np.copyto(best, x[0])
        for label, row in enumerate(x[1:], first + 1):
            np.copyto(winners, label, where=row > best)
            np.maximum(best, row, out=best)
        winners[best == 0] = 0  # no data
        labels[...] = winners.reshape(labels.shape)

    def finish(self, bits: Array, out: Array) -> None:
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
