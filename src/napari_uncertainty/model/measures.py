"""Measures of uncertainty: formula, arithmetic, unit, range and source.

A row of :data:`MEASURES` or :data:`ENSEMBLE_MEASURES` defines a measure completely: the
engine, the widget, the command line, reports and the docs read from here. The engine
keeps the running numbers that the rows need, class by class, and each row has the
arithmetic that makes a measure of them.
"""

from __future__ import annotations

import math
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import numpy as np

from .kinds import KINDS, SOFTMAX

Array = np.ndarray[Any, Any]

Base = Literal[2, "e", "classes"]

#: Name of the unit of entropy for each base.
UNITS: Mapping[Base, str] = MappingProxyType(
    {2: "bits", "e": "nats", "classes": "normalised"}
)


@dataclass(frozen=True, eq=False)
class Numbers:
    """Numbers of some voxels from which measures of one network follow.

    They are of the classes with values x, or of the 2^C outcomes of C independent
    channels. None where no measure needs them.

    Attributes
    ----------
    sums : ndarray or float
        Σ x, by which x has to be divided to be a probability.
    logs, squares : ndarray
        Σ x·log₂ x and Σ x².
    best, second : ndarray
        The two largest x.
    """

    sums: Any
    logs: Any = None
    squares: Any = None
    best: Any = None
    second: Any = None


@dataclass(frozen=True, eq=False)
class MemberNumbers:
    """Numbers of some voxels from which measures of M members follow.

    With p_m(c) of each member, their mean q(c), and f(p) = p·log₂ p; of independent
    channels, sums over c run over both p and 1 - p of each. None where no measure needs
    them.

    Attributes
    ----------
    n_members, n_classes : int
        M, and of how many classes or channels `variance` is.
    expected, mutual : ndarray
        -Σ_c mean_m f(p_m), and Σ_c (mean_m f(p_m) - f(q)).
    variance, pairwise : ndarray
        Σ_c Σ_m (p_m - q)², and Σ_c Σ_m (p_m - q)·log₂ p_m.
    squares, best, second : ndarray
        As of :class:`Numbers`, of the mean, which sums to 1.
    dissent : ndarray of unsigned int
        How many members do not give the most frequent label.
    """

    n_members: int
    n_classes: int
    expected: Any = None
    mutual: Any = None
    variance: Any = None
    pairwise: Any = None
    squares: Any = None
    best: Any = None
    second: Any = None
    dissent: Any = None


#: Fills the second argument with the measure, in bits where it has a base, of the
#: numbers in the first. The second and third are memory of the same shape; the numbers
#: stay as they are.
Finish = Callable[[Any, Array, Array], Any]


def _missing(_numbers: Any, _out: Array, _spare: Array) -> None:
    raise NotImplementedError


