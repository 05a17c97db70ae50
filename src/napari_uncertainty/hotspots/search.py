"""Parts of a search for hotspots: what may be wrong, and what the places are like."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..fold.blocks import Box, cut
from ..matching.agreement import iter_as_classes
from ..steps import part
from .ball import Ball
from .choice import Choice
from .domain import SLAB_VOXELS, Domain
from .expected import LEVELS, iter_expected, iter_sums_at, len_of, to_levels
from .found import Hotspot
from .turned import Turned
from .wanted import HotspotOptions

Array = np.ndarray[Any, Any]
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class SearchedVoxels:
    """Voxels that were searched, and how likely each is to be wrong.

    Attributes
    ----------
    domain : Domain
        Where it was looked.
    levels : ndarray of int32
        In the box of the domain: how likely each voxel is to be wrong, in `LEVELS`.
    labels : ndarray or None
        In the box: what may be wrong.
    """

    domain: Domain
    levels: Array
    labels: Array | None

    @property
    def box(self) -> Box:
        """Box of the domain."""
        return self.domain.box


@dataclass(frozen=True, eq=False)
class HotspotSearch:
    """Search of a map for hotspots, turned to Right, Anterior and Superior.

    Attributes
    ----------
    turned : Turned
        How.
    values, labels, data : ndarray, or None
        The map, the segmentation, and which voxels have data; see `iter_hotspots`.
    members : sequence
        Probabilities, as they are.
    undecided, wanted, threads
        As of `iter_hotspots`.
    """

    turned: Turned
    values: Array
    labels: Array | None
    data: Array | None
    members: Sequence[Any]
    undecided: float
    wanted: HotspotOptions
    threads: int

    def iter_looked(self) -> Generator[float, None, SearchedVoxels]:
        """Find what may be wrong; yields the share done."""
        labels = self.labels
        if labels is None and self.members:
            steps = iter_expected(self.members, self.turned.view, None, self.threads)
            first = yield from part(steps, 0, 0.4)
            labels = first.labels
        finding = Domain.iter_of(
            self.values.shape, labels, self.data, self.wanted, self.turned.ball,
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
        self, looked: SearchedVoxels, choices: Sequence[Choice], ball: Ball
    ) -> Generator[float, None, list[Pair | None]]:
        """Return the two labels that compete in each place; yields the share done.

        By the probability of each class, summed over the ball. The more a voxel is
        likely to be wrong, the more it weighs: others say nothing of what competes.
        Without probabilities, by the voxels of each label.
        """
        weights = []
        for choice in choices:
            box, mask = ball.at(choice.voxel, looked.levels.shape)
            weights.append((box, looked.levels[box] * mask))
        if not self.members:
            return [_labels_in(looked.labels, *weight) for weight in weights]
        sums = yield from iter_sums_at(self.members, self._view(looked.box), weights)
        numbers = np.arange(sums.shape[1])
        if self.labels is not None:
            numbers = _numbers_of_classes(self.labels, len(numbers))
        return [_two_largest(numbers, of_place) for of_place in sums]

    def iter_described(
        self,
        looked: SearchedVoxels,
        choices: Sequence[Choice],
        pairs: Sequence[Pair | None],
        ball: Ball,
    ) -> Generator[float, None, tuple[tuple[Hotspot, ...], int]]:
        """Return the places with their numbers, best first, and the sum of all levels.

        Yields the share done.
        """
        levels = int(looked.levels.sum(dtype=np.int64))
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
            voxel = tuple(
                at + one.start for at, one in zip(choice.voxel, looked.box, strict=True)
            )
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
    """The label that each class has; see :func:`.iter_as_classes`."""
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
    """The numbers of the two largest sums; None where only one is there at all."""
    if np.count_nonzero(sums) < 2:
        return None
    # Stable, so that of equals the first comes first.
    first, second = np.argsort(-sums, kind="stable")[:2]
    return int(numbers[first]), int(numbers[second])
