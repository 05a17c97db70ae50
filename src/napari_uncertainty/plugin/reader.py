"""The npe2 reader: files that are dropped on the viewer or opened from its menu."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import napari
from napari.utils.notifications import show_error, show_info

from ..errors import InputError
from ..io.endings import is_readable, is_readable_as_folder
from . import arrival
from .layers import layer_info
from .opening import notes_on, open_path, require_probabilities
from .viewer.layers import to_layer

LayerTuples = list[tuple[Any, ...]]


def get_reader(path: str | list[str]) -> Callable[[Any], LayerTuples] | None:
    """Give the reader for files that hold a case, None for anything else."""
    paths = [path] if isinstance(path, str) else path
    return read_layers if all(_is_ours(Path(one)) for one in paths) else None


def read_layers(path: str | list[str]) -> LayerTuples:
    """Read files as layers; what cannot be read is named in a notification."""
    volumes: list[Any] = []
    for one in map(Path, [path] if isinstance(path, str) else path):
        if _is_among(one, (_files(volume) for volume in volumes)):
            continue
        opened_as = _name_of_layer_with(one)
        if opened_as:
            if not arrival.drop.goes_on:
                show_info(f"{one.name} is open already, as a part of '{opened_as}'.")
            continue
        try:
            volumes += open_path(one)
        except InputError as error:
            show_error(str(error))
    for note in notes_on(volumes):
        show_info(note)
    arrival.drop.receive_soon()
    # napari takes this for "read, but nothing to add".
    return [to_layer(volume) for volume in volumes] or [(None,)]


def _is_ours(path: Path) -> bool:
    """Return whether a file, by its name, or a folder, by its content, is read here."""
    if not path.is_dir():
        return is_readable(path) and not is_readable_as_folder(path)
    try:
        require_probabilities(path)
    except InputError as error:
        # napari says that the folder was refused, but not why.
        show_info(str(error))
        return False
    return True


def _name_of_layer_with(path: Path) -> str:
    """The layer of several files that has this one; empty where there is none."""
    viewer = napari.current_viewer()
    for layer in () if viewer is None else viewer.layers:
        info = layer_info(layer)
        further = info.get("further_sources")
        if further and _is_among(path, [[info["source"], *further]]):
            return str(layer.name)
    return ""


def _files(volume: Any) -> list[Path]:
    """All files that a volume was read from, where they are several."""
    further = getattr(volume, "further_sources", ())
    return [volume.source, *further] if further else []


def _is_among(path: Path, groups: Iterable[Iterable[Any]]) -> bool:
    same = path.resolve()
    return any(Path(one).resolve() == same for group in groups for one in group)