@dataclass(frozen=True)
class Measure:
    """Definition of one measure of uncertainty.

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
        Source of the formula.
    highest : callable
        Largest possible value for a base and a number of classes (of
        independent channels, of outcomes). Of a measure without bound, where
        colours end.
    needs : tuple of str
        The fields of :class:`Numbers` that it follows from, beside the sums.
    finish : callable
        The arithmetic from these numbers, see :data:`Finish`.
    has_base : bool
        Whether the value depends on the base of a logarithm.
    bounded : bool
        Whether nothing is above `highest`.
    by_members : bool
        Whether M members can reach no more than M classes could.
    of_mean : bool
        Whether that of the mean of several members can be asked for, too.

    Raises
    ------
    ValueError
        If its arithmetic is missing, needs unknown numbers, or contradicts the rule for
        all measures.
    """

    name: str
    title: str
    formula: str
    meaning: str
    source: str
    highest: Callable[[Base, int], float]
    needs: tuple[str, ...] = ()
    finish: Finish = _missing
    has_base: bool = False
    bounded: bool = True
    by_members: bool = False
    of_mean: bool = False

    #: Numbers where one class is certain.
    _certain: ClassVar[Mapping[str, float]] = MappingProxyType(
        {"logs": 0, "squares": 1, "best": 1, "second": 0}
    )
    #: Numbers where two are equally likely, where that is all there is to know.
    _equal: ClassVar[Mapping[str, float]] = MappingProxyType(
        {"logs": -1, "squares": 0.5, "best": 0.5, "second": 0.5}
    )

    def __post_init__(self) -> None:
        if self.finish is _missing:
            raise ValueError(
                f"The measure '{self.name}' has no arithmetic: its row has to say how "
                "it follows from running numbers (finish), and from which (needs)."
            )
        unknown = [name for name in self.needs if name not in self._certain]
        if unknown or not self.needs:
            raise ValueError(
                f"The measure '{self.name}' needs {', '.join(unknown) or 'no numbers'}"
                f"; there are {', '.join(self._certain)}."
            )
        certain = self._of_one_voxel(self._certain)
        if certain != 0:
            raise ValueError(
                f"The measure '{self.name}' is {certain:g} where one class is certain, "
                "and every measure is 0 there."
            )
        if self._equal and self.bounded:
            equal, highest = self._of_one_voxel(self._equal), self.highest(2, 2)
            if not math.isclose(equal, highest, rel_tol=1e-12):
                raise ValueError(
                    f"The measure '{self.name}' is {equal:g} where two classes are "
                    f"equally likely, and its row says that {highest:g} is the largest "
                    "value of two classes (highest)."
                )

    def unit(self, base: Base) -> str:
        """Return the name of the unit; empty for plain probabilities."""
        return UNITS[base] if self.has_base else ""

    def undecided(self, base: Base, n_states: int) -> float:
        """Return the value where two classes are equally likely, the others excluded.

        Of members: where one half is sure of one class and the other of another.
        """
        factor = units_per_bit(base, n_states) or 1.0
        return self.highest(2, 2) * (factor if self.has_base else 1.0)

    def _of_one_voxel(self, numbers: Mapping[str, float]) -> float:
        """Return the measure of one voxel, from the numbers that it needs."""
        out, spare = np.full((2, 1), np.nan)
        kept = {name: np.full(1, float(numbers[name])) for name in self.needs}
        try:
            with np.errstate(all="ignore"):
                self.finish(self._numbers(kept), out, spare)
        except Exception as error:
            raise ValueError(
                f"The measure '{self.name}' cannot be computed from what it needs "
                f"({', '.join(self.needs)}): {error}"
            ) from error
        return float(out[0])

    def _numbers(self, kept: Mapping[str, Array]) -> Any:
        return Numbers(1.0, **kept)


@dataclass(frozen=True)
class EnsembleMeasure(Measure):
    """Measure of several members, computed from fields of :class:`MemberNumbers`."""

    _certain: ClassVar[Mapping[str, float]] = MappingProxyType(
        {
            "expected": 0, "mutual": 0, "variance": 0, "pairwise": 0, "squares": 1,
            "best": 1, "second": 0, "dissent": 0,
        }
    )  # fmt: skip
    _equal: ClassVar[Mapping[str, float]] = MappingProxyType({})

    def _numbers(self, kept: Mapping[str, Array]) -> Any:
        return MemberNumbers(2, 2, **kept)


def units_per_bit(base: Base, n_classes: int) -> float:
    """Return the factor that turns entropy in bits into the unit of `base`.

    With base ``"classes"`` the largest possible entropy, log `n_classes`, becomes 1.
    One class leaves nothing to be unsure of, and the factor is 0.
    """
    if base == 2:
        return 1.0
    if base == "e":
        return math.log(2)
    return 1.0 / math.log2(n_classes) if n_classes > 1 else 0.0


def highest_entropy(base: Base, n_classes: int) -> float:
    """Return the entropy of equally likely classes, in the unit of `base`."""
    if base == 2:
        return math.log2(n_classes)
    if base == "e":
        return math.log(n_classes)
    return 1.0 if n_classes > 1 else 0.0


def check_base(base: object) -> None:
    """Raise ValueError unless `base` is 2, ``"e"`` or ``"classes"``."""
    if base not in UNITS or isinstance(base, float):
        raise ValueError(f'base is 2, "e" or "classes", not {base!r}.')


def _entropy(n: Numbers, out: Array, spare: Array) -> None:
    """Compute H = log S - A / S, with S = Σ x and A = Σ x·log x."""
    np.divide(n.logs, n.sums, out=out)
    np.subtract(np.log2(n.sums, out=spare), out, out=out)


def _least_confidence(n: Numbers, out: Array, _spare: Array) -> None:
    np.divide(n.best, n.sums, out=out)
    np.subtract(1, out, out=out)


def _margin(n: Numbers, out: Array, _spare: Array) -> None:
    np.subtract(n.best, n.second, out=out)
    out /= n.sums
    np.subtract(1, out, out=out)


