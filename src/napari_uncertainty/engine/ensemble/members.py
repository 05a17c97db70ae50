"""Members of one case: what they are, how they lie on each other, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...model.grid import Grid
from ...model.placement import Placement
from ...model.probabilities import ProbabilityMap, numbered_class_names
from ...model.stored import PIECE_VALUES, StoredValues, iter_volumes
from ..blocks import Box, tiles
from ..streams import RUN_VOXELS

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Member:
    """Member of an ensemble: probabilities of a case, and their meaning.

    Attributes
    ----------
    values : ndarray, dask array or StoredValues, shape (channels, i, j[, k])
        In the order of its file.
    name : str
        Name.
    class_names : tuple of str
        One for each channel; empty where they are not known.
    grid : Grid or None
        Grid of its voxels.
    kind : str or None
        A key of :data:`.KINDS`; None where it does not say, ``"auto"`` likewise.
    temperature : float
        Temperature of logits.
    region_order : tuple of int
        Labels that independent channels write.
    declared : bool
        Whether a file says the kind, and nobody named it.
    tissues : bool
        Whether it is known that no class is the background.
    """

    values: Any
    name: str = "member"
    class_names: tuple[str, ...] = ()
    grid: Grid | None = None
    kind: str | None = None
    temperature: float = 1.0
    region_order: tuple[int, ...] = ()
    declared: bool = False
    tissues: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the voxels, without the class axis."""
        return tuple(self.values.shape[1:])


def members_of(
    opened: Sequence[ProbabilityMap], kind: str | None = None, temperature: float = 1.0
) -> list[Member]:
    """Return members from files, each with a name that tells it from the others.

    Parameters
    ----------
    opened : sequence of ProbabilityMap
        At least one.
    kind : str or None
        What a person says the values are; None for what each file says.
    temperature : float
        Temperature of logits.
    """
    return [
        Member(
            one.values, name, one.class_names, one.grid, kind or one.kind, temperature,
            one.region_order, kind is None and one.kind is not None,
            bool(one.tissues_of),
        )
        for one, name in zip(opened, names_of_members(opened), strict=True)
    ]  # fmt: skip


def names_known_to(members: Sequence[Member]) -> tuple[str, ...]:
    """Return the names of channels, of the first member that has real names."""
    for one in members:
        if one.class_names not in ((), numbered_class_names(len(one.class_names))):
            return one.class_names
    return ()


def names_of_members(opened: Sequence[ProbabilityMap]) -> list[str]:
    """Return names, such as ``fold_0/sub-007`` where files have the same name."""
    names = [one.name for one in opened]
    if len(set(names)) == len(names):
        return names
    folders = [one.source.parent.name if one.source else "" for one in opened]
    names = [
        f"{folder}/{name}" if folder else name
        for folder, name in zip(folders, names, strict=True)
    ]
    if len(set(names)) == len(names):
        return names
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]


@dataclass(frozen=True, eq=False)
class CommonVoxels:
    """Voxels that members have in common, and the box that holds them all.

    Attributes
    ----------
    grid : Grid or None
        Of the smallest box that holds all of them, or the first.
    shape : tuple of int
        Shape of that box.
    shared : tuple of slice
        In that box, the voxels that all of them have.
    boxes : tuple of (tuple of slice)
        The same voxels in each of the members.
    remarks : tuple of str
        Remarks for a person.
    """

    grid: Grid | None
    shape: tuple[int, ...]
    shared: Box
    boxes: tuple[Box, ...]
    remarks: tuple[str, ...] = ()


def common(members: Sequence[Member], on_first: bool = False) -> CommonVoxels:
    """Return the voxels that members have in common.

    Parameters
    ----------
    members : sequence of Member
        At least one.
    on_first : bool
        Whether the box is that of the first member, instead of the smallest that holds
        all of them.

    Raises
    ------
    InputError
        If they are not of one case: it says what differs.
    """
    first = members[0]
    for other in members[1:]:
        _check_classes(first, other)
    offsets, remarks = [], []
    for other in members:
        if first.grid is not None and other.grid is not None:
            offsets.append(_offset(first, other, first.grid, other.grid))
            continue
        if other.shape != first.shape:
            raise InputError(
                f"'{other.name}' has {_times(other.shape)} voxels and '{first.name}' "
                f"{_times(first.shape)}, and where they lie is not known; members have "
                "the same voxels, or say where theirs are."
            )
        offsets.append((0,) * len(first.shape))
        if (first.grid is None) != (other.grid is None):
            unknown = first.name if first.grid is None else other.name
            remarks.append(
                f"Where '{unknown}' lies is not known; it has as many voxels as the "
                "others and was taken to lie on them."
            )
    starts = np.array(offsets)
    stops = starts + [one.shape for one in members]
    low, high = starts.max(axis=0), stops.min(axis=0)
    if (high <= low).any():
        raise InputError(
            "The members do not all overlap, so there is nothing to compare; choose "
            "those of one scan."
        )
    lowest, highest = starts.min(axis=0), stops.max(axis=0)
    if on_first:
        lowest, highest = starts[0], stops[0]
    shape = tuple(int(n) for n in highest - lowest)
    placed = next((one for one in members if one.grid is not None), None)
    grid = None
    if placed is not None and placed.grid is not None:
        start = starts[members.index(placed)]
        grid = placed.grid.box(tuple(int(n) for n in lowest - start), shape)
    return CommonVoxels(
        grid,
        shape,
        _box(low - lowest, high - lowest),
        tuple(_box(low - start, high - start) for start in starts),
        tuple(dict.fromkeys(remarks)),
    )


