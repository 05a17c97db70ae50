"""What to know before a map is believed: each check has a number and a sentence.

:mod:`.values` looks at the probabilities themselves, :mod:`.match` at whether they and
a segmentation belong together, :mod:`.place` at where they lie in space.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

Level = Literal["green", "amber", "red"]

_WORST = ("green", "amber", "red")

# Checks of what was guessed, or what a file at hand contradicts. The others say what
# the data are like.
_OF_GUESSES = (
    "kind", "members", "axes", "background", "place", "agreement", "orientation",
    "segmentation_grid",
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name : str
        What was looked at, such as ``"agreement"``.
    level : "green", "amber" or "red"
        As it should be; to be known; not to be trusted.
    sentence : str
        What was found, for a person.
    numbers : dict
        The same for a program.
    """

    name: str
    level: Level
    sentence: str
    numbers: dict[str, Any] = field(default_factory=dict)

    @property
    def warns(self) -> bool:
        """True of what a script is warned of: wrong, guessed or contradicted."""
        return self.level == "red" or (
            self.level == "amber" and self.name in _OF_GUESSES
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the numbers beside name, level and sentence."""
        return {
            "name": self.name,
            "level": self.level,
            "sentence": self.sentence,
            **self.numbers,
        }


def worst_level(levels: Iterable[Level]) -> Level:
    """The worst of some levels; green where there is none."""
    return max(levels, key=_WORST.index, default="green")
