"""nnU-Net's ``.npz``: probabilities class first, axes reversed against nibabel.

nnU-Net writes what SimpleITK's array order gives, (class, z, y, x), and keeps the
geometry elsewhere [1]_: in a ``.pkl``, which is never opened here because unpickling
runs code, and in the segmentation (``.nii.gz``) that it writes beside it.

References
----------
.. [1] https://github.com/MIC-DKFZ/nnUNet/blob/master/nnunetv2/inference/export_prediction.py
"""

from __future__ import annotations

import re
import zipfile
import zlib
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..grid import Grid
from ..limits import check_fits_memory
from ..probabilities import ProbabilityMap
from .dataset_json import class_names_for, file_ending_beside
from .nifti import SUFFIXES, load, stem

Array = np.ndarray[Any, Any]

KEY = "probabilities"


def read_npz(path: Path) -> ProbabilityMap:
    """Read the probabilities, with geometry and class names from the files beside."""
    values = _load_probabilities(path)
    values = values.transpose(0, *range(values.ndim - 1, 0, -1))  # as nibabel has it
    grid, geometry_source = _find_geometry(path, values.shape[1:])
    return ProbabilityMap(
        values,
        class_names_for(path, len(values)),
        grid,
        source=path,
        geometry_source=geometry_source,
        name=path.stem,
    )


def _load_probabilities(path: Path) -> Array:
    try:
        # A file that numpy opens itself stays open where it turns out to be no archive.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise InputError(
                    f"{path.name} is a single array (.npy) under another name; nnU-Net "
                    "writes an archive (.npz)."
                )
            if KEY not in archive.files:
                raise InputError(
                    f"{path.name} holds {_listed(archive.files)}, not an array "
                    f'"{KEY}" as nnU-Net writes it (predict with '
                    "--save_probabilities)."
                )
            _check_header(archive, path)
            values: Array = archive[KEY]
    except InputError:
        raise
    except ValueError as error:
        raise InputError(
            f"{path.name} cannot be read: it holds Python objects, which are never "
            f"loaded, or is damaged ({error})."
        ) from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(
            f"{path.name} cannot be read: it is damaged or cut short ({error})."
        ) from error
    return values


def _check_header(archive: Any, path: Path) -> None:
    """Look at type and shape before a byte of the array is decompressed."""
    with archive.zip.open(f"{KEY}.npy") as member:
        version = np.lib.format.read_magic(member)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise InputError(f"{path.name} uses an unknown array format {version}.")
        shape, _, dtype = read_header(member)
    if dtype.kind not in "fiu":
        raise InputError(
            f"{path.name} holds values of type {dtype}, not real numbers; Python "
            "objects are never loaded."
        )
    if len(shape) not in (3, 4) or 0 in shape:
        raise InputError(
            f"{path.name} holds an array of shape {shape}; probabilities have a class "
            "axis and two or three spatial axes: (classes, z, y, x)."
        )
    check_fits_memory(path, shape, dtype)


def _listed(names: list[str]) -> str:
    quoted = [f'"{name}"' for name in names]
    return ", ".join(quoted) if quoted else "nothing"


def _find_geometry(
    path: Path, shape: tuple[int, ...]
) -> tuple[Grid | None, Path | None]:
    """The grid of the segmentation of the same name, else of a likely neighbour.

    A neighbour is a NIfTI image in the same folder that has the shape of the
    probabilities and shares the first words of the name. Several of them have to
    agree on where the voxels are, or none is taken.
    """
    twin = path.with_name(path.stem + file_ending_beside(path))
    if twin.is_file() and twin.name.lower().endswith(SUFFIXES):
        grid = _grid_of(twin)
        if grid.shape != shape:
            raise InputError(
                f"{path.name} has {' × '.join(map(str, shape))} voxels, {twin.name} "
                f"beside it {' × '.join(map(str, grid.shape))}; they do not belong "
                "together."
            )
        return grid, twin
    candidates: dict[Path, Grid] = {}
    for neighbour in sorted(path.parent.iterdir()):
        if neighbour.name.lower().endswith(SUFFIXES) and _shared_words(path, neighbour):
            try:
                grid = _grid_of(neighbour)
            except InputError:
                continue  # a damaged neighbour is no reason to refuse this file
            if grid.shape == shape:
                candidates[neighbour] = grid
    if not candidates:
        return None, None
    most = max(_shared_words(path, neighbour) for neighbour in candidates)
    best = {
        neighbour: grid
        for neighbour, grid in candidates.items()
        if _shared_words(path, neighbour) == most
    }
    source, grid = next(iter(best.items()))
    if all(grid.same_place(other) for other in best.values()):
        return grid, source
    return None, None


def _shared_words(first: Path, second: Path) -> int:
    """How many words the two names begin with in common."""
    words = (re.split(r"[^A-Za-z0-9]+", stem(path)) for path in (first, second))
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(*words))))  # noqa: B905


def _grid_of(path: Path) -> Grid:
    image = load(path)
    return Grid(image.shape, image.affine, image.header)
