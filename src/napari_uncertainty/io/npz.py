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
from pathlib import Path
from typing import Any

from ..errors import InputError, in_short
from ..model.interpretation import Interpretation
from .array_files import ArrayFile, ArrayHeader, read_header, require_class_axis
from .byte_sources import RAW_DEFLATE, PackedFile, PlainFile, opened

#: Names of nnU-Net's array: by version 2, and by version 1.
NNUNET_KEYS = ("probabilities", "softmax")

# Of a zip archive's entries, these two are what numpy writes.
WBITS = {zipfile.ZIP_STORED: None, zipfile.ZIP_DEFLATED: RAW_DEFLATE}

# So many arrays are looked at, and so many named, where none is asked for.
MOST_ARRAYS, NAMED = 1000, 8

# What zipfile raises for damaged archives.
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


def _chosen(archive: zipfile.ZipFile, path: Path, name: str | None) -> zipfile.ZipInfo:
    """The entry of that name; else nnU-Net's; else the only one with a class axis."""
    entries = {_name_of(entry): entry for entry in archive.infolist()}
    if name is not None:
        if name in entries:
            return entries[name]
        raise InputError(
            f'{path.name} holds no array "{name}", but '
            f"{_listed(archive, entries, path)}."
        )
    for key in NNUNET_KEYS:
        if key in entries:
            return entries[key]
    likely = [
        entry
        for entry in list(entries.values())[:MOST_ARRAYS]
        if (header := _header_or_none(archive, entry, path)) and header.has_class_axis
    ]
    if len(likely) == 1 and len(entries) <= MOST_ARRAYS:
        return likely[0]
    told = f"{path.name} holds {_listed(archive, entries, path)}"
    if not likely:
        raise InputError(
            f"{told}: none has real numbers, a class axis and two or three "
            f'spatial axes, such as "{NNUNET_KEYS[0]}", which nnU-Net writes with '
            "--save_probabilities."
        )
    raise InputError(
        f"{told}; say which one holds the probabilities (--array NAME on the command "
        "line, array= in Python)."
    )


def _name_of(entry: zipfile.ZipInfo) -> str:
    return entry.filename.removesuffix(".npy")


def _header_of(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path
) -> tuple[ArrayHeader, int]:
    """Return what the header of an entry says, and how long it is."""
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
    """Return where data begin: behind the local header, which tells its length.

    Format: APPNOTE.TXT - .ZIP File Format Specification, PKWARE, 4.3.7.
    """
    file.seek(entry.header_offset + 26)
    lengths: bytes = file.read(4)
    name, extra = (int.from_bytes(lengths[at : at + 2], "little") for at in (0, 2))
    return entry.header_offset + 30 + name + extra


def _listed(
    archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], path: Path
) -> str:
    """Name and shape of each array, of many only the first."""
    told = []
    for name in list(entries)[:NAMED]:
        header = _header_or_none(archive, entries[name], path)
        shape = "no array" if header is None else " × ".join(map(str, header.shape))
        told.append(f'"{name}" ({shape or "a single number"})')
    if len(entries) > NAMED:
        told.append(f"{len(entries) - NAMED} more")
    return ", ".join(told) or "nothing"
