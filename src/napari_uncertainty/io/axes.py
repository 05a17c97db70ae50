"""Axes of an array: the one that runs over the classes, and those that a file names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..model.grid import Grid
from ..model.probabilities import find_class_axis, lines_along

#: How a person says which axis runs over the classes.
NAME_THE_AXIS = (
    "--class-axis on the command line, class_axis= in Python, counted from 0"
)

#: Roles of an axis.
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

# Directions of axes in RAS+, by their names in OME-Zarr's RFC-4. Its words for animals
# (rostral, dorsal) mean another direction in the brain of a person than below it.
_DIRECTIONS = {
    "left-to-right": (1, 0, 0), "right-to-left": (-1, 0, 0),
    "posterior-to-anterior": (0, 1, 0), "anterior-to-posterior": (0, -1, 0),
    "inferior-to-superior": (0, 0, 1), "superior-to-inferior": (0, 0, -1),
}  # fmt: skip

# The class axis of an array whose file does not say which it is.


@dataclass(frozen=True)
class ClassAxis:
    """The axis that runs over the classes, as it was found.

    Attributes
    ----------
    axis : int or None
        Its number; None where the array is a single channel.
    note : str
        Reason for this choice, where it is less than certain.
    """

    axis: int | None
    note: str = ""


def batch_axes(shape: tuple[int, ...], axis: int | None = None) -> int:
    """Return how many axes in front have length 1 and are neither space nor members.

    Programs keep them of batches, (1, classes, z, y, x) or (1, 1, y, x). Of four axes
    the first is one only if another one can be that of the classes.

    Parameters
    ----------
    shape : tuple of int
        Shape of an array with the class axis anywhere.
    axis : int or None
        Its class axis, where that is known; it is kept.
    """
    count = 0
    while len(shape) - count > 3 and shape[count] == 1 and axis != count:
        left = shape[count:]
        if len(left) == 4 and axis is None and 1 not in (left[1], left[-1]):
            break
        count += 1
    return count


def change_of_flat_axis(shape: tuple[int, ...], twin: tuple[int, ...] | None) -> int:
    """Return how many axes of length 1 to add behind the spatial ones: 1, 0 or -1.

    A flat image has two axes or three, as its program likes; of one with two, nnU-Net
    keeps (class, 1, y, x) [1]_. Values get as many axes as the image beside them has.

    Parameters
    ----------
    shape : tuple of int
        Length of the spatial axes of the values, in nibabel's order.
    twin : tuple of int or None
        Shape of the image beside them, where there is one.

    References
    ----------
    .. [1] https://github.com/MIC-DKFZ/nnUNet/blob/master/nnunetv2/imageio/simpleitk_reader_writer.py
    """
    if twin is None:
        return 0
    if len(twin) == 2 and len(shape) == 3 and shape[-1] == 1:
        return -1
    return int(len(twin) == 3 and len(shape) == 2 and twin[-1] == 1)


def dropped_note(name: str, shape: tuple[int, ...], count: int) -> str:
    """Return a sentence that says that axes in front were left out."""
    axes = "axis" if count == 1 else f"{count} axes"
    return (
        f"{name} has shape {shape}; its first {axes} of length 1, such as that of a "
        f"batch, {'was' if count == 1 else 'were'} left out."
    )


def given_axis(axis: int, shape: tuple[int, ...], name: str) -> int:
    """Return the axis that a person named, counted from the front.

    Raises
    ------
    InputError
        If there is none of that number.
    """
    if not -len(shape) <= axis < len(shape):
        raise InputError(
            f"There is no class axis {axis} in {name}, whose shape is {shape}."
        )
    return axis % len(shape)


def find_axis(
    values: Any,
    name: str,
    shape: tuple[int, ...] | None = None,
    image_shape: tuple[int, ...] | None = None,
) -> ClassAxis:
    """Find the class axis: along which values sum to 1, else the clearly shortest.

    Parameters
    ----------
    values : array
        All values, or the first ones along the axes that come slowest in the file.
    name : str
        Name of the file.
    shape : tuple of int
        Shape of all values.
    image_shape : tuple of int
        Shape of the image that they belong to, where one is known. Three axes that have
        it, or its reverse, are one channel, unless values sum to 1.

    Raises
    ------
    InputError
        If the values look like labels or if nothing tells the axis.
    """
    shape = shape or tuple(values.shape)
    axis = find_class_axis(values, scaled=True)
    if axis is not None:
        return ClassAxis(axis)
    if len(shape) > 2 and 1 in (shape[0], shape[-1]):
        return ClassAxis(0 if shape[0] == 1 else len(shape) - 1)
    _refuse_labels(values, name)
    if len(shape) == 3 and image_shape in (shape, shape[::-1]):
        return ClassAxis(
            None,
            f"{name} has the shape of the image beside it, so it was opened as a "
            "single channel.",
        )
    shortest = clearly_shortest(shape)
    unseen = next((n for n in range(len(shape)) if shape[n] != values.shape[n]), None)
    if shortest is None or unseen not in (None, shortest):
        raise InputError(
            f"Nothing tells which axis of {name}, whose shape is {shape}, runs over "
            "the classes: along none do the values sum to 1. Name it "
            f"({NAME_THE_AXIS}); a single channel needs an axis of length 1."
        )
    fact = "the values sum to 1"
    single = "; if this is a single channel, name the kind (foreground)"
    if len(shape) > 3:
        single = ""
    if unseen is not None:
        fact += " as far as they were looked at"
    return ClassAxis(
        shortest,
        f"Along no axis of {name} do {fact}; its shortest, axis {shortest} of shape "
        f"{shape}, was taken for the class axis. If it is another one, name it "
        f"({NAME_THE_AXIS}){single}.",
    )


def _refuse_labels(values: Any, name: str) -> None:
    lines = lines_along(values, 0)
    known = lines[np.isfinite(lines)]
    if not known.any():
        raise InputError(
            f"{name} holds no values but 0, NaN or infinity where it was looked at; if "
            f"it holds others, name its class axis ({NAME_THE_AXIS})."
        )
    # Floating-point numbers as large as this are all whole.
    if (known == np.rint(known)).all() and np.abs(known).max() < 2**24:
        raise InputError(
            f"{name} holds whole numbers that add up to the same along no axis, so it "
            "looks like a label map or a scan. Choose the network's output; if that is "
            f"what it is, name its class axis ({NAME_THE_AXIS})."
        )


def clearly_shortest(shape: tuple[int, ...]) -> int | None:
    """Return the first or last axis if it is at most a third as long as all others."""
    if len(shape) < 2:
        return None
    shortest, following = sorted(shape)[:2]
    if 3 * shortest > following:
        return None
    axis = shape.index(shortest)
    return axis if axis in (0, len(shape) - 1) else None


# Axes that a file names, with their role, voxel size, place and direction.


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
    """The axes of an array by their roles.

    Attributes
    ----------
    classes, members : int or None
        The axis that runs over them; None where none does.
    space : tuple of int
        The other axes, in nibabel's order.
    """

    classes: int | None
    members: int | None
    space: tuple[int, ...]

    def class_first(self, values: Any, member: int = 0) -> Any:
        """Return one member's values, class axis first, then the spatial axes."""
        axes = [axis for axis in (self.members, self.classes) if axis is not None]
        turned = values.transpose(*axes, *self.space)
        if self.members is not None:
            turned = turned[member]
        return turned[np.newaxis] if self.classes is None else turned


def order_of(axes: tuple[Axis, ...], name: str) -> Order:
    """Return the order of named axes: spatial ones as x, y, z, or else reversed.

    Raises
    ------
    InputError
        If two axes run over classes, two over members, or not two or three in space.
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
    """Return the grid that a file gives its voxels, or why it gives none.

    Where it does not tell anatomical directions, x, y and z are taken for Right,
    Anterior and Superior.

    Parameters
    ----------
    axes : tuple of Axis
        The spatial axes, in nibabel's order.
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
        named = np.array([_DIRECTIONS[axis.direction] for axis in axes], np.float64)
        if len(named) == 2:
            named = np.vstack([named, np.cross(*named)])
        directions = named.T
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
