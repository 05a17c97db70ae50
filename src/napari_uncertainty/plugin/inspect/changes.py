"""Changes of a viewer for a while, to be put back as it was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakSet

import numpy as np

from ..viewer.lifetime import unwrapped

#: Owner, name and value of an attribute.
Wanted = tuple[Any, str, Any]

_all: WeakSet[Changes] = WeakSet()


class Changes:
    """Attributes that were set, with what they were before.

    What somebody else has set since is left alone when they are put back.
    """

    def __init__(self) -> None:
        # Owner, value before, value after.
        self._made: dict[tuple[int, str], tuple[Any, Any, Any]] = {}
        _all.add(self)

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Set an attribute of a layer or a part of the viewer.

        Parameters
        ----------
        owner : object
            Whose attribute it is.
        name : str
            The attribute.
        value : object
            What to set it to.
        """
        now = getattr(owner, name)
        _, before, after = self._made.get(_key(owner, name), (owner, now, now))
        if not _same(now, after):
            before = now  # somebody else has set it since
        # napari does a lot of work even where nothing changes.
        if not _same(now, value):
            setattr(owner, name, value)
        # Read back, for napari may turn it into another type.
        self._made[_key(owner, name)] = owner, before, getattr(owner, name)

    def before(self, owner: Any, name: str) -> Any:
        """Return what an attribute was before it was set here, or is."""
        now = getattr(owner, name)
        _, before, after = self._made.get(_key(owner, name), (owner, now, now))
        return before if _same(now, after) else now

    def become(self, wanted: Iterable[Wanted]) -> None:
        """Set all these, and put back whatever else was set before."""
        wanted = list(wanted)
        kept = {_key(owner, name) for owner, name, _ in wanted}
        self._put_back([key for key in self._made if key not in kept])
        for owner, name, value in wanted:
            self.set(owner, name, value)

    def undo(self) -> None:
        """Put everything back, the last change first."""
        self._put_back(list(self._made))

    def _put_back(self, keys: list[tuple[int, str]]) -> None:
        for key in reversed(keys):
            owner, before, after = self._made.pop(key)
            now = getattr(owner, key[1])
            if _same(now, after) and not _same(now, before):
                setattr(owner, key[1], before)


def lasting(owner: Any, name: str) -> Any:
    """Return what an attribute will be once all that was changed is put back."""
    now = getattr(owner, name)
    for changes in list(_all):
        before = changes.before(owner, name)
        if not _same(before, now):
            return before
    return now


@contextmanager
def selection_kept(viewer: Any) -> Iterator[None]:
    """Add layers without selecting them: the map that is inspected stays selected."""
    active = viewer.layers.selection.active
    yield
    if active is not None:
        viewer.layers.selection.active = active


def _key(owner: Any, name: str) -> tuple[int, str]:
    # Plugin widgets see another wrapper of the same object each time.
    return id(unwrapped(owner)), name


def _same(one: Any, other: Any) -> bool:
    return one is other or bool(np.all(np.asarray(one == other)))
