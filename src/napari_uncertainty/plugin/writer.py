"""The writer for napari: a map as NIfTI on the grid of its source, with its JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QFileDialog

from ..errors import InputError
from ..io.endings import stem
from ..io.map_files import write_map as write_map_files
from ..model.grid import Grid
from ..model.record import Record
from .viewer.scan_space import METADATA_KEY, ORIGINAL, RECORD, ScanSpace, record_of

#: Explanation of the button that saves a map, beside the writers of napari.
SAVE_TIP = (
    "As NIfTI on the voxels of its source, with a .json that says how it was made. "
    "napari's File → Save keeps neither in a .tif."
)
# Endings that this writer refuses.
_TIFF = (".tif", ".tiff")


def write_map(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Save one map layer; returns the two files.

    Raises
    ------
    OSError
        If the layer is another one than a map, no longer fits its grid, or cannot be
        written; napari shows the sentence. (It would take a ValueError for a missing
        writer.)
    """
    if path.lower().endswith(_TIFF):
        raise OSError(
            f"{Path(path).name}: a TIFF would have neither the place of the map in the "
            "patient nor its record; give it a name that ends in .nii.gz."
        )
    try:
        return [str(file) for file in _write(path, np.asarray(data), attributes)]
    except InputError as error:
        raise OSError(str(error)) from error


def save_map(layer: Any, parent: Any) -> None:
    """Save a map where the user wants it, and show the outcome.

    The dialog suggests a place beside the source of the map.

    Parameters
    ----------
    layer : Image
        The map.
    parent : QWidget
        The widget that the dialog is in front of.
    """
    path, _ = QFileDialog.getSaveFileName(
        parent, "Save the map", str(suggested_path(layer)), "NIfTI (*.nii.gz *.nii)"
    )
    if not path:
        return
    if not path.lower().endswith((".nii.gz", ".nii")):
        path += ".nii.gz"
    data, attributes, _ = layer.as_layer_data_tuple()
    try:
        written = write_map(path, data, attributes)
    except OSError as error:
        show_error(str(error))
    else:
        names = " and ".join(Path(one).name for one in written)
        show_info(f"{names} are in {Path(path).parent}.")


def suggested_path(layer: Any) -> Path:
    """Return a path for a map, beside its source and named after both."""
    record = record_of(layer)
    if record is None:
        return Path(f"{layer.name}.nii.gz")
    source = Path(record.source)
    name = stem(source) or layer.name.removesuffix(f" {record.measure}")
    parts = (name, record.measure, record.channel)
    return source.parent / ("_".join(filter(None, parts)).replace(" ", "_") + ".nii.gz")


def _write(
    path: str, data: np.ndarray[Any, Any], attributes: dict[str, Any]
) -> list[Path]:
    info = attributes.get("metadata", {}).get(METADATA_KEY, {})
    record = info.get(RECORD)
    if info.get("role") != "map" or not isinstance(record, Record):
        raise InputError(
            f"'{attributes.get('name')}' is not an uncertainty map; choose the layer "
            "of a map, for only maps are saved as NIfTI here."
        )
    grid = info.get("grid")
    if isinstance(grid, Grid):
        turn = ScanSpace.of(grid).turn
        if ORIGINAL in info:  # the layer shows it resampled onto another scan's axes
            data = turn.turn(np.asarray(info[ORIGINAL]))
        if data.shape != turn.turned_shape(grid.shape):
            raise InputError(
                f"'{attributes.get('name')}' has other voxels than the image it was "
                "computed from, so it cannot be placed on the scan; compute it again."
            )
        return write_map_files(path, turn.turn_back(data), record, grid=grid)
    # Its place is unknown, so the viewer's z, y, x become NIfTI's x, y, z.
    zooms = tuple(float(size) for size in attributes.get("scale", ()))[::-1]
    return write_map_files(path, data.T, record, grid=None, zooms=zooms or None)
