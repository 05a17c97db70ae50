"""Tables as tab-separated files, the same with every version of pandas."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# Digits of a number: enough to tell any two of float32 apart.
_DIGITS = "%.9g"


def tab_separated(table: pd.DataFrame) -> bytes:
    """Text of a table in UTF-8: a line of titles, then one line for each row.

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
    """Tab-separated text in which each number reads back as the same number.

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
