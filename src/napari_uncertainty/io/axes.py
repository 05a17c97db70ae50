"""The class axis of an array whose file does not say which it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..probabilities import find_class_axis, lines_along

#: How a person says which it is.
NAME_IT = "--class-axis on the command line, class_axis= in Python, counted from 0"


@dataclass(frozen=True)
class ClassAxis:
    """The axis that runs over the classes, as it was found.

    Attributes
    ----------
    axis : int or None
        None where there is none: one channel.
    note : str
        Why, where that is less than certain.
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
        Of an array, class axis anywhere.
    axis : int or None
        Its class axis, where that is known; this one stays.
    """
    count = 0
    while len(shape) - count > 3 and shape[count] == 1 and axis != count:
        left = shape[count:]
        if len(left) == 4 and axis is None and 1 not in (left[1], left[-1]):
            break
        count += 1
    return count


def dropped_note(name: str, shape: tuple[int, ...], count: int) -> str:
    """Tell that axes in front were left out."""
    axes = "axis" if count == 1 else f"{count} axes"
    return (
        f"{name} has shape {shape}; its first {axes} of length 1, such as that of a "
        f"batch, {'was' if count == 1 else 'were'} left out."
    )


def given_axis(axis: int, shape: tuple[int, ...], name: str) -> int:
    """The axis that somebody named, counted from the front.

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
        All of them, or the first along the axes that come slowest in the file.
    name : str
        Of the file.
    shape : tuple of int
        Of all values.
    image_shape : tuple of int
        Of the image that they belong to, where one is known. Three axes that have that
        shape, or its reverse, are one channel, unless values sum to 1.

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
            f"({NAME_IT}); a single channel needs an axis of length 1."
        )
    looked = "the values sum to 1"
    single = "; if this is a single channel, name the kind (foreground)"
    if len(shape) > 3:
        single = ""
    if unseen is not None:
        looked += " as far as they were looked at"
    return ClassAxis(
        shortest,
        f"Along no axis of {name} do {looked}; its shortest, axis {shortest} of shape "
        f"{shape}, was taken for the class axis. If it is another one, name it "
        f"({NAME_IT}){single}.",
    )


def _refuse_labels(values: Any, name: str) -> None:
    lines = lines_along(values, 0)
    known = lines[np.isfinite(lines)]
    if not known.any():
        raise InputError(
            f"{name} holds no values but 0, NaN or infinity where it was looked at; if "
            f"it holds others, name its class axis ({NAME_IT})."
        )
    # Floating-point numbers as large as this are all whole.
    if (known == np.rint(known)).all() and np.abs(known).max() < 2**24:
        raise InputError(
            f"{name} holds whole numbers that add up to the same along no axis, so it "
            "looks like a label map or a scan. Choose the network's output; if that is "
            f"what it is, name its class axis ({NAME_IT})."
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
