"""Docks and windows that end, twenty times in each state: crashes, words, leftovers.

``PYTHONPATH=tests python -m benchmarks.quits [STATE …] [--times N]``, with a display;
half an hour. Prints a table; exit status 1 where a process has crashed, has written to
stderr, or where something was left.

A state of ``tests/ending.py`` that ends its process is met in so many processes,
another one so many times in one process, after a first time. *Ends* is the time from
the command to quit to the end of napari's event loop, and *jobs* that to the end of the
last computation: median and longest, in ms. *Left* is what there was more of after the
last time than after the first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from statistics import median

from support.ends_of_windows import ONCE, STATES, Found, tidy_up, watched


def main() -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.quits", description=__doc__)
    parser.add_argument("states", nargs="*", metavar="STATE", help="all without one")
    parser.add_argument("--times", type=int, default=20)
    arguments = parser.parse_args()
    times, all_well = arguments.times, True
    for row in ("state", "well", "ends", "jobs", "left"), ("---",) * 5:
        print_row(row)
    for state in arguments.states or STATES:
        found = []
        for _ in range(times if state in ONCE else 1):
            one = watched(state, times)
            if one is None:  # in the process that was watched
                return 0
            found.append(one)
        print_row((state, *row_of(found, times)))
        all_well &= all(map(is_well, found))
    tidy_up()
    return 0 if all_well else 1


def row_of(found: list[Found], times: int) -> tuple[str, str, str, str]:
    well = sum(map(is_well, found))
    for one in found:
        if not is_well(one):
            print(f"exit status {one['status']}\n{one['stderr']}", file=sys.stderr)
    of = (
        f"{well} of {len(found)}" if len(found) > 1 else f"{times if well else 0} times"
    )
    return of, *(spread(found, name) for name in ("seconds", "jobs")), left(found)


def is_well(one: Found) -> bool:
    more = one["found"].get("left", {}).values()
    return one["status"] == 0 and not one["stderr"] and all(n <= 0 for n in more)


def spread(found: list[Found], name: str) -> str:
    taken = [1e3 * one["found"][name] for one in found if name in one["found"]]
    return f"{median(taken):.0f}, {max(taken):.0f}" if taken else ""


def left(found: list[Found]) -> str:
    [*_, last] = found
    counts = last["found"].get("left")
    if counts is None:
        return ""
    return ", ".join(f"{n} {name}" for name, n in counts.items() if n) or "nothing"


def print_row(cells: Iterable[str]) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
