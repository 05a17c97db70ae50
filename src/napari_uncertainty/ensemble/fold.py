"""Folding members side by side: arrays in blocks, files in two readings."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..fold.numbers import Results
from ..fold.values import float_type
from ..kinds import (
    KINDS,
    find_channel,
    n_states_of,
    name_of_channel,
    require_independent,
)
from ..limits import available_processors
from ..measures import ALL_MEASURES, ENSEMBLE_MEASURES, Base, check_base
from ..steps import part
from .blocks import MemberBlocks
from .dice import Overlap
from .kernel import EnsembleKernel
from .maps import EnsembleMaps
from .members import CommonVoxels, Member, common, names_known_to
from .readings import FirstReading, first_of_array, iter_first_readings
from .side_by_side import MemberStreams
from .sources import sources_of

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
        Of the logarithm.
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
    """The arithmetic for what all members are."""
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
    """Return the maps on the smallest box that holds all members, with all remarks."""

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
    """Each remark once, after the names of the members that it is about."""
    about: dict[str, list[str]] = {}
    for remark, name in remarks:
        if remark:
            about.setdefault(remark, []).append(name)
    return " ".join(f"{', '.join(names)}: {remark}" for remark, names in about.items())
