"""Surfaces of the inspected map, made in the background and kept until it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np

from ...steps import part
from ...surfaces import Mesh, iter_mesh
from ..work import Job, cancel_all

Array = np.ndarray[Any, Any]

#: Labels whose union is enclosed; None for the whole foreground.
Enclosed = tuple[int, ...] | None


class Meshes:
    """Meshes of one map and its labels.

    Parameters
    ----------
    labels, values : ndarray, 3D
        Of the map, in core order.
    """

    def __init__(self, labels: Array, values: Array) -> None:
        self._labels, self._values = labels, values
        self._made: dict[Enclosed, Mesh] = {}
        self._jobs: list[Job[Any]] = []

    def __getitem__(self, enclosed: Enclosed) -> Mesh:
        return self._made[enclosed]

    def has(self, wanted: Sequence[Enclosed]) -> bool:
        """Whether all of these are made."""
        return all(one in self._made for one in wanted)

    def make(
        self,
        wanted: Sequence[Enclosed],
        *,
        on_progress: Callable[[float], object],
        on_end: Callable[[], object],
        on_made: Callable[[], object],
        on_refused: Callable[[str], object],
    ) -> None:
        """Make those that are missing, and call back on the main thread."""
        self.cancel()
        missing = [one for one in wanted if one not in self._made]

        def made(meshes: dict[Enclosed, Mesh] | None) -> None:
            assert meshes is not None  # a cancelled job reports nothing
            self._made |= meshes
            on_made()

        self._jobs.append(
            Job(
                partial(_iter_meshes, self._labels, self._values, missing),
                on_progress=on_progress,
                on_end=on_end,
                on_result=made,
                on_refused=on_refused,
            )
        )

    def cancel(self) -> None:
        """Stop what is being made."""
        cancel_all(self._jobs)


def _iter_meshes(
    labels: Array,
    values: Array,
    wanted: Sequence[Enclosed],
    cancel: threading.Event,
) -> Generator[float, None, dict[Enclosed, Mesh] | None]:
    made = {}
    for done, enclosed in enumerate(wanted):
        mesh = yield from part(
            iter_mesh(labels, values, enclosed, cancel=cancel),
            done / len(wanted),
            (done + 1) / len(wanted),
        )
        if mesh is None:
            return None
        made[enclosed] = mesh
    return made
