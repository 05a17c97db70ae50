"""Checks of how sure the network is, and of how members of an ensemble agree."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np

from ..calibration import ALL_BUT_CERTAIN, iter_confidence_of
from ..ensemble import EnsembleMaps
from ..fold import UncertaintyMaps
from ..measures import LEAST_CONFIDENCE
from ..text import percent
from . import Check

#: If more of the voxels at a border than this are all but certain, the network is sure
#: where nobody could be.
SURE_AT_BORDERS = 0.5

#: Members whose labels overlap less than this are hardly of the same scan.
STRANGERS = 0.3


def iter_check_confidence(maps: UncertaintyMaps) -> Generator[float, None, Check]:
    """Return how sure the network is of itself; a hint where it is surer than can be.

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
    """How well the labels of the members overlap, and whether all have all voxels.

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
        return Check("members", "red", sentence, numbers)
    told = f"{len(maps.members)} members"
    if overlap is None:
        told += ", none of which finds any foreground"
    else:
        told += (
            f"; the labels of two of them overlap by {overlap:.3f} on average (Dice, "
            "mean over the classes but the background)"
        )
    remarks = [one for one in maps.messages if one not in maps.kind_messages]
    if overlap is not None and overlap < STRANGERS:
        sentence = f"{told}: they hardly look like members of one case."
        return Check("members", "red", " ".join([sentence, *remarks]), numbers)
    return Check(
        "members",
        "amber" if remarks else "green",
        " ".join([f"{told}.", *remarks]),
        numbers,
    )
