"""The engine: class probabilities stream in once, uncertainty maps come out.

Nothing as large as the input is ever made: of an array, blocks of voxels are taken with
all their classes (:mod:`.arrays`); of a file that can only be read from its beginning,
running numbers are kept (:mod:`.streams`); a dask array is taken chunk by chunk
(:mod:`.lazy`). All leave the arithmetic to :mod:`.kernel`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..limits import available_processors, check_room
from ..measures import MEASURES, Base, check_base
from ..probabilities import ProbabilityMap, refuse_label_map, scale_of
from ..stored import PlainBytes, StoredBlocks, StoredValues
from .arrays import iter_fold_array
from .blocks import in_memory_order
from .kernel import Kernel
from .lazy import as_dask, iter_fold_dask, lazy_maps
from .maps import UncertaintyMaps
from .streams import iter_fold_stream

__all__ = ["UncertaintyMaps", "as_dask", "fold_lazily", "iter_fold"]


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

    Lazy arrays are computed here, the maps into memory or a temporary file.
    """
    if threads is not None and threads < 1:
        raise ValueError(f"At least 1 thread has to compute, not {threads}.")
    values = _class_first(probabilities, class_axis)
    kernel = _kernel(values, measures, base, kind, predict)
    options: Any = {
        "threads": threads or available_processors(),
        "cancel": cancel or threading.Event(),
    }
    restore: Callable[[Any], Any] = np.asarray
    if isinstance(values, StoredValues):
        restore = values.restore
        n_voxels = values.size // values.shape[0]
        check_room(values.path, n_voxels * kernel.bytes_per_voxel, "maps")
        if isinstance(values.bytes, PlainBytes):
            options["scale"] = values.scale
            folded = yield from iter_fold_array(StoredBlocks(values), kernel, **options)
        else:
            folded = yield from iter_fold_stream(values, kernel, **options)
    elif isinstance(values, np.ndarray):
        refuse_label_map(values, 0)
        source, restore = in_memory_order(values)
        options["scale"] = scale_of(source, 0) or 1.0
        folded = yield from iter_fold_array(source, kernel, **options)
    else:
        folded = yield from iter_fold_dask(values, kernel, **options)
    if folded is None:
        return None
    results = folded.results
    return UncertaintyMaps(
        maps={name: restore(results.maps[name]) for name in measures},
        no_data=restore(results.no_data),
        prediction=restore(results.prediction) if predict else None,
        n_classes=values.shape[0],
        base=base,
        largest_sum_deviation=folded.deviation,
        sum_tolerance=folded.tolerance,
    )


def fold_lazily(
    probabilities: Any,
    measures: Sequence[str] = ("entropy",),
    *,
    class_axis: int = 0,
    base: Base = 2,
    kind: str = "softmax",
    predict: bool = True,
) -> UncertaintyMaps | None:
    """Maps of lazy arrays (dask, zarr, HDF5), not computed yet; None for any others."""
    if as_dask(probabilities) is None:
        return None
    values = _class_first(probabilities, class_axis)
    return lazy_maps(values, _kernel(values, measures, base, kind, predict), base)


def _class_first(probabilities: Any, class_axis: int) -> Any:
    """An ndarray, dask array or StoredValues, class axis first."""
    if isinstance(probabilities, ProbabilityMap):
        return probabilities.values
    if isinstance(probabilities, StoredValues):
        return probabilities
    chunked = as_dask(probabilities)
    values = np.asarray(probabilities) if chunked is None else chunked
    if not -values.ndim <= class_axis < values.ndim:
        raise InputError(
            f"There is no class axis {class_axis} in an array of shape {values.shape}."
        )
    return np.moveaxis(values, class_axis, 0)


def _kernel(
    values: Any, measures: Sequence[str], base: Base, kind: str, predict: bool
) -> Kernel:
    """The arithmetic for what is asked, if it makes sense."""
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
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"Values of type {values.dtype} are no probabilities; real numbers are."
        )
    return Kernel.of(measures, base, values.shape[0], predict, values.dtype)
