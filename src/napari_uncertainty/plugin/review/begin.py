"""The beginning of a review: its images and options, and the search for hotspots."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ...analysis.hotspot_search import iter_hotspots
from ...analysis.hotspots import HotspotOptions, Hotspots
from ...compare.agreement import iter_as_classes
from ...compare.orientation import BELONGS
from ...compare.segmentation import Segmentation, iter_labels_at
from ...engine.dask_arrays import as_dask
from ...engine.logits import as_members
from ...errors import InputError
from ...io.endings import stem
from ...io.writing import check_writable
from ...model.grid import Grid
from ...model.kinds import KINDS
from ...model.record import Record
from ...review.file import find_session, place_for
from ...review.reviewed_images import Options, ReviewedInput, fingerprint
from ...review.session import Session
from ...steps import part
from ..viewer.class_axis import background_of, class_axis_of, class_first, declared
from ..viewer.layer_roles import opinions, path_of, role_of, scan_for_map
from ..viewer.scan_space import Source, axes_of, layer_info, record_of, source_of
from ..viewer.shown_map import ShownMap, numbering_of
from .edited import original_of

# A review begins in the background, or is taken up if it was begun before.

Array = np.ndarray[Any, Any]

# Voxels along each axis in the sample that tells if two networks saw the same scan.
_SAMPLED = 64


@dataclass(frozen=True, eq=False)
class ReviewedImage:
    """An image that a review is about, with its content.

    Attributes
    ----------
    role, name : str
        ``"map"`` or ``"segmentation"``; name of the layer.
    path : Path or None
        Its file.
    values, grid : ndarray, Grid or None
        Values and place of its voxels, in the order of the file.
    """

    role: str
    name: str
    path: Path | None
    values: Array
    grid: Grid | None

    def as_input(self) -> ReviewedInput:
        """Return the entry for the file of a review, with a digest of the content."""
        digest = fingerprint(np.asarray(self.values), self.grid)  # they may be lazy
        return ReviewedInput(self.role, self.name, self.path, digest)


@dataclass(frozen=True, eq=False)
class ReviewMaterial:
    """Images and options that a review begins with, taken from layers.

    Attributes
    ----------
    case : str
        Name of the case.
    map : ReviewedImage
        The uncertainty map.
    further_inputs : tuple of ReviewedInput
        Files that the places do not depend on: probabilities and scan.
    segmentation : ReviewedImage or None
        The labels before any change.
    labels : Segmentation
        The labels that may be wrong: these, or the most probable class.
    no_data : ndarray or None
        Voxels of the map without data.
    members : tuple of ndarray
        Probabilities on the voxels of the map, class axis first.
    wanted : HotspotOptions
        Options of the search for places.
    anatomical : bool
        Whether the map's grid is a patient's.
    names : mapping of int to str
        Names of labels.
    record : Record
        Record of the map.
    prefer : str
        Place of reviews: ``"beside"`` the images or in the ``"user"``'s folder.
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
        """Options that, besides the images, determine the places."""
        wanted = self.wanted.on(self.map.grid, self.map.values.shape)
        return replace(Options.of(wanted), networks=len(self.members))

    @property
    def paths(self) -> list[Path]:
        """Files that a review may be beside, the best one first."""
        inputs = (self.segmentation, *self.further_inputs)
        return [one.path for one in inputs if one is not None and one.path is not None]


