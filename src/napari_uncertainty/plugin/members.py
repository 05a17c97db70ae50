"""Layers as members of one case: which fit, and what each of them holds.

Probabilities in several layers are members, and so are those that one layer holds
stacked along an axis in front, such as the passes of Monte-Carlo dropout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image

from ..ensemble import Member
from ..grid import Grid
from .class_axis import SPATIAL, class_first, declared
from .sources import Source
from .transform import inherited_transform

Array = np.ndarray[Any, Any]


def is_stack(layer: Image, class_axis: int | None) -> bool:
    """Return whether a layer holds members along an axis before that of classes."""
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
