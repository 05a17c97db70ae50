"""Kinds of values that stand for classes, and the probabilities that they mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, get_args

import numpy as np

from ..errors import InputError

Array = np.ndarray[Any, Any]

#: Kind of values whose kind is to be found out.
AUTO = "auto"

#: Relation of the classes of a voxel once there are probabilities: they sum to 1, they
#: leave the rest to the background, or each is independent of the others.
Together = Literal["whole", "rest", "independent"]

#: Probabilities in float64 of values in float64, class axis first, with the temperature
#: and what stands for 1: one for each class, the background included, or one for each
#: independent channel. Whatever is not finite stays so.
Probabilities = Callable[[Array, float, float], Array]


@dataclass(frozen=True)
class Kind:
    """Kind of input: the meaning of the numbers, and the probabilities of them.

    Attributes
    ----------
    name : str
        Identifier in Python, on the command line and in JSON.
    title : str
        Name for people, as it stands at the beginning of a sentence.
    meaning : str
        One sentence on what the values x of a voxel are.
    formula : str
        Formula of the probabilities p.
    together : "whole", "rest" or "independent"
        Relation of the classes, see :data:`Together`.
    probabilities : callable
        The formula, see :data:`Probabilities`.
    activated : str
        Where the activation was not applied yet, the kind of what it gives.
    alone : str
        The same for a single channel, where that differs.
    single : bool
        Whether there is one channel and no more.
    alike : tuple of str
        Kinds that may be meant without another map.

    Raises
    ------
    ValueError
        If it is not said how the classes go together, or how probabilities follow.
    """

    name: str
    title: str
    meaning: str
    formula: str
    together: Together | None = None
    probabilities: Probabilities | None = None
    activated: str = ""
    alone: str = ""
    single: bool = False
    alike: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.together not in get_args(Together):
            raise ValueError(
                f"The kind '{self.name}' does not say how its classes go together "
                f"(together): {', '.join(get_args(Together))}."
            )
        if self.probabilities is None:
            raise ValueError(
                f"The kind '{self.name}' does not say how probabilities follow from "
                "its values (probabilities)."
            )
        p = self.probabilities(np.full((1, 1), 0.25), 1.0, 1.0)
        whole = float(p.sum())
        if self.independent:
            wrong = len(p) != 1 or not 0 <= whole <= 1
        else:
            wrong = not math.isclose(whole, 1)
        if wrong:
            raise ValueError(
                f"The probabilities of the kind '{self.name}' sum to {whole:g} for a "
                f"single channel of 0.25, and its classes go together as "
                f"'{self.together}'."
            )

    @property
    def called(self) -> str:
        """Name of the kind within a sentence."""
        return self.title.lower()

    @property
    def logistic(self) -> bool:
        """Return whether values are scores, which become probabilities first."""
        return bool(self.activated)

    @property
    def independent(self) -> bool:
        """Return whether channels do not exclude each other."""
        return self.together == "independent"

    @property
    def exclusive_scores(self) -> bool:
        """Return whether a probability takes the scores of all classes of a voxel."""
        return self.logistic and not self.independent

    @property
    def sums_matter(self) -> bool:
        """Return whether the values of a voxel sum to one number, and are divided."""
        return self.together == "whole" and not self.logistic

    @property
    def adds_background(self) -> bool:
        """Return whether what all channels leave over is a class more, in front."""
        return self.together == "rest"

    @property
    def has_background(self) -> bool:
        """Return whether there is a background that is none of the channels."""
        return self.independent or self.adds_background

    def applied(self, n_channels: int) -> Kind:
        """Return the kind of the probabilities that so many channels become."""
        if not self.logistic:
            return self
        return KINDS[self.alone if n_channels == 1 and self.alone else self.activated]


def _shares(x: Array, _temperature: float = 1.0, _scale: float = 1.0) -> Array:
    sums = x.sum(axis=0)
    p: Array = x / np.where(sums == 0, 1, sums)
    return p


def _with_rest(x: Array, _temperature: float, scale: float) -> Array:
    x = np.clip(x / scale, 0, None)
    rest = np.maximum(1 - x.sum(axis=0, keepdims=True), 0)
    return _shares(np.concatenate([rest, x]))


def _each(x: Array, _temperature: float, scale: float) -> Array:
    return np.clip(x / scale, 0, 1)


def _softmax(x: Array, temperature: float, _scale: float) -> Array:
    if len(x) == 1:
        x = np.concatenate([np.zeros_like(x), x])
    return _shares(np.exp((x - x.max(axis=0)) / temperature))


def _sigmoid(x: Array, temperature: float, _scale: float) -> Array:
    with np.errstate(over="ignore"):
        logistic: Array = 1 / (1 + np.exp(-x / temperature))
    return logistic


SOFTMAX = Kind(
    "softmax",
    "Softmax",
    "One probability for each class; those of a voxel sum to 1.",
    "p = x / Σ x",
    "whole",
    _shares,
    alike=("scaled",),
)
LOGITS = Kind(
    "logits",
    "Logits",
    "Scores of any size, before the softmax; T is the temperature.",
    "p = exp(x / T) / Σ exp(x / T); of a single channel, p = 1 / (1 + exp(-x / T))",
    "whole",
    _softmax,
    activated="softmax",
    alone="foreground",
)
SIGMOID = Kind(
    "sigmoid",
    "Independent channels",
    "Each channel has a probability of its own; they may overlap.",
    "p = x for each channel, and 1 - x that it is not there",
    "independent",
    _each,
    alike=("foreground",),
)
CHANNEL_LOGITS = Kind(
    "channel_logits",
    "Logits of independent channels",
    "Each channel has a score of its own, before the sigmoid; they may overlap.",
    "p = 1 / (1 + exp(-x / T)) for each channel, and 1 - p that it is not there",
    "independent",
    _sigmoid,
    activated="sigmoid",
)
FOREGROUND = Kind(
    "foreground",
    "Foreground only",
    "A single channel: the probability of the foreground.",
    "p = (1 - x, x)",
    "rest",
    _with_rest,
    single=True,
    alike=("sigmoid", "fractions"),
)
FRACTIONS = Kind(
    "fractions",
    "Fractions without background",
    "One share for each class but the background, which has what is left over.",
    "p = (1 - Σ x, x₁, x₂, …)",
    "rest",
    _with_rest,
    alike=("foreground",),
)
SCALED = Kind(
    "scaled",
    "Scaled softmax",
    "Probabilities that were multiplied, by 255 say, and rounded to whole numbers.",
    "p = x / Σ x",
    "whole",
    _shares,
    alike=("softmax",),
)


def table_of(kinds: Iterable[Kind]) -> Mapping[str, Kind]:
    """Return kinds by name; raise ValueError where one refers to a missing kind."""
    table = {one.name: one for one in kinds}
    for one in table.values():
        said = [("becomes", one.activated), ("alone becomes", one.alone)]
        for what, other in [*said, *(("is alike", other) for other in one.alike)]:
            if other and other not in table:
                raise ValueError(
                    f"The kind '{one.name}' {what} '{other}', which does not exist."
                )
    return MappingProxyType(table)


#: All kinds by their names.
KINDS = table_of(
    (SOFTMAX, LOGITS, SIGMOID, CHANNEL_LOGITS, FOREGROUND, FRACTIONS, SCALED)
)


def check_kind(kind: object) -> None:
    """Raise ValueError unless `kind` is a key of :data:`KINDS` or ``"auto"``."""
    if kind != AUTO and kind not in KINDS:
        raise ValueError(f"kind is {', '.join(KINDS)} or {AUTO}, not {kind!r}.")


def is_single(kind: str | None) -> bool:
    """Return whether the kind has a single channel; False where no kind is named."""
    named = KINDS.get(kind or "")
    return named is not None and named.single


def n_classes_of(kind: str, n_channels: int, region_order: Sequence[int] = ()) -> int:
    """Return the number of labels, that of the background included.

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
    return n_channels + KINDS[kind].applied(n_channels).adds_background


