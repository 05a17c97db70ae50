"""Tables beside the maps of a case, known again by their checksums."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..io.atomic import write_whole
from ..io.tables import tab_separated

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: pd.DataFrame) -> dict[str, Any]:
    """Write a table, see :func:`.tab_separated`.

    Parameters
    ----------
    path : Path
        The file.
    table : DataFrame
        A row for each line below the first.

    Returns
    -------
    dict
        File name and checksum, by which :func:`is_there` knows it again.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    encoded = tab_separated(table)
    write_whole([(path, lambda file: file.write(encoded))])
    return {"file": path.name, "crc32": _checksum(encoded)}


def is_there(told: Mapping[str, Any] | None, folder: Path) -> bool:
    """Return whether a table is as it was written; true as well where there is none.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if told is None:
        return True
    written = (folder / told["file"]).read_bytes()
    return bool(told["crc32"] == _checksum(written))


def _checksum(written: bytes) -> str:
    return f"{zlib.crc32(written):08x}"
