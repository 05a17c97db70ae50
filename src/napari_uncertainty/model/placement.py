"""Placement of one volume's voxels on another's: axis order, direction, shift."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product
from typing import Any

import numpy as np
import numpy.typing as npt

from ..text import voxel_place

Array = np.ndarray[Any, Any]

_MIRRORED = {"RL": "left–right", "AP": "front–back", "SI": "top–bottom"}
_ORDINALS = ("first", "second", "third")


@dataclass(frozen=True)
class Placement:
    """Order, direction and shift of a source's voxels among those of a target.

    Attributes
    ----------
    order : tuple of int
        For each axis of the target, the axis of the source that runs along it.
    flips : tuple of int
        For each axis of the target, 1, or -1 where the source runs the other way.
    offset : tuple of int
        Index in the target of the first voxel of the source, once its axes are those
        of the target; may be negative.
    """

    order: tuple[int, ...]
    flips: tuple[int, ...]
    offset: tuple[int, ...]

    @classmethod
    def as_it_is(cls, ndim: int) -> Placement:
        """Return the placement voxel on voxel, nothing turned and nothing shifted."""
        return cls(tuple(range(ndim)), (1,) * ndim, (0,) * ndim)

    @classmethod
    def from_affine(
        cls,
        affine: npt.NDArray[np.float64],
        shape: Sequence[int],
        tolerance: float,
    ) -> Placement | None:
        """Return the placement that an affine from source to target index amounts to.

        Parameters
        ----------
        affine : ndarray, shape (n + 1, n + 1)
            Of voxel indices.
        shape : sequence of int, length n
            Of the source.
        tolerance : float
            By how much, in voxels, a corner of the source may miss a voxel's centre.

        Returns
        -------
        Placement or None
            None where voxels do not lie on voxels.
        """
        n = len(shape)
        linear = affine[:n, :n]
        signs = np.rint(linear).astype(int)
        order = np.abs(signs).argmax(axis=1)
        if sorted(order) != list(range(n)) or (np.abs(signs).sum(axis=1) != 1).any():
            return None
        last = np.array(shape)[order] - 1
        # A single plane has no direction.
        flips = np.where(last > 0, signs[range(n), order], 1)
        first = affine[:n, n] - np.where(flips < 0, last, 0)
        exact = cls(
            tuple(int(axis) for axis in order),
            tuple(int(flip) for flip in flips),
            tuple(int(index) for index in np.rint(first)),
        )
        corners = np.array([[*corner, 1.0] for corner in _corners(shape)])
        missed = corners @ (affine - exact.affine(shape)).T
        return exact if np.abs(missed).max() <= tolerance else None

    def affine(self, shape: Sequence[int]) -> npt.NDArray[np.float64]:
        """Return the affine from index in a source of this shape to the target's."""
        n = len(self.order)
        affine = np.eye(n + 1)
        affine[:n, :n] = 0
        for target, (axis, flip) in enumerate(zip(self.order, self.flips, strict=True)):
            affine[target, axis] = flip
            affine[target, n] = self.offset[target] + (
                shape[axis] - 1 if flip < 0 else 0
            )
        return affine

    def turn(self, array: Array) -> Array:
        """Return a source with the target's axes, as a view; leading axes stay."""
        leading = array.ndim - len(self.order)
        order = (*range(leading), *(axis + leading for axis in self.order))
        flips = (slice(None, None, flip) for flip in self.flips)
        view: Array = array.transpose(order)[(*(slice(None),) * leading, *flips)]
        return view

    def turn_back(self, array: Array) -> Array:
        """Return a view of what :meth:`turn` gave, with the source's axes again."""
        leading = array.ndim - len(self.order)
        flips = (slice(None, None, flip) for flip in self.flips)
        back = (*range(leading), *(np.argsort(self.order) + leading))
        view: Array = array[(*(slice(None),) * leading, *flips)].transpose(back)
        return view

    def turned_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Return the shape of a source of this shape with the target's axes."""
        return tuple(int(shape[axis]) for axis in self.order)

    def voxel(self, index: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
        """Return the index in the target of a voxel in a source of a shape."""
        return tuple(
            int(index[axis] if flip > 0 else shape[axis] - 1 - index[axis]) + offset
            for axis, flip, offset in zip(
                self.order, self.flips, self.offset, strict=True
            )
        )

    def overlap(
        self, shape: Sequence[int], target: Sequence[int]
    ) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Return slices of turned source and target: the voxels that both have."""
        here, there = [], []
        sizes = zip(self.offset, self.turned_shape(shape), target, strict=True)
        for offset, length, room in sizes:
            start, stop = max(0, offset), max(0, offset, min(room, offset + length))
            there.append(slice(start, stop))
            here.append(slice(start - offset, stop - offset))
        return tuple(here), tuple(there)

    def shifted(self, offset: Sequence[int]) -> Placement:
        """Return the same axes with another offset."""
        return replace(self, offset=tuple(int(index) for index in offset))

    def inverse(self) -> Placement:
        """Return the turn from the target's axes to the source's, without offset."""
        order = [self.order.index(axis) for axis in range(len(self.order))]
        flips = tuple(self.flips[axis] for axis in order)
        return Placement(tuple(order), flips, (0,) * len(order))

    def after(self, first: Placement) -> Placement:
        """Return the one placement that `first` and then this one amount to."""
        return Placement(
            tuple(first.order[axis] for axis in self.order),
            tuple(
                flip * first.flips[axis]
                for flip, axis in zip(self.flips, self.order, strict=True)
            ),
            self.offset,
        )

    def relative_to(self, other: Placement) -> Placement:
        """Return the turn from a source turned by `other` to one turned by this.

        Offsets are left out.
        """
        order = tuple(other.order.index(axis) for axis in self.order)
        flips = tuple(
            flip * other.flips[axis]
            for flip, axis in zip(self.flips, order, strict=True)
        )
        return Placement(order, flips, (0,) * len(order))

    def describe(self, axcodes: Sequence[str] | None = None) -> str:
        """Return the change of the axes in words, such as "axes reversed".

        Parameters
        ----------
        axcodes : sequence of str or None
            Anatomical direction of each axis of the target, for "mirrored left–right"
            where the order stays.
        """
        n = len(self.order)
        parts = []
        turned = self.order != tuple(range(n))
        if turned and self.order == tuple(range(n))[::-1]:
            parts.append("axes reversed")
        elif turned:
            parts.append(f"axes in the order {', '.join('ijk'[a] for a in self.order)}")
        flipped = [axis for axis, flip in enumerate(self.flips) if flip < 0]
        if flipped and axcodes is not None and not turned:
            names = [
                next(name for pair, name in _MIRRORED.items() if axcodes[axis] in pair)
                for axis in flipped
            ]
            parts.append(f"mirrored {' and '.join(names)}")
        elif flipped:
            names = [_ORDINALS[axis] for axis in flipped]
            plural = "axes" if len(names) > 1 else "axis"
            parts.append(f"{' and '.join(names)} {plural} flipped")
        if any(self.offset):
            parts.append(f"at voxel {voxel_place(self.offset)}")
        return ", ".join(parts) or "voxel on voxel"


def all_orientations(ndim: int) -> Iterator[Placement]:
    """Yield every order and direction of the axes: 48 in three dimensions, 8 in two."""
    for order in permutations(range(ndim)):
        for flips in product((1, -1), repeat=ndim):
            yield Placement(order, flips, (0,) * ndim)


def _corners(shape: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return product(*((0, length - 1) for length in shape))
