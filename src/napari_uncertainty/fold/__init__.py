"""The engine: class probabilities stream in once, uncertainty maps come out.

Nothing as large as the input is ever made: of an array, blocks of voxels are taken with
all their classes (:mod:`.arrays`); of a file that can only be read from its beginning,
running numbers are kept (:mod:`.streams`); a dask array is taken chunk by chunk
(:mod:`.lazy`). All leave the arithmetic to :mod:`.kernel`, or for kinds that are no
softmax to :mod:`.kernels`; logits become a softmax first (:mod:`.logits`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..evidence import Evidence, evidence_of
from ..kinds import AUTO, FOREGROUND, KINDS, LOGITS, SOFTMAX, check_kind
from ..limits import available_processors, check_room
from ..measures import MEASURES, Base, check_base
from ..probabilities import ProbabilityMap, refuse_label_map, scale_of
from ..stored import PlainBytes, StoredBlocks, StoredValues
from .arrays import iter_fold_array
from .blocks import in_memory_order
from .kernel import Kernel
from .kernels import kernel_of
from .lazy import as_dask, iter_fold_dask, lazy_maps
from .logits import SoftmaxBlocks, SoftmaxStream, softmax_of_dask
from .maps import UncertaintyMaps
from .sampling import WatchedStream, sample_of
from .streams import iter_fold_stream
from .values import divisor_of

__all__ = ["UncertaintyMaps", "as_dask", "fold_lazily", "iter_fold"]


@dataclass(frozen=True)
class Wanted:
    """What a fold is to give.

    Attributes
    ----------
    measures, base, predict
        As of :func:`iter_fold`.
    kind : str
        A key of :data:`.KINDS`, or ``"auto"``.
    temperature : float
        Of logits.
    region_order : tuple of int
        Labels that independent channels write; empty for 1, 2, 3, …
    declared : bool
        Whether it is the file that says the kind.
    """

    measures: tuple[str, ...]
    base: Base
    predict: bool
    kind: str
    temperature: float
    region_order: tuple[int, ...]
    declared: bool

    def kernel(self, channels: Any, dtype: np.dtype[Any]) -> Kernel:
        """The arithmetic for that many channels of that type."""
        kind = self.kind
        if kind == LOGITS.name:
            kind = FOREGROUND.name if channels == 1 else SOFTMAX.name
        return kernel_of(
            kind, self.measures, self.base, channels, self.predict, dtype,
            self.region_order,
        )  # fmt: skip


def iter_fold(
    probabilities: npt.ArrayLike | ProbabilityMap,
    measures: Sequence[str] = ("entropy",),
    *,
    class_axis: int = 0,
    base: Base = 2,
    kind: str | None = None,
    temperature: float = 1.0,
    predict: bool = True,
    threads: int | None = None,
    cancel: threading.Event | None = None,
) -> Generator[float, None, UncertaintyMaps | None]:
    """Fold step by step: yields the share done, returns the maps.

    Parameters are those of :func:`napari_uncertainty.uncertainty`. Setting `cancel`,
    or closing the generator, stops the threads within a block; a cancelled fold
    returns None. `predict` asks for the most probable class too; `threads` is by
    default the number of processors that this process may use.

    Lazy arrays are computed here, the maps into memory or a temporary file. Where the
    kind of a file that has to be read from its beginning is to be found out, it is
    taken for a softmax, and read again if it turns out to be something else.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"At least 1 thread has to compute, not {threads}.")
    values, wanted = _asked(
        probabilities, class_axis, measures, base, kind, temperature, predict
    )
    options: Any = {
        "threads": threads or available_processors(),
        "cancel": cancel or threading.Event(),
    }
    if not isinstance(values, StoredValues) or isinstance(values.bytes, PlainBytes):
        evidence = evidence_of(sample_of(values))
        maps = yield from _iter_fold_as(values, _decided(wanted, evidence), options)
        return None if maps is None else _told(maps, wanted, evidence)
    watched = WatchedStream.of(values)
    first = replace(wanted, kind=SOFTMAX.name) if wanted.kind == AUTO else wanted
    refused: InputError | None = None
    maps = None
    try:
        maps = yield from _iter_fold_as(watched, first, options)
    except InputError as error:
        if watched.sampler.sample is None:
            raise
        refused = error
    if maps is None and refused is None:
        return None
    evidence = evidence_of(watched.sampler.sample)
    odd = maps is None or maps.sums_message is not None
    if wanted.kind == AUTO and odd:
        again = _decided(wanted, evidence)
        if not KINDS[again.kind].sums_matter:
            maps, refused = (yield from _iter_fold_as(watched, again, options)), None
    if refused is not None:
        raise refused
    return None if maps is None else _told(maps, wanted, evidence)


def fold_lazily(
    probabilities: Any,
    measures: Sequence[str] = ("entropy",),
    *,
    class_axis: int = 0,
    base: Base = 2,
    kind: str | None = None,
    temperature: float = 1.0,
    predict: bool = True,
) -> UncertaintyMaps | None:
    """Maps of lazy arrays (dask, zarr, HDF5), not computed yet; None for any others."""
    values = probabilities
    if isinstance(values, ProbabilityMap):
        values = values.values
    if as_dask(values) is None:
        return None
    values, wanted = _asked(
        probabilities, class_axis, measures, base, kind, temperature, predict
    )
    evidence = None
    if wanted.kind == AUTO:
        evidence = evidence_of(sample_of(values))
    decided = _decided(wanted, evidence)
    values = _without_logits(values, decided)
    maps = lazy_maps(values, decided.kernel(values.shape[0], values.dtype), base)
    return _told(
        replace(maps, kind=decided.kind, temperature=temperature), wanted, evidence
    )


