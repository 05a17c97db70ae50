"""Evidence for the kind of values that stand for classes.

It comes from a sample of some thousand voxels. Where two kinds look alike, it says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.kinds import (
    AUTO,
    CHANNEL_LOGITS,
    FOREGROUND,
    FRACTIONS,
    KINDS,
    LOGITS,
    SCALED,
    SIGMOID,
    SOFTMAX,
    divisor_of,
    scores_of,
)
from ..model.probabilities import (
    FARTHEST,
    SCALES,
    SUM_TOLERANCE,
    not_adding_up,
    scale_of_sums,
)
from ..text import percent

Array = np.ndarray[Any, Any]

#: Share of the voxels that has to comply.
NEARLY_ALL = 0.99

#: Share of complying voxels from which on the others may have been changed.
MOST = 0.9

#: A network is certain of a larger share of the foreground than this.
CERTAIN = 0.1

#: Distance by which splines take values beyond 0 and 1, where sums do not show more.
OVERSHOOT = 0.1

#: From this share of voxels with scores below 0 in all channels on, these may overlap.
NOWHERE = 0.2

#: Below this share, what deviates may be noise of a few voxels; above, it tells.
TELLING = 0.001


@dataclass(frozen=True)
class Evidence:
    """Kind that the values of some voxels seem to be, and what speaks for it.

    Attributes
    ----------
    kind : str
        A key of :data:`.KINDS`.
    sentence : str
        Why, for a person, as it stands behind a colon.
    doubt : str
        Other kinds that are possible, in a sentence; empty where the kind is clear.
    numbers : dict
        The same for a program.
    refusal : str
        Why nothing is computed unless somebody says what they are; empty where all is
        well.
    """

    kind: str
    sentence: str
    doubt: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""

    def allows(self, taken: str) -> bool:
        """Return whether they may be of that kind, or the map would be the same."""
        same = taken == self.kind or self._both_scores(taken)
        return same or self._cannot_tell(taken) or self._is_like(taken)

    def against(self, taken: str) -> str:
        """Return why they do not seem to be what they were taken for; empty if they do.

        Parameters
        ----------
        taken : str
            A key of :data:`.KINDS`.
        """
        if taken == self.kind:
            return ""
        if self._both_scores(taken):
            return ""  # somebody has named them
        if self._cannot_tell(taken):
            return (
                f"The values cannot tell {KINDS[taken].called} from "
                f"{KINDS[self.kind].called} ({self.sentence})."
            )
        finding = (
            f"The values were taken for {KINDS[taken].called}, but look like "
            f"{KINDS[self.kind].called}: {self.sentence}."
        )
        if self._is_like(taken):
            return f"{finding} The map is the same."
        return (
            f"{finding} If they are, this map is wrong: choose the kind "
            f"'{KINDS[self.kind].title}' ({self.kind})."
        )

    def decide(self, kind: str, declared: bool, tissues: bool) -> tuple[str, bool]:
        """Return the kind of the values, and whether they are tissues that sum to 1.

        Parameters
        ----------
        kind : str
            A key of :data:`.KINDS` that was named, or ``"auto"``.
        declared : bool
            Whether a file names it, and no person.
        tissues : bool
            Whether it is known that no class is the background.

        Raises
        ------
        InputError
            If nothing was named, and nothing can be taken for granted.
        """
        if kind != AUTO:
            scores = KINDS[self.kind].logistic and not self.refusal
            if declared and kind == SIGMOID.name and scores:
                # What a file declares is that channels are independent.
                return scores_of(kind), False
            return kind, False
        if self.refusal:
            raise InputError(self.refusal)
        if tissues and self.kind == SOFTMAX.name:
            return FRACTIONS.name, True
        return self.kind, False

    def _cannot_tell(self, taken: str) -> bool:
        return bool(self.doubt) and taken in self.numbers["candidates"]

    def _both_scores(self, taken: str) -> bool:
        """Return whether both kinds are scores, which values cannot tell apart."""
        return KINDS[taken].logistic and KINDS[self.kind].logistic

    def _is_like(self, taken: str) -> bool:
        return taken in KINDS[self.kind].alike


def evidence_of(sample: Array, limits: tuple[float, float] | None = None) -> Evidence:
    """Return the evidence that the values of some voxels give.

    Parameters
    ----------
    sample : ndarray, shape (channels, voxels)
        Values as they are stored, of any real type.
    limits : tuple of float or None
        Lowest and highest of all values, where they are known: few voxels may miss the
        only ones of a single channel that are not 0.

    Returns
    -------
    Evidence
        Where there is nothing but 0, NaN and infinity it is a softmax, with a doubt.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        x = sample.reshape(len(sample), -1).astype(np.float64)
        sums = x.sum(axis=0)
    known = np.isfinite(sums)
    x, sums = x[:, known], sums[known]
    if len(x) == 1 and not x.any() and (limits is None or not any(limits)):
        return Evidence(
            FOREGROUND.name,
            "there is one channel, with nothing but 0",
            numbers={"highest": 0.0, "candidates": [FOREGROUND.name]},
        )
    if not x.any() and limits is None:
        return Evidence(
            SOFTMAX.name,
            "the voxels looked at hold nothing but 0, NaN or infinity",
            "The voxels looked at hold nothing but 0, NaN or infinity, so what kind "
            "these values are is not known.",
            {"candidates": list(KINDS)},
        )
    lowest, highest = float(x.min(initial=0)), float(x.max(initial=0))
    if limits is not None:
        lowest, highest = min(lowest, limits[0]), max(highest, limits[1])
    # Floating-point numbers as large as this are all whole.
    whole = sample.dtype.kind in "uib" or bool(
        highest < 2**24
        and (x == np.rint(x)).all()
        and float(lowest).is_integer()
        and float(highest).is_integer()
    )
    if len(x) == 1:
        return _one_channel(x[0], lowest, highest, whole, divisor_of(sample.dtype))
    if _share(np.abs(sums[sums != 0] - 1) <= SUM_TOLERANCE) >= MOST:
        return _beyond(_shares(sums), lowest, highest)
    ends_at_one = abs(highest - 1) <= OVERSHOOT  # as logits hardly would
    if ends_at_one and -OVERSHOOT <= lowest < -SUM_TOLERANCE:
        return _beyond(_shares(np.clip(x, 0, 1).sum(axis=0)), lowest, highest)
    if lowest < -SUM_TOLERANCE:
        return _logits(x, lowest, highest, whole)
    scale = scale_of_sums(sums, len(x), whole)
    if scale is not None:
        if not whole:
            sentence = f"those of a voxel sum to {scale:g}"
            return Evidence(
                SOFTMAX.name,
                sentence,
                f"The values were multiplied: {sentence}, as "
                f"{'per cents' if scale == 100 else 'shares of it'} do.",
                {"sum": scale, "candidates": [SOFTMAX.name]} | _empty(sums),
            )
        sentence = f"whole numbers, and those of a voxel sum to {scale:g}"
        return Evidence(SCALED.name, sentence, numbers={"scale": scale} | _empty(sums))
    if highest <= 1 + SUM_TOLERANCE:
        return _shares(sums)
    if whole:
        return _whole_channels(highest, divisor_of(sample.dtype))
    usual = float(np.median(sums[sums != 0]))
    if _share(np.abs(sums[sums != 0] - usual) <= SUM_TOLERANCE * usual) >= NEARLY_ALL:
        sentence = f"those of a voxel sum to {usual:.3g}, whichever voxel it is"
        return Evidence(SOFTMAX.name, sentence, numbers={"sum": usual})
    return _logits(x, lowest, highest, whole)


