"""Search for hotspots in a map, with its labels and probabilities."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..compare.agreement import iter_as_classes
from ..engine.blocks import Box, cut
from ..errors import InputError
from ..limits import available_processors
from ..model.grid import Grid
from ..steps import part
from .balls import Ball
from .class_blocks import require_shape
from .expected_errors import LEVELS, iter_expected, iter_sums_at, len_of, to_levels
from .hotspot_domain import SLAB_VOXELS, Choice, Domain, Turned, iter_choices
from .hotspots import Hotspot, HotspotOptions, Hotspots

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]

# Threads that search, unless the caller says otherwise.
THREADS = 2


def iter_hotspots(
    values: Array,
    labels: Array | None = None,
    no_data: Array | None = None,
    *,
    members: Sequence[Any] = (),
    grid: Grid | None = None,
    undecided: float = 0.5,
    wanted: HotspotOptions | None = None,
    threads: int | None = None,
) -> Generator[float, None, Hotspots]:
    """Find places worth a look step by step; yields the share done.

    Parameters
    ----------
    values : ndarray of float, 1 to 3 dimensions
        The map; for peak and mean, and for what may be wrong where there are no
        probabilities.
    labels : ndarray of int, shape of `values`, or None
        The segmentation that may be wrong; 0 is background. Without it, the most
        probable class.
    no_data : ndarray of bool, shape of `values`, or None
        Voxels that are in no place, like those where the map is not finite.
    members : sequence of array or StoredValues, shape (classes, *shape of `values`)
        Class probabilities; of several networks for the same scan, if there are.
    grid : Grid or None
        Where the voxels are; without one, they are cubes of 1 mm.
    undecided : float
        Value of the map where two classes are equally likely, so that half of such
        voxels are wrong. It scales the map where there are no probabilities; for
        entropy in bits it is 1, which gives an upper bound [1]_.
    wanted : HotspotOptions or None
        How many places, and which.
    threads : int or None
        How many threads compute; by default two, where there are two processors. The
        result does not depend on it.

    Raises
    ------
    InputError
        If shapes differ, the labels are no classes of the probabilities, or nothing
        can be found with these options.

    References
    ----------
    .. [1] M. E. Hellman, J. Raviv, Probability of error, equivocation, and the
       Chernoff bound, IEEE Transactions on Information Theory 16(4), 1970,
       doi:10.1109/TIT.1970.1054466
    """
    _check(values, labels, no_data, grid, members)
    if not undecided > 0:
        raise InputError(
            f"{undecided} cannot be the value of undecided voxels; give the value of "
            "the map where two classes are equally likely, above 0."
        )
    options = (wanted or HotspotOptions()).on(grid, values.shape)
    radius, separation = options.radius_mm, options.separation
    assert radius is not None
    assert separation is not None
    finite = np.isfinite(values)
    if not finite.all():
        no_data = ~finite if no_data is None else no_data | ~finite
    turned = Turned.of(values.shape, grid)
    search = HotspotSearch(
        turned,
        turned.view(values),
        None if labels is None else turned.view(labels),
        None if no_data is None else ~turned.view(no_data),
        members,
        undecided,
        options,
        threads or min(THREADS, available_processors()),
    )
    searched = yield from part(search.iter_searched(), 0, 0.5)
    ball = turned.ball(radius)
    steps = iter_choices(
        searched.levels.copy(),
        searched.domain.voxels,
        ball,
        # A little less: another centre may be at that very distance.
        turned.ball(separation * (1 - 1e-5)),
        options.count,
        threads=search.threads,
    )
    choices = yield from part(steps, 0.5, 0.9)
    pairs = yield from part(search.iter_competing(searched, choices, ball), 0.9, 0.95)
    describing = search.iter_described(searched, choices, pairs, ball)
    places, levels = yield from part(describing, 0.95, 1)
    return Hotspots(
        places,
        radius,
        levels / LEVELS,
        values.shape,
        grid,
    )


def _check(
    values: Array,
    labels: Array | None,
    no_data: Array | None,
    grid: Grid | None,
    members: Sequence[Any],
) -> None:
    if not 1 <= values.ndim <= 3 or not values.size:
        raise InputError(f"No place can be found in a map of shape {values.shape}.")
    given = {"labels": labels, "no-data mask": no_data, "grid": grid}
    require_shape(values.shape, given)
    if labels is not None and labels.dtype.kind not in "biu":
        raise InputError(
            f"Labels of type {labels.dtype} cannot be a segmentation; give whole "
            "numbers."
        )
    for member in members:
        if tuple(member.shape[1:]) != values.shape:
            raise InputError(
                f"Probabilities of shape {tuple(member.shape)} do not lie on a map of "
                f"shape {values.shape}, class axis first."
            )
        if member.shape[0] != members[0].shape[0]:
            raise InputError(
                f"Members with {members[0].shape[0]} and with {member.shape[0]} "
                "classes cannot be one case."
            )


@dataclass(frozen=True, eq=False)
class SearchedVoxels:
    """Voxels that were searched, and how likely each is to be wrong.

    Attributes
    ----------
    domain : Domain
        The voxels that were searched.
    levels : ndarray of int32
        In the box of the domain: how likely each voxel is to be wrong, in `LEVELS`.
    labels : ndarray or None
        In the box: what may be wrong.
    """

    domain: Domain
    levels: Array
    labels: Array | None


@dataclass(frozen=True, eq=False)
class HotspotSearch:
    """Search of a map for hotspots, turned to Right, Anterior and Superior.

    Attributes
    ----------
    turned : Turned
        The turn.
    values, labels, data : ndarray, or None
        The map, the segmentation, and which voxels have data; see `iter_hotspots`.
    members : sequence
        Probabilities, as they are.
    undecided, options, threads
        As of `iter_hotspots`.
    """

    turned: Turned
    values: Array
    labels: Array | None
    data: Array | None
    members: Sequence[Any]
    undecided: float
    options: HotspotOptions
    threads: int

    def iter_searched(self) -> Generator[float, None, SearchedVoxels]:
        """Find the voxels that may be wrong; yields the share done."""
        labels = self.labels
        if labels is None and self.members:
            steps = iter_expected(self.members, self.turned.view, None, self.threads)
            first = yield from part(steps, 0, 0.4)
            labels = first.labels
        finding = Domain.iter_of(
            self.values.shape, labels, self.data, self.options, self.turned.ball,
            self.turned.grid,
        )  # fmt: skip
        domain = yield from part(finding, 0.4, 0.5)
        yield 0.5
        if self.members:
            assert labels is not None
            numbering = iter_as_classes(labels, len_of(self.members[0]))
            classes = (yield from part(numbering, 0.5, 0.55))[domain.box]
            view = self._view(domain.box)
            steps = iter_expected(self.members, view, classes, self.threads)
            expected = yield from part(steps, 0.55, 1)
            levels = expected.levels
            domain = replace(domain, voxels=domain.voxels & expected.known)
        else:
            scale = np.float32(0.5 / self.undecided)
            levels = to_levels(self.values[domain.box] * scale)
        levels[~domain.voxels] = 0
        return SearchedVoxels(
            domain, levels, None if labels is None else labels[domain.box]
        )

    def iter_competing(
        self, searched: SearchedVoxels, choices: Sequence[Choice], ball: Ball
    ) -> Generator[float, None, list[Pair | None]]:
        """Return the two labels that compete in each place; yields the share done.

        These are the classes with the largest probabilities, summed over the ball. A
        voxel weighs the more, the more it is likely to be wrong: others say nothing of
        what competes. Without probabilities, the voxels of each label are counted.
        """
        weights = []
        for choice in choices:
            box, mask = ball.at(choice.voxel, searched.levels.shape)
            weights.append((box, searched.levels[box] * mask))
        if not self.members:
            return [_labels_in(searched.labels, *weight) for weight in weights]
        sums = yield from iter_sums_at(
            self.members, self._view(searched.domain.box), weights
        )
        numbers = np.arange(sums.shape[1])
        if self.labels is not None:
            numbers = _numbers_of_classes(self.labels, len(numbers))
        return [_two_largest(numbers, of_place) for of_place in sums]

    def iter_described(
        self,
        searched: SearchedVoxels,
        choices: Sequence[Choice],
        pairs: Sequence[Pair | None],
        ball: Ball,
    ) -> Generator[float, None, tuple[tuple[Hotspot, ...], int]]:
        """Return the places with their numbers, best first, and the sum of all levels.

        Yields the share done.
        """
        levels = int(searched.levels.sum(dtype=np.int64))
        total = max(1, levels)
        yield 0.1
        # In one order whatever the layout, so that it is rounded in the same way.
        map_total = 0.0
        for slab in cut(len(self.values), self.values[:1].size, SLAB_VOXELS):
            some = self.values[slab]
            some = (
                np.ascontiguousarray(some)
                if self.data is None
                else some[self.data[slab]]
            )
            map_total += float(some.sum(dtype=np.float64))
            yield 0.1 + 0.7 * slab.stop / len(self.values)
        map_total = map_total or 1.0
        data = np.ones(self.values.shape, bool) if self.data is None else self.data
        fresh = data.copy("K")
        places = []
        for rank, (choice, pair) in enumerate(zip(choices, pairs, strict=True), 1):
            starts = [one.start for one in searched.domain.box]
            voxel = tuple(int(at) for at in np.add(choice.voxel, starts))
            box, mask = ball.at(voxel, fresh.shape)
            of_map = self.values[box]
            new = of_map[fresh[box] & mask]
            inside = of_map[data[box] & mask]
            fresh[box][mask] = False
            own = self.turned.own_voxel(voxel)
            gained = choice.gained
            places.append(
                Hotspot(
                    rank,
                    own,
                    self.turned.ras(own),
                    mass=gained / LEVELS,
                    peak=float(inside.max()),
                    mean=float(inside.mean(dtype=np.float64)),
                    classes=pair,
                    share=gained / total,
                    map_share=float(new.sum(dtype=np.float64)) / map_total,
                )
            )
            yield 0.8 + 0.2 * rank / len(choices)
        return tuple(places), levels

    def _view(self, box: Box) -> Any:
        return lambda volume: self.turned.view(volume)[box]


def _numbers_of_classes(labels: Array, n_classes: int) -> Array:
    """Return the label that each class has; see :func:`.iter_as_classes`."""
    if labels.min() >= 0 and labels.max() < n_classes:
        return np.arange(n_classes)
    return np.unique(labels)


def _labels_in(labels: Array | None, box: Box, weight: Array) -> Pair | None:
    if labels is None:
        return None
    numbers, index = np.unique(labels[box], return_inverse=True)
    sums = np.bincount(index.ravel(), weight.ravel())
    return _two_largest(numbers, sums)


def _two_largest(numbers: Array, sums: Array) -> Pair | None:
    """Return the numbers of the two largest sums; None where fewer are above 0."""
    if np.count_nonzero(sums) < 2:
        return None
    # Stable, so that of equals the first comes first.
    first, second = np.argsort(-sums, kind="stable")[:2]
    return int(numbers[first]), int(numbers[second])
