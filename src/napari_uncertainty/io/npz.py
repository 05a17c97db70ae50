"""Arrays of numpy: ``.npy``, and the archive ``.npz`` from nnU-Net or others [1]_.

nnU-Net writes what SimpleITK's array order gives, (class, z, y, x), and keeps the
geometry elsewhere: in a ``.pkl``, which is never opened here because unpickling runs
code, and in the segmentation (``.nii.gz``) that it writes beside it. Version 2 puts
what it cropped back before it writes [2]_; version 1 writes the crop, as float16 [3]_.

References
----------
.. [1] https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
.. [2] https://github.com/MIC-DKFZ/nnUNet/blob/master/nnunetv2/inference/export_prediction.py
.. [3] https://github.com/MIC-DKFZ/nnUNet/blob/nnunetv1/nnunet/inference/segmentation_export.py
"""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError, in_short
from ..model.interpretation import Interpretation
from .array_files import ArrayFile, ArrayHeader, read_header, require_class_axis
from .byte_sources import RAW_DEFLATE, PackedFile, PlainFile, opened
from .chunked import NAME_THE_ARRAY, choose

#: Names of nnU-Net's array: by version 2, and by version 1.
NNUNET_KEYS = ("probabilities", "softmax")

# The two ways in which numpy writes entries of a zip archive.
WBITS = {zipfile.ZIP_STORED: None, zipfile.ZIP_DEFLATED: RAW_DEFLATE}

# Where no array is named, one is looked for among so many at most.
MOST_ARRAYS = 1000

# Errors of zipfile for damaged archives.
DAMAGED = (
    OSError, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError,
    struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip


def array_in(path: Path, how: Interpretation) -> ArrayFile:
    """Return the array in a file; of an archive the one that is named, or meant."""
    if path.name.lower().endswith(".npz"):
        return _array_of_archive(path, how.array)
    with opened(path) as file:
        header = read_header(file, path)
        start = file.tell()
    require_class_axis(header, path)
    return ArrayFile(path, header, PlainFile(path, start, header.n_bytes))


def _array_of_archive(path: Path, name: str | None) -> ArrayFile:
    """Return the array of that name, else the one that is meant."""
    try:
        with opened(path) as file:
            if file.read(6) == b"\x93NUMPY":
                raise InputError(
                    f"{path.name} is a single array under another name; give it the "
                    "ending .npy."
                )
            with zipfile.ZipFile(file) as archive:
                entry = _chosen(archive, path, name)
                header, skip = _header_of(archive, entry, path)
            require_class_axis(header, path)
            start = _start_of_data(file, entry)
    except InputError:
        raise
    except DAMAGED as error:
        raise InputError(
            f"{path.name} cannot be read: it is damaged, cut short or no archive that "
            f"numpy wrote ({in_short(error)})."
        ) from error
    if entry.file_size != skip + header.n_bytes:
        raise InputError(
            f"{path.name} cannot be read: it promises {header.n_bytes} bytes of values "
            f"and holds {entry.file_size - skip}."
        )
    values = PackedFile(
        path,
        offset=start,
        packed=entry.compress_size,
        skip=skip,
        size=header.n_bytes,
        wbits=WBITS[entry.compress_type],
        crc=entry.CRC,
    )
    return ArrayFile(path, header, values, _name_of(entry) in NNUNET_KEYS)


@dataclass(frozen=True, eq=False)
class _ArchivedArray:
    """An entry of an archive, for :func:`.choose` to compare with the others.

    The header is None where there is no array, or one that cannot be read.
    """

    name: str
    entry: zipfile.ZipInfo
    header: ArrayHeader | None
    main: bool = False
    fault: str = ""

    @property
    def may_be_meant(self) -> bool:
        return self.header is not None and self.header.has_class_axis

    def __str__(self) -> str:
        if self.header is None:
            return f'"{self.name}" (no array)'
        shape = " × ".join(map(str, self.header.shape)) or "a single value"
        return f'"{self.name}" ({shape}, {self.header.dtype})'


def _chosen(archive: zipfile.ZipFile, path: Path, name: str | None) -> zipfile.ZipInfo:
    """Return the entry of that name; else nnU-Net's; else the only likely one."""
    entries = {_name_of(entry): entry for entry in archive.infolist()}
    for key in NNUNET_KEYS if name is None else (name,):
        if key in entries:
            return entries[key]
    if len(entries) > MOST_ARRAYS:
        raise InputError(
            f"{path.name} holds {len(entries)} arrays, too many to look at each; name "
            f"the one that is meant ({NAME_THE_ARRAY})."
        )
    arrays = [
        _ArchivedArray(key, entry, _header_or_none(archive, entry, path))
        for key, entry in entries.items()
    ]
    advice = f'nnU-Net writes "{NNUNET_KEYS[0]}" with --save_probabilities.'
    return choose(arrays, name, path, "array", advice).entry


def _name_of(entry: zipfile.ZipInfo) -> str:
    return entry.filename.removesuffix(".npy")


def _header_of(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path
) -> tuple[ArrayHeader, int]:
    """Return the header of an entry, and how many bytes it has."""
    if entry.compress_type not in WBITS:
        raise InputError(
            f"{path.name} is compressed in a way that numpy does not use; save it with "
            "np.savez_compressed."
        )
    with archive.open(entry) as member:
        return read_header(member, path), member.tell()


def _header_or_none(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path
) -> ArrayHeader | None:
    try:
        return _header_of(archive, entry, path)[0]
    except InputError:
        return None


def _start_of_data(file: Any, entry: zipfile.ZipInfo) -> int:
    """Return where the data begin: behind the local header, which tells its length.

    Format: APPNOTE.TXT - .ZIP File Format Specification, PKWARE, 4.3.7.
    """
    file.seek(entry.header_offset + 26)
    lengths: bytes = file.read(4)
    name, extra = (int.from_bytes(lengths[at : at + 2], "little") for at in (0, 2))
    return entry.header_offset + 30 + name + extra
