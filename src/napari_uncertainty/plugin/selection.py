"""Which layer is what, and which ones belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any
from weakref import WeakKeyDictionary

from napari.layers import Image, Labels

from ..errors import InputError
from ..fold import as_dask
from ..io.nifti import stem
from ..probabilities import find_class_axis, require_class_axis, scale_of
from .layers import layer_grid, layer_info
from .sources import source_of

# What was found in layers of lazy arrays, with the data that it was found in.
_lazy_axes: WeakKeyDictionary[Image, tuple[Any, int | None]] = WeakKeyDictionary()


def role_of(layer: Any) -> str | None:
    """What a layer is: scan, segmentation, probabilities, map, highlight, or None.

    A label layer is a segmentation whatever it was read as (napari can convert one
    into the other). An image that another source made is taken for probabilities if
    its values sum to 1 along some axis.
    """
    if isinstance(layer, Labels):
        return "highlight" if is_highlight(layer) else "segmentation"
    if not isinstance(layer, Image) or layer.multiscale:
        return None
    recorded = layer_info(layer).get("role")
    if recorded in ("scan", "probabilities", "map"):
        return str(recorded)
    if class_axis_of(layer) is not None:
        return "probabilities"
    return "scan"


def class_axis_of(layer: Image) -> int | None:
    """Class axis of a layer's data, as recorded or as found from the values.

    The last axis of data that napari took for RGB counts from 0 like any other.
    """
    recorded = layer_info(layer).get("class_axis")
    if isinstance(recorded, int) and recorded < layer.data.ndim:
        return recorded
    if layer.rgb:
        # A photograph's height and width cannot be meant.
        channels = layer.data.ndim - 1
        data = _sliceable(layer)
        return channels if scale_of(data, channels) is not None else None
    return _found_class_axis(layer)


def _found_class_axis(layer: Image) -> int | None:
    """The class axis by the values; of a lazy array, they are looked at only once."""
    if as_dask(layer.data) is None:
        return find_class_axis(layer.data)
    data, axis = _lazy_axes.get(layer, (None, None))
    if data is not layer.data:
        axis = find_class_axis(_sliceable(layer))
        _lazy_axes[layer] = layer.data, axis
    return axis


def required_class_axis(layer: Image) -> int:
    """The class axis, or an InputError that says why there is none."""
    if layer.multiscale:
        raise InputError(
            f"'{layer.name}' is a multiscale image; load its full resolution alone."
        )
    if layer.rgb and class_axis_of(layer) is None:
        raise InputError(
            f"'{layer.name}' is a colour image, not class probabilities; choose the "
            "network's softmax output."
        )
    axis = class_axis_of(layer)
    return require_class_axis(_sliceable(layer), layer.name) if axis is None else axis


def _sliceable(layer: Image) -> Any:
    lazy = as_dask(layer.data)
    return layer.data if lazy is None else lazy


def rank_probabilities(layer: Image) -> tuple[Any, ...] | None:
    """Chosen without asking: what was read as probabilities or looks like them."""
    return () if role_of(layer) == "probabilities" else None


def rank_scan(layer: Image, probabilities: Image | None) -> tuple[Any, ...] | None:
    """A scan; best one that has the voxels of the probabilities."""
    if probabilities is None:
        return ()
    axis = class_axis_of(probabilities)
    fits = axis is not None and _same_voxels(layer, map_shape(probabilities, axis))
    # Another shape belongs to it only if files say where both are, or may find out.
    read = layer_info(probabilities).get("role") == "probabilities"
    placed = layer_grid(layer) is not None and read
    return (fits,) if fits or placed else None


def rank_segmentation(
    layer: Labels, probabilities: Image | None
) -> tuple[Any, ...] | None:
    """A segmentation; best that of the same name, then one with the same voxels."""
    if probabilities is None:
        return ()
    axis = class_axis_of(probabilities)
    if axis is None:
        return None
    same = same_case(layer, probabilities)
    axes = layer_grid(probabilities) or layer_grid(layer)
    here = source_of(layer, axes=axes).grid
    there = source_of(probabilities, axis, axes).grid
    fits = layer.data.shape == map_shape(probabilities, axis)
    if here is not None and there is not None:
        if not here.overlaps(there):
            return None
        by_files = (
            layer_grid(layer) is not None and layer_grid(probabilities) is not None
        )
        return (same, here.same_voxels(there)) if by_files or fits else None
    return (same, fits) if same or fits else None


def rank_for_map(layer: Labels | Image, shown: Image) -> tuple[Any, ...] | None:
    """Best the layer of the same case, then one with the same voxels."""
    same = same_case(layer, shown)
    here, there = layer_grid(layer), layer_grid(shown)
    if here is not None and there is not None:
        return (same, here.same_voxels(there)) if here.overlaps(there) else None
    fits = layer.data.shape == shown.data.shape
    return (same, fits) if fits else None


def scan_for_map(layers: Iterable[Any], shown: Image) -> Image | None:
    """The scan that belongs to a map; of equals the first, None where there is none."""
    ranked = [
        (rank, layer)
        for layer in layers
        if role_of(layer) == "scan"
        and not layer.rgb
        and (rank := rank_for_map(layer, shown)) is not None
    ]
    return max(ranked, key=lambda entry: entry[0])[1] if ranked else None


def is_highlight(layer: Any) -> bool:
    """Whether a layer only shows again what a segmentation has."""
    return layer_info(layer).get("role") == "highlight"


def map_shape(layer: Image, class_axis: int) -> tuple[int, ...]:
    """Shape of the map that this layer gives."""
    shape = list(layer.data.shape)
    del shape[class_axis]
    return tuple(shape)


def check_scan_fits(
    probabilities: Image, shape: Sequence[int], scan: Image | None
) -> None:
    """Raise InputError where scan and probabilities cannot lie on each other.

    Other shapes are fine where the scan says where it is: the probabilities may be a
    crop, or have other voxels, or get their place from it.
    """
    if scan is None or _same_voxels(scan, shape) or layer_grid(scan) is not None:
        return
    raise InputError(
        f"'{probabilities.name}' has {_times(shape)} voxels and the scan "
        f"'{scan.name}' {_times(_spatial_shape(scan))}, so one does not lie on the "
        "other; choose the scan that was segmented, or none."
    )


def same_case(layer: Any, probabilities: Any) -> bool:
    """Whether two layers were read from files of the same name in the same folder."""
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
    """Whether the scan's last axes have this shape (time may stand before them)."""
    return _spatial_shape(scan)[-len(shape) :] == tuple(shape)


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))
