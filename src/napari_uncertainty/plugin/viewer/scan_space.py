"""Scan space, in which the viewer shows images, and the values of layers as in files.

Scan space is the world that the viewer shows: the scan's own axes in mm, without its
tilt. napari's (z, y, x) run to Inferior, Posterior and Left, so that napari's default
camera shows every slicing direction upright, with the patient's left on the right
(the radiological convention), and 3D unmirrored. For an upright scan the world
coordinates are -(S, A, R) in nibabel's terms.

The tilt is taken out because napari cannot slice rotated layers. Images of one study
share it, so they stay aligned; the true affine is kept in the layer's metadata.

Axes in space are in mm, and any other axis, such as that of the classes, is in *pixel*,
in all layers alike. napari gives up the units of all layers where an axis is a length
in one layer and counted in pixels in another.

Values to measure, compare or write are taken with :func:`source_of`, and not from the
data of a layer: it may be shown resampled onto another image's axes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from nibabel.orientations import (
    axcodes2ornt,
    inv_ornt_aff,
    io_orientation,
    ornt_transform,
)

from ...compare.segmentation import Segmentation
from ...engine.dask_arrays import as_dask
from ...errors import InputError
from ...model.grid import Grid
from ...model.placement import Placement
from ...model.record import Record

Array = np.ndarray[Any, Any]


#: Key in ``layer.metadata`` below which this plugin keeps its own metadata.
METADATA_KEY = "napari_uncertainty"

#: In the metadata of a map: its record.
RECORD = "record"

#: In the metadata of a map: the most probable class, and the voxels without data (None
#: where all have data), in the order in which the map is shown on its own voxels.
PREDICTION = "prediction"
NO_DATA = "no_data"

SCAN_SPACE_AXES = ("z", "y", "x")

#: In a layer's metadata: values on the layer's own grid, in core order, where it is
#: shown resampled, and the grid that it is shown on.
ORIGINAL = "original"
SHOWN_GRID = "shown_grid"


# Scan space: from the axes of a grid to those of the viewer, and back.


@dataclass(frozen=True)
class ScanSpace:
    """Order, direction and place of a grid's axes in the viewer.

    Arrays are turned from the one to the other as views, without a copy.

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
        """Return the scan space of a grid, with two axes for a flat image."""
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
        n_leading = len(leading)
        return {
            "scale": (1.0,) * n_leading + self.scale,
            "translate": (0.0,) * n_leading + self.translate,
            "units": ("pixel",) * n_leading + ("mm",) * len(self.scale),
            "axis_labels": leading + self.axis_labels,
        }


def to_world(along: Grid, ras: Any) -> Array:
    """Return scan space (z, y, x) of places in RAS mm, shape (..., 3).

    It runs along a grid's own axes, which need not be at right angles: a shear is taken
    out like a tilt, so that boxes of one image stay where they were in it.
    """
    own = np.asarray(ras) @ np.linalg.inv(along.directions).T
    world: Array = -own[..., ::-1]
    return world


def to_ras(along: Grid, world: Any) -> Array:
    """Return places in RAS mm from scan space (z, y, x), shape (..., 3)."""
    ras: Array = -np.asarray(world)[..., ::-1] @ along.directions.T
    return ras


def layer_info(layer: Any) -> Mapping[str, Any]:
    """Return this plugin's metadata of a layer; empty for a layer of another source."""
    info = layer.metadata.get(METADATA_KEY, {})
    return info if isinstance(info, Mapping) else {}


def record_of(layer: Any) -> Record | None:
    """Return the record of a map, or of a layer that shows one; None of any other."""
    record = layer_info(layer).get(RECORD)
    return record if isinstance(record, Record) else None


def layer_grid(layer: Any) -> Grid | None:
    """Return the true grid of a layer that this plugin read or made, else None."""
    grid = layer_info(layer).get("grid")
    return grid if isinstance(grid, Grid) else None


def reversed_axes(ndim: int) -> Placement:
    """Return the placement that turns (x, y, z) into (z, y, x)."""
    return Placement(tuple(range(ndim))[::-1], (1,) * ndim, (0,) * ndim)


# Values of a layer in the order and place of its file, as far as these are known.


def sliceable(data: Any) -> Any:
    """Return data of a layer such that a slice does not read all of them."""
    lazy = as_dask(data)
    return data if lazy is None else lazy


@dataclass(frozen=True, eq=False)
class Source:
    """Values of a layer, their order and their place.

    Attributes
    ----------
    values : array
        The values: in core order where the layer was read by this plugin, else in the
        order of the layer; with a class axis in front if one was named.
    turn : Placement
        Way from that order to the viewer's.
    grid : Grid or None
        Place of the voxels; None where it is unknown.
    anatomical : bool
        Whether the grid is a patient's. The grid of a layer whose place in the patient
        is unknown compares only with others in the same viewer.
    """

    values: Any
    turn: Placement
    grid: Grid | None
    anatomical: bool = True

    @property
    def is_as_shown(self) -> bool:
        """Return whether the values are in the viewer's order."""
        return self.turn == Placement.as_it_is(len(self.turn.order))


