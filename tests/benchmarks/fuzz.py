"""Damaged files of every family: maps or a clear refusal, quickly, in little memory.

``PYTHONPATH=tests python -m benchmarks.fuzz DATA [--only FAMILY] [--files 500]`` takes
a part of the real FeTA case in the folder DATA, writes it as each family has it, and
damages it as often. Everything is opened in a process of its own, which is ended when
it takes too long. Prints a table, and exits with 1 where anything else than maps or an
``InputError`` came out, or a bound was not kept. ``--only FAMILY --first N --files 1``
repeats file N.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from fuzzing.families import FAMILIES, build, real_values
from fuzzing.mutations import mutated
from fuzzing.trial import attempt

from .memory import peak, reset_peak, status

#: A file may take so long, in seconds.
MOST_SECONDS = 10

#: So much memory seems to be free, and is all that a file may take, with what reading
#: takes anyway.
FREE, MOST_BYTES = 256_000_000, 300_000_000

#: What a process can have at most; beyond, Python raises MemoryError.
ADDRESSES = 12 << 30

# What Python does when it runs something that did not come with it. Looking up a name
# is what unpickling does first.
EXECUTING = (
    "pickle.find_class", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn",
    "os.fork", "socket.connect",
)  # fmt: skip

# Dask pickles its own expressions and our functions to tell them apart, and reads them
# again.
OWN = ("dask.", "numpy", "napari_uncertainty.")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.fuzz", description=__doc__)
    parser.add_argument("data", type=Path, help="folder with feta_sub-007")
    parser.add_argument("--only", nargs="+", choices=FAMILIES, default=list(FAMILIES))
    parser.add_argument("--files", type=int, default=500)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    numbers = range(arguments.first, arguments.first + arguments.files)
    if arguments.worker:
        work(arguments.only[0], Path(arguments.worker), numbers)
        return
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        values = Path(folder) / "values.npy"
        # Written once: all of it has to be unpacked for that part.
        np.save(values, real_values(arguments.data))
        n_faults = table(arguments.only, values, numbers)
    print(f"\nBounds: {MOST_SECONDS} s and {MOST_BYTES / 1e6:.0f} MB for each file.")
    if n_faults:
        raise SystemExit(f"{n_faults} files gave neither maps nor a clear refusal.")


def table(families: list[str], values: Path, numbers: range) -> int:
    """Print a row for each family, and on stderr what went wrong; returns how often."""
    n_faults = 0
    print("| family | files | maps | refused | slowest | memory |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for family in families:
        told = list(results(family, values, numbers))
        became = Counter(one["became"] for one in told)
        slowest = max(one["seconds"] for one in told)
        most = max(one["bytes"] for one in told)
        print(
            f"| {family} | {len(told)} | {became['maps']} | {became['refused']} | "
            f"{slowest:.2f} s | {most / 1e6:.0f} MB |",
            flush=True,
        )
        for one in told:
            fine = one["became"] in ("maps", "refused")
            if fine and one["seconds"] <= MOST_SECONDS and one["bytes"] <= MOST_BYTES:
                continue
            n_faults += 1
            took = f"{one['seconds']:.2f} s, {one['bytes'] / 1e6:.0f} MB"
            print(
                f"\n{family}, file {one['number']}, {took}: {one['became']}",
                file=sys.stderr,
            )
    return n_faults


def results(family: str, values: Path, numbers: range) -> Iterator[dict[str, Any]]:
    """What became of each file; a process that ends early is followed by another."""
    at = numbers.start
    while at < numbers.stop:
        command = [sys.executable, "-m", "benchmarks.fuzz", ".", "--only", family]
        command += ["--worker", str(values), "--first", str(at)]
        command += ["--files", str(numbers.stop - at)]
        with tempfile.TemporaryFile("w+") as errors:
            done = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=errors, text=True, check=False
            )
            errors.seek(0)
            said = errors.read()[-3000:]
        for line in done.stdout.splitlines():
            told = json.loads(line)
            at = told["number"] + 1
            yield told
        if at < numbers.stop:
            fault = f"the process ended with {done.returncode}\n{said}"
            yield {"number": at, "became": fault, "seconds": 0.0, "bytes": 0}
            at += 1


def work(family: str, values: Path, numbers: range) -> None:
    """Try files of a family, and print a line of JSON for each."""
    from napari_uncertainty import limits

    case = build(family, np.load(values))
    executed: set[str] = set()
    sys.addaudithook(partial(_note, executed))
    free = limits.available_memory
    limits.available_memory = lambda: min(free(), FREE)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        place, marker = Path(folder) / "case", Path(folder) / "executed"
        intact = attempt(case, place)  # what is needed is imported then
        assert intact.maps, f"the intact {family} was refused: {intact.sentences}"
        for number in numbers:
            executed.clear()
            faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
            damaged = mutated(case, Random(f"{family} {number}"), marker)
            reset_peak()
            before, start = status("VmRSS") or 0, time.perf_counter()
            try:
                became = "maps" if attempt(damaged, place).maps else "refused"
            except Exception:  # noqa: BLE001  that is what is looked for
                became = traceback.format_exc()[-3000:]
            told = {
                "number": number,
                "seconds": time.perf_counter() - start,
                "bytes": (peak() or 0) - before,
                "became": became,
            }
            if executed or marker.exists():
                told["became"] = f"executed: {sorted(executed)[:5]}"
            print(json.dumps(told), flush=True)


def _note(executed: set[str], event: str, arguments: Any) -> None:
    if event in EXECUTING and not str(arguments[0]).startswith(OWN):
        executed.add(f"{event} {arguments}")


if __name__ == "__main__":
    main()
