"""Checks of where probabilities lie: against other images, and by their header."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..grid import Grid, in_millimetres
from ..text import voxel_place
from . import Check


def check_grid(name: str, role: str, grid: Grid | None, other: Grid | None) -> Check:
    """Return whether the probabilities lie where a scan or segmentation lies.

    Parameters
    ----------
    name : str
        What the other image is called.
    role : str
        ``"scan"`` or ``"segmentation"``.
    grid, other : Grid or None
        Of the probabilities, and of the other image; None where it is unknown.
    """
    key = f"{role}_grid"
    if grid is None or other is None:
        unknown = "the probabilities" if grid is None else f"'{name}'"
        sentence = f"The place in space of {unknown} is unknown."
        return Check(key, "amber", sentence)
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
            return Check(key, "green", sentence, numbers)
    if not grid.overlaps(other):
        sentence = (
            f"The probabilities and '{name}' do not overlap in space ({deviations})."
        )
        return Check(key, "red", sentence, numbers)
    shape = "" if apart.same_shape else "another shape, "
    sentence = f"Other voxels than those of '{name}': {shape}{deviations}."
    return Check(key, "amber", sentence, numbers)


def check_lent_place(placed: str) -> Check:
    """Return what to tell of a place that a person chose, where nothing can confirm it.

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
    )


def check_unconfirmed_place(name: str) -> Check:
    """Return what to tell of a place that its own file does not confirm.

    Parameters
    ----------
    name : str
        Of the labels in the file that the place comes from.
    """
    sentence = (
        f"The place was taken from '{name}', and nothing confirms it: its labels are "
        "not these classes, or of something else."
    )
    return Check("place", "amber", sentence, {"from": name})


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
    """Return how far apart they put a voxel, in mm; None if the qform is unusable."""
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
