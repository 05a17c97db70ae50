"""Pictures of the view and surfaces as files."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QBuffer
from qtpy.QtGui import QImage

from ...io.atomic import write_whole
from ...io.surfaces import write_surface
from ...surfaces import Mesh

Array = np.ndarray[Any, Any]

_ENDINGS = (".surf.gii", ".gii", ".ply")


def save_picture(path: Path, shot: Array) -> Path:
    """Write a picture as PNG; returns its path, see :func:`as_png`.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    height, width, _ = shot.shape
    data: Any = np.ascontiguousarray(shot).data
    image = QImage(data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    png = QBuffer()
    png.open(QBuffer.OpenModeFlag.WriteOnly)
    image.save(png, "PNG")
    path = as_png(path)
    write_whole([(path, lambda file: file.write(png.data().data()))])
    return path


def as_png(path: Path) -> Path:
    """The path with the ending of the format."""
    return path if path.name.lower().endswith(".png") else Path(f"{path}.png")


def iter_save_surfaces(
    path: Path,
    surfaces: Sequence[tuple[str, Mesh, Array]],
    measure: str,
    unit: str,
) -> Generator[float, None, list[Path]]:
    """Write surfaces, each into a file of its own if there are several.

    Parameters
    ----------
    path : Path
        With the ending of the format; for several see :func:`files_for`.
    surfaces : sequence of (str, Mesh, ndarray)
        Name, mesh in RAS mm, and colours of the vertices, shape (n, 4).
    measure, unit : str
        What the values are.

    Raises
    ------
    InputError
        If a file cannot be written, or its ending is of no format.
    """
    written: list[Path] = []
    files = files_for(path, [name for name, _, _ in surfaces])
    for done, (name, mesh, colors) in enumerate(surfaces):
        written += write_surface(
            files[done], mesh, name=name, measure=measure, unit=unit, colors=colors
        )
        yield (done + 1) / len(surfaces)
    return written


def files_for(path: Path, names: Sequence[str]) -> list[Path]:
    """The file of each surface: the path itself, or of several with their names."""
    if len(names) == 1:
        return [path]
    ending = next((end for end in _ENDINGS if path.name.lower().endswith(end)), "")
    stem = path.name[: len(path.name) - len(ending)]
    ending = path.name[len(stem) :]
    taken: set[str] = set()
    files = []
    for name in names:
        plain = "".join(c if c.isalnum() else "-" for c in name)
        numbered = (
            plain,
            *(f"{plain}-{number}" for number in range(2, len(names) + 1)),
        )
        # Some file systems do not tell large letters from small ones.
        free = next(one for one in numbered if one.casefold() not in taken)
        taken.add(free.casefold())
        files.append(path.with_name(f"{stem}_{free}{ending}"))
    return files
