"""Review that a report shows: found by its content, with its map and its labels."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.hotspots import HotspotOptions
from ..batch.written import Recorded, files_of, read_recorded, state
from ..case import CaseInputs, iter_case
from ..compare.segmentation import Segmentation
from ..errors import InputError
from ..io.nifti import open_segmentation
from ..predictions import Predictions
from ..review.file import find_session
from ..review.reviewed_images import Options, ReviewedInput, fingerprint
from ..review.session import Session

_INSTEAD = "name the map instead, as a file: the review is found by its content."


@dataclass(frozen=True, eq=False)
class Labels:
    """A segmentation, and what a person should know of it.

    Attributes
    ----------
    segmentation : Segmentation or None
        The segmentation on its own voxels; None without one, or if it is gone.
    note : str
        Sentence on a segmentation that is gone or has changed, or ``""``.
    """

    segmentation: Segmentation | None
    note: str = ""


def find_review(
    recorded: Recorded, labels: Labels, scan: Path | None
) -> tuple[Session | None, list[str]]:
    """Find the review of a map, and sentences that a person should know.

    It may be beside the map, the probabilities, the segmentation or the scan.
    """
    segmentation = labels.segmentation
    digest = fingerprint(recorded.values, recorded.grid)
    inputs = [ReviewedInput("map", recorded.source.name, recorded.source, digest)]
    beside = [recorded.source, Path(recorded.record.source or recorded.source), scan]
    if segmentation is not None:
        path, digest = segmentation.source, _digest(segmentation)
        inputs.append(ReviewedInput("segmentation", segmentation.name, path, digest))
        beside.append(path)
    usual = HotspotOptions().on(recorded.grid, recorded.values.shape)
    options = Options.of(usual)
    parents = (one.absolute().parent for one in beside if one is not None)
    folders = list(dict.fromkeys(parents))
    review = find_session(
        inputs, replace(options, networks=None), recorded.case, folders
    )
    session = None if review.path is None else Session.open(review.path)
    return session, list(review.notes)


def labels_of(session: Session, given: Path | None) -> Labels:
    """Open the segmentation of a review, or the one given instead of it.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if given is not None:
        return Labels(Segmentation.of(open_segmentation(given)))
    image = input_of(session, "segmentation")
    if image is None:
        return Labels(None)
    if image.path is None:
        return Labels(
            None, f"The segmentation '{image.name}' of the review has no file."
        )
    if not image.path.is_file():
        return Labels(None, f"The segmentation {image.path} is not there any more.")
    return Labels(Segmentation.of(open_segmentation(image.path)))


def corrected(session: Session, labels: Labels) -> Labels:
    """Return labels with the changes that a review made to them."""
    segmentation = labels.segmentation
    if segmentation is None:
        return labels
    image = input_of(session, "segmentation")
    if image is None or _digest(segmentation) != image.digest:
        return replace(
            labels,
            note=f"{segmentation.source} is not, or not any more, the segmentation "
            "with which the review was begun, so it is shown as it is.",
        )
    edited, note = session.labels(segmentation.labels.shape)
    if edited is None:
        return replace(labels, note=note or labels.note)
    changed = int(np.count_nonzero(edited != segmentation.labels))
    were = "voxel was" if changed == 1 else "voxels were"
    seen = f"{changed:,} {were} changed in the review; the labels of now are shown."
    return Labels(replace(segmentation, labels=edited), f"{seen} {note}".strip())


def scan_of(session: Session) -> Path | None:
    """Return the scan of a review, if it names one."""
    image = input_of(session, "scan")
    return None if image is None else image.path


def _digest(segmentation: Segmentation) -> str:
    labels: Any = segmentation.labels
    return fingerprint(labels, segmentation.grid)


def input_of(session: Session, role: str) -> ReviewedInput | None:
    """Return the first image of a review that has a role, such as *map*."""
    return next((one for one in session.inputs if one.role == role), None)


def iter_map_of(
    session: Session, segmentation: Segmentation | None
) -> Generator[float, None, Recorded]:
    """Read or compute the map that a review is about; yields the share done.

    Where it has no file, because it was computed in the viewer, it is computed again.

    Parameters
    ----------
    session : Session
        The review.
    segmentation : Segmentation or None
        The labels before any change, for the numbers and the checks.

    Raises
    ------
    InputError
        If the map is gone, or computing it does not give the map that was reviewed.
    """
    image = input_of(session, "map")
    if image is None:
        raise InputError(f"The review {session.path} does not say of what it is.")
    if image.path is not None:
        return _read(image.path, image.digest)
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
    recorded = read_recorded(path)
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
    image = input_of(session, "map")
    if image is None or fingerprint(values, grid) != image.digest:
        raise InputError(
            f"The probabilities {source} do not give the map of the review: they have "
            f"changed since. Put the old ones back, or {_INSTEAD}"
        )
    zooms = () if grid is None else tuple(grid.zooms.tolist())
    return Recorded(source, values, grid, zooms, result.record(record.measure))
