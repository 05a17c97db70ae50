"""The fold: class probabilities are read once, and uncertainty maps are computed.

Nothing as large as the input is ever made. An array is taken in blocks of voxels with
all their classes (:mod:`.arrays`). Of a file that can only be read from its beginning,
running numbers of each voxel are kept (:mod:`.streams`). A dask array is taken chunk by
chunk (:mod:`.dask_arrays`). The arithmetic is the same for all of them: that of a
softmax is in :mod:`.softmax`, that of other kinds in :mod:`.other_kinds`. Logits become
a softmax first (:mod:`.logits`).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..limits import available_processors, check_room
from ..model.interpretation import AS_FOUND, Interpretation
from ..model.kinds import (
    AUTO,
    FRACTIONS,
    KINDS,
    SCALED,
    SIGMOID,
    SOFTMAX,
    divisor_of,
    find_channel,
    is_single,
    name_of_channel,
    require_independent,
    scores_of,
)
from ..model.measures import MEASURES, Base, check_base
from ..model.probabilities import SCALES, ProbabilityMap, refuse_label_map, scale_of
from ..model.stored import PlainBytes, StoredBlocks, StoredValues
from .arrays import iter_fold_array
from .blocks import in_memory_order
from .dask_arrays import as_dask, iter_fold_dask, lazy_maps
from .evidence import Evidence, evidence_of
from .logits import SoftmaxStream, softmax_of_blocks, softmax_of_dask
from .maps import UncertaintyMaps
from .other_kinds import arithmetic_of
from .rescaled import BeyondError, Fit, fitted
from .softmax import Kernel
from .streams import iter_fold_stream
from .values import WatchedStream, limits_of, sample_of


@dataclass(frozen=True)
class FoldRequest:
    """Request of a fold: the maps to compute, and the meaning of the values.

    Attributes
    ----------
    measures, base, predict
        See :func:`iter_fold`.
    how : Interpretation
        Kind (``"auto"`` where it has to be found out), temperature and so on.
    region_order : tuple of int
        Labels that independent channels write; empty for 1, 2, 3, …
    channel, channel_name : int or None, str or None
        The one independent channel that the measures are of; None for all together.
    declared : bool
        Whether nobody named the kind: a file says it, or an array has the usual one.
    tissues : bool
        Whether it is known that no class is the background.
    whole : bool
        Whether these tissues sum to 1 wherever there is one.
    """

    measures: tuple[str, ...]
    base: Base
    predict: bool
    how: Interpretation
    region_order: tuple[int, ...]
    channel: int | None
    channel_name: str | None
    declared: bool
    tissues: bool = False
    whole: bool = False

    @property
    def kind(self) -> str:
        """Kind of the values: a key of :data:`.KINDS`, or ``"auto"``."""
        return self.how.kind or AUTO

    @property
    def temperature(self) -> float:
        """Number that logits are divided by."""
        return self.how.temperature

    def as_kind(self, kind: str, *, whole: bool = False) -> FoldRequest:
        """Return the same of values of that kind, which are `whole` tissues or not."""
        return replace(self, how=replace(self.how, kind=kind), whole=whole)

    def kernel(self, channels: Any, dtype: np.dtype[Any]) -> Kernel:
        """Return the arithmetic for that many channels of that type.

        Raises
        ------
        InputError
            If a channel is asked for, and the kind has none that are independent.
        """
        kind = KINDS[self.kind].applied(channels).name
        require_independent(kind, self.channel)
        return arithmetic_of(kind, self.whole).of(
            self.measures, self.base, channels, self.predict, dtype, kind,
            self.region_order, self.channel,
        )  # fmt: skip


def request_of(
    probabilities: Any,
    measures: Sequence[str],
    how: Interpretation,
    base: Base,
    predict: bool,
) -> tuple[Any, FoldRequest]:
    """Return the values, class axis first, and the request, if it makes sense."""
    check_base(base)
    unknown = [name for name in measures if name not in MEASURES]
    if unknown or not measures:
        raise ValueError(
            f"Unknown measure {', '.join(unknown) or '(none)'}; "
            f"there is {', '.join(MEASURES)}."
        )
    kind = how.kind
    region_order: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    declared = tissues = False
    if isinstance(probabilities, ProbabilityMap):
        values, region_order = probabilities.values, probabilities.region_order
        names = probabilities.class_names
        tissues = bool(probabilities.tissues_of)
        declared = kind is None and probabilities.kind is not None
        named = KINDS.get(kind or "")
        if named and named.logistic and probabilities.kind == SIGMOID.name:
            kind = scores_of(SIGMOID.name)  # what a file declares is that they overlap
        kind = kind or probabilities.kind or AUTO
    else:
        values = _class_first(probabilities, how.class_axis or 0)
        declared = kind is None
        kind = kind or SOFTMAX.name
    if values.size == 0:
        raise InputError(f"An array of shape {values.shape} holds no voxels.")
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"Values of type {values.dtype} cannot be probabilities; give real numbers."
        )
    if is_single(kind) and values.shape[0] != 1:
        raise InputError(
            f"{KINDS[kind].title} means one channel, and there are {values.shape[0]}; "
            "choose another kind, or give one of the channels."
        )
    number = find_channel(how.channel, values.shape[0], names)
    return values, FoldRequest(
        tuple(measures), base, predict, replace(how, kind=kind), region_order,
        number, name_of_channel(number, names), declared, tissues,
    )  # fmt: skip


def _class_first(probabilities: Any, class_axis: int) -> Any:
    """Return an ndarray, dask array or StoredValues, class axis first."""
    if isinstance(probabilities, StoredValues):
        return probabilities
    chunked = as_dask(probabilities)
    values = np.asarray(probabilities) if chunked is None else chunked
    if not -values.ndim <= class_axis < values.ndim:
        raise InputError(
            f"There is no class axis {class_axis} in an array of shape {values.shape}."
        )
    return np.moveaxis(values, class_axis, 0)


def iter_fold(
    probabilities: npt.ArrayLike | ProbabilityMap,
    measures: Sequence[str] = ("entropy",),
    how: Interpretation = AS_FOUND,
    *,
    base: Base = 2,
    predict: bool = True,
    threads: int | None = None,
) -> Generator[float, None, UncertaintyMaps]:
    """Fold probabilities step by step; yields the share done.

    Parameters are those of :func:`napari_uncertainty.uncertainty`; the meaning of the
    values is in `how`. Closing the generator stops the threads within a block.
    `predict` asks for the most probable class too; `threads` is by default the number
    of processors that this process may use.

    Lazy arrays are computed here, the maps into memory or a temporary file. Where the
    kind of a file that has to be read from its beginning is to be found out, it is
    taken for a softmax (for independent channels where one of them is asked for), and
    read again if it turns out to be something else.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"At least 1 thread has to compute, not {threads}.")
    values, request = request_of(probabilities, measures, how, base, predict)
    threads = threads or available_processors()
    if not isinstance(values, StoredValues) or isinstance(values.bytes, PlainBytes):
        evidence = evidence_of(sample_of(values), limits_of(values))
        decided = _of_kind_found(request, evidence)
        fit = fit_for(decided.kind, how.temperature, evidence, values.dtype)
        try:
            usual = evidence.numbers.get("sum", 1.0)
            usual = usual if usual in SCALES else 1.0
            maps = yield from _iter_fold_as(values, decided, threads, fit, usual)
        except BeyondError:
            if fit is not None or not overshoots(decided.kind, evidence):
                raise
            maps = yield from _iter_fold_as(values, decided, threads, Fit(clips=True))
        return _with_evidence(maps, request, evidence)
    watched = WatchedStream.of(values)
    first, fit_first = request, None
    if request.kind == AUTO:
        likely = FRACTIONS if request.tissues else SOFTMAX
        likely = likely if request.channel is None else SIGMOID
        first = request.as_kind(likely.name, whole=request.tissues)
    else:
        # Known without a look; what they are is seen on the way.
        fit_first = sigmoid_for(request.kind, how.temperature)
    folded: UncertaintyMaps | InputError
    try:
        folded = yield from _iter_fold_as(watched, first, threads, fit_first)
    except InputError as error:
        if watched.sampler.sample is None:
            raise
        folded = error
    evidence = evidence_of(watched.sampler.sample, watched.sampler.limits)
    decided = _of_kind_found(request, evidence)
    fit = fit_for(decided.kind, how.temperature, evidence, values.dtype)
    if fit is None and isinstance(folded, BeyondError):
        fit = Fit(clips=True) if overshoots(decided.kind, evidence) else None
    alike = all(KINDS[one.kind].sums_matter for one in (first, decided))
    if isinstance(folded, UncertaintyMaps) and fit_first is not None:
        fit = None  # done
    same = (decided.kind, decided.whole) == (first.kind, first.whole)
    if fit is not None or not (same or alike):
        folded = yield from _iter_fold_as(watched, decided, threads, fit)
    if isinstance(folded, InputError):
        raise folded
    return _with_evidence(replace(folded, kind=decided.kind), request, evidence)


