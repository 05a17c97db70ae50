"""Checks of the place of probabilities and of their agreement with segmentations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..compare.changed import Explanation
from ..compare.orientation import AGREES, BELONGS, Candidate, RankedPlacements
from ..compare.segmentation import Compared
from ..model.grid import Grid, in_millimetres
from ..model.placement import Placement
from ..model.record import Check, Level
from ..text import percent, voxel_place

# Checks of the place of probabilities, by other images and by their header.


def check_grid(name: str, role: str, grid: Grid | None, other: Grid | None) -> Check:
    """Return the check of the grids of the probabilities and of another image.

    Parameters
    ----------
    name : str
        What the other image is called.
    role : str
        ``"scan"`` or ``"segmentation"``.
    grid, other : Grid or None
        Of the probabilities, and of the other image; None where it is unknown.
    """
    key, guessed = f"{role}_grid", role == "segmentation"
    if grid is None or other is None:
        unknown = "the probabilities" if grid is None else f"'{name}'"
        sentence = f"The place in space of {unknown} is unknown."
        return Check(key, "amber", sentence, guessed=guessed)
    apart = grid.difference(other)
    numbers: dict[str, Any] = {
        "same_shape": apart.same_shape,
        "zooms_mm": apart.zooms_mm,
        "origin_mm": apart.origin_mm,
        "direction_mm": apart.direction_mm,
    }
    deviations = (
        f"voxel size differs by {_mm(apart.zooms_mm)}, origin by "
        f"{_mm(apart.origin_mm)}, direction by {_mm(apart.direction_mm)}"
    )
    placement = grid.placement_in(other)
    if placement is not None:
        turned = placement.turned_shape(grid.shape)
        sides = zip(placement.offset, turned, other.shape, strict=True)
        if all(first >= 0 and first + n <= room for first, n, room in sides):
            sentence = f"The voxels are those of '{name}' ({deviations})."
            if not apart.same_shape:
                numbers["offset"] = list(placement.offset)
                sentence = (
                    f"A crop that lies voxel on voxel in '{name}', from its voxel "
                    f"{voxel_place(placement.offset)} on."
                )
            return Check(key, "green", sentence, numbers, guessed=guessed)
    if not grid.overlaps(other):
        sentence = (
            f"The probabilities and '{name}' do not overlap in space ({deviations})."
        )
        return Check(key, "red", sentence, numbers, guessed=guessed)
    shape = "" if apart.same_shape else "another shape, "
    sentence = f"Other voxels than those of '{name}': {shape}{deviations}."
    return Check(key, "amber", sentence, numbers, guessed=guessed)


def check_lent_place(placed: str) -> Check:
    """Return the check of a place that a person chose and that nothing can confirm.

    Parameters
    ----------
    placed : str
        How it was chosen.
    """
    return Check(
        "place",
        "amber",
        f"The place was taken over ({placed}); only a comparison with a segmentation "
        "can confirm it.",
        {"placed": placed},
        guessed=True,
    )


def check_unconfirmed_place(name: str) -> Check:
    """Return the check of a place that its own file does not confirm.

    Parameters
    ----------
    name : str
        Of the labels in the file that the place comes from.
    """
    sentence = (
        f"The place was taken from '{name}', and nothing confirms it: its labels are "
        "not these classes, or of something else."
    )
    return Check("place", "amber", sentence, {"from": name}, guessed=True)


def check_header(name: str, grid: Grid | None) -> list[Check]:
    """Return checks of what is odd about the place that a header gives; often none."""
    if grid is None:
        return []
    checks = []
    if grid.shear > 0.1:
        sentence = (
            f"'{name}' is sheared by {grid.shear:.1f}°. It is shown along its own "
            "axes, so angles are not true."
        )
        checks.append(Check("header", "amber", sentence, {"shear_degrees": grid.shear}))
    header = grid.nifti_header
    if header is None:
        return checks
    codes = {kind: int(header[f"{kind}_code"]) for kind in ("sform", "qform")}
    if not any(codes.values()):
        sentence = (
            f"The header of '{name}' does not say where it lies (sform and qform code "
            "are 0). As nibabel does, its first axis is taken to run to the left, the "
            "second to the front and the third up, around the origin."
        )
        checks.append(Check("header", "amber", sentence, codes))
    elif all(codes.values()):
        moved = _sform_against_qform(header, grid.shape)
        if moved is None or moved > 0.1 * float(grid.zooms.min()):
            how = (
                "the qform cannot be used"
                if moved is None
                else f"sform and qform put voxels up to {_mm(moved)} apart"
            )
            sentence = f"In the header of '{name}' {how}; the sform counts."
            checks.append(
                Check("header", "amber", sentence, codes | {"qform_mm": moved})
            )
    return checks


def _mm(distance: float) -> str:
    return f"{distance:.3g} mm" if distance >= 1e-3 else "0 mm"


def _sform_against_qform(header: Any, shape: tuple[int, ...]) -> float | None:
    """Return the distance of voxels by both, in mm; None if the qform is unusable."""
    from nibabel.spatialimages import HeaderDataError

    try:
        sform, qform = (
            Grid(shape, in_millimetres(header.get_sform(), header)),
            Grid(shape, in_millimetres(header.get_qform(), header)),
        )
    except (HeaderDataError, ValueError):
        return None
    ends = np.array(list(np.ndindex(*(2,) * len(shape)))) * (np.array(shape) - 1)
    return float(np.linalg.norm(sform.to_ras(ends) - qform.to_ras(ends), axis=1).max())


# Checks of the agreement with a segmentation, and of the orientation.


def check_comparison(compared: Compared) -> list[Check]:
    """Return the checks of a comparison: agreement, orientation, and numbers of labels.

    Parameters
    ----------
    compared : Compared
        Its result.
    """
    onto, search = compared.onto, compared.search
    if compared.refused:
        checks = [Check("agreement", "red", compared.refused, guessed=True)]
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
            checks[1:] = [Check("orientation", "amber", sentence, guessed=True)]
    numbering = compared.numbering
    if numbering is not None:
        sentence = (
            f"The numbers in '{onto.name}' were taken for {numbering.description}: "
            "so more of the foreground agrees than if 0 were the background."
        )
        numbers = {"numbers": list(numbering.numbers)}
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
    return Check("agreement", "amber", sentence, numbers, guessed=True)


def check_agreement(
    search: RankedPlacements, name: str, axcodes: Sequence[str] | None
) -> list[Check]:
    """Return the checks of agreement and orientation on a segmentation.

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
        return Check("agreement", "amber", sentence, guessed=True)
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
    return Check("agreement", level, sentence, numbers, guessed=True)


