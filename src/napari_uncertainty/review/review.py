"""Hotspots of a review as stops: verdicts and notes, undo, and progress."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from ..analysis.hotspots import Hotspot
from ..errors import InputError

# One stop of a review, and the verdicts about it.

#: A key of :data:`VERDICTS`.
Verdict = str


@dataclass(frozen=True)
class Decision:
    """A verdict that a person can give about a place.

    Attributes
    ----------
    name : str
        The name in files and lists.
    action : str
        Text of its button, and name of its key.
    key : str
        The key that does the same as the button. None of the keys belongs to napari,
        whichever layer is selected.
    meaning : str
        One sentence on what the verdict means.
    sign : str
        A sign beside the name in a report.
    color : str
        ``#RRGGBB``, wherever it is shown; people who do not see red or green can tell
        the colours apart, too.
    """

    name: str
    action: str
    key: str
    meaning: str
    sign: str
    color: str

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Return red, green and blue, each from 0 to 255."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue


#: All verdicts by their names; a stop without a decision is ``"open"``.
VERDICTS: Mapping[Verdict, Decision] = MappingProxyType(
    {
        one.name: one
        for one in (
            Decision(
                "open",
                "reopen",
                "Shift+U",
                "Take the verdict away: nothing is decided.",
                "○",
                "#FFFFFF",
            ),
            Decision("fine", "fine", "G", "Nothing is wrong here.", "✓", "#3BD16F"),
            Decision(
                "fixed",
                "fixed",
                "H",
                "It was wrong, and the labels are corrected now.",
                "✎",
                "#4DA3FF",
            ),
            Decision(
                "needs expert",
                "needs expert",
                "Q",
                "Somebody else has to decide.",
                "▲",
                "#FF5FD2",
            ),
        )
    }
)


# Keys in the JSON of a stop: numbers of its hotspot, and decisions with their types.
_NUMBERS = ("mass", "peak", "mean", "share", "map_share")
_DECISIONS = {
    "verdict": str,
    "suggested": bool,
    "note": str,
    "seen": bool,
    "changed_voxels": int,
}


@dataclass(frozen=True)
class Stop:
    """A hotspot and what a person decided about it.

    Attributes
    ----------
    hotspot : Hotspot
        The place; it never changes during a review.
    verdict : Verdict
        The decision.
    suggested : bool
        Whether the verdict (*fixed*) only follows from changed labels, and nobody
        confirmed it.
    note : str
        A note in the person's words.
    seen : bool
        Whether somebody went there.
    changed_voxels : int
        How many voxels of the ball have another label than before the review.
    """

    hotspot: Hotspot
    verdict: Verdict = "open"
    suggested: bool = False
    note: str = ""
    seen: bool = False
    changed_voxels: int = 0

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Stop:
        """Return the stop that :meth:`to_json` was called on.

        Raises
        ------
        LookupError, TypeError, ValueError
            If something is missing, of another type, or an unknown verdict.
        """
        x_y_z, pair = written["ras"], written["classes"]
        numbers = {
            name: math.nan if written[name] is None else float(written[name])
            for name in _NUMBERS
        }
        place = Hotspot(
            rank=int(written["rank"]),
            voxel=tuple(int(index) for index in written["voxel"]),
            ras=None
            if x_y_z is None
            else (float(x_y_z[0]), float(x_y_z[1]), float(x_y_z[2])),
            classes=None if pair is None else (int(pair[0]), int(pair[1])),
            **numbers,
        )
        for name, kind in _DECISIONS.items():
            if type(written[name]) is not kind:
                raise TypeError(f"{name} is {written[name]!r}")
        if written["verdict"] not in VERDICTS:
            raise ValueError(f"{written['verdict']!r} is not a verdict")
        return cls(place, **{name: written[name] for name in _DECISIONS})

    def to_json(self) -> dict[str, Any]:
        """Return an object for JSON, with null for NaN."""
        place, pair = self.hotspot, self.hotspot.classes
        numbers = {name: float(getattr(place, name)) for name in _NUMBERS}
        known = {n: x if math.isfinite(x) else None for n, x in numbers.items()}
        entry: dict[str, Any] = {
            "rank": int(place.rank),
            "voxel": [int(index) for index in place.voxel],
            "ras": None if place.ras is None else [float(mm) for mm in place.ras],
            **{name: known.pop(name) for name in ("mass", "peak", "mean")},
            "classes": None if pair is None else [int(label) for label in pair],
            **known,
        }
        return entry | {name: getattr(self, name) for name in _DECISIONS}

    @property
    def rank(self) -> int:
        """Rank of the hotspot, by which a stop is known."""
        return self.hotspot.rank


# All stops of a review, with undo and progress.


@dataclass(frozen=True)
class Progress:
    """Progress of a review.

    Attributes
    ----------
    seen, decided, total : int
        How many stops somebody went to, how many a person decided (a verdict that is
        only suggested is not decided), and how many there are.
    map_share, error_share : float
        How much of the map's sum, and of the wrong voxels that are expected, is in the
        seen ones, 0 to 1.
    """

    seen: int
    decided: int
    total: int
    map_share: float
    error_share: float

    @property
    def sentence(self) -> str:
        """Progress in words, such as "12 of 50 seen: 38 % of the uncertainty …"."""
        if not self.seen:
            return f"0 of {self.total} seen"
        share, errors = _percent(self.map_share), _percent(self.error_share)
        return (
            f"{self.seen} of {self.total} seen: {share} of the uncertainty and "
            f"an estimated {errors} of the errors are in "
            f"{'it' if self.seen == 1 else 'them'}"
        )


@dataclass(frozen=True)
class _Step:
    """A stop as it was before a decision, to undo that."""

    before: Stop
    kind: Literal["verdict", "note"]


class Review:
    """The stops of one review in the order of their ranks.

    Parameters
    ----------
    stops : iterable of Stop
        In any order.
    """

    def __init__(self, stops: Iterable[Stop]) -> None:
        self._stops = _by_rank(stops)
        self._steps: list[_Step] = []

    @property
    def stops(self) -> tuple[Stop, ...]:
        """All stops in the order of their ranks."""
        return tuple(self._stops.values())

    def stop(self, rank: int) -> Stop:
        """Return the stop of that rank."""
        return self._stops[rank]

    def see(self, rank: int) -> None:
        """Note that somebody went to a stop."""
        self._stops[rank] = replace(self._stops[rank], seen=True)

    def judge(self, rank: int, verdict: Verdict) -> None:
        """Decide, or confirm what was suggested.

        Raises
        ------
        InputError
            If the verdict is unknown.
        """
        if verdict not in VERDICTS:
            raise InputError(
                f"'{verdict}' is not a verdict; the verdicts are {', '.join(VERDICTS)}."
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
        """Return the progress; a stop that somebody decided about counts as seen."""
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

    def extend(self, stops: Iterable[Stop]) -> None:
        """Add those stops whose rank is not yet there."""
        self._stops = _by_rank([*stops, *self.stops])

    def _decide(self, after: Stop, kind: Literal["verdict", "note"]) -> None:
        before = self._stops[after.rank]
        if after != before:
            self._steps.append(_Step(before, kind))
            self._put(after)

    def _put(self, stop: Stop) -> None:
        self._stops[stop.rank] = stop


def _by_rank(stops: Iterable[Stop]) -> dict[int, Stop]:
    return {stop.rank: stop for stop in sorted(stops, key=lambda stop: stop.rank)}


def _without_empty_suggestion(stop: Stop) -> Stop:
    """Return a stop open again where no changed label suggests that it is fixed."""
    if stop.suggested and not stop.changed_voxels:
        return replace(stop, verdict="open", suggested=False)
    return stop


def _percent(share: float) -> str:
    """Return a share in words, to a tenth where it is little, as one hotspot adds."""
    percent = 100 * share
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"
