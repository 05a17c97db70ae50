"""NRRD: scans, segmentations of 3D Slicer, and class probabilities.

pynrrd reads the header [1]_. The values are read here, piece by piece, after a check
that the file is large enough. An axis without a direction in space repeats the volume:
ITK and 3D Slicer keep the numbers of each voxel in one, as the fastest axis of the
file. A segmentation of 3D Slicer names its segments in the header, with the layer
and the value that each has, and its colour [2]_.

References
----------
.. [1] https://teem.sourceforge.net/nrrd/format.html
.. [2] https://slicer.readthedocs.io/en/latest/developer_guide/modules/segmentations.html
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError, in_short
from ..limits import check_fits_memory
from ..model.images import NIFTI_INTENT_LABEL
from ..model.stored import Bytes, StoredValues
from .array_files import LARGEST
from .axes import MILLIMETRES
from .byte_sources import GZIP, InMemory, PackedFile, PlainFile, opened
from .image_files import VECTOR_INTENTS, FileImage

Array = np.ndarray[Any, Any]

#: Most bytes of a header; those of the largest segmentations have some 100 kB.
LARGEST_HEADER = 1 << 22

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": (
        "short", "short int", "signed short", "signed short int", "int16", "int16_t",
    ),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": (
        "longlong", "long long", "long long int", "signed long long",
        "signed long long int", "int64", "int64_t",
    ),
    "u8": (
        "ulonglong", "unsigned long long", "unsigned long long int", "uint64",
        "uint64_t",
    ),
    "f4": ("float",),
    "f8": ("double",),
}  # fmt: skip

_RAW, _GZIP, _TEXT = ("raw",), ("gzip", "gz"), ("ascii", "text", "txt")

_BYTE_ORDERS = {"little": "<", "big": ">"}

# Signs of the axes of an anatomical space against Right, Anterior, Superior.
_SPACES = {
    "right-anterior-superior": (1, 1, 1), "ras": (1, 1, 1),
    "left-anterior-superior": (-1, 1, 1), "las": (-1, 1, 1),
    "left-posterior-superior": (-1, -1, 1), "lps": (-1, -1, 1),
}  # fmt: skip

# The space that ITK assumes where none is named.
_OF_ITK = (-1, -1, 1)

# Kinds of axes that are never spatial.
_RANGES = re.compile(
    r"list|point|vector|covariant-vector|normal|complex|quaternion|time|stub|"
    r"[2-4]-vector|3-(gradient|normal|color)|4-color|\w+-color|\S*matrix",
    re.IGNORECASE,
)

# Fields that say how a segmentation of 3D Slicer is stored; the second by old versions.
_REPRESENTATION = (
    "Segmentation_SourceRepresentation",
    "Segmentation_MasterRepresentation",
)

# Fields by which values can be left out at the beginning of the data.
_SKIPS = ("line skip", "lineskip", "byte skip", "byteskip")

_SEGMENT = re.compile(r"Segment(\d{1,5})_(Name|LabelValue|Layer|Color)")


@dataclass(frozen=True)
class _Axes:
    """Axes of an image, the fastest first.

    `sizes` leaves out axes that have length 1 and no direction. `space` holds the
    spatial axes, by their number in the header, and `further` is the axis that repeats
    the volume, by its number among `sizes`. Where nothing tells which of four axes that
    is, it is None, and `space` holds the first three.
    """

    sizes: tuple[int, ...]
    space: tuple[int, ...]
    further: int | None


@dataclass(frozen=True)
class _Segment:
    """A segment of 3D Slicer: the voxels that have a certain value in one layer."""

    name: str
    value: int
    layer: int
    color: tuple[float, float, float] | None


def load(path: Path) -> FileImage:
    """Open an image by its header alone.

    Raises
    ------
    InputError
        If pynrrd is not installed, the header is damaged, or the image does not hold
        real numbers along two or three spatial axes and one that repeats the volume.
    """
    header, offset = _read_header(path)
    try:
        dtype, sizes = _dtype(header, path), _sizes(header, path)
        axes = _axes(header, sizes, path)
        affine, note = _affine(header, axes, path)
        segments = _segments(header)
    except InputError:
        raise
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise _damaged(path, in_short(error)) from error
    open_bytes: Callable[[], Bytes] = partial(
        _open_bytes, path, header, offset, axes.sizes, dtype
    )
    shape, further, intent = axes.sizes, axes.further, 0
    if further is not None:
        space = [n for at, n in enumerate(shape) if at != further]
        shape = (*space, *(1,) * (3 - len(space)), shape[further])
    if segments:
        intent = NIFTI_INTENT_LABEL
        if further is not None:
            labels = _labels(segments, shape[-1], path)
            dtype, stored = np.min_scalar_type(max(labels)), dtype
            open_bytes = partial(_merged, path, open_bytes, axes, stored, labels, dtype)
            shape, further = tuple(space), None
        else:
            labels = {segment.value: segment for segment in segments.values()}
        segments = labels
    elif {"vector", "covariant-vector"} & set(header.get("kinds", ())):
        intent = VECTOR_INTENTS[1]
    return FileImage(
        path,
        shape,
        affine,
        dtype,
        open_bytes,
        class_axis=None if further is None else len(shape) - 1 - further,
        has_place=not note,
        intent=intent,
        class_names={label: one.name for label, one in segments.items() if one.name},
        colors={label: one.color for label, one in segments.items() if one.color},
        note=note,
    )


def _read_header(path: Path) -> tuple[Mapping[str, Any], int]:
    """Return the fields of the header, and where the values begin."""
    try:
        import nrrd
    except ImportError as error:
        raise InputError(
            f"{path.name} is NRRD, which is read with pynrrd; install it with "
            'pip install "napari-uncertainty[nrrd]".'
        ) from error
    with opened(path) as file:
        start: bytes = file.read(LARGEST_HEADER)
    if not start.startswith(b"NRRD"):
        raise _damaged(path, "it does not begin as NRRD does")
    end = re.search(rb"\r?\n\r?\n", start)
    if end is None and len(start) == LARGEST_HEADER:
        raise _damaged(path, "its header has no end")
    # The values may be in another file; then nothing has to follow.
    text = start if end is None else start[: end.start()]
    lines = text.decode("utf-8", "replace").splitlines()
    try:
        with warnings.catch_warnings():
            # numpy warns where pynrrd casts a size that is not finite, refused below.
            warnings.simplefilter("ignore", RuntimeWarning)
            header: Mapping[str, Any] = nrrd.read_header(lines)
    except (nrrd.NRRDError, ArithmeticError, LookupError, TypeError, ValueError) as err:
        raise _damaged(path, in_short(err)) from err
    return header, len(start) if end is None else end.end()


def _dtype(header: Mapping[str, Any], path: Path) -> np.dtype[Any]:
    name = _field(header, "type", path)
    code = next((code for code, names in _TYPES.items() if name in names), None)
    if code is None:
        raise InputError(
            f'{path.name} stores values of the type "{name}"; a scan, labels or '
            "probabilities have one real number for each voxel."
        )
    if code.endswith("1") or _field(header, "encoding", path) in _TEXT:
        return np.dtype(code)
    endian = _field(header, "endian", path)
    if endian not in _BYTE_ORDERS:
        raise _damaged(path, f'its byte order is "{endian}"')
    return np.dtype(_BYTE_ORDERS[endian] + code)


def _field(header: Mapping[str, Any], name: str, path: Path) -> str:
    if name not in header:
        raise _damaged(path, f'its header has no field "{name}"')
    return str(header[name]).lower()


def _sizes(header: Mapping[str, Any], path: Path) -> tuple[int, ...]:
    sizes = tuple(int(length) for length in header["sizes"])
    if len(sizes) != int(header["dimension"]) or min(sizes, default=0) < 1:
        raise _damaged(path, f"its sizes are {sizes}")
    if 8 * math.prod(sizes) > LARGEST:
        raise _damaged(path, "it promises more than any file holds")
    return sizes


def _axes(header: Mapping[str, Any], sizes: tuple[int, ...], path: Path) -> _Axes:
    """Return the spatial axes, and the one that repeats the volume."""
    kinds = [str(kind) for kind in header.get("kinds", ())]
    leads = [not _RANGES.fullmatch(kind) for kind in kinds] or [True] * len(sizes)
    if "space directions" in header:
        leads = [_is_known(direction) for direction in header["space directions"]]
    elif "spacings" in header:
        known = map(_is_known, header["spacings"])
        leads = [lead and one for lead, one in zip(leads, known, strict=True)]
    if len(leads) != len(sizes):
        raise _damaged(path, "it does not describe each of its axes once")
    kept = [axis for axis, n in enumerate(sizes) if leads[axis] or n > 1]
    ranges = [axis for axis in kept if not leads[axis]]
    space = [axis for axis in kept if leads[axis]]
    if len(space) == 4 and "space directions" not in header:
        space = space[:3]  # the values have to tell which of them is of classes
    if len(ranges) > 1 or len(space) not in (2, 3):
        raise InputError(
            f"{path.name} has {len(space)} axes in space and {len(ranges)} others of "
            f"sizes {sizes}; a scan, labels or probabilities have two or three in "
            "space, and one that repeats the volume."
        )
    further = kept.index(ranges[0]) if ranges else None
    return _Axes(tuple(sizes[axis] for axis in kept), tuple(space), further)


def _is_known(value: Any) -> bool:
    return value is not None and not np.isnan(value).any()


def _affine(header: Mapping[str, Any], axes: _Axes, path: Path) -> tuple[Array, str]:
    """Return the affine in RAS+ mm, and a note where the header does not tell all."""
    n_axes = len(axes.space)
    directions, units = header.get("space directions"), header.get("space units")
    signs = _SPACES.get(str(header.get("space", "")).lower())
    note = ""
    if signs is None or directions is None or "space origin" not in header:
        note = (
            f"{path.name} does not say where its voxels are in the body: its axes were "
            "taken for those of ITK (Left, Posterior, Superior), so left and right may "
            "be swapped."
        )
    if directions is None:
        steps = header.get("spacings", np.ones(max(axes.space) + 1))
        rows = np.diag([float(steps[axis]) for axis in axes.space])
        axis_units = header.get("units")
        units = (
            None if axis_units is None else [axis_units[axis] for axis in axes.space]
        )
    else:
        rows = np.array([directions[axis] for axis in axes.space], np.float64)
    n_world = rows.shape[1]
    if n_world not in (2, 3):
        raise InputError(
            f"{path.name} lies in a space of {n_world} axes, and an image here in one "
            "of two or three."
        )
    per_unit = np.array([_millimetres(one, path) for one in units or [""] * n_world])
    origin = np.array(header.get("space origin", np.zeros(n_world)), np.float64)
    affine = np.eye(4)
    affine[:3, :n_axes] = 0
    affine[:n_world, :n_axes] = rows.T * per_unit[:, np.newaxis]
    affine[:n_world, 3] = np.nan_to_num(origin) * per_unit
    affine[:3] *= np.array(signs or _OF_ITK)[:, np.newaxis]
    if n_axes == 2:
        across = np.cross(affine[:3, 0], affine[:3, 1])
        affine[:3, 2] = across / (np.linalg.norm(across) or 1)
    return affine, note


def _millimetres(unit: str, path: Path) -> float:
    """Return how many mm a unit has; 1 where no unit is named."""
    if unit in ("", "???", "none"):
        return 1.0
    if unit not in MILLIMETRES:
        raise InputError(
            f'{path.name} has the unknown unit "{unit}", so it cannot be placed; '
            "write it in mm."
        )
    return MILLIMETRES[unit]


def _segments(header: Mapping[str, Any]) -> dict[int, _Segment]:
    """Return segments by their numbers; empty for images that are no segmentation."""
    if any("Fractional" in str(header.get(key, "")) for key in _REPRESENTATION):
        return {}  # it holds shares instead of labels
    by_number: dict[int, dict[str, str]] = {}
    for key, value in header.items():
        match = _SEGMENT.fullmatch(key)
        if match:
            by_number.setdefault(int(match[1]), {})[match[2]] = str(value)
    segments = {}
    for number, fields in sorted(by_number.items()):
        color = [min(max(float(c), 0.0), 1.0) for c in fields.get("Color", "").split()]
        # Older versions give each segment a layer of its own, in which it is 1.
        segments[number] = _Segment(
            fields.get("Name", ""),
            int(fields.get("LabelValue", 1)),
            int(fields.get("Layer", 0 if "LabelValue" in fields else number)),
            (color[0], color[1], color[2]) if len(color) == 3 else None,
        )
    return segments


def _labels(
    segments: Mapping[int, _Segment], n_layers: int, path: Path
) -> dict[int, _Segment]:
    """Return segments by their labels: their values, or 1, 2, … if two are equal."""
    values = [segment.value for segment in segments.values()]
    if max(one.layer for one in segments.values()) >= n_layers or min(values) < 1:
        raise _damaged(path, "it names segments that are in none of its layers")
    if len(set(values)) == len(values):
        return {one.value: one for one in segments.values()}
    return dict(enumerate(segments.values(), 1))


def _merged(
    path: Path,
    open_bytes: Callable[[], Bytes],
    axes: _Axes,
    stored: np.dtype[Any],
    labels: Mapping[int, _Segment],
    dtype: np.dtype[Any],
) -> InMemory:
    """Return all layers of a segmentation as one, in the order of the file."""
    assert axes.further is not None
    in_file = axes.sizes[::-1]
    axis = len(in_file) - 1 - axes.further
    layers = StoredValues(path, open_bytes(), in_file, axis, stored).load()
    merged = np.zeros(layers.shape[1:], dtype)
    for label, segment in labels.items():
        inside = layers[segment.layer] == segment.value
        twice = np.count_nonzero(merged[inside])
        if twice:
            raise InputError(
                f'In {path.name}, the segment "{segment.name}" overlaps with others '
                f"({twice} voxels), and a segmentation has one label for each voxel "
                "here; export it from 3D Slicer as a label map."
            )
        merged[inside] = label
    return InMemory(merged.tobytes(order="F"))


def _open_bytes(
    path: Path,
    header: Mapping[str, Any],
    offset: int,
    sizes: tuple[int, ...],
    dtype: np.dtype[Any],
) -> Bytes:
    """Return the values; InputError where the file does not hold them."""
    other = header.get("data file", header.get("datafile"))
    if other is not None:
        raise InputError(
            f"{path.name} is the header of values in other files ({str(other)[:80]}), "
            "which are not read here; write image and header as one .nrrd file."
        )
    if any(int(header.get(key, 0)) for key in _SKIPS):
        raise InputError(
            f"{path.name} leaves out a part of its values (line skip or byte skip), "
            "which is not read here; write it again as a plain .nrrd file."
        )
    encoding = _field(header, "encoding", path)
    size = math.prod(sizes) * dtype.itemsize
    if encoding in _RAW:
        return PlainFile(path, offset, size)
    packed = path.stat().st_size - offset
    if encoding in _GZIP:
        return PackedFile(path, offset, packed, skip=0, size=size, wbits=GZIP)
    if encoding in _TEXT:
        return InMemory(_from_text(path, offset, packed, sizes, dtype))
    raise InputError(
        f'{path.name} is encoded as "{encoding}", which is not read here; write it '
        "again with gzip, raw or ascii."
    )


def _from_text(
    path: Path,
    offset: int,
    n_bytes: int,
    sizes: tuple[int, ...],
    dtype: np.dtype[Any],
) -> bytes:
    count = math.prod(sizes)
    if n_bytes < 2 * count - 1:  # a digit each, and something in between
        raise _damaged(path, "it is cut short or promises more than it holds")
    check_fits_memory(path, (2, *sizes), np.dtype(np.float64))
    with opened(path) as file:
        file.seek(offset)
        content: bytes = file.read()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # numpy warns of text that is not a number
            values = np.fromstring(content.decode("ascii"), np.float64, sep=" ")
            stored = values.astype(dtype)
    except (ValueError, Warning) as error:
        raise _damaged(path, in_short(error)) from error
    if len(stored) != count or (dtype.kind in "iu" and (stored != values).any()):
        raise _damaged(path, "its numbers are not as many or as large as it says")
    return stored.tobytes()


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path.name} cannot be read: it is damaged or no NRRD ({why}).")
