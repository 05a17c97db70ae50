"""Uncertainty maps as NIfTI with a JSON beside, written reproducibly and read back."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..analysis.statistics import map_statistics
from ..errors import InputError
from ..model.grid import Grid, in_millimetres
from ..model.measures import ALL_MEASURES, UNITS, Base, Measure
from ..model.record import Record
from .endings import SUFFIXES, stem
from .image_files import MADE_HERE, grid_of, is_map, load, read_data, squeezed_shape
from .writing import write_whole

Array = np.ndarray[Any, Any]

#: gzip's level for .nii.gz, the one that nibabel takes.
COMPRESSION = 1

# Description in the header of a map, as :func:`write_map` writes it.
_DESCRIPTION = re.compile(r"(\w+)(?: \((\w+)\))?, napari-uncertainty")

# No network has more classes.
_MOST_CLASSES = 4096

# Writing.


def write_map(
    path: str | PathLike[str],
    values: Array,
    record: Record,
    *,
    grid: Grid | None,
    zooms: Sequence[float] | None = None,
) -> list[Path]:
    """Write a map as float32 NIfTI, and its record as JSON of the same name.

    Both files are written under a temporary name and renamed when both are complete,
    the JSON last: where it is, the map is whole. The same arguments give the same
    bytes, whenever and wherever they are written.

    Parameters
    ----------
    path : path-like
        Ends in ``.nii.gz`` or ``.nii``.
    values : ndarray
        The map in the grid's own axis order (i, j, k).
    record : Record
        The record of the map.
    grid : Grid or None
        Where the voxels are. The written image has this affine bit for bit, and the
        sform and qform codes of the header it came from. None where no place in space
        is known: both codes are then 0.
    zooms : sequence of float or None
        Voxel size to note down where there is no grid.

    Returns
    -------
    list of Path
        The two files.

    Raises
    ------
    InputError
        If the name has another ending, the shape is not the grid's, or the folder
        cannot be written to.
    """
    path = Path(path)
    if not path.name.lower().endswith(SUFFIXES):
        raise InputError(f"{path.name}: a map is saved as .nii.gz or .nii.")
    if grid is not None and grid.shape != values.shape:
        raise InputError(
            f"The map has shape {values.shape} and its grid {grid.shape}; it was "
            "changed since it was computed, so it cannot be placed on the scan."
        )
    image = image_on(np.asarray(values, dtype=np.float32), grid, zooms)
    measure, unit = record.measure, record.unit
    # NIFTI_INTENT_ESTIMATE: each value estimates what the name says (nifti1.h).
    image.header.set_intent("estimate", name=measure[:15])
    description = f"{measure}{f' ({unit})' if unit else ''}, {MADE_HERE}"
    image.header["descrip"] = description[:79].encode()
    sidecar = path.with_name(stem(path) + ".json")
    # What is no UTF-8, as file names may have it, becomes an escape that JSON knows.
    content = record.to_json() | ({} if grid is None else grid.to_dict())
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    encoded = text.encode("utf-8", "backslashreplace")

    def write_image(file: BinaryIO) -> None:
        with packed(path, file) as target:
            image.to_stream(target)

    write_whole([(path, write_image), (sidecar, lambda file: file.write(encoded))])
    return [path, sidecar]


@contextmanager
def packed(path: Path, file: BinaryIO) -> Iterator[Any]:
    """Yield a file to write an image to, which is gzipped if the name ends in ``.gz``.

    gzip's header has neither time nor file name: the same image gives the same bytes.
    """
    if not path.name.lower().endswith(".gz"):
        yield file
        return
    target = _DelayedErrors(file)
    with gzip.GzipFile("", "wb", COMPRESSION, target, mtime=0) as compressed:
        yield compressed
    if target.error is not None:
        raise target.error


class _DelayedErrors:
    """A file for gzip to write to, which keeps its first error for later.

    From Python 3.12 on, GzipFile has a buffer that is written again when it is freed.
    After an error that cannot succeed, and newer versions say so on stderr.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: OSError | None = None

    def write(self, content: Any) -> int:
        """Write, unless that has failed before."""
        try:
            if self.error is None:
                return self.file.write(content)
        except OSError as error:
            self.error = error
        return len(content)

    def flush(self) -> None:
        """Do nothing: whoever opened the file closes it."""