def fit_for(
    kind: str, temperature: float, evidence: Evidence, dtype: np.dtype[Any]
) -> Fit | None:
    """Return the change to probabilities, where the type does not tell it.

    Parameters
    ----------
    kind, temperature : str, float
        Kind that the values are taken for.
    evidence : Evidence
        Evidence of the values.
    dtype : dtype
        Type of the values.
    """
    if KINDS[kind].logistic:
        return sigmoid_for(kind, temperature)
    clips = bool(evidence.numbers.get("beyond")) and overshoots(kind, evidence)
    if KINDS[kind].sums_matter:
        return Fit(clips=True) if clips else None
    scale = evidence.numbers.get("scale", 1.0)
    if scale == divisor_of(dtype):
        return Fit(clips=True) if clips else None
    return Fit(scale, clips)


def sigmoid_for(kind: str, temperature: float) -> Fit | None:
    """Return the sigmoid for independent scores; None for other kinds."""
    alone = KINDS[kind].logistic and KINDS[kind].independent
    return Fit(temperature=temperature) if alone else None


def overshoots(kind: str, evidence: Evidence) -> bool:
    """Return whether values below 0 are those of resampled probabilities."""
    if KINDS[kind].sums_matter:
        return evidence.kind == SOFTMAX.name and not evidence.doubt
    return evidence.kind != SCALED.name and not KINDS[evidence.kind].logistic


