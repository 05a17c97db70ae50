"""Roles of layers, and layers that belong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import Any

from napari.layers import Image, Labels

from ..errors import InputError
from ..io.endings import stem
from .class_axis import assumed_class_axis, class_axis_of, map_shape
from .layers import layer_grid, layer_info
from .sources import source_of

#: Role of the label layer in which the colours of classes tell the uncertainty.
MODULATED = "modulated"

#: Roles of layers that only show what other layers hold: they are nobody's input.
HELPERS = (
    "outline", "highlight", "place", "cut", "hotspots", "names", MODULATED,
)  # fmt: skip


def role_of(layer: Any) -> str | None:
    """Return what a layer is: scan, segmentation, probabilities, map, or None.

    A label layer is a segmentation whatever it was read as (napari can convert one
    into the other), but for those that only show what another layer holds. An image
    that another source made is taken for probabilities if its values sum to 1 along
    some axis.
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
    """Chosen without asking: what was read as probabilities or looks like them."""
    return () if role_of(layer) == "probabilities" else None


def rank_scan(layer: Image, probabilities: Image | None) -> tuple[Any, ...] | None:
    """A scan; best one that has the voxels of the probabilities."""
    if probabilities is None:
        return ()
    if layer == probabilities:  # logits, say, that nobody has said they are
        return None
    axis = assumed_class_axis(probabilities)
    fits = _same_voxels(layer, map_shape(probabilities, axis))
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
    axis = assumed_class_axis(probabilities)
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
    scans = [one for one in layers if role_of(one) == "scan" and not one.rgb]
    return _best_for_map(scans, shown)


def segmentation_for_map(
    layers: Iterable[Any], shown: Image, favourite: Any = None
) -> Labels | None:
    """Return the segmentation that belongs to a map; None where there is none.

    Parameters
    ----------
    layers : iterable of layer
        Those of the viewer.
    shown : Image
        The map.
    favourite : layer or None
        The one that is taken if it fits at all.
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
    """The file of a layer, where it has one."""
    source = layer_info(layer).get("source") or layer.source.path
    return Path(source) if source else None


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


#: Roles of layers that each view makes for the slice that it shows.
PER_VIEW = ("outline", "highlight")
