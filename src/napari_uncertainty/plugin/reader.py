"""The reader for napari: files that are dropped on it or opened from its menu."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import napari
from napari.utils.notifications import show_error, show_info

from ..engine.evidence import evidence_of
from ..engine.values import sample_of
from ..errors import InputError
from ..io import frames_in, open_members, open_probabilities, open_volume
from ..io.endings import is_array_folder, is_image, is_readable, is_readable_as_folder
from ..io.folders import cases_in
from ..io.map_files import WrittenMap, read_map
from ..io.nifti import holds_members
from ..limits import available_memory
from ..model.interpretation import Interpretation
from ..model.probabilities import ProbabilityMap
from ..model.stored import PlainBytes, StoredValues
from .viewer import arrival
from .viewer.layers import Volume, to_layer
from .viewer.scan_space import layer_info

#: A lazy array is read at once if it takes no more than this share of the free memory.
READ_SHARE = 0.25

#: Layers as napari takes them from a reader.
LayerTuples = list[tuple[Any, ...]]


# The reader.


def get_reader(path: str | list[str]) -> Callable[[Any], LayerTuples] | None:
    """Return the reader for files that hold a case, None for anything else."""
    paths = [path] if isinstance(path, str) else path
    return read_layers if all(_is_ours(Path(one)) for one in paths) else None


def read_layers(path: str | list[str]) -> LayerTuples:
    """Read files as layers; a notification names those that cannot be read."""
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
    # napari takes a tuple of None for files that were read and give no layer.
    return [to_layer(volume) for volume in volumes] or [(None,)]


def _is_ours(path: Path) -> bool:
    """Return whether a file, by its name, or a folder, by its files, is read here."""
    if not path.is_dir():
        return is_readable(path) and not is_readable_as_folder(path)
    try:
        require_probabilities(path)
    except InputError as error:
        # napari shows that the folder was refused, but not the reason.
        show_info(str(error))
        return False
    return True


def _name_of_layer_with(path: Path) -> str:
    """Return the name of a layer of several files with this one; else empty."""
    viewer = napari.current_viewer()
    for layer in () if viewer is None else viewer.layers:
        info = layer_info(layer)
        further = info.get("further_sources")
        if further and _is_among(path, [[info["source"], *further]]):
            return str(layer.name)
    return ""


def _files(volume: Any) -> list[Path]:
    """Return all files of a volume that was read from several; none of any other."""
    further = getattr(volume, "further_sources", ())
    return [volume.source, *further] if further else []


def _is_among(path: Path, groups: Iterable[Iterable[Any]]) -> bool:
    same = path.resolve()
    return any(Path(one).resolve() == same for group in groups for one in group)


# Opening a file or folder, as far as it is needed to be shown.


def open_path(path: Path) -> list[Volume]:
    """Open the volumes of a file or folder.

    Parameters
    ----------
    path : Path
        An image, which may be an uncertainty map that was written here; an image or
        array that holds several members; or a folder with one case.

    Returns
    -------
    list
        One volume, or one for each member.

    Raises
    ------
    InputError
        If it cannot be read, or an array seems to hold no class probabilities.
    """
    if path.is_dir() and not is_array_folder(path):
        cases = cases_in(path)
        if len(cases) != 1 or is_image(cases[0]):
            return [_read(open_probabilities(path))]
        path = cases[0]
    if is_image(path) and path.is_file():
        written = read_map(path)
        if written is not None or not holds_members(path):
            return [written or open_volume(path)]
    frames = frames_in(path)
    opened = open_members(path)
    if frames:
        opened = [open_probabilities(path, Interpretation(frame=0))]
        told = (
            f"{path.name} is a series of {frames} frames, of which the first is shown; "
            "the command line computes a map of each (map)."
        )
        opened[0] = replace(opened[0], note=" ".join([opened[0].note, told]).strip())
    _require_plausible(opened[0])
    return [_read(one) for one in opened]


def require_probabilities(folder: Path) -> None:
    """Raise InputError if a folder is better left to other readers.

    A folder with several cases is taken, for the user should get an explanation.
    """
    if is_array_folder(folder):
        _require_plausible(open_members(folder)[0])
    elif not cases_in(folder):
        open_probabilities(folder)  # raises the error


def notes_on(volumes: Iterable[Volume]) -> list[str]:
    """Return sentences that a user should read on opened volumes, each once."""
    notes: list[str] = []
    for volume in volumes:
        if isinstance(volume, WrittenMap):
            notes += volume.notes
        elif isinstance(volume, ProbabilityMap):
            notes.append(volume.note)
            if volume.grid is None:
                notes.append(f"{volume.place_note} It is shown in voxels of 1 mm.")
    return list(dict.fromkeys(filter(None, notes)))


def _require_plausible(opened: ProbabilityMap) -> None:
    """Raise InputError if values seem to be an image, and no file says otherwise.

    A plain array may hold anything, and so may a group of them. An ``.npz`` is hardly
    ever an image, and would have to be unpacked for a look at its values.
    """
    values = opened.values
    packed = isinstance(values, StoredValues) and not isinstance(
        values.bytes, PlainBytes
    )
    if opened.kind is not None or packed:
        return
    refusal = evidence_of(sample_of(values)).refusal
    if refusal:
        name = "The file" if opened.source is None else opened.source.name
        raise InputError(
            f"{name} does not seem to hold class probabilities, so it was not opened: "
            f"{refusal[0].lower()}{refusal[1:]} Another reader may show it."
        )


def _read(opened: ProbabilityMap) -> ProbabilityMap:
    """Read values into memory, unless they are lazy and would take much of it."""
    values = opened.values
    if isinstance(values, StoredValues):
        return replace(opened, values=values.load())
    if values.nbytes > READ_SHARE * available_memory():
        return opened
    return replace(opened, values=values.compute())