def source_of(
    layer: Image | Labels, class_axis: int | None = None, axes: Grid | None = None
) -> Source:
    """Return the values of a layer, with their order and place.

    Parameters
    ----------
    layer : Image or Labels
        Its data may have any number of axes.
    class_axis : int or None
        Class axis of the layer's data, if it holds probabilities.
    axes : Grid or None
        Grid along whose axes the viewer shows all images, for layers whose place in the
        patient is unknown.
    """
    info = layer_info(layer)
    grid = layer_grid(layer)
    if ORIGINAL in info and grid is not None:
        return Source(info[ORIGINAL], ScanSpace.of(grid).turn, grid)
    data = sliceable(layer.data)
    if class_axis is None and isinstance(layer, Image) and layer.rgb:
        data = data[..., 0]  # all colours have the same place
    if class_axis is not None:
        data = np.moveaxis(data, class_axis, 0)
    shape = data.shape if class_axis is None else data.shape[1:]
    if grid is not None and len(shape) >= grid.ndim:
        turn = ScanSpace.of(grid).turn
        if shape[-grid.ndim :] == turn.turned_shape(grid.shape):
            return Source(turn.turn_back(data), turn, grid)
    if grid is None and info.get("role") == "probabilities" and len(shape) <= 3:
        turn = reversed_axes(len(shape))
        return Source(turn.turn_back(data), turn, None)
    turn = Placement.as_it_is(len(shape))
    return Source(
        data, turn, _seen_grid(layer, class_axis, shape, axes), axes is not None
    )


def segmentation_on(
    layer: Labels, source: Source, shape: Sequence[int], axes: Grid | None
) -> Segmentation:
    """Return a segmentation to be compared at the voxels of another layer.

    Parameters
    ----------
    layer : Labels
        The segmentation.
    source, shape : Source, sequence of int
        Values of the other layer, and their shape without classes.
    axes : Grid or None
        Grid along whose axes the viewer shows all images.
    """
    own = source_of(layer, axes=axes)
    plain = Segmentation(own.values, own.grid, layer.name, own.anatomical)
    if not source.is_as_shown:
        return plain
    # The viewer shows voxel on voxel, whatever the order in a file.
    shown = tuple(shape) == layer.data.shape
    return replace(plain, claimed=own.turn.inverse() if shown else None)


def voxel_to_world(layer: Image, source: Source, axes: Grid | None) -> Array:
    """Return the affine from the voxels of a source to their places in the viewer.

    Parameters
    ----------
    layer : Image
        A map, without further axes.
    source : Source
        Its values.
    axes : Grid or None
        Grid along whose axes the viewer shows all images.

    Returns
    -------
    ndarray, shape (n + 1, n + 1)
        From index in `source.values` to the last n of the viewer's axes.
    """
    n = len(source.turn.order)
    if ORIGINAL in layer_info(layer) and source.grid is not None and axes is not None:
        # Resampled onto these axes, it is shown on other voxels than it has.
        points = np.vstack([np.zeros(n), np.eye(n)])
        affine = source.grid.affine
        at = to_world(axes, points @ affine[:3, :n].T + affine[:3, 3])[:, -n:]
    else:
        points = np.column_stack([_origin_and_units(layer), np.ones(n + 1)])
        turned = points @ source.turn.affine(source.values.shape).T
        at = np.array([layer.data_to_world(point) for point in turned[:, :n]])
    affine = np.eye(n + 1)
    affine[:n, :n], affine[:n, n] = (at[1:] - at[0]).T, at[0]
    return affine


def leader_of(layers: Iterable[Any]) -> Any:
    """Return the layer along whose axes a viewer shows all images.

    It is the first scan, else the first layer with a grid; None where there is neither.
    """
    placed = [layer for layer in layers if shown_grid(layer) is not None]
    placed.sort(key=lambda layer: layer_info(layer).get("role") != "scan")
    return placed[0] if placed else None


def axes_of(layers: Iterable[Any]) -> Grid | None:
    """Return the grid along whose axes a viewer shows all images, if there is one."""
    leader = leader_of(layers)
    return None if leader is None else shown_grid(leader)


def shown_grid(layer: Any) -> Grid | None:
    """Return the grid on which a layer is shown, perhaps resampled, if it has one."""
    grid = layer_info(layer).get(SHOWN_GRID, layer_grid(layer))
    return grid if isinstance(grid, Grid) else None


def _seen_grid(
    layer: Image | Labels,
    class_axis: int | None,
    shape: tuple[int, ...],
    axes: Grid | None,
) -> Grid | None:
    """Return the grid of a layer of another source, from its place in the viewer.

    It is in RAS mm if the viewer shows the scan space of `axes`. None beside images
    with a known place if the layer was never put anywhere.
    """
    n = len(shape)
    if n not in (2, 3) or (axes is not None and _has_default_place(layer)):
        return None
    # The channels of an image that napari shows as RGB are none of its axes.
    spatial = [axis for axis in range(layer.ndim) if axis != class_axis]
    at = np.array([layer.data_to_world(point) for point in _origin_and_units(layer)])
    at = at[:, spatial]
    world = np.zeros((n + 1, 3))
    world[:, 3 - n :] = np.vstack([at[0], at[1:][spatial] - at[0]])
    rotation = np.eye(3) if axes is None else axes.directions
    ras = -world[:, ::-1] @ rotation.T
    affine = np.eye(4)
    affine[:3, 3] = ras[0]
    affine[:3, :n] = ras[1:].T
    if n == 2:
        affine[:3, 2] = rotation[:, 2]
    try:
        return Grid(shape, affine)
    except InputError:  # for example, it was squeezed flat
        return None


def _has_default_place(layer: Image | Labels) -> bool:
    """Return whether a layer lies where napari puts data of unknown place."""
    points = _origin_and_units(layer)
    here = np.array([layer.data_to_world(point) for point in points])
    return np.array_equal(here, points) and all(
        str(unit) == "pixel" for unit in layer.units
    )


def _origin_and_units(layer: Image | Labels) -> Array:
    return np.vstack([np.zeros(layer.ndim), np.eye(layer.ndim)])