def fold_lazily(
    probabilities: Any,
    measures: Sequence[str] = ("entropy",),
    how: Interpretation = AS_FOUND,
    *,
    base: Base = 2,
    predict: bool = True,
) -> UncertaintyMaps | None:
    """Return maps of lazy arrays (dask, zarr, HDF5), uncomputed; None of others."""
    values = probabilities
    if isinstance(values, ProbabilityMap):
        values = values.values
    if as_dask(values) is None:
        return None
    values, request = request_of(probabilities, measures, how, base, predict)
    evidence = sampled = None
    named = None if request.kind == AUTO else KINDS[request.kind]
    # What stands for 1 in a softmax is seen from its sums, and of scores nothing does.
    if named is None or not (named.sums_matter or named.logistic):
        sampled = evidence_of(sample_of(values))
    if named is None or (request.declared and named.independent):
        evidence = sampled
    decided = _of_kind_found(request, evidence)
    fit = sigmoid_for(decided.kind, how.temperature)
    if sampled is not None:
        fit = fit_for(decided.kind, how.temperature, sampled, values.dtype)
        if fit is not None and fit.clips:  # as far as it was seen
            fit.lowest, fit.highest = (
                sampled.numbers["lowest"],
                sampled.numbers["highest"],
            )
    if fit is not None:
        sums_matter = KINDS[decided.kind].sums_matter
        values = fitted(values, fit, sums_matter=sums_matter)
    values = _without_logits(values, decided)
    kernel = decided.kernel(values.shape[0], values.dtype)
    maps = lazy_maps(values, kernel, base, look=sampled is not None and fit is None)
    return _with_evidence(
        replace(
            maps,
            kind=decided.kind,
            temperature=how.temperature,
            channel=request.channel_name,
            scale=maps.scale if fit is None else fit.scale,
            fitted="" if fit is None else fit.sentence,
            # What was clipped, no sum has to tell again.
            largest_sum_deviation=0.0
            if fit and fit.clips
            else maps.largest_sum_deviation,
        ),
        request,
        evidence,
    )