@dataclass(frozen=True, eq=False)
class OpenedReview:
    """A review, and the images that it is about.

    Attributes
    ----------
    session : Session
        The review; this window is not in its file before it is saved.
    material : ReviewMaterial
        Images and options that it was begun with.
    hotspots : Hotspots
        Its places.
    present_labels : tuple of int
        Labels that some voxel has.
    notes : tuple of str
        Sentences that a person should read.
    resumed : bool
        Whether it was begun before.
    """

    session: Session
    material: ReviewMaterial
    hotspots: Hotspots
    present_labels: Iterable[int]
    notes: tuple[str, ...]
    resumed: bool

    @property
    def sentence(self) -> str:
        """Sentence on the images that the list was made from."""
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
    """Search for the places and the review; yields the share done.

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
    present = tuple(int(label) for label in _labels_in(labels))
    notes = (*other_scans, *notes)
    return OpenedReview(session, material, hotspots, present, notes, resumed)


def _session(
    material: ReviewMaterial, inputs: list[ReviewedInput], hotspots: Hotspots
) -> tuple[Session, tuple[str, ...], bool]:
    """Return the review, sentences to read, and whether it was begun before."""
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
            # Its folder may be read-only, or the networks were trained on since.
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
    """Return all labels that some voxel has; of small types without sorting."""
    if labels.dtype.itemsize <= 2 and labels.dtype.kind in "bu":
        there: Array = np.flatnonzero(np.bincount(labels.ravel(order="K")))
        return there
    return np.unique(labels)


# -- networks of the same scan --------------------------------------------------


def _iter_of_this_scan(
    members: Sequence[Any], inputs: Sequence[ReviewedInput], labels: Array
) -> Generator[float, None, tuple[tuple[Any, ...], list[str]]]:
    """Leave out networks that saw another scan, with a sentence for each of these.

    In the space of a template, files of two patients have the same voxels. Their
    structures do not: below 70 % agreement in the foreground, two images are taken to
    be of different scans. Yields the share done.

    Parameters
    ----------
    members : sequence of array, shape (classes, *shape of `labels`)
        Probabilities, the map's own first.
    inputs : sequence of ReviewedInput
        Name and file of each of them.
    labels : ndarray of int
        At the voxels of the map.
    """
    kept, notes = list(members[:1]), []
    others = list(zip(members[1:], inputs[1:], strict=False))
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
        slice(None, None, max(1, length // _SAMPLED)) for length in labels.shape
    )
    prediction = np.asarray(network[(slice(None), *steps)]).argmax(axis=0)
    try:
        classes = (yield from iter_as_classes(labels, network.shape[0]))[steps]
    except InputError:
        return 0.0
    foreground = (prediction != 0) | (classes != 0)
    equal: Sequence[bool] = (prediction == classes)[foreground]
    return float(np.mean(equal)) if len(equal) else 0.0


# Taking from layers, on the main thread, everything that a review begins with.


@dataclass(frozen=True)
class ReviewChoices:
    """Choices of the person who reviews.

    Attributes
    ----------
    wanted : HotspotOptions
        Options of the search for places.
    several : bool
        Whether other networks count, too.
    prefer : str
        Place of reviews, see :func:`.place_for`.
    """

    wanted: HotspotOptions
    several: bool
    prefer: str


def material_of(
    viewer: Any, subject: ShownMap, choices: ReviewChoices
) -> ReviewMaterial:
    """Take arrays and plain values from the layers of a subject.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        The viewer of the layers.
    subject : ShownMap
        The map, and the segmentation as it is shown.
    choices : ReviewChoices
        Choices of the person.
    """
    layer, source = subject.layer, subject.source
    labels, segmentation = subject.labels, None
    if subject.segmentation is not None:
        # Places do not move when what was wrong is corrected.
        original = original_of(subject.segmentation, labels.labels)
        labels = replace(labels, labels=original)
        segmentation = ReviewedImage(
            "segmentation",
            subject.segmentation.name,
            path_of(subject.segmentation),
            original,
            labels.grid,
        )
    axes = axes_of(viewer.layers)
    networks = opinions(viewer.layers, layer, source, axes)
    of_members = len(networks) > 1
    if choices.several and len(networks) == 1:
        others = other_networks(viewer.layers, networks[0][0])
        networks += [(one, _class_first(one, axes, source)) for one in others]
    inputs = [_named("probabilities", one) for one, _ in networks]
    scan = scan_for_map(viewer.layers, layer)
    if scan is not None:
        inputs.append(_named("scan", scan))
    # Of a map, this is the file that it was made from.
    path = path_of(layer)
    return ReviewMaterial(
        case=layer.name if path is None else stem(path),
        map=ReviewedImage("map", layer.name, None, source.values, source.grid),
        further_inputs=tuple(inputs),
        segmentation=segmentation,
        labels=labels,
        no_data=subject.no_data,
        members=_exclusive(layer, networks, subject.segmentation),
        of_members=of_members,
        wanted=choices.wanted.on(source.grid, source.values.shape),
        anatomical=source.anatomical,
        names=dict(subject.names),
        record=subject.record,
        prefer=choices.prefer,
    )


def other_networks(layers: Iterable[Any], probabilities: Any) -> list[Any]:
    """Return probabilities of other networks for the same scan, as of nnU-Net's folds.

    Their files and classes have the same names, and their voxels are the same.
    """
    path, axes = path_of(probabilities), axes_of(layers)
    if path is None:
        return []
    own = source_of(probabilities, class_axis_of(probabilities), axes)
    found = []
    for layer in layers:
        if layer == probabilities or role_of(layer) != "probabilities":
            continue
        other = path_of(layer)
        if other is None or other == path or stem(other) != stem(path):
            continue
        source = source_of(layer, class_axis_of(layer), axes)
        if (
            _names(layer) == _names(probabilities)
            and source.values.shape == own.values.shape
            and _same_place(own.grid, source.grid)
        ):
            found.append(layer)
    return found


def _named(role: str, layer: Any) -> ReviewedInput:
    return ReviewedInput(role, layer.name, path_of(layer), "")


def _class_first(layer: Any, axes: Grid | None, of_map: Source) -> Any:
    """Return probabilities in the order of a map that was made from such ones."""
    source = class_first(layer, class_axis_of(layer), axes)
    return of_map.turn.turn_back(source.turn.turn(source.values))


def _exclusive(
    shown: Any, networks: Sequence[tuple[Any, Any]], segmentation: Any
) -> tuple[Any, ...]:
    """Return probabilities of classes that exclude each other; none where they do not.

    They are in the order of labels, or of the numbers that a segmentation has instead.

    The kind of each is the one of its file, or else the one of the map's values.
    """
    record = record_of(shown)
    found: list[Any] = []
    if record is None:
        return ()
    for layer, values in networks:
        kind = record.kind
        if layer != networks[0][0]:
            kind = declared(layer)["kind"] or kind
        lazy = as_dask(values)
        if lazy is None and not KINDS[kind].sums_matter:
            import dask.array as da

            # Their softmax, or what they leave over, is computed in the background, and
            # only where it is needed.
            lazy = da.from_array(values, name=False)
        held = values if lazy is None else lazy
        n_classes = held.shape[0]
        background = background_of(layer, n_classes, record.interpretation)
        if numbers := numbering_of(shown, segmentation):
            from_one = sorted(numbers) == list(range(1, n_classes + 1))
            background = None if from_one else 0
        member = as_members(held, kind, record.temperature, background)
        if not member:
            return ()
        found += member
    return tuple(found)


def _names(layer: Any) -> list[str]:
    return list(layer_info(layer).get("class_names", ()))


def _same_place(one: Grid | None, other: Grid | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.same_place(other)
