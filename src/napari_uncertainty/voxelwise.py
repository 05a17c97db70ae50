"""Uncertainty of every voxel: the functions that scripts and notebooks call."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from .case import CaseInputs, iter_case
from .ensemble import EnsembleMaps
from .errors import InputError, UncertaintyWarning
from .fold import UncertaintyMaps, as_dask, fold_lazily
from .io import open_members, open_probabilities
from .kinds import AUTO, KINDS, SOFTMAX
from .measures import Base
from .model.interpretation import Interpretation
from .predictions import Predictions
from .probabilities import ProbabilityMap, find_class_axis, numbered_class_names
from .steps import run

Array = np.ndarray[Any, Any]

# Fewer voxels than this may sum to 1 along an axis by chance.
_TELLING = 50


def entropy(
    probabilities: npt.ArrayLike | ProbabilityMap | str | PathLike[str],
    *,
    class_axis: int | None = None,
    base: Base = 2,
    kind: str | None = None,
    temperature: float = 1.0,
    channel: int | str | None = None,
    background: int | str | None = None,
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
    class_axis : int or None
        Axis that runs over the classes, in the order of the array or the file (a
        ProbabilityMap knows its own). By default it is found: of an array it is the
        first, unless the values sum to 1 along another one alone, which is warned of.
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
    background : int or str or None
        Number, from 0, or name of the class that means nothing, or "none" where all
        classes are something. By default names, the convention of a tool and the
        values tell, or else the first class is it. The map does not depend on it.
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
        If a check is red, or something was guessed: if sums differ from 1 by more than
        rounding explains, if the values do not look like the kind that was named, if
        kind, class axis or background were found and are not clear, if only 0 and 1
        occur, or if labels in the file that the place comes from do not agree.

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
    how = _interpretation(kind, temperature, channel, class_axis, background)
    values: Array = _maps(
        probabilities, ("entropy",), how, base, threads, predict=False
    )["entropy"]
    return values


def uncertainty(
    probabilities: npt.ArrayLike | ProbabilityMap | str | PathLike[str],
    measures: Sequence[str] = ("entropy",),
    *,
    class_axis: int | None = None,
    base: Base = 2,
    kind: str | None = None,
    temperature: float = 1.0,
    channel: int | str | None = None,
    background: int | str | None = None,
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
    class_axis, base, kind, temperature, channel, background, threads
        As for :func:`entropy`. Of the prediction, 0 is the background.

    Returns
    -------
    UncertaintyMaps
        A mapping from measure name to map; its `checks` are those of every other door.
    """
    how = _interpretation(kind, temperature, channel, class_axis, background)
    return _maps(probabilities, measures, how, base, threads, predict=True)


