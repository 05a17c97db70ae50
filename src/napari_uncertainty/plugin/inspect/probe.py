"""Value and class probabilities of a map at a place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...fold import as_dask
from ...fold.labels import in_order_of_labels
from ...kinds import KINDS, divisor_of, probabilities_of
from ..class_axis import background_of, declared
from ..opinions import layers_made_from, opinions
from .subject import ShownMap

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class VoxelReading:
    """Value, label and probabilities of one voxel.

    Attributes
    ----------
    ras : ndarray or None
        In mm, tilt included; None where no file tells.
    voxel : tuple of int
        Of the map, in the order of its file where it has one.
    value : float
        Of the map; NaN where it has no data.
    label : int
        Of the voxel.
    probabilities : ndarray or None
        Of each label, 1 together but of independent channels; None where they are not
        at hand.
    """

    ras: Array | None
    voxel: tuple[int, ...]
    value: float
    label: int
    probabilities: Array | None


class Probe:
    """Reads places of one map.

    Parameters
    ----------
    viewer : napari.viewer.Viewer
        Where the probabilities are looked for.
    subject : ShownMap
        The map.
    labels : ndarray
        At its voxels.
    """

    def __init__(self, viewer: Any, subject: ShownMap, labels: Array) -> None:
        self._viewer, self._subject, self._labels = viewer, subject, labels
        # Data of the layers that the map was made from, and their values at its voxels.
        self._of: tuple[Sequence[Any], Sequence[Any]] = ((), ())

    def read(self, world: Array) -> VoxelReading | None:
        """Return what is at a place in the viewer; None outside of the map."""
        subject = self._subject
        voxel = subject.voxel(world)
        if voxel is None:
            return None
        ras = subject.ras(world)
        no_data = subject.no_data is not None and bool(subject.no_data[voxel])
        return VoxelReading(
            ras,
            voxel,
            np.nan if no_data else float(subject.source.values[voxel]),
            int(self._labels[voxel]),
            None if no_data else self._probabilities(voxel),
        )

    def _probabilities(self, voxel: tuple[int, ...]) -> Array | None:
        """Return the probabilities of a voxel; of several members, their mean."""
        record = self._subject.record
        found = []
        for values, layer in self._values():
            here = np.asarray(values[(slice(None), *voxel)])
            one = by_label(
                here,
                record.kind,
                record.temperature,
                declared(layer)["region_order"],
                background_of(layer, len(here), record.interpretation),
            )
            if not np.isfinite(one).all() or not one.any():
                return None
            found.append(one)
        return np.mean(found, axis=0) if found else None

    def _values(self) -> Sequence[Any]:
        """Arrays at the voxels of the map, and the layers that they are of."""
        subject, layers = self._subject, self._viewer.layers
        made_from = layers_made_from(layers, subject.layer)
        data = [layer.data for layer in made_from]
        same = len(data) == len(self._of[0]) and all(
            one is other for one, other in zip(data, self._of[0], strict=True)
        )
        if not same:
            # Chunks of a lazy array would have to be read at each move.
            held = (
                ()
                if any(as_dask(one) is not None for one in data)
                else opinions(layers, subject.layer, subject.source, subject.axes)
            )
            self._of = (
                data,
                [(values, layer) for layer, values in held],
            )
        return self._of[1]


def by_label(
    values: Array,
    kind: str,
    temperature: float,
    region_order: Sequence[int],
    background: int | None = 0,
) -> Array:
    """Probabilities of one voxel for each label that it may have.

    Of independent channels, that of the background is the probability of none of them.

    Parameters
    ----------
    values : ndarray, shape (channels,)
        As they are stored.
    kind, temperature : str, float
        What they were taken for.
    region_order : sequence of int
        Labels that independent channels write; by default 1, 2, 3, …
    background : int or None
        Number of the class that is the background; None where no class is.
    """
    p = probabilities_of(kind, values, temperature, divisor_of(values.dtype))
    if KINDS[kind].applied(len(values)).sums_matter:
        return np.asarray(in_order_of_labels(p, background)[:])
    if not KINDS[kind].independent:
        return p
    labels = list(region_order or range(1, len(p) + 1))
    found = np.zeros(max(labels) + 1)
    found[0] = np.prod(1 - p)
    found[labels] = p
    return found
