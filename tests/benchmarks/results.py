"""The figures of one run: kept in a JSON file, asked for by case and contender."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from .cases import Case

Row = dict[str, Any]


@dataclass
class Results:
    """Everything that one run has found.

    Attributes
    ----------
    machine : str
        What it ran on, in a sentence.
    bare : dict
        Resident and anonymous bytes of a process that only imports.
    cases : list of Case
        In the order of the report.
    rows : list of dict
        One for each process.
    minutes : float
        How long the run took.
    """

    machine: str
    bare: dict[str, int | None]
    cases: list[Case]
    rows: list[Row] = field(default_factory=list)
    minutes: float = 0.0

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        cases = [
            {**vars(case), "real": case.real and case.real.name} for case in self.cases
        ]
        path.write_text(json.dumps({**vars(self), "cases": cases}, indent=1))

    @classmethod
    def load(cls, path: Path) -> Results:
        stored = json.loads(path.read_text())
        cases = [
            Case(
                **{
                    **case,
                    "shape": tuple(case["shape"]),
                    "groups": tuple(case["groups"]),
                    "real": case["real"] and Path(case["real"]),
                }
            )
            for case in stored.pop("cases")
        ]
        return cls(cases=cases, **stored)

    def group(self, kind: str, group: str) -> list[Case]:
        """Cases of one kind and group; those of a sweep by size."""
        found = [c for c in self.cases if c.kind == kind and group in c.groups]
        if group == "classes":
            return sorted(found, key=lambda case: case.shape[0])
        return sorted(found, key=lambda c: c.voxels) if group == "volumes" else found

    def measured(self, case: Case, contender: str, used: bool | None = None) -> bool:
        return bool(self._of(case, contender, used))

    def note(self, case: Case, contender: str) -> str:
        """Why there is no figure; empty where it was not asked for."""
        for row in self._all(case, contender):
            if "missing" in row:
                return f"{row['missing'].partition('.')[0]} is not installed"
            if "skipped" in row or "failed" in row:
                return row.get("skipped") or f"failed: {row['failed']}"
        return ""

    def first(self, case: Case, contender: str, used: bool = True) -> float | None:
        """Seconds of the first call."""
        return _median([row["first"] for row in self._of(case, contender, used)])

    def warm(self, case: Case, contender: str) -> float | None:
        """Seconds of later calls."""
        return _median([_warm(row) for row in self._of(case, contender, used=True)])

    def ratio(
        self, case: Case, slow: str, quick: str, figure: str, used: bool = True
    ) -> float | None:
        """How many times longer `slow` takes; runs are compared round by round."""
        pairs = zip(
            self._of(case, slow, used), self._of(case, quick, used), strict=False
        )
        seconds = _warm if figure == "warm" else _first
        return _median(
            [
                a / b
                for above, below in pairs
                if (a := seconds(above)) and (b := seconds(below))
            ]
        )

    def quickest(self, case: Case, contenders: Sequence[str]) -> str | None:
        """The contender of the shortest first call, of those that were measured."""
        times = {name: self.first(case, name) for name in contenders}
        measured = [name for name, seconds in times.items() if seconds is not None]
        return min(measured, key=times.__getitem__, default=None)

    def memory(self, case: Case, contender: str) -> float | None:
        """Peak in bytes, beyond the array or, for a file, beyond a bare process."""
        runs = self._of(case, contender, used=True)
        if case.kind == "array":
            return _median([row["beyond"] for row in runs])
        return _beyond(_median([row["peak"] for row in runs]), self.bare["resident"])

    def anonymous(self, case: Case, contender: str) -> float | None:
        """The same for a file, without pages of mapped files."""
        rows = self._all(case, contender)
        peak = _median([row["anonymous"] for row in rows if "anonymous" in row])
        return _beyond(peak, self.bare["anonymous"])

    def bits(self, case: Case, contender: str) -> float | None:
        return _median([row["bits"] for row in self._of(case, contender)])

    def pace(self, case: Case, used: bool) -> float | None:
        """Seconds that a GB of new memory took."""
        return _median(
            [
                row["pace"]
                for row in self.rows
                if row["case"] == case.key and row["used"] == used and "pace" in row
            ]
        )

    def _of(self, case: Case, contender: str, used: bool | None = None) -> list[Row]:
        return [
            row
            for row in self._all(case, contender)
            if "first" in row
            and not row["sample"]
            and (used is None or row["used"] == used)
        ]

    def _all(self, case: Case, contender: str) -> list[Row]:
        return [
            row
            for row in self.rows
            if row["case"] == case.key and row["contender"] == contender
        ]


def _first(row: Row) -> float:
    return row["first"]


def _warm(row: Row) -> float | None:
    return _median(row["warm"])


def _median(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _beyond(peak: float | None, bare: int | None) -> float | None:
    return None if peak is None or bare is None else peak - bare
