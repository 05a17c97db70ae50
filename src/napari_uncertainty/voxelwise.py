"""Uncertainty of every voxel: the functions that scripts and notebooks call."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from .fold import UncertaintyMaps, fold_lazily, iter_fold
from .measures import Base
from .probabilities import ProbabilityMap
from .steps import run

Array = np.ndarray[Any, Any]


def entropy(
    probabilities: npt.ArrayLike | ProbabilityMap | str | PathLike[str],
    *,
    class_axis: int = 0,
    base: Base = 2,
    kind: str = "softmax",
    threads: int | None = None,
) -> Array:
    """Shannon entropy of the class probabilities, voxel by voxel.

    Parameters
    ----------
    probabilities : array_like, ProbabilityMap or path-like
        Class probabilities, any real dtype and memory layout. Each voxel is divided
        by its sum. A file (see :func:`napari_uncertainty.read`) is computed while it
        is read; the map is in nibabel's order. Of a dask, zarr or HDF5 array the
        result is a dask array, which is computed when it is needed.
    class_axis : int
        Axis that runs over the classes (of an array; a ProbabilityMap knows its own).
    base : 2, "e" or "classes"
        Bits, nats, or the share of the largest possible entropy (0 to 1).
    kind : "softmax"
        What the values are; for now the values of one voxel have to sum to 1.
    threads : int or None
        How many threads compute; by default as many as there are processors that this
        process may use. A dask result is computed as dask is told to.

    Returns
    -------
    array of float32
        Between 0 (one class is certain) and log(number of classes), the class axis
        removed. Voxels without data (all zero, or not finite) are 0.

    Raises
    ------
    InputError
        If the input has no classes or no voxels, holds negative values, or looks like
        a label map.

    Warns
    -----
    UserWarning
        If sums differ from 1 by more than rounding explains.

    Notes
    -----
    H = -Σ p·log p with 0·log 0 = 0 [1]_. For 8 classes in float32 the result is within
    1e-6 bit of a float64 evaluation; float64 input is evaluated in float64.

    References
    ----------
    .. [1] C. E. Shannon, A Mathematical Theory of Communication, Bell System
       Technical Journal 27 (1948), 379-423.

    Examples
    --------
    >>> import napari_uncertainty as nu
    >>> round(float(nu.entropy([0.9, 0.1])), 4)
    0.469
    """
    maps = _fold(
        probabilities,
        ("entropy",),
        class_axis=class_axis,
        base=base,
        kind=kind,
        threads=threads,
        predict=False,
    )
    values: Array = maps["entropy"]
    return values


def uncertainty(
    probabilities: npt.ArrayLike | ProbabilityMap | str | PathLike[str],
    measures: Sequence[str] = ("entropy",),
    *,
    class_axis: int = 0,
    base: Base = 2,
    kind: str = "softmax",
    threads: int | None = None,
) -> UncertaintyMaps:
    """All asked measures, the prediction and the no-data mask, in one pass.

    Parameters, errors and warnings are those of :func:`entropy`.

    Parameters
    ----------
    probabilities : array_like, ProbabilityMap or path-like
        Class probabilities.
    measures : sequence of str
        Names from :data:`napari_uncertainty.MEASURES`.
    class_axis, base, kind, threads
        As for :func:`entropy`.

    Returns
    -------
    UncertaintyMaps
        A mapping from measure name to map.
    """
    return _fold(
        probabilities,
        measures,
        class_axis=class_axis,
        base=base,
        kind=kind,
        threads=threads,
    )


def _fold(
    probabilities: Any, measures: Sequence[str], *, threads: int | None, **options: Any
) -> UncertaintyMaps:
    if isinstance(probabilities, str | PathLike):
        from .io import open_values

        probabilities = open_values(probabilities)
    lazy = fold_lazily(probabilities, measures, **options)
    if lazy is not None:
        return lazy
    steps = iter_fold(probabilities, measures, threads=threads, **options)
    maps = run(steps)
    if maps is None:  # only its owner can cancel a fold, and that is this function
        raise RuntimeError("The fold ended before its last block.")
    if maps.sums_message is not None:
        warnings.warn(maps.sums_message, UserWarning, stacklevel=3)
    return maps
