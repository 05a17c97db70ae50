"""The layer that a map becomes: in the place of its probabilities, readable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.layers import Image
from napari.utils.transforms import CompositeAffine

from ..case import CaseResult
from ..measures import MEASURES
from ..provenance import provenance
from .colors import transparent_where_certain
from .layers import METADATA_KEY, layer_info
from .preferences import preferences
from .request import Request

#: Kept with a map: the most probable class, and which voxels have no data (None where
#: all have), in the order in which the map is shown on its own voxels.
PREDICTION = "prediction"
NO_DATA = "no_data"

#: Transform attributes of a layer that a map takes over, the class axis left out.
TRANSFORM = (
    "scale", "translate", "rotate", "shear", "affine", "units", "axis_labels",
)  # fmt: skip


def inherited_transform(layer: Image, class_axis: int) -> dict[str, Any]:
    """Every transform attribute of `layer` without its class axis.

    For an image that napari shows as RGB the channel axis is none of the layer's own,
    so nothing is left out.
    """
    keep: Sequence[int] = [axis for axis in range(layer.ndim) if axis != class_axis]
    placed = CompositeAffine(
        scale=layer.scale,
        translate=layer.translate,
        rotate=layer.rotate,
        shear=layer.shear,
        ndim=layer.ndim,
        units=layer.units,
        axis_labels=layer.axis_labels,
    ).set_slice(keep)
    return {
        "scale": placed.scale,
        "translate": placed.translate,
        "rotate": placed.rotate,
        "shear": placed.shear,
        "affine": layer.affine.affine_matrix[
            [[row] for row in (*keep, -1)], [*keep, -1]
        ],
        "units": placed.units,
        "axis_labels": placed.axis_labels,
    }


def show_map(viewer: Any, request: Request, result: CaseResult) -> Image:
    """Add the map to the viewer, or update the one that was made from this layer.

    A new map on a scan hides the probabilities, which would lie between the two.
    """
    probabilities, class_axis = request.probabilities, request.class_axis
    measure, values = request.measure, request.source.turn.turn(result.values)
    options = inherited_transform(probabilities, class_axis)
    options["contrast_limits"] = (
        0,
        # One class leaves an empty range, which napari refuses.
        MEASURES[measure].highest(result.maps.base, result.maps.n_classes) or 1,
    )
    origin = _origin(request, result)
    layer = _map_made_from(viewer, probabilities, measure)
    if layer is not None:
        layer.data = values
        for name, value in options.items():
            setattr(layer, name, value)
        layer.metadata = {**layer.metadata, METADATA_KEY: origin}
        return layer
    chosen = preferences()
    layer = viewer.add_image(
        values,
        name=f"{probabilities.name} {measure}",
        colormap=transparent_where_certain(chosen.colormap)
        if chosen.transparent
        else chosen.colormap,
        opacity=chosen.opacity,
        # On top of whatever is behind it, in 3D too: a volume-rendered scan would
        # otherwise hide the map, or turn white where colours are added.
        blending="translucent_no_depth",
        rendering="mip",
        metadata={METADATA_KEY: origin},
        **options,
    )
    layer.colorbar.visible = chosen.colorbar
    if request.scan is not None:
        probabilities.visible = False
    _keep_out_of_rolling(viewer, probabilities, class_axis)
    return layer


def _keep_out_of_rolling(viewer: Any, probabilities: Image, class_axis: int) -> None:
    """Let napari's button that changes the slicing direction skip the class axis.

    A picture of classes against a spatial axis is of no use to anybody.
    """
    if probabilities.ndim == viewer.dims.ndim and not probabilities.rgb:
        rollable = list(viewer.dims.rollable)
        rollable[class_axis] = False
        viewer.dims.rollable = tuple(rollable)


def _map_made_from(viewer: Any, probabilities: Image, measure: str) -> Image | None:
    for layer in viewer.layers:
        info = layer_info(layer)
        if (
            info.get("role") == "map"
            and info.get("made_from") == probabilities.unique_id
            and info.get("measure") == measure
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
            class_names=known.get("class_names", ()),
            foreground_only=request.foreground_only,
            foreground_from=foreground_from,
            checks=result.trust.checks,
        ),
        "placed": known.get("placed"),
        "made_from": probabilities.unique_id,
        PREDICTION: request.source.turn.turn(result.maps.prediction),
        NO_DATA: request.source.turn.turn(no_data) if no_data.any() else None,
    } | {name: known[name] for name in ("grid", "affine") if name in known}
