"""Interpretation of values that stand for classes: their meaning, and who says so.

A person names some of it, a file declares some, and the values show the rest. The
source of each entry is kept, so that a guess is shown as a guess.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any, Literal, get_args

from ..errors import InputError
from .kinds import SOFTMAX, check_kind

#: Where an entry comes from: a person, the file, the convention of the tool that wrote
#: the file, the values, or what is usual where nothing tells.
Origin = Literal["person", "file", "convention", "values", "default"]

#: Name for a background that no class stands for.
NO_BACKGROUND = "none"

_TYPES: Mapping[str, tuple[type, ...]] = MappingProxyType(
    {
        "kind": (str,),
        "temperature": (int, float),
        "array": (str,),
        "class_axis": (int,),
        "channel": (int, str),
        "frame": (int,),
        "background": (str,),
        "scale": (int, float),
    }
)


@dataclass(frozen=True)
class Interpretation:
    """Meaning of the values of a case; None where it is to be found out.

    Attributes
    ----------
    kind : str or None
        A key of :data:`.KINDS`; None for what a file says, or else its values show.
    temperature : float
        Number that logits are divided by.
    array : str or None
        Name of the array, in a file with several.
    class_axis : int or None
        Axis that runs over the classes, in the order of the file.
    channel : int, str or None
        Number or name of the one independent channel to measure; None for all.
    frame : int or None
        Number of the frame in a series, from 0.
    background : str or None
        Name of the class that means "nothing", or ``"none"`` where all classes are
        something.
    scale : float or None
        Value that stands for 1.
    origins : mapping of str to str
        Where entries come from, see :data:`Origin`; an entry that is not in it was
        named by a person, unless it is None.

    Raises
    ------
    ValueError
        If nothing can be taken so.
    """

    kind: str | None = None
    temperature: float = 1.0
    array: str | None = None
    class_axis: int | None = None
    channel: int | str | None = None
    frame: int | None = None
    background: str | None = None
    scale: float | None = None
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        """Check each entry."""
        for name, types in _TYPES.items():
            value = getattr(self, name)
            if value is None and name != "temperature":
                continue
            if not isinstance(value, types) or isinstance(value, bool):
                raise ValueError(f"the {name.replace('_', ' ')} is {value!r}")
        if self.kind is not None:
            check_kind(self.kind)
        if not 0 < self.temperature < math.inf:
            raise ValueError(f"A temperature is above 0, not {self.temperature!r}.")
        for name, origin in self.origins.items():
            if name not in _TYPES or origin not in get_args(Origin):
                raise ValueError(f"the origin of {name!r} is {origin!r}")

    def found(self, origin: Origin, **entries: Any) -> Interpretation:
        """Return the same with entries that were found, and where they come from.

        Entries that are None stay as they are.
        """
        entries = {name: value for name, value in entries.items() if value is not None}
        origins = {**self.origins, **dict.fromkeys(entries, origin)}
        return replace(self, **entries, origins=origins)

    def origin(self, name: str) -> Origin | None:
        """Return the origin of an entry; None where the entry is not known yet."""
        if getattr(self, name) is None:
            return None
        if name == "temperature" and self.temperature == 1:
            return self.origins.get(name, "default")
        return self.origins.get(name, "person")

    @property
    def asked(self) -> Interpretation:
        """Interpretation with the entries that a person has named, and no others."""
        told: dict[str, Any] = {
            one.name: one.default for one in fields(self) if one.name in self.origins
        }
        return replace(self, **told, origins={})

    @classmethod
    def from_json(cls, told: Any) -> Interpretation:
        """Return an interpretation from the dictionary of :meth:`to_json`.

        Raises
        ------
        TypeError, ValueError
            If it is something else.
        """
        if not isinstance(told, dict):
            raise TypeError(f"the interpretation is {told!r}")
        entries = {name: told[name] for name in _TYPES if told.get(name) is not None}
        return cls(**entries, origins=dict(told.get("origins") or {}))

    def to_json(self) -> dict[str, Any]:
        """Return a dictionary for JSON, with rare entries only where they are set."""
        told: dict[str, Any] = {name: getattr(self, name) for name in _TYPES}
        for rare in ("frame", "background", "scale"):
            if told[rare] is None:
                del told[rare]
        return told | ({"origins": dict(self.origins)} if self.origins else {})


#: The interpretation where a person has said nothing.
AS_FOUND = Interpretation()

#: The interpretation of arrays, and of maps that do not say how they were made.
AS_SOFTMAX = AS_FOUND.found("default", kind=SOFTMAX.name)


def require_class(background: str, names: tuple[str, ...]) -> int | None:
    """Return the number of the class that is background; None for ``"none"``.

    Parameters
    ----------
    background : str
        Its name, its number, or ``"none"``.
    names : tuple of str
        One for each class.

    Raises
    ------
    InputError
        If there is no such class.
    """
    if background in names:
        return names.index(background)
    if background == NO_BACKGROUND:
        return None
    if background.isdecimal() and int(background) < len(names):
        return int(background)
    raise InputError(
        f"There is no class {background!r} to be the background; name one of "
        f"{', '.join(names)}, or {NO_BACKGROUND} where all classes are something."
    )
