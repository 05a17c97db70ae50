"""The npe2 reader: files that are dropped on the viewer or opened from its menu."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InputError

LayerTuples = list[tuple[Any, ...]]


def get_reader(path: str | list[str]) -> Callable[[Any], LayerTuples] | None:
    """Give the reader for NIfTI and ``.npz`` files, None for anything else."""
    paths = [path] if isinstance(path, str) else path
    if all(str(one).lower().endswith((".nii", ".nii.gz", ".npz")) for one in paths):
        return read_layers
    return None


def read_layers(path: str | list[str]) -> LayerTuples:
    """Read each file as a layer; what cannot be read is named in a notification."""
    from napari.utils.notifications import show_error, show_info

    from ..io import open_volume
    from ..probabilities import ProbabilityMap
    from .layers import to_layer

    layers: LayerTuples = []
    for one in [path] if isinstance(path, str) else path:
        try:
            volume = open_volume(one)
            layers.append(to_layer(volume))
        except InputError as error:
            show_error(str(error))
            continue
        if isinstance(volume, ProbabilityMap) and volume.grid is None:
            show_info(f"{volume.place_note} It is shown in voxels of 1 mm.")
    _align_soon()
    # napari takes this for "read, but nothing to add".
    return layers or [(None,)]


def _align_soon() -> None:
    """Once napari has added the layers: what is tilted is resampled."""
    from napari import current_viewer
    from qtpy.QtCore import QTimer

    viewer = current_viewer()
    if viewer is not None:
        from .alignment import align

        QTimer.singleShot(0, lambda: align(viewer))
