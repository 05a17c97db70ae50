"""The map of a review: read, or computed again, and told by its digest."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from ..batch.placing import PREDICTION
from ..batch.recorded import Recorded, read_map
from ..batch.states import files_of, state
from ..case import CaseResult, iter_case
from ..errors import InputError
from ..images import LabelMap
from ..matching.comparison import Segmentation
from ..measures import MEASURES, UNITS, Base
from ..probabilities import ProbabilityMap
from ..provenance import provenance
from ..review import ReviewedInput, Session, fingerprint

_INSTEAD = "name the map instead, as a file: the review is found by its content."


def input_of(session: Session, role: str) -> ReviewedInput | None:
    """The first image of a review with that role."""
    return next((one for one in session.inputs if one.role == role), None)


def iter_map_of(
    session: Session, segmentation: LabelMap | None
) -> Generator[float, None, Recorded]:
    """The map that a review is about; yields the share done.

    Where it has no file, because it was computed in the viewer, it is computed again.

    Parameters
    ----------
    session : Session
        The review.
    segmentation : LabelMap or None
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
    return (
        yield from _iter_computed(source.path, session.unit, told.digest, segmentation)
    )


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
    source: Path, unit: str, digest: str, segmentation: LabelMap | None
) -> Generator[float, None, Recorded]:
    from ..io import open_probabilities

    inputs = [state(path) for path in files_of(source)]
    if segmentation is not None and segmentation.source is not None:
        inputs.append(state(segmentation.source))
    probabilities = open_probabilities(source)
    for measure, base, foreground_only in _candidates(unit):
        result = yield from iter_case(
            probabilities,
            measure=measure,
            base=base,
            name=probabilities.name,
            grid=probabilities.grid,
            segmentation=None
            if segmentation is None
            else Segmentation(segmentation.data, segmentation.grid, segmentation.name),
            foreground_only=foreground_only,
        )
        if fingerprint(result.values, probabilities.grid) == digest:
            told = _told(measure, result, probabilities, segmentation, foreground_only)
            told["inputs"] = inputs
            grid = probabilities.grid
            zooms = () if grid is None else tuple(grid.zooms.tolist())
            return Recorded(source, result.values, grid, zooms, told)
    raise InputError(
        f"The probabilities {source} do not give the map of the review: they have "
        "changed since, were placed otherwise, or the map is one of several members, "
        f"which is not computed again here. Put the old ones back, or {_INSTEAD}"
    )


def _candidates(unit: str) -> Iterator[tuple[str, Base, bool]]:
    """Measure, base and whether without background, the likeliest first."""
    for foreground_only in (False, True):
        for base in UNITS:
            for measure in MEASURES.values():
                # Without a unit, the base makes no difference.
                once = measure.has_base or base == 2
                if once and measure.unit(base) == unit:
                    yield measure.name, base, foreground_only


def _told(
    measure: str,
    result: CaseResult,
    probabilities: ProbabilityMap,
    segmentation: LabelMap | None,
    foreground_only: bool,
) -> dict[str, Any]:
    """As the JSON of such a map would say."""
    by_labels = segmentation is not None and result.trust.foreground is not None
    told = provenance(
        measure,
        result.maps,
        result.statistics,
        probabilities=probabilities.name,
        source=probabilities.source,
        geometry_source=probabilities.geometry_source,
        class_names=probabilities.names_as(result.maps.kind),
        foreground_only=foreground_only,
        foreground_from=segmentation.name
        if segmentation is not None and by_labels
        else PREDICTION,
        checks=result.trust.checks,
    )
    told["segmentation"] = None
    if segmentation is not None and segmentation.source is not None:
        told["segmentation"] = str(segmentation.source)
    return told
