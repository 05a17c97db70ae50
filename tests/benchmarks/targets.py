"""The goals, and what a run found of them."""

from __future__ import annotations

from dataclasses import dataclass

from .cases import Case
from .contenders import LIMITS
from .results import Results

MB = 1e6
UNUSED, USED = "memory long unused", "memory used just before"


@dataclass(frozen=True)
class Target:
    """One goal: a number that should be at least or at most something."""

    on: str
    what: str
    found: float | None
    bound: float
    at_least: bool = False
    unit: str = ""

    @property
    def reached(self) -> bool:
        if self.found is None:
            return False
        return (self.found >= self.bound) if self.at_least else self.found <= self.bound


def targets(results: Results) -> list[Target]:
    """All goals, in the order of the page."""
    found = []
    for case in results.group("array", "main"):
        found += _of_array(results, case)
    for case in results.group("file", "main") + results.group("file", "big"):
        found += _of_file(results, case)
    return found


def _of_array(results: Results, case: Case) -> list[Target]:
    on = f"array, {case.size}, {case.dtype}"

    def ratio(slow: str, quick: str | None, figure: str, used: bool) -> float | None:
        return quick and results.ratio(case, slow, quick, figure, used)

    found = []
    for figure, used, state, bound in (
        ("first", False, f"first call, {UNUSED}", 30),
        ("first", True, f"first call, {USED}", 30),
        ("warm", True, "warm", 4),
    ):
        what = f"article's formula / napari-uncertainty, {state}"
        measured = ratio("article", "engine", figure, used)
        found.append(Target(on, what, measured, bound, at_least=True))
    limit = results.quickest(case, LIMITS["array"])
    for what, slow, quick, bound in (
        ("napari-uncertainty / reading the tensor", "engine", limit, 6),
        ("four measures / entropy", "four", "engine", 2),
    ):
        for figure, state in (("first", "first call"), ("warm", "warm")):
            measured = ratio(slow, quick, figure, used=True)
            found.append(Target(on, f"{what}, {state}", measured, bound))
    volume = 4 * case.voxels / MB
    what = f"memory beyond the input; the map has {volume:.0f} MB"
    return [*found, _memory(results, case, what, volume + 100)]


def _of_file(results: Results, case: Case) -> list[Target]:
    on = f"`.npz`, {case.size}, {case.dtype}"
    found = []
    for used, state in ((False, UNUSED), (True, USED)):
        if results.measured(case, "article", used):
            what = f"`np.load` and article's formula / napari-uncertainty, {state}"
            measured = results.ratio(case, "article", "engine", "first", used)
            found.append(Target(on, what, measured, 8, at_least=True))
    limit = results.quickest(case, LIMITS["file"])
    if limit is not None:
        what = f"napari-uncertainty / inflating alone with the quickest ({limit})"
        measured = results.ratio(case, "engine", limit, "first")
        found.append(Target(on, what, measured, 1.6))
    if results.measured(case, "four"):
        measured = results.ratio(case, "four", "engine", "first")
        found.append(Target(on, "four measures / entropy", measured, 2))
    volume = 4 * case.voxels / MB
    what = f"memory; a map has {volume:.0f} MB"
    return [*found, _memory(results, case, what, 5 * volume + 100)]


def _memory(results: Results, case: Case, what: str, bound: float) -> Target:
    peak = results.memory(case, "engine")
    on = f"{'array' if case.kind == 'array' else '`.npz`'}, {case.size}, {case.dtype}"
    return Target(on, what, None if peak is None else peak / MB, bound, unit=" MB")
