"""Tables beside the maps of a case, known again by their checksums."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..io.atomic import write_whole

if TYPE_CHECKING:
    import pandas as pd

# Digits of a number: enough to tell any two of float32 apart.
_DIGITS = "%.9g"


def write_table(
    path: Path, table: pd.DataFrame, texts: Sequence[str]
) -> dict[str, Any]:
    """Write it tab-separated; what is missing is empty.

    Parameters
    ----------
    path : Path
        The file.
    table : DataFrame
        A row for each line below the first.
    texts : sequence of str
        Columns that hold names, which may have tabs and line breaks.

    Returns
    -------
    dict
        File name and checksum, by which :func:`is_there` knows it again.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    plain = {column: [_cell(text) for text in table[column]] for column in texts}
    text = table.assign(**plain).to_csv(
        sep="\t", index=False, float_format=_DIGITS, lineterminator="\n"
    )
    encoded = text.encode("utf-8", "backslashreplace")
    write_whole([(path, lambda file: file.write(encoded))])
    return {"file": path.name, "crc32": _checksum(encoded)}


def is_there(told: Mapping[str, Any] | None, folder: Path) -> bool:
    """Whether a table is as it was written; true as well where there is none.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    if told is None:
        return True
    written = (folder / told["file"]).read_bytes()
    return bool(told["crc32"] == _checksum(written))


def _cell(text: str | None) -> str | None:
    return None if text is None else " ".join(text.split())


def _checksum(written: bytes) -> str:
    return f"{zlib.crc32(written):08x}"
