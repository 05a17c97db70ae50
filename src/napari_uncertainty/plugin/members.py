"""Layers as members of one case: which fit, and what each of them holds.

Probabilities in several layers are members, and so are those that one layer holds
stacked along an axis in front, such as the passes of Monte-Carlo dropout.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Image

from ..ensemble import Member
from ..ensemble.members import common
from ..errors import InputError
from ..evidence import evidence_of
from ..fold import as_dask
from ..fold.values import divisor_of
from ..grid import Grid
from ..io.endings import stem
from ..kinds import KINDS, probabilities_of
from ..matching.orientation import BELONGS
from ..model.background import told_background
from ..probabilities import numbered_class_names
from .class_axis import SPATIAL, assumed_class_axis, class_first, declared
from .layers import layer_info
from .selection import path_of, role_of
from .sources import Source
from .transform import inherited_transform

Array = np.ndarray[Any, Any]

# So many voxels along each axis are plenty to tell whether two are of one scan.
_LOOKED_AT = 64


@dataclass(frozen=True, eq=False)
class Taken:
    """A layer, and what it held when it was taken.

    Attributes
    ----------
    layer : Image
        The layer.
    data : array
        Its data then.
    """

    layer: Image
    data: Any

    @classmethod
    def of(cls, layer: Image) -> Taken:
        """As it is now."""
        return cls(layer, layer.data)

    def is_current(self, layers: Iterable[Any]) -> bool:
        """Return whether it is still there and still holds the same data."""
        return self.layer in layers and self.layer.data is self.data


def is_stack(layer: Image, class_axis: int | None) -> bool:
    """Whether a layer holds several members, along an axis before that of classes."""
    return layer.data.ndim == SPATIAL + 2 and class_axis is not None and class_axis > 0


def sources_of_stack(
    layer: Image, class_axis: int, axes: Grid | None = None
) -> list[Source]:
    """Return what each of the members holds, class axis first."""
    options: dict[str, Any] = inherited_transform(layer, (0,))
    options["rgb"] = layer.rgb
    return [
        class_first(
            # Never shown: with the place of the whole, it has a place like any other.
            Image(one, metadata=layer.metadata, contrast_limits=(0, 1), **options),
            class_axis - 1,
            axes,
        )
        for one in layer.data
    ]


def member_of(
    layer: Image,
    source: Source,
    first: Source,
    name: str,
    kind: str | None = None,
    temperature: float = 1.0,
) -> Member:
    """A member, as the core takes it.

    Parameters
    ----------
    layer : Image
        Which says what its values are.
    source : Source
        What it holds, class axis first.
    first : Source
        What the first member holds, in the order of whose axes this one is taken.
        Where nobody knows how the two lie, they lie as the viewer shows them.
    name : str
        What to call it.
    kind, temperature : str or None, float
        As a person says; None for what the layer says.
    """
    told = declared(layer)
    values, grid, names = source.values, source.grid, told["class_names"]
    if first.grid is None or grid is None:
        values = first.turn.turn_back(source.turn.turn(values))
    elif source.is_as_shown != first.is_as_shown:
        # The layer of another source has the viewer's order, and no file has.
        placement = grid.placement_in(first.grid)
        if placement is not None:
            values = placement.turn(values)
            grid = first.grid.box(placement.offset, values.shape[1:])
    return Member(
        values,
        name,
        names if len(names) == values.shape[0] else (),
        grid,
        kind or told["kind"],
        temperature,
        told["region_order"],
        kind is None and told["kind"] is not None,
        bool(told["tissues_of"]),
    )


def fitting(layers: Iterable[Any], chosen: Image, axes: Grid | None) -> list[Image]:
    """Layers that can be members together with a chosen one, itself first.

    They have as many classes, with the same names where these are known, and the same
    voxels, or known ones that overlap.

    Parameters
    ----------
    layers : iterable of layer
        Those of the viewer.
    chosen : Image
        On whose voxels the map will be.
    axes : Grid or None
        Whose own axes the viewer shows.
    """
    source = _source(chosen, axes)
    first = member_of(chosen, source, source, chosen.name)
    found = [chosen]
    for layer in layers:
        if layer == chosen or not _may_be_probabilities(layer, chosen):
            continue
        other = member_of(layer, _source(layer, axes), source, layer.name)
        with suppress(InputError):
            common((first, other))
            found.append(layer)
    return found


def of_one_case(fitting: Sequence[Image], axes: Grid | None) -> list[Image]:
    """Return which of these layers are members unless somebody says otherwise.

    Those of which the files have the same name as that of the first, or that came with
    it from one sample, and of which the labels agree with it as those of two networks
    for one scan do. Of two patients in the space of a template they do not.

    Parameters
    ----------
    fitting : sequence of Image
        As of :func:`fitting`.
    axes : Grid or None
        Whose own axes the viewer shows.
    """
    chosen = fitting[0]
    own, sample = path_of(chosen), chosen.source.sample
    found, files = [chosen], {own}
    for layer in fitting[1:]:
        path = path_of(layer)
        if own is None or path is None:
            belongs = sample is not None and layer.source.sample == sample
        else:
            belongs = path not in files and stem(path) == stem(own)
        if belongs and _look_alike(layer, chosen, axes):
            found.append(layer)
            files.add(path)
    return found


def _source(layer: Image, axes: Grid | None) -> Source:
    return class_first(layer, assumed_class_axis(layer), axes)


def _may_be_probabilities(layer: Any, chosen: Image) -> bool:
    """Return whether a layer says so or looks like it, or nobody says what it is."""
    role = role_of(layer)
    if role == "probabilities":
        return True
    known = layer_info(layer).get("role") is not None
    return role == "scan" and not known and layer.data.shape == chosen.data.shape


def _look_alike(layer: Image, chosen: Image, axes: Grid | None) -> bool:
    """Return whether the labels of two agree; lazy arrays are not looked at."""
    if as_dask(layer.data) is not None or as_dask(chosen.data) is not None:
        return True
    source = _source(chosen, axes)
    pair = (
        member_of(chosen, source, source, chosen.name),
        member_of(layer, _source(layer, axes), source, layer.name),
    )
    boxes = common(pair).boxes
    one, other = (_labels_of(*of) for of in zip(pair, boxes, strict=True))
    equal = (one == other)[(one != 0) | (other != 0)]
    return not equal.size or float(equal.mean()) >= BELONGS


def _labels_of(member: Member, box: Sequence[slice]) -> Array:
    """The most probable class of some voxels in a box."""
    steps = [max(1, (one.stop - one.start) // _LOOKED_AT) for one in box]
    places = [
        slice(one.start, one.stop, step) for one, step in zip(box, steps, strict=True)
    ]
    values = np.asarray(member.values[(slice(None), *places)])
    kind = member.kind or evidence_of(values.reshape(len(values), -1)).kind
    p = probabilities_of(
        kind, values, member.temperature, divisor_of(member.values.dtype)
    )
    labels: Array = p.argmax(axis=0)
    if KINDS[kind].applied(len(values)).sums_matter:
        names = member.class_names or numbered_class_names(len(values))
        labels = np.array(told_background(names).labels(len(values)))[labels]
    if KINDS[kind].independent:
        labels = np.where(p.max(axis=0) > 0.5, labels + 1, 0)
    return labels
