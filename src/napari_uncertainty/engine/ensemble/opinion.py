"""Opinion of one member on each voxel: its label, and how probabilities follow.

All classes of a voxel have to be read before the probability of the first is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import InputError
from ...model.kinds import KINDS, divisor_of, n_classes_of
from ...model.probabilities import NEGATIVE_TOLERANCE, SUM_TOLERANCE, scale_of_sums
from ..rescaled import BeyondError, Fit
from ..values import bits, is_plain, read_values, sampled_sums, sum_tolerance

Array = np.ndarray[Any, Any]

_HALF = 0.5


@dataclass(frozen=True)
class MemberReading:
    """Way in which the values of a member are read.

    Attributes
    ----------
    name : str
        Name of the member.
    kind : str
        A key of :data:`.KINDS`.
    temperature : float
        Temperature of logits.
    n_channels : int
        Length of the class axis.
    region_order : tuple of int
        Labels that independent channels write.
    stored : dtype
        Of the values.
    precision : dtype
        Of the probabilities.
    scale : float or None
        Sum of the values of a voxel, if it is known.
    fit : Fit or None
        Change that makes probabilities of the values, where one is needed.
    whole : bool
        Whether they are tissues that sum to 1 wherever there is one.
    """

    name: str
    kind: str
    temperature: float
    n_channels: int
    region_order: tuple[int, ...]
    stored: np.dtype[Any]
    precision: np.dtype[Any]
    scale: float | None = None
    fit: Fit | None = None
    whole: bool = False

    @property
    def channels(self) -> bool:
        """Return whether the channels are independent."""
        return KINDS[self.kind].independent

    @property
    def scores(self) -> bool:
        """Return whether a probability takes the scores of all classes of a voxel."""
        return KINDS[self.kind].exclusive_scores

    @property
    def adds_background(self) -> bool:
        """Return whether what all channels leave over is a class more."""
        return KINDS[self.kind].applied(self.n_channels).adds_background

    @property
    def divisor(self) -> float:
        """Number that small whole numbers are divided by before they are used."""
        if self.fit is not None or KINDS[self.kind].logistic:
            return 1.0
        return divisor_of(self.stored)

    @property
    def clips(self) -> bool:
        """Return whether values beyond 0 to 1 are clipped."""
        return self.fit is not None and self.fit.clips

    @property
    def tells_padding(self) -> bool:
        """Return whether 0 in all channels can only be padding of logits."""
        return self.scores and self.stored.kind == "f" and self.n_channels > 1

    @property
    def n_classes(self) -> int:
        """Number of labels that there can be."""
        return n_classes_of(self.kind, self.n_channels, self.region_order)

    def values(self, raw: Array) -> Array:
        """Return values in the precision of the arithmetic; a copy, checked.

        Raises
        ------
        InputError
            If probabilities cannot have such values.
        """
        if self.scores:
            x = raw.astype(self.precision)
            x /= self.temperature
            return x
        if self.fit is not None:
            # As of a single network. What is not finite stays so, or is NaN.
            x = self.fit.apply(raw)
            if self.fit.temperature is None and not self.fit.clips:
                self._check(x)
                x[x < 0] = 0
            return x.astype(self.precision)
        plain = is_plain(raw)
        x = read_values(raw, np.empty(raw.shape, self.precision), self.divisor, plain)
        if plain and not self.channels:
            return x
        self._check(x)
        x[np.isfinite(x) & (x < 0)] = 0
        return x

    def _check(self, x: Array) -> None:
        known = np.isfinite(x)
        lowest = float(x.min(where=known, initial=0))
        remedy = "choose that kind"
        if self.channels:  # members cannot be logits of independent channels
            remedy = "take their sigmoid first"
        if lowest < -NEGATIVE_TOLERANCE:
            raise BeyondError(
                f"'{self.name}' has values down to {lowest:.3g}, and probabilities "
                f"cannot be negative; if they are logits, {remedy}."
            )
        highest = float(x.max(where=known, initial=0)) if self.channels else 0
        if highest > 1 + SUM_TOLERANCE:
            raise BeyondError(
                f"'{self.name}' has values up to {highest:.3g}, and independent "
                f"channels are at most 1; if they are logits, {remedy}."
            )


class Opinion:
    """Numbers that one member gives for some voxels.

    Parameters
    ----------
    reading : MemberReading
        How its values are read.
    shape : tuple of int
        Shape of the voxels.
    """

    def __init__(self, reading: MemberReading, shape: tuple[int, ...]) -> None:
        self.reading = reading
        precision = reading.precision
        #: Σ x of a voxel; of logits the logarithm of Σ exp x.
        start = -np.inf if reading.scores else 0
        if reading.scores and reading.adds_background:
            start = 0  # exp(0), of the background
        sums_type = np.dtype(np.float64) if reading.adds_background else precision
        self._sums: Any = np.full(shape, start, sums_type)
        lowest = -np.inf if reading.scores else 0
        self._best: Any = np.full(shape, lowest, precision)
        self.labels = np.zeros(shape, np.min_scalar_type(max(reading.n_classes - 1, 1)))
        self.scale = 1.0
        #: Where all values were 0 so far.
        self._padding: Any = np.ones(shape, np.bool_) if reading.tells_padding else None
        #: Σ of what was not clipped, and where something was below 0.
        sums_matter = KINDS[reading.kind].sums_matter
        self._raw: Any = np.zeros(shape) if reading.clips and sums_matter else None
        self._below: Any = None if self._raw is None else np.zeros(shape, np.bool_)

    def part(self, place: Any) -> Opinion:
        """Return the opinion on some of the voxels, as views."""
        some = object.__new__(Opinion)
        some.reading, some.scale = self.reading, self.scale
        some._sums, some.labels = self._sums[place], self.labels[place]
        for name in ("_best", "_padding", "_raw", "_below"):
            numbers = getattr(self, name)
            setattr(some, name, None if numbers is None else numbers[place])
        return some

    def matters(self, raw: Array) -> bool:
        """Return whether values can change anything; only zeros of logits can."""
        return KINDS[self.reading.kind].logistic or bool(bits(raw).any())

    def add(self, channel: int, raw: Array) -> None:
        """Add the values of one channel; called in the order of the channels."""
        reading = self.reading
        if not self.matters(raw):
            return
        if self._padding is not None:
            self._padding &= raw == 0
        if self._raw is not None:
            self._raw += raw
            self._below |= raw < -NEGATIVE_TOLERANCE
        x = reading.values(raw)
        if reading.scores:
            np.logaddexp(self._sums, x, out=self._sums, casting="same_kind")
        else:
            self._sums += x
        if reading.channels:
            np.copyto(self.labels, reading.region_order[channel], where=x > _HALF)
            return
        label = channel + reading.adds_background
        np.copyto(self.labels, label, where=x > self._best)
        np.maximum(self._best, x, out=self._best)

    def look_back(self) -> tuple[float, float]:
        """End the first reading; return the largest deviation of sums, and a tolerance.

        Voxels without data get NaN for everything.
        """
        reading, sums = self.reading, self._sums
        deviation, tolerance = 0.0, SUM_TOLERANCE
        known = np.isfinite(sums)
        if self._padding is not None:
            known &= ~self._padding
        self._require_sums(known)
        if KINDS[reading.kind].sums_matter:
            scale = reading.scale
            if scale is None:
                sample, whole = sampled_sums(sums, reading.divisor, reading.stored)
                scale = scale_of_sums(sample, reading.n_channels, whole) or 1.0
            self.scale = scale / reading.divisor
            tolerance = sum_tolerance(scale, reading.n_channels)
            known &= sums > 0
            highest = float(sums.max(where=known, initial=0))
            if highest > 0:
                lowest = float(sums.min(where=known, initial=np.inf))
                deviation = max(highest / self.scale - 1, 1 - lowest / self.scale)
            if reading.clips:  # which no sum has to tell again
                deviation = 0.0
        elif reading.adds_background and not reading.scores:
            deviation = max(float(sums.max(where=known, initial=0)) - 1, 0.0)
        sums[~known] = np.nan
        if reading.adds_background:
            np.copyto(self.labels, 0, where=self._rest() >= self._best_share())
        self.labels[~known] = 0
        # No more is needed, and they are as large as the image.
        self._best = self._padding = self._raw = self._below = None
        return deviation, tolerance

    def _require_sums(self, known: Array) -> None:
        """Raise InputError where voxels with negative values do not sum to 1."""
        if self._raw is None:
            return
        off = np.abs(self._raw - 1) > SUM_TOLERANCE
        if (off & self._below & known).any():
            raise InputError(
                f"'{self.reading.name}' has values below 0 in voxels that do not sum "
                "to 1, and probabilities cannot be negative; if they are logits, "
                "choose that kind."
            )

    @property
    def known(self) -> Array:
        """Voxels that have data."""
        known: Array = np.isfinite(self._sums)
        return known

    def forget(self) -> None:
        """Keep the labels alone: no more probabilities are asked for."""
        self._sums = None

    def background(self) -> Array:
        """Return the probability of the background that was left out."""
        return self._rest().astype(self.reading.precision)

    def probabilities(self, raw: Array) -> Array:
        """Return the probabilities of one channel, from its values."""
        reading = self.reading
        x = reading.values(raw)
        if reading.channels:
            np.minimum(x, 1, out=x)
            x[np.isnan(self._sums)] = np.nan
            return x
        if reading.scores:
            x -= self._sums.astype(x.dtype, copy=False)
            np.exp(x, out=x)
            return x
        sums = self._sums
        if reading.adds_background:
            sums = sums + self._rest()
        np.divide(x, sums, out=x, casting="same_kind")
        return x

    def _rest(self) -> Array:
        """Return the share left for the background; NaN where nothing is known."""
        if self.reading.scores:
            odds: Array = np.exp(-self._sums)
            return odds
        rest: Array = np.maximum(1 - self._sums, 0)
        if self.reading.whole:  # what rounding explains is none
            rest[rest <= SUM_TOLERANCE] = 0
        return rest

    def _best_share(self) -> Array:
        share: Array = self._best
        if self.reading.scores:
            share = np.exp(share - self._sums)
        return share


def known_to_all(opinions: Sequence[Opinion]) -> Array:
    """Return the voxels in which all opinions have data."""
    known = opinions[0].known
    for one in opinions[1:]:
        known &= one.known
    return known
