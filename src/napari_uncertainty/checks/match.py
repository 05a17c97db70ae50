"""Checks of whether probabilities and a segmentation belong together, and which way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..matching.orientation import BELONGS, Candidate, Search
from ..placement import Placement
from ..text import percent
from . import Check, Level

#: Share of the foreground that agrees where the segmentation was made from the
#: probabilities, give or take what clean-up afterwards changes.
AGREES = 0.95


def check_agreement(
    search: Search, name: str, axcodes: Sequence[str] | None
) -> list[Check]:
    """Return whether the most probable class and a segmentation belong together.

    Parameters
    ----------
    search : Search
        What was found.
    name : str
        Of the segmentation.
    axcodes : sequence of str or None
        Anatomical directions of its axes, where they are known.
    """
    return [_agreement(search, name), _orientation(search, name, axcodes)]


def _agreement(search: Search, name: str) -> Check:
    if search.as_loaded is None:
        sentence = (
            f"As loaded, the probabilities cannot be compared with '{name}': their "
            "place in it is unknown."
        )
        return Check("agreement", "amber", sentence)
    agreement = search.as_loaded.agreement
    numbers = {"overall": agreement.overall, "foreground": agreement.foreground}
    level: Level = "amber"
    if agreement.foreground >= AGREES:
        level, comment = "green", ""
    elif agreement.foreground >= BELONGS:
        comment = (
            "; a segmentation made from these probabilities would agree in nearly all"
        )
    else:
        level, comment = "red", "; as they lie, they do not belong together"
    sentence = (
        f"The most probable class agrees with '{name}' in "
        f"{percent(agreement.overall)} of all voxels and in "
        f"{percent(agreement.foreground)} of the foreground{comment}."
    )
    return Check("agreement", level, sentence, numbers)


def _orientation(search: Search, name: str, axcodes: Sequence[str] | None) -> Check:
    best = search.best
    if best is None:
        sentence = f"In no orientation do the probabilities fit into '{name}'."
        return Check("orientation", "red", sentence)
    numbers: dict[str, Any] = {
        "best": best.placement.describe(),
        "best_foreground": best.agreement.foreground,
    }
    if not best.belongs:
        sentence = (
            f"In no orientation do more than {_share(best)} of the foreground "
            f"agree: the probabilities and '{name}' are of different "
            "images, their classes differ, or they have too little in common."
        )
        return Check("orientation", "red", sentence, numbers)
    if search.ties:
        return _tie(search, best, axcodes, numbers)
    if search.better is None:
        sentence = "No other order or direction of the axes agrees as well."
        return Check("orientation", "green", sentence, numbers)
    turned, agrees = search.describe(best, axcodes), _share(best)
    if search.as_loaded is None:
        sentence = (
            f"They agree with '{name}' in {agrees} of the foreground when placed so: "
            f"{turned}."
        )
        return Check("orientation", "amber", sentence, numbers)
    sentence = (
        "Another placement agrees far better: as loaded "
        f"{_share(search.as_loaded)} of the foreground; {turned}: {agrees}."
    )
    return Check("orientation", "red", sentence, numbers)


def _tie(
    search: Search,
    best: Candidate,
    axcodes: Sequence[str] | None,
    numbers: dict[str, Any],
) -> Check:
    numbers["ties"] = [
        {
            "placement": one.placement.describe(),
            "foreground": one.agreement.foreground,
        }
        for one in search.ties
    ]
    loaded = search.as_loaded
    if search.better is None and loaded is not None:
        others = [one for one in (best, *search.ties) if _turned(one, loaded)]
        sentence = (
            f"As loaded, {_share(loaded)} of the foreground agree; "
            f"{_turn(others[0], loaded, axcodes)}, {_share(others[0])} would. The data "
            "cannot decide which is right."
        )
        return Check("orientation", "amber", sentence, numbers)
    tie = search.ties[0]
    only = (
        f"As loaded, only {_share(loaded)} of the foreground agree. " if loaded else ""
    )
    sentence = (
        f"{only}Two placements agree equally well, and the data cannot decide "
        "between them: "
        f"{search.describe(best, axcodes)} ({_share(best)}), and that "
        f"{_turn(tie, best, axcodes)} ({_share(tie)})."
    )
    return Check("orientation", "red" if loaded else "amber", sentence, numbers)


def _turned(one: Candidate, other: Candidate) -> bool:
    """Return whether the axes of one run otherwise than those of another."""
    relative = one.placement.relative_to(other.placement)
    return relative != Placement.as_it_is(len(relative.order))


def _turn(one: Candidate, other: Candidate, axcodes: Sequence[str] | None) -> str:
    return one.placement.relative_to(other.placement).describe(axcodes)


def _share(candidate: Candidate) -> str:
    return percent(candidate.agreement.foreground)
