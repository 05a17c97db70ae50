"""Order, direction and shift of the axes that lay a prediction on a segmentation.

All that fit are looked at coarsely (:mod:`.coarse`); what comes near the best is
evaluated exactly.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

from ..placement import Placement
from ..steps import part
from .agreement import Agreement, Comparison
from .coarse import iter_likely

#: One placement is better than another only if it is so by half a percentage point,
#: and by a quarter of what it leaves in disagreement. Else the data cannot decide.
DECISIVE_MARGIN = 0.005
DECISIVE_SHARE = 0.25

#: Two that agree in less than this share of the foreground are of different images. Two
#: networks for the same scan, or a network and a person, reach 0.8; two heads in the
#: same place hardly 0.5.
BELONGS = 0.7

#: Share of the foreground that agrees where the segmentation was made from the
#: probabilities, give or take what clean-up afterwards changes.
AGREES = 0.95


@dataclass(frozen=True)
class Candidate:
    """Placement, and how well the two then agree."""

    placement: Placement
    agreement: Agreement

    @property
    def belongs(self) -> bool:
        """Return whether the two can be of the same image."""
        return self.agreement.foreground >= BELONGS

    def beats(self, other: Candidate) -> bool:
        """Return whether the data decide for this one."""
        better, worse = self.agreement.foreground, other.agreement.foreground
        margin = max(DECISIVE_MARGIN, DECISIVE_SHARE * (1 - better))
        return better - worse >= margin


@dataclass(frozen=True)
class RankedPlacements:
    """Placements of a prediction in a segmentation, by how well the two agree.

    Attributes
    ----------
    as_loaded : Candidate or None
        The placement that the files claim; None where they claim none.
    ranked : tuple of Candidate
        The best ones by their exact agreement, the best first; of equals the one that
        is as loaded.
    """

    as_loaded: Candidate | None
    ranked: tuple[Candidate, ...]

    @property
    def best(self) -> Candidate | None:
        """The best one, whether by chance or not; None where nothing fits."""
        return self.ranked[0] if self.ranked else None

    @property
    def as_loaded_is_best(self) -> bool:
        """Return whether what is as loaded agrees best, and enough to belong."""
        best = self.best
        return best is not None and best == self.as_loaded and best.belongs

    @property
    def better(self) -> Candidate | None:
        """The best one, if it belongs and beats what is as loaded, or nothing is."""
        best = self.best
        if best is None or best == self.as_loaded or not best.belongs:
            return None
        if self.as_loaded is None or best.beats(self.as_loaded):
            return best
        return None

    def describe(self, one: Candidate, axcodes: Sequence[str] | None = None) -> str:
        """A placement in words, as seen from what is loaded.

        Parameters
        ----------
        one : Candidate
            One of those found.
        axcodes : sequence of str or None
            Anatomical directions of the segmentation's axes, where they are known.
        """
        loaded = self.as_loaded
        start = Placement.as_it_is(len(one.placement.order))
        if loaded is not None:
            start = loaded.placement
        relative = one.placement.relative_to(start)
        if one.placement.offset != start.offset:
            relative = relative.shifted(one.placement.offset)
        return relative.describe(axcodes)

    def beats(self, other: RankedPlacements) -> bool:
        """Return whether the best one here belongs, and the data decide for it."""
        if self.best is None or not self.best.belongs:
            return False
        return other.best is None or self.best.beats(other.best)

    @property
    def ties(self) -> tuple[Candidate, ...]:
        """Other orientations that the data cannot tell from the best one."""
        best = self.best
        if best is None or not best.belongs:
            return ()
        return tuple(
            one
            for one in self.ranked[1:]
            if not best.beats(one)
            and one.placement.shifted(best.placement.offset) != best.placement
        )


def iter_search(
    comparison: Comparison,
    as_loaded: Placement | None,
) -> Generator[float, None, RankedPlacements]:
    """RankedPlacements step by step; yields the share done.

    Parameters
    ----------
    comparison : Comparison
        The prediction and the segmentation, two or three axes each.
    as_loaded : Placement or None
        What the files claim.
    """
    near = yield from part(iter_likely(comparison), 0, 0.6)
    if as_loaded is not None:
        near = [as_loaded, *(one for one in near if one != as_loaded)]
    candidates = []
    for number, placement in enumerate(near):
        candidates.append(Candidate(placement, comparison.agreement(placement)))
        yield 0.6 + 0.4 * (number + 1) / len(near)
    return RankedPlacements(
        candidates[0] if as_loaded is not None else None,
        # Stable: of equals the first one, which is as loaded, stays in front.
        tuple(sorted(candidates, key=lambda one: -one.agreement.foreground)),
    )
