"""Roles of layers, layers that belong together, and those that a map was made from.

Probabilities in several layers are members of an ensemble. So are those that one layer
holds stacked along its first axis, such as the passes of Monte-Carlo dropout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from ...batch.written import fate
from ...engine.dask_arrays import as_dask
from ...engine.ensemble.members import Member, common
from ...errors import InputError
from ...io.endings import stem
from ...model.grid import Grid
from .class_axis import (
    SPATIAL,
    assumed_class_axis,
    class_axis_of,
    class_first,
    declared,
    map_shape,
)
from .layers import inherited_transform
from .scan_space import Source, layer_grid, layer_info, record_of, source_of

#: Role of the label layer in which the colours of classes show the uncertainty.
MODULATED = "modulated"

#: Roles of layers that only show what other layers hold, and are no input of anything.
HELPERS = (
    "outline", "highlight", "place", "cut", "hotspots", "names", MODULATED,
)  # fmt: skip

#: Roles of layers that each view makes for its own slice.
PER_VIEW = ("outline", "highlight")

Array = np.ndarray[Any, Any]


# Roles of layers, and layers that belong together.


def role_of(layer: Any) -> str | None:
    """Return the role of a layer: scan, segmentation, probabilities, map, or None.

    A label layer is a segmentation, however it was read (napari can convert an image
    into labels), unless it only shows what another layer holds. An image of another
    source is taken for probabilities if its values sum to 1 along some axis.
    """
    recorded = layer_info(layer).get("role")
    if recorded in HELPERS:
        return None
    if isinstance(layer, Labels):
        return "segmentation"
    if not isinstance(layer, Image) or layer.multiscale:
        return None
    if recorded in ("scan", "probabilities", "map"):
        return str(recorded)
    if class_axis_of(layer) is not None:
        return "probabilities"
    return "scan"


def rank_probabilities(layer: Image) -> tuple[Any, ...] | None:
    """Return the rank of an image as probabilities; None if it is nothing like them."""
    return () if role_of(layer) == "probabilities" else None


def rank_scan(layer: Image, probabilities: Image | None) -> tuple[Any, ...] | None:
    """Return the rank of a scan: best is one with the voxels of the probabilities."""
    if probabilities is None:
        return ()
    if layer == probabilities:  # such as logits that nobody has declared as such
        return None
    axis = assumed_class_axis(probabilities)
    fits = _same_voxels(layer, map_shape(probabilities, axis))
    # With another shape, it belongs to them only if both have a place, or may get one.
    read = layer_info(probabilities).get("role") == "probabilities"
    placed = layer_grid(layer) is not None and read
    return (fits,) if fits or placed else None


def rank_segmentation(
    layer: Labels, probabilities: Image | None
) -> tuple[Any, ...] | None:
    """Return the rank of a segmentation: same name first, then same voxels."""
    if probabilities is None:
        return ()
    axis = assumed_class_axis(probabilities)
    same = same_case(layer, probabilities)
    axes = layer_grid(probabilities) or layer_grid(layer)
    own = source_of(layer, axes=axes).grid
    other = source_of(probabilities, axis, axes).grid
    fits = layer.data.shape == map_shape(probabilities, axis)
    if own is not None and other is not None:
        if not own.overlaps(other):
            return None
        by_files = (
            layer_grid(layer) is not None and layer_grid(probabilities) is not None
        )
        return (same, own.same_voxels(other)) if by_files or fits else None
    return (same, fits) if same or fits else None


def rank_for_map(layer: Labels | Image, shown: Image) -> tuple[Any, ...] | None:
    """Return the rank of a layer beside a map: same case first, then same voxels."""
    same = same_case(layer, shown)
    own, other = layer_grid(layer), layer_grid(shown)
    if own is not None and other is not None:
        return (same, own.same_voxels(other)) if own.overlaps(other) else None
    fits = layer.data.shape == shown.data.shape
    return (same, fits) if fits else None


def scan_for_map(layers: Iterable[Any], shown: Image) -> Image | None:
    """Return the scan that belongs to a map; the first of equals, None without one."""
    scans = [one for one in layers if role_of(one) == "scan" and not one.rgb]
    return _best_for_map(scans, shown)


def segmentation_for_map(
    layers: Iterable[Any], shown: Image, favourite: Any = None
) -> Labels | None:
    """Return the segmentation that belongs to a map; None where there is none.

    Parameters
    ----------
    layers : iterable of layer
        The layers of the viewer.
    shown : Image
        The map.
    favourite : layer or None
        The layer that is taken if it fits at all.
    """
    segmentations = [one for one in layers if role_of(one) == "segmentation"]
    return _best_for_map(segmentations, shown, favourite)


def _best_for_map(layers: Iterable[Any], shown: Image, favourite: Any = None) -> Any:
    ranked = [
        ((layer == favourite, *rank), layer)
        for layer in layers
        if (rank := rank_for_map(layer, shown)) is not None
    ]
    return max(ranked, key=lambda entry: entry[0])[1] if ranked else None


def path_of(layer: Any) -> Path | None:
    """Return the file of a layer; None where it has none."""
    source = layer_info(layer).get("source") or layer.source.path
    return Path(source) if source else None


def check_scan_fits(
    probabilities: Image, shape: Sequence[int], scan: Image | None
) -> None:
    """Raise InputError if scan and probabilities cannot lie on each other.

    Shapes may differ if the place of the scan is known: the probabilities may be a crop
    of it, or have other voxels, or get their place from it.
    """
    if scan is None or _same_voxels(scan, shape) or layer_grid(scan) is not None:
        return
    raise InputError(
        f"'{probabilities.name}' has {_times(shape)} voxels and the scan "
        f"'{scan.name}' {_times(_spatial_shape(scan))}, so one does not lie on the "
        "other; choose the scan that was segmented, or none."
    )


def same_case(layer: Any, probabilities: Any) -> bool:
    """Return whether two layers come from files of one name in one folder."""
    first, second = (
        PurePath(layer_info(one).get("source", "")) for one in (layer, probabilities)
    )
    return (
        bool(first.name)
        and first.parent == second.parent
        and (stem(first) == stem(second))
    )


def _spatial_shape(scan: Image) -> tuple[int, ...]:
    return tuple(scan.data.shape[:-1] if scan.rgb else scan.data.shape)


def _same_voxels(scan: Image, shape: Sequence[int]) -> bool:
    """Return whether the scan's last axes have this shape, with or without time."""
    return _spatial_shape(scan)[-len(shape) :] == tuple(shape)


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


