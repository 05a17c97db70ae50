"""The map of a review: read, or computed again, and told by its digest."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from ..batch.written import Recorded, files_of, read_map, state
from ..case import CaseInputs, iter_case
from ..errors import InputError
from ..matching.comparison import Segmentation
from ..predictions import Predictions
from ..review import ReviewedInput, Session, fingerprint

_INSTEAD = "name the map instead, as a file: the review is found by its content."


def input_of(session: Session, role: str) -> ReviewedInput | None:
    """The first image of a review with that role."""
    return next((one for one in session.inputs if one.role == role), None)


def iter_map_of(
    session: Session, segmentation: Segmentation | None
) -> Generator[float, None, Recorded]:
    """The map that a review is about; yields the share done.

    Where it has no file, because it was computed in the viewer, it is computed again.

    Parameters
    ----------
    session : Session
        The review.
    segmentation : Segmentation or None
        The labels before any change; for the numbers and the checks.

    Raises
    ------
    InputError
        If that does not give the map that was reviewed.
    """
    told = input_of(session, "map")
    if told is None:
        raise InputError(f"The review {session.path} does not say of what it is.")
    if told.path is not None:
        return _read(told.path, told.digest)
    source = input_of(session, "probabilities")
    if source is None or source.path is None:
        raise InputError(
            f"The review {session.path} does not say in which file its map or the "
            f"probabilities are; {_INSTEAD}"
        )
    if not source.path.is_file():
        raise InputError(
            f"The probabilities {source.path} of the review are not there any more; "
            f"put them back, or {_INSTEAD}"
        )
    return (yield from _iter_computed(session, source.path, segmentation))


def _read(path: Path, digest: str) -> Recorded:
    if not path.is_file():
        raise InputError(
            f"The map {path} of the review is not there any more; put it back, or "
            f"{_INSTEAD}"
        )
    recorded = read_map(path)
    if fingerprint(recorded.values, recorded.grid) != digest:
        raise InputError(
            f"The map {path} has changed since the review was begun; put the old one "
            "back."
        )
    return recorded


def _iter_computed(
    session: Session, source: Path, segmentation: Segmentation | None
) -> Generator[float, None, Recorded]:
    record = session.record
    if record is None:
        raise InputError(
            f"The review {session.path} was begun with an older version and does not "
            f"say how its map was made; {_INSTEAD}"
        )
    if record.placed:
        raise InputError(
            f"The map of the review was placed by hand ({record.placed}), which is "
            f"not done again here; {_INSTEAD}"
        )
    files = record.files or (source,)
    states = [state(path) for one in files for path in files_of(one)]
    if segmentation is not None and segmentation.source is not None:
        states.append(state(segmentation.source))
    opened = Predictions.open(files, record.asked, together=bool(record.members))
    inputs = CaseInputs(
        replace(opened, on_first=True), segmentation, states=tuple(states)
    )
    result = yield from iter_case(
        inputs,
        (record.measure,),
        base=record.base,
        foreground_only=record.foreground_only,
    )
    values, grid = result.values(record.measure), result.where.grid
    told = input_of(session, "map")
    if told is None or fingerprint(values, grid) != told.digest:
        raise InputError(
            f"The probabilities {source} do not give the map of the review: they have "
            f"changed since. Put the old ones back, or {_INSTEAD}"
        )
    zooms = () if grid is None else tuple(grid.zooms.tolist())
    return Recorded(source, values, grid, zooms, result.record(record.measure))
