"""Arrays in files: from shape and bytes to probabilities, or to several members.

With the class axis in front, the spatial axes are taken to be in the order (z, y, x) of
SimpleITK and nnU-Net; with the class axis elsewhere, in nibabel's (i, j, k). The shape
of a NIfTI image of the same name overrules that.
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..kinds import is_single
from ..model.interpretation import AS_FOUND, Interpretation
from ..probabilities import ProbabilityMap, find_class_axis, scale_of
from ..stored import Bytes, PlainBytes, StoredValues
from .array_headers import ArrayHeader
from .axes import ClassAxis, batch_axes, dropped_note, find_axis, given_axis
from .byte_sources import PlainFile
from .endings import stem
from .geometry import (
    Place,
    find_geometry,
    probability_map,
    runs_as_its_original,
    shape_of_twin,
)
from .stacks import MOST_MEMBERS, bytes_of_member

# Of a compressed file, so many bytes of values are unpacked to find the class axis.
LOOK = 64 << 20


@dataclass(frozen=True, eq=False)
class ArrayFile:
    """An array in a file of which only the header was read.

    Attributes
    ----------
    path : Path
        The file.
    header : ArrayHeader
        Shape, order and type.
    bytes : Bytes or PlainBytes
        The values.
    from_nnunet : bool
        Whether its name says that nnU-Net wrote it: class first, then (z, y, x).
    """

    path: Path
    header: ArrayHeader
    bytes: Bytes
    from_nnunet: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Return the length of each axis, as numpy has it."""
        return self.header.shape

    @cached_property
    def some(self) -> Any:
        """Return values to judge by, as numpy has them; of a packed file the first."""
        shape = list(self.header.file_shape)
        if isinstance(self.bytes, PlainFile):
            seen: Any = np.memmap(
                self.path, self.header.dtype, "r", self.bytes.offset, tuple(shape)
            )
        else:
            for axis in range(len(shape)):
                row = math.prod(shape[axis + 1 :]) * self.header.dtype.itemsize
                shape[axis] = min(shape[axis], max(1, LOOK // row))
                if row <= LOOK:
                    break
            size = math.prod(shape) * self.header.dtype.itemsize
            with closing(self.bytes.pieces(size)) as pieces:  # type: ignore[type-var]
                seen = np.frombuffer(next(pieces), self.header.dtype).reshape(shape)
        return seen.T if self.header.fortran_order else seen

    def class_axis(self, how: Interpretation) -> ClassAxis:
        """Return the class axis that is named, or nnU-Net's, or that is found."""
        if how.class_axis is not None:
            return ClassAxis(given_axis(how.class_axis, self.shape, self.path.name))
        if self.from_nnunet:
            return ClassAxis(0)
        if is_single(how.kind) and len(self.shape) == 3:
            ones = [axis for axis in (0, 2) if self.shape[axis] == 1]
            return ClassAxis(ones[0] if ones else None)
        return find_axis(
            self.some, self.path.name, self.shape, shape_of_twin(self.path)
        )

    def stored(self, class_axis: int | None, *, backwards: bool) -> StoredValues:
        """The values, class axis in front.

        Parameters
        ----------
        class_axis : int or None
            In numpy's order; None for one channel.
        backwards : bool
            Whether the spatial axes of the array are (z, y, x).
        """
        header = self.header
        one = (1,) if class_axis is None else ()
        stored = StoredValues(
            self.path,
            self.bytes,
            file_shape=one + header.file_shape,
            class_axis=0 if class_axis is None else header.file_axis(class_axis),
            stored=header.dtype,
            reverse=backwards != header.fortran_order,
        )
        if class_axis is None or not isinstance(self.bytes, PlainBytes):
            return stored  # what has to be unpacked is judged then
        return replace(stored, scale=scale_of(self.some, class_axis) or 1.0)

    def members(self) -> list[ArrayFile]:
        """Its parts along the first axis."""
        n_members = self.shape[0]
        if n_members > MOST_MEMBERS:
            raise InputError(
                f"{self.path.name} would hold {n_members} members: of an array of "
                "several, the first axis has to run over the members."
            )
        header = replace(self.header, shape=self.shape[1:])
        return [
            replace(
                self,
                header=header,
                bytes=bytes_of_member(self.bytes, self.header, member),
            )
            for member in range(n_members)
        ]


def probabilities_of(array: ArrayFile, how: Interpretation) -> ProbabilityMap:
    """Probabilities of an array, with the place and the names found beside it.

    Raises
    ------
    InputError
        If it is not found out which axis runs over the classes, if there is one too
        many, or if the image beside it cannot belong to it.
    """
    array, how, dropped = _without_batch(array, how)
    if len(array.shape) > 4:
        raise InputError(
            f"{array.path.name} has shape {array.shape}, an axis more than classes in "
            f"space, so it seems to hold {array.shape[0]} members: compute from all of "
            "them, with map --ensemble or nu.ensemble_uncertainty, or save one alone."
        )
    found = array.class_axis(how)
    note = found.note
    if len(array.shape) == 4 and found.axis == 1 and how.class_axis is None:
        note = (
            f"The class axis of {array.path.name} is its second, and the first was "
            "taken for an axis in space. If that one runs over members, compute from "
            "all of them, with map --ensemble or nu.ensemble_uncertainty."
        )
    stored, place = _placed(array, found.axis)
    note = " ".join(filter(None, (dropped, note)))
    return probability_map(stored, array.path, place, note=note, guess=found.note)


def _without_batch(
    array: ArrayFile, how: Interpretation
) -> tuple[ArrayFile, Interpretation, str]:
    """Leave out axes of length 1 in front; gives a note if there were any."""
    shape, axis, twin = array.shape, how.class_axis, shape_of_twin(array.path)
    if axis is not None:
        axis = given_axis(axis, shape, array.path.name)
    elif len(shape) == 4 and shape[0] == 1 and not array.from_nnunet:
        axis = find_class_axis(array.some)
    count = batch_axes(shape, axis)
    if twin is not None and len(shape) == 4 and len(twin) == 3:
        count = 0  # one slice of a volume
    if len(shape) == 4 and axis == 3 and 1 in shape[1:3]:
        count = 0  # a line of voxels is no picture
    if not count or (array.from_nnunet and len(shape) == 4):
        return array, how, ""
    header = replace(array.header, shape=shape[count:])
    if how.class_axis is not None and axis is not None:
        how = replace(how, class_axis=axis - count)
    return (
        replace(array, header=header),
        how,
        dropped_note(array.path.name, shape, count),
    )


def members_of(array: ArrayFile, how: Interpretation) -> list[ProbabilityMap]:
    """Each member of an array that may have an axis more in front.

    Of four axes, (member, class, y, x) and (class, z, y, x) look alike: the class axis,
    as it is named or found, decides.
    """
    if array.shape[0] == 1 and len(array.shape) > 3:
        return [probabilities_of(array, how)]
    found = _class_axis_of_stack(array, how)
    if found is None:
        return [probabilities_of(array, how)]
    members = array.members()
    first, place = _placed(members[0], found.axis)
    name = stem(array.path)
    return [
        probability_map(
            replace(first, bytes=member.bytes),
            array.path,
            place,
            name=f"{name} pass {number}",
            note=found.note,
            guess=found.note,
        )
        for number, member in enumerate(members, 1)
    ]


def _class_axis_of_stack(array: ArrayFile, how: Interpretation) -> ClassAxis | None:
    """Class axis of each member; None where there are not several."""
    n_axes = len(array.shape)
    named = how.class_axis
    if named is not None:
        named = given_axis(named, array.shape, array.path.name)
    if n_axes == 5:
        if named == 0:
            raise InputError(
                f"{array.path.name} has {n_axes} axes, of which the first runs over "
                "members, so it cannot be the class axis; name another."
            )
        of_member = replace(how, class_axis=None if named is None else named - 1)
        return array.members()[0].class_axis(of_member)
    twin = shape_of_twin(array.path)
    if n_axes == 3 or (named is None and twin is not None and len(twin) == 3):
        return None
    found = ClassAxis(named) if named is not None else _seen_axis(array)
    flat = twin is not None and len(twin) == 2
    if found.axis == 1 or (found.axis == 3 and flat):
        return replace(found, axis=found.axis - 1)
    return None


def _seen_axis(array: ArrayFile) -> ClassAxis:
    """Class axis as the values have it, whatever the array is called."""
    try:
        return replace(array, from_nnunet=False).class_axis(AS_FOUND)
    except InputError:
        if array.from_nnunet:
            return ClassAxis(0)
        raise


def _placed(array: ArrayFile, class_axis: int | None) -> tuple[StoredValues, Place]:
    """The values in the order of axes that the image beside them has, and its place."""
    twin = shape_of_twin(array.path)
    first = class_axis in (0, None)
    orders = [first] if array.from_nnunet and first else [first, not first]
    likely = [
        _as_flat_as(array.stored(class_axis, backwards=backwards), twin)
        for backwards in orders
    ]
    places = [find_geometry(array.path, one.shape[1:]) for one in likely]
    known = [one for one, place in enumerate(places) if place.grid is not None]
    if len(known) > 1 and class_axis is not None:
        plain = _runs_as_its_original(array, class_axis)
        known.sort(key=lambda one: plain is not None and orders[one] == plain)
    number = known[0] if known else 0
    return likely[number], places[number]


def _runs_as_its_original(array: ArrayFile, class_axis: int) -> bool | None:
    """Ask it of the first class; None where not all of that was looked at."""
    some = array.some
    volume = np.moveaxis(some, class_axis, 0)[0]
    whole = array.shape[:class_axis] + array.shape[class_axis + 1 :]
    return runs_as_its_original(array.path, volume) if volume.shape == whole else None


def _as_flat_as(stored: StoredValues, twin: tuple[int, ...] | None) -> StoredValues:
    """The same values with as many axes as the image, if the last of them is 1 long.

    A flat image has two axes or three, as its program likes; of one with two, nnU-Net
    keeps (class, 1, y, x) [1]_.

    References
    ----------
    .. [1] https://github.com/MIC-DKFZ/nnUNet/blob/master/nnunetv2/imageio/simpleitk_reader_writer.py
    """
    *before, last = stored.shape[1:]
    if twin is None or len(twin) == stored.ndim - 1:
        return stored
    shape, class_axis = list(stored.file_shape), stored.class_axis
    spatial = [axis for axis in range(len(shape)) if axis != class_axis]
    at = spatial[0] if stored.reverse else spatial[-1]
    if len(twin) == 2 and len(before) == 2 and last == 1:
        del shape[at]
        class_axis -= at < class_axis
    elif len(twin) == 3 and twin[-1] == 1:
        at += not stored.reverse
        shape.insert(at, 1)
        class_axis += at <= class_axis
    return replace(stored, file_shape=tuple(shape), class_axis=class_axis)
