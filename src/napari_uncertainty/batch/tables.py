"""Tables beside the maps of a case, known again by their checksums."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from ..io.atomic import write_whole
from ..io.tables import tab_separated
from ..model.record import Table

if TYPE_CHECKING:
    import pandas as pd


def write_table(path: Path, table: pd.DataFrame) -> Table:
    """Write a table, see :func:`.tab_separated`.

    Parameters
    ----------
    path : Path
        The file.
    table : DataFrame
        A row for each line below the first.

    Returns
    -------
    Table
        File name and checksum, by which :func:`is_there` knows it again.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    encoded = tab_separated(table)
    write_whole([(path, lambda file: file.write(encoded))])
    return Table(path.name, _checksum(encoded))


def is_there(table: Table | None, folder: Path) -> bool:
    """Return whether a table is as it was written; true as well where there is none.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if table is None:
        return True
    return table.crc32 == _checksum((folder / table.file).read_bytes())


def _checksum(written: bytes) -> str:
    return f"{zlib.crc32(written):08x}"
