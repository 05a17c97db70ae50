"""Folding the members of a case together: arrays in blocks, files in two readings."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ...errors import InputError
from ...limits import available_processors
from ...model.kinds import (
    KINDS,
    find_channel,
    n_states_of,
    name_of_channel,
    require_independent,
)
from ...model.measures import ALL_MEASURES, ENSEMBLE_MEASURES, Base, check_base
from ...steps import part
from ..blocks import Block, iter_each, run_in_threads, slowest_first, tiles
from ..softmax import Results
from ..streams import RUN_VOXELS
from ..values import float_type
from .ensemble_kernel import EnsembleKernel
from .ensemble_maps import EnsembleMaps, Overlap
from .members import CommonVoxels, Member, Source, common, names_known_to, sources_of
from .opinion import MemberReading, Opinion, known_to_all
from .readings import FirstReading, first_of_array, iter_first_readings

Array = np.ndarray[Any, Any]


def iter_ensemble(
    members: Sequence[Member],
    measures: Sequence[str] = tuple(ENSEMBLE_MEASURES),
    *,
    base: Base = 2,
    channel: int | str | None = None,
    on_first: bool = False,
    threads: int | None = None,
) -> Generator[float, None, EnsembleMaps]:
    """Compute measures of several members step by step; yields the share done.

    Parameters
    ----------
    members : sequence of Member
        At least two, of one case.
    measures : sequence of str
        Keys of :data:`.ENSEMBLE_MEASURES`, or of :data:`.MEASURES` where they can be
        asked of the mean.
    base : 2, "e" or "classes"
        Base of the logarithm.
    channel : int or str or None
        The one independent channel that the maps are of, by number or name.
    on_first : bool
        Whether the maps are on the voxels of the first member, instead of the smallest
        box that holds all members.
    threads : int or None
        How many compute; by default as many as there are processors.

    Returns
    -------
    EnsembleMaps
        In nibabel's order, float64 where a member has so many digits and float32
        elsewhere.

    Raises
    ------
    InputError
        If the members are not of one case, or something is wrong with one of them.
    """
    _check(members, measures, base)
    where = common(members, on_first)
    names = names_known_to(members)
    asked = find_channel(channel, members[0].values.shape[0], names)
    threads = threads or available_processors()
    precision = np.result_type(
        *(float_type(one.values.dtype) for one in members), np.float32
    )
    if all(isinstance(one.values, np.ndarray) for one in members):
        readings = [first_of_array(one, precision) for one in members]
        kernel = _kernel(measures, base, asked, readings)
        arrays = MemberBlocks(members, where, [one.reading for one in readings], kernel)
        results = yield from arrays.iter_fold(threads)
        deviations, overlap = arrays.deviations, arrays.overlap
    else:
        sources = sources_of(members, where)
        readings, opinions, deviations = yield from part(
            iter_first_readings(members, sources, precision, threads=threads), 0, 0.5
        )
        kernel = _kernel(measures, base, asked, readings)
        streams = MemberStreams(sources, opinions, kernel)
        results = yield from part(streams.iter_fold(threads), 0.5, 1)
        overlap = streams.overlap
    return _as_maps(members, where, readings, deviations, kernel, results, overlap)


def _check(members: Sequence[Member], measures: Sequence[str], base: Base) -> None:
    check_base(base)
    of_mean = {name for name, row in ALL_MEASURES.items() if row.of_mean}
    unknown = [name for name in measures if name not in {*ENSEMBLE_MEASURES, *of_mean}]
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


def _kernel(
    measures: Sequence[str],
    base: Base,
    channel: int | None,
    firsts: Sequence[FirstReading],
) -> EnsembleKernel:
    """Return the arithmetic of the kind that all members have."""
    readings = [one.reading for one in firsts]
    first = readings[0]
    for other in readings[1:]:
        softmaxes = all(KINDS[one.kind].sums_matter for one in (first, other))
        if other.kind != first.kind and not softmaxes:
            raise InputError(
                f"'{first.name}' holds {KINDS[first.kind].called} and '{other.name}' "
                f"{KINDS[other.kind].called}; members are of one kind. If one of them "
                "was taken for the wrong one, name the kind."
            )
    require_independent(first.kind, channel)
    return EnsembleKernel(
        tuple(dict.fromkeys(measures)),
        base,
        KINDS[first.kind].applied(first.n_channels).name,
        first.n_channels + first.adds_background,
        first.n_classes,
        n_states_of(first.kind, first.n_channels, channel),
        first.region_order,
        channel,
        first.precision,
    )


def _as_maps(
    members: Sequence[Member],
    where: CommonVoxels,
    firsts: Sequence[FirstReading],
    deviations: Sequence[tuple[float, float]],
    kernel: EnsembleKernel,
    results: Results,
    overlap: Overlap,
) -> EnsembleMaps:
    """Return the maps on the box that holds all members, with all remarks."""

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
        maps={name: whole(results.maps[name]) for name in kernel.measures},
        no_data=no_data,
        prediction=whole(results.prediction),
        n_classes=kernel.n_classes,
        base=kernel.base,
        largest_sum_deviation=deviation,
        sum_tolerance=tolerance,
        kind=first.reading.kind,
        temperature=first.reading.temperature,
        fitted=_once(
            [
                (one.reading.fit.sentence, one.reading.name)
                for one in firsts
                if one.reading.fit is not None
            ]
        ),
        scale=first.scale,
        n_states=kernel.n_states,
        channel=name_of_channel(kernel.channel, names_known_to(members)),
        evidence=first.evidence,
        doubt=_once([(one.doubt, one.reading.name) for one in firsts]),
        contradiction=_once([(one.contradiction, one.reading.name) for one in firsts]),
        members=tuple(one.name for one in members),
        share_empty=first.share_empty,
        grid=where.grid,
        not_shared=int(np.count_nonzero(no_data)),
        dice=overlap.dice(),
        remarks=where.remarks,
    )


def _once(remarks: Sequence[tuple[str, str]]) -> str:
    """Return each remark once, after the names of the members that it is about."""
    about: dict[str, list[str]] = {}
    for remark, name in remarks:
        if remark:
            about.setdefault(remark, []).append(name)
    return " ".join(f"{', '.join(names)}: {remark}" for remark, names in about.items())


# Members in memory: blocks of voxels with all classes of all members.


class MemberBlocks:
    """Fold of members that are arrays.

    Parameters
    ----------
    members, where : sequence of Member, CommonVoxels
        What is folded, and how they lie on each other.
    readings : sequence of MemberReading
        How the values of each are read.
    kernel : EnsembleKernel
        The arithmetic.
    """

    def __init__(
        self,
        members: Sequence[Member],
        where: CommonVoxels,
        readings: Sequence[MemberReading],
        kernel: EnsembleKernel,
    ) -> None:
        boxed = [
            one.values[(slice(None), *box)]
            for one, box in zip(members, where.boxes, strict=True)
        ]
        # As the first one lies in memory.
        order = slowest_first(boxed[0].strides[1:])
        self._back = np.argsort(order)
        self._values = [
            one.transpose(0, *(axis + 1 for axis in order)) for one in boxed
        ]
        self._readings, self._kernel = readings, kernel
        self.overlap = Overlap(len(members), kernel.n_classes)
        self.deviations = [(0.0, 0.0)] * len(members)
        self._lock = threading.Lock()

    def iter_fold(self, threads: int) -> Generator[float, None, Results]:
        """Fold them; yields the share done."""
        shape = self._values[0].shape[1:]
        kernel = self._kernel
        results = Results(
            {name: np.zeros(shape, kernel.precision) for name in kernel.measures},
            np.zeros(shape, np.bool_),
            np.zeros(shape, kernel.label_type),
        )

        yield from iter_each(
            lambda block: self._fold_block(block, results[block]),
            tiles(shape, RUN_VOXELS),
            threads=threads,
        )
        return Results(
            {name: one.transpose(self._back) for name, one in results.maps.items()},
            results.no_data.transpose(self._back),
            results.prediction.transpose(self._back),
        )

    def _fold_block(self, block: Block, results: Results) -> None:
        kernel = self._kernel
        raws = [values[(slice(None), *block)] for values in self._values]
        opinions = [Opinion(one, results.no_data.shape) for one in self._readings]
        deviations = []
        for opinion, raw in zip(opinions, raws, strict=True):
            for channel, values in enumerate(raw):
                opinion.add(channel, values)
            deviations.append(opinion.look_back())
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
            pairs = zip(self.deviations, deviations, strict=True)
            self.deviations = [max(pair) for pair in pairs]


# Members of which some are files, in their second reading: class by class.


class MemberStreams:
    """Fold of members in their second reading, which come in the same parts.

    Parameters
    ----------
    sources : sequence of Source
        The values of each.
    opinions : sequence of Opinion
        Opinions that the first reading gave.
    kernel : EnsembleKernel
        The arithmetic.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        opinions: Sequence[Opinion],
        kernel: EnsembleKernel,
    ) -> None:
        self._sources, self._opinions, self._kernel = sources, opinions, kernel
        self.overlap = Overlap(len(sources), kernel.n_classes)

    def iter_fold(self, threads: int) -> Generator[float, None, Results]:
        """Fold them; yields the share done."""
        shape, kernel = self._sources[0].shape, self._kernel
        running = kernel.running(shape)
        extra = self._opinions[0].reading.adds_background
        done = [0]

        def fold(stopped: threading.Event) -> None:
            with (
                np.errstate(all="ignore"),  # NaN and infinity are how gaps are known
                ThreadPoolExecutor(threads, thread_name_prefix="ensemble") as pool,
            ):
                if extra:
                    for place in tiles(shape, RUN_VOXELS):
                        if stopped.is_set():
                            return
                        here = [one.part(place) for one in self._opinions]
                        given = [one.background() for one in here]
                        kernel.add(running[place], 0, given)
                streams = [one.parts() for one in self._sources]
                # The next parts are unpacked while these are worked on.
                coming = [pool.submit(next, one, None) for one in streams]
                while not stopped.is_set():
                    parts = [one for job in coming if (one := job.result()) is not None]
                    if len(parts) < len(coming):
                        return
                    coming = [pool.submit(next, one, None) for one in streams]
                    self._add(running, extra, parts)
                    done[0] += parts[0][2].size

        total = self._kernel.n_channels * int(np.prod(shape, dtype=int))
        yield from run_in_threads([fold], share=lambda: done[0] / total)
        known = known_to_all(self._opinions)
        for one in self._opinions:
            one.forget()  # they are large, and there are maps to make
        results = kernel.results_in_place(running)
        for place in tiles(shape, RUN_VOXELS):
            labels = [one.labels[place] for one in self._opinions]
            kernel.finish(running[place], results[place], labels, known[place])
            self.overlap.add(labels, ~results.no_data[place])
            yield 1.0
        restore = self._sources[0].restore
        return Results(
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
