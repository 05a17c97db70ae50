"""Checks of whether probabilities and a segmentation belong together, and which way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..matching.changed import Explanation
from ..matching.comparison import Compared
from ..matching.orientation import AGREES, BELONGS, Candidate, RankedPlacements
from ..placement import Placement
from ..text import percent
from . import Check, Level


def check_comparison(compared: Compared) -> list[Check]:
    """Return the checks of a comparison: agreement, orientation, and numbers of labels.

    Parameters
    ----------
    compared : Compared
        Its result.
    """
    onto, search = compared.onto, compared.search
    if compared.refused:
        checks = [Check("agreement", "red", compared.refused)]
    elif search is None:
        checks = [_agreement(compared.as_loaded, onto.name)]
    else:
        axcodes = None
        if onto.anatomical and onto.grid is not None:
            axcodes = onto.grid.axcodes
        checks = check_agreement(search, onto.name, axcodes)
    if compared.explanation is not None:
        checks = [_explained(compared.explanation, onto.name), *checks[1:]]
        if compared.as_loaded is not None and not compared.as_loaded.belongs:
            sentence = (
                f"Which way round the probabilities lie on '{onto.name}' was judged "
                "only by what both have."
            )
            checks[1:] = [Check("orientation", "amber", sentence)]
    if compared.numbering is not None:
        sentence = (
            f"The numbers in '{onto.name}' were taken for {compared.numbering.told}: "
            "so more of the foreground agrees than if 0 were the background."
        )
        numbers = {"numbers": list(compared.numbering.numbers)}
        checks.append(Check("labels", "green", sentence, numbers))
    return checks


def _explained(explanation: Explanation, name: str) -> Check:
    """Return the agreement with a segmentation that was changed after it was made."""
    numbers = explanation.numbers
    if explanation.reason == "lacks classes":
        lacking = numbers["lacking_classes"]
        listed = ", ".join(map(str, lacking[:6])) + (" …" if len(lacking) > 6 else "")
        several = "classes" if len(lacking) > 1 else "class"
        sentence = (
            f"'{name}' lacks the {several} {listed}, "
            f"which {percent(numbers['lacking'])} of the predicted foreground have. "
            f"Elsewhere, {percent(numbers['foreground'])} of the foreground agree."
        )
    elif explanation.reason == "was cleaned":
        sentence = (
            f"Where '{name}' has a label, {percent(numbers['where_labelled'])} of the "
            f"voxels agree; it lacks {percent(numbers['lacking'])} of the predicted "
            "foreground, as where small components were removed."
        )
    else:
        sentence = (
            f"The labels of '{name}' are the voxels above {numbers['threshold']:g}, "
            f"which agree in {percent(numbers['foreground'])} of the foreground, and "
            "not those of the most probable class (above 0.5)."
        )
    return Check("agreement", "amber", sentence, numbers)


def check_agreement(
    search: RankedPlacements, name: str, axcodes: Sequence[str] | None
) -> list[Check]:
    """Return whether the most probable class and a segmentation belong together.

    Parameters
    ----------
    search : RankedPlacements
        Placements that were found.
    name : str
        Of the segmentation.
    axcodes : sequence of str or None
        Anatomical directions of its axes, where they are known.
    """
    return [_agreement(search.as_loaded, name), _orientation(search, name, axcodes)]


def _agreement(as_loaded: Candidate | None, name: str) -> Check:
    if as_loaded is None:
        sentence = (
            f"As loaded, the probabilities cannot be compared with '{name}': their "
            "place in it is unknown."
        )
        return Check("agreement", "amber", sentence)
    agreement = as_loaded.agreement
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


def _orientation(
    search: RankedPlacements, name: str, axcodes: Sequence[str] | None
) -> Check:
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
    search: RankedPlacements,
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
