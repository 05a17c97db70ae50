"""Probabilities that were multiplied, or moved out of 0 to 1 by resampling.

Atlases store per cents, in any type. Interpolation by splines overshoots beside edges:
values of a softmax that run from -0.02 to 1.02 still sum to 1. Both are changed to
probabilities from 0 to 1, and the changed values are counted and reported.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.probabilities import FARTHEST, NEGATIVE_TOLERANCE, SUM_TOLERANCE, is_lazy
from ..model.stored import ChangedBlocks, StoredValues, parts_by_class
from ..text import percent
from .logits import tells_padding
from .values import float_type

Array = np.ndarray[Any, Any]


class BeyondError(InputError):
    """Values are farther below 0 or above 1 than rounding takes them."""


@dataclass(eq=False)
class Fit:
    """Change of values to probabilities from 0 to 1, and how many had to be moved.

    Attributes
    ----------
    scale : float
        Value that stands for 1.
    temperature : float or None
        Of logits of independent channels, of which a sigmoid is taken; else None.
    clips : bool
        Whether values beyond 0 to 1 are clipped.
    lowest, highest : float
        Lowest and highest value.
    beyond, seen : int
        How many are outside by more than rounding, and of how many.
    """

    scale: float = 1.0
    clips: bool = False
    temperature: float | None = None
    lowest: float = 0.0
    highest: float = 1.0
    beyond: int = 0
    seen: int = 0
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def apply(self, raw: Array) -> Array:
        """Return values as probabilities; what is not finite stays so.

        Raises
        ------
        InputError
            If they are too far out to come from resampling.
        """
        values = raw.astype(self.dtype_for(raw.dtype))
        if self.temperature is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                logistic: Array = 1 / (1 + np.exp(-values / self.temperature))
                logistic[~np.isfinite(raw)] = np.nan
            return logistic
        if self.scale != 1:
            values /= self.scale
        if not self.clips:
            return values
        finite = np.isfinite(values)
        known = values[finite]
        lowest, highest = known.min(initial=0), known.max(initial=1)
        if lowest < -FARTHEST or highest > 1 + FARTHEST:
            raise InputError(
                f"Probabilities cannot be negative, these go down to {lowest:.3g} and "
                f"up to {highest:.3g}, farther than resampling takes them; if they are "
                "logits, choose that kind (kind logits), else clip them to 0 to 1."
            )
        out = (known < -NEGATIVE_TOLERANCE) | (known > 1 + NEGATIVE_TOLERANCE)
        with self._lock:
            self.lowest = min(self.lowest, float(lowest))
            self.highest = max(self.highest, float(highest))
            self.beyond += int(np.count_nonzero(out))
            self.seen += values.size
        np.clip(values, 0, 1, out=values, where=finite)
        return values

    def apply_to_voxels(self, raw: Array) -> Array:
        """Return probabilities of whole voxels; scores that are all 0 are padding.

        Parameters
        ----------
        raw : ndarray, shape (classes, ...)
            Values as they are stored.
        """
        values = self.apply(raw)
        if self.finds_padding(raw):
            values[:, ~raw.any(axis=0)] = np.nan
        return values

    def finds_padding(self, values: Any) -> bool:
        """Return whether voxels with nothing but 0 have no data, as of a softmax."""
        return self.temperature is not None and tells_padding(values)

    def dtype_for(self, dtype: np.dtype[Any]) -> np.dtype[Any]:
        """Return the type of the probabilities.

        What a sigmoid leaves of a channel that is all but certain is lost in float32.
        """
        if self.temperature is not None:
            return np.dtype(np.float64)
        return float_type(dtype)

    @property
    def sentence(self) -> str:
        """Sentence that tells a person what was done."""
        sentences = []
        if self.scale != 1:
            called = "per cents" if self.scale == 100 else f"shares of {self.scale:g}"
            sentences.append(
                f"The values reach {self.scale:g} and were taken for {called}."
            )
        if self.clips:
            share = f"{percent(self.beyond / self.seen)} of" if self.seen else "some of"
            sentences.append(
                f"The values run from {self.lowest:.3g} to {self.highest:.3g}, and "
                f"{share} them are below 0 or above 1, as resampling by splines makes "
                "them; they were clipped to 0 to 1."
            )
        return " ".join(sentences)


@dataclass(frozen=True, eq=False)
class FittedStream(StoredValues):
    """Values in a file that is read from its beginning, as probabilities.

    Scores are read twice: which voxels are padding has to be known before the first
    class is.
    """

    whole: Any = None
    fit: Any = None

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the probabilities."""
        dtype: np.dtype[Any] = self.fit.dtype_for(self.whole.dtype)
        return dtype

    def pieces(self, values: int) -> Iterator[Array]:
        """Yield the values piece by piece; empty pieces while padding is looked for."""
        if not self.fit.finds_padding(self.whole):
            yield from map(self.fit.apply, self.whole.pieces(values))
            return
        rounds, _, row = self.layout
        padding = np.ones((rounds, row), np.bool_)
        start = 0
        for raw in self.whole.pieces(values):
            for _, voxels, part in parts_by_class(start, raw, self.layout):
                padding[voxels] &= part == 0
            start += len(raw)
            yield raw[:0]
        start = 0
        for raw in self.whole.pieces(values):
            piece = self.fit.apply(raw)
            for _, voxels, part in parts_by_class(start, piece, self.layout):
                part[padding[voxels]] = np.nan
            start += len(raw)
            yield piece


def fitted(values: Any, fit: Fit, *, sums_matter: bool) -> Any:
    """Return the same values as probabilities, in what the values are held in.

    Parameters
    ----------
    values : ndarray, dask array, StoredBlocks or StoredValues
        Class axis first.
    fit : Fit
        Change that makes probabilities of the values.
    sums_matter : bool
        Whether the values of each voxel sum to 1, those that are clipped, too.
    """
    if isinstance(values, StoredValues):
        return values.held_by(FittedStream, whole=values, fit=fit)
    if is_lazy(values):
        dtype = fit.dtype_for(values.dtype)
        if fit.finds_padding(values):
            return values.rechunk({0: -1}).map_blocks(fit.apply_to_voxels, dtype=dtype)
        if fit.clips and sums_matter:  # which takes all classes of a voxel
            whole = values.rechunk({0: -1})
            return whole.map_blocks(clipped, fit, dtype=dtype)
        return values.map_blocks(fit.apply, dtype=dtype)
    change = partial(clipped, fit=fit) if sums_matter else fit.apply_to_voxels
    return ChangedBlocks(values, change, fit.dtype_for(np.dtype(values.dtype)))


def clipped(raw: Array, fit: Fit) -> Array:
    """Return values of a softmax, with all its classes, as probabilities.

    Raises
    ------
    InputError
        If they are too far out to come from resampling, or do not sum to 1.
    """
    _require_sums(raw)
    return fit.apply(raw)


def _require_sums(raw: Array) -> None:
    """Raise InputError where voxels with negative values do not sum to 1."""
    with np.errstate(invalid="ignore", over="ignore"):
        sums = raw.sum(axis=0, dtype=np.float64)
        below = (raw < -NEGATIVE_TOLERANCE).any(axis=0) & np.isfinite(sums)
    if (np.abs(sums[below] - 1) > SUM_TOLERANCE).any():
        raise InputError(
            f"Probabilities cannot be negative, these go down to "
            f"{raw[np.isfinite(raw)].min():.3g}; if they are logits, choose that kind "
            "(kind logits)."
        )
