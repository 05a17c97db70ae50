"""The segmentation of a review: as it was when that was begun, and as it is."""

from __future__ import annotations

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
from ...review.reviewed_images import changed_voxels
from ..viewer.scan_space import METADATA_KEY, ORIGINAL, layer_info, source_of

Array = np.ndarray[Any, Any]

#: In the metadata of a segmentation: its labels before anything was changed in a
#: review, in the order of its file.
REVIEWED = "reviewed"

#: And the file of a review, with the labels that it kept when they were last compared.
KEPT = "kept"


def original_of(layer: Any, values: Any) -> Any:
    """The labels before any change in a review; `values` where there was none."""
    original = layer_info(layer).get(REVIEWED)
    return values if original is None or original.shape != values.shape else original


@dataclass(frozen=True, eq=False)
class EditedSegmentation:
    """Labels that can be changed in a viewer.

    Attributes
    ----------
    layer : Labels
        Which shows them.
    original : ndarray
        As they were, in the order of the file.
    grid : Grid or None
        Where their voxels are.
    """

    layer: Labels
    original: Array
    grid: Grid | None

    @classmethod
    def of(cls, layer: Labels, axes: Grid | None) -> EditedSegmentation | None:
        """Keep the labels as they are, unless a review has done so before.

        None where changes could not be followed: the layer is shown resampled, its
        labels are lazy, or it has more than three axes.
        """
        if ORIGINAL in layer_info(layer) or as_dask(layer.data) is not None:
            return None
        source = source_of(layer, axes=axes)
        if source.values.ndim > 3:
            return None
        original = original_of(layer, source.values)
        if original is source.values:
            # Laid out like the labels themselves: so the two are compared quickest.
            original = np.asarray(source.values).copy(order="K")
            known = {**layer_info(layer), REVIEWED: original}
            layer.metadata = {**layer.metadata, METADATA_KEY: known}
        return cls(layer, original, source.grid)

    @property
    def current(self) -> Array:
        """The labels as they are, in the order of the file; a view."""
        return np.asarray(source_of(self.layer).values)

    @property
    def is_whole(self) -> bool:
        """Return whether the layer still shows its own voxels, as many as before.

        Somebody may replace its data, and another scan may tilt it.
        """
        shown = ORIGINAL not in layer_info(self.layer)
        return bool(shown and self.current.shape == self.original.shape)

    def changed_in(
        self, hotspot: Hotspot, radius_mm: float, map_grid: Grid | None
    ) -> int:
        """Return how many voxels of a place have another label than before."""
        current = self.current
        voxel = self._voxel(hotspot, map_grid)
        if voxel is None or current.shape != self.original.shape:
            return 0
        farthest = [
            max(at + 1, length - at)
            for at, length in zip(voxel, current.shape, strict=True)
        ]
        ball = Ball.of(self.grid, current.ndim, radius_mm, farthest)
        # The centre may be outside of a crop that the ball reaches into.
        if any(
            not -half <= at < length + half
            for at, half, length in zip(voxel, ball.halves, current.shape, strict=True)
        ):
            return 0
        return changed_voxels(self.original, current, *ball.at(voxel, current.shape))

    def take_over(self, review: Path, labels: Array | None) -> int:
        """Show labels that a review kept, but for voxels that were changed here since.

        Parameters
        ----------
        review : Path
            Its file.
        labels : ndarray of int, or None
            In the order of the file, of the same shape; None where it kept none.

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

    def _voxel(self, hotspot: Hotspot, map_grid: Grid | None) -> tuple[int, ...] | None:
        """Return the voxel of the labels at the centre of a place, or one outside."""
        if map_grid is None or self.grid is None:
            same = len(hotspot.voxel) == self.original.ndim
            return hotspot.voxel if same else None
        place = map_grid.to_ras([hotspot.voxel])[0]
        n = self.original.ndim
        columns = np.linalg.pinv(self.grid.affine[:3, :n])
        at = np.rint(columns @ (place - self.grid.affine[:3, 3])).astype(int)
        return tuple(int(i) for i in at)
