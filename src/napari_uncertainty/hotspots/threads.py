"""The same for many pieces, on several threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Piece = TypeVar("Piece")


def for_each(
    do: Callable[[Piece], None], pieces: Iterable[Piece], threads: int
) -> None:
    """Call `do` with each piece; errors of any of them are raised here."""
    if threads == 1:
        for piece in pieces:
            do(piece)
        return
    with ThreadPoolExecutor(threads, "hotspots") as pool:
        for _ in pool.map(do, pieces):
            pass
