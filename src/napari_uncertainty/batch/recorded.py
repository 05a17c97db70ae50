"""Maps that were written, read back with what their JSON says of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..checks import Level
from ..errors import InputError
from ..grid import Grid
from ..measures import MEASURES, Base, Measure, units_per_bit
from ..placement import Placement
from ..probabilities import ProbabilityMap
from ..statistics import MapStatistics
from .placing import PREDICTION, placement_told
from .states import fate

Array = np.ndarray[Any, Any]

# What the JSON of every map has, and of which type.
_KEYS: Mapping[str, type | tuple[type, ...]] = {
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


@dataclass(frozen=True, eq=False)
class Recorded:
    """A map as it was written.

    Attributes
    ----------
    path : Path
        Of the image.
    values : ndarray of float32
        In the order of the file.
    grid : Grid or None
        Where the voxels are; None where that was not known.
    told : mapping
        What the JSON says.
    """

    path: Path
    values: Array
    grid: Grid | None
    told: Mapping[str, Any]

    @property
    def case(self) -> str:
        """Name of the case: that of the file without its measure."""
        from ..io.nifti import stem

        return stem(self.path).removesuffix(f"_{self.measure.name}")

    @property
    def measure(self) -> Measure:
        """What the map tells."""
        return MEASURES[self.told["measure"]]

    @property
    def base(self) -> Base:
        """Of the logarithm."""
        base: Base = self.told["base"]
        return base

    @property
    def n_classes(self) -> int:
        """Of the probabilities."""
        return int(self.told["n_classes"])

    @property
    def highest(self) -> float:
        """The largest value that there can be."""
        return self.measure.highest(self.base, self.n_classes) or 1.0

    @property
    def undecided(self) -> float:
        """The value where two classes are equally likely."""
        factor = units_per_bit(self.base, self.n_classes) or 1.0
        return self.measure.highest(2, 2) * (factor if self.measure.has_base else 1.0)

    @property
    def segmentation(self) -> Path | None:
        """The labels that it was compared with, if it was known how they lie on it."""
        told = self.told.get("segmentation")
        if told is None or self.told["foreground_from"] == PREDICTION:
            return None
        return Path(told)

    @property
    def placement(self) -> Placement | None:
        """How the probabilities were turned; None if they were not.

        Raises
        ------
        InputError
            If it is not known how.
        """
        placed = self.told.get("placed")
        if placed is None:
            return None
        turn = placement_told(str(placed), self.values.ndim)
        if turn is None:
            raise InputError(
                f"It is not known how the probabilities lie on the map ('{placed}')."
            )
        return turn

    def fate(self, path: Path) -> str:
        """What became of a file that was read; see :func:`.states.fate`."""
        return fate(self.told.get("inputs") or [], path)

    def probabilities(self) -> ProbabilityMap:
        """What the map was made from; nothing is read yet.

        Raises
        ------
        InputError
            If they are not there any more or have changed, or if that is not known.
        """
        from ..io import open_probabilities

        source = Path(self.told["source"])
        became = self.fate(source)
        if not self.told["source"] or became == "unknown":
            raise InputError("It is not recorded which file the probabilities are in.")
        if became != "unchanged":
            said = "are not there any more" if became == "gone" else "have changed"
            raise InputError(f"The probabilities {source.name} {said}.")
        opened = open_probabilities(source)
        shape = tuple(opened.values.shape[1:])
        turn = self.placement
        if (shape if turn is None else turn.turned_shape(shape)) != self.values.shape:
            raise InputError(f"The probabilities {source.name} do not lie on the map.")
        return opened


def read_map(path: Path) -> Recorded:
    """Read a map by the name of its image or of its JSON.

    Raises
    ------
    InputError
        If one of the two is missing, cannot be read, or was written by something else.
    """
    from ..io.maps import is_map
    from ..io.nifti import load, open_nifti

    image, sidecar = _files(path)
    told = _read_json(sidecar)
    if not is_map(load(image)):
        raise InputError(f"{image} is no map of napari-uncertainty; choose one.")
    # Few whole values may look like labels, but are the same numbers.
    volume: Any = open_nifti(image)
    values = getattr(volume, "data", None)
    if values is None or values.ndim > 3:
        raise InputError(f"{image} is no map of two or three axes any more.")
    grid = volume.grid if "affine" in told else None
    return Recorded(image, np.asarray(values, np.float32), grid, told)


def _files(path: Path) -> tuple[Path, Path]:
    """The image and its JSON, given one of the two; both are there."""
    from ..io.nifti import SUFFIXES, stem

    if path.name.lower().endswith(SUFFIXES):
        image, sidecar = path, path.with_name(stem(path) + ".json")
    elif path.suffix.lower() == ".json":
        images = [path.with_name(path.stem + ending) for ending in SUFFIXES]
        image = next((one for one in images if one.is_file()), images[0])
        sidecar = path
    else:
        raise InputError(
            f"{path} is no map; name the image (.nii.gz, .nii) of one, or its JSON."
        )
    if not image.is_file():
        raise InputError(f"There is no map {image}.")
    if not sidecar.is_file():
        raise InputError(
            f"Beside the map there is no {sidecar.name}, which says what it is; put "
            "it back, or compute the map anew."
        )
    return image, sidecar


def _read_json(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(path.read_bytes())
        _check(told)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror or error})."
        ) from error
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} does not say what the map is ({type(error).__name__}: {error}); "
            "compute the map anew."
        ) from error
    return dict(told)


def _check(told: Mapping[str, Any]) -> None:
    """Raises any of several exceptions if something is missing, or of another kind."""
    for key, kind in _KEYS.items():
        if not isinstance(told[key], kind):
            raise TypeError(f"{key} is {told[key]!r}")
    MEASURES[told["measure"]].unit(told["base"])
    if told["n_classes"] < 1:
        raise ValueError("there are no classes")
    for one in fields(MapStatistics):
        float(told["statistics"][one.name])
    for check in told["checks"]:
        if check["level"] not in get_args(Level):
            raise ValueError(f"a check is {check['level']!r}")
        str(check["sentence"])
