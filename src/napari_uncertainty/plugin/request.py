"""What is asked for when Compute is clicked, taken from layers on the main thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari.layers import Image, Labels

from ..case import iter_case
from ..errors import InputError
from ..grid import Grid
from ..measures import Base
from .alignment import tilted
from .layers import layer_info
from .selection import check_scan_fits, map_shape, required_class_axis
from .sources import Source, axes_of, leader_of, segmentation_on, source_of


@dataclass(frozen=True, eq=False)
class Request:
    """A map to compute.

    Attributes
    ----------
    probabilities : Image
        The layer.
    data : array
        What it held when the request was made.
    class_axis : int
        Of that array.
    source : Source
        The same in the order and place of its file, class axis first.
    scan, segmentation : Image or None, Labels or None
        The layers that belong to it.
    foreground_only : bool
        Whether the background is to be left out.
    measure, base : str, 2 or "e" or "classes"
        What to compute.
    notes : tuple of str
        What to tell besides the result.
    """

    probabilities: Image
    data: Any
    class_axis: int
    source: Source
    scan: Image | None
    segmentation: Labels | None
    foreground_only: bool
    measure: str
    base: Base
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        viewer: Any,
        probabilities: Image | None,
        scan: Image | None,
        segmentation: Labels | None,
        *,
        foreground_only: bool,
        measure: str,
        base: Base,
    ) -> Request:
        """Check that the layers fit.

        Raises
        ------
        InputError
            If there is nothing to compute, or the layers cannot belong together.
        """
        if probabilities is None:
            raise InputError(
                "No layer with class probabilities is chosen; open the network's "
                "softmax and choose it under Probabilities."
            )
        class_axis = required_class_axis(probabilities)
        check_scan_fits(probabilities, map_shape(probabilities, class_axis), scan)
        notes = []
        if probabilities.rgb:
            notes.append(
                f"napari shows '{probabilities.name}' in colour; its last axis was "
                f"read as {probabilities.data.shape[-1]} classes."
            )
        leader, axes = leader_of(viewer.layers), axes_of(viewer.layers)
        source = source_of(probabilities, class_axis, axes)
        if source.grid is not None and axes is not None and tilted(source.grid, axes):
            notes.append(
                f"'{probabilities.name}' is tilted by "
                f"{source.grid.tilt_against(axes):.1f}° against '{leader.name}'. Its "
                "map is shown resampled onto the axes of that scan; the probabilities "
                "themselves are shown along their own."
            )
        return cls(
            probabilities=probabilities,
            data=probabilities.data,
            class_axis=class_axis,
            source=source,
            scan=scan,
            segmentation=segmentation,
            foreground_only=foreground_only,
            measure=measure,
            base=base,
            notes=tuple(notes),
        )

    def is_current(self, viewer: Any) -> bool:
        """Whether the layer is still there and still holds the same data."""
        layer = self.probabilities
        return layer in viewer.layers and layer.data is self.data

    def steps(self, viewer: Any) -> Callable[..., Any]:
        """The work for the thread, which gets arrays and plain values only."""
        axes = axes_of(viewer.layers)
        return partial(
            iter_case,
            self.source.values,
            measure=self.measure,
            base=self.base,
            name=self.probabilities.name,
            grid=self.source.grid,
            scan=None if self.scan is None else _placed_scan(self.scan, axes),
            placed=layer_info(self.probabilities).get("placed", ""),
            segmentation=None
            if self.segmentation is None
            else segmentation_on(
                self.segmentation, self.source, self.source.values.shape[1:], axes
            ),
            foreground_only=self.foreground_only,
        )


def _placed_scan(scan: Image, axes: Grid | None) -> tuple[str, Grid | None]:
    return scan.name, source_of(scan, axes=axes).grid
