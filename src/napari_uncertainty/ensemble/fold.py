"""Folding members side by side: arrays in blocks, files in two readings."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..errors import InputError
from ..fold.blocks import Block, tiles
from ..fold.by_class import RUN_VOXELS
from ..fold.threads import run_in_threads, take_in_turn
from ..kinds import KINDS, n_states_of
from ..limits import available_processors
from ..measures import ENSEMBLE_MEASURES, LEAST_CONFIDENCE, Base, check_base
from ..steps import part
from .dice import Overlap
from .kernel import EnsembleKernel, EnsembleResults
from .maps import EnsembleMaps
from .members import Common, Member, common
from .opinion import Opinion, Reading, known_to_all
from .readings import First, first_of_array, iter_first_readings, tell
from .sources import Source, sources_of

Array = np.ndarray[Any, Any]


def iter_ensemble(
    members: Sequence[Member],
    measures: Sequence[str] = tuple(ENSEMBLE_MEASURES),
    *,
    base: Base = 2,
    on_first: bool = False,
    threads: int | None = None,
    cancel: threading.Event | None = None,
) -> Generator[float, None, EnsembleMaps | None]:
    """Compute measures of several members step by step; yields the share done.

    Parameters
    ----------
    members : sequence of Member
        At least two, of one case.
    measures : sequence of str
        Keys of :data:`.ENSEMBLE_MEASURES`; ``"least_confidence"`` is that of the mean.
    base : 2, "e" or "classes"
        Of the logarithm.
    on_first : bool
        Whether the maps are on the voxels of the first member, instead of the smallest
        box that holds all members.
    threads : int or None
        How many compute; by default as many as there are processors.
    cancel : threading.Event or None
        Set it to stop.

    Returns
    -------
    EnsembleMaps or None
        In nibabel's order, float64 where a member has so many digits and float32
        elsewhere; None if it was cancelled.

    Raises
    ------
    InputError
        If the members are not of one case, or something is wrong with one of them.
    """
    _check(members, measures, base)
    where = common(members, on_first)
    cancel, threads = cancel or threading.Event(), threads or available_processors()
    precision = np.result_type(
        *(_precision_for(one.values.dtype) for one in members), np.float32
    )
    options: Any = {"threads": threads, "cancel": cancel}
    if all(isinstance(one.values, np.ndarray) for one in members):
        readings = [first_of_array(one, precision) for one in members]
        kernel = _kernel(measures, base, readings)
        arrays = _Arrays(members, where, [one.reading for one in readings], kernel)
        results = yield from arrays.iter_fold(**options)
        deviations, overlap = arrays.deviations, arrays.overlap
    else:
        sources = sources_of(members, where)
        first = yield from part(
            iter_first_readings(members, sources, precision, **options), 0, 0.5
        )
        if first is None:
            return None
        readings, opinions, deviations = first
        kernel = _kernel(measures, base, readings)
        streams = _Streams(sources, opinions, kernel)
        results = yield from part(streams.iter_fold(**options), 0.5, 1)
        overlap = streams.overlap
    if results is None:
        return None
    return _told(members, where, readings, deviations, kernel, results, overlap)


def _check(members: Sequence[Member], measures: Sequence[str], base: Base) -> None:
    check_base(base)
    known = {*ENSEMBLE_MEASURES, LEAST_CONFIDENCE.name}
    unknown = [name for name in measures if name not in known]
    if unknown or not measures:
        raise ValueError(
            f"Unknown measure {', '.join(unknown) or '(none)'} of members; there is "
            f"{', '.join(ENSEMBLE_MEASURES)}."
        )
    if len(members) < 2:
        raise InputError(
            "One member alone cannot disagree with anybody; give at least two."
        )
    for one in members:
        if one.values.size == 0 or one.values.dtype.kind not in "biuf":
            raise InputError(
                f"'{one.name}' holds no real numbers for any voxel: shape "
                f"{tuple(one.values.shape)}, type {one.values.dtype}."
            )


def _precision_for(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """float32, or float64 for what has more digits than that."""
    narrow = dtype.itemsize <= (4 if dtype.kind == "f" else 2)
    return np.dtype(np.float32 if narrow else np.float64)


def _kernel(
    measures: Sequence[str], base: Base, firsts: Sequence[First]
) -> EnsembleKernel:
    """The arithmetic for what all members are."""
    readings = [one.reading for one in firsts]
    first = readings[0]
    for other in readings[1:]:
        softmaxes = all(KINDS[one.kind].sums_matter for one in (first, other))
        if other.kind != first.kind and not softmaxes:
            raise InputError(
                f"'{first.name}' holds {tell(first.kind)} and '{other.name}' "
                f"{tell(other.kind)}; members are of one kind. If one of them was "
                "taken for the wrong one, name the kind."
            )
    return EnsembleKernel(
        tuple(dict.fromkeys(measures)),
        base,
        first.channels,
        first.n_channels + first.adds_background,
        first.n_classes,
        n_states_of(first.kind, first.n_channels),
        first.region_order,
        first.precision,
    )


class _Arrays:
    """Members in memory: blocks of voxels with all classes of all members."""

    def __init__(
        self,
        members: Sequence[Member],
        where: Common,
        readings: Sequence[Reading],
        kernel: EnsembleKernel,
    ) -> None:
        boxed = [
            one.values[(slice(None), *box)]
            for one, box in zip(members, where.boxes, strict=True)
        ]
        # As the first one lies in memory, slowest axis first.
        strides = boxed[0].strides[1:]
        order = sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))
        self._back = np.argsort(order)
        self._values = [
            one.transpose(0, *(axis + 1 for axis in order)) for one in boxed
        ]
        self._readings, self._kernel = readings, kernel
        self.overlap = Overlap(len(members), kernel.n_classes)
        self.deviations = [(0.0, 0.0)] * len(members)
        self._lock = threading.Lock()

    def iter_fold(
        self, threads: int, cancel: threading.Event
    ) -> Generator[float, None, EnsembleResults | None]:
        shape = self._values[0].shape[1:]
        kernel = self._kernel
        results = EnsembleResults(
            {name: np.zeros(shape, kernel.precision) for name in kernel.measures},
            np.zeros(shape, np.bool_),
            np.zeros(shape, kernel.label_type),
        )

        def begin() -> Callable[[Block], float]:
            return lambda block: self._fold_block(block, results[block])

        done = yield from take_in_turn(
            tiles(shape, RUN_VOXELS), begin, threads=threads, cancel=cancel
        )
        if done is None:
            return None
        return EnsembleResults(
            {name: one.transpose(self._back) for name, one in results.maps.items()},
            results.no_data.transpose(self._back),
            results.prediction.transpose(self._back),
        )

    def _fold_block(self, block: Block, results: EnsembleResults) -> float:
        kernel = self._kernel
        raws = [values[(slice(None), *block)] for values in self._values]
        opinions = [Opinion(one, results.no_data.shape) for one in self._readings]
        told = []
        for opinion, raw in zip(opinions, raws, strict=True):
            for channel, values in enumerate(raw):
                opinion.add(channel, values)
            told.append(opinion.look_back())
        running = kernel.running(results.no_data.shape)
        if opinions[0].reading.adds_background:
            kernel.add(running, 0, [one.background() for one in opinions])
        for channel in range(len(raws[0])):
            given = [
                opinion.probabilities(raw[channel])
                for opinion, raw in zip(opinions, raws, strict=True)
            ]
            kernel.add(running, channel + opinions[0].reading.adds_background, given)
        labels = [one.labels for one in opinions]
        kernel.finish(running, results, labels, known_to_all(opinions))
        results.prediction[...] = np.where(results.no_data, 0, running.winner)
        with self._lock:
            self.overlap.add(labels, ~results.no_data)
            pairs = zip(self.deviations, told, strict=True)
            self.deviations = [max(pair) for pair in pairs]
        return 0.0


class _Streams:
    """Members of which some are files: what each class is divided by is known now."""

    def __init__(
        self,
        sources: Sequence[Source],
        opinions: Sequence[Opinion],
        kernel: EnsembleKernel,
    ) -> None:
        self._sources, self._opinions, self._kernel = sources, opinions, kernel
        self.overlap = Overlap(len(sources), kernel.n_classes)

    def iter_fold(
        self, threads: int, cancel: threading.Event
    ) -> Generator[float, None, EnsembleResults | None]:
        shape, kernel = self._sources[0].shape, self._kernel
        running = kernel.running(shape)
        extra = self._opinions[0].reading.adds_background
        done = [0]

        def fold() -> None:
            with (
                np.errstate(all="ignore"),  # NaN and infinity are how gaps are known
                ThreadPoolExecutor(threads, thread_name_prefix="ensemble") as pool,
            ):
                if extra:
                    for place in tiles(shape, RUN_VOXELS):
                        here = [one.part(place) for one in self._opinions]
                        given = [one.background() for one in here]
                        kernel.add(running[place], 0, given)
                streams = [one.parts() for one in self._sources]
                # The next parts are unpacked while these are worked on.
                coming = [pool.submit(next, one, None) for one in streams]
                while not cancel.is_set():
                    parts = [one for job in coming if (one := job.result()) is not None]
                    if len(parts) < len(coming):
                        return
                    coming = [pool.submit(next, one, None) for one in streams]
                    self._add(running, extra, parts)
                    done[0] += parts[0][2].size

        total = self._kernel.n_channels * int(np.prod(shape, dtype=int))
        yield from run_in_threads(
            [fold], share=lambda: done[0] / total, stop=cancel.is_set, cancel=cancel
        )
        if cancel.is_set():
            return None
        results = kernel.results_in_place(running)
        for place in tiles(shape, RUN_VOXELS):
            labels = [one.labels[place] for one in self._opinions]
            known = known_to_all([one.part(place) for one in self._opinions])
            kernel.finish(running[place], results[place], labels, known)
            self.overlap.add(labels, ~results.no_data[place])
            yield 1.0
        restore = self._sources[0].restore
        return EnsembleResults(
            {name: restore(one) for name, one in results.maps.items()},
            restore(results.no_data),
            restore(results.prediction),
        )

    def _add(self, running: Any, extra: bool, parts: Sequence[Any]) -> None:
        channel, place, _ = parts[0]
        if not any(self._opinions[0].matters(raw) for _, _, raw in parts):
            return
        given = [
            opinion.part(place).probabilities(raw)
            for opinion, (_, _, raw) in zip(self._opinions, parts, strict=True)
        ]
        self._kernel.add(running[place], channel + extra, given)


def _told(
    members: Sequence[Member],
    where: Common,
    firsts: Sequence[First],
    deviations: Sequence[tuple[float, float]],
    kernel: EnsembleKernel,
    results: EnsembleResults,
    overlap: Overlap,
) -> EnsembleMaps:
    """All that is to be told, on the smallest box that holds all members."""

    def whole(values: Array, fill: Any = 0) -> Array:
        if values.shape == where.shape:
            return values
        large = np.full(where.shape, fill, values.dtype)
        large[where.shared] = values
        return large

    no_data = whole(results.no_data, True)
    first = firsts[0]
    deviation, tolerance = max(deviations)
    return EnsembleMaps(
        maps={name: whole(one) for name, one in results.maps.items()},
        no_data=no_data,
        prediction=whole(results.prediction),
        n_classes=kernel.n_classes,
        base=kernel.base,
        largest_sum_deviation=deviation,
        sum_tolerance=tolerance,
        kind=first.reading.kind,
        temperature=first.reading.temperature,
        scale=first.scale,
        n_states=kernel.n_states,
        evidence=first.evidence,
        doubt=" ".join(
            f"{one.reading.name}: {one.doubt}" for one in firsts if one.doubt
        ),
        contradiction=" ".join(
            f"{one.reading.name}: {one.contradiction}"
            for one in firsts
            if one.contradiction
        ),
        members=tuple(one.name for one in members),
        grid=where.grid,
        not_shared=int(np.count_nonzero(no_data)),
        dice=overlap.dice(),
        remarks=where.remarks,
    )