def _logits(x: Array, lowest: float, highest: float, whole: bool) -> Evidence:
    numbers: dict[str, Any] = {"lowest": lowest, "highest": highest}
    span = f"they run from {lowest:.3g} to {highest:.3g}"
    if whole or lowest >= 0:
        refusal = (
            f"The values are {'whole numbers' if whole else 'not negative'}, and "
            f"{span}: this looks like a scan. If these are logits, choose that kind."
        )
        return Evidence(LOGITS.name, span, numbers=numbers, refusal=refusal)
    if len(x) == 1:
        doubt = (
            "One channel of logits and a scan with negative values look alike; if "
            "these are logits, choose that kind."
        )
        numbers["candidates"] = [LOGITS.name]
        return Evidence(LOGITS.name, span, doubt, numbers)
    x = x[:, x.any(axis=0)]  # padding around a crop says nothing
    with np.errstate(over="ignore"):
        lengths = np.sqrt((x**2).sum(axis=0))
    unit = np.asarray(np.abs(lengths[lengths != 0] - 1) <= SUM_TOLERANCE)
    if len(x) in (2, 3) and _share(unit) >= NEARLY_ALL:
        doubt = (
            "In each voxel the values are a vector of length 1, as directions are; if "
            "these are logits, choose that kind."
        )
        numbers["candidates"] = [LOGITS.name]
        return Evidence(LOGITS.name, span, doubt, numbers)
    with np.errstate(over="ignore"):
        exps = np.exp(x).sum(axis=0)
    if _share(np.abs(exps - 1) <= SUM_TOLERANCE) >= NEARLY_ALL:
        span = "their exponentials sum to 1, as those of the logarithm of a softmax do"
    else:
        span += ", and probabilities from 0 to 1"
        nowhere = np.asarray((x < 0).all(axis=0))
        # Scores of classes that exclude each other are below 0 about half the time.
        often = _share(nowhere) >= max(NOWHERE, 2 * 0.5 ** len(x))
        with np.errstate(over="ignore"):
            together = (1 / (1 + np.exp(-x))).sum(axis=0)
        if often or _share(np.asarray(together <= 1 + SUM_TOLERANCE)) >= NEARLY_ALL:
            doubt = (
                "These may as well be scores of independent channels (regions) before "
                "the sigmoid: in many voxels all are below 0, or nowhere do their "
                "sigmoids sum to more than 1. If they are, choose that kind "
                f"({CHANNEL_LOGITS.name})."
            )
            numbers["candidates"] = [LOGITS.name, CHANNEL_LOGITS.name]
            return Evidence(LOGITS.name, span, doubt, numbers)
    return Evidence(LOGITS.name, span, numbers=numbers)


