"""What values that stand for classes can be, and what each kind means for one voxel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from .errors import InputError

Array = np.ndarray[Any, Any]

#: To find the kind from the values.
AUTO = "auto"


@dataclass(frozen=True)
class Kind:
    """One kind of input.

    Attributes
    ----------
    name : str
        Identifier in Python, on the command line and in JSON.
    title : str
        Name for people, as it stands at the beginning of a sentence.
    meaning : str
        One sentence on what the values x of a voxel are.
    formula : str
        How the probabilities p follow from them.
    sums_matter : bool
        Whether the values of a voxel have to sum to one number, and each voxel is
        divided by its sum.
    independent : bool
        Whether channels do not exclude each other.
    logistic : bool
        Whether the values are scores, which become probabilities first.
    adds_background : bool
        Whether a class in front of the others is added: what they leave over.
    """

    name: str
    title: str
    meaning: str
    formula: str
    sums_matter: bool = False
    adds_background: bool = False
    independent: bool = False
    logistic: bool = False


SOFTMAX = Kind(
    "softmax",
    "Softmax",
    "One probability for each class; those of a voxel sum to 1.",
    "p = x / Σ x",
    sums_matter=True,
)
LOGITS = Kind(
    "logits",
    "Logits",
    "Scores of any size, before the softmax; T is the temperature.",
    "p = exp(x / T) / Σ exp(x / T); of a single channel, p = 1 / (1 + exp(-x / T))",
    logistic=True,
)
SIGMOID = Kind(
    "sigmoid",
    "Independent channels",
    "Each channel has a probability of its own; they may overlap.",
    "p = x for each channel, and 1 - x that it is not there",
    independent=True,
)
CHANNEL_LOGITS = Kind(
    "channel_logits",
    "Logits of independent channels",
    "Each channel has a score of its own, before the sigmoid; they may overlap.",
    "p = 1 / (1 + exp(-x / T)) for each channel, and 1 - p that it is not there",
    independent=True,
    logistic=True,
)
FOREGROUND = Kind(
    "foreground",
    "Foreground only",
    "A single channel: the probability of the foreground.",
    "p = (1 - x, x)",
    adds_background=True,
)
FRACTIONS = Kind(
    "fractions",
    "Fractions without background",
    "One share for each class but the background, which has what is left over.",
    "p = (1 - Σ x, x₁, x₂, …)",
    adds_background=True,
)
SCALED = Kind(
    "scaled",
    "Scaled softmax",
    "Probabilities that were multiplied, by 255 say, and rounded to whole numbers.",
    "p = x / Σ x",
    sums_matter=True,
)

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        one.name: one
        for one in (
            SOFTMAX, LOGITS, SIGMOID, CHANNEL_LOGITS, FOREGROUND, FRACTIONS, SCALED,
        )
    }
)  # fmt: skip


def check_kind(kind: object) -> None:
    """Raise ValueError unless `kind` is a key of :data:`KINDS` or ``"auto"``."""
    if kind != AUTO and kind not in KINDS:
        raise ValueError(f"kind is {', '.join(KINDS)} or {AUTO}, not {kind!r}.")


def n_classes_of(kind: str, n_channels: int, region_order: Sequence[int] = ()) -> int:
    """How many labels the most probable class can have, the background's 0 included.

    Parameters
    ----------
    kind : str
        Of the values.
    n_channels : int
        Length of the class axis.
    region_order : sequence of int
        Labels that independent channels write; by default 1, 2, 3, …
    """
    if KINDS[kind].independent:
        return max(region_order or range(1, n_channels + 1)) + 1
    if _adds_background(kind, n_channels):
        return n_channels + 1
    return n_channels


def n_states_of(kind: str, n_channels: int, channel: int | None = None) -> int:
    """Return how many outcomes a measure of a voxel is about.

    That of C independent channels is about 2^C, for any of them may be there or not;
    that of one `channel` is about two.
    """
    if channel is not None:
        return 2
    if KINDS[kind].independent:
        return int(2**n_channels)
    return n_classes_of(kind, n_channels)


def find_channel(
    channel: int | str | None, n_channels: int, names: Sequence[str] = ()
) -> int | None:
    """Return which channel is meant, from 0; None where none is.

    Parameters
    ----------
    channel : int or str or None
        Its number, from 0, or its name.
    n_channels : int
        How many there are.
    names : sequence of str
        One for each; empty where they are not known.

    Raises
    ------
    InputError
        If there is no such channel.
    """
    if channel is None:
        return None
    if isinstance(channel, str) and channel in names:
        return list(names).index(channel)
    number = int(channel) if str(channel).isdecimal() else -1
    if number not in range(n_channels):
        there = f" ({', '.join(names)})" if names else ""
        raise InputError(
            f"There is no channel {channel!r}; give a number from 0 to "
            f"{n_channels - 1}, or a name{there}."
        )
    return number


def name_of_channel(channel: int | None, names: Sequence[str] = ()) -> str | None:
    """Return what to call a channel: its number, where the names are not known."""
    if channel is None:
        return None
    return names[channel] if names else str(channel)


def require_independent(kind: str, channel: int | None) -> None:
    """Raise InputError where one channel is asked for, and channels say nothing alone.

    Parameters
    ----------
    kind : str
        What the values were taken for.
    channel : int or None
        The channel that is asked for.
    """
    if channel is not None and not KINDS[kind].independent:
        raise InputError(
            f"One channel alone can be asked for of {SIGMOID.title.lower()}, and these "
            f"values were taken for {KINDS[kind].title.lower()}; if its channels are "
            f"independent, name the kind ({SIGMOID.name}), else ask for all."
        )


def names_of_classes(
    kind: str, names: Sequence[str], region_order: Sequence[int] = ()
) -> tuple[str, ...]:
    """A name for each label that the most probable class can have.

    Parameters
    ----------
    kind : str
        Of the values.
    names : sequence of str
        One for each channel.
    region_order : sequence of int
        As for :func:`n_classes_of`.
    """
    if KINDS[kind].independent:
        labels = region_order or range(1, len(names) + 1)
        by_label = {0: "background", **dict(zip(labels, names, strict=True))}
        return tuple(by_label.get(n, f"class {n}") for n in range(max(labels) + 1))
    if _adds_background(kind, len(names)):
        return ("background", *names)
    return tuple(names)


def probabilities_of(
    kind: str, values: Array, temperature: float = 1.0, scale: float = 1.0
) -> Array:
    """Probabilities of some voxels from their values, in float64.

    Parameters
    ----------
    kind : str
        A key of :data:`KINDS`.
    values : ndarray, shape (channels, ...)
        Whatever is not finite stays so.
    temperature : float
        Of logits.
    scale : float
        What stands for 1, where whole numbers do.

    Returns
    -------
    ndarray of float64
        One entry for each class, the background included; for independent channels one
        for each channel.
    """
    x = np.asarray(values, np.float64)
    if kind == CHANNEL_LOGITS.name:
        with np.errstate(over="ignore"):
            logistic: Array = 1 / (1 + np.exp(-x / temperature))
        return logistic
    if kind == LOGITS.name:
        if len(x) == 1:
            x = np.concatenate([np.zeros_like(x), x])
        x = np.exp((x - x.max(axis=0)) / temperature)
    elif kind not in (SOFTMAX.name, SCALED.name):
        x = np.clip(x / scale, 0, None)
        if kind == SIGMOID.name:
            return np.minimum(x, 1)
        x = np.concatenate([np.maximum(1 - x.sum(axis=0, keepdims=True), 0), x])
    sums = x.sum(axis=0)
    p: Array = x / np.where(sums == 0, 1, sums)
    return p


def _adds_background(kind: str, n_channels: int) -> bool:
    alone = kind == LOGITS.name and n_channels == 1
    return KINDS[kind].adds_background or alone