def _orientation(
    search: RankedPlacements, name: str, axcodes: Sequence[str] | None
) -> Check:
    best = search.best
    if best is None:
        sentence = f"In no orientation do the probabilities fit into '{name}'."
        return Check("orientation", "red", sentence, guessed=True)
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
        return Check("orientation", "red", sentence, numbers, guessed=True)
    if search.ties:
        return _tie(search, best, axcodes, numbers)
    if search.better is None:
        sentence = "No other order or direction of the axes agrees as well."
        return Check("orientation", "green", sentence, numbers, guessed=True)
    turned, agrees = search.describe(best, axcodes), _share(best)
    if search.as_loaded is None:
        sentence = (
            f"They agree with '{name}' in {agrees} of the foreground when placed so: "
            f"{turned}."
        )
        return Check("orientation", "amber", sentence, numbers, guessed=True)
    sentence = (
        "Another placement agrees far better: as loaded "
        f"{_share(search.as_loaded)} of the foreground; {turned}: {agrees}."
    )
    return Check("orientation", "red", sentence, numbers, guessed=True)


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
        return Check("orientation", "amber", sentence, numbers, guessed=True)
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
    return Check(
        "orientation", "red" if loaded else "amber", sentence, numbers, guessed=True
    )


def _turned(one: Candidate, other: Candidate) -> bool:
    """Return whether the axes of one run otherwise than those of another."""
    relative = one.placement.relative_to(other.placement)
    return relative != Placement.as_it_is(len(relative.order))


def _turn(one: Candidate, other: Candidate, axcodes: Sequence[str] | None) -> str:
    return one.placement.relative_to(other.placement).describe(axcodes)


def _share(candidate: Candidate) -> str:
    return percent(candidate.agreement.foreground)