def _asked(
    probabilities: Any,
    class_axis: int,
    measures: Sequence[str],
    base: Base,
    kind: str | None,
    temperature: float,
    predict: bool,
) -> tuple[Any, Wanted]:
    """The values, class axis first, and what to do with them, if it makes sense."""
    check_base(base)
    unknown = [name for name in measures if name not in MEASURES]
    if unknown or not measures:
        raise ValueError(
            f"Unknown measure {', '.join(unknown) or '(none)'}; "
            f"there is {', '.join(MEASURES)}."
        )
    if not (np.isfinite(temperature) and temperature > 0):
        raise ValueError(f"A temperature is above 0, not {temperature!r}.")
    region_order: tuple[int, ...] = ()
    declared = False
    if isinstance(probabilities, ProbabilityMap):
        values, region_order = probabilities.values, probabilities.region_order
        declared = kind is None and probabilities.kind is not None
        kind = kind or probabilities.kind or AUTO
    else:
        values = _class_first(probabilities, class_axis)
        kind = kind or SOFTMAX.name
    check_kind(kind)
    if values.size == 0:
        raise InputError(f"An array of shape {values.shape} holds no voxels.")
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"Values of type {values.dtype} are no probabilities; real numbers are."
        )
    if kind == FOREGROUND.name and values.shape[0] != 1:
        raise InputError(
            f"Foreground only means one channel, and there are {values.shape[0]}; "
            "choose another kind, or give one of the channels."
        )
    return values, Wanted(
        tuple(measures), base, predict, kind, temperature, region_order, declared
    )


def _class_first(probabilities: Any, class_axis: int) -> Any:
    """An ndarray, dask array or StoredValues, class axis first."""
    if isinstance(probabilities, StoredValues):
        return probabilities
    chunked = as_dask(probabilities)
    values = np.asarray(probabilities) if chunked is None else chunked
    if not -values.ndim <= class_axis < values.ndim:
        raise InputError(
            f"There is no class axis {class_axis} in an array of shape {values.shape}."
        )
    return np.moveaxis(values, class_axis, 0)


def _decided(wanted: Wanted, evidence: Evidence | None) -> Wanted:
    """With the kind that the evidence shows, where none was named."""
    if wanted.kind != AUTO:
        return wanted
    assert evidence is not None
    if evidence.refusal:
        raise InputError(evidence.refusal)
    return replace(wanted, kind=evidence.kind)


def _told(
    maps: UncertaintyMaps, wanted: Wanted, evidence: Evidence | None
) -> UncertaintyMaps:
    """The maps with what is to be said of their kind."""
    if evidence is None:
        return maps
    maps = replace(maps, evidence=evidence.sentence)
    if wanted.kind == AUTO:
        return replace(maps, doubt=evidence.doubt)
    against = evidence.against(wanted.kind)
    if evidence.doubt:  # a file knows better than its values
        return maps if wanted.declared else replace(maps, doubt=against)
    return replace(maps, contradiction=against)


def _without_logits(values: Any, wanted: Wanted) -> Any:
    """The same values, or the softmax of logits, in what the values are held in."""
    if wanted.kind != LOGITS.name:
        return values
    if isinstance(values, StoredValues):
        if isinstance(values.bytes, PlainBytes):
            return SoftmaxBlocks(StoredBlocks(values), wanted.temperature)
        return SoftmaxStream.of(values, wanted.temperature)
    if isinstance(values, np.ndarray):
        return SoftmaxBlocks(values, wanted.temperature)
    return softmax_of_dask(values, wanted.temperature)


def _iter_fold_as(
    values: Any, wanted: Wanted, options: dict[str, Any]
) -> Generator[float, None, UncertaintyMaps | None]:
    """Fold values of a kind that is known."""
    restore: Callable[[Any], Any] = np.asarray
    stored = values if isinstance(values, StoredValues) else None
    sums_matter = KINDS[wanted.kind].sums_matter
    if isinstance(values, np.ndarray):
        if sums_matter:
            refuse_label_map(values, 0)
        values, restore = in_memory_order(values)
    source = _without_logits(values, wanted)
    kernel = wanted.kernel(values.shape[0], source.dtype)
    if stored is not None:
        restore = stored.restore
        n_voxels = stored.size // stored.shape[0]
        check_room(stored.path, n_voxels * kernel.bytes_per_voxel, "maps")
    if stored is not None and not isinstance(stored.bytes, PlainBytes):
        folded = yield from iter_fold_stream(source, kernel, **options)
    elif stored is not None or isinstance(values, np.ndarray):
        scale = 1.0 if wanted.kind == LOGITS.name else divisor_of(values.dtype)
        if sums_matter:
            scale = stored.scale if stored else scale_of(values, 0) or 1.0
        if source is stored:
            source = StoredBlocks(stored)
        folded = yield from iter_fold_array(source, kernel, scale=scale, **options)
    else:
        folded = yield from iter_fold_dask(source, kernel, **options)
    if folded is None:
        return None
    results = folded.results
    return UncertaintyMaps(
        maps={name: restore(results.maps[name]) for name in wanted.measures},
        no_data=restore(results.no_data),
        prediction=restore(results.prediction) if wanted.predict else None,
        n_classes=kernel.n_classes,
        base=wanted.base,
        largest_sum_deviation=folded.deviation,
        sum_tolerance=folded.tolerance,
        kind=wanted.kind,
        temperature=wanted.temperature,
        scale=folded.scale,
        n_states=kernel.n_states,
    )
