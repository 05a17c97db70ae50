"""Checks of the probabilities themselves: sums, voxels without data, precision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.ensemble.ensemble_maps import EnsembleMaps
from ..engine.maps import UncertaintyMaps
from ..model.background import are_names
from ..model.kinds import FRACTIONS, KINDS, SOFTMAX
from ..model.probabilities import is_lazy, lines_along
from ..model.record import Check, Level
from ..model.stored import StoredValues
from ..text import percent

#: Entropy in bits that rounding may take from a voxel without being told as a loss.
SMALL_LOSS = 0.01

_NAME_IT = (
    "If that is wrong, name the right one under Background (--background NAME on the "
    "command line), or none where all classes are something."
)

# Fewer different values than this show no step.
FEWEST_VALUES = 10


def check_kind(maps: UncertaintyMaps) -> Check:
    """Return the check of the kind: what the values look like, and were taken for."""
    deviation = float(maps.largest_sum_deviation)
    kind = KINDS[maps.kind]
    numbers = {"kind": kind.name, "largest_sum_deviation": deviation}
    if maps.kind_messages:
        off = maps.sums_message is not None and deviation > 0.1
        level: Level = "red" if maps.contradiction or off else "amber"
        taken = f"Taken for {kind.called}. "
        return Check(
            "kind", level, taken + " ".join(maps.kind_messages), numbers, guessed=True
        )
    why = f": {maps.evidence}" if maps.evidence else ""
    if kind.sums_matter:
        why = f": the values of each voxel sum to 1 (largest deviation {deviation:.2g})"
    return Check("kind", "green", f"{kind.title}{why}.", numbers, guessed=True)


def check_no_data(maps: UncertaintyMaps) -> Check:
    """Return the check of voxels without data."""
    count, voxels = int(np.count_nonzero(maps.no_data)), maps.no_data.size
    numbers = {"no_data": count, "voxels": voxels}
    if count == 0:
        return Check("no_data", "green", "All voxels have data.", numbers)
    if count == voxels:
        return Check("no_data", "red", "No voxel has data.", numbers)
    return Check(
        "no_data",
        "amber",
        f"{count:,} voxels ({percent(count / voxels)}) have no data: their values are "
        "all 0, as in padding, or not finite. They are left out.",
        numbers,
    )


def check_background(maps: UncertaintyMaps, names: Sequence[str]) -> Check | None:
    """Return the check of the background; None where it is the first class, as usual.

    Parameters
    ----------
    maps : UncertaintyMaps
        What was computed.
    names : sequence of str
        One for each class of the input.
    """
    background, own = maps.background, maps.has_background(len(names))
    if background.channel is None:
        return _no_class(maps, own)
    name = names[background.channel]
    numbers = {"class": background.channel}
    if own:
        if background.origin != "file" or not KINDS[maps.kind].adds_background:
            return None
        sentence = (
            f"A class is called '{name}', but taken for "
            f"{KINDS[maps.kind].called}, the background is what all classes "
            f"leave of a voxel, and '{name}' counts as foreground. If all classes are "
            f"given, choose the kind {SOFTMAX.name}."
        )
        return Check("background", "amber", sentence, {"class": None}, guessed=True)
    if background.origin == "person":
        sentence = f"'{name}' is the background, as was asked for."
        return Check("background", "green", sentence, numbers, guessed=True)
    if background.origin == "file":
        if background.channel == 0:
            return None
        sentence = (
            f"'{name}' is the background, as its name says; it is class "
            f"{background.channel} of the input, and has the label 0."
        )
        return Check("background", "green", sentence, numbers, guessed=True)
    if background.origin == "values":
        sentence = (
            f"'{name}' was taken for the background, as {background.why} shows, which "
            f"has 0 where this class is the most probable one. {_NAME_IT}"
        )
        return Check("background", "amber", sentence, numbers, guessed=True)
    if not are_names(names):
        return None
    sentence = (
        f"No class is called background, so the first one, '{name}', was taken for it. "
        f"{_NAME_IT}"
    )
    return Check("background", "amber", sentence, numbers, guessed=True)


def _no_class(maps: UncertaintyMaps, own: bool) -> Check:
    """Return the check of the background where no class stands for it."""
    background, numbers = maps.background, {"class": None}
    if background.origin == "values":
        shown = "around what is there, all classes are 0"
        if background.why:
            shown = f"{background.why} has a label for each class, and 0 around them"
        sentence = (
            f"No class seems to be the background: {shown}. So all of them count as "
            f"foreground. {_NAME_IT}"
        )
        return Check("background", "amber", sentence, numbers, guessed=True)
    why = background.why or "as was asked for"
    finding = f"No class is the background ({why})"
    if own:
        sentence = f"{finding}: it is what the classes leave of a voxel."
        return Check("background", "green", sentence, numbers, guessed=True)
    finding += ": the labels are 1, 2, 3, …, and each of them counts as foreground."
    if background.origin == "person":
        return Check("background", "green", finding, numbers, guessed=True)
    sentence = (
        f"{finding} Taken for {KINDS[maps.kind].called}, voxels in which all of "
        f"them are 0 have no data; the kind '{FRACTIONS.name}' has a background of its "
        "own."
    )
    return Check("background", "amber", sentence, numbers, guessed=True)


def check_precision(values: Any, maps: UncertaintyMaps) -> Check:
    """Return the check of what the storage of probabilities takes from the entropy.

    Parameters
    ----------
    values : array or StoredValues
        The probabilities, class axis first.
    maps : UncertaintyMaps
        What was computed from them.

    Notes
    -----
    Values that are stored in steps q lose every class below q / 2. At most, C - 1
    classes of q / 2 each are lost beside a certain one: (C - 1) h(q / 2) +
    h(1 - (C - 1) q / 2) bits, where h(p) = -p log2 p. A float16 is off by 2^-11 of
    itself, which moves the entropy H by up to 2^-11 (H + log2 e): the differential of
    h is -(log2 p + log2 e) dp. What is left over beside values near 1 has their step,
    2^-11, where no sum divides it away.
    """
    step, n_classes = _step(values, maps), maps.n_classes
    if KINDS[maps.kind].together == "whole":
        n_classes = maps.n_states  # of labels there may be one more, that none has
    if _only_labels(maps):
        step = 1.0
    name = str(values.stored if isinstance(values, StoredValues) else values.dtype)
    numbers: dict[str, Any] = {"dtype": name, "step": step}
    if step == 1:
        return Check(
            "precision",
            "red",
            "Only 0 and 1 occur: these are labels, not probabilities, and show no "
            "uncertainty.",
            numbers,
        )
    if step is not None:
        loss = _loss_to_steps(step, n_classes)
        sentence = f"Stored in steps of {_step_name(step)}"
    elif not KINDS[maps.kind].logistic and (name.endswith("f2") or name == "float16"):
        loss = 2**-11 * (math.log2(n_classes) + math.log2(math.e))
        if not KINDS[maps.kind].sums_matter:
            loss = _loss_to_steps(2**-11, n_classes)
        sentence = "Stored as float16"
    else:
        return Check("precision", "green", f"Stored as {name}.", numbers)
    numbers["entropy_loss_bits"] = loss
    return Check(
        "precision",
        "green" if loss <= SMALL_LOSS else "amber",
        f"{sentence}, which can cost up to {loss:.2g} bit of a voxel's entropy.",
        numbers,
    )


def _only_labels(maps: UncertaintyMaps) -> bool:
    """Return whether each voxel of the whole file is certain to the last digit.

    Of logits, large ones may be. A background that is certain everywhere is a finding,
    and no sign of labels, where nothing but the other classes is stored.
    """
    if KINDS[maps.kind].logistic or isinstance(maps, EnsembleMaps) or not maps:
        return False
    empty = maps.prediction is None or not maps.prediction.any()
    if empty and not KINDS[maps.kind].sums_matter:
        return False
    # Every measure of one network is 0 where, and only where, one class is certain.
    return not maps.no_data.all() and not next(iter(maps.values())).any()


def _step(values: Any, maps: UncertaintyMaps) -> float | None:
    """Return the step in which values are stored, as a share of 1; None for floats."""
    if KINDS[maps.kind].logistic:
        return None
    if isinstance(values, StoredValues):
        if values.stored.kind == "f":
            return None
        return abs(values.slope) / maps.scale
    scale = maps.scale
    if values.dtype.kind in "ui":
        return 1 / scale
    if is_lazy(values):  # to look at values is to compute them
        return None
    some = lines_along(values, 0).astype(np.float64)
    found = np.unique(some[np.isfinite(some)]) / scale
    if len(found) == 2 and (found == (0, 1)).all():
        # Of the others the sample does not tell.
        certain = all(
            ((one == 0) | (one == scale) | ~np.isfinite(one)).all() for one in values
        )
        return 1.0 if certain else None
    if len(found) < FEWEST_VALUES:  # made up, or all but certain: no telling
        return None
    step = float(np.diff(found).min())
    # Smaller steps than 16 bits have are those of floating-point numbers; halves have
    # 11 bits.
    smallest = 2**-11 if values.dtype == np.float16 else 0.9 / 65535
    if step <= smallest:
        return None
    steps = found / step
    if np.abs(steps - np.rint(steps)).max() > 0.05:
        return None
    return 1 / round(1 / step)


def _loss_to_steps(step: float, n_classes: int) -> float:
    lost = min((n_classes - 1) * step / 2, 1 - 1 / n_classes)
    each = lost / max(1, n_classes - 1)
    return (n_classes - 1) * _h(each) + _h(1 - lost)


def _step_name(step: float) -> str:
    return f"1/{round(1 / step):,}" if step < 1 else f"{step:g}"


def _h(p: float) -> float:
    return -p * math.log2(p) if p > 0 else 0.0
