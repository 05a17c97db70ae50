"""Maps that a fold computes, with what it found about the values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..model.background import FIRST_CLASS, Background
from ..model.kinds import KINDS
from ..model.measures import Base
from ..model.probabilities import is_lazy
from ..model.record import Check
from .blocks import slabs

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class UncertaintyMaps(Mapping[str, Any]):
    """Maps by the name of their measure, and what the fold found about the values.

    All of them are dask arrays, not computed yet, where the input was one.

    Attributes
    ----------
    maps : dict of str to array of float32
        One map for each measure, class axis removed; 0 at no-data voxels.
    no_data : array of bool
        Voxels whose probabilities sum to 0 or are not finite.
    prediction : array of unsigned int or None
        Label of the most probable class (the first of equals), of which 0 is the
        background; 0 at no-data voxels. None where it was not asked for.
    n_classes : int
        How many classes the prediction tells apart, a background that was left out in
        the input included.
    base : 2, "e" or "classes"
        Base of the logarithm.
    largest_sum_deviation : float
        Largest distance of a voxel's sum from 1, over voxels with data.
    sum_tolerance : float
        Largest such deviation that rounding explains.
    kind : str
        What the values were taken for, a key of :data:`.KINDS`.
    temperature : float
        Number that logits were divided by.
    scale : float
        Value that stands for 1 in the input.
    n_states : int
        How many outcomes the maps are about: the classes, of C independent channels
        2^C, of one of them 2. With it, :attr:`.Measure.highest` gives the largest
        value.
    channel : str or None
        Name, or else number, of the one independent channel that the maps are of; None
        for all together. The prediction is that of all.
    evidence : str
        Evidence of their kind, in words; empty where there is none.
    doubt : str
        Other kinds that are possible, where the kind was found and is not clear.
    contradiction : str
        Why they do not look like the kind that was named.
    fitted : str
        How values became probabilities, where they were multiplied or beyond 0 to 1.
    clipped : float
        Largest distance below 0 or above 1 of values for which it was known only once
        they were computed.
    members : tuple of str
        Names of the members of an ensemble; empty for one network.
    checks : tuple of Check
        Checks that say whether the maps can be trusted; empty while they are not
        computed yet.
    background : Background
        The class with label 0, see :mod:`.model.background`; of kinds that have a
        background of their own, it says nothing of the labels.
    share_empty : float
        Share of the voxels in which all classes are 0, as far as some voxels tell.
    """

    maps: dict[str, Any]
    no_data: Any
    prediction: Any
    n_classes: int
    base: Base
    largest_sum_deviation: Any
    sum_tolerance: float
    kind: str = "softmax"
    temperature: float = 1.0
    scale: float = 1.0
    n_states: int = 0
    channel: str | None = None
    evidence: str = ""
    doubt: str = ""
    contradiction: str = ""
    members: tuple[str, ...] = ()
    fitted: str = ""
    checks: tuple[Check, ...] = ()
    clipped: Any = 0.0
    background: Background = FIRST_CLASS
    share_empty: float = 0.0

    def with_background(self, background: Background, n_channels: int) -> Self:
        """Return the same with labels of which 0 is that background.

        Parameters
        ----------
        background : Background
            Of these maps the first class is it, unless the kind has one of its own.
        n_channels : int
            Length of the class axis.
        """
        if background.channel == 0 or self.has_background(n_channels):
            return replace(self, background=background)
        prediction = self.prediction
        if prediction is not None:
            labels = background.labels(n_channels)
            prediction = relabelled(prediction, labels, self.no_data)
        return replace(
            self,
            prediction=prediction,
            n_classes=n_channels + (background.channel is None),
            background=background,
        )

    def has_background(self, n_channels: int) -> bool:
        """Return whether their kind has a background that is none of the channels."""
        return not KINDS[self.kind].applied(n_channels).sums_matter

    def classes(self, n_channels: int) -> tuple[int, ...]:
        """Return the label of each channel; none of channels that may overlap."""
        if KINDS[self.kind].independent:
            return ()
        if self.has_background(n_channels):
            return tuple(range(1, n_channels + 1))
        return self.background.labels(n_channels)

    @property
    def messages(self) -> list[str]:
        """Remarks for a person, in sentences; usually none."""
        return self.kind_messages

    @property
    def kind_messages(self) -> list[str]:
        """Remarks that speak against the kind that the values were taken for."""
        sentences = (
            self.contradiction,
            self.fitted,
            self.clipped_message,
            self.doubt,
            self.sums_message,
        )
        return [one for one in sentences if one]

    @property
    def clipped_message(self) -> str:
        """Sentence about values that were clipped as they were computed, or empty.

        Of dask arrays it has to be computed.
        """
        beyond = float(self.clipped)
        if not beyond:
            return ""
        return (
            f"Some values are below 0 or above 1 by up to {beyond:.3g}, as resampling "
            "by splines makes them; they were clipped to 0 to 1."
        )

    @property
    def sums_message(self) -> str | None:
        """Sentence about sums that rounding does not explain; None if it does.

        Of dask arrays it has to be computed.
        """
        deviation = float(self.largest_sum_deviation)
        if deviation <= self.sum_tolerance:
            return None
        if KINDS[self.kind].adds_background:
            return (
                "What a voxel has of all classes should sum to at most 1, these reach "
                f"{1 + deviation:.3g}; check that they are shares of classes that "
                "exclude each other, not independent channels or scores."
            )
        return (
            "The probabilities of a voxel should sum to 1, these differ by up to "
            f"{deviation:.3g}; each voxel was divided by its sum. "
            "Check that they are a softmax, not independent channels or scores."
        )

    def __getitem__(self, name: str) -> Any:
        return self.maps[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.maps)

    def __len__(self) -> int:
        return len(self.maps)


def relabelled(prediction: Any, labels: Sequence[int], no_data: Any) -> Any:
    """Return labels in place of numbers of classes; 0 where there is no data.

    Parameters
    ----------
    prediction : array of unsigned int
        Numbers of classes along the class axis.
    labels : sequence of int
        The label of each.
    no_data : array of bool
        Voxels without data.
    """
    table = np.array(labels, np.min_scalar_type(max(*labels, 1)))

    def change(numbers: Array, missing: Array) -> Array:
        changed: Array = table[numbers]
        changed[missing] = 0
        return changed

    if is_lazy(prediction):
        return prediction.map_blocks(change, no_data, dtype=table.dtype)
    changed = np.empty_like(prediction, table.dtype)
    for slab in slabs(prediction):  # an index takes eight bytes
        changed[slab] = change(prediction[slab], no_data[slab])
    return changed
