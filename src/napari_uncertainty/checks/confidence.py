"""Confidence of a network, agreement of members, and the checks of both.

Networks for segmentation are often surer than they are right, above all those trained
with the Dice loss [1]_. Where almost no voxel is in doubt, not even beside a border of
two classes, a map of uncertainty shows little of what is wrong.

References
----------
.. [1] A. Mehrtash et al., Confidence Calibration and Predictive Uncertainty Estimation
   for Deep Medical Image Segmentation, IEEE Transactions on Medical Imaging 39 (2020),
   3868-3878, doi:10.1109/TMI.2020.3006437
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..analysis.class_blocks import interior_of
from ..engine.blocks import slabs, widened
from ..engine.ensemble.ensemble_maps import EnsembleMaps
from ..engine.maps import UncertaintyMaps
from ..model.measures import LEAST_CONFIDENCE
from ..model.record import Check
from ..text import percent

Array = np.ndarray[Any, Any]

#: A voxel whose most probable class has more than this is taken for all but certain.
ALL_BUT_CERTAIN = 0.99


@dataclass(frozen=True)
class Confidence:
    """Summary of the probability of the most probable class, 0 to 1.

    NaN where there are no such voxels. Voxels without data are in none of them.

    Attributes
    ----------
    mean, above : float
        Mean, and share of the voxels above `ALL_BUT_CERTAIN`.
    foreground_mean, foreground_above : float
        The same of voxels whose most probable class is not 0.
    border_mean, border_above : float
        The same of voxels with another most probable class at one of their faces.
    """

    mean: float
    above: float
    foreground_mean: float
    foreground_above: float
    border_mean: float
    border_above: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the numbers for JSON, which has no NaN: None instead."""
        return {
            name: None if np.isnan(value) else value
            for name, value in asdict(self).items()
        }


def iter_confidence_of(
    least_confidence: Array, prediction: Array, no_data: Array
) -> Generator[float, None, Confidence]:
    """Sum up how confident a network is; yields the share done.

    Parameters
    ----------
    least_confidence : ndarray
        1 less the probability of the most probable class.
    prediction : ndarray of int
        The most probable class.
    no_data : ndarray of bool
        Voxels that do not count.
    """
    sums = np.zeros((3, 3))  # voxels, doubt, above; of all, foreground, border
    pieces = slabs(least_confidence)
    for done, slab in enumerate(pieces):
        yield done / len(pieces)
        doubt, labels = least_confidence[slab], prediction[slab]
        known = ~no_data[slab]
        around, within = widened(slab, (1,) * labels.ndim, prediction.shape)
        border = ~interior_of(prediction[around])[within]
        certain = doubt < 1 - ALL_BUT_CERTAIN
        for row, which in zip(
            sums, (known, known & (labels != 0), known & border), strict=True
        ):
            row += (
                np.count_nonzero(which),
                doubt.sum(where=which, dtype=np.float64),
                np.count_nonzero(certain & which),
            )
    numbers = []
    for voxels, doubt, above in sums:
        numbers += [1 - doubt / voxels, above / voxels] if voxels else [np.nan] * 2
    return Confidence(*map(float, numbers))


#: If more of the voxels at a border than this are all but certain, the network is sure
#: where nobody could be.
SURE_AT_BORDERS = 0.5

#: Members whose labels overlap less than this are hardly of the same scan.
STRANGERS = 0.3


def iter_check_confidence(maps: UncertaintyMaps) -> Generator[float, None, Check]:
    """Return the check of the confidence of a network, amber where it is too sure.

    Yields the share done.

    Parameters
    ----------
    maps : UncertaintyMaps
        With ``"least_confidence"`` and the prediction.
    """
    found = yield from iter_confidence_of(
        maps[LEAST_CONFIDENCE.name], maps.prediction, np.asarray(maps.no_data)
    )
    numbers: dict[str, Any] = found.to_dict()
    if np.isnan(found.mean):
        return Check("confidence", "amber", "No voxel has a confidence.", numbers)
    sentence = f"Mean confidence {found.mean:.3f}"
    if not np.isnan(found.foreground_mean):
        sentence += (
            f", {found.foreground_mean:.3f} in the foreground, of which "
            f"{percent(found.foreground_above)} is above {ALL_BUT_CERTAIN}"
        )
    if found.border_above > SURE_AT_BORDERS:
        sentence += (
            f". Even beside the borders of classes {percent(found.border_above)} are: "
            "the network may be surer than it is right, and a low uncertainty says "
            "little"
        )
        return Check("confidence", "amber", f"{sentence}.", numbers)
    return Check("confidence", "green", f"{sentence}.", numbers)


def check_members(maps: EnsembleMaps) -> Check:
    """Return the check of an ensemble: overlap of the labels, and missing voxels.

    Parameters
    ----------
    maps : EnsembleMaps
        What was computed from them.
    """
    foreground = maps.mean_dice[1:]
    foreground = foreground[np.isfinite(foreground)]
    overlap = float(foreground.mean()) if foreground.size else None
    numbers: dict[str, Any] = {
        "members": list(maps.members),
        "dice": [None if np.isnan(one) else float(one) for one in maps.mean_dice],
        "dice_foreground": overlap,
        "not_shared": maps.not_shared,
    }
    if maps.not_shared == maps.no_data.size:
        sentence = "In no voxel do all members have data."
        return Check("members", "red", sentence, numbers, guessed=True)
    summary = f"{len(maps.members)} members"
    if overlap is None:
        summary += ", none of which finds any foreground"
    else:
        summary += (
            f"; the labels of two of them overlap by {overlap:.3f} on average (Dice, "
            "mean over the classes but the background)"
        )
    remarks = [one for one in maps.messages if one not in maps.kind_messages]
    if overlap is not None and overlap < STRANGERS:
        sentence = f"{summary}: they hardly look like members of one case."
        return Check(
            "members", "red", " ".join([sentence, *remarks]), numbers, guessed=True
        )
    return Check(
        "members",
        "amber" if remarks else "green",
        " ".join([f"{summary}.", *remarks]),
        numbers,
        guessed=True,
    )
