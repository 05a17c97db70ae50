"""One measurement; run as a process of its own by :mod:`.process`.

Takes a request and prints a result, both in JSON.
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from . import memory
from .contenders import CONTENDERS

# Held while measuring: it shows how quickly new memory comes without making it quicker.
PROBE = 64 << 20


def main() -> None:
    warnings.simplefilter("ignore")  # of sums and of float16; the totals tell as well
    request = json.loads(sys.argv[1])
    print(json.dumps(bare() if request["contender"] == "bare" else measured(**request)))


def bare() -> dict[str, Any]:
    """What a process takes that imports and does nothing."""
    import napari_uncertainty

    del napari_uncertainty
    return {"resident": memory.status("VmRSS"), "anonymous": memory.status("RssAnon")}


def measured(
    kind: str,
    contender: str,
    source: str,
    used: bool,
    need: int,
    warm_calls: int,
    warm_seconds: float,
    sample: bool,
) -> dict[str, Any]:
    """First call, warm calls and peak memory.

    Parameters
    ----------
    kind : "array" or "file"
        Whether the input is in memory when the time starts to run.
    contender : str
        Key in CONTENDERS[kind].
    source : str
        File with the input.
    used : bool
        First use and give back `need` bytes, so that the machine has them ready.
    need : int
        Bytes that the measurement takes, the input included.
    warm_calls, warm_seconds : int, float
        Warm calls end with the first of these.
    sample : bool
        Also watch memory that is no file's; disturbs the times a little.
    """
    chosen = CONTENDERS[kind][contender]
    try:
        function = chosen.prepare()
    except ModuleNotFoundError as missing:
        return {"missing": missing.name}
    if used:
        for _ in range(2):
            pace, block = memory.touch(need)
            del block
    path = Path(source)
    given = path if kind == "file" else np.load(path)
    if not used:
        pace, held = memory.touch(PROBE)  # noqa: RUF059
    memory.reset_peak()
    before = memory.status("VmRSS") or memory.peak()
    if sample:
        with memory.AnonymousPeak() as anonymous:
            first, result = timed(function, given)
    else:
        first, result = timed(function, given)
    peak = memory.peak()
    bits = chosen.unit * float(np.sum(result, dtype=np.float64))
    del result
    warm: list[float] = []
    patience = 10 * warm_seconds  # with one call
    while first < patience and len(warm) < warm_calls and sum(warm) < warm_seconds:
        warm.append(timed(function, given)[0])
    return {
        "first": first,
        "warm": warm,
        "peak": peak,
        "beyond": None if peak is None else peak - before,
        "anonymous": anonymous.bytes if sample else None,
        "bits": bits if chosen.unit else None,
        "pace": pace,
    }


def timed(function: Any, given: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = function(given)
    return time.perf_counter() - start, result


if __name__ == "__main__":
    main()
