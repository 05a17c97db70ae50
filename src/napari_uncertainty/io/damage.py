"""What libraries say of damaged files, short enough for a sentence."""

from __future__ import annotations

#: Libraries quote what they do not understand, however much of it there is.
LONGEST = 200


def in_short(error: Exception) -> str:
    """Return what an error says, in one line of at most :data:`LONGEST` characters."""
    said = " ".join(str(error).split()) or type(error).__name__
    return said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"
