"""Beginning a review in the background, or taking up one that was begun before."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...grid import Grid
from ...hotspots import HotspotOptions, Hotspots, iter_hotspots
from ...io.atomic import check_writable
from ...matching.agreement import iter_as_classes
from ...matching.comparison import Segmentation, iter_labels_at
from ...matching.orientation import BELONGS
from ...model.record import Record
from ...review import (
    Options,
    ReviewedInput,
    Session,
    find_session,
    fingerprint,
    place_for,
)
from ...steps import part

Array = np.ndarray[Any, Any]

# Voxels along each axis that are plenty to tell whether two networks saw one scan.
_LOOKED_AT = 64


@dataclass(frozen=True, eq=False)
class ReviewedImage:
    """An image that a review is about: what it is, and its content.

    Attributes
    ----------
    role, name : str
        ``"map"`` or ``"segmentation"``; what it is called.
    path : Path or None
        Its file.
    values, grid : ndarray, Grid or None
        Its content, in the order of the file.
    """

    role: str
    name: str
    path: Path | None
    values: Array
    grid: Grid | None

    def as_input(self) -> ReviewedInput:
        """Return it as the file of a review names it, with a digest of its content."""
        # They may be lazy.
        digest = fingerprint(np.asarray(self.values), self.grid)
        return ReviewedInput(self.role, self.name, self.path, digest)


@dataclass(frozen=True, eq=False)
class ReviewMaterial:
    """Images and options that a review begins with, taken from layers.

    Attributes
    ----------
    case : str
        What it is called.
    map : ReviewedImage
        The uncertainty map.
    further_inputs : tuple of ReviewedInput
        Files that the places do not depend on: probabilities and scan.
    segmentation : ReviewedImage or None
        The labels before any change.
    labels : Segmentation
        What may be wrong: these labels, or the most probable class.
    no_data : ndarray or None
        Voxels of the map without data.
    members : tuple of ndarray
        Probabilities on the voxels of the map, class axis first.
    wanted : HotspotOptions
        Which places.
    anatomical : bool
        Whether the map's grid is a patient's.
    names : mapping of int to str
        Of labels.
    record : Record
        What the map says of itself.
    prefer : str
        Where reviews are kept: ``"beside"`` the images or in the ``"user"``'s folder.
    of_members : bool
        Whether the map is of these members, so that none of them may be left out.
    """

    case: str
    map: ReviewedImage
    further_inputs: tuple[ReviewedInput, ...]
    segmentation: ReviewedImage | None
    labels: Segmentation
    no_data: Array | None
    members: tuple[Any, ...]
    wanted: HotspotOptions
    anatomical: bool
    names: Mapping[int, str]
    record: Record
    prefer: Any
    of_members: bool = False

    @property
    def options(self) -> Options:
        """Return what determines the places besides the images."""
        wanted = self.wanted.on(self.map.grid, self.map.values.shape)
        return replace(Options.of(wanted), networks=len(self.members))

    @property
    def paths(self) -> list[Path]:
        """Files that a review may be beside, the best first."""
        inputs = (self.segmentation, *self.further_inputs)
        return [one.path for one in inputs if one is not None and one.path is not None]


@dataclass(frozen=True, eq=False)
class OpenedReview:
    """A review, and what it is of.

    Attributes
    ----------
    session : Session
        The review; this window is not in its file before it is saved.
    material : ReviewMaterial
        What it was begun with.
    hotspots : Hotspots
        Its places.
    there : tuple of int
        Labels that some voxel has.
    notes : tuple of str
        What a person should know, in sentences.
    resumed : bool
        Whether it was begun before.
    """

    session: Session
    material: ReviewMaterial
    hotspots: Hotspots
    there: Iterable[int]
    notes: tuple[str, ...]
    resumed: bool

    @property
    def sentence(self) -> str:
        """Return what the list was made from."""
        networks = len(self.material.members)
        by = {0: "the map alone", 1: "the probabilities"}.get(
            networks, f"the probabilities of {networks} networks"
        )
        labels = self.material.segmentation
        whose = "the most probable class" if labels is None else labels.name
        again = "Taken up again: " if self.resumed else ""
        return (
            f"{again}{len(self.session.review.stops)} hotspots of '{whose}' by {by}. "
            f"In all, some {self.session.expected_errors:,.0f} voxels are expected to "
            "be wrong."
        )


def iter_begin(material: ReviewMaterial) -> Generator[float, None, OpenedReview]:
    """Find the places and the review; yields the share done.

    Nothing is written before the last step, so that no review is begun in a window that
    is gone.

    Raises
    ------
    InputError
        If it is not known how the labels lie on the map, or there is no place worth a
        look, or a new review can be written nowhere.
    """
    values, grid = np.asarray(material.map.values), material.map.grid
    labels = yield from part(
        iter_labels_at(values.shape, grid, material.labels), 0, 0.1
    )
    yield 0.1
    if labels is None:
        raise InputError(
            f"It is not known how '{material.labels.name}' lies on the map; choose "
            "another segmentation, or none."
        )
    labels = np.asarray(labels)
    other_scans: list[str] = []
    if not material.of_members:
        looking = _iter_of_this_scan(material.members, material.further_inputs, labels)
        members, other_scans = yield from part(looking, 0.1, 0.15)
        material = replace(material, members=members)
    steps = iter_hotspots(
        values,
        labels,
        material.no_data,
        members=material.members,
        grid=grid,
        undecided=material.record.undecided,
        wanted=material.wanted,
    )
    hotspots = yield from part(steps, 0.15, 0.8)
    if not hotspots.places:
        raise InputError("Nothing is uncertain here, so there is nothing to review.")
    if not material.anatomical:
        places = tuple(replace(place, ras=None) for place in hotspots.places)
        hotspots = replace(hotspots, places=places)
    images = [one for one in (material.map, material.segmentation) if one is not None]
    inputs = list(material.further_inputs)
    for done, image in enumerate(images):
        inputs.append(image.as_input())
        yield 0.8 + 0.2 * (done + 1) / len(images)
    session, notes, resumed = _session(material, inputs, hotspots)
    there = tuple(int(label) for label in _labels_in(labels))
    notes = (*other_scans, *notes)
    return OpenedReview(session, material, hotspots, there, notes, resumed)


def _session(
    material: ReviewMaterial, inputs: list[ReviewedInput], hotspots: Hotspots
) -> tuple[Session, tuple[str, ...], bool]:
    paths = material.paths
    folders = list(dict.fromkeys(path.parent for path in paths))
    found = find_session(inputs, material.options, material.case, folders)
    notes = list(found.notes)
    if found.path is not None:
        try:
            session = Session.open(found.path)
            session.extend(hotspots)
            check_writable(found.path.parent)
        except InputError as error:
            # Read only, say, or of networks that were trained on since.
            notes.append(f"{error} A new review begins.")
        else:
            return session, tuple(notes), True
    path = place_for(
        paths[0] if paths else None,
        material.case,
        inputs,
        material.options,
        prefer=material.prefer,
    )
    session = Session.begin(
        path,
        material.case,
        inputs,
        material.options,
        hotspots,
        material.names,
        material.record.unit,
        record=material.record,
    )
    return session, tuple(notes), False


def _labels_in(labels: Array) -> Array:
    """Return which labels there are; of small numbers without sorting."""
    if labels.dtype.itemsize <= 2 and labels.dtype.kind in "bu":
        there: Array = np.flatnonzero(np.bincount(labels.ravel(order="K")))
        return there
    return np.unique(labels)


# -- networks of the same scan --------------------------------------------------


def _iter_of_this_scan(
    members: Sequence[Any], told: Sequence[ReviewedInput], labels: Array
) -> Generator[float, None, tuple[tuple[Any, ...], list[str]]]:
    """Leave out networks that saw another scan; gives a sentence for each of these.

    In the space of a template, files of two patients have the same voxels. Their
    structures do not: below 70 % agreement in the foreground, two images are taken to
    be of different scans. Yields the share done.

    Parameters
    ----------
    members : sequence of array, shape (classes, *shape of `labels`)
        Probabilities, the map's own first.
    told : sequence of ReviewedInput
        What each of them is.
    labels : ndarray of int
        At the voxels of the map.
    """
    kept, notes = list(members[:1]), []
    others = list(zip(members[1:], told[1:], strict=False))
    for done, (network, one) in enumerate(others):
        steps = _iter_agreement(network, labels)
        agreement = yield from part(steps, done / len(others), (done + 1) / len(others))
        if agreement >= BELONGS:
            kept.append(network)
        else:
            notes.append(
                f"{one.path or one.name} agrees with the segmentation in less than "
                f"{100 * BELONGS:.0f} % of the foreground, so it is taken to be of "
                "another scan and does not count."
            )
    return tuple(kept), notes


def _iter_agreement(network: Any, labels: Array) -> Generator[float, None, float]:
    """Return the share of the foreground, by a sample, in which the two are equal."""
    steps = tuple(
        slice(None, None, max(1, length // _LOOKED_AT)) for length in labels.shape
    )
    prediction = np.asarray(network[(slice(None), *steps)]).argmax(axis=0)
    try:
        classes = (yield from iter_as_classes(labels, network.shape[0]))[steps]
    except InputError:
        return 0.0
    foreground = (prediction != 0) | (classes != 0)
    equal: Sequence[bool] = (prediction == classes)[foreground]
    return float(np.mean(equal)) if len(equal) else 0.0
