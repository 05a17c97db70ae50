"""Core objects to napari layers and back: the only place that knows scan space.

Scan space is the world that the viewer shows: the scan's own axes in mm, without its
tilt. napari's (z, y, x) run to Inferior, Posterior and Left, so that napari's default
camera shows every slicing direction upright, with the patient's left on the right
(the radiological convention), and 3D unmirrored. For an upright scan the world
coordinates are -(S, A, R) in nibabel's terms.

The tilt has to go because napari cannot slice rotated layers. Images of one study
share it, so they stay aligned; the true affine is kept in the layer's metadata.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from nibabel.orientations import (
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)

from ..grid import Grid
from ..images import LabelMap, Scan
from ..io.written_maps import WrittenMap
from ..model.record import Record
from ..placement import Placement
from ..probabilities import ProbabilityMap, lines_along
from .colors import label_colormap, transparent_where_certain
from .preferences import preferences

Array = np.ndarray[Any, Any]
LayerData = tuple[Array, dict[str, Any], str]

#: What becomes a layer.
Volume = Scan | LabelMap | ProbabilityMap | WrittenMap

#: Where this plugin keeps what it knows of a layer, in ``layer.metadata``.
METADATA_KEY = "napari_uncertainty"

#: Kept with a map: its record.
RECORD = "record"

#: Kept with a map: the most probable class, and which voxels have no data (None where
#: all have), in the order in which the map is shown on its own voxels.
PREDICTION = "prediction"
NO_DATA = "no_data"

SCAN_SPACE_AXES = ("z", "y", "x")

#: What the axis of the classes is called.
CLASS_AXIS = "class"


@dataclass(frozen=True)
class ScanSpace:
    """How a grid's own axes become the viewer's, as views without a copy.

    Attributes
    ----------
    turn : Placement
        Order and direction of the grid's axes in the viewer.
    scale, translate : tuple of float
        Voxel size and position of the first voxel in mm, in the viewer's order.
    axis_labels : tuple of str
        Two or three of z, y, x.
    """

    turn: Placement
    scale: tuple[float, ...]
    translate: tuple[float, ...]
    axis_labels: tuple[str, ...]

    @classmethod
    def of(cls, grid: Grid) -> ScanSpace:
        """Scan space of a grid; a flat image leaves the missing axis out."""
        shape = grid.shape + (1,) * (3 - grid.ndim)
        orientation = ornt_transform(
            io_orientation(grid.affine), axcodes2ornt(tuple("IPL"))
        )
        affine = grid.affine @ inv_ornt_aff(orientation, shape)
        zooms = np.linalg.norm(affine[:3, :3], axis=0)
        first = to_world(grid, affine[:3, 3])
        order = [int(axis) for axis in np.argsort(orientation[:, 0])]
        present = [place for place, axis in enumerate(order) if axis < grid.ndim]
        return cls(
            Placement(
                tuple(order[place] for place in present),
                tuple(int(orientation[order[place], 1]) for place in present),
                (0,) * len(present),
            ),
            scale=tuple(float(zooms[place]) for place in present),
            translate=tuple(float(first[place]) for place in present),
            axis_labels=tuple(SCAN_SPACE_AXES[place] for place in present),
        )


def to_world(along: Grid, ras: Any) -> Array:
    """Scan space (z, y, x) of places in RAS mm, shape (..., 3).

    Along a grid's own axes, which need not be at right angles: a shear is taken out
    like a tilt, so that boxes of one image stay where they were in it.
    """
    own = np.asarray(ras) @ np.linalg.inv(along.directions).T
    world: Array = -own[..., ::-1]
    return world


def to_ras(along: Grid, world: Any) -> Array:
    """Places in RAS mm of scan space (z, y, x), shape (..., 3)."""
    ras: Array = -np.asarray(world)[..., ::-1] @ along.directions.T
    return ras


def to_layer(volume: Volume) -> LayerData:
    """Layer data tuple of a scan, a label map, class probabilities or a map."""
    if isinstance(volume, ProbabilityMap):
        return _probabilities_layer(volume)
    if isinstance(volume, WrittenMap):
        return _map_layer(volume)
    if isinstance(volume, LabelMap):
        return _labels_layer(volume)
    return _scan_layer(volume)


def look_of_maps() -> dict[str, Any]:
    """Layer options of a new uncertainty map, as the user prefers them."""
    chosen = preferences()
    return {
        "colormap": transparent_where_certain(chosen.colormap)
        if chosen.transparent
        else chosen.colormap,
        "opacity": chosen.opacity,
        # On top of whatever is behind it, in 3D too: a volume-rendered scan would
        # otherwise hide the map, or turn white where colours are added.
        "blending": "translucent_no_depth",
        "rendering": "mip",
    }


def layer_info(layer: Any) -> Mapping[str, Any]:
    """Return what this plugin knows of a layer; empty where another source made it."""
    info = layer.metadata.get(METADATA_KEY, {})
    return info if isinstance(info, Mapping) else {}


def record_of(layer: Any) -> Record | None:
    """Return the record of a map, or of what shows one; None of other layers."""
    record = layer_info(layer).get(RECORD)
    return record if isinstance(record, Record) else None


def layer_grid(layer: Any) -> Grid | None:
    """The true grid of a layer that this plugin read or made."""
    grid = layer_info(layer).get("grid")
    return grid if isinstance(grid, Grid) else None


def reversed_axes(ndim: int) -> Placement:
    """(x, y, z) as (z, y, x)."""
    return Placement(tuple(range(ndim))[::-1], (1,) * ndim, (0,) * ndim)


def _scan_layer(scan: Scan) -> LayerData:
    further = scan.data.ndim - scan.grid.ndim
    data = np.moveaxis(scan.data, range(scan.grid.ndim, scan.data.ndim), range(further))
    options = _placed("scan", scan, ("time", "channel", "axis 5")[:further])
    options |= {
        "name": scan.name,
        "colormap": "gray",
        "contrast_limits": _readable_limits(scan.data),
        # In 3D the near side shows and does not drown in what is behind it.
        "rendering": "attenuated_mip",
        "attenuation": 0.1,
        "rgb": False,  # a last axis of length 3 or 4 is space
    }
    return ScanSpace.of(scan.grid).turn.turn(data), options, "image"


def _labels_layer(labels: LabelMap) -> LayerData:
    options = _placed("segmentation", labels)
    options |= {
        "name": labels.name,
        "opacity": 0.4,
        "colormap": label_colormap(preferences().colormap, labels.colors),
    }
    if labels.class_names:
        options["features"] = {
            "index": list(labels.class_names),
            "name": list(labels.class_names.values()),
        }
        options["metadata"][METADATA_KEY]["class_names"] = dict(labels.class_names)
    return ScanSpace.of(labels.grid).turn.turn(labels.data), options, "labels"


def _probabilities_layer(probabilities: ProbabilityMap) -> LayerData:
    values = probabilities.values
    data, options = _anywhere("probabilities", probabilities, values, (CLASS_AXIS,))
    options["metadata"][METADATA_KEY] |= {
        "class_names": list(probabilities.class_names),
        "class_axis": 0,
        "kind": probabilities.kind,
        "region_order": list(probabilities.region_order),
        "tissues_of": probabilities.tissues_of,
        "geometry_source": str(probabilities.geometry_source or ""),
        "further_sources": [str(path) for path in probabilities.further_sources],
        "guess": probabilities.guess,
    }
    options |= {
        "name": f"{probabilities.name} probabilities",
        "colormap": "gray",
        "contrast_limits": _limits_of_classes(values),
        # It would hide the scan below it, and the map is what people want to see.
        "visible": False,
        "rgb": False,  # a last axis of length 3 or 4 is space
    }
    return data, options, "image"


def _map_layer(written: WrittenMap) -> LayerData:
    """As :func:`.map_layer.show_map` shows a map that was just computed.

    Which class a voxel has, and which voxels have no data, is not in the file.
    """
    data, options = _anywhere("map", written, written.values, zooms=written.zooms)
    options["metadata"][METADATA_KEY] |= {
        RECORD: written.record,
        # Of a map, this is the file that it was made from.
        "source": written.record.source,
    }
    options |= {
        "name": written.name,
        "contrast_limits": (0, written.record.highest),
        "rgb": False,
        **look_of_maps(),
    }
    return data, options, "image"


def _anywhere(
    role: str,
    volume: ProbabilityMap | WrittenMap,
    values: Any,
    leading: tuple[str, ...] = (),
    zooms: tuple[float, ...] | None = None,
) -> tuple[Array, dict[str, Any]]:
    """Data and options of a volume that may know of no place."""
    if volume.grid is not None:
        options = _placed(role, volume, leading)
        return ScanSpace.of(volume.grid).turn.turn(values), options
    # Nothing is known of its place: the file's own z, y, x, and voxels of 1 mm unless
    # somebody knows. In voxels it could not be shown beside a scan in mm.
    n = values.ndim - len(leading)
    return reversed_axes(n).turn(values), {
        "scale": (1.0,) * len(leading) + (zooms or (1.0,) * n)[::-1],
        "axis_labels": (*leading, *SCAN_SPACE_AXES[-n:]),
        "units": ("pixel",) * len(leading) + ("mm",) * n,
        "metadata": {METADATA_KEY: _provenance(role, volume)},
    }


def _placed(
    role: str,
    volume: Volume,
    leading: tuple[str, ...] = (),
) -> dict[str, Any]:
    """Layer options that put a volume into scan space, and say what it is."""
    assert volume.grid is not None
    space = ScanSpace.of(volume.grid)
    return {
        "scale": (1.0,) * len(leading) + space.scale,
        "translate": (0.0,) * len(leading) + space.translate,
        "units": ("pixel",) * len(leading) + ("mm",) * len(space.scale),
        "axis_labels": leading + space.axis_labels,
        "metadata": {METADATA_KEY: _provenance(role, volume)},
    }


def _provenance(role: str, volume: Volume) -> dict[str, Any]:
    info: dict[str, Any] = {"role": role, "source": str(volume.source or "")}
    if volume.grid is not None:
        info |= {"grid": volume.grid, "affine": volume.grid.affine}
    return info


def _limits_of_classes(values: Any) -> tuple[float, float]:
    """From 0 to 1 where that is what the values are; logits and others as they go."""
    some = lines_along(values, 0)
    some = some[np.isfinite(some)]
    if some.size == 0 or (some.min() > -0.5 and some.max() < 1.5):
        return 0.0, 1.0
    return float(some.min()), float(max(some.max(), some.min() + 1))


def _readable_limits(data: Array) -> tuple[float, float]:
    """Contrast from the darkest value to just below the few brightest ones."""
    sample = data[tuple(slice(None, None, max(1, n // 64)) for n in data.shape)]
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = float(sample.min()), float(np.percentile(sample, 99.8))
    return (low, high) if high > low else (low, low + 1.0)
