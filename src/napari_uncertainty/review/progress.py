"""How far a review is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """How far a review is.

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
        """Such as "12 of 50 seen: 38 % of the uncertainty and an estimated 41 % …"."""
        if not self.seen:
            return f"0 of {self.total} seen"
        share, errors = _percent(self.map_share), _percent(self.error_share)
        return (
            f"{self.seen} of {self.total} seen: {share} of the uncertainty and "
            f"an estimated {errors} of the errors are in "
            f"{'it' if self.seen == 1 else 'them'}"
        )


def _percent(share: float) -> str:
    """To a tenth where it is little, for each hotspot adds little."""
    percent = 100 * share
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"
