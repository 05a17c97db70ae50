"""Maps that were written, read back: the image, and what its JSON says of it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..checks import Level
from ..errors import InputError
from ..grid import Grid
from ..measures import ALL_MEASURES, UNITS, Base, Measure, check_base, largest_value
from ..statistics import MapStatistics, map_statistics
from .image_files import grid_of, load, read_data, squeezed_shape
from .maps import is_map
from .nifti import stem

Array = np.ndarray[Any, Any]

#: What the JSON of every map has, and of which type.
KEYS: Mapping[str, type | tuple[type, ...]] = {
    "measure": str,
    "base": (int, str),
    "unit": str,
    "n_classes": int,
    "class_names": list,
    "foreground_from": str,
    "checks": list,
    "statistics": dict,
    "probabilities": str,
    "source": str,
}

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
    told : mapping
        What the JSON says; where there is none, the same keys as far as the header
        knows them.
    fault : str
        Why the JSON does not count, in a sentence; empty where it does.
    """

    source: Path
    values: Array
    grid: Grid | None
    zooms: tuple[float, ...]
    told: Mapping[str, Any]
    fault: str = ""

    @property
    def name(self) -> str:
        """Return what to call it."""
        return stem(self.source)

    @property
    def measure(self) -> Measure:
        """Return what it tells."""
        return ALL_MEASURES[self.told["measure"]]

    @property
    def base(self) -> Base:
        """Of the logarithm."""
        base: Base = self.told["base"]
        return base

    @property
    def n_states(self) -> int:
        """Return how many outcomes it is about; older maps name the classes alone."""
        return _n_states(self.told)

    @property
    def highest(self) -> float:
        """The largest value that there can be, or where colours end."""
        told = self.told
        kind, members = told.get("kind", "softmax"), told.get("members") or ()
        n_states, n_members = self.n_states, len(members)
        measure = self.measure.name
        return largest_value(measure, self.base, n_states, kind, n_members) or 1.0

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a person should know, in sentences."""
        notes = []
        if self.fault:
            end = f"{self.highest:.3g} {self.told['unit']}".strip()
            notes.append(
                f"{self.fault} Measure and unit were taken from the header of "
                f"{self.source.name}, and its colours end at {end}."
            )
        missing = int(self.told["statistics"]["no_data"])
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
        told = told_of(path, values.shape, _described(image)[0])
        placed = "affine" in told
    except InputError as error:
        told = _told_by_header(image, path, values)
        placed = bool(header["sform_code"] or header["qform_code"])
        fault = str(error)
    return WrittenMap(
        path,
        values,
        grid_of(image, values.shape) if placed else None,
        tuple(float(zoom) for zoom in header.get_zooms()[: values.ndim]),
        told,
        fault,
    )


def told_of(
    image: Path, shape: tuple[int, ...] | None = None, measure: str = ""
) -> dict[str, Any]:
    """Return what the JSON beside a map says of it.

    Parameters
    ----------
    image : Path
        The map.
    shape, measure : tuple of int or None, str
        Of the map, where they are known: the JSON has to tell of the same one.

    Raises
    ------
    InputError
        If there is none, it is damaged, or it tells of another map.
    """
    path = image.with_name(stem(image) + ".json")
    if not path.is_file():
        raise InputError(
            f"Beside {image.name} there is no {path.name}, which says how the map was "
            "made; put it back, or compute the map anew."
        )
    try:
        told = json.loads(path.read_bytes())
        _check(told)
        other = measure not in ("", told["measure"]) or (
            shape is not None and told.get("shape", list(shape)) != list(shape)
        )
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read ({error.strerror or error})."
        ) from error
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as e:
        raise InputError(
            f"{path.name} does not say what the map is ({type(e).__name__}: {e}); put "
            "the right one back, or compute the map anew."
        ) from e
    if other:
        raise InputError(
            f"{path.name} tells of another map than {image.name}; put the right one "
            "back, or compute the map anew."
        )
    return dict(told)


def _check(told: Any) -> None:
    """Raises any of several exceptions if something is missing, or of another kind."""
    for key, kind in KEYS.items():
        if not isinstance(told[key], kind):
            raise TypeError(f"{key} is {told[key]!r}")
    check_base(told["base"])
    if min(told["n_classes"], _n_states(told)) < 1:
        raise ValueError("there are no classes")
    measure = ALL_MEASURES[told["measure"]]
    if told["unit"] != measure.unit(told["base"]):
        raise ValueError(f"the unit is {told['unit']!r}")
    if not math.isfinite(measure.highest(told["base"], _n_states(told))):
        raise ValueError("there are too many classes")
    for one in fields(MapStatistics):
        float(told["statistics"][one.name])
    int(told["statistics"]["no_data"])
    for check in told["checks"]:
        if check["level"] not in get_args(Level):
            raise ValueError(f"a check is {check['level']!r}")
        str(check["sentence"])


def _n_states(told: Mapping[str, Any]) -> int:
    return int(told.get("n_states") or told["n_classes"])


def _described(image: Any) -> tuple[str, str]:
    """Measure and unit, as the header describes them."""
    text = bytes(image.header["descrip"].item()).decode("latin-1")
    found = _DESCRIPTION.fullmatch(text)
    return (found[1], found[2] or "") if found else ("", "")


def _told_by_header(image: Any, path: Path, values: Array) -> dict[str, Any]:
    """Return what the header says, with the keys of the JSON."""
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
    return {
        "measure": name,
        "base": base,
        "unit": unit,
        "n_classes": n_states,
        "n_states": n_states,
        "class_names": [],
        "foreground_only": False,
        "foreground_from": "",
        "notes": [],
        "checks": [],
        "statistics": asdict(numbers),
        "probabilities": stem(path),
        "source": "",
        "geometry_source": "",
    }


def _least_states(measure: Measure, base: Base, value: float) -> int:
    """With how few classes a value can be reached; 2 where it cannot be."""
    if measure.bounded:
        for n in range(2, _MOST_CLASSES):
            if measure.highest(base, n) >= value * (1 - 1e-5):
                return n
    return 2
