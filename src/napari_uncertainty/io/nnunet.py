"""nnU-Net's ``.npz``: probabilities class first, axes reversed against nibabel.

nnU-Net writes what SimpleITK's array order gives, (class, z, y, x), and keeps the
geometry elsewhere [1]_: in a ``.pkl``, which is never opened here because unpickling
runs code, and in the segmentation (``.nii.gz``) that it writes beside it.

References
----------
.. [1] https://github.com/MIC-DKFZ/nnUNet/blob/master/nnunetv2/inference/export_prediction.py
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

from ..errors import InputError
from ..probabilities import ProbabilityMap
from ..stored import StoredValues
from .byte_sources import RAW_DEFLATE, PackedFile, opened
from .npy import ArrayHeader, read_header

KEY = "probabilities"

#: nnU-Net version 1 called it so.
OLD_KEY = "softmax"

# Of a zip archive's entries, these two are what numpy writes.
WBITS = {zipfile.ZIP_STORED: None, zipfile.ZIP_DEFLATED: RAW_DEFLATE}


def open_npz(path: Path) -> ProbabilityMap:
    """Open the probabilities, with geometry and class names from the files beside."""
    from .geometry import find_geometry, probability_map

    stored = open_npz_values(path)
    return probability_map(stored, find_geometry(path, stored.shape[1:]))


def open_npz_values(path: Path) -> StoredValues:
    """Open the probabilities alone."""
    header, values = _find_values(path)
    return StoredValues(
        path,
        values,
        file_shape=header.file_shape,
        class_axis=header.file_axis(0),
        stored=header.dtype,
        reverse=not header.fortran_order,
    )


def _find_values(path: Path) -> tuple[ArrayHeader, PackedFile]:
    try:
        with opened(path) as file:
            if file.read(6) == b"\x93NUMPY":
                raise InputError(
                    f"{path.name} is a single array under another name; give it the "
                    "ending .npy."
                )
            with zipfile.ZipFile(file) as archive:
                names = [name.removesuffix(".npy") for name in archive.namelist()]
                key = next((one for one in (KEY, OLD_KEY) if one in names), None)
                if key is None:
                    raise InputError(
                        f"{path.name} holds {_listed(names)}, not an array "
                        f'"{KEY}" as nnU-Net writes it (predict with '
                        "--save_probabilities)."
                    )
                entry = archive.infolist()[names.index(key)]
                with archive.open(entry) as member:
                    header = read_header(member, path)
                    skip = member.tell()
            start = _start_of_data(file, entry)
    except InputError:
        raise
    except (
        OSError, EOFError, NotImplementedError, RuntimeError, ValueError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        raise InputError(
            f"{path.name} cannot be read: it is damaged, cut short or no archive that "
            f"numpy wrote ({error})."
        ) from error
    if entry.compress_type not in WBITS:
        raise InputError(
            f"{path.name} is compressed in a way that numpy does not use; save it with "
            "np.savez_compressed."
        )
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
    return header, values


def _start_of_data(file: object, entry: zipfile.ZipInfo) -> int:
    """Where an entry's data begin: behind its local header, which tells its length.

    Format: APPNOTE.TXT - .ZIP File Format Specification, PKWARE, 4.3.7.
    """
    file.seek(entry.header_offset + 26)  # type: ignore[attr-defined]
    lengths: bytes = file.read(4)  # type: ignore[attr-defined]
    name, extra = (int.from_bytes(lengths[at : at + 2], "little") for at in (0, 2))
    return entry.header_offset + 30 + name + extra


def _listed(names: list[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    return ", ".join(quoted) if quoted else "nothing"
