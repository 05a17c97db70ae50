"""The segmentation of a review: when the review was begun, and now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Labels

from ...analysis.balls import Ball
from ...analysis.hotspots import Hotspot
from ...engine.dask_arrays import as_dask
from ...errors import InputError
from ...model.grid import Grid
from ...review.reviewed_images import changed_voxels, copied
from ..viewer.scan_space import METADATA_KEY, ORIGINAL, layer_info, source_of

Array = np.ndarray[Any, Any]

#: Key in the metadata of a segmentation: its labels before anything was changed in a
#: review, in the order of its file.
REVIEWED = "reviewed"

#: Key of the file of a review, and the labels that it kept at the last comparison.
KEPT = "kept"


def original_of(layer: Any, values: Any) -> Any:
    """Return the labels before any change in a review; `values` without a change."""
    original = layer_info(layer).get(REVIEWED)
    return values if original is None or original.shape != values.shape else original


@dataclass(frozen=True, eq=False)
class EditedSegmentation:
    """Labels that can be changed in a viewer.

    Attributes
    ----------
    layer : Labels
        The layer of the labels.
    original : ndarray
        The labels before the review, in the order of the file.
    grid : Grid or None
        The place of their voxels.
    """

    layer: Labels
    original: Array
    grid: Grid | None

    @classmethod
    def of(cls, layer: Labels, axes: Grid | None) -> EditedSegmentation | None:
        """Keep a copy of the labels, unless a review has done so before.

        Returns None if changes cannot be followed: the layer is shown resampled, its
        labels are lazy, or it has more than three axes.
        """
        if ORIGINAL in layer_info(layer) or as_dask(layer.data) is not None:
            return None
        source = source_of(layer, axes=axes)
        if source.values.ndim > 3:
            return None
        original = original_of(layer, source.values)
        if original is source.values:
            original = copied(np.asarray(source.values))
            known = {**layer_info(layer), REVIEWED: original}
            layer.metadata = {**layer.metadata, METADATA_KEY: known}
        return cls(layer, original, source.grid)

    @property
    def current(self) -> Array:
        """Labels as they are now, in the order of the file; a view."""
        return np.asarray(source_of(self.layer).values)

    @property
    def is_whole(self) -> bool:
        """Return whether the layer still shows its own voxels, as many as before.

        Somebody may replace its data, and another scan may tilt it.
        """
        shown = ORIGINAL not in layer_info(self.layer)
        return bool(shown and self.current.shape == self.original.shape)

    def changed_in(
        self, hotspots: Sequence[Hotspot], radius_mm: float, map_grid: Grid | None
    ) -> list[int]:
        """Return how many voxels of each place have another label than before.

        Parameters
        ----------
        hotspots : sequence of Hotspot
            Places of a map.
        radius_mm : float
            The radius of each place.
        map_grid : Grid or None
            Where the voxels of the map are.
        """
        current = self.current
        shape = current.shape
        centers = self._centers(hotspots, map_grid)
        if not len(centers) or shape != self.original.shape:
            return [0] * len(hotspots)
        # A ball needs to reach no farther than the voxels do from any of the centres.
        farthest = np.maximum(centers + 1, np.subtract(shape, centers)).max(axis=0)
        ball = Ball.of(self.grid, len(shape), radius_mm, farthest.tolist())
        # A centre may be outside of a crop that its ball reaches into, or does not.
        # A centre may be outside of a crop, with a ball that reaches into it or not.
        return [
            changed_voxels(self.original, current, *ball.at(center, shape))
            if all(
                -half <= at < length + half
                for at, half, length in zip(center, ball.halves, shape, strict=True)
            )
            else 0
            for center in centers.tolist()
        ]

    def take_over(self, review: Path, labels: Array | None) -> int:
        """Show labels that a review kept, but for voxels that were changed here since.

        Parameters
        ----------
        review : Path
            The file of the review.
        labels : ndarray of int, or None
            Labels in the order of the file, of the same shape; None if it kept none.

        Returns
        -------
        int
            How many voxels of the layer have another label now.

        Raises
        ------
        InputError
            If the layer cannot hold such labels; then nothing was changed.
        """
        current, labels = self.current, self.original if labels is None else labels
        path, kept = layer_info(self.layer).get(KEPT, (None, self.original))
        if path != review or kept.shape != current.shape:
            kept = self.original
        new = np.where(current == kept, labels, current)
        held = new.astype(current.dtype)
        if (lost := held != new).any():
            raise InputError(
                f"The review has the label {new[lost][0]}, which labels of the type "
                f"{current.dtype} cannot hold; convert them to a larger type."
            )
        self.note_kept(review, labels)
        changed = int(np.count_nonzero(held != current))
        if changed:
            current[...] = held
            self.layer.refresh()
        return changed

    def note_kept(self, review: Path, labels: Array | None) -> None:
        """Note which labels a review keeps, to tell them from later changes."""
        kept = self.original if labels is None else labels
        known = {**layer_info(self.layer), KEPT: (review, kept)}
        self.layer.metadata = {**self.layer.metadata, METADATA_KEY: known}

    def _centers(self, hotspots: Sequence[Hotspot], map_grid: Grid | None) -> Array:
        """Return the voxels of the labels at the centres, which may be outside.

        There are none where the axes of the map and of the labels do not correspond.
        """
        n = self.original.ndim
        voxels = np.array([hotspot.voxel for hotspot in hotspots], int)
        if map_grid is None or self.grid is None:
            return voxels if voxels.shape[1:] == (n,) else np.empty((0, n), int)
        places = map_grid.to_ras(voxels)
        columns = np.linalg.pinv(self.grid.affine[:3, :n])
        centers: Array = np.rint((places - self.grid.affine[:3, 3]) @ columns.T)
        return centers.astype(int)
