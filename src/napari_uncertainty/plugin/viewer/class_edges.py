"""Edges between voxels of different classes in the slice that a viewer shows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Edges(NamedTuple):
    """Edges between voxels of different classes in a slice, joined to straight lines.

    Attributes
    ----------
    start, length : ndarray, shape (n, 2)
        Where each line begins, and how far it runs along both axes; in voxels, whose
        centres have whole numbers.
    before, after : ndarray, shape (n,)
        Labels on the side of lower and of higher indices.
    """

    start: Array
    length: Array
    before: Array
    after: Array


def class_edges(labels: Array) -> Edges:
    """Return the edges between voxels of different labels.

    Parameters
    ----------
    labels : ndarray of int, shape (h, w)
        One slice; around it everything is background (0).
    """
    rows, columns = _edges_below_rows(labels), _edges_below_rows(labels.T)
    turned = Edges(columns.start[:, ::-1], columns.length[:, ::-1], *columns[2:])
    return Edges(*(np.concatenate(both) for both in zip(rows, turned, strict=True)))


def _edges_below_rows(labels: Array) -> Edges:
    padded = np.pad(labels, ((1, 1), (0, 0)))
    before, after = padded[:-1], padded[1:]
    there = before != after
    # A line goes on where the next edge has the same labels on both sides.
    goes_on = np.zeros_like(there)
    goes_on[:, 1:] = (
        there[:, 1:]
        & there[:, :-1]
        & (before[:, 1:] == before[:, :-1])
        & (after[:, 1:] == after[:, :-1])
    )
    row, first = np.nonzero(there & ~goes_on)
    ends = there.copy()
    ends[:, :-1] &= ~goes_on[:, 1:]
    last = np.nonzero(ends)[1]
    start = np.stack([row - 0.5, first - 0.5], axis=1)
    length = np.stack([np.zeros(len(row)), last - first + 1.0], axis=1)
    return Edges(start, length, before[row, first], after[row, first])


class Slice(NamedTuple):
    """Labels of the slice that a viewer shows.

    Attributes
    ----------
    values : ndarray of int, shape (h, w)
        The labels.
    to_world : ndarray, shape (n, 3)
        World coordinates of the first voxel's centre, and one voxel down and right.
    position : tuple of int
        Index of the slice, for each axis that is not shown.
    """

    values: Array
    to_world: Array
    position: tuple[int, ...]

    @property
    def voxel(self) -> float:
        """Shorter side of a voxel in the world; 0 where nothing is shown."""
        if self.to_world.shape[1] < 3:
            return 0.0
        return float(np.linalg.norm(self.to_world[:, 1:], axis=0).min())

    def lines(self, apart: float) -> tuple[Array, Array]:
        """Return the lines around classes, and the class of each.

        Parameters
        ----------
        apart : float
            Width in the world by which the lines of the classes on both sides of an
            edge are apart. With 0 each edge has one line: that of the class, or of the
            higher of two labels.

        Returns
        -------
        ndarray, shape (m, 2, n)
            Where each line begins in the world, and how far it runs.
        ndarray of int, shape (m,)
            Labels.
        """
        if not self.values.size:
            return np.zeros((0, 2, len(self.to_world))), np.zeros(0, int)
        edges = class_edges(self.values)
        first, directions = self.to_world[:, 0], self.to_world[:, 1:].T
        start, length = first + edges.start @ directions, edges.length @ directions
        if not apart:
            return np.stack([start, length], axis=1), np.maximum(*edges[2:])
        across = (edges.length == 0) @ directions
        across *= apart / 2 / np.linalg.norm(across, axis=1, keepdims=True)
        sides = [(edges.before != 0, -across, edges.before),
                 (edges.after != 0, across, edges.after)]  # fmt: skip
        lines = [
            np.stack([start[there] + shift[there], length[there]], axis=1)
            for there, shift, _ in sides
        ]
        whose = [labels[there] for there, _, labels in sides]
        return np.concatenate(lines), np.concatenate(whose)


def slice_of(viewer: Any, layer: Any, data: Any) -> Slice | None:
    """Return the slice of a layer's data that a viewer shows; None outside of it.

    Parameters
    ----------
    viewer : ViewerModel
        In 2D.
    layer, data : Layer, array
        The layer that says where the data are; they have its axes.
    """
    further = viewer.dims.ndim - layer.ndim
    displayed = [axis - further for axis in viewer.dims.displayed]
    if min(displayed) < 0:
        return None
    at = np.array(layer.world_to_data(viewer.dims.point[-layer.ndim :]))
    index: list[Any] = [round(float(one)) for one in at]
    for axis, n in enumerate(data.shape):
        if axis in displayed:
            index[axis] = slice(None)
        elif not 0 <= index[axis] < n:
            return None
    values = np.asarray(data[tuple(index)])
    if displayed[0] > displayed[1]:
        values = values.T
    at[displayed] = 0
    origin = np.array(layer.data_to_world(at))
    units = np.eye(layer.ndim)[displayed]
    sides = [np.array(layer.data_to_world(at + unit)) - origin for unit in units]
    # In the plane that is shown exactly, wherever it is between two voxels.
    hidden = [axis - further for axis in viewer.dims.not_displayed if axis >= further]
    origin[hidden] = np.array(viewer.dims.point)[-layer.ndim :][hidden]
    position = tuple(one for one in index if isinstance(one, int))
    return Slice(values, np.stack([origin, *sides], axis=1), position)
