"""Starts measurements in fresh processes, and keeps the memory in the wanted state.

A virtual machine hands out memory that it has used a moment ago quickly, other memory
slowly: what was free for some seconds may have gone back to the host.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from . import memory
from .cases import Case
from .contenders import CONTENDERS

TESTS = Path(__file__).parents[1]
MOST_BETWEEN = 4 << 30
PIECE = 32 << 20
MOST_QUICK = 2 << 30  # that is looked for
SLOW_PACE = 0.8  # seconds for a GB
OVERHEAD = 100 << 20  # of a process, beside its arrays


class UsedMemory:
    """Sees to it that a run is given memory that was in use just before.

    Each run first uses what it needs itself. That is quick, because between runs this
    process occupies as much as the hungriest of them took, up to a limit.
    """

    used = True

    def __init__(self) -> None:
        self._most = 0
        self._block: np.ndarray | None = None

    def before_run(self) -> None:
        self._block = None

    def after_run(self, need: int) -> None:
        self._most = max(self._most, min(need, MOST_BETWEEN))
        if memory.free() > 1.1 * self._most:
            self._block = memory.touch(self._most)[1]


class UnusedMemory:
    """Sees to it that a run is given memory that was free for long.

    Each run waits, then what is still quick to have is taken away and kept during the
    run. Where the host takes nothing back, `hold` GB are kept occupied, and after each
    run as much more as it took.
    """

    used = False

    def __init__(self, wait: float, hold: float) -> None:
        self._wait = wait
        self._held = [memory.touch(int(hold * 1e9))[1]] if hold else []
        self._quick: list[np.ndarray] = []

    def before_run(self) -> None:
        if not self._wait:  # only trying whether everything works
            return
        time.sleep(self._wait)
        slow = 0
        for _ in range(MOST_QUICK // PIECE):
            pace, block = memory.touch(PIECE)
            self._quick.append(block)
            slow = slow + 1 if pace > SLOW_PACE else 0
            if slow == 3 or memory.free() < 4 * MOST_QUICK:
                break

    def after_run(self, need: int) -> None:
        self._quick = []
        if self._held and memory.free() > 3 * need:
            self._held.append(memory.touch(need)[1])


def fresh(request: dict[str, Any]) -> dict[str, Any]:
    """The answer of one process, or why there is none."""
    path = os.pathsep.join(filter(None, [str(TESTS), os.environ.get("PYTHONPATH")]))
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.measure", json.dumps(request)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    if ran.returncode:
        said = ran.stderr.strip().splitlines()
        return {"failed": said[-1] if said else f"exit code {ran.returncode}"}
    return json.loads(ran.stdout)


def measure(
    case: Case,
    contender: str,
    source: Path,
    state: UsedMemory | UnusedMemory,
    warm: tuple[int, float],
    sample: bool = False,
) -> dict[str, Any]:
    """One measurement of one case; `warm` calls, or seconds of them, follow the first.

    With `sample`, memory that is no file's is watched too.
    """
    need = case.tensor_bytes * CONTENDERS[case.kind][contender].tensors + OVERHEAD
    if case.kind == "array":
        need += case.input_bytes
    result = {"case": case.key, "contender": contender, "used": state.used}
    state.before_run()
    free = memory.free()
    if need > 0.9 * free:
        note = f"needs about {need / 1e9:.0f} GB, {free / 1e9:.0f} GB are free"
        return {**result, "skipped": note}
    answer = fresh(
        {
            "kind": case.kind,
            "contender": contender,
            "source": str(source),
            "used": state.used,
            "need": int(need),
            "warm_calls": warm[0],
            "warm_seconds": warm[1],
            "sample": sample,
        }
    )
    state.after_run(int(need))
    return {**result, "sample": sample, **answer}
