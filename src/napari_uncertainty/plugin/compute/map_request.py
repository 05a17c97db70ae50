"""Request for a map, taken from layers, and the layer that its map becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels

from ...case import CaseInputs, CaseResult, iter_case
from ...engine.maps import UncertaintyMaps
from ...errors import InputError
from ...model.grid import Grid
from ...model.interpretation import AS_FOUND, Interpretation
from ...model.kinds import names_of_classes
from ...model.measures import ALL_MEASURES, ENSEMBLE_MEASURES, Base
from ...model.probabilities import ProbabilityMap, numbered_class_names
from ...model.record import Record
from ...predictions import Predictions
from ..viewer.arrival import introduce_map, tilted
from ..viewer.class_axis import (
    class_first,
    declared,
    is_guess,
    map_shape,
    required_class_axis,
)
from ..viewer.in_3d import in_3d
from ..viewer.layer_roles import (
    check_scan_fits,
    is_stack,
    member_of,
    path_of,
    sources_of_stack,
)
from ..viewer.layers import add_map, inherited_transform
from ..viewer.legends import title_color_bars
from ..viewer.scan_space import (
    METADATA_KEY,
    NO_DATA,
    PREDICTION,
    RECORD,
    Source,
    axes_of,
    layer_info,
    leader_of,
    record_of,
    segmentation_on,
    source_of,
)

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth")


# The request for a map, taken from layers on the main thread.


@dataclass(frozen=True, eq=False)
class Request:
    """A map to compute.

    Attributes
    ----------
    taken : dict of Image to array
        The layers that the map is made from, with their data at the time; the first one
        is that of the probabilities, on whose voxels the map will be.
    class_axis : int or None
        Class axis of the first layer's data; None where it is a single channel.
    stacked : bool
        Whether its first axis is that of the members.
    source : Source
        Its values in the order and place of its file, class axis first; those of the
        first member if it is a stack.
    members : tuple of ProbabilityMap
        The probabilities of each network; one unless the measure is of several.
    scan, segmentation : Image or None, Labels or None
        The layers of the same case, if there are any.
    foreground_only : bool
        Whether the background is to be left out.
    measure, base : str, 2 or "e" or "classes"
        The measure, and the base of its logarithm.
    how : Interpretation
        Interpretation of the values that a person has chosen.
    notes : tuple of str
        Sentences to show with the result.
    """

    taken: Mapping[Image, Any]
    class_axis: int | None
    stacked: bool
    source: Source
    members: tuple[ProbabilityMap, ...]
    scan: Image | None
    segmentation: Labels | None
    foreground_only: bool
    measure: str
    base: Base
    how: Interpretation
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        viewer: Any,
        probabilities: Image | None,
        scan: Image | None,
        segmentation: Labels | None,
        *,
        foreground_only: bool,
        measure: str,
        base: Base,
        how: Interpretation = AS_FOUND,
        members: Sequence[Image] = (),
    ) -> Request:
        """Return a request for a map of these layers, after a check that they fit.

        Parameters
        ----------
        viewer : napari.viewer.Viewer
            The viewer with the layers.
        members : sequence of Image
            Further members besides the probabilities, for a measure of several.
        probabilities, scan, segmentation, foreground_only, measure, base, how
            As the attributes.

        Raises
        ------
        InputError
            If there is nothing to compute, or the layers cannot belong together.
        """
        if probabilities is None:
            raise InputError(
                "No layer with class probabilities is chosen; open the network's "
                "softmax and choose it under Probabilities."
            )
        axes = axes_of(viewer.layers)
        class_axis = required_class_axis(probabilities, how.kind)
        several = measure in ENSEMBLE_MEASURES
        stacked = several and is_stack(probabilities, class_axis)
        shape = map_shape(probabilities, class_axis)
        check_scan_fits(probabilities, shape[1:] if stacked else shape, scan)
        if stacked and class_axis is not None:
            held = _members_of_stack(probabilities, class_axis, axes)
        else:
            others = members if several else ()
            held = _members_of_layers(probabilities, class_axis, others, how.kind, axes)
        if several and len(held) < 2:
            raise InputError(
                f"{_capitalised(ALL_MEASURES[measure].title)} needs at least two "
                "members: tick another layer under Members, or open what another "
                "network says of this scan."
            )
        source = held[0].source
        return cls(
            {one.layer: one.layer.data for one in held},
            class_axis,
            stacked,
            source,
            tuple(_probabilities(one, source) for one in held),
            scan,
            segmentation,
            foreground_only,
            measure,
            base,
            how,
            tuple(_notes(viewer, probabilities, class_axis, held, stacked)),
        )

    @property
    def probabilities(self) -> Image:
        """Layer on whose voxels the map will be."""
        return next(iter(self.taken))

    @property
    def data(self) -> Any:
        """Data of that layer when the request was made."""
        return self.taken[self.probabilities]

    @property
    def without(self) -> tuple[int, ...]:
        """Axes of these data that the map does not have."""
        axes = () if self.class_axis is None else (self.class_axis,)
        return (0, *axes) if self.stacked else axes

    def changed(self, viewer: Any) -> Image | None:
        """Return a layer that was removed or got other data since; None without one."""
        for layer, data in self.taken.items():
            if layer not in viewer.layers or layer.data is not data:
                return layer
        return None

    def steps(self, viewer: Any) -> Callable[..., Any]:
        """Return the work for the thread, which gets arrays and plain values only."""
        axes, info = axes_of(viewer.layers), layer_info(self.probabilities)
        several = self.measure in ENSEMBLE_MEASURES
        shape = self.source.values.shape[1:]
        inputs = CaseInputs(
            Predictions(self.members, self.how, together=several, on_first=True),
            None
            if self.segmentation is None
            else segmentation_on(self.segmentation, self.source, shape, axes),
            None
            if self.scan is None
            else (self.scan.name, source_of(self.scan, axes=axes).grid),
            self.probabilities.name,
            info.get("placed", ""),
            info.get("placement"),
        )
        return partial(
            iter_case,
            inputs,
            (self.measure,),
            base=self.base,
            foreground_only=self.foreground_only,
        )


@dataclass(frozen=True, eq=False)
class _TakenMember:
    """Values of a member, with their layer, name and class axis."""

    layer: Image
    source: Source
    name: str
    class_axis: int | None


def _probabilities(held: _TakenMember, first: Source) -> ProbabilityMap:
    """Return the values of a member with the statements of its file."""
    member = member_of(held.layer, held.source, first, held.name)
    told, info, path = declared(held.layer), layer_info(held.layer), path_of(held.layer)
    geometry = info.get("geometry_source")
    return ProbabilityMap(
        member.values,
        member.class_names or numbered_class_names(member.values.shape[0]),
        member.grid,
        member.kind,
        path,
        # Labels of that file are compared with them if its place is theirs.
        geometry_source=Path(geometry) if geometry and member.grid else None,
        name=held.name,
        region_order=member.region_order,
        tissues_of=told["tissues_of"],
        # A guess from when it was opened does not hold for another class axis.
        guess=told["guess"] if held.class_axis == info.get("class_axis") else "",
    )


def _members_of_stack(
    layer: Image, class_axis: int, axes: Grid | None
) -> list[_TakenMember]:
    """Return the members that one layer holds."""
    sources = sources_of_stack(layer, class_axis, axes)
    return [
        _TakenMember(layer, source, f"{layer.name} [{number}]", class_axis)
        for number, source in enumerate(sources)
    ]


def _members_of_layers(
    first: Image,
    class_axis: int | None,
    others: Sequence[Image],
    kind: str | None,
    axes: Grid | None,
) -> list[_TakenMember]:
    """Return the members of which each is a layer."""
    source = class_first(first, class_axis, axes)
    held = [_TakenMember(first, source, first.name, class_axis)]
    for layer in others:
        if layer != first:
            axis = required_class_axis(layer, kind)
            source = class_first(layer, axis, axes)
            held.append(_TakenMember(layer, source, layer.name, axis))
    return held


def _notes(
    viewer: Any,
    layer: Image,
    class_axis: int | None,
    held: Sequence[_TakenMember],
    stacked: bool,
) -> list[str]:
    """Return sentences on how a layer was read."""
    notes = []
    if layer.rgb:
        notes.append(
            f"napari shows '{layer.name}' in colour; its last axis was read as "
            f"{layer.data.shape[-1]} classes."
        )
    if class_axis is not None and is_guess(layer, class_axis):
        notes.append(
            f"The values of '{layer.name}' sum to 1 along no axis. Its "
            f"{_ORDINALS[class_axis]} axis was read as {layer.data.shape[class_axis]} "
            "classes, because of its shape."
        )
    if stacked:
        notes.append(
            f"'{layer.name}' has {layer.data.ndim} axes; the first was read as "
            f"{len(held)} members."
        )
    leader, axes = leader_of(viewer.layers), axes_of(viewer.layers)
    grid = held[0].source.grid
    if grid is not None and axes is not None and tilted(grid, axes):
        notes.append(
            f"'{layer.name}' is tilted by {grid.tilt_against(axes):.1f}° against "
            f"'{leader.name}'. Its map is shown resampled onto the axes of that scan; "
            "the probabilities themselves are shown along their own."
        )
    return notes


def _capitalised(title: str) -> str:
    return title[0].upper() + title[1:]


# The layer of a map, in the place of its probabilities.


def show_map(viewer: Any, request: Request, result: CaseResult) -> Image:
    """Add the map to the viewer, or update the one that was made from this layer.

    A new map on a scan hides the probabilities, which would lie between the two.
    """
    probabilities, measure = request.probabilities, request.measure
    values = result.values(measure).astype(np.float32, copy=False)
    values = request.source.turn.turn(values)
    transform = inherited_transform(probabilities, request.without)
    record = replace(
        result.record(measure), class_names=_class_names(probabilities, result.maps)
    )
    origin = _origin(request, result, record)
    channel = result.maps.channel
    layer = _map_made_from(viewer, probabilities, measure, channel)
    if layer is not None:
        layer.data = values
        for name, value in transform.items():
            setattr(layer, name, value)
        layer.contrast_limits = (0, record.highest)
        layer.metadata = {**layer.metadata, METADATA_KEY: origin}
        title_color_bars(viewer)
        return layer
    in_3d(viewer)
    name = " ".join(filter(None, (probabilities.name, measure, channel)))
    layer = add_map(viewer, values, name, origin, transform)
    introduce_map(viewer, layer)
    if request.scan is not None:
        for taken in request.taken:
            taken.visible = False
    _keep_out_of_rolling(viewer, request)
    return layer


def _keep_out_of_rolling(viewer: Any, request: Request) -> None:
    """Let napari's button that changes the slicing direction skip classes and members.

    A picture of classes against a spatial axis would be of no use.
    """
    probabilities = request.probabilities
    if probabilities.ndim == viewer.dims.ndim and not probabilities.rgb:
        rollable = list(viewer.dims.rollable)
        for axis in request.without:
            rollable[axis] = False
        viewer.dims.rollable = tuple(rollable)


def _map_made_from(
    viewer: Any, probabilities: Image, measure: str, channel: str | None
) -> Image | None:
    """Return the layer with the same map of these probabilities; None without one."""
    for layer in viewer.layers:
        info = layer_info(layer)
        if (
            info.get("role") == "map"
            and info.get("made_from", ())[:1] == (probabilities.unique_id,)
            and (record := record_of(layer)) is not None
            and (record.measure, record.channel) == (measure, channel)
        ):
            return layer
    return None


def _origin(request: Request, result: CaseResult, record: Record) -> dict[str, Any]:
    """Return the metadata of the layer of a map."""
    known, no_data = layer_info(request.probabilities), result.maps.no_data
    turn = request.source.turn.turn
    return {
        "role": "map",
        RECORD: record,
        "source": record.source,
        "made_from": tuple(taken.unique_id for taken in request.taken),
        PREDICTION: turn(result.maps.prediction),
        NO_DATA: turn(no_data) if no_data.any() else None,
    } | {name: known[name] for name in ("grid", "affine") if name in known}


def _class_names(layer: Image, maps: UncertaintyMaps) -> tuple[str, ...]:
    """Return a name for each label; none if only numbers of channels are known."""
    told = declared(layer)
    names = told["class_names"]
    if not names:
        return ()
    background = maps.background.channel
    labels = names_of_classes(maps.kind, names, told["region_order"], background)
    if names == numbered_class_names(len(names)) and labels[0] == "background":
        labels = ("background", "foreground") if len(names) == 1 else ()
    return labels if len(labels) == maps.n_classes else ()
