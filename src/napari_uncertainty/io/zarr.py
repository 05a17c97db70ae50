"""Zarr, versions 2 and 3, and OME-Zarr.

Zarr-python reads both versions of the format [1]_ [2]_. OME-Zarr is a group with
several resolutions of one image, and names axes, voxel size and channels; it keeps that
in ``.zattrs`` up to version 0.4 [3]_ and under ``ome`` in ``zarr.json`` from 0.5 on
[4]_. Anatomical directions of its axes are a proposal, RFC-4 [5]_.

References
----------
.. [1] https://zarr-specs.readthedocs.io/en/latest/v2/v2.0.html
.. [2] https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html
.. [3] https://ngff.openmicroscopy.org/0.4/
.. [4] https://ngff.openmicroscopy.org/0.5/
.. [5] https://ngff.openmicroscopy.org/rfc/4/
"""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore, WrapperStore

from ..errors import InputError
from ..limits import check_room
from ..model.interpretation import Interpretation
from .axes import CLASSES, MEMBERS, SPACE, Axis
from .chunked import ChunkedArray, Slices, choose, damage_told

# Files that say that a folder is an array or a group.
_METADATA = ("zarr.json", ".zarray", ".zgroup")

# Codecs that only turn bytes into other bytes or numbers. Zarr 2 also knows "pickle",
# and unpickling a file can run any code in it.
_HARMLESS = {
    "bytes", "transpose", "sharding_indexed", "blosc", "zstd", "gzip", "zlib", "lz4",
    "lzma", "bz2", "crc32", "crc32c", "adler32", "fletcher32", "jenkins_lookup3",
    "shuffle", "delta", "fixedscaleoffset", "quantize", "bitround", "astype",
    "packbits", "zfpy", "pcodec",
}  # fmt: skip

# Role of an axis of OME-Zarr by its type, or by its name in versions without types.
_ROLES = {
    "space": SPACE, "x": SPACE, "y": SPACE, "z": SPACE,
    "time": MEMBERS, "t": MEMBERS,
    "channel": CLASSES, "c": CLASSES,
}  # fmt: skip

# Number of copies of a chunk that Zarr holds in memory until its values are in place.
_COPIES = 4

# Number of bytes of a compressed chunk by which its size in memory is known.
_HEAD = 18

_ZSTD, _BLOSC = b"\x28\xb5\x2f\xfd", 2

#: Axes of OME-Zarr 0.1 and 0.2, which name none.
_FIRST_AXES = ("t", "c", "z", "y", "x")


def array_in(path: Path, how: Interpretation) -> ChunkedArray:
    """Return the array that is meant; of OME-Zarr, an image at full resolution."""
    if not path.is_dir():
        what = "a file, not a folder" if path.exists() else "not there"
        raise InputError(f"{path} is {what}; Zarr keeps an array in a folder.")
    with damage_told(path), warnings.catch_warnings():
        # Zarr warns of unstable types, such as texts, also in arrays that are not read.
        warnings.simplefilter("ignore")
        try:
            node = zarr.open(store=PlainFiles(path), mode="r")
        except FileNotFoundError as error:
            raise InputError(
                f"{path.name} holds neither an array nor a group of Zarr: zarr.json, "
                ".zarray or .zgroup is missing."
            ) from error
        if isinstance(node, zarr.Array):
            arrays = [_chunked(node, path)]
        else:
            arrays = list(_arrays_below(node, path))
    return choose(arrays, how.array, path, "array")


def _arrays_below(group: Any, path: Path) -> Iterator[ChunkedArray]:
    """Yield all arrays in a group and its subgroups; of an image, its resolutions."""
    attributes = group.attrs.asdict()
    described = attributes.get("ome", attributes)
    if described.get("multiscales"):
        for number, image in enumerate(described["multiscales"]):
            yield from _resolutions(group, image, described, path, main=number == 0)
        return
    for folder in sorted(path.joinpath(*group.path.split("/")).iterdir()):
        # Not through links, which may lead anywhere, also in circles.
        if folder.is_symlink() or not any(
            (folder / name).is_file() for name in _METADATA
        ):
            continue
        with damage_told(path):
            node = group[folder.name]
        if isinstance(node, zarr.Array):
            yield _chunked(node, path)
        else:
            yield from _arrays_below(node, path)


def _chunked(array: Any, path: Path, **known: Any) -> ChunkedArray:
    """Return an array of Zarr with what is known of it."""
    strange = sorted(set(_codecs(array.metadata.to_dict())) - _HARMLESS)
    fault = ""
    if strange:
        fault = (
            f'{path.name} is packed with the codec "{strange[0]}", which is not read '
            "here; write it again with blosc, zstd or gzip."
        )
    # Values other than plain numbers, such as texts, may have a type unknown to numpy.
    dtype = array.dtype if isinstance(array.dtype, np.dtype) else np.dtype(object)
    folder = path.joinpath(*array.path.split("/"))
    return ChunkedArray(
        path,
        array.path,
        tuple(array.shape),
        dtype,
        tuple(array.chunks),
        read=partial(_read, array),
        n_stored=partial(_size_of_folder, folder),
        fault=fault,
        **known,
    )


def _read(array: Any, place: Slices) -> Any:
    return array[place]


def _size_of_folder(folder: Path, enough: int) -> int:
    """Return the bytes of all files below a folder; `enough` ends the count early."""
    size = 0
    for inside, _, names in os.walk(folder):
        for name in names:
            size += os.stat(os.path.join(inside, name)).st_size
            if size >= enough:
                return size
    return size


