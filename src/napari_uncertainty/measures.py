"""Every measure of uncertainty: formula, unit, range and source.

The widget, the command line and the docs read from here; :mod:`.kernel` computes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from .kinds import KINDS, SOFTMAX

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
        Largest possible value for a base and a number of classes (outcomes of
        independent channels, see :mod:`.kinds`). Of a measure without bound, where
        colours end.
    has_base : bool
        Whether the value depends on the base of a logarithm.
    bounded : bool
        Whether nothing is above `highest`.
    by_members : bool
        Whether M members can reach no more than M classes could.
    """

    name: str
    title: str
    formula: str
    meaning: str
    source: str
    highest: Callable[[Base, int], float]
    has_base: bool = False
    bounded: bool = True
    by_members: bool = False

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

_DEPEWEG = (
    "S. Depeweg et al., Decomposition of Uncertainty in Bayesian Deep Learning, ICML "
    "2018, arXiv:1710.07283"
)

PREDICTIVE_ENTROPY = Measure(
    name="predictive_entropy",
    title="predictive entropy",
    formula="H(q) = -Σ q·log q, with q the mean of the members",
    meaning="All the uncertainty there is: of the image and of the network together.",
    source=_DEPEWEG,
    highest=highest_entropy,
    has_base=True,
)

EXPECTED_ENTROPY = Measure(
    name="expected_entropy",
    title="expected entropy",
    formula="mean of H(p) over the members",
    meaning=(
        "What each member doubts by itself, as at blurred borders: what the image "
        "does not show (aleatoric)."
    ),
    source=_DEPEWEG,
    highest=highest_entropy,
    has_base=True,
)

MUTUAL_INFORMATION = Measure(
    name="mutual_information",
    title="mutual information",
    formula="H(q) - mean of H(p) over the members",
    meaning=(
        "Where members are sure of different things: what the network has not learnt "
        "(epistemic)."
    ),
    source=(
        "N. Houlsby et al., Bayesian Active Learning for Classification and Preference "
        "Learning, 2011, arXiv:1112.5745"
    ),
    highest=highest_entropy,
    has_base=True,
    by_members=True,
)

VARIATION_RATIO = Measure(
    name="variation_ratio",
    title="variation ratio",
    formula="1 - share of the members that give the most frequent label",
    meaning="How many members would label the voxel otherwise.",
    source=(
        "L. C. Freeman, Elementary Applied Statistics, Wiley 1965; Y. Gal, Uncertainty "
        "in Deep Learning, PhD thesis, Cambridge 2016"
    ),
    highest=lambda _base, n_classes: 1 - 1 / n_classes,
    by_members=True,
)

VARIANCE = Measure(
    name="variance",
    title="variance",
    formula="mean over the classes of the variance of p over the members",
    meaning="How far the probabilities of the members lie apart.",
    source=(
        "A. Kendall, V. Badrinarayanan, R. Cipolla, Bayesian SegNet, BMVC 2017, "
        "arXiv:1511.02680"
    ),
    # Of each class it is at most 1/4, half of the members at 0 and half at 1.
    highest=lambda _base, n_classes: 0.25 if n_classes > 1 else 0.0,
)

#: Below this, probabilities count as this in the logarithm of a divergence, which would
#: be infinite where one member excludes what another one holds possible.
SMALLEST_PROBABILITY = 1e-10

EXPECTED_PAIRWISE_KL = Measure(
    name="expected_pairwise_kl",
    title="expected pairwise KL divergence",
    formula="mean of Σ p·log (p / p') over all pairs of members, p' at least 1e-10",
    meaning=(
        "How surprised members are by each other; grows without bound where one "
        "excludes what another holds possible."
    ),
    source=(
        "A. Malinin, M. Gales, Uncertainty Estimation in Autoregressive Structured "
        "Prediction, ICLR 2021, arXiv:2002.07650"
    ),
    highest=highest_entropy,
    has_base=True,
    bounded=False,
)

#: Measures of several members.
ENSEMBLE_MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        one.name: one
        for one in (
            PREDICTIVE_ENTROPY, EXPECTED_ENTROPY, MUTUAL_INFORMATION, VARIATION_RATIO,
            VARIANCE, EXPECTED_PAIRWISE_KL,
        )
    }
)  # fmt: skip

#: What a map can be of.
ALL_MEASURES: Mapping[str, Measure] = MappingProxyType(
    {**MEASURES, **ENSEMBLE_MEASURES}
)


def undecided_value(name: str, base: Base, n_states: int) -> float:
    """Return the value of a map where two classes are equally likely.

    Of members: where one half is sure of one class and the other of another.
    """
    measure = ALL_MEASURES[name]
    factor = units_per_bit(base, n_states) or 1.0
    return measure.highest(2, 2) * (factor if measure.has_base else 1.0)


def largest_value(
    name: str, base: Base, n_states: int, kind: str = SOFTMAX.name, n_members: int = 0
) -> float:
    """Largest value that a map can have, or where colours end.

    Parameters
    ----------
    name : str
        A key of :data:`ALL_MEASURES`.
    base : 2, "e" or "classes"
        Of the logarithm.
    n_states : int
        Outcomes that the probabilities are about.
    kind : str
        What the values are; of independent channels each one may reach the end.
    n_members : int
        How many members there are; 0 where that is not known.
    """
    measure = ALL_MEASURES[name]
    if not (measure.by_members and n_members) or KINDS[kind].independent:
        return measure.highest(base, n_states)
    fewer = min(n_states, n_members)
    if measure.has_base:
        return measure.highest(2, fewer) * units_per_bit(base, n_states)
    return measure.highest(base, fewer)
