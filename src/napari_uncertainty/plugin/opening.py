"""Opening a file or folder, read as far as it is needed to be shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from ..evidence import evidence_of
from ..fold.sampling import sample_of
from ..io import frames_in, open_members, open_probabilities, open_volume
from ..io.endings import is_array_folder, is_image
from ..io.folders import cases_in
from ..io.nifti import holds_members
from ..io.written_maps import WrittenMap, read_map
from ..limits import available_memory
from ..model.interpretation import Interpretation
from ..probabilities import ProbabilityMap
from ..stored import PlainBytes, StoredValues
from .viewer.layers import Volume

#: A lazy array is read if it takes no more than this share of the free memory.
READ_SHARE = 0.25


def open_path(path: Path) -> list[Volume]:
    """Open whatever a file or folder holds.

    Parameters
    ----------
    path : Path
        An image, which may be an uncertainty map that was written here; an image or
        array that holds several members; or a folder with one case.

    Returns
    -------
    list
        One entry, or one for each member.

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
    """Raise InputError where a folder is better left to others.

    One with several cases is not: somebody should be told.
    """
    if is_array_folder(folder):
        _require_plausible(open_members(folder)[0])
    elif not cases_in(folder):
        open_probabilities(folder)  # which says so


def notes_on(volumes: Iterable[Volume]) -> list[str]:
    """Return what a person should know of opened volumes, each sentence once."""
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
    """Raise InputError where values seem to be an image, and no file says otherwise.

    A plain array may hold anything, and so may a group of them. An ``.npz`` is hardly
    ever an image, and would have to be unpacked to tell.
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
