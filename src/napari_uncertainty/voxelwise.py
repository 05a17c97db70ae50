"""Uncertainty of every voxel: the functions that scripts and notebooks call."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .errors import UncertaintyWarning
from .fold import UncertaintyMaps, fold_lazily, iter_fold
from .measures import LEAST_CONFIDENCE, Base
from .probabilities import ProbabilityMap
from .steps import run

if TYPE_CHECKING:
    from .ensemble import EnsembleMaps

Array = np.ndarray[Any, Any]


def entropy(
    probabilities: npt.ArrayLike | ProbabilityMap | str | PathLike[str],
    *,
    class_axis: int = 0,
    base: Base = 2,
    kind: str | None = None,
    temperature: float = 1.0,
    channel: int | str | None = None,
    threads: int | None = None,
) -> Array:
    """Shannon entropy of the class probabilities, voxel by voxel.

    Parameters
    ----------
    probabilities : array_like, ProbabilityMap or path-like
        Class probabilities, any real dtype and memory layout. A file (see
        :func:`napari_uncertainty.read`) is computed while it is read; the map is in
        nibabel's order. Of an array of dask, zarr or h5py the result is a dask array,
        which is computed when it is needed.
    class_axis : int
        Axis that runs over the classes (of an array; a ProbabilityMap knows its own).
    base : 2, "e" or "classes"
        Bits, nats, or the share of the largest possible entropy (0 to 1).
    kind : str or None
        What the values are: "softmax" (each voxel is divided by its sum), "logits",
        "sigmoid" (independent channels, whose entropies are added), "foreground" (a
        single channel), "fractions" (without the background), "scaled" (a softmax in
        whole numbers), or "auto", to find out from the values. By default what a file
        says, or else "auto"; and "softmax" of an array.
    temperature : float
        What logits are divided by.
    channel : int or str or None
        Number, from 0, or name of the one channel to measure, of independent channels;
        by default all of them together.
    threads : int or None
        How many threads compute; by default as many as there are processors that this
        process may use. A dask result is computed as dask is told to.

    Returns
    -------
    array of float32
        Between 0 (one class is certain) and log(number of classes), the class axis
        removed. Voxels without data (not finite, or of a softmax all zero) are 0.

    Raises
    ------
    InputError
        If the input has no classes or no voxels, holds values that its kind cannot
        have, or looks like a label map.

    Warns
    -----
    UncertaintyWarning
        If sums differ from 1 by more than rounding explains, if the values do not look
        like the kind that was named, if the kind was found and is not clear, or if
        labels in the file that the place comes from do not agree.

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
        temperature=temperature,
        channel=channel,
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
    kind: str | None = None,
    temperature: float = 1.0,
    channel: int | str | None = None,
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
    class_axis, base, kind, temperature, channel, threads
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
        temperature=temperature,
        channel=channel,
        threads=threads,
    )


def _fold(
    probabilities: Any, measures: Sequence[str], *, threads: int | None, **options: Any
) -> UncertaintyMaps:
    guesses: list[str] = []
    if isinstance(probabilities, str | PathLike):
        from .io import open_probabilities

        probabilities = open_probabilities(probabilities, kind=options["kind"])
        guesses = [probabilities.guess] if probabilities.guess else []
    else:
        lazy = fold_lazily(probabilities, measures, **options)
        if lazy is not None:
            return lazy
    beside = None
    if isinstance(probabilities, ProbabilityMap) and probabilities.geometry_source:
        from .trust import foreground_of, iter_beside, labels_beside

        beside = labels_beside(probabilities)
        options["predict"] = options.get("predict", True) or beside is not None
    folded = tuple(measures)
    if beside is not None:  # at which threshold labels were cut can then be told
        folded = tuple(dict.fromkeys((*measures, LEAST_CONFIDENCE.name)))
    steps = iter_fold(probabilities, folded, threads=threads, **options)
    maps = run(steps)
    messages = [*maps.messages, *guesses]
    if beside is not None:
        comparing = iter_beside(
            maps.prediction,
            maps.n_classes,
            probabilities.grid,
            beside,
            foreground=foreground_of(maps),
        )
        maps = replace(maps, maps={name: maps[name] for name in measures})
        compared = run(comparing)
        messages += [one.sentence for one in compared.checks if one.level != "green"]
    if messages:
        warnings.warn(" ".join(messages), UncertaintyWarning, stacklevel=3)
    return maps


def ensemble_uncertainty(
    members: Any,
    measures: Sequence[str] = (
        "predictive_entropy",
        "expected_entropy",
        "mutual_information",
    ),
    *,
    class_axis: int = 0,
    base: Base = 2,
    kind: str | None = None,
    temperature: float = 1.0,
    channel: int | str | None = None,
    threads: int | None = None,
) -> EnsembleMaps:
    """Return what several members doubt together, and where they disagree.

    Parameters
    ----------
    members : sequence of array_like, ProbabilityMap or path-like, or one array
        At least two. Members in one array, as the passes of Monte-Carlo dropout are,
        lie along its first axis. Files are read side by side, class by class; crops of
        one scan are laid on each other by their affines.
    measures : sequence of str
        Names from :data:`napari_uncertainty.ENSEMBLE_MEASURES`.
    class_axis : int
        Axis that runs over the classes, in the array of one member.
    base, kind, temperature, channel, threads
        As for :func:`entropy`. Without a kind, arrays are of the kind that they look
        like.

    Returns
    -------
    EnsembleMaps
        A mapping from measure name to map, float32, or float64 if a member is. A voxel
        in which some member has no data has none. `dice` has the overlap of the labels
        of each pair of members.

    Raises
    ------
    InputError
        If there are fewer than two, or they differ in classes, orientation or voxels.

    Warns
    -----
    UncertaintyWarning
        If members do not look like the kind that was named, or not all of them cover
        all voxels.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uncertainty as nu
    >>> sure = np.array([[1.0], [0.0]])  # two classes, one voxel
    >>> maps = nu.ensemble_uncertainty([sure, sure[::-1]], base="e")
    >>> round(float(maps["mutual_information"][0]), 4)  # ln 2
    0.6931
    """
    from .ensemble import Member, iter_ensemble, members_of
    from .io import open_members

    if isinstance(members, str | PathLike):
        members = open_members(members)
    opened: list[ProbabilityMap] = []
    arrays = []
    for one in members:
        if isinstance(one, str | PathLike):
            opened += open_members(one)
        elif isinstance(one, ProbabilityMap):
            opened.append(one)
        else:
            array = one if hasattr(one, "__dask_graph__") else np.asarray(one)
            arrays.append(np.moveaxis(array, class_axis, 0))
    given = members_of(opened, kind, temperature)
    given += [
        Member(values, f"member {number}", kind=kind, temperature=temperature)
        for number, values in enumerate(arrays, len(given) + 1)
    ]
    steps = iter_ensemble(given, measures, base=base, channel=channel, threads=threads)
    maps = run(steps)
    if maps.messages:
        warnings.warn(" ".join(maps.messages), UncertaintyWarning, stacklevel=2)
    return maps
