"""Axes as a file names them: what each runs over, voxel size, place and direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..grid import Grid

CLASSES, MEMBERS, SPACE = "classes", "members", "space"

#: Lengths in mm: names as OME-Zarr has them (those of UDUNITS-2), and symbols.
MILLIMETRES = {
    "meter": 1e3, "m": 1e3,
    "decimeter": 1e2, "dm": 1e2,
    "centimeter": 1e1, "cm": 1e1,
    "millimeter": 1.0, "mm": 1.0,
    "micrometer": 1e-3, "micron": 1e-3, "um": 1e-3, "µm": 1e-3, "μm": 1e-3,
    "nanometer": 1e-6, "nm": 1e-6,
    "angstrom": 1e-7,
    "inch": 25.4,
}  # fmt: skip

# Where an axis runs to in RAS+, as OME-Zarr's RFC-4 tells it. Its words for animals
# (rostral, dorsal) mean another direction in the brain of a person than below it.
_DIRECTIONS = {
    "left-to-right": (1, 0, 0), "right-to-left": (-1, 0, 0),
    "posterior-to-anterior": (0, 1, 0), "anterior-to-posterior": (0, -1, 0),
    "inferior-to-superior": (0, 0, 1), "superior-to-inferior": (0, 0, -1),
}  # fmt: skip


@dataclass(frozen=True)
class Axis:
    """One axis of an array, as its file describes it.

    Attributes
    ----------
    name : str
        Such as ``"x"``.
    role : str
        ``"classes"``, ``"members"`` (time, or whatever else repeats the volume) or
        ``"space"``.
    step, start : float
        Distance of two voxels, and where the first one is, in `unit`.
    unit : str
        Of length; empty where none is named.
    direction : str
        As RFC-4 of OME-Zarr has it, such as ``"left-to-right"``; else empty.
    """

    name: str
    role: str
    step: float = 1.0
    start: float = 0.0
    unit: str = ""
    direction: str = ""


@dataclass(frozen=True)
class Order:
    """The axes of an array by what they run over.

    Attributes
    ----------
    classes, members : int or None
        Which axis runs over them; None where none does.
    space : tuple of int
        The others, in nibabel's order.
    """

    classes: int | None
    members: int | None
    space: tuple[int, ...]

    def class_first(self, values: Any, member: int = 0) -> Any:
        """One member's values, class axis first, then the spatial ones in order."""
        axes = [axis for axis in (self.members, self.classes) if axis is not None]
        turned = values.transpose(*axes, *self.space)
        if self.members is not None:
            turned = turned[member]
        return turned[np.newaxis] if self.classes is None else turned


def order_of(axes: tuple[Axis, ...], name: str) -> Order:
    """Return where named axes belong: space as x, y, z, else reversed.

    Raises
    ------
    InputError
        If there are two for the same, or not two or three spatial ones.
    """
    by_role = {
        role: [n for n, axis in enumerate(axes) if axis.role == role]
        for role in (CLASSES, MEMBERS, SPACE)
    }
    space = by_role[SPACE]
    if len(space) not in (2, 3) or any(
        len(by_role[role]) > 1 for role in (CLASSES, MEMBERS)
    ):
        raise InputError(
            f"The axes of {name} are {', '.join(axis.name for axis in axes)}; "
            "probabilities have two or three spatial axes, one for the classes, and at "
            "most one more, for time or members."
        )
    if _named_xyz(axes):
        space.sort(key=lambda n: axes[n].name)
    else:
        space.reverse()  # the first is the slowest in either format: z, y, x
    return Order(
        next(iter(by_role[CLASSES]), None),
        next(iter(by_role[MEMBERS]), None),
        tuple(space),
    )


def grid_of(axes: tuple[Axis, ...], shape: tuple[int, ...]) -> Grid | str:
    """The place that a file gives its voxels, or why it gives none.

    Where it does not tell anatomical directions, x, y and z are taken for Right,
    Anterior and Superior.

    Parameters
    ----------
    axes : tuple of Axis
        The spatial ones, in nibabel's order.
    shape : tuple of int
        Number of voxels along each.
    """
    for axis in axes:
        if axis.unit not in MILLIMETRES:
            has = f'the unknown unit "{axis.unit}"' if axis.unit else "no unit"
            return f"Its axis {axis.name} has {has}, so its own place is not taken."
    millimetres = np.array([MILLIMETRES[axis.unit] for axis in axes])
    steps = millimetres * [axis.step for axis in axes]
    starts = millimetres * [axis.start for axis in axes]
    directions = np.eye(3)
    if has_directions(axes):
        told = np.array([_DIRECTIONS[axis.direction] for axis in axes], np.float64)
        if len(told) == 2:
            told = np.vstack([told, np.cross(*told)])
        directions = told.T
    n_axes = len(axes)
    affine = np.eye(4)
    affine[:3, :3] = directions
    affine[:3, :n_axes] *= steps
    affine[:3, 3] = directions[:, :n_axes] @ starts
    try:
        return Grid(shape, affine)
    except InputError:
        sizes = " × ".join(f"{axis.step:g} {axis.unit}" for axis in axes)
        return f"Its own place is not taken: voxels of {sizes} make no sense here."


def has_directions(axes: tuple[Axis, ...]) -> bool:
    """Return whether each spatial axis has a direction in the body of its own."""
    known = [_DIRECTIONS[a.direction] for a in axes if a.direction in _DIRECTIONS]
    return len({tuple(map(abs, one)) for one in known}) == len(axes)


def _named_xyz(axes: tuple[Axis, ...]) -> bool:
    names = sorted(axis.name for axis in axes if axis.role == SPACE)
    return names in (["x", "y"], ["x", "y", "z"])