def _of_kind_found(request: FoldRequest, evidence: Evidence | None) -> FoldRequest:
    """Return the request with the kind that the evidence shows, if none was named."""
    if evidence is None:
        return request
    kind, whole = evidence.decide(request.kind, request.declared, request.tissues)
    return request.as_kind(kind, whole=whole)


def _with_evidence(
    maps: UncertaintyMaps, request: FoldRequest, evidence: Evidence | None
) -> UncertaintyMaps:
    """Return the maps with what the evidence says of their kind."""
    if evidence is None:
        return maps
    empty = float(evidence.numbers.get("share_empty", 0))
    maps = replace(maps, evidence=evidence.sentence, share_empty=empty)
    if request.kind == AUTO:
        return replace(maps, doubt=evidence.doubt)
    against = evidence.against(maps.kind)
    if evidence.allows(maps.kind):  # a file knows better than its values
        return maps if request.declared else replace(maps, doubt=against)
    return replace(maps, contradiction=against)


def _without_logits(values: Any, request: FoldRequest) -> Any:
    """Return the values, or the softmax of logits, in what the values are held in."""
    if not KINDS[request.kind].exclusive_scores:
        return values
    if isinstance(values, StoredValues):
        if isinstance(values.bytes, PlainBytes):
            return softmax_of_blocks(StoredBlocks(values), request.temperature)
        return SoftmaxStream.of(values, request.temperature)
    if isinstance(values, np.ndarray):
        return softmax_of_blocks(values, request.temperature)
    return softmax_of_dask(values, request.temperature)


def _iter_fold_as(
    values: Any,
    request: FoldRequest,
    threads: int,
    fit: Fit | None = None,
    usual: float = 1.0,
) -> Generator[float, None, UncertaintyMaps]:
    """Fold values of a kind that is known; lazy floats sum to `usual`."""
    restore: Callable[[Any], Any] = np.asarray
    stored = values if isinstance(values, StoredValues) else None
    sums_matter = KINDS[request.kind].sums_matter
    if isinstance(values, np.ndarray):
        if sums_matter:
            refuse_label_map(values, 0)
        values, restore = in_memory_order(values)
    elif stored is not None and sums_matter and isinstance(stored.bytes, PlainBytes):
        refuse_label_map(sample_of(stored), 0)
    source = _without_logits(values, request)
    kernel = request.kernel(values.shape[0], source.dtype)
    if stored is not None:
        restore = stored.restore
        n_voxels = stored.size // stored.shape[0]
        check_room(stored.path, n_voxels * kernel.bytes_per_voxel, "maps")
    if fit is not None:
        if source is stored and isinstance(stored.bytes, PlainBytes):
            source = StoredBlocks(stored)
        source = fitted(source, fit, sums_matter=sums_matter)
        kernel = request.kernel(values.shape[0], source.dtype)
    if stored is not None and not isinstance(stored.bytes, PlainBytes):
        folded = yield from iter_fold_stream(source, kernel, threads=threads)
    elif stored is not None or isinstance(values, np.ndarray):
        scale = 1.0 if KINDS[request.kind].logistic else divisor_of(values.dtype)
        if sums_matter:
            scale = stored.scale if stored else scale_of(values, 0) or 1.0
        if fit is not None:
            scale = 1.0
        if source is stored:
            source = StoredBlocks(stored)
        folded = yield from iter_fold_array(
            source, kernel, scale=scale, threads=threads
        )
    else:
        folded = yield from iter_fold_dask(source, kernel, threads=threads, usual=usual)
    results = folded.results
    return UncertaintyMaps(
        maps={name: restore(results.maps[name]) for name in request.measures},
        no_data=restore(results.no_data),
        prediction=restore(results.prediction) if request.predict else None,
        n_classes=kernel.n_classes,
        base=request.base,
        # What was clipped, no sum has to tell again.
        largest_sum_deviation=0.0 if fit and fit.clips else folded.deviation,
        sum_tolerance=folded.tolerance,
        kind=request.kind,
        temperature=request.temperature,
        scale=folded.scale if fit is None else fit.scale,
        fitted="" if fit is None else fit.sentence,
        n_states=kernel.n_states,
        channel=request.channel_name,
    )
