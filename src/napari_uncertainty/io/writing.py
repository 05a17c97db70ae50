"""Files that appear whole or not at all, and tables as tab-separated text."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..errors import InputError

if TYPE_CHECKING:
    import pandas as pd


Write = Callable[[BinaryIO], object]

# Errors of file systems that cannot sync a folder, or do not allow it: they write names
# to the disk when they choose.
_NOT_FOR_FOLDERS = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP}

# Digits of a number: enough to tell any two of float32 apart.
_DIGITS = "%.9g"

# Files that appear under their name complete, or not at all.


def write_whole(files: Sequence[tuple[Path, Write]], *, sync: bool = False) -> None:
    """Write files that belong together; where the last one is, the others are whole.

    All are written under hidden temporary names in their folders, and renamed when all
    of them are complete, the last one at the end. An older last file is removed before
    the first rename, so that it never stands beside a new one of the others.

    All but the last are on the disk (``fsync``, some 10 ms) before they get their
    names, since a rename can survive a power failure that the data do not. The last
    one then is whole or empty: only if it is whole, the others belong to it.

    Parameters
    ----------
    files : sequence of (Path, callable)
        Path of each file, and a function that writes to a binary file.
    sync : bool
        Whether the last one, too, is on the disk before it gets its name, and the name
        as well before this returns: for a file that could not be made again.

    Raises
    ------
    InputError
        If a file cannot be written; the old ones are then still there. Or if it cannot
        be made sure that the last one survives a power failure.
    """
    paths = [path for path, _ in files]
    temporary = [_temporary_beside(path) for path in paths]
    try:
        try:
            for unfinished, (_, write) in zip(temporary, files, strict=True):
                with unfinished.open("wb") as file:
                    write(file)
                    if sync or unfinished is not temporary[-1]:
                        file.flush()
                        os.fsync(file.fileno())
            if len(paths) > 1:
                paths[-1].unlink(missing_ok=True)
            for finished, path in zip(temporary, paths, strict=True):
                finished.replace(path)
            if sync:
                _sync_folder(paths[-1].parent)
        finally:
            for left in temporary:
                left.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"{paths[0]} cannot be written ({error.strerror or error}); choose another "
            "folder or make room."
        ) from error


def check_writable(folder: Path) -> None:
    """Make a folder where it does not exist, and check that files can be made in it.

    Raises
    ------
    InputError
        If nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        attempt = _temporary_beside(folder / "any")
        try:
            attempt.touch(exist_ok=False)
        finally:
            attempt.unlink(missing_ok=True)
    except OSError as error:
        raise InputError(
            f"Nothing can be written to the folder {folder} "
            f"({error.strerror or error}); choose another one."
        ) from error


def _sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk, where the system can do that."""
    if os.name != "posix":
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _NOT_FOR_FOLDERS:
            raise


def _temporary_beside(path: Path) -> Path:
    return path.with_name(f".napari-uncertainty-{uuid.uuid4().hex}.part")


# Tables as tab-separated files, the same with every version of pandas.


def tab_separated(table: pd.DataFrame) -> bytes:
    """Return a table as text in UTF-8: a line of titles, then one line for each row.

    Fractions have nine digits, and what is missing is empty. Line breaks, tabs and runs
    of spaces within a text become one space. A text with quotation marks is put in
    quotation marks, its own doubled, which readers of CSV undo.

    Parameters
    ----------
    table : DataFrame
        Numbers, texts or both. A missing text may be None or NaN: which of them it is
        depends on the version of pandas and on the other texts of its column.

    Returns
    -------
    bytes
        The content of the file. What is no UTF-8, as file names may have it, becomes an
        escape that JSON knows.
    """
    lines = {
        title: np.array([_one_line(cell) for cell in column], dtype=object)
        for title, column in table.items()
        if column.dtype.kind == "O"
    }
    text: str = table.assign(**lines).to_csv(
        sep="\t", index=False, float_format=_DIGITS, lineterminator="\n"
    )
    return text.encode("utf-8", "backslashreplace")


def with_all_digits(titles: Iterable[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return tab-separated text in which each number reads back as the same number.

    Parameters
    ----------
    titles : iterable of str
        The first line.
    rows : iterable of iterable
        Numbers of Python and texts; None and NaN become empty cells.
    """
    lines = [titles, *(map(_exact, row) for row in rows)]
    return "".join("\t".join(line) + "\n" for line in lines)


def _exact(cell: Any) -> str:
    if isinstance(cell, str):
        return str(_one_line(cell))
    return "" if cell is None or cell != cell else repr(cell)


def _one_line(cell: Any) -> Any:
    return " ".join(cell.split()) if isinstance(cell, str) else cell
