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
from ..placement import Placement
from ..probabilities import ProbabilityMap
from .colors import label_colormap

Array = np.ndarray[Any, Any]
LayerData = tuple[Array, dict[str, Any], str]

#: Where this plugin keeps what it knows of a layer, in ``layer.metadata``.
METADATA_KEY = "napari_uncertainty"

SCAN_SPACE_AXES = ("z", "y", "x")


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


def to_layer(volume: Scan | LabelMap | ProbabilityMap) -> LayerData:
    """Layer data tuple of a scan, a label map or class probabilities."""
    if isinstance(volume, ProbabilityMap):
        return _probabilities_layer(volume)
    if isinstance(volume, LabelMap):
        return _labels_layer(volume)
    return _scan_layer(volume)


def layer_info(layer: Any) -> Mapping[str, Any]:
    """What this plugin knows of a layer; empty where another source made it."""
    info = layer.metadata.get(METADATA_KEY, {})
    return info if isinstance(info, Mapping) else {}


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
    }
    return ScanSpace.of(scan.grid).turn.turn(data), options, "image"


def _labels_layer(labels: LabelMap) -> LayerData:
    options = _placed("segmentation", labels)
    options |= {
        "name": labels.name,
        "opacity": 0.4,
        "colormap": label_colormap(),
    }
    if labels.class_names:
        options["features"] = {
            "index": list(labels.class_names),
            "name": list(labels.class_names.values()),
        }
        options["metadata"][METADATA_KEY]["class_names"] = dict(labels.class_names)
    return ScanSpace.of(labels.grid).turn.turn(labels.data), options, "labels"


def _probabilities_layer(probabilities: ProbabilityMap) -> LayerData:
    grid = probabilities.grid
    n_spatial = probabilities.values.ndim - 1
    if grid is None:
        # Nothing is known of its place: the file's own z, y, x, as if voxels were 1 mm
        # large. In voxels it could not be shown beside a scan in mm.
        data = reversed_axes(n_spatial).turn(probabilities.values)
        options: dict[str, Any] = {
            "axis_labels": ("class", *SCAN_SPACE_AXES[-n_spatial:]),
            "units": ("pixel", *("mm",) * n_spatial),
            "metadata": {METADATA_KEY: _provenance("probabilities", probabilities)},
        }
    else:
        data = ScanSpace.of(grid).turn.turn(probabilities.values)
        options = _placed("probabilities", probabilities, ("class",))
    options["metadata"][METADATA_KEY] |= {
        "class_names": list(probabilities.class_names),
        "class_axis": 0,
        "kind": probabilities.kind,
        "geometry_source": str(probabilities.geometry_source or ""),
    }
    options |= {
        "name": f"{probabilities.name} probabilities",
        "colormap": "gray",
        "contrast_limits": (0, 1),
        # It would hide the scan below it, and the map is what people want to see.
        "visible": False,
    }
    return data, options, "image"


def _placed(
    role: str,
    volume: Scan | LabelMap | ProbabilityMap,
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


def _provenance(role: str, volume: Scan | LabelMap | ProbabilityMap) -> dict[str, Any]:
    info: dict[str, Any] = {"role": role, "source": str(volume.source or "")}
    if volume.grid is not None:
        info |= {"grid": volume.grid, "affine": volume.grid.affine}
    return info


def _readable_limits(data: Array) -> tuple[float, float]:
    """Contrast from the darkest value to just below the few brightest ones."""
    sample = data[tuple(slice(None, None, max(1, n // 64)) for n in data.shape)]
    sample = sample[np.isfinite(sample)]
    if sample.size == 0:
        return 0.0, 1.0
    low, high = float(sample.min()), float(np.percentile(sample, 99.8))
    return (low, high) if high > low else (low, low + 1.0)
