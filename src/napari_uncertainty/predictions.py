"""Probabilities of a case, of one network or several members, opened but not read."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .compare.segmentation import Segmentation
from .engine.ensemble.ensemble_fold import iter_ensemble
from .engine.ensemble.members import (
    CommonVoxels,
    Member,
    common,
    members_of,
    source_names,
)
from .engine.fold import iter_fold
from .engine.logits import as_members
from .engine.maps import UncertaintyMaps
from .errors import InputError
from .io import open_members, open_probabilities
from .io.endings import stem
from .io.nifti import labels_of_place
from .model.background import (
    FIRST_CLASS,
    Background,
    class_called_background,
    surrounds,
    told_background,
)
from .model.grid import Grid
from .model.interpretation import AS_FOUND, Interpretation, require_class
from .model.kinds import KINDS
from .model.measures import Base
from .model.probabilities import ProbabilityMap, numbered_class_names
from .model.stored import Volumes

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Probabilities of a case.

    Attributes
    ----------
    members : tuple of ProbabilityMap
        As they were opened; one unless they are taken together.
    how : Interpretation
        What was said of them.
    together : bool
        Whether they are members of an ensemble.
    on_first : bool
        Whether the maps are on the voxels of the first member, instead of the smallest
        box that holds all of them.
    class_files : tuple of Path
        The files of the classes, where a person named them as one case.
    """

    members: tuple[ProbabilityMap, ...]
    how: Interpretation = AS_FOUND
    together: bool = False
    on_first: bool = False
    class_files: tuple[Path, ...] = ()

    @classmethod
    def open(
        cls, paths: Sequence[Path], how: Interpretation, *, together: bool
    ) -> Predictions:
        """Open files by their headers: one, or those of all members or classes.

        Parameters
        ----------
        paths : sequence of Path
            One file; several are members if they are taken together, else the classes
            of one case in this order.
        how : Interpretation
            What is said of their values.
        together : bool
            Whether they are members.

        Raises
        ------
        InputError
            If one of them cannot be read.
        """
        if not together:
            classes = tuple(paths) if len(paths) > 1 else ()
            opened_one = open_probabilities(classes or paths[0], how)
            return cls((opened_one,), how, class_files=classes)
        opened = [one for path in paths for one in open_members(path, how)]
        return cls(tuple(opened), how, True)

    @property
    def first(self) -> ProbabilityMap:
        """First member, or the only one."""
        return self.members[0]

    @property
    def member_names(self) -> tuple[str, ...]:
        """Name of each member."""
        return tuple(one.name for one in self._given)

    @property
    def files(self) -> list[Path]:
        """All files that hold values."""
        return source_names(self.members)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the maps.

        Raises
        ------
        InputError
            If the members are not of one case.
        """
        return self._common.shape if self.together else self.first.values.shape[1:]

    @property
    def grid(self) -> Grid | None:
        """Grid of the maps, or None; errors are those of `shape`."""
        return self._common.grid if self.together else self.first.grid

    @property
    def geometry_source(self) -> Path | None:
        """File that the grid comes from, where it is not that of the first member."""
        for one in self.members:
            if one.grid is not None:
                own = None if one is self.first else one.source
                return one.geometry_source or own
        return None

    @cached_property
    def beside(self) -> Segmentation | None:
        """Labels of the file that the place comes from; None without any.

        They are sure to be of the case where that file is called like the
        probabilities.
        """
        placed = next((one for one in self.members if one.grid is not None), None)
        labels = None if placed is None else labels_of_place(placed)
        if placed is None or labels is None:
            return None
        files = [one for one in (placed.source, labels.source) if one is not None]
        named_alike = len(files) == 2 and stem(files[0]) == stem(files[1])
        return replace(Segmentation.of(labels), of_the_case=named_alike)

    @property
    def notes(self) -> list[str]:
        """Remarks on the opening of the files, in sentences."""
        return [one.note for one in self.members if one.note]

    @property
    def named(self) -> ProbabilityMap:
        """First member that has names for its classes, or else the first."""
        named = (
            one
            for one in self.members
            if one.class_names != numbered_class_names(len(one.class_names))
        )
        return next(named, self.first)

    @property
    def n_channels(self) -> int:
        """Length of the class axis."""
        return int(self.first.values.shape[0])

    @property
    def tissues_of(self) -> str:
        """Source of there being no background; see :class:`.ProbabilityMap`."""
        return next((one.tissues_of for one in self.members if one.tissues_of), "")

    def names_as(self, kind: str, background: int | None = 0) -> tuple[str, ...]:
        """Return a name for each label that the most probable class can have.

        Parameters are those of :meth:`.ProbabilityMap.names_as`.
        """
        return self.named.names_as(kind, background)

    def told_background(self) -> Background:
        """Return the background as far as it is known without the values.

        Raises
        ------
        InputError
            If a person has named a class that is not there.
        """
        return told_background(
            self.named.class_names,
            named=self.how.background,
            tissues_of=self.tissues_of,
        )

    def background_as(self, how: Interpretation) -> int | None:
        """Return the class that is the background of maps with this interpretation."""
        if how.background is None:
            return 0
        return require_class(how.background, self.named.class_names)

    def with_background(self, maps: UncertaintyMaps) -> UncertaintyMaps:
        """Return maps in which label 0 is the background of this case.

        Raises
        ------
        InputError
            If a person has named a class, and the kind has a background of its own.
        """
        background = self.told_background()
        own = maps.has_background(self.n_channels)
        if own and background.origin == "person" and background.channel is not None:
            kind = KINDS[maps.kind]
            raise InputError(
                f"Taken for {kind.called}, no class can be the background, "
                f"{background.name(self.named.class_names)!r} neither: it is what all "
                "classes leave. Name no class (--background none), or another kind."
            )
        # What all classes leave is there in any case, and was not guessed from names.
        surrounded = (
            background == FIRST_CLASS
            and not own
            and not KINDS[maps.kind].logistic
            and not maps.contradiction
            and maps.share_empty > 0
            and class_called_background(self.named.class_names) is None
            and isinstance(maps.no_data, np.ndarray)
            and surrounds(maps.no_data)
        )
        if surrounded:
            background = Background(None, "values")
        return maps.with_background(background, self.n_channels)

    def iter_maps(
        self,
        measures: Sequence[str],
        base: Base = 2,
        threads: int | None = None,
        *,
        predict: bool = True,
    ) -> Generator[float, None, UncertaintyMaps]:
        """Compute maps step by step; yields the share done.

        Parameters
        ----------
        measures, base
            What to compute.
        threads : int or None
            How many threads compute.
        predict : bool
            Whether the most probable class is wanted; of an ensemble it always comes.

        Raises
        ------
        InputError
            If something is wrong with the values, or the members are not of one case.
        """
        background = self.told_background()  # an error in it is raised at once
        maps: UncertaintyMaps
        if self.together:
            maps = yield from iter_ensemble(
                self._given,
                measures,
                base=base,
                channel=self.how.channel,
                on_first=self.on_first,
                threads=threads,
            )
        else:
            first = self.first
            if background.channel is not None:
                first = replace(first, tissues_of="")
            maps = yield from iter_fold(
                first,
                measures,
                self.how,
                base=base,
                predict=predict,
                threads=threads,
            )
        return self.with_background(maps)

    def on_maps(
        self, kind: str, temperature: float, background: int | None = 0
    ) -> list[Any]:
        """Return the probabilities of each member for each label, on the maps' voxels.

        The list is empty for kinds whose classes do not exclude each other, see
        :func:`.as_members`.

        Parameters
        ----------
        kind : str
            What the values were taken for.
        temperature : float
            Of logits.
        background : int or None
            Number of the class that is the background; None where no class is.
        """
        given = [
            as_members(one.values, kind, temperature, background)
            for one in self.members
        ]
        if not all(given):
            return []
        values = [one for [one] in given]
        if not self.together or all(one.shape[1:] == self.shape for one in values):
            return values
        where = self._common
        return [
            _InBox(one, box, where.shared, self.shape)
            for one, box in zip(values, where.boxes, strict=True)
        ]

    @cached_property
    def _given(self) -> list[Member]:
        return members_of(self.members, self.how.kind, self.how.temperature)

    @cached_property
    def _common(self) -> CommonVoxels:
        return common(self._given, on_first=self.on_first)


class _InBox:
    """Volumes of a member in the box that holds all members; 0 outside of it.

    `own` and `place` are the voxels that all members have, in its own volumes and in
    the box.
    """

    def __init__(self, values: Any, own: Any, place: Any, shape: tuple[int, ...]):
        self._volumes, self._own, self._place = Volumes(values), own, place
        self.shape = (values.shape[0], *shape)

    def __getitem__(self, label: int) -> Array:
        volume = self._volumes[label]
        whole = np.zeros(self.shape[1:], volume.dtype)
        whole[self._place] = volume[self._own]
        return whole
