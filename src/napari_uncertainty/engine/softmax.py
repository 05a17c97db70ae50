"""Arithmetic of a softmax: running numbers of a voxel, and what follows from them.

Each measure follows from a few numbers of a voxel, with S = Σ x over its classes and
p = x / S: entropy from S and A = Σ x·log x, for one,

    H = log S - A / S        (x >= 0, 0·log 0 = 0).

So classes can be added in groups, in their order, and be forgotten. What a measure
needs and how it follows is in its row of :data:`.MEASURES`. Logarithms are to base 2,
which numpy takes fastest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import numpy.typing as npt

from ..model.kinds import KINDS, n_classes_of, n_states_of
from ..model.measures import MEASURES, Base, Measure, Numbers, units_per_bit
from ..model.probabilities import NEGATIVE_TOLERANCE
from .rescaled import BeyondError
from .values import float_type

Array = np.ndarray[Any, Any]
Numbered = TypeVar("Numbered")

# Number of classes that can be added in float32 without losing a digit.
FEW = 16

# Running numbers that a fold keeps of each voxel, and the results that it fills.


@dataclass(frozen=True, eq=False)
class Running(Numbers):
    """Running numbers of some voxels; None where no measure asks for them.

    While independent channels are added, `sums` is Σ x of the channels, and `second`
    how probable the second outcome is as a share of the first.

    Attributes
    ----------
    winner : ndarray of unsigned int
        The class of the largest x, the first of equals.
    """

    winner: Any = None

    def __getitem__(self, part: Any) -> Running:
        return each_of(self, lambda numbers: numbers[part])

    def copy(self) -> Running:
        """Return the same numbers in memory of their own."""
        return each_of(self, np.ndarray.copy)


def each_of(running: Numbered, change: Callable[[Array], Array]) -> Numbered:
    """Return the same running numbers, each array changed; None stays None."""
    arrays = vars(running).values()
    return type(running)(*(None if one is None else change(one) for one in arrays))


@dataclass(frozen=True, eq=False)
class Results:
    """Arrays or views that a fold fills, of as many voxels as were folded.

    Attributes
    ----------
    maps : dict of str to ndarray
        One for each measure; float64 only where members have so many digits.
    no_data : ndarray of bool
        True where the probabilities sum to 0 or are not finite.
    prediction : ndarray of unsigned int or None
        The most probable class; None where it is not asked for.
    """

    maps: dict[str, Array]
    no_data: npt.NDArray[np.bool_]
    prediction: Any

    def __getitem__(self, part: Any) -> Results:
        return Results(
            {name: values[part] for name, values in self.maps.items()},
            self.no_data[part],
            None if self.prediction is None else self.prediction[part],
        )


def in_order(measures: Sequence[Measure]) -> list[Measure]:
    """Return measures in the order in which they are finished.

    Those that follow from several numbers come first: a map may then take the place of
    a number that no later one needs, see :func:`maps_in_place`.
    """
    return sorted(measures, key=lambda one: -len(one.needs))


def maps_in_place(
    needs: Mapping[str, Sequence[str]],
    numbers: Mapping[str, Array],
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
) -> dict[str, Array]:
    """Return maps in the memory of numbers, or in their own where none is free.

    Parameters
    ----------
    needs : mapping of str to sequence of str
        Of each map, in the order in which they are finished, the numbers that it
        follows from, those that it should take the place of first.
    numbers : mapping of str to ndarray
        Those that are as large as a map.
    shape, dtype
        Shape and type of a map.
    """
    places: dict[str, str] = {}
    names = list(needs)
    for at, name in enumerate(names):
        later = {one for after in names[at + 1 :] for one in needs[after]}
        for number in (*needs[name], *numbers):
            if number in numbers and number not in {*later, *places.values()}:
                places[name] = number
                break
    return {
        name: numbers[places[name]] if name in places else np.zeros(shape, dtype)
        for name in names
    }


class Folded(NamedTuple):
    """Result of a fold.

    Attributes
    ----------
    results : Results
        Maps and prediction.
    deviation : float
        Largest deviation of a voxel's sum from 1, over voxels with data.
    tolerance : float
        Largest such deviation that rounding explains.
    scale : float
        Value that stands for 1 in the input.
    """

    results: Results
    deviation: float
    tolerance: float
    scale: float = 1.0


# Arithmetic of the fold: adding classes to running numbers, and making maps of them.


@dataclass(frozen=True, eq=False)
class Kernel:
    """Arithmetic of a softmax for the measures that are asked for.

    Running numbers grow class by class, and maps follow from them.

    Attributes
    ----------
    measures : tuple of str
        Names of the asked measures.
    predict : bool
        Whether the most probable class is asked for.
    n_classes, n_states : int
        Labels that the most probable class can have, and outcomes that the
        probabilities are about; see :mod:`.model.kinds`.
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
        Type of the arithmetic with each value.
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
        """Return the arithmetic for values of type `dtype`."""
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
        """Memory for running numbers and for results, which share it where they fit."""
        one = self.running(1)
        results = self.results_in_place(one)
        arrays = {
            id(numbers): numbers.nbytes
            for numbers in (*vars(one).values(), *results.maps.values())
            if numbers is not None
        }
        return int(sum(arrays.values())) + results.no_data.nbytes

    def in_float64(self) -> Self:
        """Return the arithmetic of the same measures with more digits."""
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
        free = {
            name: numbers
            for name in ("logs", "squares", "best", "second")
            if (numbers := getattr(running, name)) is not None
            and numbers.dtype == np.float32
        }
        needs = {row.name: row.needs for row in self.rows}
        return Results(
            maps_in_place(needs, free, running.sums.shape, np.float32),
            np.zeros(running.sums.shape, np.bool_),
            running.winner,
        )

    @property
    def sums_matter(self) -> bool:
        """Return whether voxels are divided by their sums; no data where that is 0."""
        return KINDS[self.kind].sums_matter

    def label_of(self, channel: int) -> int:
        """Return the label of a channel."""
        return channel

    def check(self, x: Array) -> None:
        """Raise InputError where values are below what rounding explains."""
        lowest = float(x.min(where=np.isfinite(x), initial=0))
        if lowest < -NEGATIVE_TOLERANCE:
            raise BeyondError(
                f"Probabilities cannot be negative, these go down to {lowest:.3g}; "
                "if they are logits, choose that kind (kind logits)."
            )

    def add(
        self,
        running: Running,
        first: int,
        x: Array,
        scratch: Array,
        *,
        fresh: bool = False,
        binary: bool = False,
    ) -> None:
        """Add a group of consecutive classes.

        Parameters
        ----------
        running : Running
            Of the same voxels; changed in place.
        first : int
            Number of the first class of the group.
        x : ndarray, shape (classes of the group, voxels)
            Values >= 0 in the kernel's precision; those that are not finite spoil
            their voxel's sum, by which :meth:`finish` knows them.
        scratch : ndarray, shape (at least classes of the group + 1, voxels)
            Overwritten.
        fresh : bool
            Nothing was added so far, and what `running` holds is overwritten.
        binary : bool
            All values are 0 or 1, whose x·log x is 0.
        """
        if len(x) > FEW:
            for start in range(0, len(x), FEW):
                group = x[start : start + FEW]
                self.add(running, first + start, group, scratch, fresh=fresh)
                fresh = False
            return
        terms, total = scratch[: len(x)], scratch[len(x)]
        one = len(x) == 1
        sums = x[0] if one else np.add.reduce(x, axis=0, out=total)
        _grow(running.sums, sums, fresh)
        if running.logs is not None and not binary:
            # 0·log(tiny) is 0, so zeros add exactly nothing and no log(0) is taken;
            # to all that counts, adding tiny changes no bit.
            np.add(x, np.finfo(x.dtype).tiny, out=terms)
            np.log2(terms, out=terms)
            if one:
                np.multiply(x[0], terms[0], out=total)
            else:
                np.einsum("cv,cv->v", x, terms, out=total)
            _grow(running.logs, total, fresh)
        if running.squares is not None:
            np.einsum("cv,cv->v", x, x, out=total)
            _grow(running.squares, total, fresh)
        if running.best is not None:
            self._rank(running, first, x, total, fresh)

    def _rank(
        self, running: Running, first: int, x: Array, lesser: Array, fresh: bool
    ) -> None:
        """Keep the two largest values, and the label of the first largest one."""
        best, second, winner = running.best, running.second, running.winner
        assert best is not None
        rows = [(self.label_of(channel), row) for channel, row in enumerate(x, first)]
        if fresh:
            label, row = rows.pop(0)
            np.copyto(best, row)
            if second is not None:
                second.fill(0)
            if winner is not None:
                winner.fill(label)
        for label, row in rows:
            if winner is not None:
                # Labels rise, so the larger one is the later one; without a branch,
                # which a masked copy would take wrongly again and again.
                np.maximum(winner, (row > best) * winner.dtype.type(label), out=winner)
            if second is not None:
                np.minimum(best, row, out=lesser)
                np.maximum(second, lesser, out=second)
            np.maximum(best, row, out=best)

    def finish(
        self, running: Running, results: Results, scratch: Array, unit_sum: float = 1.0
    ) -> float:
        """Fill the results once all classes were added; `running` is used up.

        Parameters
        ----------
        running : Running
            A map of `results` may lie in its memory: see :meth:`results_in_place`.
        results : Results
            Overwritten.
        scratch : ndarray of `sum_type`, shape (at least 2, voxels)
            Overwritten.
        unit_sum : float
            What the sums should be.

        Returns
        -------
        float
            Largest deviation of the sums from `unit_sum`, as a share of it.
        """
        sums = running.sums
        lowest, highest = float(sums.min()), float(sums.max())
        has_data = None
        if not (lowest > 0 and highest < np.inf):  # NaN too
            has_data = np.isfinite(sums) & (sums > 0)
            sums[~has_data] = 1
            lowest = float(sums.min(where=has_data, initial=np.inf))
            highest = float(sums.max(where=has_data, initial=0))
        if highest > np.sqrt(np.finfo(self.precision).max) / 1e3:
            # Σ x² and Σ x·log x may have overflown where Σ x did not.
            for numbers in (running.logs, running.squares):
                if numbers is not None:
                    finite = np.isfinite(numbers)
                    has_data = finite if has_data is None else has_data & finite
        if has_data is not None:
            results.no_data[...] = ~has_data.reshape(results.no_data.shape)
        if results.prediction is not None:
            assert running.winner is not None
            results.prediction[...] = running.winner.reshape(results.prediction.shape)
        self._measure(running, results, scratch)
        if has_data is not None:
            for values in (*results.maps.values(), results.prediction):
                if values is not None:
                    np.copyto(values, 0, where=results.no_data)
        if lowest > highest:  # no data at all
            return 0.0
        return max(highest / unit_sum - 1, 1 - lowest / unit_sum)

    def _measure(self, numbers: Numbers, results: Results, scratch: Array) -> None:
        """Fill the maps, which may lie in the memory of the numbers."""
        result, spare = scratch[:2]
        for row in self.rows:
            row.finish(numbers, result, spare)
            if row.has_base and self.factor != 1:
                result *= self.factor
            # Into the range that rounding may have left.
            out = results.maps[row.name]
            flat = result.reshape(out.shape)
            np.clip(flat, 0, self.highest[row.name], out=out, casting="same_kind")


def _float32_not_above(value: float) -> np.floating[Any]:
    """Return the largest float32 that does not exceed `value`."""
    rounded = np.float32(value)
    below = np.nextafter(rounded, np.float32(0))
    return below if float(rounded) > value else rounded


def _grow(numbers: Array, more: Array, fresh: bool) -> None:
    if fresh:
        np.copyto(numbers, more)
    else:
        np.add(numbers, more, out=numbers)