def ensemble_uncertainty(
    members: Any,
    measures: Sequence[str] = (
        "predictive_entropy",
        "expected_entropy",
        "mutual_information",
    ),
    *,
    class_axis: int | None = None,
    base: Base = 2,
    kind: str | None = None,
    temperature: float = 1.0,
    channel: int | str | None = None,
    background: int | str | None = None,
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
    class_axis : int or None
        Axis that runs over the classes, in the array of one member; see
        :func:`entropy`.
    base, kind, temperature, channel, background, threads
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
        As of :func:`entropy`; and if not all members cover all voxels.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uncertainty as nu
    >>> sure = np.array([[1.0], [0.0]])  # two classes, one voxel
    >>> maps = nu.ensemble_uncertainty([sure, sure[::-1]], base="e")
    >>> round(float(maps["mutual_information"][0]), 4)  # ln 2
    0.6931
    """
    how = _interpretation(kind, temperature, channel, class_axis, background)
    if isinstance(members, str | PathLike):
        members = open_members(members, how)
    opened = []
    for one in members:
        if isinstance(one, str | PathLike):
            opened += open_members(one, how)
        elif isinstance(one, ProbabilityMap):
            opened.append(one)
        else:
            opened.append(_of_array(one, how, f"member {len(opened) + 1}"))
    inputs = CaseInputs(Predictions(tuple(opened), how, together=True))
    maps = _checked(inputs, measures, base, threads, predict=True, callers=1)
    assert isinstance(maps, EnsembleMaps)
    return maps


def _interpretation(
    kind: str | None,
    temperature: float,
    channel: int | str | None,
    class_axis: int | None,
    background: int | str | None,
) -> Interpretation:
    if not (channel is None or isinstance(channel, str)):
        channel = int(channel)
    return Interpretation(
        kind,
        float(temperature),
        channel=channel,
        class_axis=None if class_axis is None else int(class_axis),
        background=None if background is None else str(background),
    )


def _maps(
    probabilities: Any,
    measures: Sequence[str],
    how: Interpretation,
    base: Base,
    threads: int | None,
    *,
    predict: bool,
) -> UncertaintyMaps:
    """Return maps of one network, and warn of what is wrong or was guessed."""
    if isinstance(probabilities, str | PathLike):
        opened = open_probabilities(probabilities, how)
    elif isinstance(probabilities, ProbabilityMap):
        opened = probabilities
    else:
        opened = _of_array(probabilities, how)
        # Unless somebody says otherwise, an array is a softmax.
        opened = replace(opened, kind=SOFTMAX.name)
    predictions = Predictions((opened,), how)
    told = predictions.told_background()
    lazy = fold_lazily(
        opened if told.channel is None else replace(opened, tissues_of=""),
        measures,
        how,
        base=base,
        predict=predict,
    )
    if lazy is not None:
        # Checks are of all values, and these are not computed yet.
        known = (opened.guess, lazy.contradiction, lazy.fitted, lazy.doubt)
        _warn([one for one in known if one], stacklevel=4)
        return predictions.with_background(lazy)
    named = how.kind or opened.kind
    # Where nothing has to sum to 1, it tells labels from a background that is certain.
    predict = predict or named is None or named == AUTO or not KINDS[named].sums_matter
    inputs = CaseInputs(predictions)
    return _checked(inputs, measures, base, threads, predict=predict, callers=2)


def _checked(
    inputs: CaseInputs,
    measures: Sequence[str],
    base: Base,
    threads: int | None,
    *,
    predict: bool,
    callers: int,
) -> UncertaintyMaps:
    """Return maps of a case; warnings name the line so many `callers` further up."""
    steps = iter_case(
        inputs,
        measures,
        base=base,
        confidence=False,
        predict=predict,
        threads=threads,
    )
    maps = run(steps).maps
    told = [one.sentence for one in maps.checks if one.warns]
    _warn(told, stacklevel=3 + callers)
    return maps


def _warn(sentences: Sequence[str], stacklevel: int) -> None:
    if sentences:
        warnings.warn(" ".join(sentences), UncertaintyWarning, stacklevel)


def _of_array(
    array: Any, how: Interpretation, name: str = "probabilities"
) -> ProbabilityMap:
    """Return an array as probabilities, class axis first."""
    lazy = as_dask(array)
    values = np.asarray(array) if lazy is None else lazy
    axis, guess = how.class_axis, ""
    if axis is None:
        axis, found = 0, None
        if lazy is None and how.kind is None and values.ndim > 1:
            found = find_class_axis(values)
        if found and values.size // values.shape[found] >= _TELLING:
            axis = found
            guess = (
                f"The classes were found along axis {axis}, along which the values sum "
                "to 1, and not along the first one; name it with class_axis."
            )
    if not -values.ndim <= axis < values.ndim:
        raise InputError(
            f"There is no class axis {axis} in an array of shape {values.shape}."
        )
    values = np.moveaxis(values, axis, 0)
    names = numbered_class_names(values.shape[0])
    return ProbabilityMap(values, names, name=name, guess=guess)
