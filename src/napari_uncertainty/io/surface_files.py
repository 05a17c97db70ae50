"""Surfaces as files: GIFTI for neuroimaging programs, PLY for all others."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..analysis.surfaces import Mesh
from ..errors import InputError
from .endings import ending
from .writing import write_whole

GIFTI, PLY = ".gii", ".ply"


def write_surface(
    path: str | PathLike[str],
    mesh: Mesh,
    *,
    name: str,
    measure: str = "uncertainty",
    unit: str = "",
    colors: npt.NDArray[Any] | None = None,
) -> list[Path]:
    """Write a mesh and the values at its vertices.

    The file is written under a temporary name and renamed when it is complete. The same
    arguments give the same bytes.

    Parameters
    ----------
    path : path-like
        Ends in ``.gii``, such as ``.surf.gii``, or in ``.ply``.
    mesh : Mesh
        Vertices in RAS+ mm, see :meth:`.Mesh.in_space`.
    name : str
        Name of the surface, such as that of the class.
    measure, unit : str
        Measure of the values, and its unit.
    colors : ndarray, shape (n, 4), or None
        Red, green, blue and alpha of each vertex: 0 … 255 for uint8, 0 … 1 for floats.
        PLY alone takes them; programs that show GIFTI colour the values themselves.

    Returns
    -------
    list of Path
        The file.

    Raises
    ------
    InputError
        If the name has another ending, or the folder cannot be written to.
    """
    path = Path(path)
    name, measure, unit = _line(name), _line(measure), _line(unit)
    kind = ending(path).lower()
    if kind == GIFTI:
        content = _gifti(mesh, name, measure, unit)
    elif kind == PLY:
        content = _ply(mesh, name, measure, unit, _as_bytes(colors))
    else:
        raise InputError(f"{path.name}: a surface is saved as {GIFTI} or {PLY}.")
    write_whole([(path, lambda file: file.write(content))])
    return [path]


def _gifti(mesh: Mesh, name: str, measure: str, unit: str) -> bytes:
    from nibabel.gifti.gifti import (
        GiftiCoordSystem,
        GiftiDataArray,
        GiftiImage,
        GiftiMetaData,
    )

    scanner = "NIFTI_XFORM_SCANNER_ANAT"
    vertices = GiftiDataArray(
        mesh.vertices,
        "NIFTI_INTENT_POINTSET",
        "NIFTI_TYPE_FLOAT32",
        # From this space to this space: the vertices are in it already.
        coordsys=GiftiCoordSystem(scanner, scanner, np.eye(4)),
        meta=GiftiMetaData({"Name": name, "GeometricType": "Anatomical"}),
    )
    faces = GiftiDataArray(
        mesh.faces,
        "NIFTI_INTENT_TRIANGLE",
        "NIFTI_TYPE_INT32",
        meta=GiftiMetaData({"Name": name, "TopologicalType": "Closed"}),
    )
    values = GiftiDataArray(
        mesh.values,
        "NIFTI_INTENT_SHAPE",
        "NIFTI_TYPE_FLOAT32",
        meta=GiftiMetaData({"Name": measure, "Unit": unit}),
    )
    meta = GiftiMetaData({"Name": name})
    content: bytes = GiftiImage(meta=meta, darrays=[vertices, faces, values]).to_bytes()
    return content


def _ply(
    mesh: Mesh, name: str, measure: str, unit: str, colors: npt.NDArray[np.uint8] | None
) -> bytes:
    if colors is not None and colors.shape != (len(mesh.vertices), 4):
        raise ValueError(f"{len(mesh.vertices)} vertices, colours {colors.shape}")
    columns: dict[str, npt.NDArray[Any]] = {}
    columns |= zip("xyz", mesh.vertices.T, strict=True)
    if colors is not None:
        columns |= zip(("red", "green", "blue", "alpha"), colors.T, strict=True)
    columns["uncertainty"] = mesh.values
    types = {
        title: ("uchar", "u1") if column.dtype == np.uint8 else ("float", "<f4")
        for title, column in columns.items()
    }
    vertices = np.empty(
        len(mesh.vertices), [(title, stored) for title, (_, stored) in types.items()]
    )
    for title, column in columns.items():
        vertices[title] = column
    faces = np.empty(len(mesh.faces), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, mesh.faces
    comment = f"{name}: {measure}{f' in {unit}' if unit else ''}"
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"comment {comment}",
        f"element vertex {len(vertices)}",
        *(f"property {called} {title}" for title, (called, _) in types.items()),
        f"element face {len(faces)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    start = "\n".join(header).encode("ascii", "backslashreplace")
    return start + vertices.tobytes() + faces.tobytes()


def _as_bytes(colors: npt.NDArray[Any] | None) -> npt.NDArray[np.uint8] | None:
    if colors is None or colors.dtype == np.uint8:
        return colors
    scaled: npt.NDArray[Any] = np.rint(np.clip(colors, 0, 1) * 255)
    return scaled.astype(np.uint8)


def _line(text: str) -> str:
    """Return a text without signs that XML or a line of a header cannot hold."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
