"""Taking from layers, on the main thread, everything that a review begins with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...fold import as_dask
from ...fold.logits import as_members
from ...grid import Grid
from ...hotspots import HotspotOptions
from ...io.endings import stem
from ...kinds import KINDS
from ...review import ReviewedInput
from ..class_axis import background_of, class_axis_of, class_first, declared
from ..inspect.subject import ShownMap, numbering_of
from ..layers import layer_info, record_of
from ..opinions import opinions
from ..selection import path_of, role_of, scan_for_map
from ..sources import Source, axes_of, source_of
from .begin import ReviewedImage, ReviewMaterial
from .edited import original_of


@dataclass(frozen=True)
class ReviewChoices:
    """Choices of the person who reviews.

    Attributes
    ----------
    wanted : HotspotOptions
        Which places.
    several : bool
        Whether other networks count, too.
    prefer : str
        Where reviews are kept, see :func:`.place_for`.
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
        Where the layers are.
    subject : ShownMap
        The map, and the segmentation as it is shown.
    choices : ReviewChoices
        What the person asked for.
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
    """Return what other networks say of the same scan, as nnU-Net's folds do.

    Their files have the same name, their classes, too, and their voxels are the same.
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
    """Probabilities in the order of a map that was made from others like them."""
    source = class_first(layer, class_axis_of(layer), axes)
    return of_map.turn.turn_back(source.turn.turn(source.values))


def _exclusive(
    shown: Any, networks: Sequence[tuple[Any, Any]], segmentation: Any
) -> tuple[Any, ...]:
    """Return probabilities of classes that exclude each other; none where they do not.

    They are in the order of labels, or of the numbers that a segmentation has instead.

    Each is what its file says, or else what the values of the map were taken for.
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
