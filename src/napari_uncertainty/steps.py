"""Generators that yield the share done and return a result: running them, and parts."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

Result = TypeVar("Result")


def run(steps: Generator[float, None, Result]) -> Result:
    """Take all steps; gives the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result


def part(
    steps: Generator[float, None, Result], start: float, stop: float
) -> Generator[float, None, Result]:
    """The same steps as the part from `start` to `stop` of more work."""
    while True:
        try:
            share = next(steps)
        except StopIteration as end:
            result: Result = end.value
            return result
        yield start + (stop - start) * share
