"""What was changed in labels, as runs of voxels: small, and quick to find.

A run is ``[start, length, value]``: so many voxels in a row that now have this label
and had another one before. Voxels are counted in C order over the labels in core order,
however these lie in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..fold.blocks import tiles

Array = np.ndarray[Any, Any]
Runs = npt.NDArray[np.int64]

# Voxels at a time.
_BLOCK = 2**18


def runs_of(original: Array, current: Array) -> Runs:
    """Return where labels are not what they were, and what they are now.

    Parameters
    ----------
    original, current : ndarray of int, same shape
        In core order; views of any layout, and of any integer types. It is quickest
        where both lie in memory alike.

    Returns
    -------
    ndarray of int64, shape (n, 3)
        Runs, ascending and as long as they can be.

    Raises
    ------
    InputError
        If the shapes differ.
    """
    if original.shape != current.shape:
        raise InputError(
            f"The labels have {_times(current.shape)} voxels now and had "
            f"{_times(original.shape)} before; choose the segmentation of this review."
        )
    found = [_no_runs()]
    for box in _boxes(current):
        differs = original[box] != current[box]
        if differs.any():
            inside = np.nonzero(differs)
            index = [at + part.start for at, part in zip(inside, box, strict=True)]
            voxels = np.ravel_multi_index(index, current.shape)
            found.append(_of_voxels(voxels, current[box][differs]))
    runs = np.concatenate(found)
    return _joined(runs[np.argsort(runs[:, 0])])


def apply_runs(labels: Array, runs: Runs) -> None:
    """Change labels in place, as runs say.

    Parameters
    ----------
    labels : ndarray of int
        In core order; a view of any layout.
    runs : ndarray of int64, shape (n, 3)
        As of :func:`runs_of`.

    Raises
    ------
    InputError
        If there are no such voxels, or the labels' type cannot hold such values; then
        nothing was changed.
    """
    _check_fit(labels, runs)
    for voxels, values in _voxels(runs):
        labels[np.unravel_index(voxels, labels.shape)] = values


def restore(labels: Array, original: Array, runs: Runs) -> None:
    """Give the voxels of runs their original labels again, in place.

    After a merge, the runs from before are restored and the merged ones applied.

    Parameters
    ----------
    labels, original : ndarray of int, same shape
        In core order; views of any layout.
    runs : ndarray of int64, shape (n, 3)
        Whose values do not matter.

    Raises
    ------
    InputError
        If there are no such voxels.
    """
    _check_extent(labels, runs)
    for voxels, _ in _voxels(runs):
        index = np.unravel_index(voxels, labels.shape)
        labels[index] = original[index]


def changed_voxels(
    original: Array, current: Array, box: tuple[slice, ...], mask: Array
) -> int:
    """Return how many voxels of a ball have another label than before.

    Parameters
    ----------
    original, current : ndarray of int, same shape
        In core order.
    box, mask : tuple of slice, ndarray of bool
        The ball, as of :meth:`.Ball.at`.
    """
    return int(np.count_nonzero((original[box] != current[box]) & mask))


def merged(
    base_runs: Runs, our_runs: Runs, their_runs: Runs, original: Array | None = None
) -> Runs:
    """Their labels, with what we changed since the base on top.

    A voxel that we gave its original label again is a change, too.

    Parameters
    ----------
    base_runs, our_runs, their_runs : ndarray of int64, shape (n, 3)
        What both began with, and what became of it here and there.
    original : ndarray of int, or None
        The labels before all changes, in core order. Needed only where runs may hold
        voxels that have their original value, which those of :func:`runs_of` do not.

    Returns
    -------
    ndarray of int64, shape (n, 3)
        Runs, ascending and as long as they can be.
    """
    sides = [base_runs, our_runs, their_runs]
    if original is not None:
        sides = [_without_original(runs, original) for runs in sides]
    # Between two neighbouring edges, nothing changes on any of the sides.
    edges = np.unique(
        np.concatenate([r[:, 0] for r in sides] + [_ends(r) for r in sides])
    )
    starts, lengths = edges[:-1], np.diff(edges)
    (was, was_there), (our, our_there), (their, their_there) = (
        _at(runs, starts) for runs in sides
    )
    ours = (our_there != was_there) | (our != was)
    values = np.where(ours, our, their)
    kept = np.where(ours, our_there, their_there)
    return _joined(np.stack([starts, lengths, values], axis=1)[kept])


def as_runs(rows: Any) -> Runs:
    """Runs from nested lists, such as those of a JSON file.

    Raises
    ------
    InputError
        If they are no runs: three whole numbers each, ascending, not overlapping.
    """
    if rows == []:
        return _no_runs()
    runs = np.array(rows)
    if runs.dtype.kind != "i" or runs.ndim != 2 or runs.shape[1] != 3:
        raise InputError("Changed labels are rows of three whole numbers.")
    runs = runs.astype(np.int64)
    starts, ends = runs[:, 0], _ends(runs)
    if (starts < 0).any() or (ends <= starts).any() or (starts[1:] < ends[:-1]).any():
        raise InputError("Changed labels are runs that ascend and do not overlap.")
    return runs


def _boxes(labels: Array) -> Iterator[tuple[slice, ...]]:
    """Boxes that tile a volume, each one stretch of memory."""
    order = sorted(range(labels.ndim), key=lambda axis: -abs(labels.strides[axis]))
    back = np.argsort(order)
    for *box, _ in tiles(tuple(labels.shape[axis] for axis in order), _BLOCK):
        yield tuple(box[axis] for axis in back)


def _no_runs() -> Runs:
    return np.empty((0, 3), np.int64)


def _ends(runs: Runs) -> Runs:
    ends: Runs = runs[:, 0] + runs[:, 1]
    return ends


def _of_voxels(voxels: Array, values: Array) -> Runs:
    runs = np.empty((len(voxels), 3), np.int64)
    runs[:, 0], runs[:, 1], runs[:, 2] = voxels, 1, values
    return _joined(runs)


def _joined(runs: Runs) -> Runs:
    """With neighbours of one value as one run."""
    if len(runs) < 2:
        return runs
    begins = np.ones(len(runs), bool)
    begins[1:] = (runs[1:, 0] != _ends(runs)[:-1]) | (runs[1:, 2] != runs[:-1, 2])
    first = np.flatnonzero(begins)
    joined: Runs = runs[first]
    joined[:, 1] = np.add.reduceat(runs[:, 1], first)
    return joined


def _at(runs: Runs, starts: Array) -> tuple[Array, Array]:
    """The value at each start, and whether a run is there; 0 where none is."""
    if not len(runs):
        return np.zeros(len(starts), np.int64), np.zeros(len(starts), bool)
    nearest = np.searchsorted(runs[:, 0], starts, side="right") - 1
    there = (nearest >= 0) & (starts < _ends(runs)[nearest])
    return np.where(there, runs[nearest, 2], 0), there


def _voxels(runs: Runs) -> Iterator[tuple[Array, Array]]:
    """Indices and values of all voxels of runs, a block at a time."""
    until = np.cumsum(runs[:, 1])
    total = int(until[-1]) if len(runs) else 0
    for first in range(0, total, _BLOCK):
        place = np.arange(first, min(first + _BLOCK, total))
        run = np.searchsorted(until, place, side="right")
        yield runs[run, 0] + place - (until[run] - runs[run, 1]), runs[run, 2]


def _without_original(runs: Runs, original: Array) -> Runs:
    _check_extent(original, runs)
    kept = [_no_runs()]
    for voxels, values in _voxels(runs):
        other = original[np.unravel_index(voxels, original.shape)] != values
        kept.append(_of_voxels(voxels[other], values[other]))
    return _joined(np.concatenate(kept))


def _check_extent(labels: Array, runs: Runs) -> None:
    if len(runs) and not (runs[:, 0].min() >= 0 and _ends(runs).max() <= labels.size):
        raise InputError(
            f"The review has changed labels outside of the {_times(labels.shape)} "
            "voxels of this segmentation; choose the one that was reviewed."
        )


def _check_fit(labels: Array, runs: Runs) -> None:
    _check_extent(labels, runs)
    if not len(runs):
        return
    kind = labels.dtype
    limits = (0, 1)
    if kind.kind != "b":
        limits = int(np.iinfo(kind).min), int(np.iinfo(kind).max)
    least, largest = int(runs[:, 2].min()), int(runs[:, 2].max())
    if least < limits[0] or largest > limits[1]:
        beyond = largest if largest > limits[1] else least
        raise InputError(
            f"The review has the label {beyond}, which labels of the type {kind} "
            "cannot hold; convert them to a larger type."
        )


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
