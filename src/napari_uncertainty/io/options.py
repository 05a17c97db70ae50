"""What a person can say about a file that does not say it itself."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How to read a file; None where it is to be found out.

    Attributes
    ----------
    array : str or None
        Name of the array, in a file with several.
    class_axis : int or None
        Axis that runs over the classes, in the order of the file.
    frame : int or None
        Which one of a series, from 0.
    kind : str or None
        What the values are, a key of :data:`.KINDS`; of foreground only, three axes are
        space.
    """

    array: str | None = None
    class_axis: int | None = None
    kind: str | None = None
    frame: int | None = None