# Layers as members of an ensemble.


def is_stack(layer: Image, class_axis: int | None) -> bool:
    """Return whether a layer holds members along an axis in front of the classes."""
    return layer.data.ndim == SPATIAL + 2 and class_axis is not None and class_axis > 0


def sources_of_stack(
    layer: Image, class_axis: int, axes: Grid | None = None
) -> list[Source]:
    """Return the values of each member of a stack, class axis first."""
    options: dict[str, Any] = inherited_transform(layer, (0,))
    options["rgb"] = layer.rgb
    return [
        class_first(
            # This layer is never shown; it has the place of the stack.
            Image(one, metadata=layer.metadata, contrast_limits=(0, 1), **options),
            class_axis - 1,
            axes,
        )
        for one in layer.data
    ]


def member_of(
    layer: Image,
    source: Source,
    first: Source,
    name: str,
    kind: str | None = None,
    temperature: float = 1.0,
) -> Member:
    """Return a layer as a member, as the core takes it.

    Parameters
    ----------
    layer : Image
        The layer, whose metadata say what its values are.
    source : Source
        Its values, class axis first.
    first : Source
        Values of the first member, in whose order of axes this one is turned. Where the
        place of one is unknown, the two lie on each other as the viewer shows them.
    name : str
        Name of the member.
    kind, temperature : str or None, float
        Interpretation that a person has chosen; None for the kind of the layer.
    """
    told = declared(layer)
    values, grid, names = source.values, source.grid, told["class_names"]
    if first.grid is None or grid is None:
        values = first.turn.turn_back(source.turn.turn(values))
    elif source.is_as_shown != first.is_as_shown:
        # A layer of another source has the viewer's order, which no file has.
        placement = grid.placement_in(first.grid)
        if placement is not None:
            values = placement.turn(values)
            grid = first.grid.box(placement.offset, values.shape[1:])
    return Member(
        values,
        name,
        names if len(names) == values.shape[0] else (),
        grid,
        kind or told["kind"],
        temperature,
        told["region_order"],
        kind is None and told["kind"] is not None,
        bool(told["tissues_of"]),
    )


