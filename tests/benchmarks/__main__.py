"""``make bench``: measures, then writes the tables and the plot.

Every figure comes from a fresh process, and the contenders take turns, so that all of
them meet the same machine. The whole run takes about 20 minutes, 1.2 GB on
disk and up to 12 GB of memory; contenders for which less is free are left out.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .cases import Case, planned
from .contenders import ARRAYS, FILES, LIMITS
from .machine import described
from .process import UnusedMemory, UsedMemory, fresh, measure
from .results import Results
from .tables import PAGE, PICTURE, SWEEP, write_page

TOP = Path(__file__).parents[2]
DOCS = TOP / "docs"
BUILD = TOP / "build"

# Also measured in memory that was not used for long, which takes a while to be so.
UNUSED = ("engine", "article")
NAMES = tuple(dict.fromkeys((*ARRAYS, *FILES)))

# A contender that takes longer than this is not measured again.
SLOW = 7.0


def main() -> None:
    arguments = _arguments()
    if arguments.docs is None:
        arguments.docs = _copied_page() if arguments.quick else DOCS
    if arguments.results is None:
        name = "benchmarks_quick.json" if arguments.quick else "benchmarks.json"
        arguments.results = BUILD / name
    redraw = arguments.redraw
    results = Results.load(arguments.results) if redraw else run(arguments)
    write_page(results, arguments.docs)
    print(f"written: {arguments.docs / PAGE}")
    try:
        from .plot import write_plot
    except ModuleNotFoundError:
        print("no plot: matplotlib is not installed")
    else:
        write_plot(results, arguments.docs)
        print(f"written: {arguments.docs / PICTURE}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="tiny inputs, one round: does it work?")
    add("--feta", type=Path, metavar="FOLDER", help="has fold_0/sub-007.npz")
    add("--only", nargs="+", metavar="NAME", help=f"of {', '.join(NAMES)}")
    add("--rounds", type=int, default=3, help="rounds of the main cases")
    add("--wait", type=float, default=6, help="seconds until memory counts as unused")
    add("--hold", type=float, default=0, metavar="GB", help="memory to keep occupied")
    add(
        "--docs",
        type=Path,
        metavar="FOLDER",
        help="where to write; default: docs, or build if quick",
    )
    add("--results", type=Path, metavar="FILE", help="where to keep all figures")
    add("--redraw", action="store_true", help="write again what was measured before")
    return parser.parse_args()


def _copied_page() -> Path:
    """A page to write to that is not the real one."""
    BUILD.mkdir(exist_ok=True)
    shutil.copy(DOCS / PAGE, BUILD / PAGE)
    return BUILD


def run(arguments: argparse.Namespace) -> Results:
    """Measure everything."""
    start = time.perf_counter()
    if arguments.quick:
        arguments.rounds, arguments.wait = 1, 0
    results = Results(
        described(),
        fresh({"contender": "bare"}),
        planned(arguments.feta, arguments.quick),
    )
    unused = UnusedMemory(arguments.wait, arguments.hold)
    for case in results.cases:
        with tempfile.TemporaryDirectory() as folder:
            source = case.make(Path(folder))
            for row in _measurements(case, source, unused, arguments):
                results.rows.append(row)
        results.minutes = (time.perf_counter() - start) / 60
        results.save(arguments.results)
        print(f"{results.minutes:5.1f} min  {case.key}", flush=True)
    return results


def _measurements(
    case: Case, source: Path, unused: UnusedMemory, arguments: argparse.Namespace
) -> Iterator[dict]:
    asked = arguments.only or NAMES
    names = [name for name in _contenders(case, arguments.quick) if name in asked]
    warm = (1, 1.0) if arguments.quick else (5, 0.7)
    main = "main" in case.groups
    whole = main or "big" in case.groups
    used = UsedMemory()
    later = list(names)
    for _ in range(arguments.rounds if main else min(2, arguments.rounds)):
        for name in list(later):
            row = measure(case, name, source, used, warm)
            if "first" not in row:
                names.remove(name)
            # Where sizes are gone through, twice is for the two that count.
            if row.get("first", SLOW) >= SLOW or not (whole or name in UNUSED):
                later.remove(name)
            yield row
    if case.kind == "file" and whole:
        for name in (n for n in names if n in ("engine", "four")):
            yield measure(case, name, source, used, (0, 0.0), sample=True)
    if main:
        used.before_run()  # gives back what it holds
        for _ in range(min(3, arguments.rounds)):
            for name in (n for n in names if n in UNUSED):
                yield measure(case, name, source, unused, (0, 0.0))


def _contenders(case: Case, quick: bool) -> list[str]:
    """Those that are measured on a case; fewer where sizes are gone through."""
    if "main" in case.groups and case.kind == "array":
        return list(ARRAYS)
    if "main" in case.groups or "big" in case.groups:
        half = case.dtype == "float16" and "main" in case.groups
        return [name for name in FILES if name != "article-float16" or half]
    if quick:
        return ["engine", "article"]
    limits = LIMITS[case.kind]
    return [*SWEEP[case.kind], *(name for name in limits if name != "zlib")]


if __name__ == "__main__":
    main()
