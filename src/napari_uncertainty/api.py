"""Public functions for scripts and notebooks: maps, statistics and hotspots."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .analysis.class_blocks import iter_class_statistics
from .analysis.class_statistics import class_table, voxel_volume
from .analysis.hotspot_search import iter_hotspots
from .analysis.hotspots import COUNT, HotspotOptions
from .case import CaseInputs, iter_case
from .engine.dask_arrays import as_dask
from .engine.ensemble.ensemble_maps import EnsembleMaps
from .engine.fold import fold_lazily
from .engine.maps import UncertaintyMaps
from .errors import InputError, UncertaintyWarning
from .io import open_members, open_probabilities
from .model.grid import Grid
from .model.interpretation import Interpretation
from .model.kinds import AUTO, KINDS, SOFTMAX
from .model.measures import Base
from .model.probabilities import ProbabilityMap, find_class_axis, numbered_class_names
from .predictions import Predictions
from .steps import run

if TYPE_CHECKING:
    import pandas as pd

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
    """Return the Shannon entropy of class probabilities, voxel by voxel.

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
        Number that logits are divided by.
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
    """Return maps of measures, the prediction and the no-data mask, in one pass.

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
    """Return maps of the uncertainty of an ensemble, such as its disagreement.

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
    >>> sure = np.array([[0.1], [0.9]])  # two classes, one voxel
    >>> unsure = np.array([[0.4], [0.6]])
    >>> maps = nu.ensemble_uncertainty([sure, unsure])
    >>> round(float(maps["mutual_information"][0]), 4)  # in bits
    0.0913
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


def summarize(
    values: npt.ArrayLike,
    labels: npt.ArrayLike,
    *,
    no_data: npt.ArrayLike | None = None,
    class_names: Mapping[int, str] | Sequence[str] | None = None,
    grid: Grid | None = None,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Return statistics of a map for each label, at its boundary and inside.

    Parameters
    ----------
    values : array_like of float, 1 to 3 dimensions
        The map.
    labels : array_like of int or bool, shape of `values`
        What each voxel belongs to; 0 is background.
    no_data : array_like of bool, shape of `values`, or None
        Voxels that are in no number.
    class_names : mapping of int to str, sequence of str, or None
        Names of labels; of a sequence, the first is that of label 0. A label that has
        a name has a row, even if no voxel has it.
    grid : Grid or None
        Where the voxels are, for their volume; without one, or of a flat image,
        volumes are NaN.
    threshold : float or None
        For the shares of voxels above it; without it there are no such columns.

    Returns
    -------
    DataFrame
        One row for each label, ascending, as of :func:`.class_table`.

    Raises
    ------
    InputError
        If the shapes differ, or the labels are no whole numbers.

    Examples
    --------
    >>> import napari_uncertainty as nu
    >>> table = nu.summarize([0.0, 0.2, 0.8, 0.6], [0, 0, 1, 1], threshold=0.5)
    >>> table[["name", "voxels", "mean", "share_above"]]
             name  voxels  mean  share_above
    0  background       2   0.1          0.0
    1     label 1       2   0.7          1.0
    """
    statistics = run(
        iter_class_statistics(
            np.asarray(values),
            np.asarray(labels),
            None if no_data is None else np.asarray(no_data),
        )
    )
    if class_names is not None and not isinstance(class_names, Mapping):
        class_names = dict(enumerate(class_names))
    return class_table(
        statistics,
        class_names=class_names,
        voxel_volume_mm3=voxel_volume(grid),
        threshold=threshold,
    )


def find_hotspots(
    values: npt.ArrayLike,
    labels: npt.ArrayLike | None = None,
    *,
    probabilities: Any = None,
    no_data: npt.ArrayLike | None = None,
    grid: Grid | None = None,
    class_names: Mapping[int, str] | Sequence[str] | None = None,
    count: int = COUNT,
    radius_mm: float | None = None,
    separation_mm: float | None = None,
    classes: Sequence[int] | None = None,
    interior: bool = False,
    undecided: float = 0.5,
) -> pd.DataFrame:
    """Return places to look at, those first in which most wrong voxels are expected.

    Parameters
    ----------
    values : array_like of float, 1 to 3 dimensions
        An uncertainty map.
    labels : array_like of int, shape of `values`, or None
        The segmentation; 0 is background. Without it, the most probable class.
    probabilities : array_like, ProbabilityMap, list of these, or None
        Class probabilities, class axis first; a list of those of several networks for
        the same scan. Without them, the map itself says what may be wrong.
    no_data : array_like of bool, shape of `values`, or None
        Voxels that are in no place, like those where the map is not finite.
    grid : Grid or None
        Where the voxels are; by default that of the probabilities, where they have one,
        or else voxels are cubes of 1 mm.
    class_names : mapping of int to str, sequence of str, or None
        Names of labels; by default those of the probabilities.
    count : int
        How many places, at most.
    radius_mm : float or None
        Of each, in mm; by default 3.75, and less where the voxels are smaller than
        1 mm and the image is small, too.
    separation_mm : float or None
        How far two centres are apart at least, in mm; by default the radius.
    classes : sequence of int or None
        Labels in and around which is looked; by default all but 0.
    interior : bool
        Only voxels whose neighbours have the same label.
    undecided : float
        Value of the map where two classes are equally likely; for entropy in bits, 1.
        Only used without probabilities.

    Returns
    -------
    DataFrame
        One row for each place, as of :meth:`.Hotspots.table`.

    Raises
    ------
    InputError
        If shapes differ, the labels are no classes of the probabilities, or nothing
        can be found with these options.

    Examples
    --------
    >>> import numpy as np
    >>> import napari_uncertainty as nu
    >>> values = np.zeros((20, 20, 20))
    >>> values[4, 5, 6], values[15, 5, 6] = 0.5, 0.25
    >>> nu.find_hotspots(values, radius_mm=3)[["rank", "mass", "share"]].round(2)
       rank  mass  share
    0     1  0.50   0.67
    1     2  0.25   0.33
    """
    given = probabilities if isinstance(probabilities, list) else [probabilities]
    given = [one for one in given if one is not None]
    for one in given:
        if isinstance(one, ProbabilityMap):
            grid = grid or one.grid
            class_names = class_names or one.class_names
    if class_names is not None and not isinstance(class_names, Mapping):
        class_names = dict(enumerate(class_names))
    found = run(
        iter_hotspots(
            np.asarray(values),
            None if labels is None else np.asarray(labels),
            None if no_data is None else np.asarray(no_data, bool),
            members=[_class_first(one) for one in given],
            grid=grid,
            undecided=undecided,
            wanted=HotspotOptions(
                count,
                radius_mm,
                separation_mm,
                None if classes is None else tuple(classes),
                interior,
            ),
        )
    )
    return found.table(class_names)


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
    background = predictions.told_background()
    lazy = fold_lazily(
        opened if background.channel is None else replace(opened, tissues_of=""),
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
    sentences = [one.sentence for one in maps.checks if one.warns]
    _warn(sentences, stacklevel=3 + callers)
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


def _class_first(probabilities: Any) -> Any:
    if isinstance(probabilities, ProbabilityMap):
        return probabilities.values
    return (
        probabilities if hasattr(probabilities, "shape") else np.asarray(probabilities)
    )
