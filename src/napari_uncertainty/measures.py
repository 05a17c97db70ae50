"""Every measure of uncertainty: formula, unit, range and source.

The widget, the command line and the docs read from here; :mod:`.kernel` computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
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

    All measures are 0 where one class is certain, and larger is less certain.

    Attributes
    ----------
    name : str
        Identifier in Python, on the command line and in file names.
    title : str
        Name for people, as it stands within a sentence.
    formula : str
        How it follows from the class probabilities p of one voxel.
    meaning : str
        One sentence on what it tells.
    source : str
        Where the formula comes from.
    highest : callable
        Largest possible value for a base and a number of classes; all classes are
        then equally likely.
    has_base : bool
        Whether the value depends on the base of a logarithm.
    """

    name: str
    title: str
    formula: str
    meaning: str
    source: str
    highest: Callable[[Base, int], float]
    has_base: bool = False

    def unit(self, base: Base) -> str:
        """Name of the unit; empty for measures that are plain probabilities."""
        return UNITS[base] if self.has_base else ""


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


def check_base(base: object) -> None:
    """Raise ValueError unless `base` is 2, ``"e"`` or ``"classes"``."""
    if base not in UNITS or isinstance(base, float):
        raise ValueError(f'base is 2, "e" or "classes", not {base!r}.')


ENTROPY = Measure(
    name="entropy",
    title="entropy",
    formula="H = -Σ p·log p, with 0·log 0 = 0",
    meaning="How many classes are still in question, counted by their probability.",
    source=(
        "C. E. Shannon, A Mathematical Theory of Communication, Bell System Technical "
        "Journal 27 (1948), 379-423, doi:10.1002/j.1538-7305.1948.tb01338.x"
    ),
    highest=highest_entropy,
    has_base=True,
)

LEAST_CONFIDENCE = Measure(
    name="least_confidence",
    title="least confidence",
    formula="1 - p₁, the largest probability",
    meaning="The probability that the network itself gives to being wrong.",
    source=(
        "D. D. Lewis, W. A. Gale, A Sequential Algorithm for Training Text "
        "Classifiers, SIGIR 1994, 3-12, doi:10.1007/978-1-4471-2099-5_1"
    ),
    highest=lambda _base, n_classes: 1 - 1 / n_classes,
)

MARGIN = Measure(
    name="margin",
    title="margin",
    formula="1 - (p₁ - p₂), the two largest probabilities",
    meaning="How close the second class comes to the first, whatever the others do.",
    source=(
        "T. Scheffer, C. Decomain, S. Wrobel, Active Hidden Markov Models for "
        "Information Extraction, IDA 2001, 309-318, doi:10.1007/3-540-44816-0_31"
    ),
    highest=lambda _base, n_classes: 1.0 if n_classes > 1 else 0.0,
)

GINI = Measure(
    name="gini",
    title="Gini impurity",
    formula="1 - Σ p²",
    meaning="The chance that two labels drawn from the probabilities differ.",
    source=(
        "L. Breiman, J. H. Friedman, R. A. Olshen, C. J. Stone, Classification and "
        "Regression Trees, Wadsworth 1984"
    ),
    highest=lambda _base, n_classes: 1 - 1 / n_classes,
)

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {one.name: one for one in (ENTROPY, LEAST_CONFIDENCE, MARGIN, GINI)}
)
