"""The review that a report shows: found, and its labels as they were corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..batch.recorded import Recorded
from ..hotspots import Hotspots, Wanted
from ..io.nifti import open_segmentation
from ..matching.comparison import Segmentation
from ..review import (
    Options,
    ReviewedInput,
    Session,
    Stop,
    find_session,
    fingerprint,
)
from .recomputed import input_of


@dataclass(frozen=True, eq=False)
class Labels:
    """A segmentation, and what a person should know of it.

    Attributes
    ----------
    segmentation : Segmentation or None
        On its own voxels; None where there is none, or none any more.
    note : str
        What became of it, as a sentence, or ``""``.
    """

    segmentation: Segmentation | None
    note: str = ""


def find_review(
    recorded: Recorded, labels: Labels, scan: Path | None
) -> tuple[Session | None, list[str]]:
    """The review of the same content, and what a person should know, in sentences.

    It may be beside the map, what that was made from, the segmentation or the scan.
    """
    segmentation = labels.segmentation
    digest = fingerprint(recorded.values, recorded.grid)
    inputs = [ReviewedInput("map", recorded.source.name, recorded.source, digest)]
    beside = [recorded.source, Path(recorded.record.source or recorded.source), scan]
    if segmentation is not None:
        path, digest = segmentation.source, _digest(segmentation)
        inputs.append(ReviewedInput("segmentation", segmentation.name, path, digest))
        beside.append(path)
    usual = Wanted().on(recorded.grid, recorded.values.shape)
    options = Options.of(usual)
    parents = (one.absolute().parent for one in beside if one is not None)
    folders = list(dict.fromkeys(parents))
    found = find_session(
        inputs, replace(options, networks=None), recorded.case, folders
    )
    session = None if found.path is None else Session.open(found.path)
    return session, list(found.notes)


def labels_of(session: Session, given: Path | None) -> Labels:
    """The segmentation of a review, or the one given instead of it.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    if given is not None:
        return Labels(Segmentation.of(open_segmentation(given)))
    told = input_of(session, "segmentation")
    if told is None:
        return Labels(None)
    if told.path is None:
        return Labels(
            None, f"The segmentation '{told.name}' of the review has no file."
        )
    if not told.path.is_file():
        return Labels(None, f"The segmentation {told.path} is not there any more.")
    return Labels(Segmentation.of(open_segmentation(told.path)))


def corrected(session: Session, labels: Labels) -> Labels:
    """With what was changed in the review, if it is the segmentation of before."""
    segmentation = labels.segmentation
    if segmentation is None:
        return labels
    told = input_of(session, "segmentation")
    if told is None or _digest(segmentation) != told.digest:
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


def places_of(
    session: Session, recorded: Recorded, count: int | None
) -> tuple[Hotspots, Sequence[Stop], str]:
    """The places of a review, what was decided about them, and how far it is."""
    stops = session.review.stops[:count]
    places = Hotspots(
        tuple(stop.hotspot for stop in stops),
        session.radius_mm,
        session.expected_errors,
        recorded.values.shape,
        recorded.grid,
    )
    return places, stops, f"{session.review.progress().sentence}."


def scan_of(session: Session) -> Path | None:
    """The scan of a review, if it tells one."""
    told = input_of(session, "scan")
    return None if told is None else told.path


def _digest(segmentation: Segmentation) -> str:
    labels: Any = segmentation.labels
    return fingerprint(labels, segmentation.grid)