def image_on(
    values: Array,
    grid: Grid | None,
    zooms: Sequence[float] | None = None,
) -> Any:
    """Return a NIfTI image with place, codes and units of a grid; see `write_map`.

    Parameters
    ----------
    values : ndarray
        In core order; further axes come last. They are stored in their own type.
    grid : Grid or None
        Where they are. With a NIfTI header, the image has a copy without extensions.
    zooms : sequence of float or None
        Voxel size where there is no grid.

    Returns
    -------
    nibabel image
        NIfTI-2 if the grid's header is, else NIfTI-1.
    """
    import nibabel as nib

    if grid is None:
        image = nib.Nifti1Image(values, None, dtype=values.dtype)
        if zooms is not None:
            image.header.set_zooms(tuple(zooms))
        return image
    header = None if grid.nifti_header is None else grid.nifti_header.copy()
    affine = grid.affine
    image_class: Any = (
        nib.Nifti2Image if isinstance(header, nib.Nifti2Header) else nib.Nifti1Image
    )
    if header is not None:
        header.extensions.clear()  # they describe the source, not this image
        header.set_slope_inter(1, 0)
        header["cal_min"] = header["cal_max"] = 0
        # In the unit of the header, bit for bit where the grid is the header's.
        own, unit = header.get_best_affine(), grid.unit_mm
        if unit != 1:
            per_mm = np.diag([1 / unit, 1 / unit, 1 / unit, 1])
            same = (grid.affine == in_millimetres(own, header)).all()
            affine = own if same else per_mm @ grid.affine
        # Before nibabel sees another affine, for it would set other codes.
        if (affine != own).any():
            _move_origin(header, affine)
    image = image_class(values, affine, header, dtype=values.dtype)
    if header is None:
        image.header.set_xyzt_units("mm")
    return image


def _move_origin(header: Any, affine: Array) -> None:
    """Set the origin of a box of voxels in a header; codes and axes stay the same."""
    import nibabel as nib

    sform, qform = int(header["sform_code"]), int(header["qform_code"])
    first = np.linalg.inv(header.get_best_affine()) @ affine[:, 3]
    if sform or not qform:
        # Without any code there would be no way to say where the box is: 2 is
        # NIFTI_XFORM_ALIGNED_ANAT, with the image that the box is part of.
        header.set_sform(affine, sform or 2)
    if qform:
        # By the qform's own axes, which are not the sform's where the two disagree.
        # A qform that is not a rotation is not used.
        with suppress(nib.spatialimages.HeaderDataError, ValueError):
            moved = header.get_qform() @ first
            for name, value in zip("xyz", moved, strict=False):
                header[f"qoffset_{name}"] = value


# Reading back.


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
        The record in the JSON; without one, what the header of the image tells.
    fault : str
        Reason why the JSON cannot be used, in a sentence; empty where it can.
    """

    source: Path
    values: Array
    grid: Grid | None
    zooms: tuple[float, ...]
    record: Record
    fault: str = ""

    @property
    def name(self) -> str:
        """Return the file name without ending."""
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
    """Read an uncertainty map that was written here; None for any other image.

    Without a JSON that can be read, measure and unit come from the header.

    Raises
    ------
    InputError
        If the image cannot be read, or holds a measure that is not known here.
    """
    image = load(path)
    if not is_map(image):
        return None
    # As float32 also where few whole values look like labels.
    values = np.asarray(read_data(image, path), np.float32)
    values = values.reshape(squeezed_shape(values.shape))
    if values.ndim > 3:
        raise InputError(
            f"{path.name} has {values.ndim} axes, and a map two or three: it was "
            "changed since it was written."
        )
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
        content = json.loads(path.read_bytes())
        record = Record.from_json(content)
    except OSError as error:
        raise InputError(
            f"{path.name} cannot be read ({error.strerror or error})."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{path.name} does not say what the map is ({error}); put the right one "
            "back, or compute the map anew."
        ) from error
    other_shape = content.get("shape", list(shape)) != list(shape)
    if measure not in ("", record.measure) or other_shape:
        raise InputError(
            f"{path.name} tells of another map than {image.name}; put the right one "
            "back, or compute the map anew."
        )
    return record, "affine" in content


def _described(image: Any) -> tuple[str, str]:
    """Return measure and unit, as the header describes them."""
    text = bytes(image.header["descrip"].item()).decode("latin-1")
    match = _DESCRIPTION.fullmatch(text)
    return (match[1], match[2] or "") if match else ("", "")


def _record_of_header(image: Any, path: Path, values: Array) -> Record:
    """Return the record of a map as far as the header of its image knows it."""
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
    # The header does not tell the foreground, so all known voxels count as such.
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
