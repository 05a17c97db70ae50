"""The layer that a map becomes: in the place of its probabilities, readable."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image

from ..case import CaseResult
from ..ensemble import EnsembleMaps
from ..fold import UncertaintyMaps
from ..kinds import names_of_classes
from ..measures import largest_value
from ..probabilities import numbered_class_names
from ..provenance import provenance
from .class_axis import declared
from .colors import transparent_where_certain
from .layers import METADATA_KEY, NO_DATA, PREDICTION, layer_info
from .preferences import preferences
from .request import Request
from .selection import path_of
from .transform import inherited_transform
from .viewer.color_bars import title_color_bars
from .viewer.in_3d import in_3d


def show_map(viewer: Any, request: Request, result: CaseResult) -> Image:
    """Add the map to the viewer, or update the one that was made from this layer.

    A new map on a scan hides the probabilities, which would lie between the two.
    """
    probabilities, measure = request.probabilities, request.measure
    values = request.source.turn.turn(result.values.astype(np.float32, copy=False))
    options = inherited_transform(probabilities, request.without)
    options["contrast_limits"] = (0, highest_of(measure, result.maps))
    origin = _origin(request, result)
    channel = result.maps.channel
    layer = _map_made_from(viewer, probabilities, measure, channel)
    if layer is not None:
        layer.data = values
        for name, value in options.items():
            setattr(layer, name, value)
        layer.metadata = {**layer.metadata, METADATA_KEY: origin}
        title_color_bars(viewer)
        return layer
    chosen = preferences()
    in_3d(viewer)
    layer = viewer.add_image(
        values,
        name=" ".join(filter(None, (probabilities.name, measure, channel))),
        colormap=transparent_where_certain(chosen.colormap)
        if chosen.transparent
        else chosen.colormap,
        opacity=chosen.opacity,
        # On top of whatever is behind it, in 3D too: a volume-rendered scan would
        # otherwise hide the map, or turn white where colours are added.
        blending="translucent_no_depth",
        rendering="mip",
        metadata={METADATA_KEY: origin},
        rgb=False,  # a last axis of length 3 or 4 is space
        **options,
    )
    layer.colorbar.visible = chosen.colorbar
    title_color_bars(viewer)
    if request.scan is not None:
        for taken in request.taken:
            taken.layer.visible = False
    _keep_out_of_rolling(viewer, request)
    return layer


def highest_of(measure: str, maps: UncertaintyMaps) -> float:
    """Where the colours of a map end; one class leaves no range, which napari refuses.

    Parameters
    ----------
    measure : str
        Which of the maps.
    maps : UncertaintyMaps
        What the fold gave.
    """
    n_members = len(maps.members)
    highest = largest_value(measure, maps.base, maps.n_states, maps.kind, n_members)
    return highest or 1.0


def _keep_out_of_rolling(viewer: Any, request: Request) -> None:
    """Let napari's button that changes the slicing direction skip classes and members.

    A picture of classes against a spatial axis is of no use to anybody.
    """
    probabilities = request.probabilities
    if probabilities.ndim == viewer.dims.ndim and not probabilities.rgb:
        rollable = list(viewer.dims.rollable)
        for axis in request.without:
            rollable[axis] = False
        viewer.dims.rollable = tuple(rollable)


def _map_made_from(
    viewer: Any, probabilities: Image, measure: str, channel: str | None
) -> Image | None:
    for layer in viewer.layers:
        info = layer_info(layer)
        if (
            info.get("role") == "map"
            and info.get("made_from", ())[:1] == (probabilities.unique_id,)
            and (info.get("measure"), info.get("channel")) == (measure, channel)
        ):
            return layer
    return None


def _origin(request: Request, result: CaseResult) -> dict[str, Any]:
    """What the map is and where it comes from; goes into the JSON of a saved map."""
    probabilities = request.probabilities
    known, no_data = layer_info(probabilities), result.maps.no_data
    foreground_from = "prediction"
    if request.segmentation is not None and result.trust.foreground is not None:
        foreground_from = request.segmentation.name
    return {
        "role": "map",
        **provenance(
            request.measure,
            result.maps,
            result.statistics,
            probabilities=probabilities.name,
            source=known.get("source") or probabilities.source.path,
            geometry_source=known.get("geometry_source"),
            class_names=_class_names(probabilities, result.maps),
            foreground_only=request.foreground_only,
            foreground_from=foreground_from,
            checks=result.trust.checks,
        ),
        **_of_members(request, result.maps),
        "placed": known.get("placed"),
        "made_from": tuple(taken.layer.unique_id for taken in request.taken),
        PREDICTION: request.source.turn.turn(result.maps.prediction),
        NO_DATA: request.source.turn.turn(no_data) if no_data.any() else None,
    } | {name: known[name] for name in ("grid", "affine") if name in known}


def _class_names(layer: Image, maps: UncertaintyMaps) -> tuple[str, ...]:
    """A name for each label; none where only numbers of channels are known."""
    told = declared(layer)
    names = told["class_names"]
    if not names:
        return ()
    labels = names_of_classes(maps.kind, names, told["region_order"])
    if names == numbered_class_names(len(names)) and labels != names:
        labels = ("background", "foreground") if len(names) == 1 else ()
    return labels if len(labels) == maps.n_classes else ()


def _of_members(request: Request, maps: UncertaintyMaps) -> dict[str, Any]:
    """Return which members there were, and how well they agree; nothing without any."""
    if not isinstance(maps, EnsembleMaps):
        return {}
    layers = [one.layer for one in request.taken]
    if request.stacked:
        layers *= len(maps.members)
    return {
        "members": [
            {"name": name, "path": str(path_of(layer) or "")}
            for name, layer in zip(maps.members, layers, strict=True)
        ],
        "dice": [None if np.isnan(one) else float(one) for one in maps.mean_dice],
        "not_shared": maps.not_shared,
    }
