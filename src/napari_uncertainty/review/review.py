"""The stops of a review: what is decided about them, undone, and merged."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..errors import InputError
from ..hotspots import Hotspot
from .progress import Progress
from .stop import VERDICTS, Stop, Verdict


@dataclass(frozen=True)
class _Step:
    """What a decision took the place of."""

    before: Stop
    kind: Literal["verdict", "note"]


class Review:
    """The stops of one review in the order of their ranks.

    Parameters
    ----------
    stops : iterable of Stop
        In any order.
    changed : callable or None
        Called with the rank after a stop changed in more than having been seen.
    """

    def __init__(
        self, stops: Iterable[Stop], changed: Callable[[int], object] | None = None
    ) -> None:
        self._stops = _by_rank(stops)
        self._changed = changed
        self._steps: list[_Step] = []

    @property
    def stops(self) -> tuple[Stop, ...]:
        """All, in the order of their ranks."""
        return tuple(self._stops.values())

    def stop(self, rank: int) -> Stop:
        """The stop of that rank."""
        return self._stops[rank]

    def see(self, rank: int) -> None:
        """Somebody is there."""
        self._stops[rank] = replace(self._stops[rank], seen=True)

    def judge(self, rank: int, verdict: Verdict) -> None:
        """Decide, or confirm what was suggested.

        Raises
        ------
        InputError
            If there is no such verdict.
        """
        if verdict not in VERDICTS:
            raise InputError(
                f"'{verdict}' is no verdict; there are {', '.join(VERDICTS)}."
            )
        self.see(rank)
        after = replace(self._stops[rank], verdict=verdict, suggested=False)
        self._decide(after, "verdict")

    def annotate(self, rank: int, note: str) -> None:
        """Put a note in place of the one that was there."""
        self._decide(replace(self._stops[rank], note=note), "note")

    def count(self, rank: int, changed_voxels: int) -> None:
        """Say how many voxels of the ball have another label than before the review.

        Labels that were changed suggest that an open stop is fixed, until somebody
        decides; labels that are again what they were take the suggestion back.
        """
        stop = self._stops[rank]
        if changed_voxels == stop.changed_voxels:
            return
        after = replace(stop, changed_voxels=int(changed_voxels))
        if changed_voxels and stop.verdict == "open":
            after = replace(after, verdict="fixed", suggested=True)
        self._put(_without_empty_suggestion(after))

    def undo(self) -> int | None:
        """Take the last verdict or note back.

        Returns
        -------
        int or None
            Rank of the stop that changed back; None if there is nothing to undo.
        """
        if not self._steps:
            return None
        step = self._steps.pop()
        before, now = step.before, self._stops[step.before.rank]
        if step.kind == "note":
            self._put(replace(now, note=before.note))
        else:
            back = replace(now, verdict=before.verdict, suggested=before.suggested)
            self._put(_without_empty_suggestion(back))
        return before.rank

    def progress(self) -> Progress:
        """Return how far it is; a verdict that somebody gave counts as seen."""
        decided = [s for s in self.stops if s.verdict != "open" and not s.suggested]
        ranks = {stop.rank for stop in decided}
        seen = [stop for stop in self.stops if stop.seen or stop.rank in ranks]
        return Progress(
            seen=len(seen),
            decided=len(decided),
            total=len(self._stops),
            map_share=math.fsum(stop.hotspot.map_share for stop in seen),
            error_share=math.fsum(stop.hotspot.share for stop in seen),
        )

    def adopt(self, stops: Iterable[Stop], not_ours: Collection[int] = ()) -> None:
        """Take over stops that were merged with those of another window.

        Parameters
        ----------
        stops : iterable of Stop
            All of the review from now on.
        not_ours : collection of int
            Ranks of those that the other window changed: what was decided here about
            them before cannot be undone any more, or that would undo its decisions.
        """
        self._stops = _by_rank(stops)
        self._steps = [
            step
            for step in self._steps
            if step.before.rank in self._stops and step.before.rank not in not_ours
        ]

    def _decide(self, after: Stop, kind: Literal["verdict", "note"]) -> None:
        before = self._stops[after.rank]
        if after != before:
            self._steps.append(_Step(before, kind))
            self._put(after)

    def _put(self, stop: Stop) -> None:
        self._stops[stop.rank] = stop
        if self._changed is not None:
            self._changed(stop.rank)


def decided_otherwise(one: Stop, other: Stop) -> bool:
    """Return whether verdicts or notes differ."""
    return _decision(one) != _decision(other) or one.note != other.note


def settled(base: Stop, ours: Stop, theirs: Stop, ours_is_later: bool) -> Stop:
    """One stop from two windows: what only one of them changed, and else the later.

    Parameters
    ----------
    base : Stop
        What both began with.
    ours, theirs : Stop
        What became of it here and there.
    ours_is_later : bool
        Whose last change wins where both changed the same; but what a person decided
        wins over a suggestion.
    """

    def choose(field: Callable[[Stop], object], ours_wins: bool) -> Stop:
        if field(theirs) == field(base):
            return ours
        return theirs if field(ours) == field(base) or not ours_wins else ours

    decided = ours_is_later
    if ours.suggested != theirs.suggested:
        decided = theirs.suggested
    verdict = choose(_decision, decided)
    return replace(
        ours,
        verdict=verdict.verdict,
        suggested=verdict.suggested,
        note=choose(lambda stop: stop.note, ours_is_later).note,
        changed_voxels=choose(
            lambda stop: stop.changed_voxels, ours_is_later
        ).changed_voxels,
        seen=ours.seen or theirs.seen,
    )


def as_row(stop: Stop, changed_at: int) -> dict[str, Any]:
    """A stop as JSON holds it.

    Parameters
    ----------
    stop : Stop
        The stop.
    changed_at : int
        When it changed last, UTC, in ns since 1970; 0 for never.
    """
    place = stop.hotspot
    row: dict[str, Any] = {
        "rank": int(place.rank),
        "voxel": [int(index) for index in place.voxel],
        "ras": None if place.ras is None else [float(mm) for mm in place.ras],
        "classes": None if place.classes is None else [int(c) for c in place.classes],
    }
    for name in _NUMBERS:
        number = float(getattr(place, name))
        row[name] = number if math.isfinite(number) else None  # JSON has no NaN
    for name in _DECISIONS:
        row[name] = getattr(stop, name)
    return row | {"changed_at": changed_at}


def as_stop(row: Mapping[str, Any]) -> Stop:
    """A stop from JSON.

    Raises
    ------
    KeyError, TypeError, ValueError
        If it is none.
    """
    x_y_z, pair = row["ras"], row["classes"]
    numbers = {n: math.nan if row[n] is None else float(row[n]) for n in _NUMBERS}
    place = Hotspot(
        rank=int(row["rank"]),
        voxel=tuple(int(index) for index in row["voxel"]),
        ras=None
        if x_y_z is None
        else (float(x_y_z[0]), float(x_y_z[1]), float(x_y_z[2])),
        classes=None if pair is None else (int(pair[0]), int(pair[1])),
        **numbers,
    )
    for name, kind in _DECISIONS.items():
        if type(row[name]) is not kind:
            raise TypeError(f"{name} is {row[name]!r}")
    if row["verdict"] not in VERDICTS:
        raise ValueError(f"{row['verdict']!r} is no verdict")
    return Stop(place, **{name: row[name] for name in _DECISIONS})


_NUMBERS = ("mass", "peak", "mean", "share", "map_share")
_DECISIONS = {
    "verdict": str,
    "suggested": bool,
    "note": str,
    "seen": bool,
    "changed_voxels": int,
}


def _by_rank(stops: Iterable[Stop]) -> dict[int, Stop]:
    return {stop.rank: stop for stop in sorted(stops, key=lambda stop: stop.rank)}


def _decision(stop: Stop) -> tuple[Verdict, bool]:
    return stop.verdict, stop.suggested


def _without_empty_suggestion(stop: Stop) -> Stop:
    """Nothing was changed any more, so nothing suggests that it is fixed."""
    if stop.suggested and not stop.changed_voxels:
        return replace(stop, verdict="open", suggested=False)
    return stop
