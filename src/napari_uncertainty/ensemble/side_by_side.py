"""Members of which some are files, in their second reading: part by part of a class."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from ..fold.blocks import tiles
from ..fold.by_class import RUN_VOXELS
from ..fold.numbers import Results
from ..fold.threads import run_in_threads
from .dice import Overlap
from .kernel import EnsembleKernel
from .opinion import Opinion, known_to_all
from .sources import Source


class MemberStreams:
    """Members that come in the same parts; what each is divided by is known now.

    Parameters
    ----------
    sources : sequence of Source
        The values of each.
    opinions : sequence of Opinion
        What the first reading gave.
    kernel : EnsembleKernel
        The arithmetic.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        opinions: Sequence[Opinion],
        kernel: EnsembleKernel,
    ) -> None:
        self._sources, self._opinions, self._kernel = sources, opinions, kernel
        self.overlap = Overlap(len(sources), kernel.n_classes)

    def iter_fold(self, threads: int) -> Generator[float, None, Results]:
        """Fold them; yields the share done."""
        shape, kernel = self._sources[0].shape, self._kernel
        running = kernel.running(shape)
        extra = self._opinions[0].reading.adds_background
        done = [0]

        def fold(stopped: threading.Event) -> None:
            with (
                np.errstate(all="ignore"),  # NaN and infinity are how gaps are known
                ThreadPoolExecutor(threads, thread_name_prefix="ensemble") as pool,
            ):
                if extra:
                    for place in tiles(shape, RUN_VOXELS):
                        if stopped.is_set():
                            return
                        here = [one.part(place) for one in self._opinions]
                        given = [one.background() for one in here]
                        kernel.add(running[place], 0, given)
                streams = [one.parts() for one in self._sources]
                # The next parts are unpacked while these are worked on.
                coming = [pool.submit(next, one, None) for one in streams]
                while not stopped.is_set():
                    parts = [one for job in coming if (one := job.result()) is not None]
                    if len(parts) < len(coming):
                        return
                    coming = [pool.submit(next, one, None) for one in streams]
                    self._add(running, extra, parts)
                    done[0] += parts[0][2].size

        total = self._kernel.n_channels * int(np.prod(shape, dtype=int))
        yield from run_in_threads([fold], share=lambda: done[0] / total)
        known = known_to_all(self._opinions)
        for one in self._opinions:
            one.forget()  # they are large, and there are maps to make
        results = kernel.results_in_place(running)
        for place in tiles(shape, RUN_VOXELS):
            labels = [one.labels[place] for one in self._opinions]
            kernel.finish(running[place], results[place], labels, known[place])
            self.overlap.add(labels, ~results.no_data[place])
            yield 1.0
        restore = self._sources[0].restore
        return Results(
            {name: restore(one) for name, one in results.maps.items()},
            restore(results.no_data),
            restore(results.prediction),
        )

    def _add(self, running: Any, extra: bool, parts: Sequence[Any]) -> None:
        channel, place, _ = parts[0]
        if not any(self._opinions[0].matters(raw) for _, _, raw in parts):
            return
        given = [
            opinion.part(place).probabilities(raw)
            for opinion, (_, _, raw) in zip(self._opinions, parts, strict=True)
        ]
        self._kernel.add(running[place], channel + extra, given)
