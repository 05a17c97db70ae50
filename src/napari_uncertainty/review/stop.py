"""One place of a review: what was decided about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ..hotspots import Hotspot

#: A key of :data:`VERDICTS`.
Verdict = str


@dataclass(frozen=True)
class Decision:
    """A verdict that a person can give about a place.

    Attributes
    ----------
    name : str
        As it is stored, and shown in lists.
    action : str
        What the button says that decides it, and what its key is called by.
    key : str
        The key that does the same. None of them belongs to napari, whichever layer is
        selected.
    meaning : str
        One sentence on what is said by it.
    sign : str
        Beside its name in a report.
    color : str
        ``#RRGGBB``, wherever it is shown; told apart by people who see no red or green,
        too.
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


#: What can be decided, and before that ``"open"``.
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


# What is in the JSON of a stop: numbers of its hotspot, and what a person made of it.
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
    """A hotspot and what a person made of it.

    Attributes
    ----------
    hotspot : Hotspot
        The place; it never changes during a review.
    verdict : Verdict
        What was decided.
    suggested : bool
        Whether the verdict (*fixed*) only follows from changed labels, and nobody
        confirmed it.
    note : str
        In the person's words.
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
    def from_json(cls, told: Mapping[str, Any]) -> Stop:
        """Return what :meth:`to_json` gave.

        Raises
        ------
        LookupError, TypeError, ValueError
            If something is missing, of another type, or no verdict.
        """
        x_y_z, pair = told["ras"], told["classes"]
        numbers = {
            name: math.nan if told[name] is None else float(told[name])
            for name in _NUMBERS
        }
        place = Hotspot(
            rank=int(told["rank"]),
            voxel=tuple(int(index) for index in told["voxel"]),
            ras=None
            if x_y_z is None
            else (float(x_y_z[0]), float(x_y_z[1]), float(x_y_z[2])),
            classes=None if pair is None else (int(pair[0]), int(pair[1])),
            **numbers,
        )
        for name, kind in _DECISIONS.items():
            if type(told[name]) is not kind:
                raise TypeError(f"{name} is {told[name]!r}")
        if told["verdict"] not in VERDICTS:
            raise ValueError(f"{told['verdict']!r} is no verdict")
        return cls(place, **{name: told[name] for name in _DECISIONS})

    def to_json(self) -> dict[str, Any]:
        """Return it for JSON, which has no NaN."""
        place, pair = self.hotspot, self.hotspot.classes
        numbers = {name: float(getattr(place, name)) for name in _NUMBERS}
        known = {n: x if math.isfinite(x) else None for n, x in numbers.items()}
        told: dict[str, Any] = {
            "rank": int(place.rank),
            "voxel": [int(index) for index in place.voxel],
            "ras": None if place.ras is None else [float(mm) for mm in place.ras],
            **{name: known.pop(name) for name in ("mass", "peak", "mean")},
            "classes": None if pair is None else [int(label) for label in pair],
            **known,
        }
        return told | {name: getattr(self, name) for name in _DECISIONS}

    @property
    def rank(self) -> int:
        """Rank of the hotspot; what a stop is called by."""
        return self.hotspot.rank
