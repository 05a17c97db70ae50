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
from ..model.record import Record
from ..placement import Placement

Array = np.ndarray[Any, Any]


#: Where this plugin keeps what it knows of a layer, in ``layer.metadata``.
METADATA_KEY = "napari_uncertainty"

#: Kept with a map: its record.
RECORD = "record"

#: Kept with a map: the most probable class, and which voxels have no data (None where
#: all have), in the order in which the map is shown on its own voxels.
PREDICTION = "prediction"
NO_DATA = "no_data"

SCAN_SPACE_AXES = ("z", "y", "x")


@dataclass(frozen=True)
class ScanSpace:
    """Way from a grid's own axes to the viewer's, as views without a copy.

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

    def transform(self, leading: tuple[str, ...] = ()) -> dict[str, Any]:
        """Return transform attributes of a layer that has these axes in front."""
        more = len(leading)
        return {
            "scale": (1.0,) * more + self.scale,
            "translate": (0.0,) * more + self.translate,
            "units": ("pixel",) * more + ("mm",) * len(self.scale),
            "axis_labels": leading + self.axis_labels,
        }


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
