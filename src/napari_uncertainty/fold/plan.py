"""Memory that a fold needs for the measures that are asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ..kinds import KINDS, n_classes_of, n_states_of
from ..measures import MEASURES, Base, Measure, units_per_bit
from .numbers import Results, Running, in_order, in_place
from .values import float_type

Array = np.ndarray[Any, Any]

# So many classes can be added in float32 without losing a digit.
FEW = 16


@dataclass(frozen=True, eq=False)
class Plan:
    """Measures that are asked for, and the memory that they take.

    Attributes
    ----------
    measures : tuple of str
        Names of the asked measures.
    predict : bool
        Whether the most probable class is asked for.
    n_classes, n_states : int
        Labels that the most probable class can have, and outcomes that the
        probabilities are about; see :mod:`.kinds`.
    kind : str
        What the values are, a key of :data:`.KINDS` other than logits.
    region_order : tuple of int
        Labels that independent channels write, one after the other.
    channel : int or None
        The one independent channel that the measures are of; None for all together.
    factor : float
        From bits to the asked unit.
    highest : dict of str to float32
        Largest possible value of each measure.
    label_type : dtype
        Of the prediction: the smallest that holds all classes.
    precision : dtype
        Of what is done with each value.
    sum_type : dtype
        Of Σ x and Σ x·log x. Rounding of one after the other would grow with the
        number of classes, so many of them are added in float64; and so are those of
        which a difference is taken.
    """

    measures: tuple[str, ...]
    predict: bool
    n_classes: int
    n_states: int
    kind: str
    region_order: tuple[int, ...]
    channel: int | None
    factor: float
    highest: dict[str, np.floating[Any]]
    label_type: np.dtype[Any]
    precision: np.dtype[Any]
    sum_type: np.dtype[Any]

    @classmethod
    def of(
        cls,
        measures: Sequence[str],
        base: Base,
        n_channels: int,
        predict: bool,
        dtype: np.dtype[Any],
        kind: str = "softmax",
        region_order: Sequence[int] = (),
        channel: int | None = None,
    ) -> Self:
        """Plan for values of type `dtype`."""
        n_states = n_states_of(kind, n_channels, channel)
        n_classes = n_classes_of(kind, n_channels, region_order)
        # float64 input is worth float64 arithmetic, and large integers need it; all
        # else fits float32.
        precision = float_type(dtype)
        return cls(
            measures=tuple(measures),
            predict=predict,
            n_classes=n_classes,
            n_states=n_states,
            kind=kind,
            region_order=tuple(region_order or range(1, n_channels + 1)),
            channel=channel,
            factor=units_per_bit(base, n_states),
            highest={
                name: _float32_not_above(
                    MEASURES[name].highest(base, n_states)
                    if MEASURES[name].bounded
                    else np.inf
                )
                for name in measures
            },
            label_type=np.min_scalar_type(max(n_classes - 1, 1)),
            precision=precision,
            sum_type=np.dtype(np.float64)
            if n_channels > FEW or KINDS[kind].adds_background
            else precision,
        )

    @property
    def rows(self) -> list[Measure]:
        """Return the asked measures, in the order in which they are finished."""
        return in_order([MEASURES[name] for name in self.measures])

    @property
    def bytes_per_voxel(self) -> int:
        """Memory for running numbers and results, results in place where they fit."""
        one = self.running(1)
        results = self.results_in_place(one)
        arrays = {
            id(numbers): numbers.nbytes
            for numbers in (*vars(one).values(), *results.maps.values())
            if numbers is not None
        }
        return int(sum(arrays.values())) + results.no_data.nbytes

    def in_float64(self) -> Self:
        """Return the plan of the same measures with more digits."""
        double = np.dtype(np.float64)
        return replace(self, precision=double, sum_type=double)

    def results(
        self, shape: tuple[int, ...], zeros: Callable[..., Array] = np.zeros
    ) -> Results:
        """Return arrays to fill, all 0: what stays 0 costs no memory yet."""
        return Results(
            {name: zeros(shape, np.float32) for name in self.measures},
            zeros(shape, np.bool_),
            zeros(shape, self.label_type) if self.predict else None,
        )

    def running(self, voxels: int) -> Running:
        """Return running numbers of voxels that have seen no class yet."""

        def zeros(asked: bool, dtype: Any = self.precision) -> Any:
            return np.zeros(voxels, dtype) if asked else None

        def start(asked: bool) -> Any:
            # Of independent channels products are taken.
            numbers = zeros(asked)
            if asked and KINDS[self.kind].independent:
                numbers.fill(1)
            return numbers

        needs = {name for row in self.rows for name in row.needs}
        return Running(
            sums=zeros(True, self.sum_type),
            logs=zeros("logs" in needs, self.sum_type),
            squares=start("squares" in needs),
            best=start(self.predict or bool(needs & {"best", "second"})),
            second=zeros("second" in needs),
            winner=zeros(self.predict, self.label_type),
        )

    def results_in_place(self, running: Running) -> Results:
        """Return results in the memory of numbers they follow from, where they fit."""
        voxels = running.sums.shape
        free = {
            name: numbers
            for name in ("logs", "squares", "best", "second")
            if (numbers := getattr(running, name)) is not None
            and numbers.dtype == np.float32
        }
        places = in_place({row.name: row.needs for row in self.rows}, free)
        return Results(
            {
                name: free[places[name]]
                if name in places
                else np.zeros(voxels, np.float32)
                for name in self.measures
            },
            np.zeros(voxels, np.bool_),
            running.winner,
        )


def _float32_not_above(value: float) -> np.floating[Any]:
    """The largest float32 that does not exceed `value`."""
    rounded = np.float32(value)
    below = np.nextafter(rounded, np.float32(0))
    return below if float(rounded) > value else rounded
