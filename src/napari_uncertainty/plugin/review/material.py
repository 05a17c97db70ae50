"""What a review is begun with, taken from layers on the main thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...fold import as_dask
from ...grid import Grid
from ...hotspots import Wanted
from ...io.nifti import stem
from ...review import ReviewedInput
from ..inspect.subject import Subject
from ..layers import layer_info
from ..selection import class_axis_of, role_of, scan_for_map
from ..sources import Source, axes_of, source_of
from .begin import Material, Reviewed
from .edited import original_of


@dataclass(frozen=True)
class Choices:
    """What the person asked for.

    Attributes
    ----------
    wanted : Wanted
        Which places.
    several : bool
        Whether other networks count, too.
    prefer : str
        Where reviews are kept, see :func:`.place_for`.
    """

    wanted: Wanted
    several: bool
    prefer: str


def material_of(viewer: Any, subject: Subject, choices: Choices) -> Material:
    """Take arrays and plain values from the layers of a subject.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the layers are.
    subject : Subject
        The map, and the segmentation as it is shown.
    choices : Choices
        What the person asked for.
    """
    layer, source = subject.layer, subject.source
    labels, segmentation = subject.labels, None
    if subject.segmentation is not None:
        # Places do not move when what was wrong is corrected.
        original = original_of(subject.segmentation, labels.labels)
        labels = replace(labels, labels=original)
        segmentation = Reviewed(
            "segmentation",
            subject.segmentation.name,
            path_of(subject.segmentation),
            original,
            labels.grid,
        )
    probabilities = probabilities_of(viewer.layers, layer)
    networks = [] if probabilities is None else [probabilities]
    if choices.several and probabilities is not None:
        networks += other_networks(viewer.layers, probabilities)
    axes = axes_of(viewer.layers)
    told = [_told("probabilities", one) for one in networks]
    scan = scan_for_map(viewer.layers, layer)
    if scan is not None:
        told.append(_told("scan", scan))
    # Of a map, this is the file that it was made from.
    path = path_of(layer)
    return Material(
        case=layer.name if path is None else stem(path),
        map=Reviewed("map", layer.name, None, source.values, source.grid),
        told=tuple(told),
        segmentation=segmentation,
        labels=labels,
        no_data=subject.no_data,
        members=tuple(_class_first(one, axes, source) for one in networks),
        undecided=subject.undecided,
        wanted=choices.wanted,
        anatomical=source.anatomical,
        names=dict(subject.names),
        unit=subject.unit,
        prefer=choices.prefer,
    )


def probabilities_of(layers: Iterable[Any], shown: Any) -> Any:
    """The layer that a map was made from; None if it is gone."""
    made_from = layer_info(shown).get("made_from")
    return next((one for one in layers if one.unique_id == made_from), None)


def other_networks(layers: Iterable[Any], probabilities: Any) -> list[Any]:
    """What other networks say of the same scan, as nnU-Net's folds do.

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


def path_of(layer: Any) -> Path | None:
    """The file of a layer, where it has one."""
    source = layer_info(layer).get("source") or layer.source.path
    return Path(source) if source else None


def _told(role: str, layer: Any) -> ReviewedInput:
    return ReviewedInput(role, layer.name, path_of(layer), "")


def _class_first(layer: Any, axes: Grid | None, of_map: Source) -> Any:
    """Probabilities in the order of a map that was made from them."""
    source = source_of(layer, class_axis_of(layer), axes)
    lazy = as_dask(source.values)
    values = source.values if lazy is None else lazy
    # Without a place, a map has the viewer's order, and its probabilities the file's.
    return of_map.turn.turn_back(source.turn.turn(values))


def _names(layer: Any) -> list[str]:
    return list(layer_info(layer).get("class_names", ()))


def _same_place(one: Grid | None, other: Grid | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.same_place(other)
