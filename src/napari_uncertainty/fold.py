"""The engine: blocks of voxels are folded over their classes into uncertainty maps.

Nothing as large as the input is ever made. Several threads take blocks in turn and
leave the arithmetic to :mod:`.kernel`; numpy releases the interpreter lock meanwhile.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .blocks import Block, in_memory_order, tiles
from .errors import InputError
from .kernel import Kernel
from .limits import available_processors
from .measures import MEASURES, Base, check_base
from .probabilities import ProbabilityMap, refuse_label_map

Array = np.ndarray[Any, Any]

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
    kernel = Kernel.allocate(source, measures, base, predict)
    blocks = deque(tiles(source.shape[1:], kernel.block_voxels))
    n_blocks = len(blocks)
    deviations: list[float] = []
    threads = min(threads or available_processors(), n_blocks)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="fold")
    running = {
        pool.submit(_take_blocks, kernel, blocks, deviations, cancel)
        for _ in range(threads)
    }
    # No more is to come: the threads end with their work, even if nobody asks this
    # generator to go on any more, as when a window is closed.
    pool.shutdown(wait=False)
    try:
        while running and not cancel.is_set():
            done, running = wait(running, REPORT_INTERVAL, FIRST_EXCEPTION)
            for future in done:
                future.result()
            yield len(deviations) / n_blocks
    finally:
        blocks.clear()  # closed early: nothing left to take up
        pool.shutdown(wait=True)
    if len(deviations) < n_blocks:
        return None
    prediction = kernel.prediction
    return UncertaintyMaps(
        maps={name: restore(kernel.maps[name]) for name in measures},
        no_data=restore(kernel.no_data),
        prediction=None if prediction is None else restore(prediction),
        n_classes=len(source),
        base=base,
        largest_sum_deviation=max(deviations),
        sum_tolerance=kernel.sum_tolerance,
    )


def _take_blocks(
    kernel: Kernel,
    blocks: deque[Block],
    deviations: list[float],
    cancel: threading.Event,
) -> None:
    """Fold blocks until none is left; run by every thread.

    Adds each block's largest deviation of the sums from 1 to `deviations`.
    """
    buffers = kernel.buffers()
    with np.errstate(all="ignore"):  # NaN and infinity are looked for afterwards
        while not cancel.is_set():
            try:
                block = blocks.popleft()
            except IndexError:
                return
            deviations.append(kernel.fold_block(block, buffers))


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
