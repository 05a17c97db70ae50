"""Files that appear under their name complete, or not at all."""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import InputError

Write = Callable[[BinaryIO], object]

# Errors by which a file system says that it does not do this, or not for everybody: the
# names are then on the disk when it sees fit.
_NOT_FOR_FOLDERS = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.ENOTSUP}


def write_whole(files: Sequence[tuple[Path, Write]], *, sync: bool = False) -> None:
    """Write files that belong together, the last of which vouches for the others.

    All are written under hidden temporary names in their folders, and renamed when all
    of them are complete, the last one at the end. An older last file is removed before
    the first rename, so that it never stands beside a new one of the others.

    All but the last are on the disk (``fsync``, some 10 ms) before they get their
    names, since a rename can outlive a power failure that the data do not. The last
    one then is whole or empty, and tells by that what the others are worth.

    Parameters
    ----------
    files : sequence of (Path, callable)
        What writes each file, given a binary file to write to.
    sync : bool
        Whether the last one, too, is on the disk before it gets its name, and the name
        as well before this returns: for a file that could not be made again.

    Raises
    ------
    InputError
        If a file cannot be written; the old ones are then still there. Or if it cannot
        be told that the last one would outlive a power failure.
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
    """Make the folder where it does not exist, and try to write in it.

    Raises
    ------
    InputError
        If that does not work.
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
    """Have the names in a folder on the disk, where the system knows how to."""
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
