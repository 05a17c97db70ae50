"""Summary of a run, ``summary.tsv``: a row for each case, the least certain first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from ..io.writing import with_all_digits, write_whole

FILE_NAME = "summary.tsv"


@dataclass(frozen=True)
class Row:
    """Result of one case; the fields but the last are the columns of the summary.

    Attributes
    ----------
    case : str
        Its name.
    status : "written" or "failed"
        Whether its maps are in the folder.
    classes : int or None
        Number of classes; None, as all numbers, for a failed case.
    voxels, no_data : int or None
        Voxels with data, and without.
    total, mean, max, foreground_mean : float or None
        Numbers of the first measure that was asked for, in its unit.
    message : str
        Reason of a failure, or what a person should know of a written case.
    agreement : float or None
        Share of the foreground in which the most probable class is that of the
        segmentation; None where there is none to compare with.
    checks : str
        The worst level of the checks: green, amber or red; empty for a failed case.
    confidence : float or None
        Mean probability of the most probable class, in the foreground.
    dice : float or None
        Overlap of the labels of two members, mean over pairs and classes but the
        background; None without members.
    warning : str
        Reason to doubt the kind of the values, or the members; part of `message`.
    """

    case: str
    status: Literal["written", "failed"]
    classes: int | None = None
    voxels: int | None = None
    no_data: int | None = None
    total: float | None = None
    mean: float | None = None
    max: float | None = None
    foreground_mean: float | None = None
    message: str = ""
    agreement: float | None = None
    checks: str = ""
    confidence: float | None = None
    dice: float | None = None
    warning: str = ""


def in_order(rows: Iterable[Row]) -> list[Row]:
    """Return failed cases first, then the least certain in the foreground."""
    return sorted(
        rows,
        key=lambda row: (
            row.status != "failed",
            -(row.foreground_mean or 0.0),
            row.case,
        ),
    )


def write_summary(path: Path, rows: Iterable[Row]) -> None:
    """Write the rows in their order, tab-separated, numbers with all their digits.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    names = [field.name for field in fields(Row) if field.name != "warning"]
    values = ([getattr(row, name) for name in names] for row in in_order(rows))
    text = with_all_digits(names, values)
    encoded = text.encode("utf-8", "backslashreplace")
    write_whole([(path, lambda file: file.write(encoded))])


def outcome(rows: Sequence[Row], found: int, folder: Path) -> str:
    """Return one line on a run: cases written, now or before, and those that failed."""
    failed = sum(row.status == "failed" for row in rows)
    written = len(rows) - failed
    now = f" ({written - found} now, {found} had been there)" if found else ""
    return (
        f"{written} of {len(rows)} cases written to {folder}{now}"
        f"{f', {failed} failed' if failed else ''}; see {folder / FILE_NAME}"
    )
