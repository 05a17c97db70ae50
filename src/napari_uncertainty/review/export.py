"""Export of a review: a table for people and statistics, or JSON with all details."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..analysis.class_statistics import unnamed
from ..analysis.hotspots import Hotspots
from ..io.writing import tab_separated, write_whole
from ..version import __version__
from .review import Stop
from .session import Session

if TYPE_CHECKING:
    import pandas as pd

_WHOLE = ["rank", "i", "j", "k"]
_FRACTIONS = ["x", "y", "z", "mass", "peak", "mean", "share"]


def stops_table(
    stops: Sequence[Stop], names: Mapping[int, str] | None = None
) -> pd.DataFrame:
    """Return a table with one row for each stop, in the order given.

    Parameters
    ----------
    stops : sequence of Stop
        Stops of a review.
    names : mapping of int to str, or None
        Names of labels.

    Returns
    -------
    DataFrame
        The columns of :meth:`.Hotspots.table`, then ``verdict`` (a key of
        :data:`.VERDICTS`), ``suggested``, ``seen`` (bool), ``changed_voxels`` and
        ``note``. Indices of voxels are whole numbers even where one is missing.
    """
    places = tuple(stop.hotspot for stop in stops)
    # The totals of the search are in no row of the table.
    table = Hotspots(places, math.nan, math.nan, (), None).table(names)
    table = table.astype(dict.fromkeys(_WHOLE, "Int64"))
    table = table.astype(dict.fromkeys(_FRACTIONS, "float64"))
    return table.assign(
        verdict=[stop.verdict for stop in stops],
        suggested=np.array([stop.suggested for stop in stops], dtype=bool),
        seen=np.array([stop.seen for stop in stops], dtype=bool),
        changed_voxels=np.array([stop.changed_voxels for stop in stops], np.int64),
        note=np.array([stop.note for stop in stops], dtype=object),
    )


def write_tsv(
    path: str | PathLike[str],
    stops: Sequence[Stop],
    names: Mapping[int, str] | None = None,
) -> None:
    """Write :func:`stops_table` as :func:`.tab_separated` text, one line for each stop.

    ``suggested`` and ``seen`` are ``true`` or ``false``. Notes are in one line, and
    fractions have nine digits; :func:`write_json` keeps notes as they are, and all
    digits.

    Parameters
    ----------
    path : path-like
        The file; an older one is replaced.
    stops, names : sequence of Stop, mapping of int to str or None
        As for :func:`stops_table`.

    Raises
    ------
    InputError
        If the file cannot be written; an older one is then still there.
    """
    table = stops_table(stops, names)
    for column in ("suggested", "seen"):
        table[column] = ["true" if value else "false" for value in table[column]]
    _write(Path(path), tab_separated(table))


def write_json(path: str | PathLike[str], session: Session) -> None:
    """Write a review with every digit of its numbers, and its notes word for word.

    Parameters
    ----------
    path : path-like
        The file; an older one is replaced.
    session : Session
        The review. Each stop becomes an object with all that is known of it; NaN,
        which JSON does not have, becomes null.

    Raises
    ------
    InputError
        If the file cannot be written; an older one is then still there.
    """
    document = {
        "case": session.case,
        "unit": session.unit,
        "radius_mm": session.radius_mm,
        "expected_errors": float(session.expected_errors),
        "class_names": {str(label): name for label, name in session.names.items()},
        "inputs": [one.to_json() for one in session.inputs],
        "options": asdict(session.options),
        "stops": [_row(stop, session.names) for stop in session.review.stops],
        "version": __version__,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    # File names may have bytes that are not UTF-8: these become escapes of JSON.
    _write(Path(path), f"{text}\n".encode("utf-8", "backslashreplace"))


def _row(stop: Stop, names: Mapping[int, str]) -> dict[str, Any]:
    """Return a stop for JSON, with the names of its classes after their labels."""
    row = {}
    for key, value in stop.to_json().items():
        row[key] = value
        if key == "classes":
            row["class_names"] = value and [
                names.get(label) or unnamed(label) for label in value
            ]
    return row


def _write(path: Path, content: bytes) -> None:
    write_whole([(path, lambda file: file.write(content))])
