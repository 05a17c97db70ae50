"""Every measure of uncertainty: formula, unit, range and source.

The widget, the command line and the docs read from here; :mod:`.fold` computes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Base = Literal[2, "e", "classes"]

#: What one unit of entropy is called, for each base.
UNITS: Mapping[Base, str] = MappingProxyType(
    {2: "bits", "e": "nats", "classes": "normalised"}
)


@dataclass(frozen=True)
class Measure:
    """What a person needs to know about one measure.

    Attributes
    ----------
    name : str
        Identifier in Python, on the command line and in file names.
    title : str
        Name for people.
    formula : str
        How it follows from the class probabilities p of one voxel.
    meaning : str
        One sentence on what it tells.
    source : str
        Where the formula comes from.
    """

    name: str
    title: str
    formula: str
    meaning: str
    source: str


ENTROPY = Measure(
    name="entropy",
    title="Shannon entropy",
    formula="H = -Σ p·log p, with 0·log 0 = 0",
    meaning="0 where one class is certain, highest where all are equally likely.",
    source=(
        "C. E. Shannon, A Mathematical Theory of Communication, Bell System Technical "
        "Journal 27 (1948), 379-423, doi:10.1002/j.1538-7305.1948.tb01338.x"
    ),
)

MEASURES: Mapping[str, Measure] = MappingProxyType({ENTROPY.name: ENTROPY})


def check_base(base: object) -> None:
    """Raise ValueError unless `base` is 2, ``"e"`` or ``"classes"``."""
    if base not in UNITS or isinstance(base, float):
        raise ValueError(f'base is 2, "e" or "classes", not {base!r}.')


def units_per_bit(base: Base, n_classes: int) -> float:
    """Factor that turns entropy in bits into the unit of `base`.

    With base ``"classes"`` the largest possible entropy, log `n_classes`, becomes 1.
    One class leaves nothing to be unsure of, and the factor is 0.
    """
    if base == 2:
        return 1.0
    if base == "e":
        return math.log(2)
    return 1.0 / math.log2(n_classes) if n_classes > 1 else 0.0


def highest_entropy(base: Base, n_classes: int) -> float:
    """Entropy of `n_classes` equally likely classes, in the unit of `base`."""
    if base == 2:
        return math.log2(n_classes)
    if base == "e":
        return math.log(n_classes)
    return 1.0 if n_classes > 1 else 0.0
