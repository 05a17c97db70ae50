"""The values of a member in parts of one class each, in the order of a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..fold.blocks import tiles
from ..fold.by_class import RUN_VOXELS
from ..stored import PIECE_VALUES, StoredValues, iter_volumes
from .members import Box, CommonVoxels, Member

Array = np.ndarray[Any, Any]

#: A channel, which voxels, and its values there.
Part = tuple[int, Any, Array]


class InFileOrder:
    """Files that store their values alike: parts are taken as they come.

    Parameters
    ----------
    stored : StoredValues
        The values, whole classes one after the other.
    """

    def __init__(self, stored: StoredValues) -> None:
        self._stored = stored
        rounds, _, row = stored.layout
        self.shape: tuple[int, ...] = (rounds, row)

    def parts(self) -> Iterator[Part]:
        """Yield parts from the first channel to the last."""
        _, n_channels, row = self._stored.layout
        start = 0
        for piece in self._stored.pieces(PIECE_VALUES):
            while len(piece):
                line, voxel = divmod(start, row)
                length = min(len(piece), row - voxel)
                around, channel = divmod(line, n_channels)
                place = (around, slice(voxel, voxel + length))
                yield channel, place, piece[:length]
                start += length
                piece = piece[length:]

    def restore(self, voxels: Array) -> Array:
        """Return an array of these voxels as a view in nibabel's order."""
        return self._stored.restore(voxels)


class InVolumes:
    """Whatever else: one volume after the other, of which a box is looked at.

    Parameters
    ----------
    values : ndarray, dask array or StoredValues, shape (channels, ...)
        The values; of a file in which the classes of a voxel lie together, all are
        read.
    box : tuple of slice
        Which of the voxels.
    """

    def __init__(self, values: Any, box: Box) -> None:
        self._values, self.box = values, box
        self.shape = tuple(one.stop - one.start for one in box)

    def parts(self) -> Iterator[Part]:
        """Yield parts from the first channel to the last, some voxels at a time."""
        for channel, volume in enumerate(iter_volumes(self._values)):
            inside = volume[self.box]
            for place in tiles(self.shape, RUN_VOXELS):
                # Its own memory: the volume is filled anew while a part is worked on.
                yield channel, place, np.array(inside[place])

    def restore(self, voxels: Array) -> Array:
        """Return an array of these voxels, which is in nibabel's order."""
        return voxels


Source = InFileOrder | InVolumes


def sources_of(members: Sequence[Member], where: CommonVoxels) -> list[Source]:
    """Return how to read each member so that all of them come in the same parts."""
    values = [one.values for one in members]
    first = values[0]
    alike = all(
        isinstance(one, StoredValues)
        and (one.file_shape, one.class_axis, one.reverse)
        == (first.file_shape, first.class_axis, first.reverse)
        for one in values
    )
    whole = all(
        box == tuple(slice(0, n) for n in one.shape)
        for box, one in zip(where.boxes, members, strict=True)
    )
    if alike and whole and first.layout[2] >= RUN_VOXELS // 16:
        return [InFileOrder(one) for one in values]
    return [InVolumes(one, box) for one, box in zip(values, where.boxes, strict=True)]
