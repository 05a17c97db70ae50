"""Folding dask arrays chunk by chunk, lazily or into memory.

Each chunk of voxels passes through the class chunks in their order, and only its
running numbers go from one to the next. So no more than a few chunks are in memory,
whatever the size of the whole, and each chunk is computed once.
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, product
from typing import Any
from uuid import uuid4

import numpy as np

from ..errors import InputError
from ..limits import available_memory
from ..model.kinds import divisor_of
from ..model.measures import Base
from ..model.probabilities import is_lazy, refuse_label_map, scale_of
from .arrays import BLOCK_VALUES
from .blocks import run_in_threads
from .maps import UncertaintyMaps
from .rescaled import BeyondError, Fit, clipped
from .softmax import Folded, Kernel, Results, Running
from .values import is_plain, read_values, sum_tolerance

Array = np.ndarray[Any, Any]
Place = tuple[slice, ...]


class _StoppedError(Exception):
    """Error that ends the computation of a dask graph early."""


def as_dask(values: Any) -> Any:
    """Return `values` as a dask array if they are one, zarr or HDF5; else None."""
    if is_lazy(values):
        return values
    if hasattr(values, "chunks") and not isinstance(values, np.ndarray):
        import dask.array as da

        return da.from_array(values)
    return None


def lazy_maps(
    values: Any, kernel: Kernel, base: Base, *, look: bool = False
) -> UncertaintyMaps:
    """Return maps as dask arrays, of which nothing is computed yet.

    Values that resampling has moved below 0 or above 1 are clipped where they are met,
    as those of an array are, if the kind is one whose sums matter.

    Parameters
    ----------
    values : dask array, shape (classes, ...)
        Probabilities. Of whole numbers some are looked at now, to know what they sum
        to.
    kernel : Kernel
        The arithmetic.
    base : 2, "e" or "classes"
        Base that the kernel was made for.
    look : bool
        Whether some of the other values may be looked at for that, too.
    """
    scale = _scale(values, kernel, look)
    divisor = divisor_of(values.dtype)
    rows = len(kernel.measures) + 4

    def finish(running: Running, place: Place, beyond: float) -> Array:
        shape = tuple(part.stop - part.start for part in place)
        results = kernel.results(shape)
        # What was clipped, no sum has to tell.
        found = _finish(kernel, running, results, scale / divisor)
        deviation = 0.0 if beyond else found
        stack = np.zeros((rows, *shape), np.float32)
        for row, one in zip(stack, results.maps.values(), strict=False):
            row[...] = one
        stack[-4] = beyond
        stack[-3] = deviation
        stack[-2] = results.no_data
        if results.prediction is not None:
            stack[-1] = results.prediction
        return stack

    from dask.base import tokenize

    stack = _per_chunk(
        values,
        kernel,
        finish,
        token=tokenize(
            values.name,
            kernel.measures,
            kernel.factor,
            kernel.predict,
            scale,
            kernel.kind,
            kernel.region_order,
            kernel.channel,
        ),
        chunks=((rows,), *values.chunks[1:]),
        dtype=np.float32,
        may_clip=kernel.sums_matter and values.dtype.kind == "f" and scale == 1,
    )
    return UncertaintyMaps(
        maps={name: stack[row] for row, name in enumerate(kernel.measures)},
        no_data=stack[-2].astype(np.bool_),
        prediction=stack[-1].astype(kernel.label_type) if kernel.predict else None,
        n_classes=kernel.n_classes,
        n_states=kernel.n_states,
        base=base,
        largest_sum_deviation=stack[-3].max(),
        clipped=stack[-4].max(),
        sum_tolerance=sum_tolerance(scale, values.shape[0]),
        scale=scale,
    )


def iter_fold_dask(
    values: Any, kernel: Kernel, *, threads: int, usual: float = 1.0
) -> Generator[float, None, Folded]:
    """Compute all chunks; yields the share done.

    Where the maps do not fit into memory they lie in a temporary file. Floats of a
    softmax sum to what is `usual` for a voxel.
    """
    scale, divisor = _scale(values, kernel), divisor_of(values.dtype)
    if kernel.sums_matter and values.dtype.kind == "f":
        scale = usual
    results = kernel.results(values.shape[1:], roomy_zeros)
    n_chunks = int(np.prod(values.numblocks[1:], dtype=int))
    deviations: list[float] = []

    def finish(running: Running, place: Place, _beyond: float) -> Array:
        deviation = _finish(kernel, running, results[place], scale / divisor)
        deviations.append(deviation)
        return np.full((1,) * values.ndim, deviation)

    def compute(stopped: threading.Event) -> None:
        def go_on() -> None:
            if stopped.is_set():
                raise _StoppedError

        graph = _per_chunk(
            values,
            kernel,
            finish,
            token=uuid4().hex,
            chunks=((1,), *((1,) * n for n in values.numblocks[1:])),
            dtype=np.float64,
            go_on=go_on,
        )
        with ThreadPoolExecutor(threads, thread_name_prefix="fold") as pool:
            try:
                graph.compute(scheduler="threads", pool=pool)
            except _StoppedError:
                return

    yield from run_in_threads([compute], share=lambda: len(deviations) / n_chunks)
    tolerance = sum_tolerance(scale, values.shape[0])
    return Folded(results, max(deviations), tolerance, scale)


def _per_chunk(
    values: Any,
    kernel: Kernel,
    finish: Callable[[Running, Place, float], Array],
    *,
    token: str,
    chunks: tuple[tuple[int, ...], ...],
    dtype: Any,
    go_on: Callable[[], None] = lambda: None,
    may_clip: bool = False,
) -> Any:
    """Return a dask array of the results of `finish` for each chunk of voxels.

    `finish` gets the running numbers, the place of the chunk, and by how much its
    values were clipped. The `token` tells this computation from others; `go_on` is
    called before each chunk, and may raise. With `may_clip`, a chunk with values below
    0 is taken once more, with all its classes, and clipped.
    """
    import dask.array as da
    from dask.highlevelgraph import HighLevelGraph

    divisor = divisor_of(values.dtype)

    def add(running: Any, chunk: Array, first: int) -> Any:
        go_on()
        if running is BeyondError:
            return running
        try:
            return _add(kernel, running, np.asarray(chunk), first, divisor)
        except BeyondError:
            if may_clip:
                return BeyondError
            raise

    def end(running: Any, place: Place, index: tuple[int, ...]) -> Array:
        beyond = 0.0
        if running is BeyondError:
            whole, fit = values.blocks[(slice(None), *index)], Fit(clips=True)
            raw = np.asarray(whole.compute(scheduler="synchronous"))
            running = _add(kernel, None, clipped(raw, fit), 0, divisor)
            beyond = max(-fit.lowest, fit.highest - 1)
        return finish(running, place, beyond)

    name = f"uncertainty-{token}"
    starts = [[0, *accumulate(lengths)] for lengths in values.chunks]
    graph: dict[Any, Any] = {}
    for index in product(*(range(n) for n in values.numblocks[1:])):
        place = tuple(
            slice(axis[at], axis[at + 1])
            for axis, at in zip(starts[1:], index, strict=True)
        )
        running: Any = None
        for at in range(values.numblocks[0]):
            chunk = (values.name, at, *index)
            key = (f"running-{token}", at, *index)
            graph[key] = (add, running, chunk, starts[0][at])
            running = key
        graph[(name, 0, *index)] = (end, running, place, index)
    return da.Array(
        HighLevelGraph.from_collections(name, graph, dependencies=[values]),
        name,
        chunks,
        meta=np.empty((0,) * values.ndim, dtype),
    )


def _add(
    kernel: Kernel, before: Running | None, chunk: Array, first: int, divisor: float
) -> Running:
    """Return running numbers with one more chunk; `before` stays as it is."""
    n_classes = len(chunk)
    x = chunk.reshape(n_classes, -1)
    n_voxels = x.shape[1]
    running = kernel.running(n_voxels) if before is None else before.copy()
    step = max(1, min(n_voxels, BLOCK_VALUES // n_classes))
    buffers = np.empty((2 * n_classes + 1, step), kernel.precision)
    with np.errstate(all="ignore"):  # NaN and infinity are looked for afterwards
        for start in range(0, n_voxels, step):
            raw = x[:, start : start + step]
            rows = buffers[:, : raw.shape[1]]
            block = read_values(raw, rows[:n_classes], divisor)
            plain = is_plain(raw)
            if not plain or not kernel.sums_matter:
                kernel.check(block)
            if not plain:
                np.maximum(block, 0, where=np.isfinite(block), out=block)
            part, scratch = running[start : start + step], rows[n_classes:]
            kernel.add(part, first, block, scratch, fresh=before is None)
    return running


def _finish(
    kernel: Kernel, running: Running, results: Results, unit_sum: float
) -> float:
    running = running.copy()  # finishing uses them up
    scratch = np.empty((2, len(running.sums)), kernel.sum_type)
    with np.errstate(all="ignore"):
        return kernel.finish(running, results, scratch, unit_sum)


def _scale(values: Any, kernel: Kernel, look: bool = False) -> float:
    """Return the sum of the values of a voxel, for which whole numbers are sampled.

    Floating-point numbers sum to 1, unless `look` allows to sample them, too.
    """
    if not kernel.sums_matter:
        return divisor_of(values.dtype)
    if values.dtype.kind == "f":
        return (scale_of(values, 0) or 1.0) if look else 1.0
    refuse_label_map(values, 0)
    return scale_of(values, 0) or 1.0


# Room for maps that may be larger than the memory.

# An array that would take more of the free memory than this goes to a file.
SHARE_OF_MEMORY = 0.25


def roomy_zeros(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    """Return zeros, in memory or, where they are too large, in a temporary file.

    The file is deleted together with the array.

    Raises
    ------
    InputError
        If the temporary folder has no room for it either.
    """
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size <= SHARE_OF_MEMORY * available_memory():
        return np.zeros(shape, dtype)
    # The array keeps the file open for as long as it is needed.
    file = tempfile.TemporaryFile(prefix="napari-uncertainty-")  # noqa: SIM115
    try:
        if hasattr(os, "posix_fallocate"):
            # Otherwise a full disk would show only when a page is written, by a crash.
            os.posix_fallocate(file.fileno(), 0, size)
        return np.memmap(file, dtype, "r+" if file.seek(0, 2) else "w+", 0, shape)
    except OSError as error:
        raise InputError(
            f"A map of {size / 1e9:.1f} GB fits neither into memory nor into the "
            f"temporary folder {tempfile.gettempdir()} ({error.strerror}); make room, "
            "or name a larger folder in the environment variable TMPDIR."
        ) from error
    finally:
        file.close()