def n_states_of(kind: str, n_channels: int, channel: int | None = None) -> int:
    """Return the number of outcomes that a measure of a voxel is about.

    C independent channels have 2^C outcomes, for each may be present or not; one
    `channel` has two.
    """
    if channel is not None:
        return 2
    if KINDS[kind].independent:
        return int(2**n_channels)
    return n_classes_of(kind, n_channels)


def find_channel(
    channel: int | str | None, n_channels: int, names: Sequence[str] = ()
) -> int | None:
    """Return the number of a channel, from 0; None where none is asked for.

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
    """Return the name of a channel, or its number where the names are not known."""
    if channel is None:
        return None
    return names[channel] if names else str(channel)


def require_independent(kind: str, channel: int | None) -> None:
    """Raise InputError where one channel is asked for that has no meaning alone.

    Parameters
    ----------
    kind : str
        Kind that the values were taken for.
    channel : int or None
        The channel that is asked for.
    """
    if channel is not None and not KINDS[kind].independent:
        raise InputError(
            f"One channel alone can be asked for of {SIGMOID.called}, and these "
            f"values were taken for {KINDS[kind].called}; if its channels are "
            f"independent, name the kind ({SIGMOID.name}), else ask for all."
        )


def names_of_classes(
    kind: str,
    names: Sequence[str],
    region_order: Sequence[int] = (),
    background: int | None = 0,
) -> tuple[str, ...]:
    """Return a name for each label that the most probable class can have.

    Parameters
    ----------
    kind : str
        Of the values.
    names : sequence of str
        One for each channel.
    region_order : sequence of int
        As for :func:`n_classes_of`.
    background : int or None
        Number of the class that is the background; None where no class is.
    """
    if KINDS[kind].independent:
        labels = region_order or range(1, len(names) + 1)
        by_label = {0: "background", **dict(zip(labels, names, strict=True))}
        return tuple(by_label.get(n, f"class {n}") for n in range(max(labels) + 1))
    if background is None or KINDS[kind].applied(len(names)).adds_background:
        return ("background", *names)
    behind = (name for number, name in enumerate(names) if number != background)
    return (names[background], *behind)


def probabilities_of(
    kind: str, values: Array, temperature: float = 1.0, scale: float = 1.0
) -> Array:
    """Return probabilities of some voxels from their values, in float64.

    Parameters
    ----------
    kind : str
        A key of :data:`KINDS`.
    values : ndarray, shape (channels, ...)
        Whatever is not finite stays so.
    temperature : float
        Temperature of logits.
    scale : float
        Value that stands for 1.

    Returns
    -------
    ndarray of float64
        One entry for each class, the background included; for independent channels one
        for each channel.
    """
    x = np.asarray(values, np.float64)
    formula = KINDS[kind].probabilities
    assert formula is not None  # a kind without one cannot be made
    return formula(x, temperature, scale)


def divisor_of(dtype: np.dtype[Any]) -> float:
    """Return the number that stands for 1 in a type: the largest of small integers."""
    small = dtype.kind in "ui" and dtype.itemsize <= 2
    return float(np.iinfo(dtype).max) if small else 1.0


def scores_of(kind: str) -> str:
    """Return the kind of the scores that become values of a kind."""
    return next(name for name, one in KINDS.items() if one.activated == kind)