def _beyond(evidence: Evidence, lowest: float, highest: float) -> Evidence:
    """Return the evidence, with the limits of values that resampling has moved."""
    if lowest >= -SUM_TOLERANCE or lowest < -FARTHEST or highest > 1 + FARTHEST:
        return evidence
    numbers = {**evidence.numbers, "lowest": lowest, "highest": highest, "beyond": True}
    return replace(evidence, numbers=numbers)


def _one_channel(
    x: Array, lowest: float, highest: float, whole: bool, full: float
) -> Evidence:
    """Return the evidence of a single channel; `full` stands for 1 in its type."""
    numbers: dict[str, Any] = {"highest": highest, "candidates": [FOREGROUND.name]}
    resampled = lowest >= -OVERSHOOT and 1 - OVERSHOOT <= highest <= 1 + OVERSHOOT
    out = lowest < -SUM_TOLERANCE or highest > 1 + SUM_TOLERANCE
    if resampled and out and not whole:
        sentence = (
            f"there is one channel, with values from {lowest:.3g} to {highest:.3g}"
        )
        numbers |= {"lowest": lowest, "beyond": True}
        return Evidence(FOREGROUND.name, sentence, numbers=numbers)
    scale = _scale_of_one(x, lowest, highest, whole, full)
    if lowest < -SUM_TOLERANCE or (
        highest > 1 + SUM_TOLERANCE and not whole and scale == 1
    ):
        return _logits(x[np.newaxis], lowest, highest, whole)
    if not whole and scale == 1:
        sentence = f"there is one channel, with values from 0 to {highest:.3g}"
        return Evidence(FOREGROUND.name, sentence, numbers=numbers)
    numbers["scale"] = scale
    kind_of_number = "whole numbers" if whole else "values"
    sentence = f"there is one channel, with {kind_of_number} from 0 to {highest:.0f}"
    if highest == scale == 1:
        doubt = (
            "One channel of nothing but 0 and 1 is a mask, and shows no uncertainty."
        )
        numbers["candidates"].append(SOFTMAX.name)
        return Evidence(FOREGROUND.name, sentence, doubt, numbers)
    certain = _share(x[x > scale / 2] >= 0.95 * scale) >= CERTAIN
    unusual = scale != full and not certain
    if highest < scale / 2 or full == scale == 1 or unusual:
        refusal = (
            f"{sentence.capitalize()}: this looks like a label map or a scan; choose "
            "the network's output."
        )
        return Evidence(FOREGROUND.name, sentence, numbers=numbers, refusal=refusal)
    if certain:
        return Evidence(FOREGROUND.name, sentence, numbers=numbers)
    doubt = (
        f"One channel of whole numbers was taken for probabilities times {scale:.0f}, "
        "and may be a scan: few of its voxels are certain."
    )
    return Evidence(FOREGROUND.name, sentence, doubt, numbers)


