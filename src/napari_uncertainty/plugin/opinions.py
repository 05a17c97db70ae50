"""Probabilities that a map was made from, at its voxels, while they are open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from napari.layers import Image

from ..batch.written import fate
from ..ensemble import Member
from ..ensemble.members import common
from ..errors import InputError
from ..fold import as_dask
from ..grid import Grid
from .class_axis import SPATIAL, assumed_class_axis, class_first
from .layers import layer_info, record_of
from .members import is_stack, member_of, sources_of_stack
from .selection import path_of, role_of
from .sources import Source


def layers_made_from(layers: Iterable[Any], shown: Any) -> list[Any]:
    """The layers that a map was made from; none if one of them is gone.

    Of a map that was opened from a file, the layers of the files that its JSON names,
    unless these have changed since, or the map was placed elsewhere than they say.
    """
    layers, info = list(layers), layer_info(shown)
    if "made_from" in info:
        there = {layer.unique_id: layer for layer in layers}
        made_from = info["made_from"]
    else:
        there = {
            path.resolve(): layer
            for layer in layers
            if role_of(layer) == "probabilities" and (path := path_of(layer))
        }
        made_from = _files_of(shown)
    if any(one not in there for one in made_from):
        return []
    return [there[one] for one in made_from]


def _files_of(shown: Any) -> list[Path]:
    """Files that a map was made from; none where they may hold other values now."""
    record = record_of(shown)
    if record is None or record.placed:
        return []
    files = record.files
    if any(fate(record.inputs, one) != "unchanged" for one in files):
        return []
    return [one.resolve() for one in files]


def opinions(
    layers: Iterable[Any], shown: Image, source: Source, axes: Grid | None
) -> list[tuple[Image, Any]]:
    """Return what a map was made from, at its voxels, class axis first.

    Where a crop has no voxels it is 0.

    Parameters
    ----------
    layers : iterable of layer
        Those of the viewer.
    shown : Image
        The map.
    source : Source
        What it holds.
    axes : Grid or None
        Whose own axes the viewer shows.

    Returns
    -------
    list of (Image, array)
        A layer and its values, the layer of the map's voxels first; a stack comes once
        for each member. Empty if not all are there, or one does not fit any more.
    """
    record = record_of(shown)
    kind = None if record is None else record.kind
    held = [
        (layer, one)
        for layer in layers_made_from(layers, shown)
        for one in _sources_of(layer, kind, axes, source.values.ndim)
    ]
    if not held:
        return []
    first = held[0][1]
    here, there = source.grid, first.grid
    if here is not None and there is not None and not here.same_place(there):
        return []
    found = []
    for layer, one in held:
        values = _on_first(first, one, layer)
        if values is None or values.ndim != source.values.ndim + 1:
            return []
        # Without a place, a map has the viewer's order, and its layer the file's.
        values = source.turn.turn_back(first.turn.turn(values))
        if values.shape[1:] != source.values.shape:
            return []
        found.append((layer, values))
    return found


def _sources_of(
    layer: Image, kind: str | None, axes: Grid | None, n_spatial: int
) -> list[Source]:
    axis = assumed_class_axis(layer, kind)
    if axis is not None and is_stack(layer, axis) and n_spatial == SPATIAL:
        return sources_of_stack(layer, axis, axes)
    return [class_first(layer, axis, axes)]


def _on_first(first: Source, source: Source, layer: Image) -> Any:
    """The values of a member at the voxels of the first one; None if it has none."""
    if source is first:
        return source.values
    here = Member(first.values, grid=first.grid)
    other = member_of(layer, source, first, layer.name)
    try:
        where = common((here, other), on_first=True)
    except InputError:
        return None
    if other.shape == where.shape and where.boxes[1] == where.shared:
        return other.values
    inside = other.values[(slice(None), *where.boxes[1])]
    return _padded(inside, where.shared, where.shape)


def _padded(values: Any, box: Sequence[slice], shape: Sequence[int]) -> Any:
    """A lazy array: nothing is copied before it is looked at."""
    import dask.array as da

    lazy = as_dask(values)
    if lazy is None:
        lazy = da.from_array(values, name=False)
    around = [(one.start, n - one.stop) for one, n in zip(box, shape, strict=True)]
    return da.pad(lazy, [(0, 0), *around])