# Layers that a map was made from, as long as they are open.


def layers_made_from(layers: Iterable[Any], shown: Any) -> list[Any]:
    """Return the layers that a map was made from; none if one of them is gone.

    For a map that was opened from a file, they are the layers of the files that its
    JSON names, unless these have changed since, or the map was placed elsewhere.
    """
    layers, info = list(layers), layer_info(shown)
    if "made_from" in info:
        known = {layer.unique_id: layer for layer in layers}
        made_from = info["made_from"]
    else:
        known = {
            path.resolve(): layer
            for layer in layers
            if role_of(layer) == "probabilities" and (path := path_of(layer))
        }
        made_from = _files_of(shown)
    if any(one not in known for one in made_from):
        return []
    return [known[one] for one in made_from]


def _files_of(shown: Any) -> list[Path]:
    """Return the files that a map was made from; none if they may have changed."""
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
    """Return the probabilities that a map was made from, at its voxels.

    Around a crop they are 0.

    Parameters
    ----------
    layers : iterable of layer
        The layers of the viewer.
    shown : Image
        The map.
    source : Source
        Its values.
    axes : Grid or None
        Grid along whose axes the viewer shows all images.

    Returns
    -------
    list of (Image, array)
        Each layer with its values, class axis first; the layer with the map's voxels
        stands first, and a stack once for each member. Empty if a layer is gone, or
        does not fit any more.
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
    own, other = source.grid, first.grid
    if own is not None and other is not None and not own.same_place(other):
        return []
    at_voxels = []
    for layer, one in held:
        values = _on_first(first, one, layer)
        if values is None or values.ndim != source.values.ndim + 1:
            return []
        # Without a place, a map has the viewer's order, and probabilities their file's.
        values = source.turn.turn_back(first.turn.turn(values))
        if values.shape[1:] != source.values.shape:
            return []
        at_voxels.append((layer, values))
    return at_voxels


def _sources_of(
    layer: Image, kind: str | None, axes: Grid | None, n_spatial: int
) -> list[Source]:
    axis = assumed_class_axis(layer, kind)
    if axis is not None and is_stack(layer, axis) and n_spatial == SPATIAL:
        return sources_of_stack(layer, axis, axes)
    return [class_first(layer, axis, axes)]


def _on_first(first: Source, source: Source, layer: Image) -> Any:
    """Return a member's values at the voxels of the first one; None if it has none."""
    if source is first:
        return source.values
    other = member_of(layer, source, first, layer.name)
    try:
        where = common((Member(first.values, grid=first.grid), other), on_first=True)
    except InputError:
        return None
    if other.shape == where.shape and where.boxes[1] == where.shared:
        return other.values
    inside = other.values[(slice(None), *where.boxes[1])]
    return _padded(inside, where.shared, where.shape)


def _padded(values: Any, box: Sequence[slice], shape: Sequence[int]) -> Any:
    """Return values with zeros around them, lazily, so that nothing is copied yet."""
    import dask.array as da

    lazy = as_dask(values)
    if lazy is None:
        lazy = da.from_array(values, name=False)
    around = [(one.start, n - one.stop) for one, n in zip(box, shape, strict=True)]
    return da.pad(lazy, [(0, 0), *around])
