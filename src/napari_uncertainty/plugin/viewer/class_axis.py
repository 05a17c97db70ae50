"""The axis of a layer along which its classes are, and their names and background."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image

from ...engine.dask_arrays import as_dask
from ...engine.evidence import evidence_of
from ...errors import InputError
from ...io.axes import clearly_shortest
from ...model.grid import Grid
from ...model.interpretation import Interpretation, require_class
from ...model.kinds import FOREGROUND, KINDS, is_single
from ...model.probabilities import (
    find_class_axis,
    lines_along,
    numbered_class_names,
    refuse_label_map,
    require_class_axis,
    scale_of,
)
from .scan_space import Source, layer_info, sliceable, source_of

#: Axes of a volume.
SPATIAL = 3

# The class axes that were found in lazy arrays, with the data that they were found in.
_lazy_axes: WeakKeyDictionary[Image, tuple[Any, int | None]] = WeakKeyDictionary()


def class_axis_of(layer: Image) -> int | None:
    """Return the class axis of a layer's data, as recorded or as the values show it.

    The last axis of data that napari took for RGB has a number like any other.
    """
    recorded = layer_info(layer).get("class_axis")
    if isinstance(recorded, int) and recorded < layer.data.ndim:
        return recorded
    if layer.rgb:
        # Only the channels may be classes, not the height or width of a photograph.
        channels = layer.data.ndim - 1
        data = sliceable(layer.data)
        return channels if scale_of(data, channels) is not None else None
    return _found_class_axis(layer)


def _found_class_axis(layer: Image) -> int | None:
    """Return the class axis by the values; lazy ones are read only once."""
    if as_dask(layer.data) is None:
        return find_class_axis(layer.data)
    data, axis = _lazy_axes.get(layer, (None, None))
    if data is not layer.data:
        axis = find_class_axis(sliceable(layer.data))
        _lazy_axes[layer] = layer.data, axis
    return axis


def assumed_class_axis(layer: Image, kind: str | None = None) -> int | None:
    """Return the class axis, or None for a single channel.

    If the values sum to 1 along no axis, it is found by the shape alone.

    Parameters
    ----------
    layer : Image
        The layer, at one resolution.
    kind : str or None
        Kind of its values, a key of :data:`.KINDS`; None if it is not known.
    """
    axis, shape = class_axis_of(layer), layer.data.shape
    if axis is not None and kind == FOREGROUND.name and declared(layer)["guess"]:
        # The kind that a person chose overrides a guess from when it was opened.
        return axis if len(shape) > SPATIAL or shape[axis] == 1 else None
    if axis is not None or layer.rgb:
        return axis
    if is_single(kind):
        if len(shape) <= SPATIAL:
            return None
        return shape.index(1) if 1 in shape else 0
    further = max(0, len(shape) - SPATIAL - 1)  # axes of members or time
    axis = clearly_shortest(shape[further:])
    if axis is None and len(shape) > SPATIAL:
        axis = 0
    return None if axis is None else axis + further


def required_class_axis(layer: Image, kind: str | None = None) -> int | None:
    """Return the class axis, or None for a single channel.

    Parameters
    ----------
    layer : Image
        The layer.
    kind : str or None
        Kind of its values, if somebody has chosen it.

    Raises
    ------
    InputError
        If the layer has no class axis where it needs one; the sentence says why.
    """
    if layer.multiscale:
        raise InputError(
            f"'{layer.name}' is a multiscale image; load its full resolution alone."
        )
    axis = assumed_class_axis(layer, kind)
    if layer.rgb and axis is None:
        raise InputError(
            f"'{layer.name}' is a colour image, not class probabilities; choose the "
            "network's output."
        )
    if axis is not None and axis == class_axis_of(layer):
        return axis
    if kind is None:
        _check_values(layer, axis)
    elif axis is None:
        _check_channel(layer, kind)
    return axis


def is_guess(layer: Image, axis: int | None) -> bool:
    """Return whether only the shape says that this is the class axis."""
    return axis is not None and axis != class_axis_of(layer)


def _check_values(layer: Image, axis: int | None) -> None:
    """Raise InputError if values that sum to 1 along no axis cannot be understood.

    A volume without a class axis may be many things, so a person has to say that it is
    the only channel of a network.
    """
    data = sliceable(layer.data)
    lines = lines_along(data, axis or 0)
    if not (np.isfinite(lines).any() and lines.any()):
        require_class_axis(data, layer.name)
    refuse_label_map(data, axis or 0)
    if axis is None or data.ndim <= SPATIAL:
        raise InputError(
            f"Along no axis of '{layer.name}' do the values sum to 1, so it is no "
            "softmax. If it holds logits, independent channels or the foreground "
            "alone, choose that under Kind; else choose the layer that holds one "
            "probability for each class."
        )


def _check_channel(layer: Image, kind: str) -> None:
    """Raise InputError if one volume cannot be the only channel of a kind."""
    data = sliceable(layer.data)
    if KINDS[kind].sums_matter:
        require_class_axis(data, layer.name)
    evidence = evidence_of(lines_along(data[np.newaxis], 0))
    if evidence.kind == FOREGROUND.name and evidence.refusal:
        raise InputError(f"'{layer.name}' cannot be that kind. {evidence.refusal}")


def map_shape(layer: Image, class_axis: int | None) -> tuple[int, ...]:
    """Return the shape of the map that this layer gives."""
    shape = list(layer.data.shape)
    if class_axis is not None:
        del shape[class_axis]
    return tuple(shape)


def class_first(
    layer: Image, class_axis: int | None, axes: Grid | None = None
) -> Source:
    """Return the values of a layer, class axis first; a single channel gets one.

    Parameters are those of :func:`.source_of`.
    """
    source = source_of(layer, class_axis, axes)
    if class_axis is not None:
        return source
    return replace(source, values=source.values[np.newaxis])


def independent_channels(layer: Image | None, kind: str | None) -> tuple[str, ...]:
    """Return names of the independent channels of a layer; none if it has none.

    Parameters
    ----------
    layer : Image or None
        The layer.
    kind : str or None
        Kind of its values, if somebody has chosen it; None for that of its file.
    """
    if layer is None or layer.multiscale:
        return ()
    told = declared(layer)
    named = kind or told["kind"]
    if named is None or not KINDS[named].independent:
        return ()
    axis = assumed_class_axis(layer, named)
    if axis is None:
        return ()
    n_channels = layer.data.shape[axis]
    names: tuple[str, ...] = told["class_names"]
    if len(names) == n_channels:
        return names
    return tuple(f"channel {number}" for number in range(n_channels))


def exclusive_classes(layer: Image | None, kind: str | None) -> tuple[str, ...]:
    """Return names of the classes of a layer of which one may be the background.

    Parameters are those of :func:`independent_channels`.
    """
    if layer is None or layer.multiscale:
        return ()
    named = kind or declared(layer)["kind"]
    if named is not None and KINDS[named].has_background:
        return ()
    axis = assumed_class_axis(layer, named)
    n_classes = 1 if axis is None else layer.data.shape[axis]
    return names_of(layer, n_classes) if n_classes > 1 else ()


def names_of(layer: Any, n_classes: int) -> tuple[str, ...]:
    """Return a name for each class of a layer, a number if its file has no names."""
    names: tuple[str, ...] = declared(layer)["class_names"]
    return names if len(names) == n_classes else numbered_class_names(n_classes)


def background_of(layer: Any, n_classes: int, how: Interpretation) -> int | None:
    """Return the background class of a map that was made from a layer; None without.

    Parameters
    ----------
    layer : layer
        The layer with the probabilities.
    n_classes : int
        Length of its class axis.
    how : Interpretation
        Interpretation with which the map was computed.
    """
    if how.background is None or n_classes == 1:
        return 0
    return require_class(how.background, names_of(layer, n_classes))


def declared(layer: Any) -> dict[str, Any]:
    """Return a file's statements on the values of its layer: kind, names and so on."""
    info = layer_info(layer)
    return {
        "kind": info.get("kind"),
        "region_order": tuple(info.get("region_order", ())),
        "class_names": tuple(info.get("class_names", ())),
        "tissues_of": info.get("tissues_of", ""),
        "guess": str(info.get("guess", "")),
    }
