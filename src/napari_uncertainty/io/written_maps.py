"""Maps that were written, read back: the image, and what its JSON says of it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..grid import Grid
from ..measures import ALL_MEASURES, UNITS, Base, Measure
from ..model.record import Record
from ..statistics import map_statistics
from .endings import stem
from .image_files import grid_of, is_map, load, read_data, squeezed_shape

Array = np.ndarray[Any, Any]

# As :func:`.maps.write_map` fills the header's description.
_DESCRIPTION = re.compile(r"(\w+)(?: \((\w+)\))?, napari-uncertainty")

# Nobody segments more classes than these.
_MOST_CLASSES = 4096


@dataclass(frozen=True, eq=False)
class WrittenMap:
    """A map as it was written.

    Attributes
    ----------
    source : Path
        The image.
    values : ndarray of float32
        In the order of the file.
    grid : Grid or None
        Where the voxels are; None where that was not known.
    zooms : tuple of float
        Voxel size, also where there is no grid.
    record : Record
        What the JSON says; where there is none, as far as the header knows it.
    fault : str
        Why the JSON does not count, in a sentence; empty where it does.
    """

    source: Path
    values: Array
    grid: Grid | None
    zooms: tuple[float, ...]
    record: Record
    fault: str = ""

    @property
    def name(self) -> str:
        """Return what to call it."""
        return stem(self.source)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a person should know, in sentences."""
        notes = []
        if self.fault:
            end = f"{self.record.highest:.3g} {self.record.unit}".strip()
            notes.append(
                f"{self.fault} Measure and unit were taken from the header of "
                f"{self.source.name}, and its colours end at {end}."
            )
        missing = self.record.statistics.no_data
        if missing and not self.fault:
            notes.append(
                f"{missing:,} voxels of {self.source.name} have no data. The file does "
                "not say which, so they count as certain in what is computed from it."
            )
        return tuple(notes)


def read_map(path: Path) -> WrittenMap | None:
    """Read an image as the uncertainty map that it is; None where it is none.

    Without a JSON that can be read, measure and unit come from the header.

    Raises
    ------
    InputError
        If the image cannot be read, or holds a measure that is not known here.
    """
    image = load(path)
    if not is_map(image):
        return None
    # Few whole values may look like labels, but are the same numbers.
    values = np.asarray(read_data(image, path), np.float32)
    values = values.reshape(squeezed_shape(values.shape))
    if values.ndim > 3:
        raise InputError(f"{path.name} is no map of two or three axes any more.")
    header, fault = image.header, ""
    try:
        record, placed = _recorded(path, values.shape, _described(image)[0])
    except InputError as error:
        record = _record_of_header(image, path, values)
        placed = bool(header["sform_code"] or header["qform_code"])
        fault = str(error)
    return WrittenMap(
        path,
        values,
        grid_of(image, values.shape) if placed else None,
        tuple(float(zoom) for zoom in header.get_zooms()[: values.ndim]),
        record,
        fault,
    )


def _recorded(image: Path, shape: tuple[int, ...], measure: str) -> tuple[Record, bool]:
    """Return the record of a map, and whether its JSON knows a place for it.

    Raises InputError where there is none, or it tells of another map than one of this
    shape and measure; the latter may be unknown.
    """
    path = image.with_name(stem(image) + ".json")
    if not path.is_file():
        raise InputError(
            f"Beside {image.name} there is no {path.name}, which says how the map was "
            "made; put it back, or compute the map anew."
        )
    try:
        told = json.loads(path.read_bytes())
        record = Record.from_json(told)
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read ({error.strerror or error})."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path.name} does not say what the map is ({error}); put the right one "
            "back, or compute the map anew."
        ) from error
    other_shape = told.get("shape", list(shape)) != list(shape)
    if measure not in ("", record.measure) or other_shape:
        raise InputError(
            f"{path.name} tells of another map than {image.name}; put the right one "
            "back, or compute the map anew."
        )
    return record, "affine" in told


def _described(image: Any) -> tuple[str, str]:
    """Measure and unit, as the header describes them."""
    text = bytes(image.header["descrip"].item()).decode("latin-1")
    found = _DESCRIPTION.fullmatch(text)
    return (found[1], found[2] or "") if found else ("", "")


def _record_of_header(image: Any, path: Path, values: Array) -> Record:
    """Return what the header says."""
    name, unit = _described(image)
    bases = [base for base, called in UNITS.items() if called == unit]
    measure = ALL_MEASURES.get(name)
    if measure is None or measure.has_base != bool(bases):
        described = bytes(image.header["descrip"].item()).decode("latin-1")
        raise InputError(
            f"{path.name} is an uncertainty map ('{described}'), but of no measure "
            "that is known here; was it written by a newer version?"
        )
    base = bases[0] if bases else 2
    known = np.isfinite(values)
    largest = float(values.max(initial=0, where=known))
    n_states = _least_states(measure, base, largest)
    # What the foreground is, nothing says; so there is none to leave out.
    numbers = map_statistics(np.where(known, values, 0), ~known, known)
    return Record(
        measure=name,
        base=base,
        n_classes=n_states,
        n_states=n_states,
        foreground_from="",
        statistics=numbers,
        probabilities=stem(path),
        version="",
    )


def _least_states(measure: Measure, base: Base, value: float) -> int:
    """Return the fewest classes that reach a value; 2 where none do."""
    if measure.bounded:
        for n in range(2, _MOST_CLASSES):
            if measure.highest(base, n) >= value * (1 - 1e-5):
                return n
    return 2
