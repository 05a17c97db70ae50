"""The layer that a map becomes: in the place of its probabilities, readable."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from napari.layers import Image

from ..case import CaseResult
from ..fold import UncertaintyMaps
from ..kinds import names_of_classes
from ..model.record import Record
from ..probabilities import numbered_class_names
from .arrival import introduce_map
from .class_axis import declared
from .layers import (
    METADATA_KEY,
    NO_DATA,
    PREDICTION,
    RECORD,
    layer_info,
    record_of,
)
from .request import Request
from .transform import inherited_transform
from .viewer.color_bars import title_color_bars
from .viewer.in_3d import in_3d
from .viewer.layers import add_map


def show_map(viewer: Any, request: Request, result: CaseResult) -> Image:
    """Add the map to the viewer, or update the one that was made from this layer.

    A new map on a scan hides the probabilities, which would lie between the two.
    """
    probabilities, measure = request.probabilities, request.measure
    values = result.values(measure).astype(np.float32, copy=False)
    values = request.source.turn.turn(values)
    transform = inherited_transform(probabilities, request.without)
    record = _record(request, result)
    origin = _origin(request, result, record)
    channel = result.maps.channel
    layer = _map_made_from(viewer, probabilities, measure, channel)
    if layer is not None:
        layer.data = values
        for name, value in transform.items():
            setattr(layer, name, value)
        layer.contrast_limits = (0, record.highest)
        layer.metadata = {**layer.metadata, METADATA_KEY: origin}
        title_color_bars(viewer)
        return layer
    in_3d(viewer)
    name = " ".join(filter(None, (probabilities.name, measure, channel)))
    layer = add_map(viewer, values, name, origin, transform)
    introduce_map(viewer, layer)
    if request.scan is not None:
        for taken in request.taken:
            taken.visible = False
    _keep_out_of_rolling(viewer, request)
    return layer


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
            and (record := record_of(layer)) is not None
            and (record.measure, record.channel) == (measure, channel)
        ):
            return layer
    return None


def _record(request: Request, result: CaseResult) -> Record:
    """Record of the map, with the files that the layers were read from."""
    record = result.record(request.measure)
    return replace(record, class_names=_class_names(request.probabilities, result.maps))


def _origin(request: Request, result: CaseResult, record: Record) -> dict[str, Any]:
    """Return what is kept with the layer of a map."""
    known, no_data = layer_info(request.probabilities), result.maps.no_data
    turn = request.source.turn.turn
    return {
        "role": "map",
        RECORD: record,
        "source": record.source,
        "made_from": tuple(taken.unique_id for taken in request.taken),
        PREDICTION: turn(result.maps.prediction),
        NO_DATA: turn(no_data) if no_data.any() else None,
    } | {name: known[name] for name in ("grid", "affine") if name in known}


def _class_names(layer: Image, maps: UncertaintyMaps) -> tuple[str, ...]:
    """A name for each label; none where only numbers of channels are known."""
    told = declared(layer)
    names = told["class_names"]
    if not names:
        return ()
    background = maps.background.channel
    labels = names_of_classes(maps.kind, names, told["region_order"], background)
    if names == numbered_class_names(len(names)) and labels[0] == "background":
        labels = ("background", "foreground") if len(names) == 1 else ()
    return labels if len(labels) == maps.n_classes else ()
