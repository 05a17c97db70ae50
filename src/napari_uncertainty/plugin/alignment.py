"""Images with different tilts on one scan's axes, resampled in the background.

napari cannot slice a rotated layer, and in scan space each image would be shown along
its own axes. So the viewer has the axes of one image, a scan if there is one, and what
is tilted otherwise is shown resampled onto them. What is measured and written stays the
original, which the layer's metadata keep.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels, Layer
from napari.utils.notifications import show_error, show_info

from ..grid import Grid
from ..resampling import iter_resample
from .layers import METADATA_KEY, ScanSpace, layer_grid, layer_info
from .sources import ORIGINAL, SHOWN_GRID, leader_of, shown_grid, source_of
from .work import Job

Array = np.ndarray[Any, Any]

#: Shown along other axes, a voxel may be off by this share of its size.
SHOWN_TOLERANCE_VOXELS = 0.1

_jobs: WeakKeyDictionary[Layer, Job[Any]] = WeakKeyDictionary()


def align(viewer: Any) -> None:
    """Resample what is tilted against the viewer's axes; the layer changes when done.

    Probabilities stay along their own axes: they are hidden below their map, which is
    aligned, and as large as all classes together.
    """
    leader = leader_of(viewer.layers)
    if leader is None:
        return
    axes = shown_grid(leader)
    assert axes is not None
    for layer in viewer.layers:
        grid, shown = layer_grid(layer), shown_grid(layer)
        if (
            grid is None
            or shown is None
            or grid.ndim != 3
            or layer_info(layer).get("role") == "probabilities"
            or layer in _jobs
            or _coincide(shown, axes)
        ):
            continue
        if _coincide(grid, axes):
            _show(layer, source_of(layer).values, grid)
        else:
            _resample(viewer, layer, grid, axes, leader.name)


def aligning(viewer: Any) -> bool:
    """Return whether a layer of this viewer is being resampled."""
    return any(layer in _jobs for layer in viewer.layers)


def tilted(grid: Grid, axes: Grid) -> bool:
    """Return whether an image has to be resampled to be shown along these axes."""
    return not _coincide(grid, axes)


def _coincide(grid: Grid, axes: Grid) -> bool:
    return grid.drift_along(axes) <= SHOWN_TOLERANCE_VOXELS * float(grid.zooms.min())


def _resample(viewer: Any, layer: Any, grid: Grid, axes: Grid, name: str) -> None:
    """Start it; the layer is hidden meanwhile, for it would lie."""
    original, data = source_of(layer).values, layer.data
    leading = original.ndim - grid.ndim  # of a scan over time
    labels = isinstance(layer, Labels)
    target = grid.along(axes)
    visible, layer.visible = layer.visible, False

    def removed(event: Any) -> None:
        if event.value == layer:  # one of them may be wrapped
            job.cancel()
            end()

    def end() -> None:
        _jobs.pop(layer, None)
        viewer.layers.events.removed.disconnect(removed)

    def done(values: Array) -> None:
        layer.visible = visible
        if layer.data is not data:  # replaced meanwhile
            align(viewer)
            return
        _show(layer, values, grid, target, original)
        how = "nearest voxels" if labels else "linear interpolation"
        show_info(
            f"'{layer.name}' is tilted by {grid.tilt_against(axes):.1f}° against "
            f"'{name}', so it is shown resampled onto its axes ({how}). What is "
            "measured and saved is the original."
        )

    def refused(sentence: str) -> None:
        layer.visible = visible
        show_error(sentence)

    viewer.layers.events.removed.connect(removed)
    job = _jobs[layer] = Job(
        partial(_steps, original, leading, grid, target, labels),
        on_end=end,
        on_result=done,
        on_refused=refused,
    )


def _steps(
    original: Any,
    leading: int,
    grid: Grid,
    target: Grid,
    labels: bool,
) -> Generator[float, None, Array]:
    """Resample values, whose further axes stand in front, and last for the core."""
    values = np.moveaxis(np.asarray(original), range(leading), range(-leading, 0))
    # Outside of a CT there is air, at -1000.
    fill = 0 if labels else float(values.min(where=np.isfinite(values), initial=0))
    resampled = yield from iter_resample(
        values, grid, target, nearest=labels, fill=fill
    )
    return np.moveaxis(resampled, range(-leading, 0), range(leading))


def _show(
    layer: Any,
    values: Array,
    grid: Grid,
    shown: Grid | None = None,
    original: Any = None,
) -> None:
    """Let a layer show values that are on another grid than its own."""
    space = ScanSpace.of(shown or grid)
    leading = values.ndim - grid.ndim
    info = dict(layer_info(layer))
    for name in (ORIGINAL, SHOWN_GRID):
        info.pop(name, None)
    if shown is not None:
        info |= {ORIGINAL: original, SHOWN_GRID: shown}
    layer.data = space.turn.turn(values)
    layer.scale = (*layer.scale[:leading], *space.scale)
    layer.translate = (*layer.translate[:leading], *space.translate)
    layer.metadata = {**layer.metadata, METADATA_KEY: info}
    if isinstance(layer, Labels):
        # What is painted on resampled labels would be lost.
        layer.editable = shown is None
