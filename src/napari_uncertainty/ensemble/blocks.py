"""Members in memory: blocks of voxels with all classes of all members."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence

import numpy as np

from ..fold.blocks import Block, slowest_first, tiles
from ..fold.by_class import RUN_VOXELS
from ..fold.numbers import Results
from ..fold.threads import iter_each
from .dice import Overlap
from .kernel import EnsembleKernel
from .members import CommonVoxels, Member
from .opinion import MemberReading, Opinion, known_to_all


class MemberBlocks:
    """Members that are arrays.

    Parameters
    ----------
    members, where : sequence of Member, CommonVoxels
        What is folded, and how they lie on each other.
    readings : sequence of MemberReading
        How the values of each are read.
    kernel : EnsembleKernel
        The arithmetic.
    """

    def __init__(
        self,
        members: Sequence[Member],
        where: CommonVoxels,
        readings: Sequence[MemberReading],
        kernel: EnsembleKernel,
    ) -> None:
        boxed = [
            one.values[(slice(None), *box)]
            for one, box in zip(members, where.boxes, strict=True)
        ]
        # As the first one lies in memory.
        order = slowest_first(boxed[0].strides[1:])
        self._back = np.argsort(order)
        self._values = [
            one.transpose(0, *(axis + 1 for axis in order)) for one in boxed
        ]
        self._readings, self._kernel = readings, kernel
        self.overlap = Overlap(len(members), kernel.n_classes)
        self.deviations = [(0.0, 0.0)] * len(members)
        self._lock = threading.Lock()

    def iter_fold(self, threads: int) -> Generator[float, None, Results]:
        """Fold them; yields the share done."""
        shape = self._values[0].shape[1:]
        kernel = self._kernel
        results = Results(
            {name: np.zeros(shape, kernel.precision) for name in kernel.measures},
            np.zeros(shape, np.bool_),
            np.zeros(shape, kernel.label_type),
        )

        yield from iter_each(
            lambda block: self._fold_block(block, results[block]),
            tiles(shape, RUN_VOXELS),
            threads=threads,
        )
        return Results(
            {name: one.transpose(self._back) for name, one in results.maps.items()},
            results.no_data.transpose(self._back),
            results.prediction.transpose(self._back),
        )

    def _fold_block(self, block: Block, results: Results) -> None:
        kernel = self._kernel
        raws = [values[(slice(None), *block)] for values in self._values]
        opinions = [Opinion(one, results.no_data.shape) for one in self._readings]
        told = []
        for opinion, raw in zip(opinions, raws, strict=True):
            for channel, values in enumerate(raw):
                opinion.add(channel, values)
            told.append(opinion.look_back())
        running = kernel.running(results.no_data.shape)
        if opinions[0].reading.adds_background:
            kernel.add(running, 0, [one.background() for one in opinions])
        for channel in range(len(raws[0])):
            given = [
                opinion.probabilities(raw[channel])
                for opinion, raw in zip(opinions, raws, strict=True)
            ]
            kernel.add(running, channel + opinions[0].reading.adds_background, given)
        labels = [one.labels for one in opinions]
        kernel.finish(running, results, labels, known_to_all(opinions))
        results.prediction[...] = np.where(results.no_data, 0, running.winner)
        with self._lock:
            self.overlap.add(labels, ~results.no_data)
            pairs = zip(self.deviations, told, strict=True)
            self.deviations = [max(pair) for pair in pairs]