def _scale_of_one(
    x: Array, lowest: float, highest: float, whole: bool, full: float
) -> float:
    """Return the value that stands for 1: a scale that is reached, or the type's."""
    if lowest < -SUM_TOLERANCE or highest <= 1 + SUM_TOLERANCE:
        return full
    for scale in SCALES:
        reached = highest == scale or 0.95 * scale <= highest <= 1.001 * scale
        if scale == 255 and full == 255 and reached:
            return full
        exactly = highest == scale if whole and scale != 100 else reached
        if exactly and _share(x[x > scale / 2] >= 0.9 * scale) >= CERTAIN / 10:
            return scale
    return full


def _whole_channels(highest: float, full: float) -> Evidence:
    sentence = (
        f"whole numbers from 0 to {highest:.0f} in several channels, which do not sum "
        "to one number"
    )
    return Evidence(
        SIGMOID.name,
        sentence,
        "Whole numbers that do not add up over the classes may be independent channels "
        "that were multiplied, or a label map or a scan.",
        {
            "candidates": [SIGMOID.name, FRACTIONS.name],
            "scale": highest if highest in SCALES else full,
        },
        str(not_adding_up()),
    )


def _shares(sums: Array) -> Evidence:
    """Return the evidence of several channels with values from 0 to 1."""
    voxels = sums.size
    there = sums != 0
    one = np.abs(sums - 1) <= SUM_TOLERANCE
    above = float(np.mean(sums > 1 + SUM_TOLERANCE))
    below = float(np.mean(there & (sums < 1 - SUM_TOLERANCE)))
    ones = _share(one[there])
    numbers: dict[str, Any] = {
        "voxels": voxels,
        "share_summing_to_one": ones,
        "share_above": above,
        "share_below": below,
        **_empty(sums),
    }
    if ones >= NEARLY_ALL:
        sentence = f"in {percent(ones)} of the voxels that are not empty they sum to 1"
        return Evidence(SOFTMAX.name, sentence, numbers=numbers)
    if above > TELLING:
        sentence = (
            f"in {percent(above)} of the voxels they sum to more than 1, as "
            "probabilities of classes that exclude each other cannot"
        )
        doubt = ""
        if ones >= MOST:
            numbers["candidates"] = [SOFTMAX.name, SIGMOID.name]
            doubt = (
                f"In {percent(ones)} of the voxels they sum to 1, so this may be a "
                "softmax that something has changed."
            )
        return Evidence(SIGMOID.name, sentence, doubt, numbers)
    sentence = (
        f"in {percent(below)} of the voxels they sum to less than 1 and nowhere to "
        "more, so a class is missing"
    )
    numbers["candidates"] = [FRACTIONS.name, SIGMOID.name]
    doubt = (
        "Channels that sum to less than 1 and never to more are taken for shares "
        "without the background; if they are independent channels, choose that kind."
    )
    if ones >= MOST:
        numbers["candidates"].append(SOFTMAX.name)
        doubt += f" In {percent(ones)} of the voxels that are not empty they sum to 1."
    elif ones > 0.5 and numbers["share_empty"] > 0.05:
        # Much sums to exactly 1, much is empty, and some is between: so tissues lie in
        # a head, and independent channels have no reason to.
        doubt = ""
    return Evidence(FRACTIONS.name, sentence, doubt, numbers)


def _empty(sums: Array) -> dict[str, float]:
    return {"share_empty": float(1 - (sums != 0).mean())}


def _share(true: Array) -> float:
    return float(true.mean()) if true.size else 0.0