def _codecs(described: Any) -> Iterator[str]:
    """Yield the names of all codecs in the metadata of an array, also nested ones."""
    if isinstance(described, list | tuple):
        for one in described:
            yield from _codecs(one)
    elif isinstance(described, dict):
        name = described.get("id") or described.get("name")
        if isinstance(name, str):
            yield name.removeprefix("numcodecs.")
        inside = described.get("configuration") or described
        for key in ("codecs", "index_codecs", "compressor", "filters"):
            yield from _codecs(inside.get(key))
    elif described is not None:
        # Some versions of zarr give codecs of numcodecs themselves.
        to_config = getattr(described, "get_config", None)
        yield from _codecs(to_config() if to_config else {"id": repr(described)})


def _resolutions(
    group: Any, image: Any, described: Any, path: Path, main: bool
) -> Iterator[ChunkedArray]:
    """Yield the arrays of one image, the finest first; `main` is for that one."""
    everywhere = image.get("coordinateTransformations") or []
    for number, level in enumerate(image["datasets"]):
        array = group[level["path"]]
        if not isinstance(array, zarr.Array):
            raise InputError(
                f'{path.name} names "{level["path"]}" as an image, which is not an '
                "array."
            )
        transformations = [*(level.get("coordinateTransformations") or []), *everywhere]
        axes = _axes(image.get("axes"), transformations, array.ndim)
        note = ""
        if axes is None:
            note = (
                f"What {path.name} says of its axes does not fit its array or is of an "
                "unknown version of OME-Zarr, so they were judged by shape and values."
            )
        yield _chunked(
            array,
            path,
            main=main and number == 0,
            axes=axes,
            class_names=_class_names(described, array.shape, axes),
            note=note,
        )


def _axes(
    named: Any, transformations: list[Any], n_axes: int
) -> tuple[Axis, ...] | None:
    """Return what an image says of its axes; None if that does not fit its array."""
    if named is None and n_axes == len(_FIRST_AXES):
        named = _FIRST_AXES
    if named is None or len(named) != n_axes:
        return None
    described: list[dict[str, Any]] = [
        {"name": one} if isinstance(one, str) else one for one in named
    ]
    steps, starts = np.ones(n_axes), np.zeros(n_axes)
    known = bool(transformations)
    for one in transformations:
        kind = one["type"]
        if kind in ("scale", "translation") and len(one.get(kind, ())) == n_axes:
            by = np.array([float(number) for number in one[kind]])
            if kind == "scale":
                steps, starts = steps * by, starts * by
            else:
                starts = starts + by
        elif kind != "identity":
            known = False
    axes = []
    for axis, step, start in zip(described, steps, starts, strict=True):
        name = str(axis["name"])
        # A type of one's own is what there is instead of channels.
        role = _ROLES.get(str(axis.get("type") or name), CLASSES)
        orientation = axis.get("orientation") or {}
        anatomical = orientation.get("type") == "anatomical"
        axes.append(
            Axis(
                name,
                role,
                float(step),
                float(start),
                unit=str(axis.get("unit") or "") if known else "",
                direction=str(orientation.get("value")) if anatomical else "",
            )
        )
    return tuple(axes)


def _class_names(
    described: Any, shape: tuple[int, ...], axes: tuple[Axis, ...] | None
) -> tuple[str, ...]:
    """Labels of the channels, where there is one for each and they differ."""
    channels = (described.get("omero") or {}).get("channels") or []
    labels = tuple(str(channel.get("label") or "") for channel in channels)
    n_classes = [shape[n] for n, axis in enumerate(axes or ()) if axis.role == CLASSES]
    fitting = [len(labels)] == n_classes and len(set(labels)) == len(labels)
    return labels if fitting and all(labels) else ()


class PlainFiles(WrapperStore[LocalStore]):
    """A folder of which only files are read, and only those that fit the memory.

    A link is followed if it leads to a file, as in a data set of git-annex. Devices and
    pipes are refused, because they may never end.

    Parameters
    ----------
    folder : Path
        The array or the group.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(LocalStore(folder, read_only=True))
        self._folder = folder

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Read as any store does; InputError for what must not be read."""
        self._check(key)
        content = await super().get(key, prototype, byte_range)
        if content is not None:
            size = unpacked_size(content[:_HEAD].to_bytes(), len(content))
            check_room(self._folder, _COPIES * size, "chunks")
        return content

    def _check(self, key: str) -> None:
        try:
            status = (self._folder / key).stat()
        except OSError:
            return  # what is missing is for Zarr to judge
        if stat.S_ISREG(status.st_mode):
            check_room(self._folder, _COPIES * status.st_size, "chunks")
        elif not stat.S_ISDIR(status.st_mode):
            raise InputError(
                f'"{key}" of {self._folder.name} is neither a file nor a folder, so it '
                "is not read; remove it, or copy the array anew."
            )


def unpacked_size(head: bytes, packed: int) -> int:
    """Return the unpacked size of a chunk of zstd [1]_ or blosc [2]_; 0 for others.

    Parameters
    ----------
    head : bytes
        The first bytes of the chunk.
    packed : int
        Size of the whole of it.

    References
    ----------
    .. [1] RFC 8878, 3.1.1.1: https://datatracker.ietf.org/doc/html/rfc8878
    .. [2] https://github.com/Blosc/c-blosc/blob/main/README_CHUNK_FORMAT.rst
    """
    if head[:4] == _ZSTD and len(head) > 4:
        flags = head[4]
        whole = flags >> 5 & 1  # no window, then, and always a size
        start = 6 - whole + (0, 1, 2, 4)[flags & 3]
        length = (whole, 2, 4, 8)[flags >> 6]
        size = int.from_bytes(head[start : start + length], "little")
        return size + 256 if length == 2 else size
    blosc = len(head) >= 16 and head[0] == _BLOSC
    if blosc and int.from_bytes(head[12:16], "little") == packed:
        return int.from_bytes(head[4:8], "little")
    return 0
