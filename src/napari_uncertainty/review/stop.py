"""One place of a review: what was decided about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..hotspots import Hotspot

Verdict = Literal["open", "fine", "fixed", "needs expert"]

#: What can be decided, and before that ``"open"``.
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


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

    @property
    def rank(self) -> int:
        """Rank of the hotspot; what a stop is called by."""
        return self.hotspot.rank
