"""How the values in files are to be taken, as far as a person says it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..kinds import KINDS


@dataclass(frozen=True)
class Interpretation:
    """What was said of the input; None where it is to be found out.

    Attributes
    ----------
    kind : str or None
        A key of :data:`.KINDS`; None for what a file says, or else its values show.
    temperature : float
        What logits are divided by.
    array : str or None
        Name of the array, in a file with several.
    class_axis : int or None
        Axis that runs over the classes, in the order of the file.
    frame : int or None
        Which one of a series, from 0.
    channel : str or None
        Number or name of the one independent channel to measure; None for all.
    """

    kind: str | None = None
    temperature: float = 1.0
    array: str | None = None
    class_axis: int | None = None
    channel: str | None = None
    frame: int | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where nothing can be taken so."""
        if self.kind is not None and self.kind not in KINDS:
            raise ValueError(f"the kind is {self.kind!r}")
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"the temperature is {self.temperature!r}")
        if not (self.array is None or isinstance(self.array, str)):
            raise ValueError(f"the array is {self.array!r}")
        if not (self.class_axis is None or isinstance(self.class_axis, int)):
            raise ValueError(f"the class axis is {self.class_axis!r}")
        if not (self.frame is None or isinstance(self.frame, int)):
            raise ValueError(f"the frame is {self.frame!r}")
        if not (self.channel is None or isinstance(self.channel, str)):
            raise ValueError(f"the channel is {self.channel!r}")

    @classmethod
    def of_map(cls, told: Mapping[str, Any]) -> Interpretation:
        """Return how the input of a map was taken, from its JSON.

        Maps of the viewer do not tell what was asked for, but what was found.
        """
        asked = told.get("asked")
        if not isinstance(asked, dict):
            asked = {
                name: told.get(name) for name in ("kind", "temperature", "channel")
            }
        known = {one.name for one in fields(cls)}
        return cls(
            **{
                name: value
                for name, value in asked.items()
                if name in known and value is not None
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = asdict(self)
        if self.frame is None:  # there is hardly ever a series
            del told["frame"]
        return told


#: Nothing was said.
AS_FOUND = Interpretation()