def _check_classes(first: Member, other: Member) -> None:
    """Raise InputError where two members have different classes."""
    if len(first.shape) != len(other.shape):
        raise InputError(
            f"'{first.name}' has {len(first.shape)} spatial axes and '{other.name}' "
            f"{len(other.shape)}; members have the same voxels."
        )
    here, there = first.values.shape[0], other.values.shape[0]
    if here != there:
        raise InputError(
            f"'{first.name}' has {here} classes and '{other.name}' {there}; members "
            "have the same classes."
        )
    if not (first.class_names and other.class_names):
        return
    pairs = zip(first.class_names, other.class_names, strict=True)
    for number, (name, other_name) in enumerate(pairs):
        generic = f"class {number}"
        if name != other_name and generic not in (name, other_name):
            raise InputError(
                f"Class {number} is '{name}' in '{first.name}' and '{other_name}' in "
                f"'{other.name}'; members have the same classes in the same order."
            )


def _offset(first: Member, other: Member, here: Grid, there: Grid) -> tuple[int, ...]:
    """Return the voxel of the first member at which the other one begins."""
    placement = there.placement_in(here)
    if placement is not None:
        straight = Placement.as_it_is(here.ndim).shifted(placement.offset)
        if placement == straight:
            return placement.offset
    differs = []
    if here.axcodes != there.axcodes:
        codes = ["".join(grid.axcodes) for grid in (here, there)]
        differs.append(f"the axes run {codes[0]} and {codes[1]}")
    apart = here.difference(there)
    if apart.zooms_mm > 1e-3:
        sizes = [
            " × ".join(f"{zoom:.3g}" for zoom in grid.zooms) for grid in (here, there)
        ]
        differs.append(f"voxels are {sizes[0]} and {sizes[1]} mm large")
    if apart.direction_mm > 1e-2 * float(here.zooms.min()):
        differs.append(f"the directions are up to {apart.direction_mm:.3g} mm apart")
    if not differs:
        differs.append(
            f"the origins are {apart.origin_mm:.4g} mm apart, which is no whole number "
            "of voxels"
        )
    raise InputError(
        f"'{first.name}' and '{other.name}' do not lie on the same voxels: "
        f"{'; '.join(differs)}. Resample one of them, or leave it out."
    )


def _box(start: Array, stop: Array) -> Box:
    return tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))


def _times(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


def source_names(opened: Sequence[ProbabilityMap]) -> list[Path]:
    """Return the files of all members."""
    return [
        path
        for one in opened
        for path in (one.source, *one.further_sources)
        if path is not None
    ]


# Values of a member in parts of one class each, in the order of its file.

#: A channel, which voxels, and its values there.
Part = tuple[int, Any, Array]


class InFileOrder:
    """Source of files with the same layout: parts are taken as they come.

    Parameters
    ----------
    stored : StoredValues
        The values, whole classes one after the other.
    """

    def __init__(self, stored: StoredValues) -> None:
        self._stored = stored
        rounds, _, row = stored.layout
        self.shape: tuple[int, ...] = (rounds, row)

    def parts(self) -> Iterator[Part]:
        """Yield parts from the first channel to the last."""
        yield from self._stored.parts(PIECE_VALUES)

    def restore(self, voxels: Array) -> Array:
        """Return an array of these voxels as a view in nibabel's order."""
        return self._stored.restore(voxels)


class InVolumes:
    """Source of any values: one volume after the other, of which a box is taken.

    Parameters
    ----------
    values : ndarray, dask array or StoredValues, shape (channels, ...)
        The values; of a file in which the classes of a voxel lie together, all are
        read.
    box : tuple of slice
        Which of the voxels.
    """

    def __init__(self, values: Any, box: Box) -> None:
        self._values, self.box = values, box
        self.shape = tuple(one.stop - one.start for one in box)

    def parts(self) -> Iterator[Part]:
        """Yield parts from the first channel to the last, some voxels at a time."""
        for channel, volume in enumerate(iter_volumes(self._values)):
            inside = volume[self.box]
            for place in tiles(self.shape, RUN_VOXELS):
                # Its own memory: the volume is filled anew while a part is worked on.
                yield channel, place, np.array(inside[place])

    def restore(self, voxels: Array) -> Array:
        """Return an array of these voxels, which is in nibabel's order."""
        return voxels


Source = InFileOrder | InVolumes


def sources_of(members: Sequence[Member], where: CommonVoxels) -> list[Source]:
    """Return a source for each member, such that all give the same parts."""
    values = [one.values for one in members]
    first = values[0]
    alike = all(
        isinstance(one, StoredValues)
        and (one.file_shape, one.class_axis, one.reverse)
        == (first.file_shape, first.class_axis, first.reverse)
        for one in values
    )
    whole = all(
        box == tuple(slice(0, n) for n in one.shape)
        for box, one in zip(where.boxes, members, strict=True)
    )
    if alike and whole and first.layout[2] >= RUN_VOXELS // 16:
        return [InFileOrder(one) for one in values]
    return [InVolumes(one, box) for one, box in zip(values, where.boxes, strict=True)]