def _gini(n: Numbers, out: Array, _spare: Array) -> None:
    np.divide(n.squares, n.sums, out=out)
    out /= n.sums
    np.subtract(1, out, out=out)


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
    needs=("logs",),
    finish=_entropy,
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
    needs=("best",),
    finish=_least_confidence,
    of_mean=True,
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
    needs=("second", "best"),
    finish=_margin,
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
    needs=("squares",),
    finish=_gini,
)

_MEASURES = {one.name: one for one in (ENTROPY, LEAST_CONFIDENCE, MARGIN, GINI)}

#: Measures of one network.
MEASURES: Mapping[str, Measure] = MappingProxyType(_MEASURES)

_DEPEWEG = (
    "S. Depeweg et al., Decomposition of Uncertainty in Bayesian Deep Learning, ICML "
    "2018, arXiv:1710.07283"
)

PREDICTIVE_ENTROPY = EnsembleMeasure(
    name="predictive_entropy",
    title="predictive entropy",
    formula="H(q) = -Σ q·log q, with q the mean of the members",
    meaning="All the uncertainty there is: of the image and of the network together.",
    source=_DEPEWEG,
    highest=highest_entropy,
    needs=("expected", "mutual"),
    finish=lambda n, out, _spare: np.add(n.expected, n.mutual, out=out),
    has_base=True,
)

EXPECTED_ENTROPY = EnsembleMeasure(
    name="expected_entropy",
    title="expected entropy",
    formula="mean of H(p) over the members",
    meaning=(
        "What each member doubts by itself, as at blurred borders: what the image "
        "does not show (aleatoric)."
    ),
    source=_DEPEWEG,
    highest=highest_entropy,
    needs=("expected",),
    finish=lambda n, out, _spare: np.copyto(out, n.expected),
    has_base=True,
)

MUTUAL_INFORMATION = EnsembleMeasure(
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
    needs=("mutual",),
    finish=lambda n, out, _spare: np.copyto(out, n.mutual),
    has_base=True,
    by_members=True,
)

VARIATION_RATIO = EnsembleMeasure(
    name="variation_ratio",
    title="variation ratio",
    formula="1 - share of the members that give the most frequent label",
    meaning="How many members would label the voxel otherwise.",
    source=(
        "L. C. Freeman, Elementary Applied Statistics, Wiley 1965; Y. Gal, Uncertainty "
        "in Deep Learning, PhD thesis, Cambridge 2016"
    ),
    highest=lambda _base, n_classes: 1 - 1 / n_classes,
    needs=("dissent",),
    finish=lambda n, out, _spare: np.divide(n.dissent, n.n_members, out=out),
    by_members=True,
)

VARIANCE = EnsembleMeasure(
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
    needs=("variance",),
    finish=lambda n, out, _spare: np.multiply(
        n.variance, 1 / (n.n_members * n.n_classes), out=out
    ),
)

#: Below this, probabilities count as this in the logarithm of a divergence, which would
#: be infinite where one member excludes what another one holds possible.
SMALLEST_PROBABILITY = 1e-10

EXPECTED_PAIRWISE_KL = EnsembleMeasure(
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
    needs=("pairwise",),
    finish=lambda n, out, _spare: np.multiply(n.pairwise, 1 / n.n_members, out=out),
    has_base=True,
    bounded=False,
)

_ENSEMBLE_MEASURES: dict[str, Measure] = {
    one.name: one
    for one in (
        PREDICTIVE_ENTROPY, EXPECTED_ENTROPY, MUTUAL_INFORMATION, VARIATION_RATIO,
        VARIANCE, EXPECTED_PAIRWISE_KL,
    )
}  # fmt: skip

#: Measures of several members.
ENSEMBLE_MEASURES: Mapping[str, Measure] = MappingProxyType(_ENSEMBLE_MEASURES)

#: What a map can be of, those of one network first.
ALL_MEASURES: Mapping[str, Measure] = MappingProxyType(
    ChainMap(_ENSEMBLE_MEASURES, _MEASURES)
)


def largest_value(
    name: str, base: Base, n_states: int, kind: str = SOFTMAX.name, n_members: int = 0
) -> float:
    """Return the largest value that a map can have, or the value where colours end.

    Parameters
    ----------
    name : str
        A key of :data:`ALL_MEASURES`.
    base : 2, "e" or "classes"
        Base of the logarithm.
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
